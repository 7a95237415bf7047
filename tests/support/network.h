// What routers and the IP layer make of packets: ICMP errors and fragments, written by hand.
// Nothing of the stack is used.
#pragma once

#include <cstdint>
#include <optional>

#include "tests/support/drill.h"
#include "tests/support/segment.h"

namespace tuntcp::test {

struct IcmpPacket {
  IpAddress source{};  // of the router
  IpAddress destination{};
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t rest = 0;  // the second word: MTU, pointer ...
  Octets body{};
  bool bad_checksum = false;
};
Octets make_icmp(const IcmpPacket& icmp);

// An ICMP error from a router about a segment of the host that began at `seq` (relative to ISS).
struct IcmpAbout {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::int64_t seq = 1;
  std::uint32_t rest = 0;
  std::optional<Port> port{};  // of the peer, as quoted; else the conversation's
};
Octets icmp_about(const Drill& d, const IcmpAbout& about);
// "Destination unreachable, fragmentation needed" or "packet too big".
Octets too_big(const Drill& d, std::int64_t seq, std::uint32_t mtu);

// Octets [begin, end) of what follows the IP header of `packet`, as a fragment.
struct Cut {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  bool more = false;
  std::uint32_t id = 0x4321;
  std::uint8_t ecn = 0;
};
Octets fragment_of(const Octets& packet, const Cut& cut);
// All of `packet`, in fragments of at most `octets` each (a multiple of eight).
std::vector<Octets> fragments_of(const Octets& packet, std::uint32_t octets,
                                 std::uint32_t id = 0x4321);

// Of a packet: how many octets its IP header has, without extensions.
std::size_t ip_header_octets(const Octets& packet);
void mend_header_checksum(Octets& packet);

}  // namespace tuntcp::test
