// RFC 9293, 3.10.2 to 3.10.6: SEND, RECEIVE, CLOSE, ABORT and STATUS, in every state.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using tcp::EventBits;
using testing::ElementsAre;
using testing::IsEmpty;

// What each call answers in each state (the application has a handle in all of these).
struct Row {
  State state;
  Role role;
  Error send;
  Error receive;  // with nothing to read
  Error close;
  State after_close;
  bool abort_sends_rst;
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << rfc_name(row.state);
}
constexpr Error kClosing = Error::connection_closing;
constexpr Error kEof = Error::end_of_stream;
constexpr Role kActive = Role::active;
class Calls : public testing::TestWithParam<Row> {
 protected:
  Drill d = Drill::in(GetParam().state, {.role = GetParam().role});
};
INSTANTIATE_TEST_SUITE_P(
    States, Calls,
    testing::Values(
        Row{State::syn_sent, kActive, Error::none, Error::not_connected, Error::none, State::closed,
            false},
        Row{State::syn_received, kActive, Error::none, Error::not_connected, Error::none,
            State::syn_received, true},
        Row{State::established, kActive, Error::none, Error::would_block, Error::none,
            State::fin_wait_1, true},
        Row{State::fin_wait_1, kActive, kClosing, Error::would_block, kClosing, State::fin_wait_1,
            true},
        Row{State::fin_wait_2, kActive, kClosing, Error::would_block, kClosing, State::fin_wait_2,
            true},
        Row{State::close_wait, kActive, Error::none, kEof, Error::none, State::last_ack, true},
        Row{State::closing, kActive, kClosing, kEof, kClosing, State::closing, false},
        Row{State::last_ack, kActive, kClosing, kEof, kClosing, State::last_ack, false},
        Row{State::time_wait, kActive, kClosing, kEof, kClosing, State::time_wait, false}),
    name_of<Row>);

// 3.10.2: "FIN-WAIT-1 ...: return 'error: connection closing' and do not service request."
TEST_P(Calls, SendAnswers) {
  const auto sent = d.send(10);
  EXPECT_EQ(sent ? Error::none : sent.error(), GetParam().send);
  if (!sent) {
    EXPECT_THAT(d.sent(), IsEmpty());
  }
}
// 3.10.3: "CLOSE-WAIT: ... the remote side has already sent FIN, RECEIVEs must be satisfied by data
// already on hand"; "CLOSING, LAST-ACK, TIME-WAIT: 'error: connection closing'", which an
// application knows as the end of the stream.
TEST_P(Calls, ReceiveAnswers) {
  EXPECT_EQ(d.receive().error(), GetParam().receive);
}
// 3.10.4.
TEST_P(Calls, CloseAnswers) {
  const auto closed = d.close();
  EXPECT_EQ(closed ? Error::none : closed.error(), GetParam().close);
  EXPECT_EQ(d.state(), GetParam().after_close);
}
// 3.10.5: "<SEQ=SND.NXT><CTL=RST>" in SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2 and
// CLOSE-WAIT; in SYN-SENT, CLOSING, LAST-ACK and TIME-WAIT nothing is sent.
TEST_P(Calls, AbortTellsThePeerWhereItMatters) {
  const Status before = d.status();
  EXPECT_TRUE(d.abort().has_value());
  if (GetParam().abort_sends_rst) {
    const bool fin_was_sent =
        before.state == State::fin_wait_1 || before.state == State::fin_wait_2;
    EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = fin_was_sent ? 2 : 1})));
  } else {
    EXPECT_THAT(d.sent(), IsEmpty());
  }
}
// 3.10.5: "All queued SENDs and RECEIVEs should be given 'connection reset' notification".
TEST_P(Calls, AfterAbortEverythingFails) {
  EXPECT_TRUE(d.abort().has_value());
  if (GetParam().state == State::time_wait) {
    EXPECT_EQ(d.state(), State::time_wait);  // over already; the wait goes on (MUST-13)
    return;
  }
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.send(1).error(), Error::connection_aborted);
  EXPECT_EQ(d.receive().error(), Error::connection_aborted);
  EXPECT_EQ(d.close().error(), Error::connection_aborted);
  EXPECT_EQ(d.abort().error(), Error::connection_does_not_exist);
  d.advance(1000_s);
  d.release();
  EXPECT_TRUE(d.host().is_idle());
}
// 3.10.6: STATUS names the state.
TEST_P(Calls, StatusNamesTheState) {
  EXPECT_EQ(d.status().state, GetParam().state);
  EXPECT_EQ(d.status().tuple, d.tuple());
  ASSERT_TRUE(d.listed().has_value());
}

