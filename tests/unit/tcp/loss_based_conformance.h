// What a congestion controller must do that slows down when something is lost, besides what all of
// them must (controller_conformance.h): RFC 5681 and what it builds upon. A controller's own test
// says
//
//   INSTANTIATE_TYPED_TEST_SUITE_P(Algorithm, LossBasedConformance, TheAlgorithm);
#pragma once

#include "tests/unit/tcp/controller_conformance.h"

namespace tuntcp::tcp::congestion {

template <class The>
class LossBasedConformance : public ControllerConformance<The> {};

TYPED_TEST_SUITE_P(LossBasedConformance);

// RFC 5681, 3.1: in slow start the window about doubles in a round trip, and never does more.
TYPED_TEST_P(LossBasedConformance, SlowStartAtMostDoublesInARound) {
  this->one_round();
  EXPECT_GT(this->cwnd(), 15 * kMss);
  EXPECT_LE(this->cwnd(), 20 * kMss);
}

// The window has not been tested, so it must not grow (RFC 7661, 4.2).
TYPED_TEST_P(LossBasedConformance, NeverGrowsWhileTheApplicationSetsThePace) {
  const std::uint32_t before = this->cwnd();
  AckSample ack = this->ack(kMss);
  ack.is_cwnd_limited = false;
  for (int i = 0; i < 1000; ++i) this->controller().on_ack(ack);
  EXPECT_EQ(this->cwnd(), before);
}

TYPED_TEST_P(LossBasedConformance, NeverGrowsInFastRecovery) {
  this->controller().on_loss(this->loss(this->cwnd()));
  const std::uint32_t before = this->cwnd();
  AckSample ack = this->ack(kMss);
  ack.episode = Episode::recovery;
  for (int i = 0; i < 1000; ++i) this->controller().on_ack(ack);
  EXPECT_LE(this->cwnd(), before);
}

// RFC 5681, 3.1: after a loss the sender slows down, to not less than two segments.
TYPED_TEST_P(LossBasedConformance, LossReducesTheWindowAndLeavesTwoSegments) {
  const std::uint32_t before = this->cwnd();
  this->lose_and_recover();
  EXPECT_LT(this->cwnd(), before);
  for (int i = 0; i < 100; ++i) this->lose_and_recover();
  EXPECT_GE(this->cwnd(), 2 * kMss);
  EXPECT_GE(this->ssthresh(), 2 * kMss);
}

// One reduction per round trip of losses, not one per lost segment (RFC 6582, 3.2).
TYPED_TEST_P(LossBasedConformance, SecondLossOfAnEpisodeCostsNothingMore) {
  this->controller().on_loss(this->loss(this->cwnd()));
  const Window after_first = this->controller().window();
  this->controller().on_loss(this->loss(this->cwnd()));
  EXPECT_EQ(this->cwnd(), after_first.cwnd);
  EXPECT_EQ(this->ssthresh(), after_first.ssthresh);
}

TYPED_TEST_P(LossBasedConformance, LossNeverRaisesTheWindow) {
  const std::uint32_t before = this->cwnd();
  this->controller().on_loss(this->loss(100 * before));
  EXPECT_LE(this->cwnd(), before);
}

// RFC 5681, 3.1: "cwnd MUST be set to no more than the loss window, LW, which equals 1 full-sized
// segment".
TYPED_TEST_P(LossBasedConformance, TimeoutLeavesOneSegment) {
  this->controller().on_timeout(this->loss(this->cwnd()));
  EXPECT_EQ(this->cwnd(), kMss);
}

// RFC 5681, 3.1: ssthresh "is held constant" while a segment times out again and again.
TYPED_TEST_P(LossBasedConformance, FurtherTimeoutsHoldSsthresh) {
  this->controller().on_timeout(this->loss(this->cwnd()));
  const std::uint32_t after_first = this->ssthresh();
  this->controller().on_timeout(this->back_off());
  this->controller().on_timeout(this->back_off());
  EXPECT_EQ(this->ssthresh(), after_first);
  EXPECT_EQ(this->cwnd(), kMss);
}

// RFC 4015, 3.2 and its kin: what was taken for a loss that never was is given back.
TYPED_TEST_P(LossBasedConformance, SpuriousFastRetransmitIsUndone) {
  this->one_round();
  const Window before = this->controller().window();
  this->controller().on_loss(this->loss(before.cwnd));
  this->controller().on_spurious_loss();
  EXPECT_EQ(this->cwnd(), before.cwnd);
  EXPECT_EQ(this->ssthresh(), before.ssthresh);
}

TYPED_TEST_P(LossBasedConformance, SpuriousTimeoutIsUndoneEvenAfterABackOff) {
  this->one_round();
  const Window before = this->controller().window();
  this->controller().on_timeout(this->loss(before.cwnd));
  this->controller().on_timeout(this->back_off());
  this->controller().on_spurious_loss();
  EXPECT_EQ(this->cwnd(), before.cwnd);
  EXPECT_EQ(this->ssthresh(), before.ssthresh);
}

TYPED_TEST_P(LossBasedConformance, UndoWithoutAnEpisodeChangesNothing) {
  this->one_round();
  const Window before = this->controller().window();
  this->controller().on_spurious_loss();
  EXPECT_EQ(this->cwnd(), before.cwnd);
  EXPECT_EQ(this->ssthresh(), before.ssthresh);
}

// A D-SACK may come when the episode is over (Linux: tcp_try_undo_dsack); it counts once.
TYPED_TEST_P(LossBasedConformance, LateUndoGivesBackTheWindowOnce) {
  this->one_round();
  const std::uint32_t before = this->cwnd();
  this->lose_and_recover();
  this->controller().on_spurious_loss();
  EXPECT_EQ(this->cwnd(), before);
  this->controller().on_timeout(this->loss(before));
  this->controller().on_spurious_loss();
  const Window again = this->controller().window();
  this->controller().on_spurious_loss();
  EXPECT_EQ(this->cwnd(), again.cwnd);
  EXPECT_EQ(this->ssthresh(), again.ssthresh);
}

// RFC 6675's pipe: SACKed text has left, so more than the loss window is not lost at a timeout.
TYPED_TEST_P(LossBasedConformance, TimeoutLeavesOneSegmentBeyondWhatIsInFlight) {
  LossEvent loss = this->loss(this->cwnd());
  loss.in_flight_now = 2 * kMss + 1;
  this->controller().on_timeout(loss);
  EXPECT_EQ(this->cwnd(), 4 * kMss);
}

// RFC 5681, 3.1: another segment than the one that timed out before is another loss.
TYPED_TEST_P(LossBasedConformance, TimeoutOfAnotherSegmentReducesAgain) {
  for (int i = 0; i < 3; ++i) this->one_round();
  this->controller().on_timeout(this->loss(this->cwnd()));
  const std::uint32_t first = this->ssthresh();
  this->one_round();
  this->one_round();
  this->controller().on_timeout(this->loss(this->cwnd()));
  EXPECT_LT(this->ssthresh(), first);
}

// A controller that comes in the middle of an episode does not let the flow pay twice.
TYPED_TEST_P(LossBasedConformance, TakesOverAnEpisode) {
  this->controller().init({.mss = kMss,
                           .segments = 20,
                           .now = this->now(),
                           .ssthresh = 20 * kMss,
                           .episode = Episode::recovery});
  this->controller().on_loss(this->loss(20 * kMss));
  EXPECT_EQ(this->cwnd(), 20 * kMss);
}

// RFC 5681, 4.1: after a long pause not more than the restart window leaves at once.
TYPED_TEST_P(LossBasedConformance, LongPauseEndsWithTheInitialWindowAtMost) {
  for (int i = 0; i < 4; ++i) this->one_round();
  ASSERT_GT(this->cwnd(), 40 * kMss);
  this->controller().on_idle({.now = this->now(), .idle = 3600_s, .rto = 300_ms});
  EXPECT_LE(this->cwnd(), 10 * kMss);
  EXPECT_GE(this->cwnd(), 2 * kMss);
}

TYPED_TEST_P(LossBasedConformance, PauseNeverRaisesTheWindow) {
  this->controller().on_timeout(this->loss(this->cwnd()));
  this->controller().on_recovery_exit(this->now());
  this->controller().on_idle({.now = this->now(), .idle = 3600_s, .rto = 300_ms});
  EXPECT_LE(this->cwnd(), kMss);
}

TYPED_TEST_P(LossBasedConformance, WindowMovesTheRightWayInEveryOrderOfEvents) {
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
    ASSERT_GE(this->ssthresh(), 2 * kMss);
  }
  EXPECT_GT(episodes, 500U);
}

REGISTER_TYPED_TEST_SUITE_P(LossBasedConformance, SlowStartAtMostDoublesInARound,
                            NeverGrowsWhileTheApplicationSetsThePace, NeverGrowsInFastRecovery,
                            LossReducesTheWindowAndLeavesTwoSegments,
                            SecondLossOfAnEpisodeCostsNothingMore, LossNeverRaisesTheWindow,
                            TimeoutLeavesOneSegment, FurtherTimeoutsHoldSsthresh,
                            SpuriousFastRetransmitIsUndone,
                            SpuriousTimeoutIsUndoneEvenAfterABackOff,
                            UndoWithoutAnEpisodeChangesNothing, LateUndoGivesBackTheWindowOnce,
                            TimeoutLeavesOneSegmentBeyondWhatIsInFlight,
                            TimeoutOfAnotherSegmentReducesAgain, TakesOverAnEpisode,
                            LongPauseEndsWithTheInitialWindowAtMost, PauseNeverRaisesTheWindow,
                            WindowMovesTheRightWayInEveryOrderOfEvents);

}  // namespace tuntcp::tcp::congestion
