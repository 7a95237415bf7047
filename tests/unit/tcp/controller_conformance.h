// What every congestion controller must do, whatever its algorithm. A controller's own test says
//
//   struct TheAlgorithm { using Type = Algorithm; };
//   INSTANTIATE_TYPED_TEST_SUITE_P(Algorithm, ControllerConformance, TheAlgorithm);
//
// (GoogleTest prints its parameter's typeid, and the core, which is compiled without RTTI, has none
// for its own classes.)
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

#include "stack/base/random.h"
#include "stack/tcp/congestion/any_controller.h"

namespace tuntcp::tcp::congestion {

inline constexpr std::uint32_t kMss = 1000;

// A controller and just enough of a connection around it to call it in a possible order.
template <class The>
class ControllerConformance : public testing::Test {
 protected:
  ControllerConformance() {
    any_.template emplace<typename The::Type>();
    any_->init({.mss = kMss});
  }

  Controller& controller() { return *any_; }
  std::uint32_t cwnd() { return controller().window().cwnd; }
  std::uint32_t ssthresh() { return controller().window().ssthresh; }

  // `octets` were acknowledged while the window was full.
  AckSample ack(std::uint32_t octets) {
    now_ += 10_ms;
    const std::uint32_t flight = std::max(cwnd(), octets);
    return {.now = now_,
            .newly_acked = octets,
            .newly_delivered = octets,
            .in_flight_before = flight,
            .in_flight_now = flight - octets,
            .rtt = 100_ms,
            .mss = kMss,
            .is_cwnd_limited = true};
  }
  // A whole window, a segment per ACK: one round trip.
  void one_round() {
    for (std::uint32_t left = cwnd(); left > 0; left -= std::min(left, kMss)) {
      controller().on_ack(ack(std::min(left, kMss)));
    }
  }
  LossEvent loss(std::uint32_t in_flight) {
    return {.now = now_, .lost = kMss, .in_flight = in_flight};
  }
  void lose_and_recover() {
    controller().on_loss(loss(cwnd()));
    controller().on_recovery_exit(now_);
  }
  Instant now() const { return now_; }

