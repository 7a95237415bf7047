// Loss recovery ACK by ACK: RFC 6582 without SACK; RFC 6675 and 8985 with it; RFC 5682, 3522, 3708.
// Segments are of ten octets and numbered from 0; a round trip takes 100 ms.
#include "stack/tcp/recovery/recovery.h"

#include <algorithm>
#include <initializer_list>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tuntcp::tcp::recovery {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint32_t kMss = 10;

SeqRange segments(std::uint32_t from, std::uint32_t to) {
  return {SeqNum(from * kMss), SeqNum(to * kMss)};
}
std::vector<Change> changes(const AckOutcome& outcome) {
  return {outcome.changes().begin(), outcome.changes().end()};
}
std::vector<Counter> counted(const AckOutcome& outcome) {
  return {outcome.counted().begin(), outcome.counted().end()};
}

class RecoveryTest : public testing::Test {
 protected:
  explicit RecoveryTest(bool has_sack) : has_sack_(has_sack) { recovery_.start(pool_, 3); }

  void send(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      recovery_.on_sent(
          {.range = segments(nxt_, nxt_ + 1), .mss = kMss, .segments = 1, .now = now_});
      ++nxt_;
    }
  }
  // Sends again the first segment that is due; answers its number.
  std::uint32_t repeat() {
    const auto due = recovery_.next_due();
    if (!due) return UINT32_MAX;
    const std::uint32_t segment = due->begin.value() / kMss;
    recovery_.on_repeated(
        {.range = segments(segment, segment + 1), .mss = kMss, .segments = 1, .now = now_},
        timestamp());
    return segment;
  }
  std::uint32_t timestamp() const {
    return static_cast<std::uint32_t>(now_.since_origin().count_ms());
  }

  struct Ack {
    std::vector<SeqRange> sack{};
    std::optional<SeqRange> dsack{};
    std::optional<std::uint32_t> echo{};
    bool ece = false;
    bool can_send_new = false;
  };
  AckOutcome ack(std::uint32_t segment) { return ack(segment, Ack()); }
  AckOutcome ack(std::uint32_t segment, const Ack& more) {
    una_ = std::max(una_, segment);
    return recovery_.on_ack({.now = now_,
                             .ack = SeqNum(segment * kMss),
                             .snd_nxt = SeqNum(nxt_ * kMss),
                             .path = path(),
                             .knobs = knobs_,
                             .sack = more.sack,
                             .dsack = more.dsack,
                             .max_wnd = 1000 * kMss,
                             .ts_echo = more.echo,
                             .ts_now = timestamp(),
                             .echoes_congestion = more.ece,
                             .can_send_new = more.can_send_new});
  }
  AckOutcome sack(std::uint32_t segment, std::vector<SeqRange> blocks) {
    return ack(segment, {.sack = std::move(blocks)});
  }
  Recovery::TimeoutOutcome time_out(bool is_repeated = false) {
    return recovery_.on_timeout({.now = now_,
                                 .snd_nxt = SeqNum(nxt_ * kMss),
                                 .path = path(),
                                 .knobs = knobs_,
                                 .is_repeated = is_repeated});
  }
  Path path() const {
    return {.min_rtt = 100_ms, .srtt = 100_ms, .mss = kMss, .has_sack = has_sack_};
  }
  std::uint32_t in_flight() const { return recovery_.in_flight() / kMss; }

  bool has_sack_;
  Knobs knobs_;
  TransmissionPool pool_{1000};
  Recovery recovery_;
  Instant now_ = Instant::from_ns(1'000'000'000);
  std::uint32_t una_ = 0;
  std::uint32_t nxt_ = 0;
};

// ---- Without SACK: RFC 5681, 3.2; RFC 6582.

class RecoveryWithoutSack : public RecoveryTest {
 protected:
  RecoveryWithoutSack() : RecoveryTest(/*has_sack=*/false) {
    send(20);
    now_ += 100_ms;
  }
};

