#include "stack/host/statuses.h"

#include <algorithm>

#include "stack/tcp/negotiation.h"
#include "stack/tcp/timeouts.h"
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
}

Status status_of(const Listener& listener) {
  Status status;
  status.tuple.local = listener.local;
  status.tuple.remote.address = IpAddress::any(listener.local.address.family());
  status.state = State::listen;
  status.recv_q = static_cast<std::uint32_t>(listener.accept_queue.size());
  status.send_q = listener.backlog;
  return status;
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

}  // namespace

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
  status.urgent_left = tcp::urgent_left(tcb);
  status.pmtu = tcb.shared->link_of(tcb).mtu;
  status.snd_mss = tcp::effective_send_mss(tcb, tcb.agreed.timestamps ? 12 : 0);
  status.rcv_mss = tcb.ack.rcv_mss;
  status.snd_wscale = tcb.snd.wscale;
  status.rcv_wscale = tcb.rcv.wscale;
  status.has_timestamps = tcb.agreed.timestamps;
  status.has_sack = tcb.agreed.sack;
  const tcp::congestion::Window window = tcb.congestion->window();
  status.cwnd_segments = window.cwnd / std::max(status.snd_mss, 1U);
  status.ssthresh_octets = window.ssthresh;
  status.snd_wnd = tcb.snd.wnd;
  status.rcv_wnd = tcb.rcv.wnd();
  status.unacked_octets = octets_between(tcb.snd.una, tcb.snd.nxt);
  status.sndbuf = tcp::send_limit(tcb);
  status.rcvbuf = tcb.space.buffer;
  status.srtt = tcb.rtt.srtt();
  status.rttvar = tcb.rtt.rttvar();
  status.min_rtt = tcb.rtt.min_rtt();
  status.rto = tcp::retransmission_timeout(tcb);
  status.octets_sent = tcb.octets_sent;
  status.octets_acked = tcb.octets_acked;
  status.octets_received = tcb.octets_received;
  status.octets_retransmitted = tcb.octets_retransmitted;
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
