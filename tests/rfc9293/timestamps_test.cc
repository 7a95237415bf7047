// RFC 7323, 3 to 5: timestamps and protection against wrapped sequence numbers.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint32_t kFirst = 1'000'000;
const DrillOptions kTs{.ts = kFirst};
wire::Timestamps stamp(std::uint32_t value) {
  return {.value = value, .echo = 0};
}
std::uint32_t echo_of(Drill& d) {
  const std::vector<Sent> sent = d.sent();
  EXPECT_FALSE(sent.empty());
  return sent.empty() || !sent.back().options.timestamps ? 0 : sent.back().options.timestamps->echo;
}

// 3.2: "once TSopt has been successfully negotiated ..., the TSopt MUST be sent in every non-<RST>
// segment".
TEST(Timestamps, EverySegmentHasThem) {
  Drill d = Drill::established(kTs);
  d.send(2500);
  d.peer_sends(data({.len = 10}));
  EXPECT_TRUE(d.close().has_value());
  d.advance(1_s);
  const std::vector<Sent> sent = d.sent();
  EXPECT_GT(sent.size(), 4U);
  for (const Sent& one : sent) EXPECT_TRUE(one.options.timestamps.has_value());
}
// ... "and SHOULD be sent in an <RST> segment".
TEST(Timestamps, ResetHasThem) {
  Drill d = Drill::established(kTs);
  d.advance(500_ms);
  ASSERT_TRUE(d.abort().has_value());
  const std::vector<Sent> sent = d.sent();
  ASSERT_THAT(sent, testing::ElementsAre(IsRstAck({.seq = 1, .ack = 1})));
  ASSERT_TRUE(sent[0].options.timestamps.has_value());
}
// What a full segment has room for beside them: Linux's window is in such segments from the SYN,ACK
// on (measured: 65160 = 45 * 1448, and 64240 = 44 * 1460 without timestamps).
TEST(Timestamps, TakeTheirRoomOutOfTheWindowOfTheSynAck) {
  Drill d = Drill::listen({.ts = 7000});
  d.peer_sends(syn({.mss = 1460, .ts = wire::Timestamps{.value = 7000, .echo = 0}}));
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck({.window = 65'160})));
}
TEST(Timestamps, NotAgreedOnMeansNone) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 10, .ts = stamp(5)}));
  const std::vector<Sent> sent = d.sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_FALSE(sent[0].options.timestamps.has_value());
}
// 4.1, 5.4: a clock of one millisecond.
TEST(Timestamps, ClockTicksMilliseconds) {
  Drill d = Drill::established(kTs);
  d.send(10);
  d.peer_sends(ack());
  d.advance(1234_ms);
  d.send(10);
  const std::vector<Sent> sent = d.sent();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[1].options.timestamps->value - sent[0].options.timestamps->value, 1234U);
}
// A SYN starts each connection's clock at a place of its own, but the same pair of endpoints always
// at the same: RFC 6191 depends on it.
TEST(Timestamps, ClockGoesOnAcrossIncarnations) {
  Drill d = Drill::syn_sent({.role = Role::active, .ts = kFirst});
  d.peer_sends(rst_ack({.ack = 1}));
  d.advance(500_ms);
  ASSERT_TRUE(d.open().has_value());
  const std::uint32_t second = d.sent().at(0).options.timestamps->value;
  d.peer_sends(rst_ack({.ack = 1}));
  d.advance(500_ms);
  ASSERT_TRUE(d.open().has_value());
  EXPECT_EQ(d.sent().at(0).options.timestamps->value - second, 500U);
}

// 5.4: who sees one connection's clock knows nothing of another's, nor of the uptime. Linux 6.18
// has an offset for each connection.
TEST(Timestamps, ClockIsThatOfTheConnection) {
  Drill d = Drill::syn_received(kTs);
  Drill other =
      Drill::beside(d, {.role = Role::active, .peer_port = 5, .local_port = 4000, .ts = kFirst});
  d.advance(1_s);
  const std::uint32_t listeners = d.sent().at(0).options.timestamps->value;
  ASSERT_TRUE(other.open().has_value());
  const std::uint32_t others = other.sent().at(0).options.timestamps->value;
  const auto clock = static_cast<std::uint32_t>(d.now().since_origin().count_ms());
  EXPECT_NE(others, listeners);
  EXPECT_NE(others, clock);
}
// tcp_timestamps=2 shows the clock as it is, 1 hides it (RFC 7323, 5.4).
TEST(Timestamps, TwoMeansWithoutAnOffset) {
  const auto tsval = [](const char* knob, Role role) {
    Drill d = Drill::closed({.role = role, .set = {knob}, .ts = kFirst});
    if (role == Role::active) {
      EXPECT_TRUE(d.open().has_value());
    } else {
      d.start_listening();
      d.peer_sends(syn());
    }
    const auto clock = static_cast<std::uint32_t>(d.now().since_origin().count_ms());
    return d.sent().at(0).options.timestamps->value - clock;
  };
  EXPECT_EQ(tsval("tcp_timestamps=2", Role::active), 0U);
  EXPECT_EQ(tsval("tcp_timestamps=2", Role::passive), 0U);
  EXPECT_NE(tsval("tcp_timestamps=1", Role::active), 0U);
  EXPECT_EQ(tsval("tcp_timestamps=1", Role::active), tsval("tcp_timestamps=1", Role::passive));
}
// The knob changes between SYN,ACK and ACK: the connection's clock does not jump.
TEST(Timestamps, ClockOfAHandshakeStaysWhatItIs) {
  Drill d = Drill::listen(kTs);
  d.peer_sends(syn());
  const std::uint32_t first = d.sent().at(0).options.timestamps->value;
  d.set("tcp_timestamps=2");
  d.advance(10_ms);
  d.peer_sends(data({.len = 5}));
  EXPECT_EQ(d.sent().at(0).options.timestamps->value, first + 10);
}