// RFC 3042 and RFC 5681, 3.2, step 4: each duplicate says that a segment has left the network.
TEST_F(RecoveryWithoutSack, EachDuplicateTakesOneSegmentOut) {
  EXPECT_EQ(in_flight(), 20U);
  ack(0);
  EXPECT_THAT(changes(ack(0)), IsEmpty());
  EXPECT_EQ(in_flight(), 18U);
  EXPECT_THAT(changes(ack(0)), ElementsAre(Change::entered_recovery));
  EXPECT_EQ(in_flight(), 16U) << "three have left and one is lost";
  EXPECT_EQ(repeat(), 0U);
  EXPECT_EQ(in_flight(), 17U);
}

// Reordering: what duplicates stood for was delivered then, and only the rest by the ACK.
TEST_F(RecoveryWithoutSack, WhatDuplicatesStoodForIsNotDeliveredAgain) {
  ack(0);
  ack(0);
  const AckOutcome outcome = ack(3);
  EXPECT_EQ(outcome.newly_acked, 3 * kMss);
  EXPECT_EQ(outcome.newly_delivered, kMss);
  EXPECT_EQ(ack(5).newly_delivered, 2 * kMss);
}

// RFC 6582, 3.2, step 3: a partial acknowledgment names the next hole; the whole one ends it, but
// not before something above is acknowledged (4.1), so that no duplicate begins another.
TEST_F(RecoveryWithoutSack, APartialAcknowledgmentNamesTheNextHole) {
  for (int i = 0; i < 16; ++i) ack(0);
  EXPECT_EQ(in_flight(), 3U) << "20 less 16 that arrived less the one marked lost";
  EXPECT_EQ(repeat(), 0U);
  EXPECT_EQ(ack(5).newly_lost, kMss);
  EXPECT_EQ(in_flight(), 2U);
  EXPECT_EQ(repeat(), 5U);
  send(1);
  EXPECT_THAT(changes(ack(20)), IsEmpty());
  EXPECT_TRUE(recovery_.in_recovery());
  for (int i = 0; i < 3; ++i) EXPECT_THAT(changes(ack(20)), IsEmpty());
  EXPECT_THAT(changes(ack(21)), ElementsAre(Change::finished));
}

// More duplicates than could have left the network behind one hole: packets overtook each other, or
// were copied; more of them are waited for from then on (as in Linux).
TEST_F(RecoveryWithoutSack, TooManyDuplicatesShowReordering) {
  for (int i = 0; i < 19; ++i) ack(0);
  EXPECT_EQ(recovery_.reordering(), 3U);
  EXPECT_THAT(counted(ack(0)), Contains(Counter::tcp_reno_reorder));
  EXPECT_EQ(recovery_.reordering(), 20U);
}

TEST_F(RecoveryWithoutSack, AfterATimeoutNothingIsInTheNetwork) {
  const auto outcome = time_out();
  EXPECT_TRUE(outcome.begins_episode);
  EXPECT_EQ(outcome.newly_lost, 20 * kMss);
  EXPECT_EQ(in_flight(), 0U);
  EXPECT_EQ(repeat(), 0U);
  EXPECT_EQ(in_flight(), 1U);
  EXPECT_FALSE(time_out(/*is_repeated=*/true).begins_episode);
}

// ---- With SACK.

class RecoveryBySack : public RecoveryTest {
 protected:
  RecoveryBySack() : RecoveryTest(/*has_sack=*/true) {}
  // So many segments, a millisecond apart, and then a round trip.
  void send_spaced(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      send(1);
      now_ += 1_ms;
    }
    now_ += 100_ms - Duration::milliseconds(count);
  }
};

// RFC 8985, 6.2, step 4: without any reordering DupThresh SACKed segments are evidence enough, and
// everything that left before them is lost at once: no hole waits for a round trip of its own.
TEST_F(RecoveryBySack, ThreeSackedSegmentsShowAllHolesBelowThem) {
  send_spaced(20);
  EXPECT_EQ(sack(0, {segments(1, 2)}).newly_lost, 0U);
  EXPECT_EQ(recovery_.episode(), Episode::disorder);
  EXPECT_EQ(sack(0, {segments(4, 5), segments(1, 2)}).newly_lost, 0U);
  const AckOutcome outcome = sack(0, {segments(8, 9), segments(4, 5), segments(1, 2)});
  EXPECT_EQ(outcome.newly_lost, 6 * kMss) << "0, 2, 3, 5, 6, 7";
  EXPECT_THAT(changes(outcome), ElementsAre(Change::entered_recovery));
  EXPECT_EQ(in_flight(), 20U - 3 - 6);
  for (const std::uint32_t hole : {0U, 2U, 3U, 5U, 6U, 7U}) EXPECT_EQ(repeat(), hole);
  EXPECT_FALSE(recovery_.next_due());
  EXPECT_EQ(in_flight(), 17U);
}

