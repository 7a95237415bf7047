// RFC 9293, 3.8.1 and 3.8.3; RFC 6298: when and how often text is sent again, and when it is given
// up. Losses that duplicate ACKs tell of: fast_retransmit_test.cc.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Duration> differences(const std::vector<Duration>& at) {
  std::vector<Duration> steps;
  for (std::size_t i = 1; i < at.size(); ++i) steps.push_back(at[i] - at[i - 1]);
  return steps;
}

// A handshake of 10 ms gives SRTT = 10 ms, RTTVAR = 5 ms (2.2); as in Linux the floor of 200 ms is
// under the variance's part: RTO = 210 ms.
const Duration kRto = 210_ms;

// Linux (12), without SACK: .22, .62, 1.45, 3.12, 6.51, 13.2, 26.5, 54.6, 107.9, 214.4: each
// timeout twice the one before (5.5), at most 120 s.
TEST(RetransmissionTimeout, DoublesUpToTheMost) {
  Drill d = Drill::established();
  d.send(100);
  const std::vector<Sent> first = d.sent();
  ASSERT_THAT(first, ElementsAre(IsData({.seq = 1, .len = 100})));
  d.advance(500_s);
  const std::vector<Sent> again = d.sent();
  for (const Sent& one : again) EXPECT_THAT(one, IsData({.seq = 1, .ack = 1, .len = 100}));
  std::vector<Duration> at{first[0].at};
  for (const Sent& one : again) at.push_back(one.at);
  EXPECT_THAT(differences(at),
              ElementsAre(kRto, kRto * 2, kRto * 4, kRto * 8, kRto * 16, kRto * 32, kRto * 64,
                          kRto * 128, kRto * 256, kRto * 512, 120_s, 120_s));
}

// MUST-61: "a TCP implementation MUST set the PSH bit in the last buffered segment", also when that
// is sent again.
TEST(RetransmissionTimeout, LastSegmentCarriesPushAgain) {
  Drill d = Drill::established();
  d.send(1500);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 1000}), IsData({.seq = 1001})));
  d.advance(kRto);
  const std::vector<Sent> first = d.sent();
  ASSERT_THAT(first, ElementsAre(IsData({.seq = 1, .len = 1000})));
  EXPECT_FALSE(first[0].flags.has(Flag::psh));
  d.peer_sends(ack({.ack = 1001}));
  d.advance(3_s);
  const std::vector<Sent> last = d.sent();
  ASSERT_FALSE(last.empty());
  EXPECT_THAT(last[0], IsData({.seq = 1001, .len = 500}));
  EXPECT_TRUE(last[0].flags.has(Flag::psh));
}

