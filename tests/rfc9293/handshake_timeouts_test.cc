// RFC 9293, 3.8.3 (MUST-22, MUST-23) and 3.10.8: SYNs and SYN,ACKs that nobody answers.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Linux (10): "SYN at 0, 1, 2, 3, 4, 5, 7.1, 11.4, 19.6, 35.7, 69.0; ETIMEDOUT at 134.5": four
// repeats at an even pace (tcp_syn_linear_timeouts), then six that double.
TEST(SynTimeout, BlackHole) {
  Drill d = Drill::closed({.role = Role::active});
  ASSERT_TRUE(d.open().has_value());
  d.advance(130_s);
  EXPECT_EQ(d.state(), State::syn_sent);
  const std::vector<Sent> sent = d.sent();
  EXPECT_THAT(sent, testing::Each(IsSyn({.seq = 0})));
  std::vector<Duration> at;
  for (const Sent& one : sent) at.push_back(one.at);
  EXPECT_THAT(at, ElementsAre(0_s, 1_s, 2_s, 3_s, 4_s, 5_s, 7_s, 11_s, 19_s, 35_s, 67_s));
  d.advance(1_s);
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::timed_out);
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.count(Counter::tcp_attempt_fails), 1U);
}
// RFC 6298, 2.1 and 5.5 without Linux's linear start: 1, 2, 4, ...
TEST(SynTimeout, DoublesFromTheFirstWhenToldSo) {
  Drill d = Drill::closed(
      {.role = Role::active, .set = {"tcp_syn_linear_timeouts=0", "tcp_syn_retries=3"}});
  ASSERT_TRUE(d.open().has_value());
  d.advance(20_s);
  EXPECT_THAT(d.sent_at(), ElementsAre(0_s, 1_s, 3_s, 7_s));
  EXPECT_EQ(d.state(), State::closed);
}
// MUST-23: "R2 for a SYN segment MUST be set large enough to provide retransmission of the segment
// for at least 3 minutes": profile rfc.
TEST(SynTimeout, ProfileRfcTriesForThreeMinutes) {
  const auto rfc = Sysctl::profile("rfc");
  ASSERT_TRUE(rfc.has_value());
  Drill d = Drill::closed(
      {.role = Role::active,
       .set = {"tcp_syn_retries=" + std::to_string(rfc->tcp_syn_retries),
               "tcp_syn_linear_timeouts=" + std::to_string(rfc->tcp_syn_linear_timeouts)}});
  ASSERT_TRUE(d.open().has_value());
  d.advance(180_s);
  EXPECT_EQ(d.state(), State::syn_sent);
}
// "of course, the application can close the connection (i.e., give up on the open attempt) sooner".
TEST(SynTimeout, UserTimeoutEndsTheAttempt) {
  Drill d = Drill::closed({.role = Role::active, .socket = {.user_timeout = 3_s}});
  ASSERT_TRUE(d.open().has_value());
  d.advance(5_s);
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::timed_out);
}
// The timer of the SYN is 1 s however often it was repeated; the answer stops it.
TEST(SynTimeout, LateAnswerIsGoodEnough) {
  Drill d = Drill::syn_sent({.role = Role::active});
  d.advance(60_s);
  static_cast<void>(d.sent());
  d.peer_sends(syn_ack());
  EXPECT_EQ(d.state(), State::established);
  d.advance(100_s);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 1, .ack = 1})));
}

// Linux (11): "SYN-ACK at 0, 1, 3, 7.3, 15.5, 31.6".
TEST(SynAckTimeout, IsRepeatedFiveTimes) {
  Drill d = Drill::listen();
  d.peer_sends(syn());
  d.advance(62_s);
  EXPECT_EQ(d.state(), State::syn_received);
  const std::vector<Sent> sent = d.sent();
  EXPECT_THAT(sent, testing::Each(IsSynAck({.seq = 0, .ack = 1})));
  std::vector<Duration> at;
  for (const Sent& one : sent) at.push_back(one.at);
  EXPECT_THAT(at, ElementsAre(0_s, 1_s, 3_s, 7_s, 15_s, 31_s));
  d.advance(2_s);
  EXPECT_EQ(d.state(), State::listen);
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_TRUE(d.host().is_idle());
}
TEST(SynAckTimeout, FollowsTheSysctl) {
  Drill d = Drill::listen({.set = {"tcp_synack_retries=1"}});
  d.peer_sends(syn());
  d.advance(10_s);
  EXPECT_THAT(d.sent_at(), ElementsAre(0_s, 1_s));
  EXPECT_EQ(d.state(), State::listen);
}
// The repeated SYN,ACK is the same offer.
TEST(SynAckTimeout, RepeatsItsOptions) {
  Drill d = Drill::listen({.wscale = 7, .sack = true, .ts = 99});
  d.peer_sends(syn());
  d.advance(1_s);
  const std::vector<Sent> sent = d.sent();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[1].options.mss, sent[0].options.mss);
  EXPECT_EQ(sent[1].options.window_shift, sent[0].options.window_shift);
  EXPECT_TRUE(sent[1].options.sack_permitted);
  EXPECT_EQ(sent[1].options.timestamps->echo, 99U);
  EXPECT_EQ(sent[1].options.timestamps->value, sent[0].options.timestamps->value + 1000);
}

// ---- FIN-WAIT-2: Linux (8).

// "orphan: gone after 60.8 (tcp_fin_timeout), a late FIN then gets RST".
TEST(FinWait2, OrphanIsGoneAfterFinTimeout) {
  Drill d = Drill::fin_wait_2();
  d.release();
  d.advance(59_s);
  EXPECT_EQ(d.state(), State::fin_wait_2);
  d.advance(1_s);
  EXPECT_EQ(d.state(), State::listen);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.peer_sends(fin());
  EXPECT_THAT(d.sent(), ElementsAre(IsRst({.seq = 2})));
}
TEST(FinWait2, OrphansTimeBeginsWithTheAckOfItsFin) {
  Drill d = Drill::established();
  d.release();
  d.advance(200_ms);
  d.peer_sends(ack());
  d.advance(59_s);
  EXPECT_EQ(d.state(), State::fin_wait_2);
  d.advance(1_s);
  EXPECT_EQ(d.state(), State::listen);
}
TEST(FinWait2, OrphanInTimeGoesOnToTimeWait) {
  Drill d = Drill::fin_wait_2();
  d.release();
  d.advance(59_s);
  d.peer_sends(fin());
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 2, .ack = 2})));
  EXPECT_EQ(d.state(), State::time_wait);
  d.advance(59_s);
  EXPECT_EQ(d.state(), State::time_wait);
}
// "Only shutdown(): still there after 90."
TEST(FinWait2, SomebodyWhoHoldsItMayWaitForEver) {
  Drill d = Drill::fin_wait_2();
  d.advance(Duration::seconds(100'000));
  EXPECT_EQ(d.state(), State::fin_wait_2);
  d.release();
  d.advance(60_s);
  EXPECT_EQ(d.state(), State::listen);
}
TEST(FinWait2, FinTimeoutIsTunable) {
  Drill d = Drill::fin_wait_2({.set = {"tcp_fin_timeout=5"}});
  d.release();
  d.advance(5_s);
  EXPECT_EQ(d.state(), State::listen);
  EXPECT_TRUE(d.host().is_idle());
}

}  // namespace
}  // namespace tuntcp::test
