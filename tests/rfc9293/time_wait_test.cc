// RFC 9293, 3.6.1 and 3.10.7.4 in TIME-WAIT; RFC 1337; RFC 6191; and what Linux was measured to do
// (rows 1 to 6 and 34). The decision table itself has its unit test.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const DrillOptions kActive{.role = Role::active};
const DrillOptions kTimestamps{.ts = 1'000'000};

// (1) "Active close, then silence: TIME_WAIT for 60.9 (60 nominal). tcp_fin_timeout does not change
// it." MUST-13: 2*MSL.
TEST(TimeWait, LastsSixtySeconds) {
  Drill d = Drill::time_wait({.set = {"tcp_fin_timeout=5"}});
  EXPECT_EQ(d.listed()->timer_left, 60_s);
  d.advance(59_s + 999_ms);
  EXPECT_EQ(d.state(), State::time_wait);
  d.advance(1_ms);
  EXPECT_EQ(d.listed(), std::nullopt);
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.count(Counter::tcp_tw), 1U);
}
// MUST-13 by the letter: 3.4.2 takes an MSL of 2 minutes, and so does profile rfc.
TEST(TimeWait, LastsTwiceTheLongestLifeInProfileRfc) {
  const auto rfc = Sysctl::profile("rfc");
  ASSERT_TRUE(rfc.has_value());
  Drill d =
      Drill::time_wait({.set = {"tcp_time_wait_ms=" + std::to_string(rfc->tcp_time_wait_ms)}});
  d.advance(239_s + 999_ms);
  EXPECT_EQ(d.state(), State::time_wait);
  d.advance(1_ms);
  EXPECT_EQ(d.listed(), std::nullopt);
}
TEST(TimeWait, LeavesNothingBehind) {
  Drill d = Drill::time_wait();
  d.release();
  d.advance(60_s);
  EXPECT_TRUE(d.host().is_idle());
}
TEST(TimeWait, Ipv6LastsAsLong) {
  Drill d = Drill::time_wait({.family = Family::ipv6});
  d.advance(59_s);
  EXPECT_EQ(d.state(), State::time_wait);
  d.advance(1_s);
  EXPECT_EQ(d.listed(), std::nullopt);
}
// The application can read what came, long after.
TEST(TimeWait, UnreadOctetsCanStillBeRead) {
  Drill d = Drill::fin_wait_2();
  d.peer_sends(fin({.len = 50}));
  EXPECT_EQ(d.state(), State::time_wait);
  d.advance(100_s);
  EXPECT_EQ(d.receive(), 50U);
  EXPECT_EQ(d.receive().error(), Error::end_of_stream);
}

// (2) "Duplicate FIN 20 s into TIME_WAIT: re-ACKed, timer restarted: gone at 81.5". RFC 9293: "The
// only thing that can arrive in this state is a retransmission of the remote FIN. Acknowledge it,
// and restart the 2 MSL timeout."
TEST(TimeWait, RepeatedFinIsAcknowledgedAndRestartsTheWait) {
  Drill d = Drill::time_wait();
  d.advance(20_s);
  d.peer_sends(fin({.seq = 1}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 2, .ack = 2})));
  d.advance(59_s);
  EXPECT_EQ(d.state(), State::time_wait);
  d.advance(1_s);
  EXPECT_EQ(d.listed(), std::nullopt);
}
// The tunable: entries that exist keep the end they have; a restarted wait is a new one.
TEST(TimeWait, LengthIsTunableWhileRunning) {
  Drill d = Drill::time_wait();
  d.set("net.tuntcp.tcp_time_wait_ms=5000");
  d.advance(50_s);
  EXPECT_EQ(d.state(), State::time_wait);
  d.peer_sends(fin({.seq = 1}));
  d.advance(4_s);
  EXPECT_EQ(d.state(), State::time_wait);
  d.advance(1_s);
  EXPECT_EQ(d.listed(), std::nullopt);
}
TEST(TimeWait, ShorterLengthHoldsForNewEntries) {
  Drill d = Drill::fin_wait_2();
  d.set("net.tuntcp.tcp_time_wait_ms=5000");
  d.peer_sends(fin());
  d.advance(4999_ms);
  EXPECT_EQ(d.state(), State::time_wait);
  d.advance(1_ms);
  EXPECT_EQ(d.listed(), std::nullopt);
}

