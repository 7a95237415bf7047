// RFC 9293, 3.10.2, SEND in SYN-SENT and SYN-RECEIVED: "Queue the data for transmission after
// entering ESTABLISHED state", and what becomes of what was queued. Other states:
// user_calls_test.cc.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using tcp::EventBits;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::Not;

const DrillOptions kActive{.role = Role::active};

// 3.10.7.3, fourth, of the ACK of the SYN,ACK: "Data or controls that were queued for transmission
// MAY be included."
TEST(SendInSynSent, TextLeavesWithTheAckOfTheSynAck) {
  Drill d = Drill::syn_sent(kActive);
  EXPECT_EQ(d.send(2500), 2500U);
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), State::syn_sent);
  EXPECT_EQ(d.status().send_q, 2500U);
  d.peer_sends(syn_ack());
  EXPECT_EQ(d.state(), State::established);
  const std::vector<Sent> sent = d.sent();
  ASSERT_THAT(sent,
              ElementsAre(IsData({.seq = 1, .ack = 1, .len = 1000}),
                          IsData({.seq = 1001, .len = 1000}), IsData({.seq = 2001, .len = 500})));
  EXPECT_THAT(sent[1], Not(HasFlag(Flag::psh)));
  EXPECT_THAT(sent[2], HasFlag(Flag::psh));
  d.peer_sends(ack());
  EXPECT_EQ(d.status().send_q, 0U);
}
// 3.4: the numbers go on from 2^32 - 1 to 0, between the SYN and its text as well.
class SendInSynSentAt : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Iss, SendInSynSentAt,
                         testing::Values(0xffff'ffffU, 0xffff'fffeU, 0xffff'fff0U, 0x7fff'ffffU));
TEST_P(SendInSynSentAt, TextFollowsTheSyn) {
  Drill d = Drill::syn_sent({.role = Role::active, .iss = GetParam()});
  ASSERT_EQ(d.iss(), SeqNum(GetParam()));
  EXPECT_EQ(d.send(30), 30U);
  d.peer_sends(syn_ack());
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .ack = 1, .len = 30})));
  EXPECT_TRUE(d.close().has_value());
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.seq = 31, .len = 0})));
  d.peer_sends(ack());
  EXPECT_EQ(d.state(), State::fin_wait_2);
}
// Later SENDs come behind it.
TEST(SendInSynSent, OrderIsKept) {
  Drill d = Drill::syn_sent(kActive);
  EXPECT_EQ(d.send(10), 10U);
  EXPECT_EQ(d.send(20), 20U);
  d.peer_sends(syn_ack());
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 30})));
  d.peer_sends(ack());
  EXPECT_EQ(d.send(5), 5U);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 31, .len = 5})));
}
// A SYN that is repeated brings none of it along.
TEST(SendInSynSent, SynIsRepeatedWithoutText) {
  Drill d = Drill::syn_sent(kActive);
  d.send(100);
  d.advance(1_s);
  EXPECT_THAT(d.sent(), ElementsAre(IsSyn({.seq = 0, .len = 0})));
  d.peer_sends(syn_ack());
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 100})));
}
// It is in flight like any other text.
TEST(SendInSynSent, TextThatIsLostIsSentAgain) {
  Drill d = Drill::syn_sent(kActive);
  d.send(100);
  d.peer_sends(syn_ack());
  static_cast<void>(d.sent());
  d.advance(250_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 100})));
}
// The window of the SYN,ACK bounds it; a closed one is probed (3.8.6.1), and acknowledged at once.
TEST(SendInSynSent, ClosedWindowHoldsItBack) {
  Drill d = Drill::syn_sent(kActive);
  d.send(100);
  d.peer_sends(syn_ack({.window = 0}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 1, .ack = 1})));
  d.advance(250_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 0, .ack = 1})));
  d.peer_sends(ack({.window = 1000}));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 100})));
}
// As much as the buffer holds; there is room again once some of it is acknowledged.
TEST(SendInSynSent, TakesWhatFits) {
  Drill d =
      Drill::syn_sent({.role = Role::active, .socket = {.send_buffer = 3000}});  // 6000 octets
  EXPECT_EQ(d.send(7000), 6000U);
  EXPECT_EQ(d.send(1).error(), Error::would_block);
  d.peer_sends(syn_ack());
  static_cast<void>(d.events());
  d.peer_sends(ack({.ack = 4001}));
  EXPECT_TRUE(d.events() & EventBits::writable);
  EXPECT_EQ(d.status().send_q, 2000U);
}
// 3.8.5: the pointer is of the octet behind the urgent ones, whenever these were queued.
TEST(SendInSynSent, UrgentTextIsToldOfWhenItLeaves) {
  Drill d = Drill::syn_sent(kActive);
  const Octets text{octet_at(1), octet_at(2), octet_at(3)};
  EXPECT_EQ(d.host().send(d.id(), text, d.now(), {.urgent = true}), 3U);
  d.peer_sends(syn_ack());
  EXPECT_THAT(d.sent(), ElementsAre(AllOf(IsData({.seq = 1, .len = 3}), HasFlag(Flag::urg),
                                          Field(&Sent::urgent, 3))));
}
// The answer comes with the SYN,ACK of a peer that had text at hand itself.
TEST(SendInSynSent, AcknowledgesTextOfTheSynAck) {
  Drill d = Drill::syn_sent(kActive);
  d.send(100);
  d.peer_sends(syn_ack({.len = 40}));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .ack = 41, .len = 100})));
}