// Linux (12): "Gives up after at least 924.6 (tcp_retries2=15)": R2 as a time, counted from the
// first retransmission, seen when the timer runs out.
TEST(RetransmissionTimeout, GivesUpAfterR2) {
  Drill d = Drill::established();
  d.send(100);
  const Duration began = d.elapsed();
  d.advance(924_s);
  EXPECT_EQ(d.state(), State::established);
  d.advance(130_s);
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::timed_out);
  EXPECT_EQ(d.count(Counter::tcp_abort_on_timeout), 1U);
  EXPECT_TRUE(d.events() & tcp::EventBits::failed);
  // 3.10.8: "delete the TCB, enter CLOSED": nothing is sent after that, no RST either (as Linux).
  const std::vector<Sent> sent = d.sent();
  EXPECT_THAT(sent, testing::Each(IsData({.seq = 1})));
  EXPECT_LT(began + 804_s, sent.back().at);
  d.advance(1000_s);
  EXPECT_THAT(d.sent(), IsEmpty());
}
// SHLD-11: R2 is at least 100 s even with few retries.
TEST(RetransmissionTimeout, FewerRetriesGiveUpSooner) {
  Drill d = Drill::established({.set = {"tcp_retries2=3"}});
  d.send(100);
  static_cast<void>(d.sent());
  d.advance(10_s);
  // .21, .63, 1.47, 3.15: at 6.51 the row is longer than 0.2 * (2^4 - 1) = 3 s.
  EXPECT_THAT(differences(d.sent_at()), ElementsAre(kRto * 2, kRto * 4, kRto * 8));
  EXPECT_EQ(d.state(), State::closed);
}
// 5.3: "When an ACK is received that acknowledges new data, restart the retransmission timer".
TEST(RetransmissionTimeout, IsRestartedByAnAckOfNewText) {
  Drill d = Drill::established();
  d.send(2000);
  static_cast<void>(d.sent());
  d.advance(200_ms);
  d.peer_sends(ack({.ack = 1001}));
  d.advance(200_ms);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(300_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1001})));
}
// A duplicate does not.
TEST(RetransmissionTimeout, IsNotRestartedByADuplicate) {
  Drill d = Drill::established();
  d.send(1000);
  static_cast<void>(d.sent());
  d.advance(200_ms);
  d.peer_sends(ack({.ack = 1}));
  d.advance(10_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1})));
}
// 5.2: "When all outstanding data has been acknowledged, turn off the retransmission timer."
TEST(RetransmissionTimeout, IsTurnedOffWhenAllIsAcknowledged) {
  Drill d = Drill::established();
  d.send(1000);
  d.peer_sends(ack());
  static_cast<void>(d.sent());
  EXPECT_EQ(d.status().timer, TimerKind::none);
  d.advance(1000_s);
  EXPECT_THAT(d.sent(), IsEmpty());
}
// MUST-18, RFC 6298, 3 and 5.5: what was sent twice gives no sample, so its ACK leaves the doubled
// timeout to the next segment; that one's own ACK ends it.
TEST(RetransmissionTimeout, StaysDoubledUntilASample) {
  Drill d = Drill::established();
  d.send(1000);
  d.advance(kRto);
  d.peer_sends(ack({.ack = 1001}));
  EXPECT_EQ(d.status().retransmits, 0U);
  EXPECT_EQ(d.status().rto, kRto * 2);
  static_cast<void>(d.sent());
  d.send(1000);
  d.advance(kRto * 2 - 1_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1001})));
  d.advance(1_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1001})));
  d.peer_sends(ack({.ack = 2001}));
  d.send(1000);
  d.advance(10_ms);
  d.peer_sends(ack({.ack = 3001}));
  EXPECT_LT(d.status().rto, kRto + 10_ms);
}
// 5.1: new text does not put off the timer of older text.
TEST(RetransmissionTimeout, IsNotPutOffByNewText) {
  Drill d = Drill::established();
  d.send(1000);
  d.advance(150_ms);
  d.send(1000);
  static_cast<void>(d.sent());
  d.advance(60_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 1000})));
}

// ---- RFC 6298, 2 and 3: the estimate.

