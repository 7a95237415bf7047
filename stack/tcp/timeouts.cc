#include "stack/tcp/timeouts.h"

#include <algorithm>

#include "stack/tcp/ack_policy.h"
#include "stack/tcp/ecn.h"
#include "stack/tcp/transitions.h"

namespace tuntcp::tcp {
namespace {

Duration rto_min(const Tcb& tcb) {
  return Duration::microseconds(sysctl(tcb).tcp_rto_min_us);
}
Duration rto_max(const Tcb& tcb) {
  return Duration::milliseconds(sysctl(tcb).tcp_rto_max_ms);
}

std::uint32_t orphan_retries(const Sysctl& knobs) {
  return knobs.tcp_orphan_retries == 0 ? 8 : knobs.tcp_orphan_retries;
}

// R2 (MUST-20, MUST-21): has the peer been silent for too long? `since` is when the first of the
// unanswered retransmissions or probes left.
bool is_given_up(const Tcb& tcb, std::uint32_t count, Instant since, Instant now) {
  if (count == 0) return false;
  if (tcb.user_timeout != Duration::zero()) return now - since >= tcb.user_timeout;
  const Sysctl& knobs = sysctl(tcb);
  const std::uint32_t retries =
      tcb.is_released ? std::min(orphan_retries(knobs), knobs.tcp_retries2) : knobs.tcp_retries2;
  return now - since >= retries_as_time(knobs, retries);
}

// TCP_USER_TIMEOUT ends in the middle of a back-off: the timer is cut to what is left of it.
Instant within_user_timeout(const Tcb& tcb, std::uint32_t count, Instant since, Instant when) {
  if (tcb.user_timeout == Duration::zero() || count == 0) return when;
  return std::min(when, since + tcb.user_timeout);
}

void give_up(Tcb& tcb) {
  mib(tcb).add(Counter::tcp_abort_on_timeout);
  // What the network said about it says more than the clock does (Linux: sk_err_soft).
  const Error error = tcb.soft_error != Error::none ? tcb.soft_error : Error::timed_out;
  end(tcb, error, Cause::timeout);
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
  mib(tcb).add(Counter::tcp_timeouts);
  mib(tcb).add(Counter::tcp_syn_retrans);
  mib(tcb).add(Counter::tcp_retrans_segs);
  ++tcb.segments_retransmitted;
  ++tcb.timeouts;
  tcb.syn_due = true;
  mark_ready(tcb);
}

// RFC 6298, 5.4 to 5.6.
void on_retransmission_timeout(Tcb& tcb, Instant now) {
  if (tcb.state == State::syn_sent || tcb.state == State::syn_received) {
    return on_syn_timeout(tcb, now);
  }
  if (!tcb.recovery.has_outstanding()) return;
  if (is_given_up(tcb, tcb.retransmits, tcb.retransmitting_since, now)) return give_up(tcb);
  if (tcb.retransmits == 0) tcb.retransmitting_since = now;
  if (tcb.retransmits < UINT16_MAX) ++tcb.retransmits;
  tcb.rtt.on_timeout();
  mib(tcb).add(Counter::tcp_timeouts);
  ++tcb.timeouts;
  if (tcb.recovery.in_recovery()) mib(tcb).add(Counter::tcp_reno_failures);
  const std::uint32_t flight = octets_between(tcb.snd.una, tcb.snd.nxt);
  const bool is_persistent = tcb.recovery.in_loss();
  const std::uint32_t lost = tcb.recovery.on_timeout(tcb.snd.nxt);
  tcb.ecn.is_reduced = false;
  note_reduction(tcb);
  tcb.congestion->on_timeout(
      {.now = now, .lost = lost, .in_flight = flight, .is_persistent = is_persistent});
  mark_ready(tcb);
}

// MUST-36, SHLD-29, SHLD-30: probes back off like retransmissions. A peer that answers may keep its
// window closed for ever (MUST-37); one that is silent is given up like any other.
void on_persist_timeout(Tcb& tcb, Instant now) {
  if (is_given_up(tcb, tcb.probes, tcb.probing_since, now)) return give_up(tcb);
  if (tcb.probes == 0) tcb.probing_since = now;
  if (tcb.probes < UINT16_MAX) ++tcb.probes;
  if (tcb.probe_back_off < UINT16_MAX) ++tcb.probe_back_off;
  tcb.probe_due = true;
  mark_ready(tcb);
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
    case Timer::persist:
      return on_persist_timeout(tcb, now);
    case Timer::delayed_ack:
      return on_delayed_ack_timeout(tcb);
    case Timer::fin_wait_2:
      // Deviation: RFC 9293 has no such timer; Linux (tcp_fin_timeout) frees orphans by it.
      mib(tcb).add(Counter::tcp_abort_on_linger);
      return end(tcb, Error::none, Cause::timeout);
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
  const unsigned back_off = std::max(unsigned{tcb.retransmits}, tcb.rtt.back_off());
  return tcb.rtt.rto(rto_min(tcb), rto_max(tcb), back_off);
}

void arm_syn_timer(Tcb& tcb, Instant now) {
  const std::uint32_t linear =
      tcb.state == State::syn_sent ? sysctl(tcb).tcp_syn_linear_timeouts : 0;
  const std::uint32_t back_off = tcb.retransmits > linear ? tcb.retransmits - linear : 0;
  // The SYN's timeout is 1 s however late it was repeated (RFC 6298, 2.1); rtt's 3 s is for later.
  const Duration timeout = Rtt().rto(rto_min(tcb), rto_max(tcb), back_off);
  tcb.deadlines.set(
      Timer::retransmit,
      within_user_timeout(tcb, tcb.retransmits, tcb.retransmitting_since, now + timeout));
}

void arm_send_timers(Tcb& tcb, Instant now) {
  if (tcb.recovery.has_outstanding()) {
    tcb.deadlines.cancel(Timer::persist);
    if (!tcb.deadlines.is_set(Timer::retransmit)) restart_retransmission_timer(tcb, now);
    return;
  }
  tcb.deadlines.cancel(Timer::retransmit);
  const bool waits = tcb.unsent() != 0 || (tcb.fin_queued && !tcb.fin_sent);
  if (!waits) {
    tcb.deadlines.cancel(Timer::persist);
  } else if (!tcb.deadlines.is_set(Timer::persist)) {
    const Duration timeout = tcb.rtt.rto(rto_min(tcb), rto_max(tcb), tcb.probe_back_off);
    tcb.deadlines.set(Timer::persist,
                      within_user_timeout(tcb, tcb.probes, tcb.probing_since, now + timeout));
  }
}

void restart_retransmission_timer(Tcb& tcb, Instant now) {
  tcb.deadlines.set(Timer::retransmit,
                    within_user_timeout(tcb, tcb.retransmits, tcb.retransmitting_since,
                                        now + retransmission_timeout(tcb)));
}

void arm_fin_wait_2_timer(Tcb& tcb, Instant now) {
  if (tcb.state != State::fin_wait_2 || !tcb.is_released) return;
  if (tcb.deadlines.is_set(Timer::fin_wait_2)) return;
  tcb.deadlines.set(Timer::fin_wait_2, now + Duration::seconds(sysctl(tcb).tcp_fin_timeout));
}

void end_idle_period(Tcb& tcb, Instant now) {
  if (sysctl(tcb).tcp_slow_start_after_idle == 0 || tcb.last_sent == Instant()) return;
  const Duration idle = now - tcb.last_sent;
  const Duration rto = retransmission_timeout(tcb);
  if (idle <= rto) return;
  tcb.congestion->on_idle({.now = now, .idle = idle, .rto = rto});
  tcb.last_sent = now;
}

Duration retries_as_time(const Sysctl& sysctl, std::uint32_t retries) {
  const Duration base = Duration::microseconds(sysctl.tcp_rto_min_us);
  const Duration most = Duration::milliseconds(sysctl.tcp_rto_max_ms);
  // The sum of RTO, 2 RTO, 4 RTO ... each at most tcp_rto_max_ms, of retries + 1 timeouts.
  Duration sum = Duration::zero();
  Duration timeout = base;
  for (std::uint32_t i = 0; i <= retries; ++i) {
    sum += timeout;
    timeout = std::min(timeout * 2, most);
  }
  return sum;
}

}  // namespace tuntcp::tcp
