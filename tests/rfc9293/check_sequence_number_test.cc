// RFC 9293, 3.10.7.4, first: check the sequence number. One test for each of the four cases of the
// table in 3.4, for every state that has a connection.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// What each state expects next of the peer, and is about to send.
struct Row {
  State state;
  std::int64_t rcv_nxt;
  std::int64_t snd_nxt;
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << rfc_name(row.state);
}
class CheckSequenceNumber : public testing::TestWithParam<Row> {
 protected:
  Drill d = Drill::in(GetParam().state);
  const std::int64_t rcv_nxt = GetParam().rcv_nxt;
  const std::int64_t snd_nxt = GetParam().snd_nxt;
  // What every segment of the host offered so far.
  const std::int64_t window_end = rcv_nxt + 64'240;

  // "If an incoming segment is not acceptable, an acknowledgment should be sent in reply (unless
  // the RST bit is set ...): <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>".
  void expect_ack_only(const Seg& seg) {
    d.peer_sends(seg);
    EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = snd_nxt, .ack = rcv_nxt})));
    EXPECT_EQ(d.state(), GetParam().state);
  }
};
INSTANTIATE_TEST_SUITE_P(States, CheckSequenceNumber,
                         testing::Values(Row{State::syn_received, 1, 1},
                                         Row{State::established, 1, 1},
                                         Row{State::fin_wait_1, 1, 2}, Row{State::fin_wait_2, 1, 2},
                                         Row{State::close_wait, 2, 1}, Row{State::closing, 2, 2},
                                         Row{State::last_ack, 2, 2}, Row{State::time_wait, 2, 2}),
                         name_of<Row>);

