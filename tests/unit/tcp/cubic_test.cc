// RFC 9438 in Linux's numbers. What is true of every controller and of every loss-based one is
// tested by the conformance suites; here is what is CUBIC's own. Numbers of segments were seen from
// Linux 6.18 (the scripts of tests/scripts/cubic run on it, too), curves come from the RFC's
// equations.
#include "stack/tcp/congestion/cubic.h"

#include <cmath>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/tcp/loss_based_conformance.h"

namespace tuntcp::tcp::congestion {
namespace {

struct TheCubic {
  using Type = Cubic;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Cubic, ControllerConformance, TheCubic);
INSTANTIATE_TYPED_TEST_SUITE_P(Cubic, LossBasedConformance, TheCubic);

struct Values : Describer {
  void value(const char* name, std::uint64_t value) override { values[name] = value; }
  void since(const char*, Instant) override {}
  std::map<std::string, std::uint64_t> values;
};

class CubicTest : public testing::Test {
 protected:
  CubicTest() { start({}); }

  void start(Start start) {
    start.mss = kMss;
    start.now = now_;
    cubic_.init(start);
  }
  std::uint32_t cwnd() const { return cubic_.window().cwnd / kMss; }
  std::uint32_t ssthresh() const { return cubic_.window().ssthresh / kMss; }
  std::uint64_t described(const char* name) const {
    Values values;
    cubic_.describe(values);
    return values.values.at(name);
  }

  void acked(std::uint32_t segments, std::optional<Duration> rtt = {}) {
    cubic_.on_ack({.now = now_,
                   .newly_acked = segments * kMss,
                   .newly_delivered = segments * kMss,
                   .rtt = rtt,
                   .srtt = rtt.value_or(Duration::zero()),
                   .mss = kMss,
                   .is_cwnd_limited = true});
  }
  // A window's worth of ACKs, evenly over a round trip.
  void one_round(Duration rtt) {
    const std::uint32_t segments = cwnd();
    for (std::uint32_t i = 0; i < segments; ++i) {
      now_ += rtt / segments;
      acked(1, rtt);
    }
  }
  void lose() {
    cubic_.on_loss({.now = now_, .in_flight = cubic_.window().cwnd});
    cubic_.on_recovery_exit(now_);
  }
  // In congestion avoidance after a loss at this window.
  void lose_at(std::uint32_t segments) {
    start({.segments = segments, .exit = SlowStartExit::by_loss});
    lose();
  }

