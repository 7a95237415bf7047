// RFC 9293, 3.10.7.4, fifth: check the ACK field, with RFC 5961, 5.2.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using tcp::EventBits;
using testing::ElementsAre;
using testing::IsEmpty;

struct Row {
  State state;
  std::int64_t rcv_nxt;
  std::int64_t snd_nxt;
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << rfc_name(row.state);
}
class CheckAck : public testing::TestWithParam<Row> {
 protected:
  Drill d = Drill::in(GetParam().state);
  const std::int64_t rcv_nxt = GetParam().rcv_nxt;
  const std::int64_t snd_nxt = GetParam().snd_nxt;
};
INSTANTIATE_TEST_SUITE_P(Synchronized, CheckAck,
                         testing::Values(Row{State::established, 1, 1},
                                         Row{State::fin_wait_1, 1, 2}, Row{State::fin_wait_2, 1, 2},
                                         Row{State::close_wait, 2, 1}, Row{State::closing, 2, 2},
                                         Row{State::last_ack, 2, 2}),
                         name_of<Row>);

// "if the ACK bit is off, drop the segment and return".
TEST_P(CheckAck, SegmentWithoutAckIsDropped) {
  d.peer_sends(bare({.flags = Flag::fin, .len = 100}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), GetParam().state);
  EXPECT_EQ(d.status().recv_q, 0U);
}
// "If the ACK acks something not yet sent (SEG.ACK > SND.NXT), then send an ACK, drop the segment,
// and return."
TEST_P(CheckAck, AckOfWhatWasNotSentIsAnsweredAndDropped) {
  d.peer_sends(data({.ack = snd_nxt + 1, .len = 100}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = snd_nxt, .ack = rcv_nxt})));
  EXPECT_EQ(d.state(), GetParam().state);
  EXPECT_EQ(d.status().recv_q, 0U);
}
// RFC 5961, 5.2 (MAY-12): older than SND.UNA - MAX.SND.WND is answered with a challenge ACK.
TEST_P(CheckAck, FarTooOldAckIsChallenged) {
  d.peer_sends(data({.ack = 1 - 70'000, .len = 100}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = snd_nxt, .ack = rcv_nxt})));
  EXPECT_EQ(d.status().recv_q, 0U);
}

// "If the ACK is a duplicate (SEG.ACK =< SND.UNA), it can be ignored", but its text is not.
TEST(CheckAckEstablished, TextWithAnOldAckIsTaken) {
  Drill d = Drill::established();
  d.send(1000);
  d.peer_sends(ack());
  static_cast<void>(d.sent());
  d.peer_sends(data({.ack = 500, .len = 10}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 1001, .ack = 11})));
  EXPECT_EQ(d.status().recv_q, 10U);
}
// The edge of MAX.SND.WND itself: 1000 octets were the largest window ever offered.
TEST(CheckAckEstablished, AckAsOldAsTheLargestWindowIsTolerated) {
  Drill d = Drill::established({.window = 1000});
  d.send(1000);
  d.peer_sends(ack());
  d.send(1000);
  d.peer_sends(ack());
  static_cast<void>(d.sent());
  d.peer_sends(data({.ack = 1001, .len = 10}));
  EXPECT_EQ(d.status().recv_q, 10U);
  static_cast<void>(d.sent());
  d.peer_sends(data({.ack = 1000, .len = 10}));
  EXPECT_EQ(d.status().recv_q, 10U);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 2001, .ack = 11})));
  EXPECT_EQ(d.count(Counter::tcp_challenge_ack), 1U);
}

// "Any segments on the retransmission queue that are thereby entirely acknowledged are removed";
// a part of one stays.
TEST(CheckAckEstablished, OnlyWhatIsNotAcknowledgedIsSentAgain) {
  Drill d = Drill::established();
  d.send(2000);
  EXPECT_THAT(d.sent(),
              ElementsAre(IsData({.seq = 1, .len = 1000}), IsData({.seq = 1001, .len = 1000})));
  d.peer_sends(ack({.ack = 1501}));
  EXPECT_EQ(d.status().send_q, 500U);
  d.advance(300_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1501, .len = 500})));
}
TEST(CheckAckEstablished, SendDoneIsToldWhenAllIsAcknowledged) {
  Drill d = Drill::established();
  d.send(2000);
  d.peer_sends(ack({.ack = 1001}));
  EXPECT_FALSE(d.events() & EventBits::send_done);
  d.peer_sends(ack({.ack = 2001}));
  EXPECT_TRUE(d.events() & EventBits::send_done);
  EXPECT_EQ(d.status().octets_acked, 2000U);
}

