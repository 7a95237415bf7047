#include "stack/tcp/half_open.h"

#include <algorithm>

#include "stack/tcp/acceptance.h"
#include "stack/tcp/timestamps.h"
#include "stack/tcp/transitions.h"
#include "stack/tcp/window_policy.h"

namespace tuntcp::tcp {
namespace {

using Action = HalfOpenAnswer::Action;

std::uint32_t milliseconds(Instant now) {
  return static_cast<std::uint32_t>(now.since_origin().count_ms());
}

// The window is in whole segments, and these hold less text beside timestamps: Linux's
// tcp_openreq_init_rwin(). (A SYN does not know yet whether there will be any.)
std::uint16_t text_of_segment(std::uint16_t mss, bool has_timestamps) {
  constexpr std::uint16_t kTimestampOctets = 12;
  return has_timestamps && mss > kTimestampOctets ? mss - kTimestampOctets : mss;
}

wire::Timestamps timestamps_of(const HalfOpenState& half_open, const FourTuple& tuple,
                               const Shared& shared, Instant now) {
  TimestampState ts;
  ts.offset = timestamp_offset(half_open, tuple, shared);
  return {.value = timestamp_clock(ts, now), .echo = half_open.ts_recent};
}

// May something dubious be answered, at most once every tcp_invalid_ratelimit?
bool takes_answer(HalfOpenState& half_open, Shared& shared, Instant now) {
  const std::uint32_t now_ms = milliseconds(now);
  if (half_open.was_answered &&
      now_ms - half_open.last_answer_ms < shared.sysctl.tcp_invalid_ratelimit) {
    shared.mib.add(Counter::tcp_ack_skipped_syn_recv);
    return false;
  }
  half_open.was_answered = true;
  half_open.last_answer_ms = now_ms;
  return true;
}

// <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>. As of the full machine text is always answered, because no
// loop of ACKs has any.
std::optional<Reply> dubious_ack(HalfOpenState& half_open, const FourTuple& tuple,
                                 const Segment& seg, Shared& shared, Instant now) {
  const bool may_loop = seg.text.is_empty() || seg.has(Flag::syn) || seg.has(Flag::rst);
  if (may_loop && !takes_answer(half_open, shared, now)) return std::nullopt;
  const std::uint8_t shift = half_open.has_window_shift
                                 ? static_cast<std::uint8_t>(half_open.window_shift)
                                 : std::uint8_t{0};
  Reply reply{.tuple = tuple,
              .seq = half_open.iss + 1,
              .ack = half_open.irs + 1,
              .flags = Flag::ack,
              .wnd = window_field(half_open.window, shift)};
  half_open.offered_more |= shift != 0;
  if (half_open.has_timestamps) {
    reply.options.timestamps = timestamps_of(half_open, tuple, shared, now);
  }
  return reply;
}

}  // namespace

HalfOpenState start_half_open(const Segment& seg, SeqNum iss, const Shared& shared,
                              const FourTuple& tuple, std::uint32_t listener) {
  const PeerOffer peer =
      read_offer(seg.options, offered_by(shared.sysctl), shared.sysctl, tuple.family());
  HalfOpenState half_open;
  half_open.irs = seg.seq;
  half_open.iss = iss;
  half_open.listener = listener & kListenerMask;
  half_open.peer_mss = peer.mss;
  half_open.peer_window = seg.wnd;
  half_open.peer_shift = peer.window_shift & 0xf;
  half_open.has_window_shift = peer.has_window_shift;
  half_open.has_timestamps = peer.has_timestamps;
  half_open.has_sack = peer.has_sack;
  half_open.has_ecn = asks_for_ecn(seg) && shared.sysctl.tcp_ecn != 0;
  half_open.has_ts_offset = wants_timestamp_offset(shared.sysctl);
  if (peer.has_timestamps) half_open.ts_recent = seg.options.timestamps->value;
  return half_open;
}

void choose_window(HalfOpenState& half_open, Family family, const Sysctl& sysctl,
                   const wire::LinkCapabilities& link, const SynAckTerms& terms) {
  // SHLD-14: a link whose MTU changed meanwhile does not make it smaller.
  if (half_open.window != 0) return;
  const std::uint16_t mss = advertised_mss(link, family, terms.max_segment);
  half_open.window = initial_window(terms.rcvbuf, text_of_segment(mss, half_open.has_timestamps),
                                    terms.window_clamp);
  half_open.window_shift =
      window_shift(sysctl, terms.rcvbuf_is_locked ? terms.rcvbuf : 0, terms.window_clamp) & 0xf;
}

Reply syn_ack(HalfOpenState& half_open, const FourTuple& tuple, const Shared& shared,
              const wire::LinkCapabilities& link, const SynAckTerms& terms, Instant now) {
  const std::uint16_t mss = advertised_mss(link, tuple.family(), terms.max_segment);
  choose_window(half_open, tuple.family(), shared.sysctl, link, terms);
  const PeerOffer peer{.mss = half_open.peer_mss,
                       .window_shift = half_open.peer_shift,
                       .has_window_shift = half_open.has_window_shift,
                       .has_timestamps = half_open.has_timestamps,
                       .has_sack = half_open.has_sack};
  return {.tuple = tuple,
          .seq = half_open.iss,
          .ack = half_open.irs + 1,
          // RFC 3168, 6.1.1: "an ECN-setup SYN-ACK packet", ECE without CWR.
          .flags = half_open.has_ecn ? Flag::syn | Flag::ack | Flag::ece : Flag::syn | Flag::ack,
          .wnd = half_open.window,
          .traffic_class = terms.traffic_class,
          .hop_limit = terms.hop_limit,
          .options = answer(peer, static_cast<std::uint8_t>(half_open.window_shift), mss,
                            timestamps_of(half_open, tuple, shared, now))};
}

Duration syn_ack_timeout(const HalfOpenState& half_open, const RtoLimits& limits) {
  return Rtt().rto(limits, half_open.retransmits);
}

// 3.10.7.4 for SYN-RECEIVED, the first five steps, in the order in which Linux takes them.
HalfOpenAnswer segment_arrives(HalfOpenState& half_open, const FourTuple& tuple, const Segment& seg,
                               Shared& shared, Instant now) {
  const bool has_timestamps = half_open.has_timestamps && seg.options.timestamps.has_value();
  const bool is_old =
      has_timestamps && !seg.has(Flag::rst) &&
      fails_paws(seg.options.timestamps->value, half_open.ts_recent, 0_s, kForgivenTicks);
  const bool is_plain_syn = seg.has(Flag::syn) && !seg.has(Flag::ack) && !seg.has(Flag::rst);
  if (is_plain_syn && seg.seq == half_open.irs && !is_old) {
    // The SYN,ACK was lost, or is late.
    if (!takes_answer(half_open, shared, now)) return {};
    return {.action = Action::repeat, .reply = {}};
  }

  // First: the sequence number, after PAWS. The SYN of a SYN,ACK at IRS is known.
  const SeqNum rcv_nxt = half_open.irs + 1;
  const std::uint32_t rcv_wnd = half_open.window;
  const bool repeats_syn =
      seg.has(Flag::syn) && seg.has(Flag::ack) && !seg.has(Flag::rst) && seg.seq == half_open.irs;
  const SeqNum seq = repeats_syn ? seg.seq + 1 : seg.seq;
  const std::uint32_t len = repeats_syn ? seg.len - 1 : seg.len;
  if (is_old || !is_acceptable(seq, len, rcv_nxt, rcv_wnd)) {
    if (is_old) shared.mib.add(Counter::tcp_paws_estab);
    if (seg.has(Flag::rst)) return {};
    return {.action = Action::keep, .reply = dubious_ack(half_open, tuple, seg, shared, now)};
  }
  // RFC 7323, 4.3: TS.Recent never goes back, not even by the tick that PAWS forgives.
  if (has_timestamps && seq <= rcv_nxt && !seg.has(Flag::rst) &&
      !fails_paws(seg.options.timestamps->value, half_open.ts_recent, 0_s, 0)) {
    half_open.ts_recent = seg.options.timestamps->value;
  }

  // Second: a RST returns to LISTEN (MUST-11), if it hits exactly (RFC 5961, 3.2).
  if (seg.has(Flag::rst)) {
    const RstVerdict verdict = judge_rst(seg.seq, rcv_nxt, rcv_wnd);
    if (verdict == RstVerdict::ignore) return {};
    if (verdict == RstVerdict::challenge) {
      return {.action = Action::keep, .reply = dubious_ack(half_open, tuple, seg, shared, now)};
    }
    shared.mib.add(Counter::tcp_embryonic_rsts);
    shared.mib.add(Counter::tcp_attempt_fails);
    return {.action = Action::remove, .reply = {}};
  }
  // Fourth: another SYN in the window. The old attempt is dead, as in Linux: the peer gets a RST
  // and starts again.
  if (seg.has(Flag::syn) && !repeats_syn) {
    shared.mib.add(Counter::tcp_attempt_fails);
    return {.action = Action::remove, .reply = reset_for(tuple, seg)};
  }
  // Fifth: the ACK. A wrong one is answered with a RST, and the handshake may still finish.
  if (!seg.has(Flag::ack)) return {};
  if (seg.ack != half_open.iss + 1) {
    return {.action = Action::keep, .reply = reset_for(tuple, seg)};
  }
  return {.action = Action::establish, .reply = {}};
}

void promote(const HalfOpenState& half_open, Tcb& tcb, std::uint32_t so_rcvbuf, Instant sent_at) {
  enter(tcb, State::listen, Cause::passive_open);
  enter(tcb, State::syn_received, Cause::syn_received);
  tcb.is_passive = true;
  start_sequence_space(tcb, half_open.iss);
  tcb.rcv.irs = half_open.irs;
  tcb.rcv.nxt = half_open.irs + 1;
  tcb.rcv.last_ack_sent = tcb.rcv.nxt;
  tcb.offered = {.timestamps = half_open.has_timestamps,
                 .sack = half_open.has_sack,
                 .window_scaling = half_open.has_window_shift,
                 .window_shift = static_cast<std::uint8_t>(half_open.window_shift)};
  agree(tcb, {.mss = half_open.peer_mss,
              .window_shift = half_open.peer_shift,
              .has_window_shift = half_open.has_window_shift,
              .has_timestamps = half_open.has_timestamps,
              .has_sack = half_open.has_sack,
              .has_ecn = half_open.has_ecn});
  start_receive_space(tcb, so_rcvbuf,
                      text_of_segment(advertised_mss(tcb), half_open.has_timestamps));
  // SHLD-14: what an ACK offered before stays.
  tcb.rcv.edge = tcb.rcv.nxt + (half_open.offered_more
                                    ? std::uint32_t{window_field(half_open.window, tcb.rcv.wscale)}
                                          << tcb.rcv.wscale
                                    : half_open.window);
  tcb.ts.offset = timestamp_offset(half_open, tcb.tuple, *tcb.shared);
  tcb.ts.recent = half_open.ts_recent;
  tcb.ts.recent_at = sent_at;
  tcb.ts.has_recent = half_open.has_timestamps;
  tcb.retransmits = half_open.retransmits;
  if (half_open.retransmits != 0) tcb.rtt.on_syn_was_retransmitted();
  tcb.last_sent = sent_at;
}

}  // namespace tuntcp::tcp
