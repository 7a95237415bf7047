// RFC 9293, 3.10.7.4, seventh: process the segment text. When the ACK leaves: delayed_ack_test.cc;
// what its SACK blocks say: sack_test.cc.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using tcp::EventBits;
using testing::ElementsAre;
using testing::IsEmpty;

// "Once in the ESTABLISHED state [FIN-WAIT-1, FIN-WAIT-2], it is possible to deliver segment data".
class ProcessText : public testing::TestWithParam<State> {};
INSTANTIATE_TEST_SUITE_P(MayReceive, ProcessText,
                         testing::Values(State::established, State::fin_wait_1, State::fin_wait_2),
                         name_of<State>);
TEST_P(ProcessText, TextIsDeliveredAndAcknowledged) {
  Drill d = Drill::in(GetParam());
  d.peer_sends(data({.ack = 1, .len = 500}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 501})));
  EXPECT_TRUE(d.events() & EventBits::readable);
  EXPECT_EQ(d.receive(), 500U);
}
// "... should not occur, since a FIN has been received from the remote side. Ignore the segment
// text."
class IgnoresText : public testing::TestWithParam<State> {};
INSTANTIATE_TEST_SUITE_P(FinWasReceived, IgnoresText,
                         testing::Values(State::close_wait, State::closing, State::last_ack),
                         name_of<State>);
TEST_P(IgnoresText, BehindTheFin) {
  Drill d = Drill::in(GetParam());
  d.peer_sends(data({.seq = 2, .ack = 1, .len = 500}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.status().recv_q, 0U);
  EXPECT_EQ(d.state(), GetParam());
}

// SHLD-31: what comes out of order is kept; each is answered at once with what is expected.
TEST(Reordering, LaterSegmentWaitsForTheEarlier) {
  Drill d = Drill::established();
  d.peer_sends(data({.seq = 1001, .len = 1000}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 1})));
  EXPECT_EQ(d.receive().error(), Error::would_block);
  d.peer_sends(data({.seq = 1, .len = 1000}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 2001})));
  EXPECT_EQ(d.receive(), 2000U);
}
TEST(Reordering, ReverseOrderIsDeliveredInOrder) {
  Drill d = Drill::established();
  d.peer_sends(data({.seq = 301, .len = 100}));
  d.peer_sends(data({.seq = 201, .len = 100}));
  d.peer_sends(data({.seq = 101, .len = 100}));
  EXPECT_EQ(d.status().recv_q, 0U);
  d.peer_sends(data({.seq = 1, .len = 100}));
  EXPECT_EQ(d.receive(), 400U);
}
// 3.10.7.4, first: "Segments with higher beginning sequence numbers SHOULD be held for later
// processing": two gaps, closed one after the other.
TEST(Reordering, AckAdvancesOnlyToTheNextGap) {
  Drill d = Drill::established();
  d.peer_sends(data({.seq = 101, .len = 100}));
  d.peer_sends(data({.seq = 301, .len = 100}));
  static_cast<void>(d.sent());
  d.peer_sends(data({.seq = 1, .len = 100}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 201})));
  d.peer_sends(data({.seq = 201, .len = 100}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 401})));
  EXPECT_EQ(d.receive(), 400U);
}
// "trimming off any portions that lie outside the window (including SYN and FIN)".
TEST(Trimming, FrontThatIsKnownIsCutOff) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 100}));
  d.peer_sends(data({.seq = 51, .len = 100}));
  EXPECT_EQ(d.status().recv_q, 150U);
  EXPECT_EQ(d.receive(), 150U);
}
TEST(Trimming, EndBeyondTheWindowIsCutOff) {
  Drill d = Drill::established({.socket = {.receive_buffer = 1}});  // a window of 1152
  ASSERT_EQ(d.status().rcv_wnd, 1152U);
  d.peer_sends(data({.len = 1400}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 1153})));
  EXPECT_EQ(d.receive(), 1152U);
}
TEST(Trimming, FinBehindTheCutIsNotTaken) {
  Drill d = Drill::established({.socket = {.receive_buffer = 1}});
  d.peer_sends(fin({.len = 1400}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 1153})));
  EXPECT_EQ(d.state(), State::established);
}
TEST(Trimming, OverlappingPiecesGiveEachOctetOnce) {
  Drill d = Drill::established();
  d.peer_sends(data({.seq = 201, .len = 100}));
  d.peer_sends(data({.seq = 151, .len = 100}));
  d.peer_sends(data({.seq = 251, .len = 150}));
  d.peer_sends(data({.seq = 1, .len = 180}));
  EXPECT_EQ(d.receive(), 400U);
}
// A segment that covers all that waits, and more.
TEST(Trimming, SegmentThatSwallowsWhatWaitedIsWhole) {
  Drill d = Drill::established();
  d.peer_sends(data({.seq = 201, .len = 100}));
  d.peer_sends(data({.seq = 401, .len = 100}));
  d.peer_sends(data({.seq = 1, .len = 800}));
  EXPECT_EQ(d.receive(), 800U);
}

// 3.9.1.3: PUSH does not hold octets back; whatever there is can be received.
TEST(Delivery, OctetsCanBeReadInAnyPieces) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 700}));
  d.peer_sends(data({.len = 20}));
  d.peer_sends(data({.len = 700}));
  EXPECT_EQ(d.receive(1), 1U);
  EXPECT_EQ(d.receive(700), 700U);
  EXPECT_EQ(d.receive(), 719U);
  EXPECT_EQ(d.receive().error(), Error::would_block);
}
// Between segments and reads each octet is counted once.
TEST(Delivery, CountersTellOctets) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 700}));
  d.peer_sends(data({.seq = 1, .len = 700}));
  d.peer_sends(data({.seq = 701, .len = 50}));
  EXPECT_EQ(d.status().octets_received, 750U);
}

// SHLD-3: text for a socket nobody has. Linux (8): "Data after close(): RST at once".
class NobodyReads : public testing::TestWithParam<State> {};
INSTANTIATE_TEST_SUITE_P(AfterClose, NobodyReads,
                         testing::Values(State::fin_wait_1, State::fin_wait_2), name_of<State>);
TEST_P(NobodyReads, TextIsAnsweredByRst) {
  Drill d = Drill::in(GetParam());
  d.release();
  EXPECT_THAT(d.sent(), IsEmpty());
  d.peer_sends(data({.len = 10}));
  EXPECT_THAT(d.sent(), ElementsAre(IsRst({.seq = 2})));
  EXPECT_TRUE(d.state() == State::listen);
  EXPECT_EQ(d.count(Counter::tcp_abort_on_data), 1U);
}
// Old text is no reason: it was acknowledged before.
TEST_P(NobodyReads, OldTextIsAcknowledged) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 10}));
  d.receive();
  d.release();
  d.peer_sends(ack());
  static_cast<void>(d.sent());
  d.peer_sends(data({.seq = 1, .len = 10}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 11})));
  EXPECT_EQ(d.state(), State::fin_wait_2);
}
// shutdown(SHUT_RD) keeps the socket: text is acknowledged and thrown away, as in Linux.
TEST(NobodyWantsToRead, TextIsAcknowledgedAndDiscarded) {
  Drill d = Drill::established();
  EXPECT_TRUE(d.stop_receiving().has_value());
  d.peer_sends(data({.len = 10}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 11})));
  EXPECT_EQ(d.receive().error(), Error::end_of_stream);
}

}  // namespace
}  // namespace tuntcp::test