// "If (SND.WL1 < SEG.SEQ or (SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK)), set SND.WND <- SEG.WND":
// an old segment must not change the window.
TEST(CheckAckWindow, NewerSegmentChangesIt) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 100, .window = 5000}));
  EXPECT_EQ(d.status().snd_wnd, 5000U);
  d.peer_sends(ack({.window = 4000}));
  EXPECT_EQ(d.status().snd_wnd, 4000U);
}
TEST(CheckAckWindow, SegmentWithAnOlderSequenceNumberDoesNot) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 100}));
  d.peer_sends(ack({.seq = 101, .window = 5000}));
  d.peer_sends(data({.seq = 51, .len = 60, .window = 100}));
  EXPECT_EQ(d.status().snd_wnd, 5000U);
}
TEST(CheckAckWindow, SegmentWithAnOlderAckDoesNot) {
  Drill d = Drill::established();
  d.send(2000);
  d.peer_sends(ack({.ack = 2001, .window = 5000}));
  d.peer_sends(ack({.ack = 1001, .window = 100}));
  EXPECT_EQ(d.status().snd_wnd, 5000U);
}
TEST(CheckAckWindow, SameSegmentNumbersMayRaiseOrLowerIt) {
  Drill d = Drill::established();
  d.peer_sends(ack({.window = 10}));
  EXPECT_EQ(d.status().snd_wnd, 10U);
  d.peer_sends(ack({.window = 60'000}));
  EXPECT_EQ(d.status().snd_wnd, 60'000U);  // MUST-1: unsigned
}

// ---- SYN-RECEIVED.

// "If SND.UNA < SEG.ACK =< SND.NXT, then enter ESTABLISHED and set SND.WND <- SEG.WND, SND.WL1 <-
// SEG.SEQ, SND.WL2 <- SEG.ACK".
TEST(CheckAckSynReceived, AckOfTheSynEstablishesWithItsWindow) {
  Drill d = Drill::syn_received();
  d.peer_sends(ack({.window = 1234}));
  ASSERT_TRUE(d.accept());
  EXPECT_EQ(d.state(), State::established);
  EXPECT_EQ(d.status().snd_wnd, 1234U);
}
// "If the segment acknowledgment is not acceptable, form a reset segment <SEQ=SEG.ACK><CTL=RST>";
// Linux (28): "the handshake may still finish".
class BadAckInSynReceived : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(Numbers, BadAckInSynReceived, testing::Values(-100'000, 0, 2, 100'000));
TEST_P(BadAckInSynReceived, IsResetAndTheHandshakeMayStillFinish) {
  Drill d = Drill::syn_received();
  d.peer_sends(ack({.ack = GetParam()}));
  EXPECT_THAT(d.sent(), ElementsAre(IsRst({.seq = GetParam()})));
  EXPECT_EQ(d.state(), State::syn_received);
  d.peer_sends(ack({.ack = 1}));
  EXPECT_EQ(d.state(), State::established);
}
TEST_P(BadAckInSynReceived, IsResetAfterCrossingSyns) {
  Drill d = Drill::syn_received({.role = Role::active});
  d.peer_sends(ack({.ack = GetParam()}));
  EXPECT_THAT(d.sent(), ElementsAre(IsRst({.seq = GetParam()})));
  EXPECT_EQ(d.state(), State::syn_received);
}
TEST(CheckAckSynReceived, SegmentWithoutAckIsDropped) {
  Drill d = Drill::syn_received();
  d.peer_sends(bare({.seq = 1, .len = 10}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), State::syn_received);
}

// ---- The FIN's acknowledgment.

// "FIN-WAIT-1: if the FIN segment is now acknowledged, then enter FIN-WAIT-2 and continue
// processing in that state."
TEST(CheckAckOfFin, FinWait1BecomesFinWait2) {
  Drill d = Drill::fin_wait_1();
  d.peer_sends(ack());
  EXPECT_EQ(d.state(), State::fin_wait_2);
  EXPECT_TRUE(d.events() & EventBits::send_done);
}
TEST(CheckAckOfFin, AckOfTheTextBeforeItDoesNot) {
  Drill d = Drill::established();
  d.send(100);
  EXPECT_TRUE(d.close().has_value());
  d.peer_sends(ack({.ack = 101}));
  EXPECT_EQ(d.state(), State::fin_wait_1);
  d.peer_sends(ack({.ack = 102}));
  EXPECT_EQ(d.state(), State::fin_wait_2);
}
// "CLOSING: if the ACK acknowledges our FIN, then enter the TIME-WAIT state; otherwise, ignore".
TEST(CheckAckOfFin, ClosingBecomesTimeWait) {
  Drill d = Drill::closing();
  d.peer_sends(ack({.ack = 1}));
  EXPECT_EQ(d.state(), State::closing);
  d.peer_sends(ack({.ack = 2}));
  EXPECT_EQ(d.state(), State::time_wait);
  EXPECT_THAT(d.sent(), IsEmpty());
}
// "LAST-ACK: The only thing that can arrive in this state is an acknowledgment of our FIN. If our
// FIN is now acknowledged, delete the TCB, enter the CLOSED state".
TEST(CheckAckOfFin, LastAckBecomesClosed) {
  Drill d = Drill::last_ack();
  d.peer_sends(ack({.ack = 1}));
  EXPECT_EQ(d.state(), State::last_ack);
  d.peer_sends(ack({.ack = 2}));
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::none);
  EXPECT_TRUE(d.events() & EventBits::send_done);
  EXPECT_THAT(d.sent(), IsEmpty());
}
// "CLOSE-WAIT: Do the same processing as for the ESTABLISHED state", and so do FIN-WAIT-1, 2.
TEST(CheckAckOfFin, CloseWaitSendsAndIsAcknowledged) {
  Drill d = Drill::close_wait();
  d.send(700);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .ack = 2, .len = 700})));
  d.peer_sends(ack());
  EXPECT_EQ(d.status().send_q, 0U);
  EXPECT_EQ(d.state(), State::close_wait);
}

}  // namespace
}  // namespace tuntcp::test
