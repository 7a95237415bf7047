// The life of connections inside the host's tables: how they come, change their size and go.
#include <algorithm>

#include "stack/base/siphash.h"
#include "stack/host/tables.h"
#include "stack/tcp/controllers.h"
#include "stack/tcp/isn.h"
#include "stack/tcp/pacing.h"
#include "stack/tcp/timeouts.h"
#include "stack/tcp/timestamps.h"
#include "stack/tcp/transitions.h"
#include "stack/tcp/user_calls.h"

namespace tuntcp {
namespace {

constexpr std::uint32_t kArenaBlockOctets = 512 * 1024;
// A super-packet and the driver's header in front of it.
constexpr std::uint32_t kArenaPacketOctets = 65'536 + 64;

}  // namespace

std::uint32_t socket_buffer_memory(std::uint32_t socket_buffer) {
  // SOCK_MIN_RCVBUF: never less than one segment needs.
  constexpr std::uint32_t kLeast = 2304;
  if (socket_buffer == 0) return 0;
  return std::max(kLeast, 2 * std::min(socket_buffer, std::uint32_t{1} << 30));
}

HostTables::HostTables(const HostConfig& config, RandomSource& random)
    : shared(config.sysctl, config.send_pool_octets, random, config.controllers,
             config.max_connections),
      arena(kArenaBlockOctets, kArenaPacketOctets, config.receive_arena_octets),
      addresses(config.addresses),
      demux(SipKey::draw(random)),
      ports(SipKey::draw(random), random),
      tcbs(config.max_connections),
      half_opens(config.max_connections),
      time_waits(config.max_connections),
      listeners(config.max_listeners),
      fragments(shared.flow_key) {
  shared.link = config.link;
}

std::optional<IpAddress> HostTables::choose_local_address(const IpAddress& remote) const {
  // To an address of this host: from the same address (MUST-44, MUST-45).
  if (is_own(remote)) return remote;
  const IpAddress* found = nullptr;
  for (const Prefix& own : addresses) {
    if (own.address.family() != remote.family()) continue;
    if (own.contains(remote)) return own.address;
    if (found == nullptr) found = &own.address;
  }
  return found != nullptr ? std::optional(*found) : std::nullopt;
}

std::optional<Demux::Entry> HostTables::find(const FourTuple& wanted) {
  return demux.find(wanted, [this](Demux::Entry entry, const FourTuple& tuple) {
    const auto is_it = [&](auto& object, auto&, TimerWheel&) { return object.tuple.is(tuple); };
    switch (entry.kind) {
      case Demux::Kind::tcb:
        return tcbs.at(entry.index).tuple == tuple;
      case Demux::Kind::half_open:
        return with_object(half_opens, tuple.family(), entry.index, is_it);
      case Demux::Kind::time_wait:
        return with_object(time_waits, tuple.family(), entry.index, is_it);
    }
    return false;
  });
}

void set_ip_options(tcp::Tcb& tcb, const SocketOptions& options) {
  const bool is_v4 = tcb.tuple.family() == Family::ipv4;
  tcb.traffic_class = is_v4 ? options.tos : options.traffic_class;
  tcb.hop_limit = is_v4 ? options.ttl : options.hop_limit;
  if (!is_v4) {
    tcb.mtu_discovery = options.mtu_discovery_v6;
  } else if (options.mtu_discovery) {
    tcb.mtu_discovery = *options.mtu_discovery;
  }
}

tcp::Tcb* HostTables::make_tcb(const FourTuple& tuple, const SocketOptions& options) {
  tcp::Tcb* const tcb = tcbs.emplace(shared);
  if (tcb == nullptr) return nullptr;
  tcb->tuple = tuple;
  tcb->is_hairpin = is_own(tuple.remote.address);
  tcb->send_buffer.use(shared.chunks);
  if (tcp::wants_timestamp_offset(shared.sysctl)) {
    tcb->ts.offset = tcp::timestamp_offset(shared.timestamp_key, tuple);
  }
  tcp::choose_controller(*tcb, options.congestion);
  tcp::set_max_pacing_rate(*tcb, options.max_pacing_rate);
  tcb->no_delay = options.no_delay;
  tcb->linger = options.linger;
  tcb->rto_limits = options.rto_limits.value_or(tcp::rto_limits(shared.sysctl));
  tcb->user_timeout = options.user_timeout;
  tcb->send_limit = socket_buffer_memory(options.send_buffer);
  tcb->cork = options.cork;
  tcb->max_segment = options.max_segment;
  tcb->syn_retries = options.syn_retries;
  tcb->notsent_lowat = options.notsent_lowat;
  tcb->recovery.start(shared.transmissions, shared.sysctl.tcp_reordering);
  tcb->space.asked_clamp = options.window_clamp;
  tcb->mtu_discovery = tcp::default_mtu_discovery(shared.sysctl);
  set_ip_options(*tcb, options);
  tcb->flow_label = tcp::flow_label(shared, tuple);
  tcb->ip_id = static_cast<std::uint16_t>(siphash(shared.flow_key, tuple) >> 32);
  tcb->sends_first = options.defer_accept != 0;
  tcb->keep_alive = options.keep_alive;
  tcb->fin_timeout = options.fin_timeout;
  return tcb;
}

tcp::SynAckTerms HostTables::terms_of(const Listener& listener, Family family) const {
  const SocketOptions& options = listener.inherited;
  const std::uint32_t chosen = socket_buffer_memory(options.receive_buffer);
  const bool is_v4 = family == Family::ipv4;
  return {.rcvbuf = chosen != 0 ? chosen : shared.sysctl.tcp_rmem[1],
          .rcvbuf_is_locked = chosen != 0,
          .window_clamp = options.window_clamp,
          .max_segment = options.max_segment,
          .traffic_class = is_v4 ? options.tos : options.traffic_class,
          .hop_limit = is_v4 ? options.ttl : options.hop_limit};
}

void HostTables::settle(tcp::Tcb& tcb) {
  if (tcb.state == tcp::State::time_wait && tcb.in_table) enter_time_wait(tcb, now);
  if (tcb.state == tcp::State::closed && tcb.in_table) {
    demux.erase(tcb.tuple, {Demux::Kind::tcb, tcbs.handle_of(tcb).index});
    shared.routes.forget(tcb.tuple);
    tcb.in_table = false;
    tcb.busy_time.note(tcp::BusyTime::Limit::idle, now);
  }
  if (!tcb.in_table && tcb.is_released) return destroy(tcb);
  const Instant earliest = tcb.deadlines.earliest();
  // A deadline that moved to later is noticed when the old entry runs: see run_timers().
  if (earliest < tcb.when) shared.wheel.schedule(tcb, earliest);
  if (tcb.events != 0 && !tcb.is_released && !tcb.eventful.is_linked) shared.eventful.push(tcb);
}

void HostTables::set_source_route(tcp::Tcb& tcb, const std::optional<wire::SourceRoute>& route) {
  // A packet that never leaves this host passes no router, and IPv6 has no such routes (RFC 5095).
  if (!tcb.in_table || tcb.is_hairpin || tcb.tuple.family() != Family::ipv4) return;
  if (route) {
    shared.routes.learn(tcb.tuple, *route, tcp::SourceRoutes::Origin::application);
  } else {
    shared.routes.forget_application(tcb.tuple);
  }
  tcp::follow_source_route(tcb);
}

void HostTables::destroy(tcp::Tcb& tcb) {
  shared.ready.remove(tcb);
  shared.eventful.remove(tcb);
  shared.wheel.cancel(tcb);
  tcb.reassembly.clear();
  tcb.receive_buffer.clear();
  if (tcb.is_orphan) --shared.orphans;
  tcbs.erase(tcb);
}

// The connection changes its size. What the application has not read stays in the Tcb, which the
// tables forget; a segment that comes from now on finds the TimeWait.
void HostTables::enter_time_wait(tcp::Tcb& tcb, Instant at) {
  const Demux::Entry old_entry{Demux::Kind::tcb, tcbs.handle_of(tcb).index};
  const tcp::TimeWaitState state = tcp::start_time_wait(tcb);
  const bool owes_ack = tcb.ack.now;
  tcb.deadlines.cancel_all();
  tcb.ack = {};
  tcb.in_table = false;
  tcb.events |= tcp::EventBits::send_done;
  if (owes_ack) shared.replies.push(tcp::time_wait_ack(state, tcb.tuple, shared, at));
  const auto add = [&](auto& slab, TimerWheel& timers) {
    auto* entry = time_waits.size() < shared.sysctl.tcp_max_tw_buckets
                      ? slab.emplace(tcb.tuple, state)
                      : nullptr;
    if (entry == nullptr) {
      // tcp_max_tw_buckets: closed without the wait, which RFC 9293 would not allow (MUST-13) but
      // which Linux prefers to running out of memory.
      shared.mib.add(Counter::tcp_tw_overflow);
      shared.routes.forget(tcb.tuple);
      return demux.erase(tcb.tuple, old_entry);
    }
    timers.schedule(*entry, at + time_wait_length());
    demux.replace(tcb.tuple, old_entry, {Demux::Kind::time_wait, slab.handle_of(*entry).index});
  };
  if (tcb.tuple.family() == Family::ipv4) {
    add(time_waits.v4, time_waits.v4_timers);
  } else {
    add(time_waits.v6, time_waits.v6_timers);
  }
}

void HostTables::remove_time_wait(const FourTuple& tuple, std::uint32_t index) {
  demux.erase(tuple, {Demux::Kind::time_wait, index});
  shared.routes.forget(tuple);
  with_object(time_waits, tuple.family(), index, [](auto& entry, auto& slab, TimerWheel& timers) {
    timers.cancel(entry);
    slab.erase(entry);
  });
}

void HostTables::remove_half_open(const FourTuple& tuple, std::uint32_t index) {
  demux.erase(tuple, {Demux::Kind::half_open, index});
  shared.routes.forget(tuple);
  with_object(half_opens, tuple.family(), index,
              [this](auto& entry, auto& slab, TimerWheel& timers) {
                --listeners.at(entry.state.listener).half_open;
                timers.cancel(entry);
                slab.erase(entry);
              });
}

namespace {

// R2 of a SYN,ACK: 3.8.3 (MUST-22).
template <Family family>
void half_open_timer_ran_out(HostTables& host, tcp::HalfOpen<family>& half_open,
                             Slab<tcp::HalfOpen<family>>& slab, TimerWheel& timers, Instant now) {
  const FourTuple tuple = half_open.tuple.whole();
  tcp::HalfOpenState& state = half_open.state;
  const Listener& listener = host.listeners.at(state.listener);
  const std::uint32_t retries = listener.inherited.syn_retries != 0
                                    ? listener.inherited.syn_retries
                                    : host.shared.sysctl.tcp_synack_retries;
  // TCP_DEFER_ACCEPT (as Linux): one that was acknowledged waits for text in silence, to the end of
  // that time; the last SYN,ACK asks for a bare ACK then.
  constexpr std::uint32_t kMost = 15;
  const std::uint32_t deferred = std::min<std::uint32_t>(listener.inherited.defer_accept, kMost);
  const bool waits_for_text = deferred != 0 && state.is_acknowledged;
  if (state.retransmits >= std::min(retries, kMost) &&
      (!waits_for_text || state.retransmits >= deferred)) {
    host.shared.mib.add(Counter::tcp_attempt_fails);
    host.shared.mib.add(Counter::tcp_timeouts);
    return host.remove_half_open(tuple, slab.handle_of(half_open).index);
  }
  state.retransmits = static_cast<std::uint8_t>(state.retransmits + 1) & 0xf;
  if (!waits_for_text || state.retransmits >= deferred) {
    host.shared.mib.add(Counter::tcp_syn_retrans);
    host.shared.mib.add(Counter::tcp_retrans_segs);
    host.shared.replies.push(tcp::syn_ack(state, tuple, host.shared, host.link_to(tuple),
                                          host.terms_of(listener, family), now));
  }
  timers.schedule(half_open, now + tcp::syn_ack_timeout(state, *listener.inherited.rto_limits));
}

template <Family family>
void run_half_open_timers(HostTables& host, Slab<tcp::HalfOpen<family>>& slab, TimerWheel& timers,
                          Instant now) {
  while (TimerNode* due = timers.pop_due(now)) {
    half_open_timer_ran_out(host, static_cast<tcp::HalfOpen<family>&>(*due), slab, timers, now);
  }
}

template <Family family>
void run_time_wait_timers(HostTables& host, Slab<tcp::TimeWait<family>>& slab, TimerWheel& timers,
                          Instant now) {
  while (TimerNode* due = timers.pop_due(now)) {
    auto& entry = static_cast<tcp::TimeWait<family>&>(*due);
    host.shared.mib.add(Counter::tcp_tw);
    host.remove_time_wait(entry.tuple.whole(), slab.handle_of(entry).index);
  }
}

}  // namespace

void HostTables::run_timers(Instant at) {
  now = std::max(now, at);
  while (TimerNode* due = shared.wheel.pop_due(now)) {
    auto& tcb = static_cast<tcp::Tcb&>(*due);
    tcb.when = Instant::never();
    // The earliest deadline may have moved to later since the entry was made: then nothing is due
    // and settle() arms the wheel again.
    tcp::run_timers(tcb, now);
    settle(tcb);
  }
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const std::uint64_t given_up = fragments.expire(family, now);
    const bool v4 = family == Family::ipv4;
    shared.mib.add(v4 ? Counter::ip_reasm_timeout : Counter::ip6_reasm_timeout, given_up);
    shared.mib.add(v4 ? Counter::ip_reasm_fails : Counter::ip6_reasm_fails, given_up);
  }
  run_half_open_timers(*this, half_opens.v4, half_opens.v4_timers, now);
  run_half_open_timers(*this, half_opens.v6, half_opens.v6_timers, now);
  run_time_wait_timers(*this, time_waits.v4, time_waits.v4_timers, now);
  run_time_wait_timers(*this, time_waits.v6, time_waits.v6_timers, now);
}

