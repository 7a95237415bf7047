// RFC 9293, 3.8.3: R1 and R2, of text, of probes and of orphans; Linux rows 7 to 9, 12, 22, 31, 32.
// The timeouts themselves: retransmission_test.cc, persist_test.cc, handshake_timeouts_test.cc.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using tcp::EventBits;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

const Duration kRto = 210_ms;

// ---- R1.

// SHLD-9: "when the number of transmissions of the same segment reaches threshold R1, pass negative
// advice"; MUST-47: excessive retransmissions are reported. Linux: three retransmissions, as a
// time: 0.2 * (2^4 - 1) = 3 s after the first.
TEST(R1, IsToldOnceAndTheConnectionStays) {
  Drill d = Drill::established();
  d.send(100);
  static_cast<void>(d.events());
  d.advance(3200_ms);
  EXPECT_FALSE(d.events() & EventBits::error_report);
  d.advance(3400_ms);
  EXPECT_TRUE(d.events() & EventBits::error_report);
  EXPECT_TRUE(d.status().is_stalled);
  d.advance(100_s);
  EXPECT_FALSE(d.events() & EventBits::error_report);
  EXPECT_EQ(d.state(), State::established);
}
TEST(R1, IsOverWithTheNextAcknowledgment) {
  Drill d = Drill::established();
  d.send(100);
  d.advance(10_s);
  d.peer_sends(ack({.ack = 101}));
  EXPECT_FALSE(d.status().is_stalled);
  static_cast<void>(d.events());
  d.send(100);
  d.advance(100_s);
  EXPECT_TRUE(d.events() & EventBits::error_report);
}
// MUST-20, tcp_retries1.
TEST(R1, IsAKnob) {
  Drill d = Drill::established({.set = {"tcp_retries1=0"}});
  d.send(100);
  static_cast<void>(d.events());
  d.advance(kRto);
  EXPECT_FALSE(d.events() & EventBits::error_report);
  d.advance(kRto * 2);
  EXPECT_TRUE(d.events() & EventBits::error_report);
}
TEST(R1, OfASynIsACount) {
  Drill d = Drill::closed({.role = Role::active});
  ASSERT_TRUE(d.open().has_value());
  d.advance(2500_ms);
  EXPECT_FALSE(d.events() & EventBits::error_report);
  d.advance(1_s);
  EXPECT_TRUE(d.events() & EventBits::error_report);
}
// As long as tcp_syn_linear_timeouts says, SYNs are a second apart.
TEST(R1, OfASynIsAKnob) {
  Drill d = Drill::closed({.role = Role::active, .set = {"tcp_retries1=5"}});
  ASSERT_TRUE(d.open().has_value());
  d.advance(4500_ms);
  EXPECT_FALSE(d.events() & EventBits::error_report);
  d.advance(1_s);
  EXPECT_TRUE(d.events() & EventBits::error_report);
}

// ---- R2 in time: MUST-21, "an application MUST be able to set the value for R2 for a particular
// connection".

TEST(R2, OfTheApplicationMayBeShorterOrLonger) {
  Drill shorter = Drill::established({.socket = {.user_timeout = 3_s}});
  shorter.send(100);
  // (22) "TCP_USER_TIMEOUT 3000: ETIMEDOUT at 3.21": counted from the first retransmission.
  shorter.advance(3200_ms);
  EXPECT_EQ(shorter.state(), State::established);
  shorter.advance(20_ms);
  EXPECT_EQ(shorter.state(), State::closed);
  Drill longer = Drill::established({.socket = {.user_timeout = 5000_s}});
  longer.send(100);
  longer.advance(4900_s);
  EXPECT_EQ(longer.state(), State::established);
  longer.advance(200_s);
  EXPECT_EQ(longer.state(), State::closed);
}

// ---- A closed window. Linux counts probes that nobody answered: tcp_retries2 of them.

