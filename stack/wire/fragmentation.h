// Cutting a packet that is too long for its link into fragments: RFC 791, 3.2; RFC 8200, 4.5.
// TCP's segments are never cut here, their length follows the path (tcp/path_mtu.h). Not here: what
// puts fragments together (host/reassembler.h).
#pragma once

#include <cstdint>
#include <optional>

#include "stack/base/bytes.h"
#include "stack/wire/ip.h"

namespace tuntcp::wire {

struct Fragmentation {
  std::uint32_t header_octets = 0;  // that each fragment repeats
  std::uint32_t text_octets = 0;    // that each but the last has of the rest; a multiple of 8
  std::uint32_t count = 0;
};

// How a whole packet is cut for a link of this MTU, octets. Nothing if that cannot be: the MTU
// leaves no room for eight octets, or there are extension headers of IPv6, of which some would have
// to be repeated and others not.
std::optional<Fragmentation> plan_fragments(const IpHeader& ip, std::uint32_t mtu);

// Writes fragment `index`, 0 to count - 1, of the packet; returns how many octets it has, or 0 if
// there is no room.
std::uint32_t write_fragment(const Fragmentation& how, Bytes packet, std::uint32_t index,
                             std::uint32_t identification, MutableBytes out);

}  // namespace tuntcp::wire
