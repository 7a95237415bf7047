#include "stack/sim/world.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "stack/wire/ip.h"

namespace tuntcp::sim {
namespace {

constexpr std::uint32_t kFirstV4 = 0xc6336401;  // 198.51.100.1

std::string name_of(HostIndex index) {
  return "host " + std::to_string(index);
}

std::optional<HostIndex> host_of(Bytes packet) {
  const auto ip = wire::parse_ip(packet, true);
  if (!ip) return std::nullopt;
  const IpAddress& to = ip->destination;
  return to.is_v4() ? to.v4_host_order() - kFirstV4 : to.octets()[15] - 1U;
}

}  // namespace

IpAddress address_of(HostIndex host, Family family) {
  if (family == Family::ipv4) return IpAddress::v4(kFirstV4 + static_cast<std::uint32_t>(host));
  return IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                        static_cast<std::uint8_t>(host + 1)});
}

HostConfig host_config(HostIndex host) {
  HostConfig config;
  config.addresses = {{.address = address_of(host, Family::ipv4), .length = 24},
                      {.address = address_of(host, Family::ipv6), .length = 64}};
  return config;
}

// What one host sends through.
class World::Device final : public wire::PacketSink {
 public:
  Device(World& world, HostIndex from) : world_(world), from_(from) {}

  wire::SendResult send(const wire::OutgoingPacket& packet) override {
    if (world_.dice_.chance(world_.config_.device_is_full)) return wire::SendResult::retry;
    const std::vector<std::uint8_t> octets = octets_of(packet);
    world_.monitors_[from_].on_sent(packet, octets);
    if (world_.on_packet) tell(packet, octets);
    if (world_.dice_.chance(world_.config_.device_is_down)) return wire::SendResult::down;
    ++world_.packets_sent_;
    const auto to = host_of(octets);
    if (!to || *to >= world_.hosts_.size()) return wire::SendResult::sent;  // to nobody
    for (Arrival& arrival : world_.link(from_, *to).carry(packet, world_.now_)) {
      world_.push({.when = arrival.at, .host = *to, .packet = std::move(arrival.packet)});
    }
    return wire::SendResult::sent;
  }

 private:
  void tell(const wire::OutgoingPacket& packet, Bytes octets) {
    wire::ReceivedOffload offload;
    if (packet.needs_checksum) offload.checksum = wire::ReceivedOffload::Checksum::partial;
    offload.gso_size = packet.gso_size;
    world_.on_packet({.what = PacketNews::What::sent,
                      .host = from_,
                      .at = world_.now_,
                      .octets = octets,
                      .offload = offload});
  }

  World& world_;
  const HostIndex from_;
};

World::World(const WorldConfig& config)
    : config_(config),
      dice_(config.seed ^ 0x7061697200000000U),
      is_touched_(config.hosts.size(), true),
      armed_(config.hosts.size(), Instant::never()),
      now_(config.start) {
  Dice seeds(config.seed ^ 0x776f726c64000000U);
  for (HostIndex i = 0; i < config.hosts.size(); ++i) {
    entropy_.push_back(std::make_unique<SeededRandom>(seeds.next()));
    hosts_.push_back(std::make_unique<Host>(config.hosts[i], *entropy_.back()));
    monitors_.emplace_back(name_of(i), config.hosts[i].link,
                           config.hosts[i].sysctl.tcp_syncookies != 0, faults_);
  }
  for (std::size_t i = 0; i < hosts_.size() * hosts_.size(); ++i) {
    links_.emplace_back(config.link, seeds.next());
  }
}

void World::set_capabilities(HostIndex index, const wire::LinkCapabilities& link) {
  host(index).set_link(link);
  monitors_[index].set_link(link);
}

void World::at(Instant when, std::function<void()> action) {
  push({.when = when, .action = std::move(action)});
}