TEST(RoundTrip, HandshakeIsTheFirstSample) {
  Drill d = Drill::established({.rtt = 80_ms});
  EXPECT_EQ(d.status().srtt, 80_ms);    // 2.2: SRTT <- R
  EXPECT_EQ(d.status().rttvar, 40_ms);  // RTTVAR <- R/2
  EXPECT_EQ(d.status().rto, 280_ms);    // max(4 * 40 ms, 200 ms) more
}
TEST(RoundTrip, ActiveOpenMeasuresTheHandshakeToo) {
  Drill d = Drill::established({.role = Role::active, .rtt = 80_ms});
  EXPECT_EQ(d.status().srtt, 80_ms);
}
TEST(RoundTrip, EachAckOfNewTextIsASample) {
  Drill d = Drill::established({.rtt = 80_ms});
  d.send(1000);
  d.advance(160_ms);
  d.peer_sends(ack());
  // 2.3: RTTVAR <- 3/4 * 40 + 1/4 * 80 = 50; SRTT <- 7/8 * 80 + 1/8 * 160 = 90.
  EXPECT_EQ(d.status().srtt, 90_ms);
  EXPECT_EQ(d.status().rttvar, 50_ms);
  EXPECT_EQ(d.status().min_rtt, 80_ms);
}
// 3 (Karn): "RTT samples MUST NOT be made using segments that were retransmitted" (MUST-18).
TEST(RoundTrip, RetransmittedTextIsNoSample) {
  Drill d = Drill::established({.rtt = 80_ms});
  d.send(1000);
  d.advance(300_ms);
  d.peer_sends(ack());
  EXPECT_EQ(d.status().srtt, 80_ms);
}
TEST(RoundTrip, RetransmittedSynIsNoSample) {
  Drill d = Drill::syn_received();
  d.advance(1500_ms);
  d.peer_sends(ack());
  ASSERT_TRUE(d.accept());
  EXPECT_EQ(d.status().srtt, Duration::zero());
}
// "... unless the timestamp option removes the ambiguity" (RFC 7323, 4).
TEST(RoundTrip, TimestampsAreSamplesOfRetransmissionsToo) {
  Drill d = Drill::established({.rtt = 80_ms, .ts = 1});
  d.send(500);
  d.advance(300_ms);  // sent again at 280 ms after
  ASSERT_EQ(d.sent().size(), 2U);
  d.advance(60_ms);
  d.peer_sends(ack());  // echoes the second copy, sent 80 ms ago
  EXPECT_EQ(d.status().srtt, 80_ms);
  EXPECT_LT(d.status().rttvar, 40_ms);
}
// RFC 6298, 5.7: "If the timer expires awaiting the ACK of a SYN segment ..., the RTO MUST be
// re-initialized to 3 seconds when data transmission begins".
TEST(RoundTrip, RetransmittedSynLeavesATimeoutOfThreeSeconds) {
  Drill d = Drill::syn_sent({.role = Role::active});
  d.advance(1500_ms);
  d.peer_sends(syn_ack());
  d.send(100);
  static_cast<void>(d.sent());
  const Duration began = d.elapsed();
  d.advance(10_s);
  EXPECT_EQ(d.sent_at().front() - began, 3_s);
}
TEST(RoundTrip, RetransmittedSynAckLeavesATimeoutOfThreeSeconds) {
  Drill d = Drill::syn_received();
  d.advance(1500_ms);
  d.peer_sends(ack());
  ASSERT_TRUE(d.accept());
  d.send(100);
  static_cast<void>(d.sent());
  const Duration began = d.elapsed();
  d.advance(10_s);
  EXPECT_EQ(d.sent_at().front() - began, 3_s);
}

// ---- After a timeout: RFC 5681, 3.1 and RFC 6298, 5.4.

// "Retransmit the earliest segment that has not been acknowledged", one, and then as slow start
// lets.
TEST(AfterTimeout, OneSegmentThenTwoThenFour) {
  Drill d = Drill::established();
  d.send(10'000);
  ASSERT_EQ(d.sent().size(), 10U);
  d.advance(kRto);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 1000})));
  d.peer_sends(ack({.ack = 1001}));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1001}), IsData({.seq = 2001})));
  d.peer_sends(ack({.ack = 3001}));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 3001}), IsData({.seq = 4001}),
                                    IsData({.seq = 5001}), IsData({.seq = 6001})));
}
// Linux (tcp_slow_start), beyond RFC 5681, 3.1's one segment an ACK: every octet that an ACK covers
// counts, after a timeout as well; above ssthresh (half of 10) it is congestion avoidance.
TEST(AfterTimeout, SlowStartCountsAllThatOneAckCovers) {
  Drill d = Drill::established({.set = {"tcp_congestion_control=reno"}});
  d.send(10'000);
  d.advance(kRto);
  ASSERT_EQ(d.status().cwnd_segments, 1U);
  d.peer_sends(ack({.ack = 3001}));
  EXPECT_EQ(d.status().cwnd_segments, 4U);
  d.peer_sends(ack({.ack = 7001}));
  EXPECT_EQ(d.status().cwnd_segments, 5U);
}
// What arrived although it was given up is not sent again once acknowledged.
TEST(AfterTimeout, AckOfEverythingEndsIt) {
  Drill d = Drill::established();
  d.send(5000);
  d.advance(kRto);
  static_cast<void>(d.sent());
  d.peer_sends(ack({.ack = 5001}));
  EXPECT_EQ(d.status().timer, TimerKind::none);
  d.advance(1000_s);
  EXPECT_THAT(d.sent(), IsEmpty());
}
// Small segments are sent again as full ones (3.8.1 allows repacketization).
TEST(AfterTimeout, SmallSegmentsAreJoined) {
  Drill d = Drill::established({.socket = {.no_delay = true}});
  d.send(100);
  d.send(100);
  d.send(100);
  EXPECT_EQ(d.sent().size(), 3U);
  d.advance(kRto);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 300})));
}
TEST(AfterTimeout, FinIsRetransmittedWithItsText) {
  Drill d = Drill::established();
  d.send(100);
  EXPECT_TRUE(d.close().has_value());
  static_cast<void>(d.sent());
  d.advance(kRto);
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.seq = 1, .len = 100})));
}
TEST(AfterTimeout, FinAloneIsRetransmittedOnceTheTextIsAcknowledged) {
  Drill d = Drill::established();
  d.send(100);
  EXPECT_TRUE(d.close().has_value());
  d.peer_sends(ack({.ack = 101}));
  static_cast<void>(d.sent());
  d.advance(kRto);
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.seq = 101, .len = 0})));
}
TEST(AfterTimeout, CountersTell) {
  Drill d = Drill::established();
  d.send(1000);
  d.advance(kRto * 3);
  EXPECT_EQ(d.count(Counter::tcp_timeouts), 2U);
  EXPECT_EQ(d.count(Counter::tcp_retrans_segs), 2U);
  EXPECT_EQ(d.status().octets_retransmitted, 2000U);
  EXPECT_EQ(d.status().retransmits, 2U);
}

