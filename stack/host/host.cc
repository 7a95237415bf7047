#include "stack/host/host.h"

#include <algorithm>

#include "stack/host/inconsistency.h"
#include "stack/host/statuses.h"
#include "stack/host/tables.h"
#include "stack/tcp/ack_policy.h"
#include "stack/tcp/controllers.h"
#include "stack/tcp/isn.h"
#include "stack/tcp/negotiation.h"
#include "stack/tcp/network_errors.h"
#include "stack/tcp/pacing.h"
#include "stack/tcp/timeouts.h"
#include "stack/tcp/timestamps.h"
#include "stack/tcp/transitions.h"
#include "stack/tcp/user_calls.h"
#include "stack/tcp/window_policy.h"

namespace tuntcp {
namespace {

using tcp::State;
using tcp::Tcb;

Result<Tcb*> connection(HostTables& tables, ConnectionId id) {
  Tcb* const tcb = tables.tcbs.find(id.handle);
  if (tcb == nullptr) return std::unexpected(Error::connection_does_not_exist);
  return tcb;
}

// Is any connection, in whatever size, using this local port?
bool port_has_connections(HostTables& tables, const Endpoint& local) {
  const auto uses = [&](const FourTuple& tuple) {
    return tuple.local.port == local.port &&
           (local.address.is_any() || tuple.local.address == local.address);
  };
  bool found = false;
  tables.tcbs.for_each([&](Tcb& tcb) { found |= tcb.in_table && uses(tcb.tuple); });
  const auto look = [&](auto& object) { found |= uses(object.tuple.whole()); };
  tables.half_opens.v4.for_each(look);
  tables.half_opens.v6.for_each(look);
  tables.time_waits.v4.for_each(look);
  tables.time_waits.v6.for_each(look);
  return found;
}

Result<void> check_listen(HostTables& tables, const Endpoint& local, const ListenOptions& options) {
  bool overlaps = false;
  tables.listeners.for_each([&](Listener& other) { overlaps |= other.overlaps(local, options); });
  // MUST-41: a passive OPEN never disturbs what is there.
  if (overlaps || (!options.reuse_address && port_has_connections(tables, local))) {
    return std::unexpected(Error::address_in_use);
  }
  return {};
}

// What an active OPEN finds for a pair of endpoints.
struct Vacancy {
  bool is_free = false;
  std::optional<Demux::Entry> time_wait;  // to be taken over (tcp_tw_reuse)
};

Vacancy vacancy(HostTables& tables, const FourTuple& tuple, Instant now) {
  const auto entry = tables.find(tuple);
  if (!entry) return {.is_free = true, .time_wait = {}};
  if (entry->kind != Demux::Kind::time_wait) return {};
  const bool may_reuse = with_object(
      tables.time_waits, tuple.family(), entry->index, [&](auto& time_wait, auto&, TimerWheel&) {
        return tcp::may_be_reused(time_wait.state, tuple, tables.shared.sysctl, now);
      });
  if (!may_reuse) return {};
  return {.is_free = true, .time_wait = entry};
}

// 3.6.1 and RFC 6191, 2: the new incarnation begins above the old one, and PAWS protects it.
void take_over(HostTables& tables, const FourTuple& tuple, Demux::Entry entry, Tcb& tcb,
               Instant now) {
  with_object(tables.time_waits, tuple.family(), entry.index,
              [&](auto& time_wait, auto&, TimerWheel&) {
                const tcp::TimeWaitState& state = time_wait.state;
                tcb.snd.iss = tcp::next_initial_sequence_number(state);
                // The clock goes on where it was, whatever tcp_timestamps says by now.
                tcb.ts.offset = tcp::timestamp_offset(state, tuple, tables.shared);
                tcb.ts.recent = state.ts_recent;
                tcb.ts.recent_at = tcp::timestamp_taken_at(state, now);
                tcb.ts.has_recent = true;
              });
  tables.remove_time_wait(tuple, entry.index);
  tables.shared.mib.add(Counter::tcp_tw_recycled);
}

// `next` is where the packets go first: `remote`, or the first router of a source route.
Result<FourTuple> choose_tuple(HostTables& tables, const Endpoint& remote, const IpAddress& next,
                               const Endpoint& wanted, Instant now) {
  FourTuple tuple{.local = wanted, .remote = remote};
  if (wanted.address.is_any()) {
    const auto address = tables.choose_local_address(next);
    if (!address) {
      tables.shared.mib.add(remote.address.is_v4() ? Counter::ip_out_no_routes
                                                   : Counter::ip6_out_no_routes);
      return std::unexpected(Error::network_unreachable);
    }
    tuple.local.address = *address;
  } else if (wanted.address.family() != remote.address.family()) {
    return std::unexpected(Error::invalid_argument);
  } else if (!tables.is_own(wanted.address)) {
    return std::unexpected(Error::address_not_available);
  }
  if (wanted.port != 0) return tuple;
  const auto& range = tables.shared.sysctl.ip_local_port_range;
  const auto port = tables.ports.choose(tuple.local.address, remote, static_cast<Port>(range[0]),
                                        static_cast<Port>(range[1]), [&](Port candidate) {
                                          tuple.local.port = candidate;
                                          return !is_reserved(tables.shared.sysctl, candidate) &&
                                                 vacancy(tables, tuple, now).is_free;
                                        });
  if (!port) return std::unexpected(Error::address_not_available);
  tuple.local.port = *port;
  return tuple;
}

bool has_known_controller(const HostTables& tables, const SocketOptions& options) {
  return options.congestion.empty() ||
         tables.shared.controllers.find(options.congestion) != nullptr;
}

}  // namespace

Host::Host(const HostConfig& config, RandomSource& random)
    : tables_(std::make_unique<HostTables>(config, random)) {}

Host::~Host() {
  HostTables& t = *tables_;
  t.hairpin.clear();
  t.raw_replies.clear();
  t.tcbs.for_each([&](Tcb& tcb) { t.destroy(tcb); });
  const auto clear = [](auto& all) {
    all.v4.for_each([&](auto& object) { all.v4_timers.cancel(object); });
    all.v6.for_each([&](auto& object) { all.v6_timers.cancel(object); });
  };
  clear(t.half_opens);
  clear(t.time_waits);
}

buffer::Arena& Host::arena() {
  return tables_->arena;
}

void Host::packet_in(buffer::Slice packet, const wire::ReceivedOffload& offload, Instant now) {
  tables_->packet_in(std::move(packet), offload, /*from_self=*/false, now);
}

void Host::advance_to(Instant now) {
  tables_->run_timers(now);
}

void Host::set_link(const wire::LinkCapabilities& link) {
  HostTables& t = *tables_;
  if (link == t.shared.link) return;
  t.shared.link = link;
  t.tcbs.for_each([](Tcb& tcb) {
    if (!tcp::kSynchronized.contains(tcb.state) || !tcb.in_table) return;
    tcb.congestion->on_mss_change(tcp::plain_send_mss(tcb));
  });
}

Result<Endpoint> Host::choose_local(const Endpoint& wanted, const ListenOptions& options) {
  HostTables& t = *tables_;
  Endpoint local = wanted;
  if (!local.address.is_any() && !t.is_own(local.address)) {
    return std::unexpected(Error::address_not_available);
  }
  if (local.port != 0) {
    if (const auto checked = check_listen(t, local, options); !checked) {
      return std::unexpected(checked.error());
    }
  } else {
    const auto& range = t.shared.sysctl.ip_local_port_range;
    const auto port = t.ports.choose(local.address, local, static_cast<Port>(range[0]),
                                     static_cast<Port>(range[1]), [&](Port candidate) {
                                       local.port = candidate;
                                       return !is_reserved(t.shared.sysctl, candidate) &&
                                              check_listen(t, local, options).has_value();
                                     });
    if (!port) return std::unexpected(Error::address_in_use);
    local.port = *port;
  }
  return local;
}

Result<ListenerId> Host::listen(const Endpoint& wanted, const ListenOptions& options,
                                const SocketOptions& inherited) {
  HostTables& t = *tables_;
  if (!has_known_controller(t, inherited)) return std::unexpected(Error::invalid_argument);
  const auto local = choose_local(wanted, options);
  if (!local) return std::unexpected(local.error());
  Listener* const listener = t.listeners.emplace();
  if (listener == nullptr) return std::unexpected(Error::insufficient_resources);
  listener->local = *local;
  listener->options = options;
  listener->inherited = inherited;
  if (!inherited.rto_limits) {
    listener->inherited.rto_limits = tcp::rto_limits(t.shared.sysctl);
  }
  const ListenerId id{t.listeners.handle_of(*listener)};
  set_backlog(id, options.backlog);
  return id;
}

void Host::set_backlog(ListenerId id, int backlog) {
  Listener* const listener = tables_->listeners.find(id.handle);
  if (listener == nullptr) return;
  listener->backlog =
      std::min(static_cast<std::uint32_t>(std::max(backlog, 0)), tables_->shared.sysctl.somaxconn);
}

void Host::set_options(ListenerId id, const SocketOptions& inherited) {
  Listener* const listener = tables_->listeners.find(id.handle);
  if (listener != nullptr && has_known_controller(*tables_, inherited)) {
    const auto rto_limits = listener->inherited.rto_limits;
    listener->inherited = inherited;
    if (!inherited.rto_limits) listener->inherited.rto_limits = rto_limits;
  }
}

Result<Status> Host::status(ListenerId id) const {
  const Listener* const listener = tables_->listeners.find(id.handle);
  if (listener == nullptr) return std::unexpected(Error::connection_does_not_exist);
  return status_of(*listener);
}

Result<Endpoint> Host::local_endpoint(ListenerId id) const {
  const Listener* const listener = tables_->listeners.find(id.handle);
  if (listener == nullptr) return std::unexpected(Error::connection_does_not_exist);
  return listener->local;
}

Result<ConnectionId> Host::accept(ListenerId id) {
  Listener* const listener = tables_->listeners.find(id.handle);
  if (listener == nullptr) return std::unexpected(Error::connection_does_not_exist);
  if (listener->accept_queue.empty()) return std::unexpected(Error::would_block);
  const SlabHandle handle = listener->accept_queue.front();
  listener->accept_queue.pop_front();
  Tcb& tcb = *tables_->tcbs.find(handle);
  tcb.listener = {};
  // What happened while it waited is news to the application.
  if (tcb.events != 0 && !tcb.eventful.is_linked) tables_->shared.eventful.push(tcb);
  return ConnectionId{handle};
}

void Host::close_listener(ListenerId id, Instant now) {
  Listener* const listener = tables_->listeners.find(id.handle);
  if (listener != nullptr) tables_->close_listener(*listener, now);
}

Result<ConnectionId> Host::open(const Endpoint& remote, const OpenOptions& options, Instant at) {
  HostTables& t = *tables_;
  t.now = std::max(t.now, at);
  // MUST-46.
  if (!remote.address.is_unicast() || remote.port == 0) {
    return std::unexpected(Error::invalid_argument);
  }
  for (const Prefix& own : t.addresses) {
    if (own.is_broadcast(remote.address)) return std::unexpected(Error::invalid_argument);
  }
  if (!has_known_controller(t, options.socket)) return std::unexpected(Error::invalid_argument);
  const auto& route = options.socket.source_route;
  const bool is_routed = route && route->count != 0 && remote.address.is_v4();
  if (is_routed && !t.may_be_taken(*route)) return std::unexpected(Error::invalid_argument);
  if (is_routed && t.shared.routes.is_full()) {
    return std::unexpected(Error::insufficient_resources);
  }
  const IpAddress next = is_routed ? route->first_hop() : remote.address;
  const auto tuple = choose_tuple(t, remote, next, options.local, t.now);
  if (!tuple) return std::unexpected(tuple.error());
  const Vacancy place = vacancy(t, *tuple, t.now);
  if (!place.is_free) return std::unexpected(Error::connection_already_exists);

  Tcb* const tcb = t.make_tcb(*tuple, options.socket);
  if (tcb == nullptr) return std::unexpected(Error::insufficient_resources);
  if (place.time_wait) {
    take_over(t, *tuple, *place.time_wait, *tcb, t.now);
  } else {
    tcb->snd.iss = tcp::initial_sequence_number(t.shared.isn_key, *tuple, t.now);
  }
  const SlabHandle handle = t.tcbs.handle_of(*tcb);
  t.demux.insert(*tuple, {Demux::Kind::tcb, handle.index});
  tcb->in_table = true;
  if (is_routed) t.set_source_route(*tcb, route);
  tcp::open(*tcb, socket_buffer_memory(options.socket.receive_buffer), t.now);
  t.settle(*tcb);
  return ConnectionId{handle};
}

Result<std::size_t> Host::send(ConnectionId id, Bytes octets, Instant now,
                               const SendOptions& options) {
  const auto tcb = connection(*tables_, id);
  if (!tcb) return std::unexpected(tcb.error());
  tables_->now = std::max(tables_->now, now);
  return tcp::send(**tcb, octets,
                   {.more_follows = options.more_follows, .is_urgent = options.urgent});
}

Result<std::size_t> Host::receive(ConnectionId id, MutableBytes out, Instant now) {
  const auto tcb = connection(*tables_, id);
  if (!tcb) return std::unexpected(tcb.error());
  tables_->now = std::max(tables_->now, now);
  return tcp::receive(**tcb, out, tables_->now);
}

Result<std::size_t> Host::peek(ConnectionId id, MutableBytes out, std::uint32_t offset) const {
  const auto tcb = connection(*tables_, id);
  if (!tcb) return std::unexpected(tcb.error());
  return (*tcb)->receive_buffer.peek(out, offset);
}

Result<void> Host::set_quick_ack(ConnectionId id, bool is_on, Instant now) {
  const auto tcb = connection(*tables_, id);
  if (!tcb) return std::unexpected(tcb.error());
  tables_->now = std::max(tables_->now, now);
  tcp::set_quick_ack(**tcb, is_on);
  tables_->settle(**tcb);
  return {};
}

Result<void> Host::close(ConnectionId id, Instant now) {
  const auto tcb = connection(*tables_, id);
  if (!tcb) return std::unexpected(tcb.error());
  tables_->now = std::max(tables_->now, now);
  const auto closed = tcp::close(**tcb);
  tables_->settle(**tcb);
  return closed;
}

Result<void> Host::stop_receiving(ConnectionId id, Instant now) {
  const auto tcb = connection(*tables_, id);
  if (!tcb) return std::unexpected(tcb.error());
  tables_->now = std::max(tables_->now, now);
  (*tcb)->receiving_stopped = true;
  (*tcb)->events |= tcp::EventBits::readable;
  tables_->settle(**tcb);
  return {};
}

Result<void> Host::abort(ConnectionId id, Instant now) {
  const auto tcb = connection(*tables_, id);
  if (!tcb) return std::unexpected(tcb.error());
  tables_->now = std::max(tables_->now, now);
  if ((*tcb)->state == State::closed) return std::unexpected(Error::connection_does_not_exist);
  if ((*tcb)->in_table) {
    tcp::abort(**tcb, Error::connection_aborted, tcp::Cause::abort_call, tables_->now);
    tables_->settle(**tcb);
  }
  return {};
}

void Host::release(ConnectionId id, Instant now) {
  const auto tcb = connection(*tables_, id);
  if (!tcb) return;
  tables_->now = std::max(tables_->now, now);
  if ((*tcb)->in_table) {
    tcp::release(**tcb, tables_->now);
  } else {
    (*tcb)->is_released = true;
  }
  tables_->settle(**tcb);
}

Result<void> Host::set_options(ConnectionId id, const SocketOptions& options, Instant now) {
  const auto found = connection(*tables_, id);
  if (!found) return std::unexpected(found.error());
  tables_->now = std::max(tables_->now, now);
  Tcb& tcb = **found;
  if (!has_known_controller(*tables_, options)) return std::unexpected(Error::invalid_argument);
  if (const auto& route = options.source_route) {
    if (!tables_->may_be_taken(*route)) return std::unexpected(Error::invalid_argument);
    const tcp::SourceRoutes& routes = tables_->shared.routes;
    if (route->count != 0 && routes.is_full() && routes.find(tcb.tuple) == nullptr) {
      return std::unexpected(Error::insufficient_resources);
    }
  }
  // As in Linux that lets go what is held back, even by a cork, and a cork holds what comes later.
  tcb.push_now |= options.no_delay && !tcb.no_delay;
  tcb.no_delay = options.no_delay;
  tcb.linger = options.linger;
  if (options.rto_limits) tcb.rto_limits = *options.rto_limits;
  tcb.user_timeout = options.user_timeout;
  tcb.cork = options.cork;
  tcb.max_segment = options.max_segment;
  tcb.syn_retries = options.syn_retries;
  tcb.notsent_lowat = options.notsent_lowat;
  if (!options.congestion.empty() && options.congestion != tcb.congestion->name()) {
    tcp::switch_controller(tcb, options.congestion, tables_->now);
  }
  tcp::set_max_pacing_rate(tcb, options.max_pacing_rate);
  set_ip_options(tcb, options);
  tcb.sends_first = options.defer_accept != 0;
  tcb.fin_timeout = options.fin_timeout;
  tcb.send_limit = socket_buffer_memory(options.send_buffer);
  tcp::set_keep_alive(tcb, options.keep_alive, tables_->now);
  if (options.receive_buffer != 0) {
    tcp::lock_receive_space(tcb, socket_buffer_memory(options.receive_buffer));
  }
  if (options.window_clamp != tcb.space.asked_clamp) {
    tcp::clamp_window(tcb, options.window_clamp);
  }
  tables_->set_source_route(tcb, options.source_route);
  tcp::mark_ready(tcb);  // Nagle may have held something back
  tables_->settle(tcb);
  return {};
}

Result<SocketOptions> Host::options(ConnectionId id) const {
  const auto found = connection(*tables_, id);
  if (!found) return std::unexpected(found.error());
  const Tcb& tcb = **found;
  return SocketOptions{
      .no_delay = tcb.no_delay,
      .cork = tcb.cork,
      .linger = tcb.linger,
      .receive_buffer = tcb.space.is_locked ? tcb.space.buffer / 2 : 0,
      .send_buffer = tcb.send_limit / 2,
      .rto_limits = tcb.rto_limits,
      .user_timeout = tcb.user_timeout,
      .max_segment = tcb.max_segment,
      .syn_retries = tcb.syn_retries,
      .notsent_lowat = tcb.notsent_lowat,
      .window_clamp = tcb.space.asked_clamp,
      .tos = tcb.traffic_class,
      .traffic_class = tcb.traffic_class,
      .ttl = tcb.hop_limit,
      .hop_limit = tcb.hop_limit,
      .mtu_discovery = tcb.mtu_discovery,
      .mtu_discovery_v6 = tcb.mtu_discovery,
      .source_route = tables_->shared.routes.of_application(tcb.tuple),
      .keep_alive = tcb.keep_alive,
      .fin_timeout = tcb.fin_timeout,
      .congestion = tcb.congestion->name(),
      .max_pacing_rate = tcb.is_pacing_asked ? std::optional(tcb.max_pacing_rate) : std::nullopt};
}

std::optional<wire::SourceRoute> Host::source_route(ConnectionId id) const {
  const Tcb* const tcb = tables_->tcbs.find(id.handle);
  if (tcb == nullptr || !tcb->in_table) return std::nullopt;
  const wire::SourceRoute* const route = tables_->shared.routes.find(tcb->tuple);
  return route != nullptr ? std::optional(*route) : std::nullopt;
}

Result<Status> Host::status(ConnectionId id, Instant now) const {
  const auto tcb = connection(*tables_, id);
  if (!tcb) return std::unexpected(tcb.error());
  return status_of(**tcb, now);
}

Result<std::uint32_t> Host::readable(ConnectionId id) const {
  const auto tcb = connection(*tables_, id);
  if (!tcb) return std::unexpected(tcb.error());
  return (*tcb)->receive_buffer.readable();
}

Error Host::take_soft_error(ConnectionId id) {
  Tcb* const tcb = tables_->tcbs.find(id.handle);
  return tcb != nullptr ? tcp::take_soft_error(*tcb) : Error::none;
}

void Host::set_cookie(ConnectionId id, std::uint64_t cookie) {
  if (Tcb* const tcb = tables_->tcbs.find(id.handle)) tcb->cookie = cookie;
}

void Host::set_cookie(ListenerId id, std::uint64_t cookie) {
  if (Listener* const listener = tables_->listeners.find(id.handle)) listener->cookie = cookie;
}

std::size_t Host::packets_out(Instant now, wire::PacketSink& sink) {
  return tables_->packets_out(now, sink);
}

std::optional<Event> Host::next_event() {
  HostTables& t = *tables_;
  while (!t.listener_events.empty()) {
    const SlabHandle handle = t.listener_events.front();
    t.listener_events.pop_front();
    Listener* const listener = t.listeners.find(handle);
    if (listener == nullptr) continue;
    listener->has_event = false;
    if (listener->accept_queue.empty()) continue;
    Event event;
    event.bits = Event::acceptable;
    event.is_listener = true;
    event.listener = {handle};
    event.cookie = listener->cookie;
    return event;
  }
  while (Tcb* const tcb = t.shared.eventful.pop()) {
    // One that nobody accepted yet keeps its news.
    if (tcb->listener.is_set()) continue;
    Event event;
    event.bits = std::exchange(tcb->events, std::uint8_t{0});
    event.connection = {t.tcbs.handle_of(*tcb)};
    event.cookie = tcb->cookie;
    return event;
  }
  return std::nullopt;
}

Instant Host::next_deadline() const {
  return tables_->next_deadline();
}

std::vector<Status> Host::list(Instant now) const {
  return statuses_of(*tables_, now);
}

const Mib& Host::mib() const {
  return tables_->shared.mib;
}
std::uint64_t Host::current_established() const {
  return tables_->shared.current_established;
}
const Sysctl& Host::sysctl() const {
  return tables_->shared.sysctl;
}
const std::vector<Prefix>& Host::addresses() const {
  return tables_->addresses;
}
const wire::LinkCapabilities& Host::link() const {
  return tables_->shared.link;
}

std::expected<void, std::string> Host::set_sysctl(std::string_view name, std::string_view value) {
  return tuntcp::set_sysctl(tables_->shared.sysctl, name, value);
}

bool Host::is_idle() const {
  const HostTables& t = *tables_;
  return t.tcbs.size() == 0 && t.half_opens.size() == 0 && t.time_waits.size() == 0 &&
         !t.has_output() && next_deadline() == Instant::never();
}

std::optional<std::string> Host::inconsistency() const {
  return inconsistency_of(*tables_);
}

tcp::StateLog& Host::state_log() {
  return tables_->shared.state_log;
}

}  // namespace tuntcp
