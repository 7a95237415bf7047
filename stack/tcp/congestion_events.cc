#include "stack/tcp/congestion_events.h"

#include <algorithm>

#include "stack/tcp/controllers.h"
#include "stack/tcp/ecn.h"
#include "stack/tcp/negotiation.h"
#include "stack/tcp/pacing.h"

namespace tuntcp::tcp {
namespace {

void reduce_window(Tcb& tcb, const recovery::AckOutcome& outcome, const BeforeAck& before,
                   recovery::Change change, Instant now) {
  const std::uint32_t cwnd = congestion_window(tcb);
  const congestion::LossEvent event{.now = now,
                                    .lost = outcome.newly_lost,
                                    .in_flight = before.flight,
                                    .in_flight_now = tcb.recovery.in_flight()};
  if (change == recovery::Change::entered_cwr) {
    tcb.congestion->on_congestion_mark(event);
  } else {
    tcb.congestion->on_loss(event);
  }
  note_reduction(tcb);
  if (change == recovery::Change::probe_repaired) return tcb.congestion->on_recovery_exit(now);
  tcb.prr.begin(
      {.flight = cwnd, .ssthresh = tcb.congestion->window().ssthresh, .mss = plain_send_mss(tcb)});
}

void apply_changes(Tcb& tcb, const recovery::AckOutcome& outcome, const BeforeAck& before,
                   Instant now) {
  for (const Counter counter : outcome.counted()) mib(tcb).add(counter);
  mib(tcb).add(Counter::tcp_dsack_recv_segs, outcome.dsacked_segments);
  for (const recovery::Change change : outcome.changes()) {
    switch (change) {
      case recovery::Change::entered_cwr:
      case recovery::Change::entered_recovery:
      case recovery::Change::probe_repaired:
        reduce_window(tcb, outcome, before, change, now);
        break;
      case recovery::Change::finished:
        tcb.prr.end();
        tcb.congestion->on_recovery_exit(now);
        break;
      case recovery::Change::undone:
        tcb.prr.end();
        tcb.ecn.cwr_due = false;
        tcb.retransmits = 0;
        tcb.congestion->on_spurious_loss();
        break;
    }
  }
}

// Linux's tcp_may_raise_cwnd(): where packets overtake each other widely, an ACK that only SACKs
// is progress, too.
bool may_raise(const Tcb& tcb, const recovery::AckOutcome& outcome) {
  return tcb.recovery.reordering() > sysctl(tcb).tcp_reordering ? outcome.made_progress
                                                                : outcome.una_advanced;
}

void tell_congestion_control(Tcb& tcb, const recovery::AckOutcome& outcome, const BeforeAck& before,
                             Instant now) {
  congestion::Controller& controller = *tcb.congestion;
  if (outcome.newly_delivered == 0 && outcome.newly_lost == 0) return;
  const bool round_started = outcome.una_advanced && tcb.snd.una > tcb.round_end;
  if (round_started) tcb.round_end = tcb.snd.nxt;
  const recovery::RateSample& rate = outcome.rate;
  const auto clamped = [](std::uint64_t octets) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(octets, UINT32_MAX));
  };
  controller.on_ack(
      {.now = now,
       .newly_acked = outcome.newly_acked,
       .newly_sacked = outcome.newly_sacked,
       .newly_delivered = outcome.newly_delivered,
       .newly_lost = outcome.newly_lost,
       .in_flight_before = before.in_flight,
       .in_flight_now = tcb.recovery.in_flight(),
       .rtt = outcome.latest_rtt,
       .min_rtt = tcb.min_rtt.least(),
       .srtt = tcb.rtt.srtt(),
       .rate = {.delivered = clamped(rate.delivered),
                .interval = rate.interval,
                .is_app_limited = rate.at_send.is_app_limited,
                .delivered_at_send = rate.at_send.delivered,
                .in_flight_at_send = rate.at_send.in_flight,
                .lost_since_send = clamped(tcb.recovery.rate().lost() - rate.at_send.lost)},
       .ce_marked = 0,
       .mss = plain_send_mss(tcb),
       .is_cwnd_limited = tcb.window_use.is_limiting(controller.window()),
       .round_started = round_started,
       .may_raise = may_raise(tcb, outcome),
       .episode = tcb.recovery.episode(),
       .pacing_rate = is_paced(tcb) ? pacing_rate(tcb) : 0});
  count_early_exit(tcb);
}

}  // namespace

std::uint32_t congestion_window(const Tcb& tcb) {
  if (!tcb.prr.is_active()) return tcb.congestion->window().cwnd;
  // The MSS may have grown since, with the peer's window.
  return std::max(tcb.prr.window(), plain_send_mss(tcb));
}

recovery::Path recovery_path(const Tcb& tcb) {
  return {.min_rtt = tcb.min_rtt.least(),
          .srtt = tcb.rtt.srtt(),
          .mss = plain_send_mss(tcb),
          .has_sack = tcb.agreed.sack};
}

recovery::Knobs recovery_knobs(const Tcb& tcb) {
  const Sysctl& knobs = sysctl(tcb);
  return {.initial_reordering = knobs.tcp_reordering,
          .most_reordering = knobs.tcp_max_reordering,
          .rack = knobs.tcp_recovery,
          .frto = knobs.tcp_frto != 0};
}

void update_windows(Tcb& tcb, const recovery::AckOutcome& outcome, const BeforeAck& before,
                    Instant now) {
  apply_changes(tcb, outcome, before, now);
  tell_congestion_control(tcb, outcome, before, now);
  if (!tcb.recovery.is_reducing()) return;
  tcb.prr.on_ack({.delivered = outcome.newly_delivered,
                  .in_flight = tcb.recovery.in_flight(),
                  .is_safe = outcome.una_advanced && outcome.newly_lost == 0});
}

}  // namespace tuntcp::tcp