TEST_P(CheckSequenceNumber, OldTextIsAcknowledgedAndDropped) {
  // A segment that ends just before RCV.NXT. In TIME-WAIT nothing is old by sequence number: the
  // answer is the same.
  expect_ack_only(data({.seq = rcv_nxt - 10, .ack = 1, .len = 10}));
}
TEST_P(CheckSequenceNumber, EmptySegmentBelowTheWindowIsAcknowledgedAndDropped) {
  expect_ack_only(ack({.seq = rcv_nxt - 1, .ack = 1}));
}
TEST_P(CheckSequenceNumber, EmptySegmentBeyondTheWindowIsAcknowledgedAndDropped) {
  expect_ack_only(ack({.seq = window_end, .ack = 1}));
}
TEST_P(CheckSequenceNumber, TextBeyondTheWindowIsAcknowledgedAndDropped) {
  expect_ack_only(data({.seq = window_end, .ack = 1, .len = 10}));
}
TEST_P(CheckSequenceNumber, FinBeyondTheWindowIsAcknowledgedAndDropped) {
  expect_ack_only(fin({.seq = window_end, .ack = 1}));
}
TEST_P(CheckSequenceNumber, SegmentHalfTheSpaceAwayIsAcknowledgedAndDropped) {
  expect_ack_only(ack({.seq = rcv_nxt + 0x7fff'ffff, .ack = 1}));
}
// "(unless the RST bit is set, if so drop the segment and return)".
TEST_P(CheckSequenceNumber, RstOutsideTheWindowIsDroppedSilently) {
  d.peer_sends(rst({.seq = rcv_nxt - 2}));
  d.peer_sends(rst({.seq = window_end}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), GetParam().state);
}

// RFC 9293, 3.4: "RCV.NXT =< SEG.SEQ < RCV.NXT+RCV.WND": the last number of the window is in it.
TEST(CheckSequenceNumberEdge, LastOctetOfTheWindowIsAccepted) {
  Drill d = Drill::established({.set = {"tcp_sack=1"}, .sack = true});
  d.peer_sends(data({.seq = 64'240, .len = 1}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 1, .sack = {{{64'240, 64'241}}}})));
}
TEST(CheckSequenceNumberEdge, FirstOctetBehindTheWindowIsNot) {
  Drill d = Drill::established({.sack = true});
  d.peer_sends(data({.seq = 64'241, .len = 1}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 1, .sack = std::vector<Block>{}})));
  EXPECT_EQ(d.count(Counter::tcp_beyond_window), 1U);
}
// "or RCV.NXT =< SEG.SEQ+SEG.LEN-1 < RCV.NXT+RCV.WND": one octet inside is enough.
TEST(CheckSequenceNumberEdge, SegmentThatEndsInsideTheWindowIsAccepted) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 100}));
  d.peer_sends(data({.seq = 51, .len = 51}));
  EXPECT_EQ(d.receive().value_or(0), 101U);
}

// 5th and 6th rows of 3.4's table: with RCV.WND = 0 only an empty segment at RCV.NXT is acceptable.
class ZeroWindow : public testing::Test {
 protected:
  ZeroWindow() {
    // 2304 octets, the least: the window is half of it.
    while (d.status().rcv_wnd != 0 && d.peer_next() < 10'000) d.peer_sends(data({.len = 100}));
    d.advance(1_s);
    edge = d.sent().back().ack;
  }
  Drill d = Drill::established({.socket = {.receive_buffer = 1}});
  std::int64_t edge = 0;
};

TEST_F(ZeroWindow, TextIsNotTakenAndAnswered) {
  ASSERT_EQ(d.status().rcv_wnd, 0U);
  d.peer_sends(data({.seq = edge, .len = 1}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = edge, .window = 0})));
  EXPECT_EQ(d.status().recv_q, edge - 1);
}
// Linux's counters of a window that closes and opens, and of what comes in between.
TEST_F(ZeroWindow, IsCountedAsItComesAndGoes) {
  EXPECT_EQ(d.count(Counter::tcp_to_zero_window), 1U);
  EXPECT_GT(d.count(Counter::tcp_want_zero_window), 0U) << "the right edge stays (SHLD-14)";
  EXPECT_EQ(d.count(Counter::tcp_from_zero_window), 0U);
  d.peer_sends(data({.seq = edge, .len = 1}));
  EXPECT_EQ(d.count(Counter::tcp_zero_window_drop), 1U);
  EXPECT_EQ(d.count(Counter::tcp_to_zero_window), 1U) << "it is zero already";
  EXPECT_EQ(d.receive().value_or(0), edge - 1);
  EXPECT_EQ(d.count(Counter::tcp_from_zero_window), 1U);
  d.peer_sends(data({.seq = edge, .len = 100}));
  EXPECT_EQ(d.count(Counter::tcp_from_zero_window), 1U);
}
// MUST-66: "special allowance should be made to accept valid ACKs, URGs, and RSTs."
TEST_F(ZeroWindow, AckIsTaken) {
  d.send(100);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 100})));
  d.peer_sends(ack({.seq = edge, .ack = 101}));
  EXPECT_EQ(d.status().unacked_octets, 0U);
}
TEST_F(ZeroWindow, AckOfASegmentWithTextIsTaken) {
  d.send(100);
  d.peer_sends(data({.seq = edge, .ack = 101, .len = 1}));
  EXPECT_EQ(d.status().unacked_octets, 0U);
}
TEST_F(ZeroWindow, RstIsTaken) {
  d.peer_sends(rst({.seq = edge}));
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::connection_reset);
}
TEST_F(ZeroWindow, UrgentPointerIsTaken) {
  static_cast<void>(d.events());
  d.peer_sends(bare({.flags = Flag::ack | Flag::urg, .seq = edge, .len = 1, .urgent = 10}));
  EXPECT_TRUE(d.events() & tcp::EventBits::urgent);
}
// A FIN needs no room. Linux (tcp_sequence) lets it extend beyond the window, because there are
// peers that do not count it.
TEST_F(ZeroWindow, FinIsTaken) {
  d.peer_sends(fin({.seq = edge}));
  d.advance(40_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = edge + 1, .window = 0})));
  EXPECT_EQ(d.state(), State::close_wait);
}

}  // namespace
}  // namespace tuntcp::test
