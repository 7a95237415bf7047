// RFC 9293, 3.10.7.4, second: check the RST bit, with RFC 5961, 3.2.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using tcp::EventBits;
using testing::ElementsAre;
using testing::IsEmpty;

struct Row {
  State state;
  Role role;
  std::int64_t rcv_nxt;
  std::int64_t snd_nxt;
  State becomes;
  Error error;  // what the application learns; none where nobody waits
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << rfc_name(row.state);
}
std::string row_name(const testing::TestParamInfo<Row>& info) {
  return name_of(info) + (info.param.role == Role::active ? "_active" : "_passive");
}

class CheckRst : public testing::TestWithParam<Row> {
 protected:
  // As in profile rfc; Linux's error for an active OPEN is in simultaneous_test.cc.
  Drill d =
      Drill::in(GetParam().state, {.role = GetParam().role, .set = {"tcp_simultaneous_refused=1"}});
};
constexpr Error kReset = Error::connection_reset;
INSTANTIATE_TEST_SUITE_P(
    AllStates, CheckRst,
    testing::Values(
        // "If this connection was initiated with a passive OPEN ... return to the LISTEN state";
        // "active OPEN: signal 'connection refused'" (MUST-11).
        Row{State::syn_received, Role::passive, 1, 1, State::listen, Error::none},
        Row{State::syn_received, Role::active, 1, 1, State::closed, Error::connection_refused},
        Row{State::established, Role::passive, 1, 1, State::closed, kReset},
        Row{State::established, Role::active, 1, 1, State::closed, kReset},
        Row{State::fin_wait_1, Role::active, 1, 2, State::closed, kReset},
        Row{State::fin_wait_2, Role::active, 1, 2, State::closed, kReset},
        Row{State::close_wait, Role::active, 2, 1, State::closed, kReset},
        // "CLOSING, LAST-ACK, TIME-WAIT: enter the CLOSED state".
        Row{State::closing, Role::active, 2, 2, State::closed, Error::none},
        Row{State::last_ack, Role::active, 2, 2, State::closed, Error::none},
        Row{State::time_wait, Role::active, 2, 2, State::closed, Error::none}),
    row_name);

TEST_P(CheckRst, AtRcvNxtEndsTheConnection) {
  d.peer_sends(rst({.seq = GetParam().rcv_nxt}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), GetParam().becomes);
  const Error error = d.has_id() ? d.status().error : Error::none;
  EXPECT_EQ(error, GetParam().error);
  const bool failed = (d.events() & EventBits::failed) != 0;
  EXPECT_EQ(failed, GetParam().error != Error::none);
}
// SHLD-2 and 3.10.7.4: RST with ACK is judged by its sequence number too.
TEST_P(CheckRst, WithAckIsJudgedAlike) {
  d.peer_sends(rst_ack({.seq = GetParam().rcv_nxt}));
  EXPECT_EQ(d.state(), GetParam().becomes);
}
// SHLD-2: text in a RST (somebody's explanation) is tolerated.
TEST_P(CheckRst, WithTextIsJudgedAlike) {
  d.peer_sends(rst({.seq = GetParam().rcv_nxt, .len = 20}));
  EXPECT_EQ(d.state(), GetParam().becomes);
}
// "If the RST bit is set and the sequence number is outside the current receive window, silently
// drop the segment."
TEST_P(CheckRst, OutsideTheWindowIsDropped) {
  d.peer_sends(rst({.seq = GetParam().rcv_nxt - 2}));
  d.peer_sends(rst({.seq = GetParam().rcv_nxt + 64'240}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), GetParam().state);
}
// Linux: once the peer's FIN was received, a RST with the FIN's own number is exact, too.
TEST_P(CheckRst, AtTheNumberOfTheFinEndsWhatThePeerClosed) {
  const State state = GetParam().state;
  const bool ends =
      state == State::close_wait || state == State::closing || state == State::last_ack;
  d.peer_sends(rst({.seq = GetParam().rcv_nxt - 1}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), ends ? State::closed : state);
}
// "... does not exactly match the next expected sequence value, yet is within the current receive
// window, TCP endpoints MUST send an acknowledgment (challenge ACK)". Linux's TIME-WAIT is silent
// (linux behaviour: only an exact RST ends it, others get no answer).
TEST_P(CheckRst, ElsewhereInTheWindowIsChallenged) {
  d.peer_sends(rst({.seq = GetParam().rcv_nxt + 1}));
  if (GetParam().state == State::time_wait) {
    EXPECT_THAT(d.sent(), IsEmpty());
  } else {
    EXPECT_THAT(d.sent(),
                ElementsAre(IsAck({.seq = GetParam().snd_nxt, .ack = GetParam().rcv_nxt})));
  }
  EXPECT_EQ(d.state(), GetParam().state);
}

// Linux: the right edge of what SACK told is exact, and nothing else of it.
TEST(CheckRstAtSack, RightEdgeOfWhatWasToldEndsTheConnection) {
  Drill d = Drill::established({.sack = true});
  d.peer_sends(data({.seq = 1001, .len = 1000}));
  d.peer_sends(data({.seq = 3001, .len = 1000}));
  static_cast<void>(d.sent());
  d.peer_sends(rst({.seq = 2001}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 1})));
  d.peer_sends(rst({.seq = 4000}));
  d.peer_sends(rst({.seq = 4002}));
  EXPECT_EQ(d.state(), State::established);
  d.peer_sends(rst({.seq = 4001}));
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::connection_reset);
}
// Where it is the end of the window as well.
TEST(CheckRstAtSack, RightEdgeMayBeTheEndOfTheWindow) {
  Drill d = Drill::established({.socket = {.receive_buffer = 1}, .sack = true});  // 1152
  d.peer_sends(data({.seq = 1001, .len = 152}));
  d.peer_sends(rst({.seq = 1153}));
  EXPECT_EQ(d.state(), State::closed);
}
TEST(CheckRstAtSack, WithoutSackNothingWasTold) {
  Drill d = Drill::established();
  d.peer_sends(data({.seq = 1001, .len = 1000}));
  d.peer_sends(rst({.seq = 2001}));
  EXPECT_EQ(d.state(), State::established);
}

