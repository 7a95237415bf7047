#include "stack/host/statuses.h"

#include <algorithm>

#include "stack/tcp/ack_policy.h"
#include "stack/tcp/congestion_events.h"
#include "stack/tcp/negotiation.h"
#include "stack/tcp/pacing.h"
#include "stack/tcp/path_mtu.h"
#include "stack/tcp/timeouts.h"
#include "stack/tcp/timestamps.h"
#include "stack/tcp/user_calls.h"

namespace tuntcp {
namespace {

using tcp::State;
using tcp::Tcb;

Duration time_left(Instant deadline, Instant now) {
  return std::max(deadline - now, Duration::zero());
}

void fill_timer(const Tcb& tcb, Instant now, Status& status) {
  const auto use = [&](Timer timer, TimerKind kind) {
    if (status.timer != TimerKind::none || !tcb.deadlines.is_set(timer)) return;
    status.timer = kind;
    status.timer_left = time_left(tcb.deadlines[timer], now);
  };
  use(Timer::retransmit, TimerKind::retransmit);
  use(Timer::persist, TimerKind::persist);
  use(Timer::fin_wait_2, TimerKind::fin_wait_2);
  use(Timer::keep_alive, TimerKind::keep_alive);
}

template <Family family>
Status status_of(const tcp::HalfOpen<family>& half_open, Instant now) {
  Status status;
  status.tuple = half_open.tuple.whole();
  status.state = State::syn_received;
  status.timer = TimerKind::syn_ack;
  status.timer_left = time_left(half_open.when, now);
  status.retransmits = half_open.state.retransmits;
  return status;
}

template <Family family>
Status status_of(const tcp::TimeWait<family>& time_wait, Instant now) {
  Status status;
  status.tuple = time_wait.tuple.whole();
  status.state = State::time_wait;
  status.timer = TimerKind::time_wait;
  status.timer_left = time_left(time_wait.when, now);
  return status;
}

// How long ago; infinite() for what never happened.
Duration time_since(Instant then, Instant now) {
  return then == Instant() ? Duration::infinite() : now - then;
}

// What TCP_INFO tells and ss(8) does not print by itself.
void fill_details(const Tcb& tcb, Instant now, Status& status) {
  status.peer_has_finished = tcb.fin_is_received();
  const bool syn_is_acked = tcb.established_at != Instant() && !tcb.is_passive;
  status.numbers_acked = tcb.octets_acked + (syn_is_acked ? 1 : 0) + (tcb.fin_is_acked() ? 1 : 0);
  status.numbers_received = tcb.octets_received + (tcb.fin_is_received() ? 1 : 0);
  status.fin_is_outstanding = tcb.fin_queued && !tcb.fin_is_acked() && tcb.state != State::closed;
  status.acks_quickly = !tcb.ack.is_interactive;
  status.episode = tcb.recovery.episode();
  status.probes = tcb.probes;
  status.back_off =
      std::max({unsigned{tcb.retransmits}, unsigned{tcb.probe_back_off}, tcb.rtt.back_off()});
  status.unsent_octets = tcb.unsent();
  const auto segments = tcb.recovery.segments();
  status.unacked_segments = segments.outstanding;
  status.lost_segments = segments.lost;
  status.retransmitted_outstanding = segments.repeated;
  status.sacked_segments = segments.sacked;
  status.reordering = tcb.recovery.reordering();
  status.reordering_seen = tcb.recovery.reordering_seen();
  status.delivery_rate = tcb.recovery.rate().octets_per_second();
  status.delivery_is_app_limited = tcb.recovery.rate().is_app_limited();
  status.pacing_rate = tcp::pacing_rate(tcb);
  status.max_pacing_rate = tcb.max_pacing_rate;
  status.advertised_mss = tcp::advertised_mss(tcb);
  status.rcv_ssthresh = tcb.space.ssthresh;
  status.receiver_rtt = tcb.space.rtt;
  status.delayed_ack = tcb.ack.last_received == Instant() ? Duration::zero() : tcp::kDelayedAck;
  status.data_sent_ago = time_since(tcb.last_sent, now);
  status.data_received_ago = time_since(std::max(tcb.ack.last_received, tcb.established_at), now);
  status.ack_received_ago = time_since(tcb.last_ack_received, now);
  status.segments_in = tcb.segments_in;
  status.segments_out = tcb.segments_out;
  status.data_segments_in = tcb.data_segments_in;
  status.data_segments_out = tcb.data_segments_out;
  status.segments_retransmitted = tcb.segments_retransmitted;
  status.segments_delivered = tcb.segments_delivered;
  status.segments_delivered_ce = tcb.segments_delivered_ce;
  status.out_of_order_segments = tcb.out_of_order_segments;
  status.timeouts = tcb.timeouts;
  status.rows_of_timeouts = tcb.rows_of_timeouts;
  status.recovering = tcb.recovering;
  if (tcb.recovering_since != Instant()) status.recovering += now - tcb.recovering_since;
  status.dsacks_received = tcb.dsacks_received;
  status.receive_space = tcb.space.best_round;
  status.busy = tcb.busy_time.busy(now);
  status.limited_by_window = tcb.busy_time.spent(tcp::BusyTime::Limit::peer_window, now);
  status.limited_by_buffer = tcb.busy_time.spent(tcp::BusyTime::Limit::send_buffer, now);
}

}  // namespace

Status status_of(const Listener& listener) {
  Status status;
  status.tuple.local = listener.local;
  status.tuple.remote.address = IpAddress::any(listener.local.address.family());
  status.state = State::listen;
  status.recv_q = static_cast<std::uint32_t>(listener.accept_queue.size());
  status.send_q = listener.backlog;
  return status;
}

Status status_of(const Tcb& tcb, Instant now) {
  Status status;
  status.tuple = tcb.tuple;
  status.state = tcb.state;
  status.error = tcb.error;
  status.recv_q = tcb.receive_buffer.readable();
  status.send_q = tcb.send_buffer.size();
  fill_timer(tcb, now, status);
  status.retransmits = tcb.retransmits;
  status.is_orphan = tcb.is_released;
  status.is_stalled = tcb.is_stalled;
  status.urgent_left = tcp::urgent_left(tcb);
  status.pmtu = tcp::path_mtu_of(tcb);
  status.soft_error = tcb.soft_error;
  status.snd_mss = tcp::plain_send_mss(tcb);
  status.rcv_mss = tcb.ack.rcv_mss;
  status.snd_wscale = tcb.snd.wscale;
  status.rcv_wscale = tcb.rcv.wscale;
  status.has_timestamps = tcb.agreed.timestamps;
  status.has_sack = tcb.agreed.sack;
  status.has_window_scaling = tcb.agreed.window_scaling;
  status.has_ecn = tcb.agreed.ecn;
  status.ecn_was_seen = tcb.ecn.seen;
  const tcp::congestion::Window window = tcb.congestion->window();
  status.congestion = tcb.congestion->name();
  status.cwnd_segments = tcp::congestion_window(tcb) / std::max(status.snd_mss, 1U);
  status.ssthresh_octets = window.ssthresh;
  status.snd_wnd = tcb.snd.wnd;
  status.rcv_wnd = tcb.rcv.wnd();
  status.unacked_octets = octets_between(tcb.snd.una, tcb.snd.nxt);
  status.sndbuf = tcp::send_limit(tcb);
  status.rcvbuf = tcb.space.buffer;
  status.srtt = tcb.rtt.srtt();
  status.rttvar = tcb.rtt.rttvar();
  status.min_rtt = tcb.min_rtt.least();
  status.timestamp = tcp::timestamp_clock(tcb.ts, now);
  status.window_clamp = tcb.space.clamp;
  status.rto = tcp::retransmission_timeout(tcb);
  status.octets_sent = tcb.octets_sent;
  status.octets_acked = tcb.octets_acked;
  status.octets_received = tcb.octets_received;
  status.octets_retransmitted = tcb.octets_retransmitted;
  fill_details(tcb, now, status);
  return status;
}

std::vector<Status> statuses_of(HostTables& tables, Instant now) {
  std::vector<Status> all;
  const auto add = [&](auto& object) { all.push_back(status_of(object, now)); };
  tables.listeners.for_each([&](Listener& listener) { all.push_back(status_of(listener)); });
  tables.tcbs.for_each([&](Tcb& tcb) {
    // One whose peer is done with it waits only for its application.
    if (tcb.in_table) all.push_back(status_of(tcb, now));
  });
  tables.half_opens.v4.for_each(add);
  tables.half_opens.v6.for_each(add);
  tables.time_waits.v4.for_each(add);
  tables.time_waits.v6.for_each(add);
  return all;
}

}  // namespace tuntcp