void World::push(Entry entry) {
  entry.when = rounded_up(std::max(entry.when, now_));
  entry.order = order_++;
  heap_.push_back(std::move(entry));
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

World::Entry World::pop() {
  std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
  Entry entry = std::move(heap_.back());
  heap_.pop_back();
  return entry;
}

Instant World::rounded_up(Instant when) const {
  const std::int64_t batch = config_.batch.count_ns();
  if (batch == 0) return when;
  return Instant::from_ns((when.ns() + batch - 1) / batch * batch);
}

void World::fault(HostIndex index, std::string_view text) {
  faults_.add(name_of(index) + " " + std::string(text));
}

void World::check(HostIndex index) {
  if (const auto found = hosts_[index]->inconsistency()) fault(index, *found);
}

void World::deliver(HostIndex to, Packet& packet) {
  if (on_packet) {
    on_packet({.what = packet.is_corrupt ? PacketNews::What::damaged : PacketNews::What::delivered,
               .host = to,
               .at = now_,
               .octets = packet.octets,
               .offload = packet.offload});
  }
  if (!packet.is_corrupt) monitors_[to].on_delivered(packet.octets);
  buffer::Arena& arena = host(to).arena();
  const MutableBytes room = arena.reserve();
  if (room.size() < packet.octets.size()) return;  // as lost as if the device had dropped it
  std::copy(packet.octets.begin(), packet.octets.end(), room.begin());
  const auto size = static_cast<std::uint32_t>(packet.octets.size());
  host(to).packet_in(arena.commit(size), packet.offload, now_);
  check(to);
}

bool World::drain(HostIndex index) {
  Device device(*this, index);
  bool had_anything = false;
  // Applications answer events with calls that may bring new packets and events, but every such
  // call uses something up; a host that needs more rounds than this is in a loop.
  for (int round = 0; round < 10'000; ++round) {
    bool is_news = hosts_[index]->packets_out(now_, device) != 0;
    while (const auto event = hosts_[index]->next_event()) {
      is_news = true;
      if (on_event) on_event(index, *event);
    }
    if (!is_news) return had_anything;
    had_anything = true;
  }
  fault(index, "always has something more to send or say");
  return had_anything;
}

void World::drain_and_wake(HostIndex index) {
  is_touched_[index] = false;
  drain(index);
  if (hosts_[index]->next_deadline() <= now_) {
    hosts_[index]->advance_to(now_);
    if (!drain(index)) ++idle_wakeups_;
    // What was due has run. A host that wants to be woken now, again, would keep a CPU busy for
    // ever.
    if (hosts_[index]->next_deadline() <= now_) fault(index, "makes no progress");
  }
  check(index);
  arm(index);
}

void World::arm(HostIndex index) {
  const Instant deadline = hosts_[index]->next_deadline();
  if (deadline == Instant::never() || rounded_up(deadline) >= armed_[index]) return;
  armed_[index] = rounded_up(deadline);
  push({.when = deadline, .host = index});
}

void World::settle() {
  for (bool is_any = true; is_any && faults_.is_empty();) {
    is_any = false;
    for (HostIndex i = 0; i < hosts_.size(); ++i) {
      if (!is_touched_[i]) continue;
      is_any = true;
      drain_and_wake(i);
    }
  }
}

void World::take(Entry entry) {
  ++events_;
  if (entry.action) {
    entry.action();
    for (HostIndex i = 0; i < hosts_.size(); ++i) {
      if (is_touched_[i]) check(i);
    }
    return;
  }
  if (!entry.packet.octets.empty()) return deliver(entry.host, entry.packet);
  if (entry.when == armed_[entry.host]) armed_[entry.host] = Instant::never();
  is_touched_[entry.host] = true;
}

bool World::run(Instant limit, const std::function<bool()>& is_over) {
  settle();
  while (faults_.is_empty()) {
    if (is_over && is_over()) return true;
    if (heap_.empty()) return true;
    if (heap_.front().when > limit) {
      now_ = std::max(now_, limit);
      return false;
    }
    now_ = std::max(now_, heap_.front().when);
    // Packets that were already received go before timers.
    while (!heap_.empty() && heap_.front().when <= now_ && faults_.is_empty()) take(pop());
    settle();
  }
  return false;
}

void World::check_nothing_is_left() {
  for (HostIndex i = 0; i < hosts_.size(); ++i) {
    const Host& host = *hosts_[i];
    if (host.current_established() != 0) fault(i, "counts connections that are gone");
    for (const Status& status : host.list(now_)) {
      if (status.state == tcp::State::listen) continue;
      fault(i, "still has a connection in " + std::string(tcp::rfc_name(status.state)) + " with " +
                   status.tuple.remote.to_string());
    }
    if (!host.is_idle()) fault(i, "is not idle");
    if (hosts_[i]->arena().octets_in_use() != 0) fault(i, "keeps octets that it received");
    if (host.next_deadline() != Instant::never()) fault(i, "has a timer that is armed");
  }
  for (const Link& link : links_) {
    const LinkCounts& counts = link.counts();
    const std::uint64_t lost =
        counts.lost + counts.queue_was_full + counts.too_long + counts.cut_off;
    if (counts.offered + counts.duplicated != counts.arrived + lost) {
      faults_.add("a link lost packets without counting them");
    }
  }
}

void World::check_wakeups() {
  // A sleeper is woken early now and then, but every such waking was paid for by a packet, an
  // event, or a timer that was armed; idle connections cost none.
  const auto seconds = static_cast<std::uint64_t>((now_ - config_.start).count_s());
  const std::uint64_t most = 200 + 4 * packets_sent_ + seconds;
  if (idle_wakeups_ <= most) return;
  faults_.add("hosts were woken " + std::to_string(idle_wakeups_) + " times for nothing");
}

}  // namespace tuntcp::sim
