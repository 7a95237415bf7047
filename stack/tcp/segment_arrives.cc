// RFC 9293, 3.10.7, "SEGMENT ARRIVES".
//
// 3.10.7.1 (CLOSED) and 3.10.7.2 (LISTEN) need no Tcb: see replies.cc and half_open.cc. The
// functions below are the RFC's steps, in its order, under its names. A step answers `proceed` or
// `drop`; it never sends. Where a later RFC changed a step, the step says so.
#include "stack/tcp/segment_arrives.h"

#include <algorithm>
#include <array>

#include "stack/base/check.h"
#include "stack/tcp/acceptance.h"
#include "stack/tcp/ack_policy.h"
#include "stack/tcp/acknowledgment.h"
#include "stack/tcp/ecn.h"
#include "stack/tcp/negotiation.h"
#include "stack/tcp/timeouts.h"
#include "stack/tcp/timestamps.h"
#include "stack/tcp/transitions.h"
#include "stack/tcp/window_policy.h"

namespace tuntcp::tcp {
namespace {

enum class Verdict : std::uint8_t { proceed, drop };

void send_reset(Tcb& tcb, const Segment& seg) {
  tcb.shared->replies.push(reset_for(tcb.tuple, seg));
}

// The SYN is the first octet of its segment; what follows is handled as text.
void drop_syn_octet(Segment& seg) {
  seg.flags = seg.flags.without(Flag::syn);
  seg.had_syn = true;
  seg.seq += 1;
  seg.len -= 1;
}

// ---- RFC 7323, 5.3, R1: before all other checks. A RST is exempt.
Verdict check_timestamps(Tcb& tcb, const Segment& seg, Instant now) {
  if (seg.has(Flag::rst) || !is_rejected_by_paws(tcb, seg, now)) return Verdict::proceed;
  // Deviation: R1 has every such segment answered. One without octets from before RCV.NXT is an ACK
  // that was overtaken, as happens all the time, and asks for nothing: Linux drops it in silence
  // once the handshake is over.
  const bool is_overtaken = seg.len == 0 && seg.has(Flag::ack) && seg.seq < tcb.rcv.nxt;
  if (is_overtaken && kSynchronized.contains(tcb.state)) {
    mib(tcb).add(Counter::tcp_paws_old_ack);
    return Verdict::drop;
  }
  mib(tcb).add(Counter::tcp_paws_estab);
  acknowledge_dubious(tcb, seg, DubiousSegment::paws, now);
  return Verdict::drop;
}

// Deviation: RFC 5961, 3.2 knows only RCV.NXT. As Linux does, a RST is also exact where the peer
// cannot know RCV.NXT and yet proves that it knows the connection: at the right edge of what was
// told to it by SACK, where a sender that has heard only that may put it; and, once nothing more
// can come, at the number of its own FIN, where macOS puts it.
bool is_exact_rst(const Tcb& tcb, const Segment& seg) {
  if (seg.seq == tcb.rcv.nxt) return true;
  constexpr StateSet kPeerHasClosed{State::close_wait, State::closing, State::last_ack};
  if (seg.seq + 1 == tcb.rcv.nxt && kPeerHasClosed.contains(tcb.state)) return true;
  return tcb.agreed.sack && !tcb.reassembly.is_empty() && seg.seq == tcb.reassembly.right_edge();
}

// RFC 2883, 4: what came twice, with the next ACK.
void report_duplicate(Tcb& tcb, SeqRange octets) {
  if (tcb.agreed.sack && sysctl(tcb).tcp_dsack != 0) tcb.ack.dsack = octets;
}

// ---- First: the sequence number.
Verdict check_sequence_number(Tcb& tcb, Segment& seg, Instant now) {
  // The peer's SYN,ACK of a simultaneous open acknowledges our SYN; its own SYN we know already.
  // Dropping it for its sequence number would only cost another round trip.
  if (tcb.state == State::syn_received && seg.has(Flag::syn) && seg.has(Flag::ack) &&
      !seg.has(Flag::rst) && seg.seq == tcb.rcv.irs) {
    drop_syn_octet(seg);
  }
  // "If the RCV.WND is zero, no segments will be acceptable, but special allowance should be made
  // to accept valid ACKs, URGs, and RSTs" (MUST-66). The text is cut off in the seventh step.
  const bool is_allowed = tcb.rcv.wnd() == 0 && seg.seq == tcb.rcv.nxt;
  const bool is_exact = seg.has(Flag::rst) && is_exact_rst(tcb, seg);
  if (is_allowed || is_exact || is_acceptable(seg.seq, seg.len, tcb.rcv.nxt, tcb.rcv.wnd())) {
    // RFC 7323, 3.2: nothing of a RST's timestamps may be used, for any path may have made it.
    if (!seg.has(Flag::rst)) update_ts_recent(tcb, seg, now);
    return Verdict::proceed;
  }
  if (seg.has(Flag::rst)) return Verdict::drop;
  if (!seg.text.is_empty() && seg.end() <= tcb.rcv.nxt) {
    // The peer did not see our ACK, or sent it again too soon: RFC 2883, 4.1 tells it which.
    mib(tcb).add(Counter::tcp_delayed_ack_lost);
    acknowledge_duplicate(tcb);
    report_duplicate(tcb, {seg.seq, seg.seq + seg.text.size()});
  } else if (seg.seq >= tcb.rcv.edge) {
    mib(tcb).add(Counter::tcp_beyond_window);
  }
  acknowledge_dubious(
      tcb, seg, seg.has(Flag::syn) ? DubiousSegment::syn_challenge : DubiousSegment::out_of_window,
      now);
  return Verdict::drop;
}

// ---- Second: the RST bit, as tightened by RFC 5961, 3.2.
Verdict check_rst(Tcb& tcb, const Segment& seg, Instant now) {
  if (!seg.has(Flag::rst)) return Verdict::proceed;
  if (!is_exact_rst(tcb, seg)) {
    // A guess that merely lands in the window must not kill the connection.
    if (judge_rst(seg.seq, tcb.rcv.nxt, tcb.rcv.wnd()) == RstVerdict::challenge) {
      acknowledge_dubious(tcb, seg, DubiousSegment::challenge, now);
    }
    return Verdict::drop;
  }
  // A passive OPEN is a HalfOpen and returns to LISTEN (MUST-11). Deviation: for an active one RFC
  // 9293 signals "connection refused" in SYN-RECEIVED, Linux only in SYN-SENT. In
  // CLOSING and LAST-ACK nobody waits for anything any more, unless text is on its way: whoever
  // wrote that must not be told that it arrived.
  Error error = Error::connection_reset;
  if (tcb.state == State::syn_received && sysctl(tcb).tcp_simultaneous_refused != 0) {
    error = Error::connection_refused;
  }
  const bool is_last = tcb.state == State::closing || tcb.state == State::last_ack;
  if (is_last && tcb.send_buffer.size() == 0) error = Error::none;
  end(tcb, error, Cause::reset_received);
  return Verdict::drop;
}

// ---- Third: security and compartment are not offered (RFC 9293, A.1 calls them historic).

// ---- Fourth: the SYN bit. RFC 5961, 4.2: a SYN inside the window may be an attacker's guess; the
// peer is asked to confirm, and nothing else may change.
Verdict check_syn(Tcb& tcb, const Segment& seg, Instant now) {
  if (!seg.has(Flag::syn)) return Verdict::proceed;
  acknowledge_dubious(tcb, seg, DubiousSegment::syn_challenge, now);
  return Verdict::drop;
}

// ---- Fifth: the ACK field.
Verdict check_ack(Tcb& tcb, const Segment& seg, Instant now) {
  if (!seg.has(Flag::ack)) return Verdict::drop;
  if (tcb.state == State::syn_received) {
    if (!(tcb.snd.una < seg.ack && seg.ack <= tcb.snd.nxt)) {
      send_reset(tcb, seg);
      return Verdict::drop;
    }
    become_established(tcb, seg, Cause::ack_of_syn, now);
    if (seg.had_syn) {
      // The SYN is not acceptable and so it is acknowledged (3.10.7.4, first), as an octet that
      // came twice: Linux does so as well.
      report_duplicate(tcb, {tcb.rcv.irs, tcb.rcv.irs + 1});
      acknowledge_now(tcb);
    }
  }
  switch (judge_ack(seg.ack, tcb.snd.una, tcb.snd.nxt, tcb.snd.max_wnd)) {
    case AckVerdict::too_old:  // RFC 5961, 5.2 (MAY-12)
      acknowledge_dubious(tcb, seg, DubiousSegment::challenge, now);
      return Verdict::drop;
    case AckVerdict::not_yet_sent:
      acknowledge_dubious(tcb, seg, DubiousSegment::challenge, now);
      return Verdict::drop;
    case AckVerdict::acceptable:
    case AckVerdict::duplicate:
      break;
  }
  accept_acknowledgment(tcb, seg, now);
  if (!kAwaitsAckOfFin.contains(tcb.state) || !tcb.fin_is_acked()) return Verdict::proceed;
  switch (tcb.state) {
    case State::fin_wait_1:
      enter(tcb, State::fin_wait_2, Cause::ack_of_fin);
      if (tcb.is_released && tcb.fin_timeout < Duration::zero()) {
        // TCP_LINGER2: nobody waits for the peer's FIN. Linux's answer, and its counter.
        mib(tcb).add(Counter::tcp_abort_on_data);
        send_reset(tcb, seg);
        end(tcb, Error::connection_aborted, Cause::abort_call);
        return Verdict::drop;
      }
      arm_fin_wait_2_timer(tcb, now);
      return Verdict::proceed;
    case State::closing:
      enter(tcb, State::time_wait, Cause::ack_of_fin);
      return Verdict::drop;
    default:  // LAST-ACK
      end(tcb, Error::none, Cause::ack_of_fin);
      return Verdict::drop;
  }
}

// ---- Sixth: the URG bit. The pointer names the octet after the urgent data (RFC 9293, 3.8.5,
// MUST-62).
void check_urg(Tcb& tcb, const Segment& seg) {
  if (!seg.has(Flag::urg) || !kMayReceiveText.contains(tcb.state)) return;
  // Linux's tcp_stdurg: the pointer names the urgent octet itself, as some once read it.
  const SeqNum up = seg.seq + seg.urgent_pointer + (sysctl(tcb).tcp_stdurg != 0 ? 1 : 0);
  const bool is_news = up > tcb.rcv.nxt && (!tcb.urgent_pending || up > tcb.rcv.up);
  if (!is_news) return;
  tcb.rcv.up = up;
  tcb.urgent_pending = true;
  tcb.events |= EventBits::urgent;  // MUST-32
}

// Takes over what has become contiguous with RCV.NXT.
void deliver(Tcb& tcb, buffer::Slice text) {
  tcb.rcv.nxt += text.size();
  tcb.octets_received += text.size();
  if (!tcb.receiving_stopped) tcb.receive_buffer.push(std::move(text));
  tcb.events |= EventBits::readable;
}

// Text is refused before the host's memory for packets is used up, for at the end of it not even an
// ACK could be read from the device. The peer still has what was never acknowledged. First this
// connection gives back what it keeps beyond its octets, and what came out of order.
bool is_memory_left(Tcb& tcb, const buffer::Slice& text) {
  const buffer::Arena& arena = buffer::SliceQueue::arena_of(text);
  const std::size_t enough = arena.limit_octets() / 8 * 7;
  if (arena.octets_in_use() < enough) return true;
  tcb.receive_buffer.compact();
  if (arena.octets_in_use() >= enough && !tcb.reassembly.is_empty()) {
    tcb.reassembly.clear();  // RFC 2018, 8 lets a receiver do that
    mib(tcb).add(Counter::tcp_rcv_pruned);
  }
  return arena.octets_in_use() < enough;
}

void queue_out_of_order(Tcb& tcb, Segment& seg, Instant now) {
  const std::uint32_t held = tcb.receive_buffer.memory() + tcb.reassembly.memory();
  if (held >= tcb.space.buffer) {
    // The peer still has what was never acknowledged (SHLD-31 asks to queue, not to hoard).
    mib(tcb).add(Counter::tcp_ofo_drop);
    acknowledge_now(tcb);
    return;
  }
  mib(tcb).add(Counter::tcp_ofo_queue);
  tcb.out_of_order_segments += seg.wire_segments;
  const auto duplicate = tcb.reassembly.insert(seg.seq, seg.text);
  on_text_out_of_order(tcb, seg, now);
  if (duplicate) {
    mib(tcb).add(Counter::tcp_ofo_merge);
    report_duplicate(tcb, *duplicate);
  }
}

// ---- Seventh: the segment text.
void process_text(Tcb& tcb, Segment& seg, Instant now) {
  if (seg.text.is_empty() || !kMayReceiveText.contains(tcb.state)) return;
  const SeqNum text_end = seg.seq + seg.text.size();
  // The application closed both directions, whether or not it still has a name for them.
  const bool nobody_reads = tcb.is_released || (tcb.receiving_stopped && tcb.fin_queued);
  if (nobody_reads && text_end > tcb.rcv.nxt) {
    // SHLD-3: nobody will ever read this, and the peer must not believe otherwise.
    mib(tcb).add(Counter::tcp_abort_on_data);
    send_reset(tcb, seg);
    // Linux tells an application that still asks that the connection was reset.
    const Error error = tcb.is_released ? Error::connection_aborted : Error::connection_reset;
    end(tcb, error, Cause::abort_call);
    return;
  }
  // Old octets in front and octets beyond the window at the end are cut off.
  if (seg.seq < tcb.rcv.nxt) {
    const std::uint32_t old = octets_between(seg.seq, earlier_of(text_end, tcb.rcv.nxt));
    report_duplicate(tcb, {seg.seq, seg.seq + old});
    seg.text.remove_prefix(old);
    seg.seq += old;
    seg.len -= old;
    acknowledge_now(tcb);
  }
  // Beyond a FIN that came out of order the peer has no text either.
  const SeqNum last = tcb.peer_fin ? earlier_of(*tcb.peer_fin, tcb.rcv.edge) : tcb.rcv.edge;
  if (text_end > last) {
    const std::uint32_t room = last > seg.seq ? octets_between(seg.seq, last) : 0;
    if (tcb.rcv.wnd() == 0) mib(tcb).add(Counter::tcp_zero_window_drop);
    seg.text.truncate(room);
    seg.len = room;
    seg.flags = seg.flags.without(Flag::fin);
    acknowledge_now(tcb);
  }
  if (seg.text.is_empty()) return;
  if (!is_memory_left(tcb, seg.text)) {
    mib(tcb).add(Counter::tcp_rcv_q_drop);
    seg.text.truncate(0);
    seg.flags = seg.flags.without(Flag::fin);
    acknowledge_now(tcb);
    return;
  }

  note_codepoint(tcb, seg);
  if (seg.seq != tcb.rcv.nxt) {
    queue_out_of_order(tcb, seg, now);
    acknowledge_out_of_order(tcb, now);  // RFC 5681, 4.2 (MAY-13)
    return;
  }
  deliver(tcb, seg.text);
  const bool had_gap = !tcb.reassembly.is_empty();
  // Text in order may cover what is held. What it brought twice itself was said before.
  const auto held = tcb.reassembly.part_below(tcb.rcv.nxt);
  if (held && !tcb.ack.dsack) report_duplicate(tcb, *held);
  while (auto next = tcb.reassembly.take(tcb.rcv.nxt)) deliver(tcb, std::move(*next));
  note_text(tcb, seg, now);
  on_text_arrived(tcb, seg, now);
  acknowledge_text(tcb, seg, now);
  if (had_gap && tcb.reassembly.is_empty()) acknowledge_now(tcb);  // RFC 5681, 4.2
}

// ---- Eighth: the FIN bit. One that comes before the text in front of it waits for that text.
void check_fin(Tcb& tcb, const Segment& seg, Instant now) {
  if (!kSynchronized.contains(tcb.state) || tcb.fin_is_received()) return;
  if (seg.has(Flag::fin)) {
    const SeqNum fin_at = seg.seq + seg.text.size();
    // A FIN in front of text that was taken or is held already would never be reached: the peer
    // contradicts itself, and what it said first counts.
    const bool is_contradiction =
        tcb.peer_fin || fin_at < tcb.rcv.nxt ||
        (!tcb.reassembly.is_empty() && tcb.reassembly.right_edge() > fin_at);
    if (!is_contradiction) tcb.peer_fin = fin_at;
  }
  if (tcb.peer_fin != tcb.rcv.nxt) {
    if (seg.has(Flag::fin)) acknowledge_now(tcb);  // it tells of a gap: RFC 5681, 4.2
    return;
  }
  tcb.rcv.nxt += 1;
  tcb.rcv.edge = later_of(tcb.rcv.edge, tcb.rcv.nxt);
  tcb.events |= EventBits::readable;  // "connection closing": the end of the stream
  if (tcb.state == State::established) {
    acknowledge_fin(tcb, now);
    return enter(tcb, State::close_wait, Cause::fin_received);
  }
  acknowledge_now(tcb);
  switch (tcb.state) {
    case State::fin_wait_1:
      return enter(tcb, State::closing, Cause::fin_received);
    case State::fin_wait_2:
      return enter(tcb, State::time_wait, Cause::fin_received);
    default:
      return;
  }
}

// ---- 3.10.7.3, SYN-SENT.

// First and second: an ACK that is not ours is answered with a RST; a RST counts only if it
// acknowledges our SYN.
Verdict check_ack_in_syn_sent(Tcb& tcb, const Segment& seg, Instant now) {
  if (!seg.has(Flag::ack)) return seg.has(Flag::rst) ? Verdict::drop : Verdict::proceed;
  bool is_ours = tcb.snd.iss < seg.ack && seg.ack <= tcb.snd.nxt;
  // RFC 7323, 5.3: the echo must be of a SYN we sent, which was not in the future.
  if (is_ours && seg.options.timestamps && seg.options.timestamps->echo != 0 &&
      static_cast<std::int32_t>(timestamp_clock(tcb.ts, now) - seg.options.timestamps->echo) < 0) {
    mib(tcb).add(Counter::tcp_paws_active);
    is_ours = false;
  }
  if (!is_ours) {
    if (!seg.has(Flag::rst)) send_reset(tcb, seg);
    return Verdict::drop;
  }
  if (!seg.has(Flag::rst)) return Verdict::proceed;
  end(tcb, Error::connection_refused, Cause::reset_received);
  return Verdict::drop;
}

void syn_sent(Tcb& tcb, Segment& seg, Instant now) {
  if (check_ack_in_syn_sent(tcb, seg, now) == Verdict::drop) return;
  if (!seg.has(Flag::syn)) return;  // fifth
  // A SYN of the incarnation whose TIME-WAIT was taken over (Linux; a SYN,ACK proves itself by what
  // it acknowledges).
  if (!seg.has(Flag::ack) && tcb.ts.has_recent && seg.options.timestamps &&
      fails_paws(seg.options.timestamps->value, tcb.ts.recent, now - tcb.ts.recent_at, 0)) {
    return;
  }

  // Fourth: the SYN bit.
  tcb.rcv.irs = seg.seq;
  tcb.rcv.nxt = seg.seq + 1;
  tcb.rcv.last_ack_sent = tcb.rcv.nxt;
  const std::uint16_t mss = advertised_mss(tcb);
  tcb.rcv.edge = tcb.rcv.nxt + initial_window(tcb.space.buffer, mss, tcb.space.asked_clamp);
  PeerOffer peer = read_offer(seg.options, tcb.offered, sysctl(tcb), tcb.tuple.family());
  const bool offered_ecn = tcb.agreed.ecn;
  peer.has_ecn = offered_ecn && (seg.has(Flag::ack) ? agrees_to_ecn(seg) : asks_for_ecn(seg));
  agree(tcb, peer);
  if (tcb.agreed.timestamps) {
    tcb.ts.recent = seg.options.timestamps->value;
    tcb.ts.recent_at = now;
  }
  tcb.ts.has_recent = tcb.agreed.timestamps;
  if (!seg.has(Flag::ack)) {
    // Simultaneous open (MUST-10). Text on the SYN is not acknowledged: the peer sends it again.
    enter(tcb, State::syn_received, Cause::syn_received);
    // The SYN,ACK has retransmissions of its own (RFC 6298, 5), however often the SYN was repeated:
    // a peer in SYN-SENT has no use for the ACKs that its own repeated SYN is answered with.
    tcb.retransmits = 0;
    tcb.syn_due = true;
    mark_ready(tcb);
    return;
  }
  become_established(tcb, seg, Cause::syn_ack_received, now);
  accept_acknowledgment(tcb, seg, now);
  acknowledge_syn_ack(tcb, now);
  drop_syn_octet(seg);
  check_urg(tcb, seg);
  process_text(tcb, seg, now);
  check_fin(tcb, seg, now);
}

// ---- 3.10.7.4, "all other states".
void other_states(Tcb& tcb, Segment& seg, Instant now) {
  if (check_timestamps(tcb, seg, now) == Verdict::drop) return;
  if (check_sequence_number(tcb, seg, now) == Verdict::drop) return;
  if (check_rst(tcb, seg, now) == Verdict::drop) return;
  if (check_syn(tcb, seg, now) == Verdict::drop) return;
  if (check_ack(tcb, seg, now) == Verdict::drop) return;
  check_urg(tcb, seg);
  process_text(tcb, seg, now);
  check_fin(tcb, seg, now);
}

}  // namespace

void segment_arrives(Tcb& tcb, Segment& seg, Instant now) {
  tcb.segments_in += seg.wire_segments;
  if (!seg.text.is_empty()) tcb.data_segments_in += seg.wire_segments;
  if (tcb.state == State::syn_sent) {
    syn_sent(tcb, seg, now);
  } else {
    other_states(tcb, seg, now);
  }
  TUNTCP_DCHECK(is_consistent(tcb));
}

}  // namespace tuntcp::tcp
