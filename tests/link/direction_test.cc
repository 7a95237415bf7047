// One direction of a path in virtual time: what leaves, when, in which order, and the bounds.
#include "tools/link/direction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/link/packets.h"
#include "tools/link/path_words.h"

namespace tuntcp::link {
namespace {

const Instant kNow = Instant::from_ns(5'000'000'000);

sim::LinkSettings perfect() {
  return perfect_path().ab;
}

void take(Direction& direction, std::uint32_t text, Instant now) {
  direction.take(packet_of({.text = text}), {}, now);
}

TEST(Direction, PacketsLeaveWhenTheyAreDueAndNotBefore) {
  sim::LinkSettings settings = perfect();
  settings.delay = 10_ms;
  Direction direction(settings, 1);
  EXPECT_EQ(direction.next_due(), Instant::never());
  EXPECT_TRUE(direction.leave(kNow).empty());
  take(direction, 1, kNow);
  take(direction, 2, kNow + 1_ms);
  EXPECT_EQ(direction.next_due(), kNow + 10_ms);
  EXPECT_TRUE(direction.leave(kNow + 10_ms - 1_ns).empty());
  EXPECT_EQ(direction.leave(kNow + 10_ms).size(), 41U);
  EXPECT_TRUE(direction.leave(kNow + 10_ms).empty());
  EXPECT_EQ(direction.leave(kNow + 12_ms).size(), 42U);
  EXPECT_EQ(direction.next_due(), Instant::never());
  EXPECT_EQ(direction.octets_under_way(), 0U);
}

TEST(Direction, PacketsOfOneInstantLeaveInTheOrderInWhichTheyCame) {
  Direction direction(perfect(), 1);
  for (std::uint32_t text = 0; text < 100; ++text) take(direction, text, kNow);
  for (std::uint32_t text = 0; text < 100; ++text) {
    EXPECT_EQ(direction.leave(kNow).size(), 40 + text);
  }
}

TEST(Direction, LatenessIsBehindTheMomentThatTheModelSays) {
  sim::LinkSettings settings = perfect();
  settings.delay = 1_ms;
  Direction direction(settings, 1);
  for (int i = 0; i < 100; ++i) take(direction, 1, kNow);
  for (int i = 0; i < 98; ++i) direction.leave(kNow + 1_ms + 42_us);
  direction.leave(kNow + 1_ms + 1700_us);
  direction.leave(kNow + 1_ms + 80_ms);
  const DelayErrors& late = direction.delay_errors();
  EXPECT_EQ(late.count(), 100U);
  EXPECT_EQ(late.quantile(0.5), 50_us);
  EXPECT_EQ(late.quantile(0.99), 1710_us);
  EXPECT_EQ(late.quantile(1), 80_ms);
  EXPECT_EQ(late.worst(), 80_ms);
  EXPECT_EQ(late.at_least(1_ms), 2U);
  EXPECT_EQ(late.at_least(40_us), 100U);
}

// Packets under way keep their time when the path changes; those that enter later have the new one,
// and order is kept.
TEST(Direction, SettingsChangeForWhatEntersLater) {
  sim::LinkSettings settings = perfect();
  settings.delay = 10_ms;
  Direction direction(settings, 1);
  take(direction, 1, kNow);
  direction.settings().delay = 100_ms;
  take(direction, 2, kNow);
  direction.settings().loss = 1;
  take(direction, 3, kNow);
  direction.settings().loss = 0;
  direction.settings().delay = 1_ms;
  take(direction, 4, kNow);
  EXPECT_EQ(direction.leave(kNow + 10_ms).size(), 41U);
  EXPECT_EQ(direction.next_due(), kNow + 100_ms);
  EXPECT_EQ(direction.leave(kNow + 100_ms).size(), 42U);
  EXPECT_EQ(direction.leave(kNow + 100_ms).size(), 44U);
}

TEST(Direction, SuperPacketsAreCutAndTheirTextIsCounted) {
  Direction direction(perfect(), 1);
  const auto packet = packet_of({.text = 2'500});
  const wire::ReceivedOffload offload{.checksum = wire::ReceivedOffload::Checksum::partial,
                                      .gso_size = 1'000};
  direction.take(packet, offload, kNow);
  direction.take(packet, offload, kNow);
  EXPECT_EQ(direction.super_packets(), 2U);
  EXPECT_EQ(direction.counts().offered, 6U);
  EXPECT_EQ(direction.text_counts().octets, 5'000U);
  EXPECT_EQ(direction.text_counts().repeated, 2'500U);
  EXPECT_EQ(direction.leave(kNow).size(), 1'040U);
  EXPECT_EQ(direction.leave(kNow).size(), 1'040U);
  EXPECT_EQ(direction.leave(kNow).size(), 540U);
}

// Without a rate or a queue nothing else would bound a long delay.
TEST(Direction, IsBoundedInOctets) {
  sim::LinkSettings settings = perfect();
  settings.delay = 60_s;
  constexpr std::uint64_t kEach = 1'000 + Direction::kOctetsBesides;
  Direction direction(settings, 1, 10 * kEach);
  for (int i = 0; i < 25; ++i) take(direction, 960, kNow);
  EXPECT_EQ(direction.counts().offered, 10U);
  EXPECT_EQ(direction.too_much(), 15U);
  EXPECT_LE(direction.octets_under_way(), 10 * kEach);
  // What has left makes room.
  EXPECT_FALSE(direction.leave(kNow + 60_s).empty());
  take(direction, 960, kNow + 60_s);
  EXPECT_EQ(direction.counts().offered, 11U);
}

// Half of the width of the 99 % interval of a binomial share, by its normal limit: with at least
// 200 losses expected the two differ by less than a hundredth of it.
double half_width(double share, int packets) {
  return 2.5758 * std::sqrt(share * (1 - share) / packets);
}

TEST(Direction, LossLiesInTheBinomialIntervalOfItsRate) {
  constexpr int kPackets = 20'000;
  const auto packet = packet_of({.text = 1});
  for (const double share : {0.01, 0.03, 0.05, 0.5}) {
    sim::LinkSettings settings = perfect();
    settings.loss = share;
    // Of 20 honest seeds one in 100 trials may lie outside; more than two do in one case of 900.
    int outside = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      Direction direction(settings, seed);
      for (int i = 0; i < kPackets; ++i) {
        direction.take(packet, {}, kNow);
        direction.leave(kNow);
      }
      const double lost = static_cast<double>(direction.counts().lost) / kPackets;
      outside += std::abs(lost - share) > half_width(share, kPackets);
    }
    EXPECT_LE(outside, 2) << share;
  }
}

// In bursts the share is the same in the long run, within an interval as much wider as the losses
// depend on each other: by (1 + r) / (1 - r), with r = 1 - to_good - to_bad from one packet to the
// next.
TEST(Direction, BurstsLoseTheShareThatIsAskedFor) {
  constexpr int kPackets = 200'000;
  PathSettings path = perfect_path();
  ASSERT_TRUE(set_word(path, "burst", "1%:4"));
  Direction direction(path.ab, 3);
  const auto packet = packet_of({.text = 1});
  for (int i = 0; i < kPackets; ++i) {
    direction.take(packet, {}, kNow);
    direction.leave(kNow);
  }
  const double r = 1 - path.ab.bursts->to_good - path.ab.bursts->to_bad;
  EXPECT_NEAR(static_cast<double>(direction.counts().lost) / kPackets, 0.01,
              half_width(0.01, kPackets) * std::sqrt((1 + r) / (1 - r)));
}

}  // namespace
}  // namespace tuntcp::link
