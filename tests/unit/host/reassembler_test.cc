// The reassembler by itself: its bounds, and fragments that an attacker would choose.
#include "stack/host/reassembler.h"

#include <gtest/gtest.h>

#include "tests/support/network.h"
#include "tests/support/seeds.h"

namespace tuntcp::test {
namespace {

using Verdict = Reassembler::Verdict;

constexpr Reassembler::Limits kLimits{.octets = 1 << 20, .time = Duration::seconds(30)};
const Instant kStart = Instant() + 100_s;

Octets packet_of(std::uint32_t octets) {
  return make_packet({.source = *IpAddress::parse("198.51.100.2"),
                      .destination = *IpAddress::parse("198.51.100.1"),
                      .source_port = 1,
                      .destination_port = 2,
                      .text = Octets(octets)});
}

Verdict add(Reassembler& reassembler, const Octets& fragment, Instant now = kStart,
            const Reassembler::Limits& limits = kLimits) {
  const auto ip = wire::parse_ip(fragment);
  EXPECT_TRUE(ip.has_value());
  return reassembler.add(*ip, fragment, limits, now);
}

TEST(Reassembler, OfMorePacketsThanItKeepsRefusesTheRest) {
  Reassembler reassembler{SipKey{}};
  const Octets packet = packet_of(100);
  for (std::uint32_t id = 0; id < Reassembler::kMostPackets; ++id) {
    ASSERT_EQ(add(reassembler, fragment_of(packet, {.end = 8, .more = true, .id = id})),
              Verdict::waits);
  }
  EXPECT_EQ(add(reassembler, fragment_of(packet, {.end = 8, .more = true, .id = 9999})),
            Verdict::refused);
  EXPECT_EQ(reassembler.waiting(), Reassembler::kMostPackets);
  EXPECT_EQ(reassembler.next_deadline() <= kStart + 30_s, true);
  EXPECT_EQ(reassembler.expire(Family::ipv4, kStart + 30_s), Reassembler::kMostPackets);
  EXPECT_EQ(reassembler.octets(Family::ipv4), 0U);
  EXPECT_EQ(reassembler.next_deadline(), Instant::never());
}

TEST(Reassembler, OfMoreFragmentsThanAPacketCanHaveDropsThePacket) {
  Reassembler reassembler{SipKey{}};
  const Octets packet = packet_of(8000);
  // Every second block of eight, so that nothing is ever whole.
  for (std::uint32_t i = 0; i < Reassembler::kMostFragments; ++i) {
    ASSERT_EQ(
        add(reassembler, fragment_of(packet, {.begin = 16 * i, .end = 16 * i + 8, .more = true})),
        Verdict::waits);
  }
  EXPECT_EQ(add(reassembler, fragment_of(packet, {.begin = 5000, .end = 5008, .more = true})),
            Verdict::refused);
  EXPECT_EQ(reassembler.waiting(), 0U);
  EXPECT_EQ(reassembler.octets(Family::ipv4), 0U);
}

TEST(Reassembler, OfOnePacketOverlapsAndDuplicatesAreToldApart) {
  const Octets packet = packet_of(300);
  const Cut first{.begin = 80, .end = 160, .more = true};
  struct Row {
    Cut second;
    Verdict verdict;
  };
  const Row rows[] = {
      {{.begin = 80, .end = 160, .more = true}, Verdict::duplicate},
      {{.begin = 88, .end = 96, .more = true}, Verdict::duplicate},  // wholly inside
      {{.begin = 72, .end = 160, .more = true}, Verdict::overlap},
      {{.begin = 80, .end = 168, .more = true}, Verdict::overlap},
      {{.begin = 72, .end = 88, .more = true}, Verdict::overlap},
      {{.begin = 152, .end = 200, .more = true}, Verdict::overlap},
      {{.begin = 0, .end = 320, .more = false}, Verdict::overlap},
      {{.begin = 160, .end = 200, .more = true}, Verdict::waits},
      {{.begin = 0, .end = 80, .more = true}, Verdict::waits},
  };
  for (const Row& row : rows) {
    Reassembler reassembler{SipKey{}};
    ASSERT_EQ(add(reassembler, fragment_of(packet, first)), Verdict::waits);
    Octets second = fragment_of(packet, row.second);
    if (!row.second.more && row.second.begin == 0) {
      second = fragment_of(packet, {.begin = 72, .end = 320, .more = false});
    }
    EXPECT_EQ(add(reassembler, second), row.verdict)
        << row.second.begin << " to " << row.second.end;
  }
}

TEST(Reassembler, KeepsTheTimeOfTheFirstFragment) {
  Reassembler reassembler{SipKey{}};
  const Octets packet = packet_of(300);
  add(reassembler, fragment_of(packet, {.begin = 0, .end = 80, .more = true}));
  add(reassembler, fragment_of(packet, {.begin = 80, .end = 160, .more = true}), kStart + 20_s);
  EXPECT_EQ(reassembler.expire(Family::ipv4, kStart + 29_s), 0U);
  EXPECT_EQ(reassembler.expire(Family::ipv6, kStart + 31_s), 0U);
  EXPECT_EQ(reassembler.expire(Family::ipv4, kStart + 31_s), 1U);
}

// Whatever comes, what is kept stays in its bounds and all of it is given back.
TEST(Reassembler, OfRandomFragmentsStaysWithinItsBounds) {
  for_seeds(100, [](std::uint64_t seed) {
    SeededRandom random(seed);
    Reassembler reassembler{SipKey::draw(random)};
    const Octets packet = packet_of(1200);
    constexpr Reassembler::Limits kFew{.octets = 10'000, .time = Duration::seconds(3)};
    Instant now = kStart;
    std::uint64_t complete = 0;
    for (int i = 0; i < 2000; ++i) {
      const auto begin = static_cast<std::uint32_t>(random.next() % 15 * 80);
      const bool more = random.next() % 4 != 0;
      const std::uint32_t end = more ? begin + 80 : 1220;
      const Octets fragment =
          fragment_of(packet, {.begin = begin,
                               .end = end,
                               .more = more || begin == 0,
                               .id = static_cast<std::uint32_t>(random.next() % 4)});
      const auto ip = wire::parse_ip(fragment);
      ASSERT_TRUE(ip.has_value());
      if (reassembler.add(*ip, fragment, kFew, now) == Verdict::complete) {
        Octets out(2000);
        ASSERT_EQ(reassembler.take(*ip, out), 1240U);
        EXPECT_TRUE(std::equal(packet.begin() + 20, packet.end(), out.begin() + 20));
        ++complete;
      }
      ASSERT_LE(reassembler.octets(Family::ipv4), kFew.octets);
      now += Duration::milliseconds(static_cast<std::int64_t>(random.next() % 50));
      reassembler.expire(Family::ipv4, now);
    }
    reassembler.expire(Family::ipv4, now + 3_s);
    EXPECT_EQ(reassembler.waiting(), 0U);
    EXPECT_EQ(reassembler.octets(Family::ipv4), 0U);
    EXPECT_GT(complete, 0U);
  });
}

}  // namespace
}  // namespace tuntcp::test