// ---- What ends the attempt ends the text; the writer learns why.

// 3.10.7.3, second: "signal to the user 'error: connection reset', drop the segment, enter CLOSED
// state, delete TCB".
TEST(SendInSynSent, RstDiscardsIt) {
  Drill d = Drill::syn_sent(kActive);
  d.send(5000);
  d.peer_sends(rst_ack({.ack = 1}));
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().send_q, 0U);
  EXPECT_EQ(d.send(1).error(), Error::connection_refused);
  d.advance(100_s);
  EXPECT_THAT(d.sent(), IsEmpty());
}
// 3.10.8, user timeout: "flush all queues, signal the user".
TEST(SendInSynSent, TimeoutDiscardsIt) {
  Drill d = Drill::syn_sent(kActive);
  d.send(5000);
  d.advance(200_s);
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().send_q, 0U);
  EXPECT_EQ(d.send(1).error(), Error::timed_out);
}
// 3.10.5: "All queued SENDs and RECEIVEs should be given 'connection reset' notification. Delete
// the TCB".
TEST(SendInSynSent, AbortDiscardsIt) {
  Drill d = Drill::syn_sent(kActive);
  d.send(5000);
  EXPECT_TRUE(d.abort().has_value());
  EXPECT_EQ(d.status().send_q, 0U);
  EXPECT_THAT(d.sent(), IsEmpty());
}
// 3.10.4: "Delete the TCB and return 'error: connection closing' responses to any queued SENDs".
TEST(SendInSynSent, CloseDiscardsIt) {
  Drill d = Drill::syn_sent(kActive);
  d.send(5000);
  EXPECT_TRUE(d.close().has_value());
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().send_q, 0U);
  EXPECT_EQ(d.send(1).error(), Error::connection_closing);
  d.peer_sends(syn_ack({.ack = 1}));
  EXPECT_THAT(d.sent(), ElementsAre(IsRst({.seq = 1})));
}
TEST(SendInSynSent, ReleaseDiscardsIt) {
  Drill d = Drill::syn_sent(kActive);
  d.send(5000);
  d.release();
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_TRUE(d.host().is_idle());
}

// ---- SYN-RECEIVED after SYNs that crossed. (After a passive OPEN nobody has a handle yet.)

TEST(SendInSynReceived, TextLeavesOnceEstablished) {
  Drill d = Drill::syn_received(kActive);
  EXPECT_EQ(d.send(100), 100U);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.peer_sends(ack({.seq = 1, .ack = 1}));
  EXPECT_EQ(d.state(), State::established);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .ack = 1, .len = 100})));
}
// What was queued in SYN-SENT passes through SYN-RECEIVED, whose SYN,ACKs are repeated without it.
TEST(SendInSynReceived, TextOfSynSentIsKept) {
  Drill d = Drill::syn_sent(kActive);
  d.send(40);
  d.peer_sends(syn());
  EXPECT_EQ(d.state(), State::syn_received);
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck({.seq = 0, .ack = 1, .len = 0})));
  d.send(60);
  d.advance(1_s);
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck({.seq = 0, .ack = 1, .len = 0})));
  d.peer_sends(syn_ack({.seq = 0, .ack = 1}));
  EXPECT_EQ(d.state(), State::established);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .ack = 1, .len = 100})));
}
// 3.10.4: "If no SENDs have been issued and there is no pending data to send, then form a FIN
// segment and send it, and enter FIN-WAIT-1 state; otherwise, queue for processing after entering
// ESTABLISHED state."
TEST(SendInSynReceived, FinOfACloseFollowsTheText) {
  Drill d = Drill::syn_received(kActive);
  d.send(1500);
  EXPECT_TRUE(d.close().has_value());
  EXPECT_EQ(d.state(), State::syn_received);
  EXPECT_EQ(d.send(1).error(), Error::connection_closing);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.peer_sends(ack({.seq = 1, .ack = 1}));
  EXPECT_EQ(d.state(), State::fin_wait_1);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 1000}),
                                    IsFin({.seq = 1001, .ack = 1, .len = 500})));
  d.peer_sends(ack());
  EXPECT_EQ(d.state(), State::fin_wait_2);
}
TEST(SendInSynReceived, TextOfAReleasedConnectionIsSentFirst) {
  Drill d = Drill::syn_received(kActive);
  d.send(100);
  d.release();
  d.peer_sends(ack({.seq = 1, .ack = 1}));
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.seq = 1, .ack = 1, .len = 100})));
}
TEST(SendInSynReceived, RstDiscardsIt) {
  Drill d = Drill::syn_received(kActive);
  d.send(5000);
  d.peer_sends(rst({.seq = 1}));
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().send_q, 0U);
  EXPECT_EQ(d.send(1).error(), Error::connection_reset);
}
TEST(SendInSynReceived, AbortDiscardsIt) {
  Drill d = Drill::syn_received(kActive);
  d.send(5000);
  EXPECT_TRUE(d.abort().has_value());
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = 1, .ack = 1})));
  EXPECT_EQ(d.status().send_q, 0U);
}

}  // namespace
}  // namespace tuntcp::test
