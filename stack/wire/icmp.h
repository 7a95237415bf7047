// ICMP (RFC 792) and ICMPv6 (RFC 4443): echo, and the errors that concern a TCP connection.
#pragma once

#include <cstdint>
#include <expected>

#include "stack/base/address.h"
#include "stack/base/bytes.h"
#include "stack/wire/drop_reason.h"
#include "stack/wire/ip.h"

namespace tuntcp::wire {

struct IcmpMessage {
  enum class Kind : std::uint8_t {
    echo_request,
    echo_reply,
    destination_unreachable,  // code as on the wire
    packet_too_big,           // IPv4: unreachable, code 4; IPv6: type 2. mtu is set
    time_exceeded,
    parameter_problem,
    source_quench,  // RFC 6633: always ignored
    other,
  };
  Kind kind = Kind::other;
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t mtu = 0;  // packet_too_big only; IPv4 routers before RFC 1191 say 0
  Bytes body{};           // after the 8 octets: echo data, or the packet that is quoted
};

// Verifies length and checksum (with the pseudo-header for IPv6, unless `checksum_is_valid`).
std::expected<IcmpMessage, DropReason> parse_icmp(const IpHeader& ip, Bytes message,
                                                  bool checksum_is_valid = false);

// The TCP connection an error message speaks of: addresses and ports of the quoted packet, and the
// sequence number it carried (RFC 5927, 4.1). At least 8 octets of the TCP header are quoted.
struct QuotedTcp {
  Endpoint source{};
  Endpoint destination{};
  std::uint32_t seq = 0;
};
std::expected<QuotedTcp, DropReason> parse_quoted_tcp(Bytes quoted_packet);

// Turns an echo request, in place, into its reply: type, checksums, and the addresses of the IP
// header before it. `packet` is the whole IP packet that parse_ip and parse_icmp accepted; its
// first ip.total_octets are the reply. The caller has made sure that the request was sent to an
// address which may be a source.
void make_echo_reply(const IpHeader& ip, MutableBytes packet, std::uint8_t hop_limit);

}  // namespace tuntcp::wire