// "all segment queues should be flushed": what waited to be sent is gone, what was received is not.
TEST(CheckRstQueues, WhatWasReceivedCanStillBeRead) {
  Drill d = Drill::established();
  d.send(5000);
  d.peer_sends(data({.len = 10}));
  d.peer_sends(rst());
  EXPECT_EQ(d.receive().value_or(0), 10U);
  EXPECT_EQ(d.receive().error(), Error::connection_reset);
  EXPECT_EQ(d.send(1).error(), Error::connection_reset);
  static_cast<void>(d.sent());
  d.advance(100_s);
  EXPECT_THAT(d.sent(), IsEmpty());
}

// 3.10.4: CLOSE is also "a push", so its caller believes in delivery. What was not acknowledged
// when the RST came may not have arrived, and is not reported as sent.
TEST(CheckRstQueues, TextThatALateCloserHasOutstandingIsReportedAsLost) {
  for (const State state : {State::closing, State::last_ack}) {
    Drill d = state == State::closing ? Drill::established() : Drill::close_wait();
    d.send(10);
    ASSERT_TRUE(d.close().has_value());
    if (state == State::closing) d.peer_sends(fin({.ack = 1}));
    ASSERT_EQ(d.state(), state);
    static_cast<void>(d.events());
    d.peer_sends(rst({.seq = 2}));
    EXPECT_EQ(d.state(), State::closed);
    EXPECT_EQ(d.status().error, Error::connection_reset);
    EXPECT_EQ(d.events() & (EventBits::failed | EventBits::send_done), EventBits::failed);
  }
}

// Linux: where SACK was agreed the end of the highest block is exact as well, no other one.
TEST(CheckRstBehindAHole, AtTheEndOfTheHighestBlockEndsTheConnection) {
  Drill d = Drill::established({.sack = true});
  d.peer_sends(data({.seq = 201, .len = 100}));
  d.peer_sends(data({.seq = 101, .len = 50}));
  d.peer_sends(rst({.seq = 151}));
  EXPECT_EQ(d.state(), State::established);
  d.peer_sends(rst({.seq = 301}));
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::connection_reset);
}
TEST(CheckRstBehindAHole, WithoutSackIsChallenged) {
  Drill d = Drill::established();
  d.peer_sends(data({.seq = 201, .len = 100}));
  static_cast<void>(d.sent());
  d.peer_sends(rst({.seq = 301}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 1, .ack = 1})));
  EXPECT_EQ(d.state(), State::established);
}

// The counters of RFC 4022: ESTABLISHED or CLOSE-WAIT to CLOSED, and nothing else.
TEST(CheckRstCounters, ResetOfAnEstablishedConnectionIsCounted) {
  Drill d = Drill::established();
  d.peer_sends(rst());
  EXPECT_EQ(d.count(Counter::tcp_estab_resets), 1U);
  EXPECT_EQ(d.host().current_established(), 0U);
}
TEST(CheckRstCounters, ResetOfAnOpeningOneIsAFailedAttempt) {
  Drill d = Drill::syn_received();
  d.peer_sends(rst({.seq = 1}));
  EXPECT_EQ(d.count(Counter::tcp_attempt_fails), 1U);
  EXPECT_EQ(d.count(Counter::tcp_estab_resets), 0U);
}

}  // namespace
}  // namespace tuntcp::test