Drill with_closed_window(const DrillOptions& options = {}) {
  Drill d = Drill::established(options);
  d.peer_sends(ack({.window = 0}));
  EXPECT_EQ(d.send(100), 100U);
  return d;
}
TEST(ClosedWindow, IsGivenUpByTheCountOfProbes) {
  Drill d = with_closed_window({.set = {"tcp_retries2=3"}});
  d.advance(60_s);
  EXPECT_EQ(d.sent().size(), 3U);
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::timed_out);
}
// The count begins anew with each answer (MUST-37), the back-off does not.
TEST(ClosedWindow, CountBeginsAnewWithAnAnswer) {
  Drill d = with_closed_window({.set = {"tcp_retries2=3"}});
  for (int i = 0; i < 20; ++i) {
    d.advance(2_s);
    d.peer_sends(ack({.ack = 1, .window = 0}));
  }
  EXPECT_EQ(d.state(), State::established);
  static_cast<void>(d.sent());
  // As in Linux no interval is longer than tcp_retries2 doublings.
  d.advance(kRto * 8);
  EXPECT_EQ(d.sent().size(), 1U);
}
// As in Linux a limit of the application's holds although probes are answered.
TEST(ClosedWindow, UserTimeoutEndsItThoughThePeerAnswers) {
  Drill d = with_closed_window({.socket = {.user_timeout = 3_s}});
  for (int i = 0; i < 30; ++i) {
    d.advance(100_ms);
    d.peer_sends(ack({.ack = 1, .window = 0}));
  }
  EXPECT_EQ(d.state(), State::established);
  d.advance(300_ms);
  EXPECT_EQ(d.state(), State::closed);
}
// ... and begins anew when the window opened in between.
TEST(ClosedWindow, UserTimeoutBeginsAnewWithEachClosing) {
  Drill d = with_closed_window({.socket = {.user_timeout = 3_s}});
  for (int i = 0; i < 10; ++i) {
    d.advance(2_s);
    d.peer_sends(ack({.ack = 1 + i * 100}));
    d.peer_sends(ack({.window = 0}));
    d.send(100);
  }
  EXPECT_EQ(d.state(), State::established);
}
// Shrunk to zero over what is outstanding: silence of twice the longest timeout is enough (Linux,
// tcp_rtx_probe0_timed_out).
TEST(ClosedWindow, OverOutstandingTextEndsAfterFourMinutesOfSilence) {
  Drill d = Drill::established();
  d.send(1000);
  d.peer_sends(ack({.ack = 1, .window = 0}));
  d.advance(240_s);
  EXPECT_EQ(d.state(), State::established);
  d.advance(120_s);
  EXPECT_EQ(d.state(), State::closed);
}

// ---- Orphans: nobody is there to wait.

// (9) "FIN at 0, .22, .62, 1.45, 3.12, 6.51, 13.2, 26.5, 54.6 (8 retransmissions); gone at 108".
TEST(Orphan, IsGivenUpAfterEightRetransmissions) {
  Drill d = Drill::established();
  d.release();
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.seq = 1})));
  d.advance(107_s);
  EXPECT_EQ(d.sent().size(), 8U);
  ASSERT_TRUE(d.listed().has_value());
  d.advance(1_s);
  EXPECT_FALSE(d.listed().has_value());
  EXPECT_THAT(d.sent(), IsEmpty());
}
// Linux: tcp_retries2 is no bound of an orphan's.
TEST(Orphan, HasItsOwnNumberOfRetransmissions) {
  Drill d = Drill::established({.set = {"tcp_retries2=1"}});
  d.release();
  d.advance(100_s);
  EXPECT_TRUE(d.listed().has_value());
}
// (7), (8): what the application holds waits for the peer's FIN for ever.
TEST(Orphan, IsNoneWhileTheApplicationHoldsIt) {
  for (const State state : {State::close_wait, State::fin_wait_2}) {
    Drill d = Drill::in(state);
    d.advance(100'000_s);
    EXPECT_EQ(d.state(), state);
  }
}
// With its window closed the peer may answer as long as it likes: Linux waits until the interval
// has grown to its limit, .21 * (2^10 - 1) + 120 s.
TEST(Orphan, WithAClosedWindowIsNotKeptForEver) {
  Drill d = with_closed_window();
  d.release();
  for (int i = 0; i < 33; ++i) {
    d.advance(10_s);
    d.peer_sends(ack({.ack = 1, .window = 0}));
  }
  EXPECT_TRUE(d.listed().has_value());
  d.advance(10_s);
  EXPECT_FALSE(d.listed().has_value());
}
// ... and one whose peer is silent has tcp_orphan_retries probes, by default 8.
TEST(Orphan, WithAClosedWindowAndSilenceHasFewerProbes) {
  Drill d = with_closed_window({.set = {"tcp_orphan_retries=2"}});
  d.release();
  static_cast<void>(d.sent());
  d.advance(10_s);
  EXPECT_EQ(d.sent().size(), 2U);
  EXPECT_FALSE(d.listed().has_value());
}
TEST(Orphan, WithAWindowClosedOverOutstandingTextIsGivenUpThoughThePeerAnswers) {
  Drill d = Drill::established();
  d.send(1000);
  d.peer_sends(ack({.ack = 1, .window = 0}));
  d.release();
  for (int i = 0; i < 25; ++i) {
    d.advance(10_s);
    d.peer_sends(ack({.ack = 1, .window = 0}));
  }
  EXPECT_FALSE(d.listed().has_value());
}
// tcp_max_orphans: more than so many are not waited for; the peer learns it by a RST.
TEST(Orphan, MoreThanTheMostAreReset) {
  Drill d = Drill::established({.set = {"tcp_max_orphans=0"}});
  d.release();
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = 1})));
  EXPECT_FALSE(d.listed().has_value());
  EXPECT_EQ(d.count(Counter::tcp_abort_on_memory), 1U);
}
TEST(Orphan, UpToTheMostAreWaitedFor) {
  Drill d = Drill::established({.set = {"tcp_max_orphans=1"}});
  d.release();
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.seq = 1})));
  EXPECT_TRUE(d.listed().has_value());
}
// Linux (tcp_out_of_resources): the limit is looked at with every timeout.
TEST(Orphan, GivesWayLaterWhenTheLimitIsLowered) {
  Drill d = Drill::established();
  d.release();
  d.advance(1_s);
  static_cast<void>(d.sent());
  d.set("tcp_max_orphans=0");
  d.advance(1_s);
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = 2})));
  EXPECT_FALSE(d.listed().has_value());
}

