// Which segments become one super-packet, and that cutting it gives back the very same packets.
#include "tools/link/merged_segments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "stack/base/checksum.h"
#include "stack/sim/link.h"
#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"
#include "stack/wire/wire_packets.h"

namespace tuntcp::link {
namespace {

using Octets = std::vector<std::uint8_t>;

// A super-packet as a device gives it: `text` octets with timestamps, to be cut into `each`.
struct Super {
  bool v6 = false;
  std::uint32_t text = 0;
  std::uint16_t each = 0;
  wire::Flags flags = wire::Flags(wire::Flag::ack) | wire::Flag::psh;
};

std::vector<Octets> pieces_of(const Super& super) {
  const std::uint32_t ip_octets = super.v6 ? 40 : 20;
  Octets octets(ip_octets + 32 + super.text);
  for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<std::uint8_t>(7 * i);
  const auto address = [&super](const char* v4, const char* v6) {
    return *IpAddress::parse(super.v6 ? v6 : v4);
  };
  const IpAddress from = address("198.51.100.1", "2001:db8::1");
  const IpAddress to = address("198.51.100.2", "2001:db8::2");
  wire::write_ip({.source = from,
                  .destination = to,
                  .traffic_class = 2,
                  .identification = 0xfffe,
                  .payload_octets = 32 + super.text},
                 octets.data());
  std::uint8_t* const tcp = octets.data() + ip_octets;
  wire::write_tcp({.source = 1,
                   .destination = 2,
                   .seq = SeqNum(0xffff'fc00U),
                   .ack = SeqNum(77),
                   .window = 500,
                   .flags = super.flags,
                   .header_octets = 32},
                  tcp);
  const std::uint8_t options[12] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
  std::ranges::copy(options, tcp + 20);
  store_be16(tcp + 16, pseudo_header_sum(from, to, wire::kProtocolTcp, 32 + super.text).folded());
  std::vector<Octets> pieces;
  wire::for_each_wire_packet(
      octets, {.checksum = wire::ReceivedOffload::Checksum::partial, .gso_size = super.each},
      [&](Bytes piece) { pieces.emplace_back(piece.begin(), piece.end()); });
  return pieces;
}

// Both checksums of an IPv4 packet, so that they are no reason to refuse it.
void make_right(Octets& packet) {
  store_be16(packet.data() + 10, 0);
  store_be16(packet.data() + 10, checksum(Bytes(packet).first(20)));
  const auto ip = wire::parse_ip(packet);
  ASSERT_TRUE(ip);
  store_be16(packet.data() + 36, 0);
  ChecksumSum sum = pseudo_header_sum(ip->source, ip->destination, wire::kProtocolTcp,
                                      static_cast<std::uint32_t>(packet.size()) - 20);
  sum.add(Bytes(packet).subspan(20));
  store_be16(packet.data() + 36, sum.checksum());
}

std::vector<Octets> cut(const wire::OutgoingPacket& packet) {
  wire::ReceivedOffload offload{.gso_size = packet.gso_size};
  if (packet.needs_checksum) offload.checksum = wire::ReceivedOffload::Checksum::partial;
  std::vector<Octets> pieces;
  wire::for_each_wire_packet(sim::octets_of(packet), offload,
                             [&](Bytes piece) { pieces.emplace_back(piece.begin(), piece.end()); });
  return pieces;
}

TEST(MergedSegments, AreCutIntoThePacketsOfWhichTheyWereMade) {
  for (const bool v6 : {false, true}) {
    for (const std::uint32_t text : {2'000U, 2'001U, 2'999U, 65'000U}) {
      const auto pieces = pieces_of({.v6 = v6, .text = text, .each = 1'000});
      MergedSegments merged;
      merged.begin(pieces[0]);
      for (std::size_t i = 1; i < pieces.size(); ++i) ASSERT_TRUE(merged.append(pieces[i])) << i;
      const wire::OutgoingPacket packet = merged.packet();
      EXPECT_EQ(packet.gso_size, 1'000);
      EXPECT_EQ(packet.headers.size(), v6 ? 72U : 52U);
      EXPECT_EQ(cut(packet), pieces);
    }
  }
}

TEST(MergedSegments, APacketByItselfIsAsItWas) {
  const auto pieces = pieces_of({.text = 1'000, .each = 500});
  MergedSegments merged;
  merged.begin(pieces[0]);
  EXPECT_EQ(sim::octets_of(merged.packet()), pieces[0]);
  EXPECT_EQ(merged.packet().gso_size, 0);
  EXPECT_FALSE(merged.packet().needs_checksum);
  // Whatever it is.
  for (const Octets& other : {Octets{}, Octets{0x45}, Octets(60, 0xff)}) {
    merged.begin(other);
    EXPECT_FALSE(merged.append(pieces[0]));
    EXPECT_EQ(sim::octets_of(merged.packet()), other);
  }
}

// What follows a short segment, or PSH, begins anew, and so does what has nothing behind it.
TEST(MergedSegments, EndWithAShortSegmentOrWithPsh) {
  const auto pieces = pieces_of({.text = 3'500, .each = 1'000});
  MergedSegments merged;
  merged.begin(pieces[2]);
  EXPECT_TRUE(merged.append(pieces[3]));  // of 500, with PSH
  EXPECT_FALSE(merged.append(pieces[0]));
  EXPECT_FALSE(merged.append({}));

  auto pushed = pieces_of({.text = 1'000, .each = 1'000});  // one packet, with PSH
  merged.begin(pushed[0]);
  EXPECT_FALSE(merged.append(pieces[1]));
}

// 45 of 1,448 and their headers are 65,212 octets: with a 46th they would be too many for IP.
TEST(MergedSegments, StayWithinTheLongestPacketOfIp) {
  const auto pieces = pieces_of({.text = 45 * 1'448, .each = 1'448, .flags = wire::Flag::ack});
  ASSERT_EQ(pieces.size(), 45U);
  MergedSegments merged;
  merged.begin(pieces[0]);
  for (std::size_t i = 1; i < pieces.size(); ++i) ASSERT_TRUE(merged.append(pieces[i]));
  Octets next = pieces[44];
  store_be16(next.data() + 4, static_cast<std::uint16_t>(load_be16(next.data() + 4) + 1));
  store_be32(next.data() + 24, load_be32(next.data() + 24) + 1'448);
  make_right(next);
  EXPECT_FALSE(merged.append(next));
  // The length is the reason: without the first it is taken.
  merged.begin(pieces[43]);
  ASSERT_TRUE(merged.append(pieces[44]));
  EXPECT_TRUE(merged.append(next));
}

TEST(MergedSegments, DifferInNothingButWhatCountsOn) {
  const auto pieces = pieces_of({.text = 3'000, .each = 1'000});
  struct Case {
    const char* what;
    std::size_t at;  // the octet that is changed in the second segment
  };
  // 20 octets of IPv4, then TCP.
  const Case cases[] = {{"traffic class", 1},     {"identification", 5},
                        {"do not fragment", 6},   {"TTL", 8},
                        {"protocol", 9},          {"source", 15},
                        {"destination", 19},      {"source port", 21},
                        {"destination port", 23}, {"sequence number", 27},
                        {"acknowledgment", 31},   {"FIN, SYN, ...", 33},
                        {"window", 35},           {"urgent pointer", 39},
                        {"timestamp", 47}};
  for (const Case& c : cases) {
    Octets changed = pieces[1];
    changed[c.at] ^= c.at == 6 ? 0x40 : 1;
    make_right(changed);
    MergedSegments merged;
    merged.begin(pieces[0]);
    EXPECT_FALSE(merged.append(changed)) << c.what;
    EXPECT_EQ(sim::octets_of(merged.packet()), pieces[0]) << c.what;
  }
}

// What was damaged on the way must be seen by the receiver: the device would vouch for it.
TEST(MergedSegments, HaveRightChecksumsOrStayAlone) {
  const auto pieces = pieces_of({.text = 3'000, .each = 1'000});
  Octets damaged = pieces[1];
  damaged[500] ^= 1;
  MergedSegments merged;
  merged.begin(pieces[0]);
  EXPECT_FALSE(merged.append(damaged));
  damaged = pieces[0];
  damaged[500] ^= 1;
  merged.begin(damaged);
  EXPECT_FALSE(merged.append(pieces[1]));
  EXPECT_EQ(sim::octets_of(merged.packet()), damaged);
}

TEST(MergedSegments, ALongerSegmentDoesNotFollowAShorterOne) {
  const auto small = pieces_of({.text = 1'000, .each = 500});
  auto large = pieces_of({.text = 2'000, .each = 1'000});
  MergedSegments merged;
  merged.begin(large[0]);
  EXPECT_FALSE(merged.append(small[1]));  // its number lies inside of the first
  merged.begin(small[0]);
  EXPECT_FALSE(merged.append(large[1]));
}

}  // namespace
}  // namespace tuntcp::link