// ---- User timeout (MUST-21) and orphans.

// Linux (22): "TCP_USER_TIMEOUT 3000: ETIMEDOUT at 3.21": counted from the first retransmission.
TEST(UserTimeout, EndsTheConnection) {
  Drill d = Drill::established({.socket = {.user_timeout = 3_s}});
  d.send(100);
  d.advance(3200_ms);
  EXPECT_EQ(d.state(), State::established);
  d.advance(20_ms);
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::timed_out);
}
// Longer than R2: the application may also wait longer.
TEST(UserTimeout, MayBeLongerThanR2) {
  Drill d = Drill::established({.socket = {.user_timeout = 3000_s}});
  d.send(100);
  d.advance(2990_s);
  EXPECT_EQ(d.state(), State::established);
  d.advance(20_s);
  EXPECT_EQ(d.state(), State::closed);
}
// 3.10.8: "USER TIMEOUT: For any state" with something outstanding: also the FIN's.
TEST(UserTimeout, CountsForTheFinToo) {
  Drill d = Drill::fin_wait_1({.socket = {.user_timeout = 3_s}});
  d.advance(4_s);
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::timed_out);
}
TEST(UserTimeout, DoesNotTouchAnIdleConnection) {
  Drill d = Drill::established({.socket = {.user_timeout = 3_s}});
  d.advance(100_s);
  EXPECT_EQ(d.state(), State::established);
}

// Linux (9): "FIN never ACKed, orphan: FIN at 0, .22, .62, 1.45, 3.12, 6.51, 13.2, 26.5, 54.6 (8
// retransmissions); gone at 108".
TEST(Orphan, FinIsRetransmittedEightTimes) {
  Drill d = Drill::established();
  d.release();
  const Duration began = d.elapsed();
  d.advance(200_s);
  const std::vector<Sent> sent = d.sent();
  EXPECT_THAT(sent, testing::Each(IsFin({.seq = 1, .len = 0})));
  std::vector<Duration> at;
  for (const Sent& one : sent) at.push_back(one.at - began);
  EXPECT_THAT(at, ElementsAre(0_ms, kRto, kRto * 3, kRto * 7, kRto * 15, kRto * 31, kRto * 63,
                              kRto * 127, kRto * 255));
  EXPECT_EQ(d.state(), State::listen);
}
TEST(Orphan, IsGoneAfterTheNinthTimeout) {
  Drill d = Drill::established();
  d.release();
  d.advance(107_s);
  EXPECT_EQ(d.state(), State::fin_wait_1);
  d.advance(1_s);
  EXPECT_EQ(d.state(), State::listen);
}

}  // namespace
}  // namespace tuntcp::test