 private:
  // The controller lives where it lives in a connection.
  AnyController any_;
  Instant now_ = Instant() + 1_s;
};

TYPED_TEST_SUITE_P(ControllerConformance);

// RFC 6928, 2.
TYPED_TEST_P(ControllerConformance, StartsWithTheInitialWindowInSlowStart) {
  EXPECT_EQ(this->cwnd(), 10 * kMss);
  EXPECT_EQ(this->ssthresh(), kInfiniteSsthresh);
}

TYPED_TEST_P(ControllerConformance, InitMakesItNewAgain) {
  this->one_round();
  this->controller().on_timeout(this->loss(this->cwnd()));
  this->controller().init({.mss = kMss});
  EXPECT_EQ(this->cwnd(), 10 * kMss);
  EXPECT_EQ(this->ssthresh(), kInfiniteSsthresh);
}

// RFC 5681, 3.1: in slow start the window about doubles in a round trip, and never does more.
TYPED_TEST_P(ControllerConformance, SlowStartAtMostDoublesInARound) {
  this->one_round();
  EXPECT_GT(this->cwnd(), 15 * kMss);
  EXPECT_LE(this->cwnd(), 20 * kMss);
}

// The window has not been tested, so it must not grow (RFC 7661, 4.2).
TYPED_TEST_P(ControllerConformance, NeverGrowsWhileTheApplicationSetsThePace) {
  const std::uint32_t before = this->cwnd();
  AckSample ack = this->ack(kMss);
  ack.is_cwnd_limited = false;
  for (int i = 0; i < 1000; ++i) this->controller().on_ack(ack);
  EXPECT_EQ(this->cwnd(), before);
}

TYPED_TEST_P(ControllerConformance, NeverGrowsInFastRecovery) {
  this->controller().on_loss(this->loss(this->cwnd()));
  const std::uint32_t before = this->cwnd();
  AckSample ack = this->ack(kMss);
  ack.episode = Episode::recovery;
  for (int i = 0; i < 1000; ++i) this->controller().on_ack(ack);
  EXPECT_LE(this->cwnd(), before);
}

// RFC 5681, 3.1: after a loss the sender slows down, to not less than two segments.
TYPED_TEST_P(ControllerConformance, LossReducesTheWindowAndLeavesTwoSegments) {
  const std::uint32_t before = this->cwnd();
  this->lose_and_recover();
  EXPECT_LT(this->cwnd(), before);
  for (int i = 0; i < 100; ++i) this->lose_and_recover();
  EXPECT_GE(this->cwnd(), 2 * kMss);
  EXPECT_GE(this->ssthresh(), 2 * kMss);
}

// One reduction per round trip of losses, not one per lost segment (RFC 6582, 3.2).
TYPED_TEST_P(ControllerConformance, SecondLossOfAnEpisodeCostsNothingMore) {
  this->controller().on_loss(this->loss(this->cwnd()));
  const Window after_first = this->controller().window();
  this->controller().on_loss(this->loss(this->cwnd()));
  EXPECT_EQ(this->cwnd(), after_first.cwnd);
  EXPECT_EQ(this->ssthresh(), after_first.ssthresh);
}

TYPED_TEST_P(ControllerConformance, LossNeverRaisesTheWindow) {
  const std::uint32_t before = this->cwnd();
  this->controller().on_loss(this->loss(100 * before));
  EXPECT_LE(this->cwnd(), before);
}

// RFC 5681, 3.1: "cwnd MUST be set to no more than the loss window, LW, which equals 1 full-sized
// segment".
TYPED_TEST_P(ControllerConformance, TimeoutLeavesOneSegment) {
  this->controller().on_timeout(this->loss(this->cwnd()));
  EXPECT_EQ(this->cwnd(), kMss);
}

// RFC 5681, 3.1: ssthresh "is held constant" while a segment times out again and again.
TYPED_TEST_P(ControllerConformance, FurtherTimeoutsHoldSsthresh) {
  this->controller().on_timeout(this->loss(this->cwnd()));
  const std::uint32_t after_first = this->ssthresh();
  this->controller().on_timeout(this->loss(kMss));
  this->controller().on_timeout(this->loss(kMss));
  EXPECT_EQ(this->ssthresh(), after_first);
  EXPECT_EQ(this->cwnd(), kMss);
}

TYPED_TEST_P(ControllerConformance, GrowsAgainAfterATimeout) {
  this->controller().on_timeout(this->loss(this->cwnd()));
  this->one_round();
  EXPECT_EQ(this->cwnd(), 2 * kMss);
  this->controller().on_recovery_exit(this->now());
  this->one_round();
  EXPECT_GT(this->cwnd(), 2 * kMss);
}

// RFC 4015, 3.2 and its kin: what was taken for a loss that never was is given back.
TYPED_TEST_P(ControllerConformance, SpuriousFastRetransmitIsUndone) {
  this->one_round();
  const Window before = this->controller().window();
  this->controller().on_loss(this->loss(before.cwnd));
  this->controller().on_spurious_loss();
  EXPECT_EQ(this->cwnd(), before.cwnd);
  EXPECT_EQ(this->ssthresh(), before.ssthresh);
}

TYPED_TEST_P(ControllerConformance, SpuriousTimeoutIsUndoneEvenAfterABackOff) {
  this->one_round();
  const Window before = this->controller().window();
  this->controller().on_timeout(this->loss(before.cwnd));
  this->controller().on_timeout(this->loss(before.cwnd));
  this->controller().on_spurious_loss();
  EXPECT_EQ(this->cwnd(), before.cwnd);
  EXPECT_EQ(this->ssthresh(), before.ssthresh);
}

TYPED_TEST_P(ControllerConformance, UndoWithoutAnEpisodeChangesNothing) {
  this->lose_and_recover();
  const Window before = this->controller().window();
  this->controller().on_spurious_loss();
  EXPECT_EQ(this->cwnd(), before.cwnd);
  EXPECT_EQ(this->ssthresh(), before.ssthresh);
}

// RFC 5681, 4.1: after a long pause not more than the restart window leaves at once.
TYPED_TEST_P(ControllerConformance, LongPauseEndsWithTheInitialWindowAtMost) {
  for (int i = 0; i < 4; ++i) this->one_round();
  ASSERT_GT(this->cwnd(), 40 * kMss);
  this->controller().on_idle({.now = this->now(), .idle = 3600_s, .rto = 300_ms});
  EXPECT_LE(this->cwnd(), 10 * kMss);
  EXPECT_GE(this->cwnd(), 2 * kMss);
}

TYPED_TEST_P(ControllerConformance, PauseNeverRaisesTheWindow) {
  this->controller().on_timeout(this->loss(this->cwnd()));
  this->controller().on_recovery_exit(this->now());
  this->controller().on_idle({.now = this->now(), .idle = 3600_s, .rto = 300_ms});
  EXPECT_LE(this->cwnd(), kMss);
}

// RFC 5681, 3.1, and the bounds of window(): smaller segments must not become a larger burst.
TYPED_TEST_P(ControllerConformance, SmallerSegmentsShrinkTheWindowInProportion) {
  this->one_round();
  const std::uint32_t segments = this->cwnd() / kMss;
  this->controller().on_mss_change(kMss / 2);
  EXPECT_EQ(this->cwnd() / (kMss / 2), segments);
}

TYPED_TEST_P(ControllerConformance, WindowHoldsAtLeastOneSegmentOfWhateverSize) {
  this->controller().on_timeout(this->loss(this->cwnd()));
  this->controller().on_mss_change(65000);
  EXPECT_GE(this->cwnd(), 65000U);
  EXPECT_GE(this->ssthresh(), 2 * 65000U);
}

// Nothing overflows: the window stays where two of it can be added in 32 bits.
TYPED_TEST_P(ControllerConformance, WindowStaysWithinThirtyTwoBits) {
  std::uint32_t last = this->cwnd();
  for (int i = 0; i < 100; ++i) {
    this->controller().on_ack(this->ack(std::numeric_limits<std::uint32_t>::max()));
    EXPECT_GE(this->cwnd(), last);
    last = this->cwnd();
  }
  EXPECT_LE(last, 1U << 30);
}

// A thousand events in a random order that a connection could produce.
TYPED_TEST_P(ControllerConformance, InvariantsHoldInEveryOrderOfEvents) {
  SeededRandom random(20240817);
  std::uint32_t episodes = 0;
  bool in_recovery = false;
  for (int i = 0; i < 20000; ++i) {
    const std::uint32_t before = this->cwnd();
    AckSample ack = this->ack(static_cast<std::uint32_t>(random.next() % (3 * kMss) + 1));
    switch (random.next() % 40) {
      case 0:
        this->controller().on_loss(this->loss(before));
        in_recovery = true;
        ++episodes;
        break;
      case 1:
        this->controller().on_timeout(this->loss(before));
        EXPECT_EQ(this->cwnd(), kMss);
        in_recovery = false;
        ++episodes;
        break;
      case 2:
        this->controller().on_recovery_exit(this->now());
        in_recovery = false;
        break;
      case 3:
        this->controller().on_spurious_loss();
        EXPECT_GE(this->cwnd(), before);
        in_recovery = false;
        break;
      case 4:
        this->controller().on_idle({.now = this->now(), .idle = 2_s, .rto = 300_ms});
        EXPECT_LE(this->cwnd(), before);
        break;
      default:
        ack.episode = in_recovery ? Episode::recovery : Episode::open;
        ack.is_cwnd_limited = random.next() % 4 != 0;
        this->controller().on_ack(ack);
        EXPECT_LE(this->cwnd(), before + ack.newly_acked + kMss);
        if (!ack.is_cwnd_limited || in_recovery) {
          EXPECT_LE(this->cwnd(), before);
        }
    }
    ASSERT_GE(this->cwnd(), kMss);
    ASSERT_LE(this->cwnd(), 1U << 30);
    ASSERT_GE(this->ssthresh(), 2 * kMss);
    ASSERT_GT(this->controller().send_quantum(), 0U);
  }
  EXPECT_GT(episodes, 500U);
}

REGISTER_TYPED_TEST_SUITE_P(
    ControllerConformance, StartsWithTheInitialWindowInSlowStart, InitMakesItNewAgain,
    SlowStartAtMostDoublesInARound, NeverGrowsWhileTheApplicationSetsThePace,
    NeverGrowsInFastRecovery, LossReducesTheWindowAndLeavesTwoSegments,
    SecondLossOfAnEpisodeCostsNothingMore, LossNeverRaisesTheWindow, TimeoutLeavesOneSegment,
    FurtherTimeoutsHoldSsthresh, GrowsAgainAfterATimeout, SpuriousFastRetransmitIsUndone,
    SpuriousTimeoutIsUndoneEvenAfterABackOff, UndoWithoutAnEpisodeChangesNothing,
    LongPauseEndsWithTheInitialWindowAtMost, PauseNeverRaisesTheWindow,
    SmallerSegmentsShrinkTheWindowInProportion, WindowHoldsAtLeastOneSegmentOfWhateverSize,
    WindowStaysWithinThirtyTwoBits, InvariantsHoldInEveryOrderOfEvents);

}  // namespace tuntcp::tcp::congestion
