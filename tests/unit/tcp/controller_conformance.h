// What every congestion controller must do, whatever its algorithm. A controller's own test says
//
//   struct TheAlgorithm { using Type = Algorithm; };
//   INSTANTIATE_TYPED_TEST_SUITE_P(Algorithm, ControllerConformance, TheAlgorithm);
//
// and, where it slows down when something is lost, the same of loss_based_conformance.h.
// (GoogleTest prints its parameter's typeid, and the core, which is compiled without RTTI, has none
// for its own classes.)
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
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
    any_->init({.mss = kMss, .now = now_});
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
  LossEvent back_off() { return {.now = now_, .in_flight = kMss, .is_persistent = true}; }
  void lose_and_recover() {
    controller().on_loss(loss(cwnd()));
    controller().on_recovery_exit(now_);
  }
  Instant now() const { return now_; }

 private:
  Instant now_ = Instant() + 1_s;
  // The controller lives where it lives in a connection.
  AnyController any_;
};
TYPED_TEST_SUITE_P(ControllerConformance);

// Linux: TCP_CA_NAME_MAX is 16, with the NUL.
TYPED_TEST_P(ControllerConformance, HasANameThatFitsTheSocketOption) {
  const std::size_t length = std::strlen(this->controller().name());
  EXPECT_GT(length, 0U);
  EXPECT_LT(length, 16U);
}

// RFC 6928, 2.
TYPED_TEST_P(ControllerConformance, StartsWithTheInitialWindowInSlowStart) {
  EXPECT_EQ(this->cwnd(), 10 * kMss);
  EXPECT_EQ(this->ssthresh(), kInfiniteSsthresh);
}

TYPED_TEST_P(ControllerConformance, InitMakesItNewAgain) {
  this->one_round();
  this->controller().on_timeout(this->loss(this->cwnd()));
  this->controller().init({.mss = kMss, .now = this->now()});
  EXPECT_EQ(this->cwnd(), 10 * kMss);
  EXPECT_EQ(this->ssthresh(), kInfiniteSsthresh);
}

TYPED_TEST_P(ControllerConformance, GrowsAgainAfterATimeout) {
  this->controller().on_timeout(this->loss(this->cwnd()));
  this->one_round();
  EXPECT_EQ(this->cwnd(), 2 * kMss);
  this->controller().on_recovery_exit(this->now());
  this->one_round();
  EXPECT_GT(this->cwnd(), 2 * kMss);
}

// The window may have grown beyond what it had been.
TYPED_TEST_P(ControllerConformance, UndoNeverLowersTheWindow) {
  this->controller().on_timeout(this->loss(this->cwnd()));
  for (int i = 0; i < 16; ++i) {
    this->one_round();
    const std::uint32_t before = this->cwnd();
    if (i % 8 == 0) this->controller().on_spurious_loss();
    EXPECT_GE(this->cwnd(), before);
  }
}

// setsockopt(TCP_CONGESTION) on a connection that is under way.
TYPED_TEST_P(ControllerConformance, TakesOverTheWindowOfAnother) {
  this->controller().init({.mss = kMss, .segments = 33, .now = this->now(), .ssthresh = 20 * kMss});
  EXPECT_EQ(this->cwnd(), 33 * kMss);
  EXPECT_EQ(this->ssthresh(), 20 * kMss);
}

TYPED_TEST_P(ControllerConformance, EarlyExitIsToldOnce) {
  unsigned exits = 0;
  for (int i = 0; i < 4; ++i) {
    this->one_round();
    if (this->controller().take_early_exit()) ++exits;
    EXPECT_FALSE(this->controller().take_early_exit());
  }
  EXPECT_LE(exits, 1U);
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

// Thousands of events in an order that a connection could produce.
TYPED_TEST_P(ControllerConformance, BoundsHoldInEveryOrderOfEvents) {
  SeededRandom random(20240817);
  std::uint32_t mss = kMss;
  for (int i = 0; i < 20000; ++i) {
    Controller& controller = this->controller();
    const std::uint32_t before = this->cwnd();
    AckSample ack = this->ack(static_cast<std::uint32_t>(random.next() % (3 * kMss) + 1));
    switch (random.next() % 40) {
      case 0:
        controller.on_loss(this->loss(before));
        break;
      case 1:
        controller.on_timeout(this->loss(before));
        break;
      case 2:
        controller.on_recovery_exit(this->now());
        break;
      case 3:
        controller.on_spurious_loss();
        break;
      case 4:
        controller.on_idle({.now = this->now(), .idle = 2_s, .rto = 300_ms});
        break;
      case 5:
        controller.on_congestion_mark(this->loss(before));
        break;
      case 6:
        mss = static_cast<std::uint32_t>(random.next() % 8 + 1) * kMss / 2;
        controller.on_mss_change(mss);
        break;
      case 7:
        controller.on_sent(this->now(), mss, 0);
        break;
      default:
        ack.mss = mss;
        ack.rtt = Duration::microseconds(static_cast<std::int64_t>(random.next() % 1'000'000));
        ack.episode = static_cast<Episode>(random.next() % 5);
        ack.is_cwnd_limited = random.next() % 4 != 0;
        ack.round_started = random.next() % 8 == 0;
        ack.may_raise = random.next() % 8 != 0;
        controller.on_ack(ack);
    }
    ASSERT_GE(this->cwnd(), mss);
    ASSERT_LE(this->cwnd(), 1U << 30);
    ASSERT_EQ(this->cwnd() % mss, 0U) << "whole segments";
    ASSERT_GE(this->ssthresh(), 2 * mss);
    ASSERT_GT(controller.send_quantum(), 0U);
  }
}

REGISTER_TYPED_TEST_SUITE_P(ControllerConformance, HasANameThatFitsTheSocketOption,
                            StartsWithTheInitialWindowInSlowStart, InitMakesItNewAgain,
                            GrowsAgainAfterATimeout, UndoNeverLowersTheWindow,
                            TakesOverTheWindowOfAnother, EarlyExitIsToldOnce,
                            SmallerSegmentsShrinkTheWindowInProportion,
                            WindowHoldsAtLeastOneSegmentOfWhateverSize,
                            WindowStaysWithinThirtyTwoBits, BoundsHoldInEveryOrderOfEvents);

}  // namespace tuntcp::tcp::congestion