// (3) "RST into TIME_WAIT: tcp_rfc1337=0: gone at once (assassination); =1: stays".
TEST(TimeWait, ExactRstAssassinatesIt) {
  Drill d = Drill::time_wait();
  d.peer_sends(rst({.seq = 2}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.listed(), std::nullopt);
}
TEST(TimeWait, Rfc1337ProtectsItFromRst) {
  Drill d = Drill::time_wait({.set = {"tcp_rfc1337=1"}});
  d.advance(30_s);
  d.peer_sends(rst({.seq = 2}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), State::time_wait);
  d.advance(29_s);
  EXPECT_EQ(d.state(), State::time_wait);
}
// (34) "only an exact RST ends it".
TEST(TimeWait, OtherRstIsIgnored) {
  Drill d = Drill::time_wait();
  d.peer_sends(rst({.seq = 1}));
  d.peer_sends(rst({.seq = 3}));
  d.peer_sends(rst({.seq = 1'000'000}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), State::time_wait);
  d.advance(60_s);
  EXPECT_EQ(d.listed(), std::nullopt);
}
// An ACK at RCV.NXT, as the answer to our own: silence, or the two would never end.
TEST(TimeWait, AckAtRcvNxtIsNotAnswered) {
  Drill d = Drill::time_wait();
  d.peer_sends(ack());
  EXPECT_THAT(d.sent(), IsEmpty());
}
// Old text is acknowledged: every time, because it cannot loop.
TEST(TimeWait, OldTextIsAcknowledgedEveryTime) {
  Drill d = Drill::established();
  EXPECT_TRUE(d.close().has_value());
  d.peer_sends(fin({.len = 100}));
  static_cast<void>(d.sent());
  ASSERT_EQ(d.state(), State::time_wait);
  d.peer_sends(data({.seq = 1, .len = 100}));
  d.peer_sends(data({.seq = 1, .len = 100}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 2, .ack = 102}), IsAck({.seq = 2, .ack = 102})));
}
// tcp_invalid_ratelimit holds for what could loop: repeated FINs too, as in Linux.
TEST(TimeWait, EmptySegmentsAreAcknowledgedTwiceASecond) {
  Drill d = Drill::time_wait();
  d.peer_sends(fin({.seq = 1}));
  d.peer_sends(fin({.seq = 1}));
  EXPECT_EQ(d.sent().size(), 1U);
  d.advance(500_ms);
  d.peer_sends(fin({.seq = 1}));
  EXPECT_EQ(d.sent().size(), 1U);
  EXPECT_EQ(d.count(Counter::tcp_ack_skipped_tw), 1U);
}
// Acknowledgments carry timestamps if the connection did.
TEST(TimeWait, AcksCarryTimestamps) {
  Drill d = Drill::time_wait(kTimestamps);
  d.advance(5_s);
  d.peer_sends(fin({.seq = 1}));
  const std::vector<Sent> sent = d.sent();
  ASSERT_EQ(sent.size(), 1U);
  ASSERT_TRUE(sent[0].options.timestamps.has_value());
  EXPECT_GE(sent[0].options.timestamps->echo, 1'000'000U);
}

// ---- (4) and (34): a SYN for the same endpoints, with a listener.

