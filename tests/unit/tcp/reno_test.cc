// RFC 5681 with RFC 6928's initial window. What is true of every controller is tested by the
// conformance suite; here is the arithmetic that is Reno's own.
#include "stack/tcp/congestion/reno.h"

#include <map>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/tcp/loss_based_conformance.h"

namespace tuntcp::tcp::congestion {

namespace {

struct TheReno {
  using Type = Reno;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Reno, ControllerConformance, TheReno);
INSTANTIATE_TYPED_TEST_SUITE_P(Reno, LossBasedConformance, TheReno);

constexpr Instant kNow = Instant::from_ns(1'000'000'000);

Reno started() {
  Reno reno;
  reno.init({.mss = kMss});
  return reno;
}

// In congestion avoidance with the given window: half of twice as much.
Reno in_congestion_avoidance(std::uint32_t cwnd) {
  Reno reno;
  reno.init({.mss = kMss});
  reno.on_ack({.now = kNow, .newly_delivered = 2 * cwnd - 10 * kMss, .is_cwnd_limited = true});
  reno.on_loss({.now = kNow, .in_flight = 2 * cwnd});
  reno.on_recovery_exit(kNow);
  return reno;
}

void acked(Reno& reno, std::uint32_t octets) {
  reno.on_ack({.now = kNow, .newly_delivered = octets, .is_cwnd_limited = true});
}

// Linux (17): ten segments, of whatever size; RFC 6928, 2 has the same for segments up to 1460.
TEST(Reno, StartsWithTenSegmentsOrAsManyAsItIsTold) {
  Reno reno;
  for (const std::uint32_t mss : {48U, 536U, 1460U, 8960U}) {
    reno.init({.mss = mss});
    EXPECT_EQ(reno.window().cwnd, 10 * mss);
  }
  reno.init({.mss = 1460, .segments = 1});
  EXPECT_EQ(reno.window().cwnd, 1460U);
}

// One ACK for the whole window (a 64 KB super-packet is acknowledged at once) counts in full.
TEST(Reno, SlowStartCountsOctetsNotAcks) {
  Reno reno = started();
  acked(reno, 10 * kMss);
  EXPECT_EQ(reno.window().cwnd, 20 * kMss);
}

// RFC 3465, 1: dividing an ACK into many gains nothing.
TEST(Reno, SplitAcksGrowTheWindowNoFasterThanOne) {
  Reno reno = started();
  for (unsigned i = 0; i < kMss; ++i) acked(reno, 10);
  EXPECT_EQ(reno.window().cwnd, 20 * kMss);
}

// Linux, every second segment acknowledged: 10, 20, 40, 80 segments per round.
TEST(Reno, SlowStartDoublesEachRoundWithDelayedAcks) {
  Reno reno = started();
  for (const std::uint32_t round : {10U, 20U, 40U}) {
    EXPECT_EQ(reno.window().cwnd, round * kMss);
    for (std::uint32_t i = 0; i < round / 2; ++i) acked(reno, 2 * kMss);
  }
  EXPECT_EQ(reno.window().cwnd, 80 * kMss);
}

// RFC 5681, equation 4, of cwnd (Linux: 10 leave 5), in whole segments.
TEST(Reno, LossHalvesTheWindow) {
  Reno reno = started();
  acked(reno, kMss);
  reno.on_loss({.now = kNow, .in_flight = 8 * kMss});
  EXPECT_EQ(reno.window().ssthresh, 5 * kMss);
  EXPECT_EQ(reno.window().cwnd, 5 * kMss);
}

TEST(Reno, TimeoutHalvesTheWindowForSsthresh) {
  Reno reno = started();
  reno.on_timeout({.now = kNow, .in_flight = 8 * kMss});
  EXPECT_EQ(reno.window().ssthresh, 5 * kMss);
  EXPECT_EQ(reno.window().cwnd, kMss);
}

// RFC 8511, 3 and 4.1: 0.8 for Reno, if asked for.
TEST(Reno, MarkCostsLessThanALossWithAbe) {
  Reno reno = started();
  reno.on_congestion_mark({.now = kNow, .in_flight = 10 * kMss});
  EXPECT_EQ(reno.window().cwnd, 5 * kMss);
  reno.init({.mss = kMss, .abe = true});
  reno.on_congestion_mark({.now = kNow, .in_flight = 10 * kMss});
  EXPECT_EQ(reno.window().cwnd, 8 * kMss);
  EXPECT_EQ(reno.window().ssthresh, 8 * kMss);
  reno.init({.mss = kMss, .abe = true});
  reno.on_loss({.now = kNow, .in_flight = 10 * kMss});
  EXPECT_EQ(reno.window().cwnd, 5 * kMss);
}

// A timeout ends a fast recovery that has already halved ssthresh (10 in flight: 5).
TEST(Reno, TimeoutDuringFastRecoveryDoesNotHalveAgain) {
  Reno reno = started();
  reno.on_loss({.now = kNow, .in_flight = 10 * kMss});
  reno.on_timeout({.now = kNow, .in_flight = 10 * kMss});
  EXPECT_EQ(reno.window().ssthresh, 5 * kMss);
  EXPECT_EQ(reno.window().cwnd, kMss);
}

// Slow start up to ssthresh, then one segment per window: the octets that are left over after
// reaching ssthresh already count for the second.
TEST(Reno, GrowthTurnsLinearExactlyAtSsthresh) {
  Reno reno = started();
  reno.on_timeout({.now = kNow, .in_flight = 8 * kMss});  // ssthresh 5
  acked(reno, kMss);
  EXPECT_EQ(reno.window().cwnd, 2 * kMss);
  acked(reno, 4 * kMss);  // 3 reach ssthresh, 1 is left
  EXPECT_EQ(reno.window().cwnd, 5 * kMss);
  acked(reno, 4 * kMss - 1);
  EXPECT_EQ(reno.window().cwnd, 5 * kMss);
  acked(reno, 1);
  EXPECT_EQ(reno.window().cwnd, 6 * kMss);
}

// RFC 5681, 3.1: "incremented by roughly 1 full-sized segment per round-trip time".
TEST(Reno, CongestionAvoidanceAddsASegmentPerWindow) {
  Reno reno = in_congestion_avoidance(20 * kMss);
  ASSERT_EQ(reno.window().cwnd, 20 * kMss);
  for (int i = 0; i < 20; ++i) acked(reno, kMss);
  EXPECT_EQ(reno.window().cwnd, 21 * kMss);
  for (int i = 0; i < 20; ++i) acked(reno, kMss);
  EXPECT_EQ(reno.window().cwnd, 21 * kMss);
  acked(reno, kMss);
  EXPECT_EQ(reno.window().cwnd, 22 * kMss);
}

// After a timeout cwnd climbs from one segment; leaving the episode must not throw it up to
// ssthresh, which nothing has earned yet.
TEST(Reno, EndOfATimeoutEpisodeKeepsTheWindowReached) {
  Reno reno = started();
  reno.on_timeout({.now = kNow, .in_flight = 10 * kMss});
  acked(reno, kMss);
  reno.on_recovery_exit(kNow);
  EXPECT_EQ(reno.window().cwnd, 2 * kMss);
}

// A new episode after the first one halves again.
TEST(Reno, LossInANewEpisodeHalvesAgain) {
  Reno reno = in_congestion_avoidance(20 * kMss);
  reno.on_loss({.now = kNow, .in_flight = 20 * kMss});
  EXPECT_EQ(reno.window().cwnd, 10 * kMss);
}

// RFC 2861: halved for every RTO of silence, down to the restart window; ssthresh keeps 3/4 of it.
TEST(Reno, PauseHalvesTheWindowForEachTimeout) {
  Reno reno = in_congestion_avoidance(80 * kMss);
  ASSERT_EQ(reno.window().ssthresh, 80 * kMss);
  reno.on_idle({.now = kNow, .idle = 299_ms, .rto = 300_ms});
  EXPECT_EQ(reno.window().cwnd, 80 * kMss);
  reno.on_idle({.now = kNow, .idle = 301_ms, .rto = 300_ms});
  EXPECT_EQ(reno.window().cwnd, 40 * kMss);
  reno.on_idle({.now = kNow, .idle = 650_ms, .rto = 300_ms});
  EXPECT_EQ(reno.window().cwnd, 10 * kMss);
  EXPECT_EQ(reno.window().ssthresh, 80 * kMss);
}

TEST(Reno, PauseRemembersInSsthreshWhereTheWindowHadBeen) {
  Reno reno = in_congestion_avoidance(20 * kMss);  // ssthresh 20
  for (int i = 0; i < 100; ++i) acked(reno, reno.window().cwnd);
  ASSERT_EQ(reno.window().cwnd, 120 * kMss);
  reno.on_idle({.now = kNow, .idle = 10_s, .rto = 300_ms});
  EXPECT_EQ(reno.window().cwnd, 10 * kMss);
  EXPECT_EQ(reno.window().ssthresh, 90 * kMss);
}

// A larger MSS is no evidence that the path carries more octets.
TEST(Reno, LargerSegmentsKeepTheOctets) {
  Reno reno = started();
  reno.on_mss_change(2 * kMss);
  EXPECT_EQ(reno.window().cwnd, 10 * kMss);
}

TEST(Reno, HasNoRateOfItsOwn) {
  EXPECT_EQ(started().pacing_rate(), std::nullopt);
}

TEST(Reno, DescribesItsVariables) {
  struct Values : Describer {
    void value(const char* name, std::uint64_t value) override { values[name] = value; }
    void since(const char*, Instant) override {}
    std::map<std::string, std::uint64_t> values;
  } description;
  Reno reno = in_congestion_avoidance(20 * kMss);
  acked(reno, 3 * kMss + 300);
  reno.describe(description);
  EXPECT_THAT(description.values,
              testing::IsSupersetOf({testing::Pair("credit", 3U), testing::Pair("octets", 300U),
                                     testing::Pair("cwnd", 20U), testing::Pair("ssthresh", 20U)}));
  EXPECT_STREQ(reno.name(), "reno");
}

// A user's own controller, as large as is allowed, that says when it is destroyed.
class Fixed final : public Controller {
 public:
  explicit Fixed(std::weak_ptr<int>& watch) noexcept : alive_(std::make_shared<int>(0)) {
    watch = alive_;
  }
  const char* name() const override { return "fixed"; }
  void init(const Start& start) override { mss_ = start.mss; }
  void on_mss_change(std::uint32_t mss) override { mss_ = mss; }
  void on_sent(Instant, std::uint32_t, std::uint32_t) override {}
  void on_ack(const AckSample&) override {}
  void on_loss(const LossEvent&) override {}
  void on_congestion_mark(const LossEvent&) override {}
  void on_timeout(const LossEvent&) override {}
  void on_recovery_exit(Instant) override {}
  void on_spurious_loss() override {}
  void on_idle(const IdlePeriod&) override {}
  Window window() const override { return {.cwnd = 4 * mss_, .ssthresh = 4 * mss_}; }
  std::optional<Rate> pacing_rate() const override { return Rate{.octets_per_second = 1000}; }
  std::uint32_t send_quantum() const override { return mss_; }
  void describe(Describer&) const override {}

 private:
  std::shared_ptr<int> alive_;
  std::uint32_t mss_ = 0;
  [[maybe_unused]] std::byte rest_[AnyController::kMostOctets - 32]{};
};
static_assert(sizeof(Fixed) == AnyController::kMostOctets);

TEST(AnyController, StartsAsReno) {
  const AnyController controller;
  EXPECT_STREQ(controller->name(), "reno");
}

TEST(AnyController, HoldsAnyControllerAndDestroysWhatItHeld) {
  std::weak_ptr<int> watch;
  AnyController controller;

  controller.emplace<Fixed>(watch);
  controller->init({.mss = 500});
  EXPECT_STREQ(controller->name(), "fixed");
  EXPECT_EQ(controller->window().cwnd, 2000U);
  EXPECT_FALSE(watch.expired());

  controller.emplace<Reno>();
  EXPECT_TRUE(watch.expired());
  EXPECT_STREQ(controller->name(), "reno");
}

TEST(AnyController, DestroysItsControllerWithItself) {
  std::weak_ptr<int> watch;
  {
    AnyController controller;
    controller.emplace<Fixed>(watch);
  }
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace tuntcp::tcp::congestion
