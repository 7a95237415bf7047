// What a link does to packets: each impairment alone, exactly where it can be told exactly, and in
// its share where chance decides.
#include "stack/sim/link.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "stack/base/checksum.h"
#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"

namespace tuntcp::sim {
namespace {

const Instant kNow = Instant::from_ns(5'000'000'000);

// An IPv4 packet with a TCP header and `text` octets of text.
std::vector<std::uint8_t> packet_of(std::uint32_t text, std::uint8_t traffic_class = 0) {
  std::vector<std::uint8_t> octets(40 + text, 0x5a);
  const IpAddress from = *IpAddress::parse("198.51.100.1");
  const IpAddress to = *IpAddress::parse("198.51.100.2");
  wire::write_ip({.source = from,
                  .destination = to,
                  .traffic_class = traffic_class,
                  .payload_octets = 20 + text},
                 octets.data());
  wire::write_tcp({.source = 1,
                   .destination = 2,
                   .seq = SeqNum(0xffff'fff0U),
                   .flags = wire::Flag::ack | wire::Flag::fin},
                  octets.data() + 20);
  ChecksumSum sum = pseudo_header_sum(from, to, wire::kProtocolTcp, 20 + text);
  sum.add(Bytes(octets).subspan(20));
  store_be16(octets.data() + 36, sum.checksum());
  return octets;
}

std::vector<Arrival> carry(Link& link, const std::vector<std::uint8_t>& octets, Instant now) {
  return link.carry(
      {.headers = octets, .payload = {}, .total_octets = static_cast<std::uint32_t>(octets.size())},
      now);
}

// How many of 20,000 packets, one a millisecond, something happened to.
template <class Count>
double share(const LinkSettings& settings, Count count) {
  Link link(settings, 7);
  for (int i = 0; i < 20'000; ++i) carry(link, packet_of(100), kNow + Duration::milliseconds(i));
  const LinkCounts& counts = link.counts();
  EXPECT_EQ(counts.offered, 20'000U);
  EXPECT_EQ(
      counts.offered + counts.duplicated,
      counts.arrived + counts.lost + counts.queue_was_full + counts.too_long + counts.cut_off);
  return static_cast<double>(count(counts)) / 20'000;
}

bool has_good_checksums(const std::vector<std::uint8_t>& octets) {
  const auto ip = wire::parse_ip(octets);
  return ip && wire::has_valid_tcp_checksum(ip->source, ip->destination,
                                            Bytes(octets).subspan(ip->header_octets));
}

TEST(Link, WithNothingWrongOnlyDelays) {
  Link link({.delay = 7_ms}, 1);
  const auto octets = packet_of(10);
  const auto arrivals = carry(link, octets, kNow);
  ASSERT_EQ(arrivals.size(), 1U);
  EXPECT_EQ(arrivals[0].at, kNow + 7_ms);
  EXPECT_EQ(arrivals[0].packet.octets, octets);
}

TEST(Link, RateSpacesPacketsByTheTimeTheirBitsTake) {
  Link link({.delay = 1_ms, .bits_per_second = 1'000'000}, 1);
  // 1000 octets are 8 ms.
  EXPECT_EQ(carry(link, packet_of(960), kNow)[0].at, kNow + 9_ms);
  EXPECT_EQ(carry(link, packet_of(960), kNow)[0].at, kNow + 17_ms);
  EXPECT_EQ(carry(link, packet_of(960), kNow + 20_ms)[0].at, kNow + 29_ms);
}

TEST(Link, QueueIsBoundedInOctets) {
  Link link({.bits_per_second = 1'000'000, .queue_octets = 2'500}, 1);
  EXPECT_EQ(carry(link, packet_of(960), kNow).size(), 1U);
  EXPECT_EQ(carry(link, packet_of(960), kNow).size(), 1U);
  EXPECT_EQ(carry(link, packet_of(960), kNow).size(), 0U);
  EXPECT_EQ(link.counts().queue_was_full, 1U);
  // When the first has left there is room again.
  EXPECT_EQ(carry(link, packet_of(960), kNow + 8_ms).size(), 1U);
}

TEST(Link, QueueIsBoundedInPackets) {
  Link link({.bits_per_second = 1'000'000, .queue_packets = 2}, 1);
  // One on the link, two that wait.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(carry(link, packet_of(960), kNow).size(), 1U);
  EXPECT_EQ(carry(link, packet_of(960), kNow).size(), 0U);
}

TEST(Link, LosesItsShare) {
  EXPECT_NEAR(share({.loss = 0.03}, [](const auto& c) { return c.lost; }), 0.03, 0.006);
}

// In the long run the bad state holds to_bad / (to_bad + to_good) of the packets, and its losses
// come in runs of 1 / to_good.
TEST(Link, LosesInBursts) {
  LinkSettings settings;
  settings.bursts = {.to_bad = 0.01, .to_good = 0.25};
  EXPECT_NEAR(share(settings, [](const auto& c) { return c.lost; }), 0.01 / 0.26, 0.008);
  Link link(settings, 3);
  int runs = 0, lost = 0;
  bool was_lost = false;
  for (int i = 0; i < 50'000; ++i) {
    const bool is_lost = carry(link, packet_of(1), kNow).empty();
    lost += is_lost;
    runs += is_lost && !was_lost;
    was_lost = is_lost;
  }
  EXPECT_NEAR(static_cast<double>(lost) / runs, 4, 0.6);
}

// A bare ACK, a SYN: spared where that is asked for, whatever the chances; text is not, and nor is
// what is not TCP.
TEST(Link, SparesBareSegments) {
  Link link({.loss = 1, .spares_bare_segments = true}, 1);
  EXPECT_EQ(carry(link, packet_of(0), kNow).size(), 1U);
  EXPECT_EQ(carry(link, packet_of(1), kNow).size(), 0U);
  auto udp = packet_of(0);
  udp[9] = 17;
  EXPECT_EQ(carry(link, udp, kNow).size(), 0U);
  auto later_fragment = packet_of(0);
  later_fragment[7] = 1;
  EXPECT_EQ(carry(link, later_fragment, kNow).size(), 0U);

  Link reordering({.reorder = 1, .reorder_by = 1_ms, .spares_bare_segments = true}, 1);
  carry(reordering, packet_of(0), kNow);
  EXPECT_EQ(reordering.counts().held_back, 0U);
  carry(reordering, packet_of(1), kNow);
  EXPECT_EQ(reordering.counts().held_back, 1U);
}

TEST(Link, DuplicatesItsShare) {
  EXPECT_NEAR(share({.duplicate = 0.1}, [](const auto& c) { return c.duplicated; }), 0.1, 0.01);
}

// What a link damages some checksum finds: of IPv4, or of TCP.
TEST(Link, CorruptsItsShareAndAlwaysDetectably) {
  EXPECT_NEAR(share({.corrupt = 0.1}, [](const auto& c) { return c.corrupted; }), 0.1, 0.01);
  Link link({.corrupt = 1}, 5);
  for (int i = 0; i < 5'000; ++i) {
    const auto arrivals = carry(link, packet_of(7), kNow);
    EXPECT_TRUE(arrivals[0].packet.is_corrupt);
    EXPECT_FALSE(has_good_checksums(arrivals[0].packet.octets));
  }
}

TEST(Link, ReordersOnlyWhatItHoldsBack) {
  EXPECT_NEAR(
      share({.reorder = 0.2, .reorder_by = 1_ms}, [](const auto& c) { return c.held_back; }), 0.2,
      0.02);
  const auto overtakings = [](const LinkSettings& settings) {
    Link link(settings, 5);
    int count = 0;
    Instant last = kNow;
    for (int i = 0; i < 1'000; ++i) {
      const Instant at = carry(link, packet_of(1), kNow + Duration::microseconds(10 * i))[0].at;
      count += at < last;
      last = std::max(last, at);
    }
    return count;
  };
  EXPECT_GT(overtakings({.reorder = 0.2, .reorder_by = 1_ms}), 100);
  EXPECT_EQ(overtakings({.jitter = 1_ms}), 0);
}

TEST(Link, DropsWhatIsLongerThanItsMtu) {
  Link link({.mtu = 1000}, 1);
  EXPECT_EQ(carry(link, packet_of(960), kNow).size(), 1U);
  EXPECT_EQ(carry(link, packet_of(961), kNow).size(), 0U);
  EXPECT_EQ(link.counts().too_long, 1U);
}

TEST(Link, BlackholeSwallowsFromItsBeginningToItsEnd) {
  LinkSettings settings;
  settings.blackhole = {.from = kNow, .until = kNow + 10_ms};
  Link link(settings, 1);
  EXPECT_EQ(carry(link, packet_of(1), kNow - 1_ns).size(), 1U);
  EXPECT_EQ(carry(link, packet_of(1), kNow).size(), 0U);
  EXPECT_EQ(carry(link, packet_of(1), kNow + 9_ms).size(), 0U);
  EXPECT_EQ(carry(link, packet_of(1), kNow + 10_ms).size(), 1U);
}

TEST(Link, FlapsDownAndUpAgain) {
  LinkSettings settings;
  settings.flap = {.from = kNow, .down = 2_ms, .up = 3_ms, .until = kNow + 10_ms};
  Link link(settings, 1);
  std::string seen;
  for (int ms = 0; ms < 14; ++ms) {
    const bool is_up = !carry(link, packet_of(1), kNow + Duration::milliseconds(ms)).empty();
    seen += is_up ? 'u' : 'd';
  }
  EXPECT_EQ(seen, "dduuudduuuuuuu");
}

// RFC 3168, 5: only what says that it is ECN-capable is marked, the rest is left alone; the IPv4
// checksum stays right.
TEST(Link, MarksEcnCapablePacketsWhenItsQueueIsLong) {
  const auto codepoint_behind_a_queue = [](std::uint8_t ecn) {
    Link link({.bits_per_second = 1'000'000, .mark_above_octets = 1'500}, 1);
    carry(link, packet_of(960, ecn), kNow);
    carry(link, packet_of(960, ecn), kNow);
    const auto third = carry(link, packet_of(960, ecn), kNow);
    EXPECT_TRUE(has_good_checksums(third[0].packet.octets));
    EXPECT_EQ(link.counts().marked, ecn == 1 || ecn == 2 ? 1U : 0U);
    return wire::parse_ip(third[0].packet.octets)->traffic_class;
  };
  EXPECT_EQ(codepoint_behind_a_queue(0), 0);
  EXPECT_EQ(codepoint_behind_a_queue(1), 3);
  EXPECT_EQ(codepoint_behind_a_queue(2), 3);
  EXPECT_EQ(codepoint_behind_a_queue(3), 3);
}

// A super-packet is cut before anything happens to it: pieces may be lost one by one, and what
// arrives has right checksums, rising numbers, and the FIN at its end.
TEST(Link, CutsSuperPackets) {
  Link link({}, 1);
  const auto octets = packet_of(2'500);
  const auto arrivals = link.carry({.headers = octets,
                                    .payload = {},
                                    .total_octets = static_cast<std::uint32_t>(octets.size()),
                                    .needs_checksum = true,
                                    .checksum_start = 20,
                                    .gso_size = 1'000},
                                   kNow);
  ASSERT_EQ(arrivals.size(), 3U);
  EXPECT_EQ(link.counts().offered, 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& piece = arrivals[i].packet.octets;
    EXPECT_TRUE(has_good_checksums(piece));
    EXPECT_EQ(piece.size(), i < 2 ? 1'040U : 540U);
    const auto tcp = wire::parse_tcp(Bytes(piece).subspan(20));
    EXPECT_EQ(tcp->seq, SeqNum(0xffff'fff0U) + static_cast<std::uint32_t>(1'000 * i));
    EXPECT_EQ(tcp->flags.has(wire::Flag::fin), i == 2);
  }
}

TEST(Link, TheSameSeedDoesTheSame) {
  const auto times = [](std::uint64_t seed) {
    Link link({.jitter = 5_ms, .loss = 0.2, .duplicate = 0.2}, seed);
    std::vector<Instant> all;
    for (int i = 0; i < 200; ++i) {
      for (const Arrival& arrival : carry(link, packet_of(1), kNow)) all.push_back(arrival.at);
    }
    return all;
  };
  EXPECT_EQ(times(1), times(1));
  EXPECT_NE(times(1), times(2));
}

}  // namespace
}  // namespace tuntcp::sim
