// RFC 9293, 3.8.2: slow start (RFC 5681, 3.1), the initial window (RFC 6928), fast retransmit
// (RFC 5681, 3.2) and NewReno's partial acknowledgments (RFC 6582, 3.2).
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

DrillOptions wide_open() {
  DrillOptions options;
  options.wscale = 10;
  return options;
}

// Linux (17): 10 segments.
TEST(InitialWindow, IsTenSegments) {
  Drill d = Drill::established(wide_open());
  d.send(50'000);
  const std::vector<Sent> sent = d.sent();
  ASSERT_EQ(sent.size(), 10U);
  EXPECT_EQ(sent.back().end(), 10'001);
}

// RFC 6928, 2: the initial window is one segment only after "more than one SYN or SYN/ACK
// retransmissions".
TEST(InitialWindow, IsOneSegmentAfterTwoLostSyns) {
  for (const int lost : {1, 2}) {
    DrillOptions options = wide_open();
    options.role = Role::active;
    Drill d = Drill::closed(options);
    ASSERT_TRUE(d.open().has_value());
    d.advance(Duration::seconds(lost));
    d.peer_sends(syn_ack({.mss = 1000, .wscale = 10}));
    ASSERT_EQ(d.state(), State::established);
    d.sent();
    d.send(50'000);
    EXPECT_EQ(d.sent().size(), lost == 1 ? 10U : 1U);
  }
}
TEST(InitialWindow, IsOneSegmentAfterTwoLostSynAcks) {
  Drill d = Drill::syn_received(wide_open());
  d.advance(4_s);
  ASSERT_EQ(d.sent().size(), 2U);
  d.peer_sends(ack({.ack = 1}));
  ASSERT_TRUE(d.accept());
  d.send(50'000);
  EXPECT_EQ(d.sent().size(), 1U);
}

// Linux, tcp_is_cwnd_limited: who fills the window exactly, round after round, has used it.
TEST(SlowStart, GrowsForAnApplicationThatWritesOneWindowARound) {
  Drill d = Drill::established(wide_open());
  std::int64_t acked = 1;
  d.send(10'000);
  ASSERT_EQ(d.sent().size(), 10U);
  d.advance(10_ms);
  d.peer_sends(ack({.ack = acked += 10'000}));
  d.send(20'000);
  EXPECT_EQ(d.sent().size(), 20U);
}
// RFC 7661, 4.2: a window that was not used is not increased.
TEST(SlowStart, DoesNotGrowForAnApplicationThatWritesLittle) {
  Drill d = Drill::established(wide_open());
  std::int64_t acked = 1;
  for (int round = 0; round < 5; ++round) {
    d.send(5'000);
    ASSERT_EQ(d.sent().size(), 5U);
    d.advance(10_ms);
    d.peer_sends(ack({.ack = acked += 5'000}));
  }
  d.send(20'000);
  EXPECT_EQ(d.sent().size(), 10U);
}

// Linux (29), every second segment acknowledged: 10, 20, 40 segments a round.
TEST(SlowStart, DoublesInARound) {
  Drill d = Drill::established(wide_open());
  SocketOptions options;
  options.send_buffer = 1'000'000;
  d.set_socket_options(options);
  d.send(200'000);
  std::size_t in_round = d.sent().size();
  std::int64_t acked = 1;
  for (const std::size_t expected : {std::size_t{10}, std::size_t{20}, std::size_t{40}}) {
    EXPECT_EQ(in_round, expected);
    d.advance(10_ms);
    std::size_t next_round = 0;
    for (std::size_t i = 0; i < in_round; i += 2) {
      acked += 2'000;
      d.peer_sends(ack({.ack = acked}));
      next_round += d.sent().size();
    }
    in_round = next_round;
  }
}

TEST(FastRetransmit, ThreeDuplicateAcksSendTheFirstHoleAgain) {
  Drill d = Drill::established(wide_open());
  d.send(10'000);
  ASSERT_EQ(d.sent().size(), 10U);
  d.peer_sends(ack({.ack = 1}));
  d.peer_sends(ack({.ack = 1}));
  EXPECT_THAT(d.sent(), IsEmpty());
  d.peer_sends(ack({.ack = 1}));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 1'000})));
  // A fourth says nothing new.
  d.peer_sends(ack({.ack = 1}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.count(Counter::tcp_fast_retrans), 1U);
}
// Linux counts a timeout in the middle of a recovery, and no other.
TEST(FastRetransmit, ThatEndsInATimeoutIsCounted) {
  Drill d = Drill::established(wide_open());
  d.send(10'000);
  for (int i = 0; i < 3; ++i) d.peer_sends(ack({.ack = 1}));
  EXPECT_EQ(d.count(Counter::tcp_reno_recovery), 1U);
  EXPECT_EQ(d.count(Counter::tcp_reno_recovery_fail), 0U);
  d.advance(10_s);
  EXPECT_GT(d.count(Counter::tcp_timeouts), 1U);
  EXPECT_EQ(d.count(Counter::tcp_reno_recovery_fail), 1U);
  EXPECT_EQ(d.count(Counter::tcp_reno_failures), 0U);
}

// RFC 6582, 3.2, step 3: "This acknowledgment ... is a partial acknowledgment": the next hole is
// sent at once, without three more duplicates; the last one ends the recovery.
TEST(FastRetransmit, APartialAckSendsTheNextHole) {
  Drill d = Drill::established(wide_open());
  d.send(10'000);
  d.sent();
  for (int i = 0; i < 8; ++i) d.peer_sends(ack({.ack = 1}));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 1'000})));
  d.peer_sends(ack({.ack = 3'001}));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 3'001, .len = 1'000})));
  d.peer_sends(ack({.ack = 10'001}));
  EXPECT_THAT(d.sent(), IsEmpty());
  // The state is held until something above is acknowledged (RFC 6582, 4.1); ssthresh is 0.7 of ten
  // (RFC 9438, 4.6).
  EXPECT_EQ(d.status().ssthresh_octets, 7'000U);
}

// RFC 3042, limited transmit: the first two duplicates let one new segment each go.
TEST(FastRetransmit, TwoDuplicatesLetNewSegmentsGo) {
  Drill d = Drill::established(wide_open());
  d.send(16'000);
  ASSERT_EQ(d.sent().size(), 10U);
  d.peer_sends(ack({.ack = 1}));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 10'001, .len = 1'000})));
  d.peer_sends(ack({.ack = 1}));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 11'001, .len = 1'000})));
}

// RFC 6582, 3.2, step 2: duplicates of what was outstanding then begin no second recovery.
TEST(FastRetransmit, ATimeoutIsNotFollowedByOneForTheSameWindow) {
  Drill d = Drill::established(wide_open());
  d.send(10'000);
  d.sent();
  d.advance(220_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 1'000})));
  for (int i = 0; i < 5; ++i) d.peer_sends(ack({.ack = 1}));
  EXPECT_EQ(d.count(Counter::tcp_reno_recovery), 0U);
}

// A window update is no duplicate acknowledgment (RFC 5681, 2).
TEST(FastRetransmit, WindowUpdatesAreNotCounted) {
  Drill d = Drill::established(wide_open());
  d.send(10'000);
  d.sent();
  for (std::uint16_t w = 1'000; w < 1'005; ++w) d.peer_sends(ack({.ack = 1, .window = w}));
  EXPECT_THAT(d.sent(), IsEmpty());
}

}  // namespace
}  // namespace tuntcp::test
