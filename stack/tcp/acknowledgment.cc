#include "stack/tcp/acknowledgment.h"

#include <algorithm>

#include "stack/tcp/ack_policy.h"
#include "stack/tcp/congestion_events.h"
#include "stack/tcp/controllers.h"
#include "stack/tcp/negotiation.h"
#include "stack/tcp/timeouts.h"
#include "stack/tcp/timestamps.h"
#include "stack/tcp/transitions.h"
#include "stack/tcp/user_calls.h"
#include "stack/tcp/window_policy.h"

namespace tuntcp::tcp {
namespace {

std::uint32_t scaled_window(const Tcb& tcb, const Segment& seg) {
  return std::uint32_t{seg.wnd} << tcb.snd.wscale;
}

void end_recovery_from_timeouts(Tcb& tcb, Instant now) {
  if (tcb.recovering_since == Instant()) return;
  tcb.recovering += now - tcb.recovering_since;
  tcb.recovering_since = Instant();
}

// RFC 2883, 4: a first block at or below SEG.ACK, or inside the second, reports a duplicate.
bool has_dsack(const Segment& seg) {
  if (seg.options.sack_count == 0) return false;
  const SeqRange& first = seg.options.sack[0];
  if (first.end <= seg.ack) return true;
  if (seg.options.sack_count < 2) return false;
  const SeqRange& second = seg.options.sack[1];
  return second.begin <= first.begin && first.end <= second.end;
}

// Would this segment set the send window? Then it is no duplicate ACK (RFC 5681, 2), even if it
// says the same once more.
bool updates_window(const Tcb& tcb, const Segment& seg) {
  if (seg.ack > tcb.snd.una || seg.seq > tcb.snd.wl1) return true;
  const std::uint32_t window = scaled_window(tcb, seg);
  return seg.seq == tcb.snd.wl1 && (window > tcb.snd.wnd || window == 0);
}

void take_round_trip(Tcb& tcb, Duration rtt, Duration latest, Instant now) {
  tcb.rtt.on_sample(rtt);
  tcb.min_rtt.on_sample(latest, now, Duration::seconds(sysctl(tcb).tcp_min_rtt_wlen));
}

void measure_round_trip(Tcb& tcb, const Segment& seg, const recovery::AckOutcome& outcome,
                        Instant now) {
  if (outcome.rtt) return take_round_trip(tcb, *outcome.rtt, *outcome.latest_rtt, now);
  if (!outcome.una_advanced) return;
  // Where the same octets were sent twice a timestamp's echo is still unambiguous (RFC 7323, 4.1).
  if (!tcb.agreed.timestamps || !seg.options.timestamps || seg.options.timestamps->echo == 0)
    return;
  const auto ticks =
      static_cast<std::int32_t>(timestamp_clock(tcb.ts, now) - seg.options.timestamps->echo);
  if (ticks < 0) return;
  const Duration rtt = Duration::milliseconds(std::max(ticks, 1));
  take_round_trip(tcb, rtt, rtt, now);
}

void forget_acknowledged(Tcb& tcb, SeqNum ack) {
  tcb.octets_acked += tcb.send_buffer.discard(ack);
  tcb.snd.una = ack;
  // SND.UP and Minshall's mark must not fall so far behind that they seem to lie ahead.
  tcb.snd.up = later_of(tcb.snd.up, ack);
  tcb.small_end = later_of(tcb.small_end, ack);
}

// Half of the largest window bounds our segments: see effective_send_mss().
void take_largest_window(Tcb& tcb) {
  if (tcb.snd.wnd <= tcb.snd.max_wnd) return;
  const std::uint32_t options = tcb.agreed.timestamps ? 12 : 0;
  const std::uint32_t before = effective_send_mss(tcb, options);
  tcb.snd.max_wnd = tcb.snd.wnd;
  const std::uint32_t mss = effective_send_mss(tcb, options);
  if (mss != before) tcb.congestion->on_mss_change(mss);
}

// 3.10.7.4, fifth: "If SND.UNA =< SEG.ACK =< SND.NXT, the send window should be updated" unless the
// segment is older than the one that updated it last. The RFC tells that by SEG.SEQ alone and would
// pass over a retransmission that acknowledges more; but then the old window, now counted from a
// new SND.UNA, would reach beyond what the peer ever offered. An ACK that moves SND.UNA is new,
// whatever its SEG.SEQ (Linux, too, takes it).
void update_send_window(Tcb& tcb, const Segment& seg) {
  if (seg.ack < tcb.snd.una) return;
  const bool is_newer = tcb.snd.wl2 < seg.ack || tcb.snd.wl1 <= seg.seq;
  if (!is_newer) return;
  tcb.snd.wnd = scaled_window(tcb, seg);
  tcb.snd.wl1 = seg.seq;
  tcb.snd.wl2 = seg.ack;
  take_largest_window(tcb);
  if (tcb.snd.wnd != 0 && tcb.probe_back_off != 0) {
    tcb.probe_back_off = 0;
    tcb.probing_since = Instant();
    tcb.deadlines.cancel(Timer::persist);
  }
}

void set_timers(Tcb& tcb, const recovery::AckOutcome& outcome, Instant now) {
  if (!tcb.recovery.has_outstanding()) return cancel_recovery_timers(tcb);
  if (outcome.timer == recovery::TimerWish::reneging) return expect_reneging(tcb, now);
  if (outcome.reorder_wait != Duration::zero()) {
    return arm_reorder_timer(tcb, now + outcome.reorder_wait);
  }
  // RFC 6298, 5.3.
  if (outcome.timer == recovery::TimerWish::restart) restart_recovery_timer(tcb, now);
}

// The ACK half of what recovery asks for.
recovery::AckOutcome tell_recovery(Tcb& tcb, const Segment& seg, Instant now) {
  const bool is_dsack = has_dsack(seg);
  const std::size_t skipped = is_dsack ? 1 : 0;
  const auto& sack = seg.options.sack;
  const bool has_echo = tcb.agreed.timestamps && seg.options.timestamps.has_value() &&
                        seg.options.timestamps->echo != 0;
  const SeqNum window_end = tcb.snd.una + tcb.snd.wnd;
  const recovery::AckFacts facts{
      .now = now,
      .ack = seg.ack,
      .snd_nxt = tcb.snd.nxt,
      .path = recovery_path(tcb),
      .knobs = recovery_knobs(tcb),
      .sack = std::span(sack).subspan(skipped, seg.options.sack_count - skipped),
      .dsack = is_dsack ? std::optional(sack[0]) : std::nullopt,
      .max_wnd = tcb.snd.max_wnd,
      .ts_echo = has_echo ? std::optional(seg.options.timestamps->echo) : std::nullopt,
      .ts_now = timestamp_clock(tcb.ts, now),
      .brings_text = !seg.text.is_empty() || seg.has(Flag::fin),
      .updates_window = updates_window(tcb, seg),
      .echoes_congestion = tcb.agreed.ecn && seg.has(Flag::ece) && !seg.had_syn,
      .can_send_new = tcb.unsent() != 0 && window_end > tcb.snd.nxt};
  return tcb.recovery.on_ack(facts);
}

}  // namespace

void become_established(Tcb& tcb, const Segment& seg, Cause cause, Instant now) {
  // The SYN's round trip, unless it was sent twice (Karn) or nobody kept when.
  if (tcb.retransmits == 0 && tcb.last_sent != Instant()) {
    take_round_trip(tcb, now - tcb.last_sent, now - tcb.last_sent, now);
  }
  // RFC 6928, 2: one segment after "more than one SYN or SYN/ACK retransmissions".
  const std::uint32_t segments = tcb.retransmits > 1 ? 1 : congestion::kInitialSegments;
  tcb.retransmits = 0;
  end_recovery_from_timeouts(tcb, now);
  tcb.is_stalled = false;
  tcb.deadlines.cancel(Timer::retransmit);
  tcb.syn_due = false;
  tcb.snd.una = tcb.snd.iss + 1;
  // "SND.WND <- SEG.WND, SND.WL1 <- SEG.SEQ, SND.WL2 <- SEG.ACK". The window of a SYN is not
  // scaled.
  tcb.snd.wnd = seg.has_unscaled_window() ? seg.wnd : scaled_window(tcb, seg);
  tcb.snd.wl1 = seg.seq;
  tcb.snd.wl2 = seg.ack;
  tcb.snd.max_wnd = tcb.snd.wnd;
  tcb.small_end = tcb.snd.una;
  reserve_window(tcb, advertised_mss(tcb));
  start_controller(tcb, segments, now);
  tcb.window_use.restart(tcb.snd.una);
  tcb.round_end = tcb.snd.nxt;
  // CLOSE before the handshake was over: 3.10.4, SYN-RECEIVED, sends the FIN now.
  enter(tcb, State::established, cause);
  if (tcb.fin_queued) enter(tcb, State::fin_wait_1, Cause::close_call);
  tcb.segments_delivered = 1;  // the SYN
  tcb.established_at = now;
  start_keep_alive_timer(tcb, now);
  tcb.events |= EventBits::connected | EventBits::writable;
  mark_ready(tcb);
}

void accept_acknowledgment(Tcb& tcb, const Segment& seg, Instant now) {
  tcb.last_ack_received = now;
  tcb.more_follows = false;  // as in Linux, MSG_MORE holds text back until an ACK comes, no longer
  const BeforeAck before{.flight = octets_between(tcb.snd.una, tcb.snd.nxt),
                         .in_flight = tcb.recovery.in_flight()};
  const recovery::AckOutcome outcome = tell_recovery(tcb, seg, now);
  if (has_dsack(seg)) ++tcb.dsacks_received;
  if (!tcb.recovery.in_loss()) end_recovery_from_timeouts(tcb, now);
  // Something arrived after all (as in Linux).
  tcb.soft_error = Error::none;
  // The peer is alive: probes count as answered (MUST-37).
  tcb.probes = 0;
  tcb.segments_delivered += outcome.delivered_segments;
  if (tcb.agreed.ecn && seg.has(Flag::ece) && !seg.had_syn && outcome.delivered_segments != 0) {
    tcb.segments_delivered_ce += outcome.delivered_segments;
    mib(tcb).add(Counter::tcp_delivered_ce, outcome.delivered_segments);
  }
  measure_round_trip(tcb, seg, outcome, now);
  if (seg.ack > tcb.snd.una) {
    forget_acknowledged(tcb, seg.ack);
    tcb.retransmits = 0;
    tcb.is_stalled = false;
    tell_if_writable(tcb);
    const bool all_is_acked = tcb.send_buffer.size() == 0 && tcb.snd.una == tcb.snd.nxt;
    if (all_is_acked) tcb.events |= EventBits::send_done;
  }
  update_windows(tcb, outcome, before, now);
  set_timers(tcb, outcome, now);
  // The window of a SYN was taken by become_established().
  if (!seg.has_unscaled_window()) update_send_window(tcb, seg);
  // A window that shrank to nothing over what is outstanding: retransmissions are its probes, and
  // each answer shows that the peer lives (MUST-35, MUST-37, SHLD-17). Only an application that set
  // a limit of its own, or has gone, is not made to wait.
  const bool may_wait = tcb.user_timeout == Duration::zero() && !tcb.is_released;
  if (tcb.snd.wnd == 0 && may_wait) tcb.retransmitting_since = now;
  mark_ready(tcb);
}

}  // namespace tuntcp::tcp