// "higher seq: SYN-ACK with ISN = old snd_nxt + 65537".
TEST(TimeWaitReopen, SynAboveRcvNxtOpensANewIncarnation) {
  Drill d = Drill::time_wait();
  const SeqNum old_next = d.iss() + 2;
  d.peer_sends(syn({.seq = 3}));
  const std::vector<Sent> sent = d.sent();
  ASSERT_THAT(sent, ElementsAre(IsSynAck({.ack = 4})));
  EXPECT_EQ(sent[0].raw_seq, old_next + 65'537);
  EXPECT_EQ(d.state(), State::syn_received);
  d.peer_sends(ack({.seq = 4}));
  EXPECT_EQ(d.state(), State::established);
}
// "Lower seq, no timestamps: ACK, stays."
TEST(TimeWaitReopen, SynBelowRcvNxtIsAcknowledged) {
  Drill d = Drill::time_wait();
  d.peer_sends(syn({.seq = -100}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 2, .ack = 2})));
  EXPECT_EQ(d.state(), State::time_wait);
}
// ... and its wait is not prolonged.
TEST(TimeWaitReopen, RefusedSynDoesNotProlongTheWait) {
  Drill d = Drill::time_wait();
  d.advance(30_s);
  d.peer_sends(syn({.seq = -100}));
  d.advance(30_s);
  EXPECT_EQ(d.listed(), std::nullopt);
}
// The honest peer answers the ACK with an exact RST and tries again: RFC 5961, 4.
TEST(TimeWaitReopen, HonestPeerGetsThroughByItsRst) {
  Drill d = Drill::time_wait();
  d.release();
  d.peer_sends(syn({.seq = -100}));
  d.peer_sends(rst({.seq = 2}));
  d.peer_sends(syn({.seq = -100}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 2}), IsSynAck({.ack = -99})));
}
// RFC 6191 (SHLD-4): "Lower seq but newer timestamp: SYN-ACK".
TEST(TimeWaitReopen, NewerTimestampOpensInSpiteOfALowNumber) {
  Drill d = Drill::time_wait(kTimestamps);
  d.advance(1_s);
  d.peer_sends(syn({.seq = -100, .ts = wire::Timestamps{.value = 1'002'000}}));
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck({.ack = -99})));
  EXPECT_EQ(d.state(), State::syn_received);
}
// "Higher seq but older timestamp: ACK (PAWS)".
TEST(TimeWaitReopen, OlderTimestampRefusesInSpiteOfAHighNumber) {
  Drill d = Drill::time_wait(kTimestamps);
  d.advance(1_s);
  d.peer_sends(syn({.seq = 500, .ts = wire::Timestamps{.value = 999'000}}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 2, .ack = 2})));
  EXPECT_EQ(d.state(), State::time_wait);
  EXPECT_EQ(d.count(Counter::tcp_paws_tw), 1U);
}
// Without a listener nobody could serve it: the wait goes on.
TEST(TimeWaitReopen, WithoutAListenerSynIsAcknowledged) {
  Drill d = Drill::time_wait(kActive);
  d.peer_sends(syn({.seq = 500}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 2, .ack = 2})));
  EXPECT_EQ(d.state(), State::time_wait);
}
// RFC 6191: the same segment without timestamps although the connection had them: the numbers
// decide.
TEST(TimeWaitReopen, SynWithoutTimestampsIsJudgedByItsNumber) {
  Drill d = Drill::time_wait(kTimestamps);
  DrillOptions plain;
  d.peer_sends(syn({.seq = 500, .raw_options = {2, 4, 3, 232}}));
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck({.ack = 501})));
}

// ---- tcp_max_tw_buckets.

TEST(TimeWaitBuckets, FullTableSkipsTheWait) {
  Drill d = Drill::time_wait({.set = {"tcp_max_tw_buckets=1"}});
  Drill other = Drill::beside(d, {.role = Role::active, .peer_port = 5});
  ASSERT_TRUE(other.open().has_value());
  other.peer_sends(syn_ack());
  EXPECT_TRUE(other.close().has_value());
  other.peer_sends(ack());
  static_cast<void>(other.sent());
  other.peer_sends(fin());
  EXPECT_THAT(other.sent(), ElementsAre(IsAck({.ack = 2})));
  EXPECT_EQ(other.state(), State::closed);
  EXPECT_EQ(other.count(Counter::tcp_tw_overflow), 1U);
  EXPECT_EQ(d.state(), State::time_wait);
}
TEST(TimeWaitBuckets, NoneMeansNoWait) {
  Drill d = Drill::fin_wait_2({.set = {"tcp_max_tw_buckets=0"}});
  d.peer_sends(fin());
  EXPECT_EQ(d.listed(), std::nullopt);
}