// "CLOSED: 'error: connection does not exist'", for each of the calls.
TEST(ClosedCalls, FindNoConnection) {
  Drill d = Drill::closed();
  const ConnectionId nobody{};
  Octets room(10);
  EXPECT_EQ(d.host().send(nobody, room, d.now()).error(), Error::connection_does_not_exist);
  EXPECT_EQ(d.host().receive(nobody, room, d.now()).error(), Error::connection_does_not_exist);
  EXPECT_EQ(d.host().close(nobody, d.now()).error(), Error::connection_does_not_exist);
  EXPECT_EQ(d.host().abort(nobody, d.now()).error(), Error::connection_does_not_exist);
  EXPECT_EQ(d.host().status(nobody, d.now()).error(), Error::connection_does_not_exist);
}
// A handle dies with release() and never means somebody else.
TEST(ClosedCalls, ReleasedHandleFindsNothing) {
  Drill d = Drill::established({.role = Role::active});
  const auto id = d.host().open({d.tuple().remote.address, 99}, {}, d.now());
  d.host().release(*id, d.now());
  const auto other = d.host().open({d.tuple().remote.address, 99}, {}, d.now());
  ASSERT_TRUE(other.has_value());
  EXPECT_EQ(d.host().status(*id, d.now()).error(), Error::connection_does_not_exist);
}
// LISTEN in STATUS: waiting connections and the backlog, as ss(8) shows them.
TEST(ListenStatus, TellsTheQueue) {
  Drill d = Drill::syn_received({.backlog = 7});
  d.peer_sends(ack());
  const std::vector<Status> all = d.host().list(d.now());
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all[0].state, State::listen);
  EXPECT_EQ(all[0].recv_q, 1U);
  EXPECT_EQ(all[0].send_q, 7U);
}

// ---- SEND.

TEST(SendCall, TakesWhatFitsAndRefusesTheRest) {
  Drill d = Drill::established({.socket = {.send_buffer = 5000}, .window = 1000});  // 10,000 octets
  EXPECT_EQ(d.send(50'000), 10'000U);
  EXPECT_EQ(d.send(1).error(), Error::would_block);
}
// The application is told when there is room again: a third of the buffer.
TEST(SendCall, WritableFollowsOnceAThirdIsFree) {
  Drill d = Drill::established({.socket = {.send_buffer = 3000}});  // 6000 octets
  d.send(7000);
  static_cast<void>(d.events());
  d.peer_sends(ack({.ack = 1001}));
  EXPECT_FALSE(d.events() & EventBits::writable);
  d.peer_sends(ack({.ack = 2001}));
  EXPECT_TRUE(d.events() & EventBits::writable);
  d.peer_sends(ack({.ack = 3001}));
  EXPECT_FALSE(d.events() & EventBits::writable);  // told once
}
// What TCP_INFO tells, with Linux's meaning: all that the buffer holds is sent, and the application
// waits for room. What the peer's window holds back is no such wait.
TEST(SendCall, TimeWaitedForRoomIsTold) {
  Drill d = Drill::established({.socket = {.send_buffer = 3000}});  // 6000 octets
  EXPECT_EQ(d.send(7000), 6000U);
  d.sent();
  d.advance(100_ms);
  EXPECT_EQ(d.status().limited_by_buffer, 100_ms);
  d.peer_sends(ack());
  d.advance(50_ms);
  const Status status = d.status();
  EXPECT_EQ(status.limited_by_buffer, 100_ms);
  EXPECT_EQ(status.busy, 100_ms);
  EXPECT_EQ(status.limited_by_window, 0_ms);

  Drill narrow = Drill::established({.socket = {.send_buffer = 3000}, .window = 2000});
  EXPECT_EQ(narrow.send(7000), 6000U);
  narrow.advance(100_ms);
  EXPECT_EQ(narrow.status().limited_by_buffer, 0_ms);
  EXPECT_EQ(narrow.status().limited_by_window, 100_ms);
}
// What was not sent when the connection ended is no reason to be busy for ever.
TEST(SendCall, NothingIsBusyOnceTheConnectionIsOver) {
  Drill d = Drill::established();
  EXPECT_EQ(d.send(500), 500U);
  d.advance(50_ms);
  d.peer_sends(rst());
  ASSERT_EQ(d.state(), State::closed);
  d.advance(1_s);
  EXPECT_EQ(d.status().busy, 50_ms);
}
TEST(SendCall, NothingIsAlwaysTaken) {
  Drill d = Drill::established();
  EXPECT_EQ(d.send(0), 0U);
  EXPECT_THAT(d.sent(), IsEmpty());
}
// MUST-61 and SHLD-27: PSH is on the segment that empties the queue, and only there.
TEST(SendCall, LastSegmentIsPushed) {
  Drill d = Drill::established();
  d.send(2500);
  const std::vector<Sent> sent = d.sent();
  ASSERT_THAT(sent,
              ElementsAre(IsData({.len = 1000}), IsData({.len = 1000}), IsData({.len = 500})));
  EXPECT_THAT(sent[0], testing::Not(HasFlag(Flag::psh)));
  EXPECT_THAT(sent[1], testing::Not(HasFlag(Flag::psh)));
  EXPECT_THAT(sent[2], HasFlag(Flag::psh));
}

// ---- CLOSE.

// "queue this until all preceding SENDs have been segmentized, then form a FIN segment and send it.
// In any case, enter FIN-WAIT-1 state."
TEST(CloseCall, FinFollowsWhatWasSent) {
  Drill d = Drill::established({.window = 2000});
  d.peer_sends(ack({.window = 1000}));
  d.send(2500);
  EXPECT_TRUE(d.close().has_value());
  EXPECT_EQ(d.state(), State::fin_wait_1);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 1000})));
  d.peer_sends(ack({.window = 1000}));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1001, .len = 1000})));
  d.peer_sends(ack({.window = 1000}));
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.seq = 2001, .len = 500})));
}
TEST(CloseCall, FinLeavesAtOnceWithTheLastText) {
  Drill d = Drill::established();
  EXPECT_TRUE(d.close().has_value());
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.seq = 1, .ack = 1, .len = 0})));
}
// "SYN-SENT: Delete the TCB and return 'error: connection closing' responses to any queued SENDs,
// or RECEIVEs." No FIN can be sent for a connection that is none.
TEST(CloseCall, InSynSentEndsSilently) {
  Drill d = Drill::syn_sent({.role = Role::active});
  EXPECT_TRUE(d.close().has_value());
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.receive().error(), Error::connection_closing);
  d.release();
  EXPECT_TRUE(d.host().is_idle());
}
// "SYN-RECEIVED: ... queue for processing after entering ESTABLISHED state", then a FIN.
TEST(CloseCall, InSynReceivedWaitsForTheHandshake) {
  Drill d = Drill::syn_received({.role = Role::active});
  EXPECT_TRUE(d.close().has_value());
  EXPECT_THAT(d.sent(), IsEmpty());
  d.peer_sends(ack({.ack = 1}));
  EXPECT_EQ(d.state(), State::fin_wait_1);
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.seq = 1, .ack = 1})));
}
// close(2) of a socket that connects: Linux drops it without a word.
TEST(CloseCall, ReleaseInSynSentForgetsIt) {
  Drill d = Drill::syn_sent({.role = Role::active});
  d.release();
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_TRUE(d.host().is_idle());
  d.peer_sends(syn_ack({.ack = 1}));
  EXPECT_THAT(d.sent(), ElementsAre(IsRst({.seq = 1})));
}
TEST(CloseCall, ReleaseInSynReceivedEndsInFinOnceEstablished) {
  Drill d = Drill::syn_received({.role = Role::active});
  d.release();
  d.peer_sends(ack({.seq = 1, .ack = 1}));
  EXPECT_EQ(d.state(), State::fin_wait_1);
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.seq = 1, .ack = 1})));
}