// RFC 6675, 5: SACKed octets are never sent again.
TEST_F(RecoveryBySack, WhatIsSackedIsNotDue) {
  send_spaced(10);
  sack(0, {segments(1, 10)});
  EXPECT_EQ(repeat(), 0U);
  EXPECT_FALSE(recovery_.next_due());
}

// RFC 8985, 6.2, step 4 and 6.3: where reordering was seen time decides alone: a quarter of the
// least round trip after the segment should have come.
TEST_F(RecoveryBySack, AfterReorderingOnlyTimeDecides) {
  send_spaced(10);
  sack(0, {segments(1, 3)});
  ack(3);  // the first came late
  EXPECT_EQ(recovery_.reordering_seen(), 1U);
  send_spaced(10);
  ack(10);
  const AckOutcome outcome = sack(10, {segments(11, 20)});
  EXPECT_EQ(outcome.newly_lost, 0U);
  EXPECT_TRUE(outcome.reorder_wait > Duration::zero() && outcome.reorder_wait <= 27_ms)
      << outcome.reorder_wait.count_us();
  now_ += outcome.reorder_wait;
  const AckOutcome late = recovery_.on_reorder_timeout(
      {.now = now_, .snd_nxt = SeqNum(nxt_ * kMss), .path = path(), .knobs = knobs_});
  EXPECT_EQ(late.newly_lost, kMss);
  EXPECT_THAT(changes(late), ElementsAre(Change::entered_recovery));
}

// RFC 8985, 3.2 and 6.2: a retransmission that is lost, too, is found by what left after it.
TEST_F(RecoveryBySack, ALostRetransmissionIsFound) {
  send_spaced(10);
  sack(0, {segments(1, 10)});
  EXPECT_EQ(repeat(), 0U);
  now_ += 1_ms;
  send(4);
  now_ += 100_ms;
  const AckOutcome outcome = sack(0, {segments(10, 11), segments(1, 10)});
  EXPECT_THAT(counted(outcome), Contains(Counter::tcp_lost_retransmit));
  EXPECT_EQ(repeat(), 0U);
}

// RFC 2018, 4 and CVE-2019-11477: a block that cannot be true says nothing.
TEST_F(RecoveryBySack, BlocksThatCannotBeTrueAreDiscarded) {
  send_spaced(10);
  ack(2);
  for (const SeqRange& block :
       {segments(5, 5), segments(7, 6), segments(9, 11), segments(11, 12), segments(2, 4)}) {
    const AckOutcome outcome = sack(2, {block});
    EXPECT_EQ(outcome.newly_sacked, 0U) << block.begin.value() << " to " << block.end.value();
    EXPECT_THAT(counted(outcome), Contains(Counter::tcp_sack_discard));
  }
  // An old one, of what is acknowledged meanwhile, is only late.
  EXPECT_THAT(counted(sack(2, {segments(0, 1)})), Not(Contains(Counter::tcp_sack_discard)));
}

// RFC 2018, 8: a receiver may drop what it SACKed. A timeout that finds the first segment SACKed
// believes no SACK any more.
TEST_F(RecoveryBySack, RenegingIsMetByATimeout) {
  send_spaced(10);
  sack(0, {segments(1, 4)});
  const AckOutcome outcome = sack(1, {});
  EXPECT_EQ(outcome.timer, TimerWish::reneging);
  const auto timeout = time_out();
  EXPECT_TRUE(timeout.was_reneging);
  EXPECT_EQ(in_flight(), 0U);
  for (std::uint32_t i = 1; i < 10; ++i) EXPECT_EQ(repeat(), i);
}

