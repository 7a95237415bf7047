// Why a packet was not delivered to a connection. Each reason is one counter; see host/mib.h.
#pragma once

#include <cstdint>

namespace tuntcp::wire {

enum class DropReason : std::uint8_t {
  none,
  // IP
  ip_truncated,  // shorter than its headers, or than the length it states
  ip_bad_version,
  ip_bad_header,  // header length or an extension chain that makes no sense
  ip_bad_checksum,
  ip_bad_source,    // source that no host may have: multicast, broadcast, "any" (MUST-63)
  ip_not_for_us,    // destination is not an address of this host
  ip_source_route,  // accept_source_route forbids it
  ip_fragment,      // cannot be reassembled: no room, contradictions
  ip_unknown_protocol,
  // TCP
  tcp_truncated,
  tcp_bad_header,    // data offset below 5 or past the end
  tcp_bad_checksum,  // MUST-3
  // ICMP
  icmp_malformed,
  icmp_ignored,  // a message that this host does not act on (router solicitation, MLD, ...)
};

const char* to_string(DropReason reason);

}  // namespace tuntcp::wire