// Linux (23): "SO_LINGER 0, or close() with unread data: RST+ACK, no TIME_WAIT" (SHLD-3).
TEST(Release, WithLingerZeroResets) {
  Drill d = Drill::established({.socket = {.linger = Duration::zero()}});
  d.send(100);
  static_cast<void>(d.sent());
  d.release();
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = 101, .ack = 1})));
  EXPECT_EQ(d.state(), State::listen);
  EXPECT_EQ(d.count(Counter::tcp_abort_on_data), 1U);
}
TEST(Release, WithUnreadOctetsResets) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 10}));
  static_cast<void>(d.sent());
  d.release();
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = 1, .ack = 11})));
  EXPECT_EQ(d.state(), State::listen);
  EXPECT_EQ(d.count(Counter::tcp_abort_on_close), 1U);
}
TEST(Release, WithEverythingReadClosesInOrder) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 10}));
  d.receive();
  static_cast<void>(d.sent());
  d.release();
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.seq = 1, .ack = 11})));
  EXPECT_EQ(d.state(), State::fin_wait_1);
}
// In CLOSE-WAIT with unread octets too: the peer believes they were read.
TEST(Release, InCloseWaitWithUnreadOctetsResets) {
  Drill d = Drill::established();
  d.peer_sends(fin({.len = 10}));
  static_cast<void>(d.sent());
  d.release();
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = 1, .ack = 12})));
}
// Linger zero after the FIN left: still a reset, and no TIME-WAIT.
TEST(Release, WithLingerZeroInFinWait2Resets) {
  Drill d = Drill::fin_wait_2({.socket = {.linger = Duration::zero()}});
  d.release();
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = 2, .ack = 1})));
  EXPECT_EQ(d.state(), State::listen);
}
// Whatever was queued is still delivered after close(2).
TEST(Release, QueuedTextIsSentFirst) {
  Drill d = Drill::established({.window = 2000});
  d.peer_sends(ack({.window = 1000}));
  d.send(3000);
  d.release();
  d.peer_sends(ack({.window = 1000}));
  d.peer_sends(ack({.window = 1000}));
  EXPECT_THAT(d.sent(),
              ElementsAre(IsData({.seq = 1, .len = 1000}), IsData({.seq = 1001, .len = 1000}),
                          IsData({.seq = 2001, .len = 1000})));
  d.peer_sends(ack());
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.seq = 3001})));
  d.peer_sends(fin());
  EXPECT_EQ(d.state(), State::time_wait);
}

// tcp_max_orphans: beyond it close(2) resets.
TEST(Release, BeyondTheOrphanLimitResets) {
  Drill d = Drill::established({.set = {"tcp_max_orphans=0"}});
  d.release();
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = 1})));
  EXPECT_EQ(d.count(Counter::tcp_abort_on_memory), 1U);
}

}  // namespace
}  // namespace tuntcp::test