Listener* HostTables::listener_for(const FourTuple& tuple) {
  // An exact address before "any", the packet's own family before "::" for both.
  const auto rank = [&](const Listener& l) {
    if (!l.takes(tuple.local)) return -1;
    if (l.local.address == tuple.local.address) return 2;
    return l.local.address.family() == tuple.family() ? 1 : 0;
  };
  int best_rank = -1;
  std::uint64_t count = 0;
  listeners.for_each([&](const Listener& listener) {
    const int its = rank(listener);
    count = its == best_rank ? count + 1 : its > best_rank ? 1 : count;
    best_rank = std::max(best_rank, its);
  });
  if (best_rank < 0) return nullptr;
  // SO_REUSEPORT: several take it, and each connection stays with one of them.
  std::uint64_t wanted = count == 1 ? 0 : siphash(shared.isn_key, tuple) % count;
  Listener* chosen = nullptr;
  listeners.for_each([&](Listener& listener) {
    if (rank(listener) == best_rank && wanted-- == 0) chosen = &listener;
  });
  return chosen;
}

void HostTables::add_event(Listener& listener) {
  if (listener.has_event) return;
  listener.has_event = true;
  listener_events.push_back(listeners.handle_of(listener));
}

void HostTables::close_listener(Listener& listener, Instant at) {
  now = std::max(now, at);
  const std::uint32_t index = listeners.handle_of(listener).index;
  const auto remove_all = [&](auto& slab) {
    slab.for_each([&](auto& half_open) {
      if (half_open.state.listener != index) return;
      remove_half_open(half_open.tuple.whole(), slab.handle_of(half_open).index);
    });
  };
  remove_all(half_opens.v4);
  remove_all(half_opens.v6);
  for (const SlabHandle handle : listener.accept_queue) {
    tcp::Tcb* const tcb = tcbs.find(handle);
    if (tcb == nullptr) continue;
    tcb->is_released = true;
    if (tcb->state != tcp::State::closed && tcb->state != tcp::State::time_wait) {
      tcp::abort(*tcb, Error::connection_aborted, tcp::Cause::abort_call, now);
    }
    settle(*tcb);
  }
  listeners.erase(listener);
}

}  // namespace tuntcp
