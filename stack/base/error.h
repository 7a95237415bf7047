// What can go wrong for the application: RFC 9293's own words where it has them (3.10).
#pragma once

#include <cstdint>
#include <expected>

namespace tuntcp {

enum class Error : std::uint8_t {
  none,
  connection_reset,           // "connection reset": the peer sent a RST
  connection_refused,         // "connection refused": RST in answer to our SYN
  connection_aborted,         // the local side aborted it
  timed_out,                  // "connection aborted due to user timeout", or R2 was reached
  connection_does_not_exist,  // "connection does not exist"
  connection_already_exists,  // "connection already exists": this pair of endpoints is in use
  connection_closing,         // "connection closing": no more may be sent
  not_connected,
  insufficient_resources,  // "insufficient resources"
  address_in_use,
  address_not_available,  // no free port, or not an address of this host
  host_unreachable,
  network_unreachable,
  // What else ICMP can tell (RFC 792, RFC 1122, 3.2.2.1, RFC 4443), as Linux tells it apart.
  protocol_unreachable,
  source_route_failed,
  host_down,
  host_isolated,
  access_denied,
  protocol_error,  // a router or host did not understand the packet: "parameter problem"
  invalid_argument,
  would_block,
  end_of_stream,  // the peer sent FIN and all its octets were read
};

// A short English sentence fragment, never null.
const char* to_string(Error error);

template <class T>
using Result = std::expected<T, Error>;

}  // namespace tuntcp
