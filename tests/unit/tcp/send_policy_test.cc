// When text may leave: RFC 9293, 3.7.4 (Nagle) and 3.8.6.2.1 (sender's silly-window avoidance).
#include "stack/tcp/send_policy.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/dice.h"
#include "tests/support/seeds.h"

namespace tuntcp::tcp {
namespace {

// Plenty of everything, so that a test names only what matters to it. One packet carries 10 MSS.
SendRequest request() {
  return {.unsent = 100'000,
          .window_left = 100'000,
          .congestion_left = 100'000,
          .mss = 1000,
          .most = 10'000,
          .max_window = 100'000,
          .may_send_small = true,
          .is_last = false};
}

// 3.8.6.2.1, (1): min(D,U) >= Eff.snd.MSS.
TEST(SendPolicy, FullSegmentsAlwaysLeave) {
  SendRequest r = request();
  r.may_send_small = false;
  EXPECT_EQ(may_send(r), 10'000U);
  r.unsent = 1000;
  EXPECT_EQ(may_send(r), 1000U);
}

// What is left of a window or of the data after full segments is judged for itself.
TEST(SendPolicy, WhatFollowsFullSegmentsWaitsWhereNagleSaysSo) {
  SendRequest r = request();
  r.unsent = 2500;
  EXPECT_EQ(may_send(r), 2500U);
  r.may_send_small = false;
  EXPECT_EQ(may_send(r), 2000U);
}

// (2): "[SND.NXT = SND.UNA and] the data is PUSHED and D <= U"; all queued data is (MUST-61).
TEST(SendPolicy, TheLastOfTheDataLeavesUnlessNagleHoldsIt) {
  SendRequest r = request();
  r.unsent = 1;
  EXPECT_EQ(may_send(r), 1U);
  r.may_send_small = false;
  EXPECT_EQ(may_send(r), 0U);
}

// Nothing will be added to what a CLOSE follows, so waiting for more would gain nothing.
TEST(SendPolicy, NagleDoesNotHoldWhatAFinFollows) {
  SendRequest r = request();
  r.unsent = 1;
  r.may_send_small = false;
  r.is_last = true;
  EXPECT_EQ(may_send(r), 1U);
}

// (3), Fs = 1/2, as Linux has it (tcp_bound_to_half_wnd): half of the largest window is a
// full-sized segment, and of a window of at most 536 octets all of it; 68 octets less a TCP header
// at least.
TEST(SendPolicy, SegmentsAreBoundToHalfOfTheLargestWindow) {
  EXPECT_EQ(bound_to_half_window(1460, 0, 48), 1460U) << "no window is known yet";
  EXPECT_EQ(bound_to_half_window(1460, 2920, 48), 1460U);
  EXPECT_EQ(bound_to_half_window(1460, 2000, 48), 1000U);
  EXPECT_EQ(bound_to_half_window(1460, 537, 48), 268U);
  EXPECT_EQ(bound_to_half_window(1460, 536, 48), 536U);
  EXPECT_EQ(bound_to_half_window(1460, 60, 48), 60U);
  EXPECT_EQ(bound_to_half_window(1460, 1, 48), 48U);
}

// Linux 6.18, measured: of a window of 5,000 and an MSS of 1,000 packets of 2,000, 2,000 and 1,000.
TEST(SendPolicy, APacketTakesNoMoreThanHalfOfTheLargestWindow) {
  SendRequest r = request();
  r.max_window = 5000;
  r.window_left = 5000;
  EXPECT_EQ(may_send(r), 2000U);
  r.max_window = 1500;
  EXPECT_EQ(may_send(r), 1000U) << "never less than a segment";
}

// Linux 6.18, measured: a window that is no multiple of the MSS is filled behind full segments, but
// less than a segment does not leave alone.
TEST(SendPolicy, AnOddWindowIsFilledBehindAFullSegment) {
  SendRequest r = request();
  r.mss = 1460;
  r.most = 64'240;
  r.window_left = 5000;
  EXPECT_EQ(may_send(r), 5000U);
  r.window_left = 1459;
  EXPECT_EQ(may_send(r), 0U) << "the persist timer's business, (4)";
  r.window_left = 5000;
  r.may_send_small = false;
  EXPECT_EQ(may_send(r), 4380U) << "Nagle: one small segment waits for the other";
  r.may_send_small = true;
  r.congestion_left = 4999;
  EXPECT_EQ(may_send(r), 4380U) << "the congestion window ends it";
}

TEST(SendPolicy, APartOfASegmentNeverLeavesBecauseOfTheCongestionWindow) {
  SendRequest r = request();
  r.congestion_left = 2500;
  EXPECT_EQ(may_send(r), 2000U);
  r.congestion_left = 999;
  r.max_window = 1000;
  EXPECT_EQ(may_send(r), 0U);
}

// The clause as it is written, against random numbers. D is what is queued, U the usable window.
TEST(SendPolicy, DecidesAsTheClauseSays) {
  test::for_seeds(50'000, [](std::uint64_t seed) {
    test::Dice dice(seed);
    const std::uint32_t sizes[] = {0, 1, 499, 500, 999, 1000, 1001, 2000, 9999, 10'000, 50'000};
    const auto any = [&] { return dice.chance(0.5) ? dice.one_of(sizes) : dice.below(20'000); };
    SendRequest r{.unsent = any(),
                  .window_left = any(),
                  .congestion_left = any(),
                  .mss = 1000,
                  .most = dice.chance(0.5) ? 1000U : 10'000U,
                  .max_window = 0,
                  .may_send_small = dice.chance(0.5),
                  .is_last = dice.chance(0.2)};
    r.max_window = r.window_left + any();
    const std::uint32_t octets = may_send(r);

    // Never more than there is, than either window has room for, or than one packet carries.
    const std::uint32_t room = std::min(r.window_left, r.congestion_left);
    EXPECT_LE(octets, std::min({r.unsent, room, r.most}));

    const std::uint32_t d = r.unsent;
    const std::uint32_t u = r.window_left;
    const bool by_size = std::min({d, u, r.congestion_left}) >= r.mss;            // (1)
    const bool by_push = (r.may_send_small || r.is_last) && d != 0 && d <= room;  // (2)
    EXPECT_EQ(octets != 0, by_size || by_push)
        << "D " << d << " U " << u << " congestion " << r.congestion_left << " max " << r.max_window
        << " small " << r.may_send_small << " last " << r.is_last;
    // Beyond full segments only the end of the data, or of the window behind a full one.
    if (octets % r.mss != 0) {
      EXPECT_TRUE(octets == d || (octets == u && octets > r.mss && r.may_send_small));
    }
    EXPECT_LE(octets, std::max(r.max_window / 2, r.mss));
  });
}

}  // namespace
}  // namespace tuntcp::tcp
