#include "stack/tcp/timeouts.h"

#include <algorithm>

#include "stack/tcp/ack_policy.h"
#include "stack/tcp/congestion_events.h"
#include "stack/tcp/ecn.h"
#include "stack/tcp/negotiation.h"
#include "stack/tcp/send_decision.h"
#include "stack/tcp/transitions.h"

namespace tuntcp::tcp {
namespace {

Duration persist_timeout(const Tcb& tcb) {
  return tcb.rtt.rto(tcb.rto_limits, tcb.probe_back_off);
}

// R2 of a connection that no application waits for. 8 retransmissions are more than 100 s (SHLD-11)
// even from 200 ms; once the timeout has grown to its limit Linux gives no more.
std::uint32_t orphan_retries(const Tcb& tcb, bool is_backed_off_to_the_limit) {
  constexpr std::uint32_t kDefaultRetries = 8;
  const std::uint32_t retries = sysctl(tcb).tcp_orphan_retries;
  return retries == 0 && !is_backed_off_to_the_limit ? kDefaultRetries : retries;
}

// Have `retries` retransmissions (R1 or R2, a count) been in vain? As in Linux by the time that so
// many take, whatever the path's RTO.
bool is_reached(const Tcb& tcb, std::uint32_t retries, Instant now) {
  return tcb.retransmits != 0 &&
         now - tcb.retransmitting_since >= retries_as_time(tcb.rto_limits, retries);
}

// R2 (MUST-20) or, in time, what the application chose instead (MUST-21): has the peer been silent
// for too long?
bool is_given_up(const Tcb& tcb, Instant now) {
  if (tcb.retransmits == 0) return false;
  const bool has_limit = tcb.user_timeout != Duration::zero();
  if (has_limit && now - tcb.retransmitting_since >= tcb.user_timeout) return true;
  // The peer closed its window over what is outstanding. Retransmissions are the probes, and each
  // answer begins a new row of them (MUST-37), so that it is silence which ends this: as in Linux
  // of twice the longest timeout. An orphan is ended like any other, or it might stay for ever.
  if (tcb.snd.wnd == 0 && !tcb.is_released) {
    return !has_limit && now - tcb.retransmitting_since >= tcb.rto_limits.most * 2;
  }
  if (has_limit) return false;
  const bool is_at_limit = retransmission_timeout(tcb) >= tcb.rto_limits.most;
  return is_reached(
      tcb, tcb.is_released ? orphan_retries(tcb, is_at_limit) : sysctl(tcb).tcp_retries2, now);
}

// TCP_USER_TIMEOUT ends in the middle of a back-off: the timer is cut to what is left of it.
// `since` is when the first of the unanswered retransmissions or probes left, if any did.
Instant within_user_timeout(const Tcb& tcb, Instant since, Instant when) {
  if (tcb.user_timeout == Duration::zero() || since == Instant()) return when;
  return std::min(when, since + tcb.user_timeout);
}

Instant retransmission_deadline(const Tcb& tcb, Instant when) {
  return within_user_timeout(tcb, tcb.retransmits == 0 ? Instant() : tcb.retransmitting_since,
                             when);
}

void give_up(Tcb& tcb) {
  mib(tcb).add(Counter::tcp_abort_on_timeout);
  // What the network said about it says more than the clock does (Linux: sk_err_soft).
  const Error error = tcb.soft_error != Error::none ? tcb.soft_error : Error::timed_out;
  end(tcb, error, Cause::timeout);
}

// R1 (SHLD-9): the application hears of it once, and may act before R2 ends the connection. There
// is no IP layer below that could look for another route.
void tell_of_stall(Tcb& tcb) {
  if (tcb.is_stalled) return;
  tcb.is_stalled = true;
  tcb.events |= EventBits::error_report;
}

// tcp_max_orphans, of which one that has long been silent counts double: is this one to go?
bool gives_way(Tcb& tcb, bool tells_peer, Instant now) {
  if (!tcb.is_released) return false;
  const bool is_long_silent = now - tcb.last_sent > tcb.rto_limits.most * 2 || !tells_peer;
  const std::uint64_t orphans = tcb.shared->orphans;
  if ((is_long_silent ? 2 * orphans : orphans) <= sysctl(tcb).tcp_max_orphans) return false;
  mib(tcb).add(Counter::tcp_abort_on_memory);
  // A peer that was there a minute ago, or has closed its window, waits for more.
  constexpr Duration kRecently = 60_s;
  const bool is_closed = tcb.snd.wnd == 0 && !tcb.recovery.has_outstanding();
  if (tells_peer || now - tcb.last_sent <= kRecently || is_closed) {
    abort(tcb, Error::insufficient_resources, Cause::delete_tcb, now);
  } else {
    end(tcb, Error::insufficient_resources, Cause::delete_tcb);
  }
  return true;
}

// Linux's tcp_thin_linear_timeouts: with so few segments in flight no duplicate ACKs can tell of a
// loss, and every one costs a timeout. In the first slow start they are few for another reason.
bool is_thin(const Tcb& tcb) {
  constexpr std::uint32_t kThinSegments = 4;
  constexpr std::uint16_t kLinearTimeouts = 6;
  if (sysctl(tcb).tcp_thin_linear_timeouts == 0 || tcb.state != State::established) return false;
  return tcb.retransmits <= kLinearTimeouts &&
         tcb.congestion->window().ssthresh != congestion::kInfiniteSsthresh &&
         tcb.recovery.segments().outstanding < kThinSegments;
}

// What TCP_INFO tells of timeouts.
void count_timeout(Tcb& tcb, Instant now) {
  mib(tcb).add(Counter::tcp_timeouts);
  ++tcb.timeouts;
  if (tcb.retransmits != 1) return;
  ++tcb.rows_of_timeouts;
  tcb.recovering_since = now;
}

void on_syn_timeout(Tcb& tcb, Instant now) {
  const Sysctl& knobs = sysctl(tcb);
  // MUST-22, MUST-23. Linux sends the first few at an even pace (tcp_syn_linear_timeouts).
  const bool is_active = tcb.state == State::syn_sent;
  const std::uint32_t usual = is_active ? knobs.tcp_syn_retries : knobs.tcp_synack_retries;
  const std::uint32_t most = (tcb.syn_retries != 0 ? tcb.syn_retries : usual) +
                             (is_active ? knobs.tcp_syn_linear_timeouts : 0);
  const bool is_too_late = tcb.user_timeout != Duration::zero() && tcb.retransmits != 0 &&
                           now - tcb.retransmitting_since >= tcb.user_timeout;
  if (tcb.retransmits >= most || is_too_late) return give_up(tcb);
  if (tcb.retransmits++ == 0) {
    tcb.retransmitting_since = now;
    tcb.rtt.on_syn_was_retransmitted();
  }
  note_reduction(tcb);  // as Linux does it: the window starts smaller after a SYN was lost
  if (tcb.retransmits >= knobs.tcp_retries1) tell_of_stall(tcb);
  count_timeout(tcb, now);
  mib(tcb).add(Counter::tcp_syn_retrans);
  mib(tcb).add(Counter::tcp_retrans_segs);
  ++tcb.segments_retransmitted;
  tcb.syn_due = true;
  mark_ready(tcb);
}

// What is left of the timeout of the first segment, since it left for the last time.
void rearm_retransmission_timer(Tcb& tcb, Instant now) {
  cancel_recovery_timers(tcb);
  const Instant due = tcb.recovery.oldest_sent_at() + retransmission_timeout(tcb);
  tcb.deadlines.set(Timer::retransmit, retransmission_deadline(tcb, std::max(due, now)));
}

// RFC 8985, 7.2: a probe is worth sending while nothing suggests a loss. `limit`: the timeout that
// it must not come after.
bool arm_tail_probe(Tcb& tcb, Instant now, Duration limit) {
  const std::uint32_t early = sysctl(tcb).tcp_early_retrans;
  const Episode episode = tcb.recovery.episode();
  const bool is_calm = episode == Episode::open || episode == Episode::cwr;
  if ((early != 3 && early != 4) || !tcb.agreed.sack || !is_calm) return false;
  if (!tcb.recovery.has_outstanding() || tcb.recovery.has_sacked()) return false;
  const Duration timeout =
      recovery::probe_timeout({.srtt = tcb.rtt.srtt(),
                               .rto = limit,
                               .delayed_ack = tcb.rto_limits.least,
                               .is_single = tcb.recovery.segments().outstanding == 1});
  cancel_recovery_timers(tcb);
  tcb.deadlines.set(Timer::tail_probe, retransmission_deadline(tcb, now + timeout));
  return true;
}

// Until the first segment would time out.
Duration probe_limit(const Tcb& tcb, Instant now) {
  const Duration left = tcb.recovery.oldest_sent_at() + retransmission_timeout(tcb) - now;
  return left > Duration::zero() ? left : retransmission_timeout(tcb);
}

// RFC 6298, 5.4 to 5.6.
void on_retransmission_timeout(Tcb& tcb, Instant now) {
  if (kOpening.contains(tcb.state)) {
    return on_syn_timeout(tcb, now);
  }
  if (!tcb.recovery.has_outstanding()) return;
  if (is_reached(tcb, sysctl(tcb).tcp_retries1, now)) tell_of_stall(tcb);
  const bool is_over = is_given_up(tcb, now);
  if (gives_way(tcb, /*tells_peer=*/!is_over, now)) return;
  if (is_over) return give_up(tcb);
  const BeforeAck before = before_ack(tcb);
  const recovery::Recovery::TimeoutOutcome outcome =
      tcb.recovery.on_timeout({.now = now,
                               .snd_nxt = tcb.snd.nxt,
                               .path = recovery_path(tcb),
                               .knobs = recovery_knobs(tcb),
                               .is_repeated = tcb.retransmits != 0});
  if (tcb.retransmits == 0) tcb.retransmitting_since = now;
  if (tcb.retransmits < UINT16_MAX) ++tcb.retransmits;
  tcb.rtt.on_timeout();
  count_timeout(tcb, now);
  if (outcome.failure) mib(tcb).add(*outcome.failure);
  if (outcome.was_reneging) mib(tcb).add(Counter::tcp_sack_reneging);
  mib(tcb).add(Counter::tcp_lost_retransmit, outcome.lost_again);
  tcb.prr.end();
  note_reduction(tcb);
  tcb.congestion->on_timeout({.now = now,
                              .lost = outcome.newly_lost,
                              .in_flight = before.flight,
                              .in_flight_now = tcb.recovery.in_flight(),
                              .is_persistent = !outcome.begins_episode});
  if (is_thin(tcb)) tcb.rtt.forget_back_off();
  mark_ready(tcb);
}

// RFC 8985, 6.3: no ACK came in time to show that what is late was only overtaken.
void on_reorder_timeout(Tcb& tcb, Instant now) {
  if (!tcb.recovery.has_outstanding()) return;
  const BeforeAck before = before_ack(tcb);
  recovery::AckOutcome outcome = tcb.recovery.on_reorder_timeout({.now = now,
                                                                  .snd_nxt = tcb.snd.nxt,
                                                                  .path = recovery_path(tcb),
                                                                  .knobs = recovery_knobs(tcb)});
  // As Linux: a timer stands for the ACK that would have let one segment out.
  if (outcome.newly_lost != 0) outcome.newly_delivered = 1;
  update_windows(tcb, outcome, before, now);
  if (outcome.reorder_wait != Duration::zero()) {
    arm_reorder_timer(tcb, now + outcome.reorder_wait);
  } else {
    rearm_retransmission_timer(tcb, now);
  }
  mark_ready(tcb);
}

// RFC 8985, 7.3. One probe an episode; a second would learn no more.
void on_probe_timeout(Tcb& tcb, Instant now) {
  if (!tcb.recovery.has_outstanding()) return;
  if (tcb.recovery.probe().is_out()) return rearm_retransmission_timer(tcb, now);
  tcb.tail_probe_due = true;
  mark_ready(tcb);
}

// The windows let text go and it did not leave: the device was full, or segments have become
// smaller since.
bool may_leave(const Tcb& tcb, Instant now) {
  const std::uint32_t mss = plain_send_mss(tcb);
  return decide_send(tcb, {.mss = mss, .most = mss}, now).reason != SendReason::nothing;
}

// MUST-36, SHLD-29, SHLD-30: probes back off like retransmissions. A peer that answers may keep its
// window closed for ever (MUST-37), unless the application set a limit or has gone (as in Linux);
// one that is silent is given up after tcp_retries2 probes.
void on_persist_timeout(Tcb& tcb, Instant now) {
  const bool has_limit = tcb.user_timeout != Duration::zero();
  if (tcb.probing_since == Instant()) {
    tcb.probing_since = now;
  } else if (has_limit && now - tcb.probing_since >= tcb.user_timeout) {
    return give_up(tcb);
  }
  if (may_leave(tcb, now)) {
    if (tcb.probes < UINT16_MAX) ++tcb.probes;
    mark_ready(tcb);
    return arm_device_timer(tcb, now);
  }
  const std::uint32_t retries2 = sysctl(tcb).tcp_retries2;
  std::uint32_t most = retries2;
  if (tcb.is_released) {
    const bool is_at_limit = persist_timeout(tcb) >= tcb.rto_limits.most;
    most = orphan_retries(tcb, is_at_limit);
    if (is_at_limit && tcb.probe_back_off >= most) return give_up(tcb);
    if (gives_way(tcb, /*tells_peer=*/true, now)) return;
  }
  if (tcb.probes >= most) return give_up(tcb);
  ++tcb.probes;
  if (tcb.probe_back_off < retries2) ++tcb.probe_back_off;
  tcb.probe_due = true;
  mark_ready(tcb);
}

Duration keep_alive_idle(const Tcb& tcb) {
  const Duration wanted = tcb.keep_alive.idle;
  return wanted != Duration::zero() ? wanted : Duration::seconds(sysctl(tcb).tcp_keepalive_time);
}

// When the peer was last heard of.
Instant heard_at(const Tcb& tcb) {
  return std::max(tcb.ack.last_received, tcb.last_ack_received);
}

// RFC 9293, 3.8.4. MUST-26: only where nothing has come for long enough, and nothing is on its way
// that must be answered anyhow. MUST-29: no single probe's silence ends the connection. SHLD-12: a
// probe is a segment without text, below the window (MAY-6 would allow an octet of garbage).
void on_keep_alive_timeout(Tcb& tcb, Instant now) {
  const Duration idle = keep_alive_idle(tcb);
  const bool is_busy = tcb.recovery.has_outstanding() || tcb.has_unsent();
  if (is_busy) return tcb.deadlines.set(Timer::keep_alive, now + idle);
  const Duration silent = now - heard_at(tcb);
  if (silent < idle) return tcb.deadlines.set(Timer::keep_alive, heard_at(tcb) + idle);
  const Sysctl& knobs = sysctl(tcb);
  const std::uint32_t most =
      tcb.keep_alive.probes != 0 ? tcb.keep_alive.probes : knobs.tcp_keepalive_probes;
  const bool has_limit = tcb.user_timeout != Duration::zero();
  const bool is_over =
      has_limit ? tcb.probes != 0 && silent >= tcb.user_timeout : tcb.probes >= most;
  if (is_over) {
    mib(tcb).add(Counter::tcp_abort_on_timeout);
    return abort(tcb, Error::timed_out, Cause::timeout, now);
  }
  if (tcb.probes < UINT16_MAX) ++tcb.probes;
  tcb.probe_due = true;
  mark_ready(tcb);
  const Duration wanted = tcb.keep_alive.interval;
  const Duration interval =
      wanted != Duration::zero() ? wanted : Duration::seconds(knobs.tcp_keepalive_intvl);
  tcb.deadlines.set(Timer::keep_alive, now + interval);
}

void on_delayed_ack_timeout(Tcb& tcb) {
  mib(tcb).add(Counter::tcp_delayed_acks);
  // The application did not answer in time after all.
  tcb.ack.is_interactive = false;
  acknowledge_now(tcb);
}

void run_timer(Tcb& tcb, Timer timer, Instant now) {
  switch (timer) {
    case Timer::retransmit:
      return on_retransmission_timeout(tcb, now);
    case Timer::reorder:
      return on_reorder_timeout(tcb, now);
    case Timer::tail_probe:
      return on_probe_timeout(tcb, now);
    case Timer::persist:
      return on_persist_timeout(tcb, now);
    case Timer::delayed_ack:
      return on_delayed_ack_timeout(tcb);
    case Timer::fin_wait_2:
      // Deviation: RFC 9293 has no such timer; Linux (tcp_fin_timeout) frees orphans by it.
      mib(tcb).add(Counter::tcp_abort_on_linger);
      return end(tcb, Error::none, Cause::timeout);
    case Timer::keep_alive:
      return on_keep_alive_timeout(tcb, now);
    case Timer::pacing:
      return mark_ready(tcb);
    case Timer::compressed_ack:
      return on_compressed_ack_timeout(tcb);
  }
}

}  // namespace

void run_timers(Tcb& tcb, Instant now) {
  for (std::size_t i = 0; i < kTimerCount; ++i) {
    const auto timer = static_cast<Timer>(i);
    if (tcb.deadlines[timer] > now) continue;
    tcb.deadlines.cancel(timer);
    run_timer(tcb, timer, now);
    if (tcb.state == State::closed) return;
  }
}

Duration retransmission_timeout(const Tcb& tcb) {
  // A SYN's timeouts are not Rtt's: see arm_syn_timer().
  const bool is_opening = kOpening.contains(tcb.state);
  const unsigned back_off = is_opening ? unsigned{tcb.retransmits} : tcb.rtt.back_off();
  return tcb.rtt.rto(tcb.rto_limits, back_off);
}

void arm_syn_timer(Tcb& tcb, Instant now) {
  const std::uint32_t linear =
      tcb.state == State::syn_sent ? sysctl(tcb).tcp_syn_linear_timeouts : 0;
  const std::uint32_t back_off = tcb.retransmits > linear ? tcb.retransmits - linear : 0;
  // The SYN's timeout is 1 s however late it was repeated (RFC 6298, 2.1); rtt's 3 s is for later.
  const Duration timeout = Rtt().rto(tcb.rto_limits, back_off);
  tcb.deadlines.set(Timer::retransmit, retransmission_deadline(tcb, now + timeout));
}

void arm_send_timers(Tcb& tcb, Instant now, bool sent_new) {
  if (tcb.recovery.has_outstanding()) {
    tcb.deadlines.cancel(Timer::persist);
    if (tcb.probe_back_off == 0) tcb.probing_since = Instant();
    if (sent_new && arm_tail_probe(tcb, now, probe_limit(tcb, now))) return;
    const bool is_armed = tcb.deadlines.is_set(Timer::retransmit) ||
                          tcb.deadlines.is_set(Timer::reorder) ||
                          tcb.deadlines.is_set(Timer::tail_probe);
    if (!is_armed) rearm_retransmission_timer(tcb, now);
    return;
  }
  cancel_recovery_timers(tcb);
  if (!tcb.has_unsent()) {
    tcb.deadlines.cancel(Timer::persist);
  } else if (!tcb.deadlines.is_set(Timer::persist)) {
    tcb.deadlines.set(Timer::persist,
                      within_user_timeout(tcb, tcb.probing_since, now + persist_timeout(tcb)));
  }
}

void arm_device_timer(Tcb& tcb, Instant now) {
  constexpr Duration kAgain = 500_ms;  // Linux's TCP_RESOURCE_PROBE_INTERVAL, without back-off
  if (tcb.recovery.has_outstanding() || tcb.deadlines.is_set(Timer::persist)) return;
  const Duration wait = tcb.probes == 0 ? persist_timeout(tcb) : kAgain;
  tcb.deadlines.set(Timer::persist, within_user_timeout(tcb, tcb.probing_since, now + wait));
}

void restart_retransmission_timer(Tcb& tcb, Instant now) {
  cancel_recovery_timers(tcb);
  tcb.deadlines.set(Timer::retransmit,
                    retransmission_deadline(tcb, now + retransmission_timeout(tcb)));
}

void restart_recovery_timer(Tcb& tcb, Instant now) {
  if (!arm_tail_probe(tcb, now, retransmission_timeout(tcb))) {
    restart_retransmission_timer(tcb, now);
  }
}

void arm_reorder_timer(Tcb& tcb, Instant when) {
  cancel_recovery_timers(tcb);
  tcb.deadlines.set(Timer::reorder, when);
}

void expect_reneging(Tcb& tcb, Instant now) {
  constexpr Duration kLeast = 10_ms;  // as Linux
  cancel_recovery_timers(tcb);
  tcb.deadlines.set(Timer::retransmit, now + std::max(tcb.rtt.srtt() / 2, kLeast));
}

void cancel_recovery_timers(Tcb& tcb) {
  tcb.deadlines.cancel(Timer::retransmit);
  tcb.deadlines.cancel(Timer::reorder);
  tcb.deadlines.cancel(Timer::tail_probe);
}

void arm_fin_wait_2_timer(Tcb& tcb, Instant now) {
  if (tcb.state != State::fin_wait_2 || !tcb.is_released) return;
  if (tcb.deadlines.is_set(Timer::fin_wait_2)) return;
  const Duration wanted = tcb.fin_timeout != Duration::zero()
                              ? tcb.fin_timeout
                              : Duration::seconds(sysctl(tcb).tcp_fin_timeout);
  // As Linux: the peer's FIN may have to be sent three times.
  const Duration least = retransmission_timeout(tcb) * 7 / 2;
  tcb.deadlines.set(Timer::fin_wait_2, now + std::max(wanted, least));
  tcb.deadlines.cancel(Timer::keep_alive);
}

void start_keep_alive_timer(Tcb& tcb, Instant now) {
  if (tcb.keep_alive.is_on) tcb.deadlines.set(Timer::keep_alive, now + keep_alive_idle(tcb));
}

void set_keep_alive(Tcb& tcb, const KeepAlive& wanted, Instant now) {
  const bool was_on = tcb.keep_alive.is_on;
  const bool has_new_idle = wanted.idle != tcb.keep_alive.idle;
  tcb.keep_alive = wanted;
  if (!wanted.is_on) return tcb.deadlines.cancel(Timer::keep_alive);
  if (!kSynchronized.contains(tcb.state) || !tcb.in_table) return;
  if (!was_on) return start_keep_alive_timer(tcb, now);
  // As Linux: the silence so far counts.
  if (has_new_idle) {
    tcb.deadlines.set(Timer::keep_alive, std::max(now, heard_at(tcb) + keep_alive_idle(tcb)));
  }
}

void end_idle_period(Tcb& tcb, Instant now) {
  if (sysctl(tcb).tcp_slow_start_after_idle == 0 || tcb.last_sent == Instant()) return;
  const Duration idle = now - tcb.last_sent;
  const Duration rto = retransmission_timeout(tcb);
  if (idle <= rto) return;
  tcb.congestion->on_idle({.now = now, .idle = idle, .rto = rto});
  tcb.last_sent = now;
}

Duration retries_as_time(const RtoLimits& limits, std::uint32_t retries) {
  // The sum of RTO, 2 RTO, 4 RTO ... each at most `limits.most`, of retries + 1 timeouts.
  Duration sum = Duration::zero();
  Duration timeout = limits.least;
  for (std::uint32_t i = 0; i <= retries; ++i) {
    sum += timeout;
    timeout = std::min(timeout * 2, limits.most);
  }
  return sum;
}

}  // namespace tuntcp::tcp
