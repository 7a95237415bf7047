#include "stack/tcp/send_decision.h"

#include <algorithm>

#include "stack/tcp/congestion_events.h"
#include "stack/tcp/pacing.h"
#include "stack/tcp/send_policy.h"

namespace tuntcp::tcp {
namespace {

SeqNum window_end(const Tcb& tcb) {
  return tcb.snd.una + tcb.snd.wnd;
}

std::uint32_t window_left(const Tcb& tcb) {
  return window_end(tcb) > tcb.snd.nxt ? octets_between(tcb.snd.nxt, window_end(tcb)) : 0;
}

std::uint32_t congestion_left(const Tcb& tcb) {
  const std::uint32_t cwnd = congestion_window(tcb);
  const std::uint32_t in_flight = tcb.recovery.in_flight();
  return cwnd > in_flight ? cwnd - in_flight : 0;
}

// So many octets of `range` again; the FIN may be its last octet.
SendDecision again(const Tcb& tcb, SendReason reason, SeqRange range, std::uint32_t most) {
  const SeqNum fin = tcb.send_buffer.end();
  const std::uint32_t octets =
      std::min(octets_between(range.begin, earlier_of(range.end, fin)), most);
  return {.reason = reason,
          .begin = range.begin,
          .octets = octets,
          .with_fin = range.end > fin && range.begin + octets == fin};
}

// What was lost, as far as the congestion window goes: whole segments.
SendDecision decide_lost(const Tcb& tcb, SeqRange due, const SegmentSize& size) {
  std::uint32_t allowed = congestion_left(tcb);
  allowed -= allowed % size.mss;
  if (tcb.recovery.in_flight() == 0) allowed = std::max(allowed, size.mss);
  if (allowed == 0) return {};
  // Beyond a window that the peer took back nothing is sent, but always the first segment, which is
  // the window's probe as well (RFC 9293, 3.8.6, SHLD-17).
  if (due.begin >= window_end(tcb) && due.begin != tcb.snd.una) return {};
  return again(tcb, SendReason::lost, due, std::min(allowed, size.most));
}

// Minshall: Nagle waits only for an earlier small segment. A cork (Linux) waits for text to fill
// the segment, even without Nagle; the persist timer bounds that wait. Urgent data waits for
// nothing (as in Linux).
bool may_send_small(const Tcb& tcb) {
  if (tcb.push_now || tcb.sends_urgent()) return true;
  return !tcb.cork && !tcb.more_follows && (tcb.no_delay || tcb.small_end <= tcb.snd.una);
}

// What an ACK makes room for is saved up for a larger packet, if the next ACK is near: Linux's
// tcp_tso_should_defer. Fewer and larger packets cost less.
// Deviation: text that can leave whole leaves, where Linux may wait for the application to add
// some.
bool should_defer(const Tcb& tcb, const SendRequest& request, Instant now) {
  constexpr Duration kRecently = 1_ms;
  constexpr std::uint32_t kWinDivisor = 3;  // tcp_tso_win_divisor: a third of the window is enough
  const std::uint32_t allowed = std::min(request.window_left, request.congestion_left);
  if (request.mss == request.most || request.unsent <= allowed || request.unsent <= request.mss) {
    return false;
  }
  if (tcb.recovery.episode() >= Episode::recovery || !tcb.recovery.has_outstanding()) return false;
  if (now - tcb.last_sent > kRecently) return false;
  const std::uint32_t window = std::min(tcb.snd.wnd, congestion_window(tcb));
  if (allowed >= window / kWinDivisor || allowed >= unpaced_burst(tcb, request.mss)) return false;
  // The ACK that is expected next must be near, or the ACK clock would stumble (Linux since 6.18).
  const Instant expected = tcb.recovery.oldest_sent_at() + tcb.rtt.srtt();
  return expected - now <= std::min(tcb.rtt.srtt() / 2, Duration{1_ms});
}

// New text and the FIN behind it.
SendDecision decide_new(const Tcb& tcb, const SegmentSize& size, Instant now) {
  const std::uint32_t unsent = tcb.unsent();
  if (!tcb.has_unsent()) return {};
  // A probe (RFC 8985, 7.3) leaves whatever cwnd and Nagle say.
  const bool is_probe = tcb.tail_probe_due;
  const SendRequest request{.unsent = unsent,
                            .window_left = window_left(tcb),
                            .congestion_left = is_probe ? size.mss : congestion_left(tcb),
                            .mss = size.mss,
                            .most = size.most,
                            .max_window = tcb.snd.max_wnd,
                            .may_send_small = is_probe || may_send_small(tcb),
                            .is_last = tcb.fin_is_unsent()};
  if (!is_probe && should_defer(tcb, request, now)) {
    SendDecision wait;
    wait.is_deferred = request.congestion_left < request.window_left;
    return wait;
  }
  const std::uint32_t octets = may_send(request);
  // The FIN is an octet of the window too; it leaves alone if all text is sent.
  const bool with_fin = tcb.fin_is_unsent() && octets == unsent && request.window_left > octets;
  if (octets == 0 && !with_fin) return {};
  return {.reason = SendReason::new_text,
          .begin = tcb.snd.nxt,
          .octets = octets,
          .with_fin = with_fin,
          .is_new = true};
}

// RFC 6675, 4, NextSeg (4), where nothing else can leave: what followed the last SACKed octet may
// be lost as well, and no ACK would tell.
SendDecision decide_rescue(const Tcb& tcb, const SegmentSize& size) {
  if (tcb.shared->sysctl.tcp_rescue == 0 || congestion_left(tcb) < size.mss) return {};
  if (tcb.has_unsent() && window_left(tcb) != 0) return {};
  const auto last = tcb.recovery.rescue_segment();
  if (!last || last->begin >= window_end(tcb)) return {};
  return again(tcb, SendReason::rescue, *last, size.mss);
}

// RFC 8985, 7.3, TLP_send_probe(): one segment, whatever the congestion window says.
SendDecision decide_probe(const Tcb& tcb, const SegmentSize& size, Instant now) {
  const SegmentSize one{.mss = size.mss, .most = size.mss};
  SendDecision decision;
  if (window_left(tcb) != 0) decision = decide_new(tcb, one, now);
  const auto last = tcb.recovery.last_segment();
  if (decision.reason == SendReason::nothing && last) {
    decision = again(tcb, SendReason::tail_probe, *last, size.mss);
  }
  if (decision.reason != SendReason::nothing) decision.reason = SendReason::tail_probe;
  return decision;
}

SendDecision decide_by_windows(const Tcb& tcb, const SegmentSize& size, Instant now) {
  if (tcb.tail_probe_due) return decide_probe(tcb, size, now);
  const auto due = tcb.recovery.next_due();
  // RFC 5682, 2.1, step 2.b: if new text can leave, it tells more than what may not be lost at all.
  if (tcb.recovery.prefers_new()) {
    const SendDecision fresh = decide_new(tcb, size, now);
    if (fresh.reason != SendReason::nothing || tcb.recovery.sent_new_for_test(tcb.snd.nxt)) {
      return fresh;
    }
  }
  // New text does not overtake what waits to be sent again.
  if (due) return decide_lost(tcb, *due, size);
  const SendDecision fresh = decide_new(tcb, size, now);
  const bool leaves = fresh.reason != SendReason::nothing || fresh.is_deferred;
  return leaves ? fresh : decide_rescue(tcb, size);
}

}  // namespace

SendDecision decide_send(const Tcb& tcb, const SegmentSize& size, Instant now) {
  if (!is_paced(tcb)) return decide_by_windows(tcb, size, now);
  const SegmentSize burst{.mss = size.mss, .most = std::min(size.most, paced_burst(tcb, size.mss))};
  const SendDecision decision = decide_by_windows(tcb, burst, now);
  const bool is_early = may_leave_at(tcb) > now && decision.reason != SendReason::tail_probe;
  if (decision.reason == SendReason::nothing || decision.octets == 0 || !is_early) return decision;
  SendDecision wait;
  wait.not_before = may_leave_at(tcb);
  return wait;
}

}  // namespace tuntcp::tcp