// The echo decides nothing in SYN-RECEIVED: who acknowledges the SYN,ACK has seen it (3.4.1).
TEST(Timestamps, EchoOfAHandshakeIsNotCompared) {
  Drill d = Drill::syn_received(kTs);
  d.peer_sends(ack({.ts = wire::Timestamps{.value = kFirst + 10, .echo = 5}}));
  EXPECT_EQ(d.state(), State::established);
}

// ---- 4.3: which timestamp is echoed.

// (A) "If an ACK acknowledges several segments ... the timestamp of the earliest".
TEST(Echo, OfADelayedAckIsTheEarliest) {
  Drill d = Drill::established(kTs);
  for (int i = 0; i < 16; ++i) d.peer_sends(data({.len = 10}));
  static_cast<void>(d.sent());
  d.peer_sends(data({.len = 10, .ts = stamp(kFirst + 100)}));
  d.peer_sends(data({.len = 10, .ts = stamp(kFirst + 200)}));
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(40_ms);
  EXPECT_EQ(echo_of(d), kFirst + 100);
}
// (B) "a segment which is out of order (by a hole in the sequence) ... the timestamp from the last
// segment that advanced the window".
TEST(Echo, OfADuplicateAckIsTheLastThatAdvanced) {
  Drill d = Drill::established(kTs);
  d.peer_sends(data({.len = 10, .ts = stamp(kFirst + 100)}));
  d.peer_sends(data({.seq = 21, .len = 10, .ts = stamp(kFirst + 200)}));
  EXPECT_EQ(echo_of(d), kFirst + 100);
}
// (C) "a segment filling a hole ... the timestamp from the segment that filled it".
TEST(Echo, OfAFilledHoleIsTheFillers) {
  Drill d = Drill::established(kTs);
  d.peer_sends(data({.seq = 11, .len = 10, .ts = stamp(kFirst + 100)}));
  d.peer_sends(data({.seq = 1, .len = 10, .ts = stamp(kFirst + 300)}));
  EXPECT_EQ(echo_of(d), kFirst + 300);
}
TEST(Echo, NeverGoesBack) {
  Drill d = Drill::established(kTs);
  d.peer_sends(data({.len = 10, .ts = stamp(kFirst + 500)}));
  static_cast<void>(d.sent());
  d.peer_sends(data({.seq = 1, .len = 10, .ts = stamp(kFirst + 100)}));  // PAWS
  EXPECT_EQ(echo_of(d), kFirst + 500);
}

// ---- 5: PAWS.

