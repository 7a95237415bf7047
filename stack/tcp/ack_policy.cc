#include "stack/tcp/ack_policy.h"

#include <algorithm>
#include <utility>

#include "stack/tcp/window_policy.h"

namespace tuntcp::tcp {
namespace {

// Linux's TCP_MAX_QUICKACKS.
constexpr std::uint32_t kMaxQuickAcks = 16;

bool takes_challenge_budget(Shared& shared, Instant now) {
  ChallengeBudget& budget = shared.challenges;
  if (now - budget.second_began >= 1_s || budget.second_began == Instant()) {
    budget.second_began = now;
    budget.left = shared.sysctl.tcp_challenge_ack_limit;
  }
  if (budget.left == 0) return false;
  --budget.left;
  return true;
}

Counter skipped_counter(const Tcb& tcb, DubiousSegment what) {
  switch (what) {
    case DubiousSegment::paws:
      return Counter::tcp_ack_skipped_paws;
    case DubiousSegment::challenge:
    case DubiousSegment::syn_challenge:
      return Counter::tcp_ack_skipped_challenge;
    case DubiousSegment::out_of_window:
      break;
  }
  if (tcb.state == State::syn_received) return Counter::tcp_ack_skipped_syn_recv;
  if (tcb.state == State::fin_wait_2) return Counter::tcp_ack_skipped_fin_wait_2;
  return Counter::tcp_ack_skipped_seq;
}

bool is_quick(const Tcb& tcb) {
  return tcb.ack.quick != 0 && !tcb.ack.is_interactive;
}

// How long an ACK of segments out of order waits for more of them: 5 % of the round-trip time, of
// which the smaller is taken of what we saw as receiver and as sender; none is known to be nothing.
Duration compression_delay(const Tcb& tcb) {
  Duration rtt = tcb.space.rtt;
  if (tcb.rtt.has_sample()) rtt = std::min(rtt, tcb.rtt.srtt());
  const Sysctl& knobs = sysctl(tcb);
  // The slack is what Linux lets a timer be late to spare a wakeup, and here it always is.
  return std::min(rtt / 20, Duration::nanoseconds(knobs.tcp_comp_sack_delay_ns)) +
         Duration::nanoseconds(knobs.tcp_comp_sack_slack_ns);
}

// RFC 5681, 4.2 has each segment behind a gap acknowledged at once. Deviation: to a peer that knows
// SACK Linux does so three times, by which it learns of a loss, and then one ACK tells of several.
void acknowledge_gap(Tcb& tcb, Instant now) {
  constexpr std::uint8_t kDuplicatesOfALoss = 3;
  AckState& ack = tcb.ack;
  if (ack.now) return;
  if (!tcb.agreed.sack || ack.compressed >= sysctl(tcb).tcp_comp_sack_nr) {
    return acknowledge_now(tcb);
  }
  if (ack.gap_at != tcb.rcv.nxt) {
    ack.gap_at = tcb.rcv.nxt;
    ack.gap_acks = 0;
  }
  if (ack.gap_acks < kDuplicatesOfALoss) {
    ++ack.gap_acks;
    return acknowledge_now(tcb);
  }
  ++ack.compressed;
  if (tcb.deadlines.is_set(Timer::compressed_ack)) return;
  tcb.deadlines.set(Timer::compressed_ack, now + compression_delay(tcb));
}

// At once if much is owed, else when there is something to send along or the timer expires.
void acknowledge_soon(Tcb& tcb, Instant now) {
  // SHLD-19: at least every second full-sized segment.
  const bool is_second = octets_between(tcb.rcv.last_ack_sent, tcb.rcv.nxt) > tcb.ack.rcv_mss;
  if (is_second) {
    acknowledge_now(tcb);
  } else if (!tcb.reassembly.is_empty()) {
    acknowledge_gap(tcb, now);
  } else if (!tcb.deadlines.is_set(Timer::delayed_ack)) {
    tcb.deadlines.set(Timer::delayed_ack, now + kDelayedAck);
  }
}

}  // namespace

void acknowledge_now(Tcb& tcb) {
  tcb.ack.now = true;
  mark_ready(tcb);
}

void start_quick_acks(Tcb& tcb) {
  const std::uint32_t segments = tcb.rcv.wnd() / (2 * tcb.ack.rcv_mss);
  tcb.ack.quick =
      std::max(tcb.ack.quick, static_cast<std::uint8_t>(std::clamp(segments, 2U, kMaxQuickAcks)));
}

void acknowledge_duplicate(Tcb& tcb) {
  start_quick_acks(tcb);
  tcb.ack.is_interactive = false;
}

void acknowledge_quickly(Tcb& tcb) {
  tcb.ack.quick = std::max<std::uint8_t>(tcb.ack.quick, 2);
  tcb.ack.is_interactive = false;
}

// As Linux's tcp_rcv_synsent_state_process(): TCP_DEFER_ACCEPT, or TCP_QUICKACK turned off.
void acknowledge_syn_ack(Tcb& tcb, Instant now) {
  if (!tcb.sends_first && !tcb.ack.is_interactive) return acknowledge_now(tcb);
  tcb.ack.quick = kMaxQuickAcks;
  tcb.ack.is_interactive = false;
  tcb.deadlines.set(Timer::delayed_ack, now + kDelayedAckMax);
}

void note_text(Tcb& tcb, const Segment& seg, Instant now) {
  AckState& ack = tcb.ack;
  const std::uint32_t wire_octets = seg.text.size() / std::max(seg.wire_segments, 1U);
  // The largest segment seen, but not more than one that fits the smallest path we offer.
  if (wire_octets > ack.rcv_mss) {
    ack.rcv_mss = std::min(wire_octets, 65'535U);
    on_larger_segment(tcb);
  }
  const Duration rto = tcb.rtt.rto(tcb.rto_limits, 0);
  // First text, or a pause so long that the peer starts slowly again.
  if (ack.last_received == Instant() || now - ack.last_received > rto) start_quick_acks(tcb);
  ack.last_received = now;
  if (seg.has(Flag::psh)) ack.pushed = true;
}

void acknowledge_text(Tcb& tcb, const Segment& seg, Instant now) {
  const bool brings_fin = seg.has(Flag::fin) && tcb.state == State::established;
  if (is_quick(tcb) && !brings_fin) return acknowledge_now(tcb);
  acknowledge_soon(tcb, now);
}

void acknowledge_out_of_order(Tcb& tcb, Instant now) {
  // Linux: two blocks are what the path may be expected to lose of what one ACK tells. A third one
  // must not push out what no ACK has told yet.
  constexpr std::size_t kBlocksExpected = 2;
  const bool is_pushed_out =
      tcb.ack.compressed != 0 && tcb.reassembly.place_before() >= kBlocksExpected;
  if (is_quick(tcb) || is_pushed_out) return acknowledge_now(tcb);
  acknowledge_soon(tcb, now);
}

void on_compressed_ack_timeout(Tcb& tcb) {
  // One of those that were saved leaves after all.
  if (tcb.ack.compressed != 0) --tcb.ack.compressed;
  acknowledge_now(tcb);
}

void acknowledge_fin(Tcb& tcb, Instant now) {
  // As Linux's tcp_fin(): the end of the peer's stream is what most applications answer, with their
  // own FIN at least, and then one segment does for both.
  tcb.ack.is_interactive = true;
  // Linux has no delay to wait for yet if there never was any text.
  if (tcb.ack.last_received == Instant()) return acknowledge_now(tcb);
  acknowledge_soon(tcb, now);
}

void on_read(Tcb& tcb) {
  const AckState& ack = tcb.ack;
  if (ack.now) return;
  const std::uint32_t unacked = octets_between(tcb.rcv.last_ack_sent, tcb.rcv.nxt);
  const bool all_is_read = tcb.receive_buffer.readable() == 0;
  // As Linux's tcp_cleanup_rbuf: a pushed segment that was read and not answered, or more than a
  // full segment, is acknowledged without waiting.
  const bool is_owed =
      unacked > ack.rcv_mss || (unacked != 0 && ack.pushed && !ack.is_interactive && all_is_read);
  if (is_owed || window_update_is_due(tcb)) acknowledge_now(tcb);
}

void on_ack_sent(Tcb& tcb) {
  if (tcb.ack.quick != 0) --tcb.ack.quick;
  tcb.ack.now = false;
  tcb.ack.pushed = false;
  tcb.ack.dsack.reset();
  tcb.rcv.last_ack_sent = tcb.rcv.nxt;
  tcb.deadlines.cancel(Timer::delayed_ack);
  if (tcb.ack.compressed != 0) {
    mib(tcb).add(Counter::tcp_ack_compressed, std::exchange(tcb.ack.compressed, 0));
    tcb.deadlines.cancel(Timer::compressed_ack);
  }
}

void on_text_sent(Tcb& tcb, Instant now) {
  if (tcb.ack.last_received != Instant() && now - tcb.ack.last_received < kDelayedAck) {
    tcb.ack.is_interactive = true;
  }
}

void acknowledge_dubious(Tcb& tcb, const Segment& seg, DubiousSegment what, Instant now) {
  const bool is_challenge =
      what == DubiousSegment::challenge || what == DubiousSegment::syn_challenge;
  const bool may_loop = seg.text.is_empty() || seg.has(Flag::syn) || is_challenge;
  const Duration limit = Duration::milliseconds(sysctl(tcb).tcp_invalid_ratelimit);
  if (may_loop) {
    if (tcb.last_dubious_ack != Instant() && now - tcb.last_dubious_ack < limit) {
      mib(tcb).add(skipped_counter(tcb, what));
      return;
    }
    tcb.last_dubious_ack = now;
  }
  if (is_challenge) {
    if (what == DubiousSegment::syn_challenge) mib(tcb).add(Counter::tcp_syn_challenge);
    if (!takes_challenge_budget(*tcb.shared, now)) {
      mib(tcb).add(Counter::tcp_ack_skipped_challenge);
      return;
    }
    mib(tcb).add(Counter::tcp_challenge_ack);
  }
  acknowledge_now(tcb);
}

}  // namespace tuntcp::tcp
