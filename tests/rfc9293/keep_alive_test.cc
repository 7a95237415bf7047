// RFC 9293, 3.8.4: keep-alives. Linux row 21.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// (21) "Keepalive idle 2, interval 1, 3 probes".
const tcp::KeepAlive kLively{.is_on = true, .idle = 2_s, .interval = 1_s, .probes = 3};

Drill lively(DrillOptions options = {}) {
  options.socket.keep_alive = kLively;
  return Drill::established(options);
}

// MUST-25: "keep-alives MUST default to off".
TEST(KeepAlive, AreOffUnlessWanted) {
  Drill d = Drill::established();
  d.advance(100'000_s);
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), State::established);
  EXPECT_EQ(d.status().timer, TimerKind::none);
}
// (21) "probes at 2.0, 3.0, 4.1; ETIMEDOUT at 5.09". A probe is no text, SEG.SEQ = SND.NXT - 1
// (SHLD-12); Linux sends a RST at the end.
TEST(KeepAlive, ThreeProbesWithoutAnswerEndIt) {
  Drill d = lively();
  const Duration began = d.elapsed();
  d.advance(4500_ms);
  const std::vector<Sent> probes = d.sent();
  EXPECT_THAT(probes, ElementsAre(IsAck({.seq = 0, .ack = 1, .at = began + 2_s}),
                                  IsAck({.seq = 0, .ack = 1, .at = began + 3_s}),
                                  IsAck({.seq = 0, .ack = 1, .at = began + 4_s})));
  EXPECT_EQ(d.count(Counter::tcp_keep_alive), 3U);
  EXPECT_EQ(d.count(Counter::tcp_win_probe), 0U);
  EXPECT_EQ(d.status().timer, TimerKind::keep_alive);
  EXPECT_EQ(d.status().probes, 3U);
  d.advance(600_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = 1, .ack = 1, .at = began + 5_s})));
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::timed_out);
  EXPECT_EQ(d.count(Counter::tcp_abort_on_timeout), 1U);
}
// MUST-29: "a failure to respond to any specific probe" is no dead connection: an answer counts
// from anew.
TEST(KeepAlive, AnAnswerBeginsAnew) {
  Drill d = lively();
  for (int i = 0; i < 20; ++i) {
    d.advance(4500_ms);  // two or three probes
    d.peer_sends(ack());
  }
  EXPECT_EQ(d.state(), State::established);
  static_cast<void>(d.sent());
  d.advance(1900_ms);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(200_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 0})));
}
// MUST-26: "only be sent when no sent data is outstanding, and no data or acknowledgment packets
// have been received for the connection within an interval".
TEST(KeepAlive, WaitUntilNothingIsOutstanding) {
  Drill d = lively();
  d.send(100);
  d.advance(6_s);
  EXPECT_EQ(d.state(), State::established);
  d.peer_sends(ack());
  static_cast<void>(d.sent());
  const Duration answered = d.elapsed();
  d.advance(1900_ms);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(3_s);
  const std::vector<Sent> probes = d.sent();
  ASSERT_FALSE(probes.empty());
  EXPECT_THAT(probes[0], IsAck({.seq = 100}));
  EXPECT_GE(probes[0].at, answered + 2_s);
}
TEST(KeepAlive, TextFromThePeerIsASignOfLife) {
  Drill d = lively();
  for (int i = 0; i < 10; ++i) {
    d.advance(1500_ms);
    d.peer_sends(data({.len = 10}));
  }
  EXPECT_EQ(d.count(Counter::tcp_keep_alive), 0U);
}
// MUST-28: the interval "MUST default to no less than two hours".
TEST(KeepAlive, DefaultIsTwoHoursAndElevenMinutes) {
  Drill d = Drill::established({.socket = {.keep_alive = {.is_on = true}}});
  d.advance(7199_s);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(1_s);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 0})));
  d.advance(674_s);
  EXPECT_EQ(d.state(), State::established);
  EXPECT_EQ(d.sent().size(), 8U);
  d.advance(2_s);
  EXPECT_EQ(d.state(), State::closed);
}
// MUST-27: "the keep-alive interval MUST be configurable".
TEST(KeepAlive, KnobsDecideWhereTheApplicationDoesNot) {
  Drill d = Drill::established(
      {.set = {"tcp_keepalive_time=5", "tcp_keepalive_intvl=3", "tcp_keepalive_probes=1"},
       .socket = {.keep_alive = {.is_on = true}}});
  d.advance(7900_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 0})));
  d.advance(200_ms);
  EXPECT_EQ(d.state(), State::closed);
}
// MUST-24: "the application MUST be able to turn them on or off for each TCP connection".
TEST(KeepAlive, CanBeTurnedOnAndOff) {
  Drill d = Drill::established();
  d.advance(100_s);
  d.set_socket_options({.keep_alive = kLively});
  d.advance(2100_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 0})));
  d.set_socket_options({});
  d.advance(1000_s);
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), State::established);
}
// As in Linux (tcp_sock_set_keepidle) the silence so far counts where only the time is new.
TEST(KeepAlive, ShorterIdleTimeLooksBack) {
  Drill d = lively();
  d.set_socket_options({.keep_alive = {.is_on = true, .idle = 100_s}});
  d.advance(50_s);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.set_socket_options({.keep_alive = {.is_on = true, .idle = 60_s}});
  d.advance(9900_ms);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(200_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 0})));
}
// tcp(7), TCP_USER_TIMEOUT: it "will override keepalive to determine when to close a connection due
// to keepalive failure": however many probes.
TEST(KeepAlive, UserTimeoutDecidesInsteadOfTheCount) {
  Drill d = Drill::established({.socket = {.user_timeout = 10_s, .keep_alive = kLively}});
  d.advance(9500_ms);
  EXPECT_EQ(d.sent().size(), 8U);
  EXPECT_EQ(d.state(), State::established);
  d.advance(1_s);
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::timed_out);
}
// Both ways round: one probe at least.
TEST(KeepAlive, ShortUserTimeoutStillAsksOnce) {
  Drill d = Drill::established({.socket = {.user_timeout = 1_s, .keep_alive = kLively}});
  d.advance(2900_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 0})));
  EXPECT_EQ(d.state(), State::established);
  d.advance(200_ms);
  EXPECT_EQ(d.state(), State::closed);
}
// A closed connection, also one half: in FIN-WAIT-2 and CLOSE-WAIT silence is found out too.
TEST(KeepAlive, HoldInTheHalfClosedStates) {
  for (const State state : {State::fin_wait_2, State::close_wait}) {
    Drill d = Drill::in(state, {.socket = {.keep_alive = kLively}});
    d.advance(8_s);
    EXPECT_EQ(d.state(), State::closed);
    EXPECT_EQ(d.status().error, Error::timed_out);
  }
}
TEST(KeepAlive, AreNothingToASynOrAListener) {
  Drill listening = Drill::listen({.socket = {.keep_alive = kLively}});
  listening.advance(100_s);
  EXPECT_THAT(listening.sent(), IsEmpty());
  Drill opening = Drill::syn_sent({.role = Role::active, .socket = {.keep_alive = kLively}});
  opening.advance(900_ms);
  EXPECT_THAT(opening.sent(), IsEmpty());
}

}  // namespace
}  // namespace tuntcp::test