// R1: "If there is a Timestamps option in the arriving segment, SEG.TSval < TS.Recent, TS.Recent is
// valid, and the RST bit is not set, then treat the arriving segment as not acceptable: send an
// acknowledgment in reply ... and drop the segment."
TEST(Paws, OlderTimestampIsAcknowledgedAndDropped) {
  Drill d = Drill::established(kTs);
  d.peer_sends(data({.len = 10, .ts = stamp(kFirst + 1000)}));
  static_cast<void>(d.sent());
  d.peer_sends(data({.len = 10, .ts = stamp(kFirst + 900)}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 11})));
  EXPECT_EQ(d.status().recv_q, 10U);
  EXPECT_EQ(d.count(Counter::tcp_paws_estab), 1U);
}
// Linux: an ACK that was overtaken by text asks for no answer.
TEST(Paws, OvertakenAckIsDroppedInSilence) {
  Drill d = Drill::established(kTs);
  d.peer_sends(data({.len = 10, .ts = stamp(kFirst + 1000)}));
  static_cast<void>(d.sent());
  d.peer_sends(ack({.seq = 1, .ts = stamp(kFirst + 900)}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.count(Counter::tcp_paws_old_ack), 1U);
  EXPECT_EQ(d.count(Counter::tcp_paws_estab), 0U);
  // Not one that claims the next octet.
  d.peer_sends(ack({.seq = 11, .ts = stamp(kFirst + 900)}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 11})));
  EXPECT_EQ(d.count(Counter::tcp_paws_estab), 1U);
}
// Linux: a SYN that says 0 says nothing; the peer's clock is that of its next segment.
TEST(Paws, ZeroOfASynIsNoTimestamp) {
  Drill d = Drill::syn_received({.ts = 0});
  d.peer_sends(ack({.ts = stamp(3'000'000'000)}));
  EXPECT_EQ(d.state(), State::established);
  d.peer_sends(data({.len = 10, .ts = stamp(3'000'000'010)}));
  EXPECT_EQ(echo_of(d), 3'000'000'010);
  d.peer_sends(data({.seq = 11, .len = 10, .ts = stamp(2'999'999'000)}));
  EXPECT_EQ(d.status().recv_q, 10U);
}
TEST(Paws, EqualTimestampIsFine) {
  Drill d = Drill::established(kTs);
  d.peer_sends(data({.len = 10, .ts = stamp(kFirst + 1000)}));
  d.peer_sends(data({.len = 10, .ts = stamp(kFirst + 1000)}));
  EXPECT_EQ(d.status().recv_q, 20U);
}
// "the RST bit is not set": a RST is judged by its number alone.
TEST(Paws, RstIsExempt) {
  Drill d = Drill::established(kTs);
  d.peer_sends(data({.len = 10, .ts = stamp(kFirst + 1000)}));
  d.peer_sends(rst({.ts = stamp(kFirst)}));
  EXPECT_EQ(d.state(), State::closed);
}
// The timestamp space wraps: half of it lies before, half behind.
TEST(Paws, ComparesModulo) {
  Drill d = Drill::established({.ts = 0xffff'ff00});
  d.peer_sends(data({.len = 10, .ts = stamp(0x10)}));
  EXPECT_EQ(d.status().recv_q, 10U);
  d.peer_sends(data({.len = 10, .ts = stamp(0xffff'fff0)}));
  EXPECT_EQ(d.status().recv_q, 10U);
}
// 5.5: a connection idle for more than 24 days: TS.Recent is no longer valid.
TEST(Paws, TimestampOlderThan24DaysIsNotTrusted) {
  Drill d = Drill::established(kTs);
  d.peer_sends(data({.len = 10, .ts = stamp(kFirst + 1000)}));
  d.advance(Duration::seconds(24 * 86'400 - 10));
  d.peer_sends(data({.len = 10, .ts = stamp(kFirst + 900)}));
  EXPECT_EQ(d.status().recv_q, 10U);
  d.advance(20_s);
  d.peer_sends(data({.seq = 11, .len = 10, .ts = stamp(kFirst + 900)}));
  EXPECT_EQ(d.status().recv_q, 20U);
}
// 3.2 would drop a segment without the option; Linux takes it (middleboxes strip options).
TEST(Paws, SegmentWithoutTimestampsIsTaken) {
  Drill d = Drill::established(kTs);
  d.peer_sends(data({.len = 10, .no_ts = true}));
  EXPECT_EQ(d.status().recv_q, 10U);
}
// An old duplicate cannot poison TS.Recent: R3 takes it only from segments at or before
// Last.ACK.sent.
TEST(Paws, SegmentAheadDoesNotRaiseTheBar) {
  Drill d = Drill::established(kTs);
  d.peer_sends(data({.seq = 101, .len = 10, .ts = stamp(kFirst + 1'000'000)}));
  d.peer_sends(data({.seq = 1, .len = 100, .ts = stamp(kFirst + 20)}));
  EXPECT_EQ(d.status().recv_q, 110U);
}
// Nor can a segment outside the window.
TEST(Paws, SegmentOutsideTheWindowDoesNotRaiseTheBar) {
  Drill d = Drill::established(kTs);
  d.peer_sends(data({.seq = -500, .len = 10, .ts = stamp(kFirst + 1'000'000)}));
  d.peer_sends(data({.len = 100, .ts = stamp(kFirst + 20)}));
  EXPECT_EQ(d.status().recv_q, 100U);
}
// SYN-RECEIVED holds to it too.
TEST(Paws, HoldsInSynReceived) {
  Drill d = Drill::syn_received(kTs);
  d.peer_sends(ack({.ts = stamp(kFirst - 100)}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 1, .ack = 1})));
  EXPECT_EQ(d.state(), State::syn_received);
  d.peer_sends(ack({.ts = stamp(kFirst + 10)}));
  EXPECT_EQ(d.state(), State::established);
}

}  // namespace
}  // namespace tuntcp::test
