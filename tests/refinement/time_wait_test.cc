// A TimeWait must decide as RFC 9293, 3.10.7.4 says for a full TCB in TIME-WAIT, with RFC 7323
// (PAWS), RFC 6191 (new SYNs), RFC 5961 (challenge ACKs) and RFC 1337. Our own Tcb never sees a
// segment in TIME-WAIT, so the other side of the comparison is written here from these texts, step
// by step. Random and boundary segments go to both; where Linux, and so the decision table, differs
// from the texts, the difference is named here and must be seen to happen.
#include "stack/tcp/time_wait.h"

#include <cstdio>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "tests/refinement/full_machine.h"
#include "tests/support/seeds.h"

namespace tuntcp::tcp {
namespace {

using test::Dice;

// What a TCB in TIME-WAIT knows that matters.
struct Variables {
  SeqNum rcv_nxt;
  std::uint32_t rcv_wnd = 0;
  bool has_timestamps = false;
  std::uint32_t ts_recent = 0;
  bool rfc1337 = false;
};

constexpr TimeWaitDecision kDrop{};
constexpr TimeWaitDecision kAcknowledge{.acknowledge = true};
constexpr TimeWaitDecision kAcknowledgeAndRestart{.acknowledge = true, .restart_timer = true};
constexpr TimeWaitDecision kRestart{.restart_timer = true};
constexpr TimeWaitDecision kEnd{.end = true};
constexpr TimeWaitDecision kReopen{.reopen = true};

// ---- The texts.

bool is_in_window(SeqNum seq, const Variables& v) {
  return v.rcv_nxt <= seq && seq < v.rcv_nxt + v.rcv_wnd;
}

// RFC 9293, 3.10.7.4, first: the table of four cases.
bool is_acceptable_by_the_table(const Segment& seg, const Variables& v) {
  if (seg.len == 0 && v.rcv_wnd == 0) return seg.seq == v.rcv_nxt;
  if (seg.len == 0) return is_in_window(seg.seq, v);
  if (v.rcv_wnd == 0) return false;
  return is_in_window(seg.seq, v) || is_in_window(seg.seq + (seg.len - 1), v);
}

// RFC 6191, 2, about a SYN that finds a connection in TIME-WAIT. The last sequence number of the
// previous incarnation was its FIN's.
bool is_honored_by_rfc_6191(const Segment& seg, const Variables& v) {
  const bool is_above = seg.seq > v.rcv_nxt - 1;
  const auto& timestamps = seg.options.timestamps;
  if (!v.has_timestamps) return timestamps || is_above;
  if (!timestamps) return is_above;
  const auto newer_by = static_cast<std::int32_t>(timestamps->value - v.ts_recent);
  return newer_by > 0 || (newer_by == 0 && is_above);
}

TimeWaitDecision by_the_texts(const Segment& seg, const Variables& v) {
  const bool is_syn = seg.has(Flag::syn);
  const bool is_rst = seg.has(Flag::rst);
  // 3.10.7.4, fourth: in TIME-WAIT new connections can be accepted as RFC 6191 says; this comes
  // before the sequence number, which is a new incarnation's. Any other gets a challenge ACK.
  if (is_syn && !is_rst && !seg.has(Flag::ack)) {
    return is_honored_by_rfc_6191(seg, v) ? kReopen : kAcknowledge;
  }
  // RFC 7323, 5.3, R1: an ACK, and the segment is dropped. A RST is exempt.
  if (v.has_timestamps && seg.options.timestamps && !is_rst &&
      static_cast<std::int32_t>(seg.options.timestamps->value - v.ts_recent) < 0) {
    return kAcknowledge;
  }
  // RFC 5961, 3.2, on the second step: exact, in the window, outside. RFC 1337, 3, fix 1 (F1):
  // RSTs are ignored in TIME-WAIT.
  if (is_rst) {
    if (seg.seq == v.rcv_nxt) return v.rfc1337 ? kDrop : kEnd;
    return is_in_window(seg.seq, v) ? kAcknowledge : kDrop;
  }
  // Fifth and eighth, TIME-WAIT: what is expected here is the remote FIN once more: acknowledge it
  // and start the 2 MSL again. It lies before the window, where the first step would only
  // acknowledge.
  const bool is_fin_again = seg.has(Flag::fin) && seg.end() == v.rcv_nxt;
  if (is_fin_again && seg.has(Flag::ack) && !is_syn) return kAcknowledgeAndRestart;
  // First.
  if (!is_acceptable_by_the_table(seg, v)) return kAcknowledge;
  // Fourth, RFC 5961, 4.2: a SYN,ACK.
  if (is_syn) return kAcknowledge;
  // Fifth: without the ACK bit it is dropped, with it taken for the FIN.
  return seg.has(Flag::ack) ? kAcknowledgeAndRestart : kDrop;
}

// ---- Where the table differs on purpose. Each is what Linux does (tcp_timewait_state_process),
// which users of a stack that calls itself Linux-like expect, and each errs to the safe side: a
// wait that is longer, an answer more, or a connection that is not reopened.
struct Difference {
  const char* reason;
  bool (*applies)(const Segment& seg, const Variables& v);
  TimeWaitDecision texts;
  TimeWaitDecision ours;
};

bool is_plain_syn(const Segment& seg) {
  return seg.has(Flag::syn) && !seg.has(Flag::ack) && !seg.has(Flag::rst);
}
bool is_old_by_paws(const Segment& seg, const Variables& v) {
  return v.has_timestamps && seg.options.timestamps && !seg.has(Flag::rst) &&
         static_cast<std::int32_t>(seg.options.timestamps->value - v.ts_recent) < 0;
}
bool is_empty_at_rcv_nxt(const Segment& seg, const Variables& v) {
  return seg.seq == v.rcv_nxt && seg.len == 0 && !seg.has(Flag::rst);
}

// The first that applies counts.
constexpr Difference kDifferences[] = {
    {"an old duplicate shows that the network still holds some: the wait begins again",
     is_old_by_paws, kAcknowledge, kAcknowledgeAndRestart},
    {"an ACK of our ACK is not acknowledged, or two ends in TIME-WAIT would go on for ever",
     [](const Segment& seg, const Variables& v) {
       return is_empty_at_rcv_nxt(seg, v) && seg.has(Flag::ack);
     },
     kAcknowledgeAndRestart, kRestart},
    {"what is like an ACK but for its bit prolongs the wait as well",
     [](const Segment& seg, const Variables& v) {
       return is_empty_at_rcv_nxt(seg, v) && !seg.has(Flag::ack);
     },
     kDrop, kRestart},
    {"a RST that does not end the connection is not answered: nobody uses it any more",
     [](const Segment& seg, const Variables&) { return seg.has(Flag::rst); }, kAcknowledge, kDrop},
    {"a SYN at exactly RCV.NXT, and not above, is not taken for a new one",
     [](const Segment& seg, const Variables& v) {
       return is_plain_syn(seg) && seg.seq == v.rcv_nxt;
     },
     kReopen, kAcknowledge},
    {"a SYN below RCV.NXT needs a newer timestamp, which only a connection with timestamps knows",
     [](const Segment& seg, const Variables& v) {
       return is_plain_syn(seg) && !v.has_timestamps && seg.seq < v.rcv_nxt;
     },
     kReopen, kAcknowledge},
    {"whatever has the ACK bit prolongs the wait, not only the FIN",
     [](const Segment& seg, const Variables&) { return seg.has(Flag::ack); }, kAcknowledge,
     kAcknowledgeAndRestart},
    {"text or a FIN without the ACK bit is told where we are",
     [](const Segment& seg, const Variables&) { return !seg.has(Flag::ack); }, kDrop, kAcknowledge},
};

// ---- The generator.

Segment draw_segment(Dice& dice, buffer::Arena& arena, const Variables& v) {
  Segment seg;
  seg.seq = test::near(dice, v.rcv_nxt, v.rcv_wnd);
  const Flags kinds[] = {Flag::ack,
                         Flag::ack | Flag::fin,
                         Flag::ack | Flag::fin,
                         Flag::syn,
                         Flag::syn,
                         Flag::syn | Flag::ack,
                         Flag::rst,
                         Flag::rst | Flag::ack,
                         Flag::fin,
                         Flags(),
                         Flags::from_octet(static_cast<std::uint8_t>(dice.next() & 0x3f))};
  seg.flags = dice.one_of(kinds);
  const std::uint32_t text = dice.one_of({0U, 0U, 0U, 1U, 100U});
  if (text != 0) seg.text = arena.copy(std::vector<std::uint8_t>(text, 'x'));
  seg.len = text + (seg.has(Flag::syn) ? 1 : 0) + (seg.has(Flag::fin) ? 1 : 0);
  // The peer's FIN again, alone or with its last text.
  if (dice.chance(0.2)) seg.seq = v.rcv_nxt - seg.len;
  if (dice.chance(0.7)) {
    seg.options.timestamps = {.value = test::near(dice, SeqNum(v.ts_recent), 5).value(),
                              .echo = static_cast<std::uint32_t>(dice.next())};
  }
  return seg;
}

constexpr FourTuple kTuple{.local = {IpAddress::v4(0xC6336401), 80},
                           .remote = {IpAddress::v4(0xC6336402), 12'345}};

TEST(TimeWaitRefinement, DecidesAsTheTextsSayForTheFullMachine) {
  std::map<TimeWaitSituation, int> situations;
  std::map<std::string, int> differences;
  std::map<std::string, int> agreements;
  test::for_seeds(60'000, [&](std::uint64_t seed) {
    Dice dice(seed);
    static test::Surroundings surroundings(1);
    const auto anywhere = [&] {
      const auto random = static_cast<std::uint32_t>(dice.next());
      return SeqNum(dice.one_of({0U, 0x80000000U, random}) - dice.below(3));
    };
    const Instant now = Instant::from_ns(
        (dice.one_of({std::int64_t{1} << 32, std::int64_t{1} << 31, std::int64_t{99'999'999}}) -
         dice.below(60'000)) *
        1'000'000);
    const auto tcb = test::make_tcb(surroundings.shared, kTuple);
    tcb->snd.nxt = anywhere();
    tcb->rcv.nxt = anywhere();
    tcb->rcv.wscale = static_cast<std::uint8_t>(dice.below(15));
    tcb->rcv.edge = tcb->rcv.nxt + dice.one_of({0U, 1U, 1000U, 65'535U, 1'000'000U});
    tcb->agreed.timestamps = dice.chance(0.7);
    tcb->ts.has_recent = tcb->agreed.timestamps;
    // The texts know no 0 that is no timestamp (acceptance.cc).
    tcb->ts.recent = anywhere().value() | 1U;
    tcb->ts.recent_at = now - Duration::milliseconds(dice.below(120'000));
    const Variables v{.rcv_nxt = tcb->rcv.nxt,
                      .rcv_wnd = tcb->rcv.wnd(),
                      .has_timestamps = tcb->agreed.timestamps,
                      .ts_recent = tcb->ts.recent,
                      .rfc1337 = dice.chance(0.5)};

    TimeWaitState time_wait = start_time_wait(*tcb);
    const Segment seg = draw_segment(dice, surroundings.arena, v);
    const TimeWaitSituation what = situation(time_wait, seg, now);
    const TimeWaitDecision ours = decide(what, v.rfc1337);
    const TimeWaitDecision theirs = by_the_texts(seg, v);
    ++situations[what];
    SCOPED_TRACE(std::string(to_string(what)) + ", flags " + std::to_string(seg.flags.octet()) +
                 ", seq rcv.nxt+" +
                 std::to_string(static_cast<std::int32_t>(seg.seq.value() - v.rcv_nxt.value())) +
                 ", text " + std::to_string(seg.text.size()) + ", window " +
                 std::to_string(v.rcv_wnd));
    if (ours == theirs) {
      ++agreements[to_string(what)];
    } else {
      const Difference* found = nullptr;
      for (const Difference& difference : kDifferences) {
        if (found == nullptr && difference.applies(seg, v)) found = &difference;
      }
      ASSERT_NE(found, nullptr);
      EXPECT_EQ(ours, found->ours) << found->reason;
      EXPECT_EQ(theirs, found->texts) << found->reason;
      ++differences[found->reason];
    }

    // <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, with a window whose right edge has not moved left.
    const Reply reply = time_wait_ack(time_wait, kTuple, surroundings.shared, now);
    EXPECT_TRUE(reply.seq == tcb->snd.nxt && reply.ack == tcb->rcv.nxt && reply.flags == Flag::ack);
    EXPECT_GE(std::uint64_t{reply.wnd} << tcb->rcv.wscale,
              std::min<std::uint64_t>(v.rcv_wnd, std::uint64_t{65'535} << tcb->rcv.wscale));
    EXPECT_EQ(reply.options.timestamps.has_value(), v.has_timestamps);
  });
  std::printf("situations:\n");
  for (std::size_t i = 0; i < kTimeWaitSituationCount; ++i) {
    const auto what = static_cast<TimeWaitSituation>(i);
    std::printf("%8d  %s, as in the texts %d\n", situations[what], to_string(what),
                agreements[to_string(what)]);
    EXPECT_GT(situations[what], 0) << to_string(what) << " never happened";
  }
  std::printf("differences:\n");
  for (const Difference& difference : kDifferences) {
    std::printf("%8d  %s\n", differences[difference.reason], difference.reason);
    EXPECT_GT(differences[difference.reason], 0) << difference.reason << ": never happened";
  }
}

// RFC 9293, 3.6.1 (MAY-2): the new incarnation's ISS is larger than any number of the old one.
TEST(TimeWaitRefinement, ReopensAboveEveryNumberOfTheOldIncarnation) {
  TimeWaitState time_wait;
  time_wait.snd_nxt = SeqNum(0xffff'fff0);
  // The peer's window, never scaled on a SYN, is at most 65,535 octets above.
  EXPECT_EQ(octets_between(time_wait.snd_nxt, next_initial_sequence_number(time_wait)), 65'537U);
}

}  // namespace
}  // namespace tuntcp::tcp