// Linux counts a timeout by what it ended.
TEST_F(RecoveryBySack, ATimeoutIsCountedByWhatItEnded) {
  send_spaced(10);
  sack(0, {segments(1, 2)});
  EXPECT_EQ(time_out().failure, Counter::tcp_sack_failures);
  EXPECT_EQ(time_out(/*is_repeated=*/true).failure, std::nullopt);
}

// Karn (RFC 6298, 3), and of the others the oldest for the RTO, the latest for congestion control.
TEST_F(RecoveryBySack, WhatIsTimed) {
  send(1);
  now_ += 10_ms;
  send(1);
  now_ += 100_ms;
  const AckOutcome outcome = ack(2);
  EXPECT_EQ(outcome.rtt, 110_ms);
  EXPECT_EQ(outcome.latest_rtt, 100_ms);
  send(2);
  time_out();
  repeat();
  now_ += 100_ms;
  EXPECT_EQ(ack(3).rtt, std::nullopt);
}

// ---- Mistakes.

// RFC 3708: every retransmission arrived twice, so nothing had been lost.
TEST_F(RecoveryBySack, DsacksForAllRetransmissionsUndo) {
  send_spaced(10);
  sack(0, {segments(2, 6)});
  EXPECT_EQ(repeat(), 0U);
  EXPECT_EQ(repeat(), 1U);
  now_ += 5_ms;
  ack(6);
  EXPECT_THAT(changes(ack(6, {.dsack = segments(0, 1)})), IsEmpty());
  const AckOutcome outcome = ack(6, {.dsack = segments(1, 2)});
  EXPECT_THAT(changes(outcome), ElementsAre(Change::undone));
  EXPECT_THAT(counted(outcome), Contains(Counter::tcp_dsack_undo));
  EXPECT_EQ(recovery_.episode(), Episode::open);
}

// RFC 3708, 3: a peer, or a network that copies packets, must not undo what was right.
TEST_F(RecoveryBySack, DsacksOfMoreThanWasRepeatedAreIgnored) {
  send_spaced(10);
  ack(5);
  const AckOutcome outcome = ack(5, {.dsack = segments(0, 5)});
  EXPECT_THAT(counted(outcome), Contains(Counter::tcp_dsack_ignored_dubious));
}

// RFC 3522, 3.2, step 4: the echo of a timestamp from before the retransmission.
TEST_F(RecoveryBySack, TheEchoOfTheOriginalUndoes) {
  send_spaced(10);
  const std::uint32_t original = timestamp() - 100;
  sack(0, {segments(1, 10)});
  repeat();
  now_ += 5_ms;
  const AckOutcome outcome = ack(10, {.echo = original});
  EXPECT_THAT(changes(outcome), ElementsAre(Change::undone));
  EXPECT_THAT(counted(outcome), Contains(Counter::tcp_full_undo));
}
TEST_F(RecoveryBySack, TheEchoOfTheRetransmissionDoesNot) {
  send_spaced(10);
  sack(0, {segments(1, 10)});
  repeat();
  now_ += 100_ms;
  EXPECT_THAT(changes(ack(10, {.echo = timestamp() - 100})), ElementsAre(Change::finished));
}

// RFC 5682, 3.1: after a timeout new text is sent before what may not be lost; if it is the
// original that is SACKed, the timeout was a mistake.
TEST_F(RecoveryBySack, FrtoFindsAMistake) {
  send_spaced(10);
  now_ += 200_ms;
  time_out();
  EXPECT_EQ(repeat(), 0U);
  now_ += 10_ms;
  const AckOutcome first = ack(1, {.can_send_new = true});
  EXPECT_THAT(changes(first), IsEmpty());
  EXPECT_TRUE(recovery_.prefers_new());
  send(2);
  now_ += 1_ms;
  const AckOutcome second = ack(2, {.can_send_new = true});
  EXPECT_THAT(changes(second), ElementsAre(Change::undone));
  EXPECT_THAT(counted(second), Contains(Counter::tcp_spurious_rtos));
  EXPECT_EQ(in_flight(), 10U);
}
// Step 3.a: a duplicate after new text shows that the loss was real.
TEST_F(RecoveryBySack, FrtoFindsARealLoss) {
  send_spaced(10);
  now_ += 200_ms;
  time_out();
  repeat();
  now_ += 100_ms;
  ack(1, {.can_send_new = true});
  send(2);
  now_ += 100_ms;
  EXPECT_THAT(changes(sack(1, {segments(10, 11)})), IsEmpty());
  EXPECT_FALSE(recovery_.prefers_new());
  EXPECT_TRUE(recovery_.in_loss());
  EXPECT_EQ(repeat(), 1U);
}