  Cubic cubic_;
  Instant now_ = Instant() + 10_s;
};

TEST_F(CubicTest, CubeRootIsExact) {
  SeededRandom random(9438);
  std::uint64_t n = 0;
  for (int i = 0; i < 100000; ++i) {
    const std::uint64_t root = cube_root(n);
    EXPECT_LE(root * root * root, n);
    EXPECT_GT((root + 1) * (root + 1) * (root + 1), n);
    n = random.next() >> (random.next() % 62 + 2);
  }
}

// 4.6, with 717/1024 of whole segments.
TEST_F(CubicTest, LossLeavesSevenTenthsInWholeSegments) {
  lose();
  EXPECT_EQ(cwnd(), 7U);
  EXPECT_EQ(ssthresh(), 7U);
  for (const auto& [before, after] : {std::pair{13U, 9U}, {100U, 70U}, {1000U, 700U}, {2U, 2U}}) {
    lose_at(before);
    EXPECT_EQ(cwnd(), after) << before;
  }
}

// Linux, field notes: 7 in flight of 10 after ECE.
TEST_F(CubicTest, MarkLeavesSevenTenthsOrMoreWithAbe) {
  cubic_.on_congestion_mark({.now = now_, .in_flight = 10 * kMss});
  EXPECT_EQ(cwnd(), 7U);
  // RFC 8511, 3: 0.85 for CUBIC.
  start({.segments = 100, .abe = true});
  cubic_.on_congestion_mark({.now = now_, .in_flight = 100 * kMss});
  EXPECT_EQ(cwnd(), 85U);
  start({.segments = 100, .abe = true});
  lose();
  EXPECT_EQ(cwnd(), 70U);
}

// 4.7: a flow that lost below its last maximum aims at (1 + beta)/2 of where it lost.
TEST_F(CubicTest, FastConvergenceLeavesRoom) {
  lose_at(1000);
  EXPECT_EQ(described("w_max"), 1000U);
  lose();  // at 700
  EXPECT_EQ(described("w_max"), 700U * 1741 / 2048);
  EXPECT_EQ(cwnd(), 490U);
}

// 4.2, equations 1 and 2, and 4.3 where W_est is above that.
TEST_F(CubicTest, WindowFollowsTheCubicFunction) {
  for (const std::uint32_t w_max : {200U, 1000U, 5000U}) {
    for (const Duration rtt : {50_ms, 100_ms, 200_ms}) {
      lose_at(w_max);
      const double epoch_cwnd = cwnd();
      const double k = std::cbrt((w_max - epoch_cwnd) / 0.4);
      acked(1, rtt);  // the epoch begins
      const Instant begun = now_;
      const double most = 1.5 * k;
      int rounds = 0;
      for (double t = 0; t < most; ++rounds) {
        one_round(rtt);
        t = (now_ - begun).count_s();
        const double w_est = epoch_cwnd + 8.0 / 15 * t / rtt.count_s();
        const auto w_cubic = [&](double at) { return 0.4 * std::pow(at - k, 3) + w_max; };
        // The window aims at where the function will be a round trip later (4.2).
        ASSERT_GE(cwnd() + 2.0, 0.97 * w_cubic(t)) << w_max << " at " << t << " of " << k;
        ASSERT_LE(cwnd(), 1.03 * std::max(w_cubic(t + rtt.count_s()), w_est) + 2.0)
            << w_max << " at " << t << " of " << k;
      }
      EXPECT_GT(rounds, 5);
    }
  }
}

// 4.3: with a short round trip and a small window it grows like Reno with beta 0.7: alpha_cubic =
// 3 (1 - beta)/(1 + beta) = 0.53 segments a round trip.
TEST_F(CubicTest, IsNoSlowerThanRenoOnShortPaths) {
  lose_at(40);
  const std::uint32_t before = cwnd();
  for (int i = 0; i < 50; ++i) one_round(20_ms);
  EXPECT_NEAR(cwnd(), before + 50 * 0.53, 2);
}

// 4.8 and Linux: after a timeout and the slow start to 7 a segment for each 20 acknowledged, or
// sooner by W_est. The ACKs of google/packetdrill's cubic-rto-ss-ca-cwnd-bump.pkt, which Linux
// passes: bursts of seven, 2 ms apart; the sixteenth makes 8 of 7.
TEST_F(CubicTest, AfterATimeoutTheWindowGrowsAsLinuxs) {
  cubic_.on_timeout({.now = now_, .in_flight = kMss});
  EXPECT_EQ(cwnd(), 1U);
  EXPECT_EQ(ssthresh(), 7U);
  for (std::uint32_t i = 2; i <= 7; ++i) {
    now_ += 30_ms;
    acked(1, 100_ms);
    EXPECT_EQ(cwnd(), i);
  }
  const int gaps_ms[] = {2, 98, 2, 2, 2, 2, 2, 2, 98, 3, 2, 2, 2, 2, 2};
  for (const int gap : gaps_ms) {
    now_ += Duration::milliseconds(gap);
    acked(1, 100_ms);
    EXPECT_EQ(cwnd(), 7U);
  }
  now_ += 98_ms;
  acked(1, 100_ms);
  EXPECT_EQ(cwnd(), 8U);
}

// 4.2's bound on the growth in a round trip, as Linux has it (cubic-bulk-166k.pkt): one for two.
TEST_F(CubicTest, NeverGrowsFasterThanASegmentForTwo) {
  lose_at(20);
  acked(1, 100_ms);
  now_ += 60_s;
  acked(2);
  for (int i = 0; i < 100; ++i) {
    const std::uint32_t before = cwnd();
    now_ += 100_ms;
    acked(2);
    EXPECT_EQ(cwnd(), before + 1);
  }
}

// A pause is no time in which the window was tested: RFC 9438, 5.8;
// cubic-bulk-166k-idle-restart.pkt.
TEST_F(CubicTest, TimeWithNothingInFlightDoesNotCount) {
  std::uint32_t reached[2] = {};
  for (const bool pauses : {false, true}) {
    lose_at(100);
    cubic_.on_sent(now_, kMss, kMss);
    for (int i = 0; i < 10; ++i) one_round(100_ms);
    cubic_.on_sent(now_, kMss, kMss);
    if (pauses) {
      now_ += 60_s;
      cubic_.on_sent(now_, kMss, 0);
    }
    for (int i = 0; i < 10; ++i) one_round(100_ms);
    reached[pauses] = cwnd();
  }
  EXPECT_EQ(reached[0], reached[1]);
}

// The engine may read the ACKs of a whole window before it sends again.
TEST_F(CubicTest, WindowThatIsAcknowledgedAtOnceIsNoPause) {
  lose_at(100);
  for (int i = 0; i < 100; ++i) {
    now_ += 200_ms;
    acked(cwnd(), 200_ms);
    cubic_.on_sent(now_, kMss, 0);
  }
  // By 20 s the function (4.2) is far beyond K; W_est alone would be at 70 + 100 * 0.53.
  EXPECT_GT(cwnd(), 1000U);
}

// An epoch of months, windows of millions of small segments.
TEST_F(CubicTest, NothingOverflows) {
  cubic_.init({.mss = 1, .segments = 1U << 29, .now = now_});
  lose();
  for (int i = 0; i < 1000; ++i) {
    const std::uint32_t before = cubic_.window().cwnd;
    now_ += Duration::seconds(std::int64_t{3600} * i);
    cubic_.on_ack({.now = now_,
                   .newly_delivered = 1U << 30,
                   .rtt = 100_s,
                   .mss = 1,
                   .is_cwnd_limited = true});
    ASSERT_GE(cubic_.window().cwnd, before);
    ASSERT_LE(cubic_.window().cwnd, 1U << 30);
  }
  lose();
  EXPECT_GE(cubic_.window().cwnd, 1U << 29);
}

// google/packetdrill's cubic-hystart-delay-rtt-jumps-upward.pkt: the ninth sample of a round that
// is an eighth longer ends slow start, at 36.
TEST_F(CubicTest, HystartEndsSlowStartWhenRoundTripsGrow) {
  now_ += 200_ms;
  cubic_.on_ack({.now = now_,
                 .newly_delivered = 10 * kMss,
                 .rtt = 200_ms,
                 .srtt = 200_ms,
                 .mss = kMss,
                 .is_cwnd_limited = true,
                 .round_started = true});
  EXPECT_EQ(cwnd(), 20U);
  now_ += 240_ms;
  for (unsigned i = 0; i < 10; ++i) {
    cubic_.on_ack({.now = now_,
                   .newly_delivered = 2 * kMss,
                   .rtt = Duration::milliseconds(240 + i),
                   .srtt = 205_ms,
                   .mss = kMss,
                   .is_cwnd_limited = true,
                   .round_started = i == 0});
    now_ += 1_ms;
    EXPECT_EQ(cwnd(), i < 8 ? 22 + 2 * i : 36U) << i;
    const auto exit = cubic_.take_early_exit();
    ASSERT_EQ(exit.has_value(), i == 8) << i;
    if (exit) {
      EXPECT_EQ(exit->by, EarlyExit::By::delay);
      EXPECT_EQ(exit->cwnd_segments, 36U);
    }
  }
  EXPECT_EQ(ssthresh(), 36U);
}

// tcp_cubic_hystart 0.
TEST_F(CubicTest, WithoutHystartOnlyALossEndsSlowStart) {
  start({.exit = SlowStartExit::by_loss});
  for (int i = 1; i <= 10; ++i) one_round(Duration::milliseconds(100 * i));
  EXPECT_EQ(cubic_.window().ssthresh, kInfiniteSsthresh);
  EXPECT_EQ(cwnd(), 10U << 10);
}

// RFC 9406, 4.3: "only for the initial slow start".
TEST_F(CubicTest, HystartPlusPlusIsForTheFirstSlowStart) {
  start({.exit = SlowStartExit::hystart_plus_plus});
  cubic_.on_timeout({.now = now_, .in_flight = 10 * kMss});
  cubic_.on_recovery_exit(now_);
  for (int i = 1; i <= 3; ++i) {
    const std::uint32_t before = cwnd();
    one_round(Duration::milliseconds(100 * i));
    EXPECT_EQ(cwnd(), std::min(2 * before, 7U));
  }
}

}  // namespace
}  // namespace tuntcp::tcp::congestion