// ---- TCP_LINGER2: FIN-WAIT-2 of an orphan. (8) "gone after 60.8 (tcp_fin_timeout)".

TEST(FinTimeout, IsTheApplicationsOrTheKnob) {
  Drill d = Drill::fin_wait_2({.socket = {.fin_timeout = 5_s}});
  d.release();
  d.advance(4900_ms);
  EXPECT_TRUE(d.listed().has_value());
  d.advance(200_ms);
  EXPECT_FALSE(d.listed().has_value());
  Drill usual = Drill::fin_wait_2();
  usual.release();
  usual.advance(59_s);
  EXPECT_TRUE(usual.listed().has_value());
  usual.advance(2_s);
  EXPECT_FALSE(usual.listed().has_value());
}
// As Linux (tcp_fin_time): never less than 3.5 RTO.
TEST(FinTimeout, LeavesThePeerThreeTimeouts) {
  Drill d = Drill::fin_wait_2({.socket = {.fin_timeout = 1_ms}});
  d.release();
  d.advance(kRto * 3);
  EXPECT_TRUE(d.listed().has_value());
  d.advance(kRto);
  EXPECT_FALSE(d.listed().has_value());
}
// A negative one: nobody waits; the peer is told.
TEST(FinTimeout, OfNoneResetsAtOnce) {
  Drill d = Drill::fin_wait_2({.socket = {.fin_timeout = Duration::seconds(-1)}});
  d.release();
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = 2})));
  EXPECT_EQ(d.count(Counter::tcp_abort_on_linger), 1U);
  Drill later = Drill::established({.socket = {.fin_timeout = Duration::seconds(-1)}});
  later.release();
  EXPECT_THAT(later.sent(), ElementsAre(IsFin({.seq = 1})));
  later.peer_sends(ack({.ack = 2}));
  EXPECT_THAT(later.sent(), ElementsAre(IsRst({.seq = 2})));
  EXPECT_FALSE(later.listed().has_value());
}

// ---- tcp_thin_linear_timeouts.

TEST(ThinStream, TimeoutsStayEvenForSixRetransmissions) {
  Drill d = Drill::established({.set = {"tcp_thin_linear_timeouts=1"}});
  d.send(100);
  static_cast<void>(d.sent());
  const Duration began = d.elapsed();
  d.advance(3_s);
  std::vector<Duration> at;
  for (const Duration one : d.sent_at()) at.push_back(one - began);
  EXPECT_THAT(at, ElementsAre(kRto, kRto * 2, kRto * 3, kRto * 4, kRto * 5, kRto * 6, kRto * 7,
                              kRto * 9, kRto * 13));
}
TEST(ThinStream, FourSegmentsAreNotThin) {
  Drill d = Drill::established({.set = {"tcp_thin_linear_timeouts=1"}});
  d.send(4000);
  static_cast<void>(d.sent());
  const Duration began = d.elapsed();
  d.advance(2_s);
  std::vector<Duration> at;
  for (const Duration one : d.sent_at()) at.push_back(one - began);
  EXPECT_THAT(at, ElementsAre(kRto, kRto * 3, kRto * 7));
}

}  // namespace
}  // namespace tuntcp::test