// ---- ECN, probes, paths.

// RFC 3168, 6.1.2: once in a round trip, and CWR must have arrived before the next.
TEST_F(RecoveryBySack, EceReducesOnceARoundTrip) {
  send_spaced(10);
  EXPECT_THAT(changes(ack(1, {.ece = true})), ElementsAre(Change::entered_cwr));
  EXPECT_THAT(changes(ack(2, {.ece = true})), IsEmpty());
  EXPECT_THAT(changes(ack(10, {.ece = true})), IsEmpty());
  send(2);
  now_ += 100_ms;
  EXPECT_THAT(changes(ack(11)), ElementsAre(Change::finished));
}

// The SACK of the last segment may come after the timer was set (seed 27119 of the simulator).
TEST_F(RecoveryBySack, AProbeRepeatsTheLastThatIsNotSacked) {
  send_spaced(3);
  EXPECT_EQ(recovery_.last_segment(), segments(nxt_ - 1, nxt_));
  sack(una_, {segments(nxt_ - 2, nxt_)});
  EXPECT_EQ(recovery_.last_segment(), segments(nxt_ - 3, nxt_ - 2));
}

// RFC 8985, 7.4.2: an ACK beyond the probe without a D-SACK: the probe repaired a loss.
TEST_F(RecoveryBySack, AProbeThatRepairedALossReducesTheWindow) {
  send_spaced(3);
  ack(2);
  recovery_.on_repeated({.range = segments(2, 3), .mss = kMss, .segments = 1, .now = now_},
                        timestamp());
  recovery_.on_probe_sent(SeqNum(nxt_ * kMss), /*is_retransmission=*/true);
  EXPECT_EQ(recovery_.segments().repeated, 0U) << "a probe is not beside what it asks for";
  send(1);
  now_ += 100_ms;
  const AckOutcome outcome = ack(4);
  EXPECT_THAT(changes(outcome), ElementsAre(Change::probe_repaired));
  EXPECT_EQ(recovery_.episode(), Episode::open);
}
TEST_F(RecoveryBySack, ADsackOfTheProbeEndsItWithoutALoss) {
  send_spaced(3);
  ack(2);
  recovery_.on_repeated({.range = segments(2, 3), .mss = kMss, .segments = 1, .now = now_},
                        timestamp());
  recovery_.on_probe_sent(SeqNum(nxt_ * kMss), /*is_retransmission=*/true);
  now_ += 10_ms;
  ack(3);
  EXPECT_THAT(changes(ack(3, {.dsack = segments(2, 3)})), IsEmpty());
  send(1);
  now_ += 100_ms;
  EXPECT_THAT(changes(ack(4)), IsEmpty());
}

// RFC 1191, 6.4: what is too big for the path is no sign of congestion.
TEST_F(RecoveryBySack, WhatIsTooBigIsSentAgainWithoutAnEpisode) {
  send_spaced(2);
  EXPECT_EQ(recovery_.on_smaller_path(kMss), 0U);
  EXPECT_EQ(recovery_.on_smaller_path(kMss / 2), 2 * kMss);
  EXPECT_EQ(in_flight(), 0U);
  EXPECT_EQ(repeat(), 0U);
  EXPECT_EQ(recovery_.episode(), Episode::open);
  now_ += 100_ms;
  EXPECT_THAT(changes(ack(1)), IsEmpty());
  EXPECT_EQ(recovery_.episode(), Episode::open);
}

}  // namespace
}  // namespace tuntcp::tcp::recovery