// ---- tcp_tw_reuse: our own OPEN takes over (5) and (6).

class TimeWaitReuse : public testing::Test {
 protected:
  // Opens and closes until the two ports of the range are in TIME-WAIT.
  static Drill with_both_ports_waiting(const std::vector<std::string>& set,
                                       std::optional<std::uint32_t> ts = 5) {
    DrillOptions options{.role = Role::active, .set = set, .local_port = 0, .ts = ts};
    options.set.push_back("ip_local_port_range=40000 40001");
    Drill d = Drill::established(options);
    close_it(d);
    Drill second = Drill::beside(d, options);
    EXPECT_TRUE(second.open().has_value());
    second.peer_sends(syn_ack());
    close_it(second);
    return d;
  }
  static void close_it(Drill& d) {
    EXPECT_TRUE(d.close().has_value());
    d.peer_sends(fin());
    EXPECT_EQ(d.state(), State::time_wait);
    static_cast<void>(d.sent());
  }
  static Drill third(Drill& d, std::optional<std::uint32_t> ts = 5) {
    return Drill::beside(d, {.role = Role::active, .local_port = 0, .ts = ts});
  }
};

// (6) "Port range of 2 ports, not loopback: third connect: EADDRNOTAVAIL."
TEST_F(TimeWaitReuse, RangeOfTwoPortsIsSoonUsedUp) {
  Drill d = with_both_ports_waiting({});
  EXPECT_EQ(third(d).open().error(), Error::address_not_available);
}
TEST_F(TimeWaitReuse, PortsAreFreeAgainAfterTheWait) {
  Drill d = with_both_ports_waiting({});
  d.advance(60_s);
  EXPECT_TRUE(third(d).open().has_value());
  EXPECT_EQ(d.count(Counter::tcp_tw_recycled), 0U);
}
// "After 2.2 s it works only with tcp_tw_reuse=1 and timestamps on."
TEST_F(TimeWaitReuse, OneTakesOverAfterASecond) {
  Drill d = with_both_ports_waiting({"tcp_tw_reuse=1"});
  EXPECT_EQ(third(d).open().error(), Error::address_not_available);
  d.advance(1_s);
  Drill next = third(d);
  EXPECT_TRUE(next.open().has_value());
  EXPECT_THAT(next.sent(), ElementsAre(IsSyn({.seq = 0})));
  EXPECT_EQ(d.count(Counter::tcp_tw_recycled), 1U);
}
TEST_F(TimeWaitReuse, NeedsTimestamps) {
  Drill d = with_both_ports_waiting({"tcp_tw_reuse=1"}, std::nullopt);
  d.advance(2200_ms);
  EXPECT_EQ(third(d).open().error(), Error::address_not_available);
}
TEST_F(TimeWaitReuse, TwoIsForLoopbackOnly) {
  Drill d = with_both_ports_waiting({"tcp_tw_reuse=2"});
  d.advance(2200_ms);
  EXPECT_EQ(third(d).open().error(), Error::address_not_available);
}
TEST_F(TimeWaitReuse, ZeroIsNever) {
  Drill d = with_both_ports_waiting({"tcp_tw_reuse=0"});
  d.advance(2200_ms);
  EXPECT_EQ(third(d).open().error(), Error::address_not_available);
}
TEST_F(TimeWaitReuse, DelayIsTunable) {
  Drill d = with_both_ports_waiting({"tcp_tw_reuse=1", "tcp_tw_reuse_delay=100"});
  d.advance(100_ms);
  EXPECT_TRUE(third(d).open().has_value());
}
// The new incarnation starts above all that the old one could have sent, so that the peer's
// TIME-WAIT (or its memory) can tell them apart.
TEST_F(TimeWaitReuse, NewIncarnationStartsAboveTheOld) {
  Drill d = Drill::established({.role = Role::active, .set = {"tcp_tw_reuse=1"}, .ts = 5});
  close_it(d);
  const SeqNum old_next = d.iss() + 2;
  d.advance(1_s);
  Drill next = Drill::beside(d, {.role = Role::active, .ts = 5});
  ASSERT_TRUE(next.open().has_value());
  EXPECT_EQ(next.iss(), old_next + 65'537);
  next.peer_sends(syn_ack({.seq = 100'000, .ts = wire::Timestamps{.value = 5000}}));
  EXPECT_EQ(next.state(), State::established);
}
// Measured of Linux 6.18: its SYN shows the last timestamp of the old one.
TEST_F(TimeWaitReuse, SynEchoesTheOldIncarnationsTimestamp) {
  Drill d = Drill::established({.role = Role::active, .set = {"tcp_tw_reuse=1"}, .ts = 700'000});
  EXPECT_TRUE(d.close().has_value());
  d.peer_sends(fin({.ts = wire::Timestamps{.value = 700'900}}));
  const std::uint32_t before = d.sent().back().options.timestamps->value;
  d.advance(2_s);
  Drill next = Drill::beside(d, {.role = Role::active, .ts = 700'000});
  ASSERT_TRUE(next.open().has_value());
  const std::vector<Sent> sent = next.sent();
  ASSERT_THAT(sent, ElementsAre(IsSyn()));
  EXPECT_EQ(sent[0].options.timestamps->echo, 700'900U);
  EXPECT_EQ(sent[0].options.timestamps->value, before + 2000);
}
// A SYN of the old incarnation that crosses the new one's is dropped (PAWS), a newer one is taken.
TEST_F(TimeWaitReuse, CrossingSynOfTheOldIncarnationIsDropped) {
  Drill d = Drill::established({.role = Role::active, .set = {"tcp_tw_reuse=1"}, .ts = 700'000});
  close_it(d);
  d.advance(1_s);
  Drill next = Drill::beside(d, {.role = Role::active, .ts = 700'000});
  ASSERT_TRUE(next.open().has_value());
  static_cast<void>(next.sent());
  next.peer_sends(syn({.ts = wire::Timestamps{.value = 600'000}}));
  EXPECT_THAT(next.sent(), IsEmpty());
  EXPECT_EQ(next.state(), State::syn_sent);
  next.peer_sends(syn({.seq = 0, .ts = wire::Timestamps{.value = 800'000}}));
  EXPECT_THAT(next.sent(), ElementsAre(IsSynAck({.ack = 1})));
}
// tcp_timestamps changed meanwhile: this pair's clock does not jump.
TEST_F(TimeWaitReuse, ClockKeepsItsOffset) {
  Drill d = Drill::established({.role = Role::active, .set = {"tcp_tw_reuse=1"}, .ts = 5});
  EXPECT_TRUE(d.close().has_value());
  d.peer_sends(fin());
  const std::uint32_t before = d.sent().back().options.timestamps->value;
  d.set("tcp_timestamps=2");
  d.advance(1_s);
  d.peer_sends(fin({.seq = 1}));
  EXPECT_EQ(d.sent().at(0).options.timestamps->value, before + 1000);
  Drill next = Drill::beside(d, {.role = Role::active, .ts = 5});
  ASSERT_TRUE(next.open().has_value());
  EXPECT_EQ(next.sent().at(0).options.timestamps->value, before + 1000);
}
// 3.6.1 and RFC 6191: PAWS guards the new one against the old one's segments.
TEST_F(TimeWaitReuse, OldTimestampsAreRejectedByTheNewIncarnation) {
  Drill d = Drill::established({.role = Role::active, .set = {"tcp_tw_reuse=1"}, .ts = 900'000});
  close_it(d);
  d.advance(1_s);
  Drill next = Drill::beside(d, {.role = Role::active, .ts = 901'500});
  ASSERT_TRUE(next.open().has_value());
  next.peer_sends(syn_ack({.ts = wire::Timestamps{.value = 901'500}}));
  static_cast<void>(next.sent());
  next.peer_sends(data({.len = 10, .ts = wire::Timestamps{.value = 900'001}}));
  EXPECT_EQ(next.status().recv_q, 0U);
  EXPECT_EQ(next.count(Counter::tcp_paws_estab), 1U);
}

}  // namespace
}  // namespace tuntcp::test
