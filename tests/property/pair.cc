#include "tests/property/pair.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <gtest/gtest.h>

namespace tuntcp::test {

IpAddress address_of(Side side, Family family) {
  return *IpAddress::parse(family == Family::ipv4 ? (side == 0 ? "198.51.100.1" : "198.51.100.2")
                                                  : (side == 0 ? "2001:db8::1" : "2001:db8::2"));
}

HostConfig host_config(Side side) {
  HostConfig config;
  config.addresses = {{.address = address_of(side, Family::ipv4), .length = 24},
                      {.address = address_of(side, Family::ipv6), .length = 64}};
  return config;
}

// What one host sends through.
class Pair::Device final : public wire::PacketSink {
 public:
  Device(Pair& pair, Side from) : pair_(pair), from_(from) {}

  wire::SendResult send(const wire::OutgoingPacket& packet) override {
    if (pair_.dice_.chance(pair_.config_.device_is_full)) return wire::SendResult::retry;
    if (pair_.is_traced_) pair_.trace("sends", from_, octets_of(packet));
    pair_.monitors_[from_].on_sent(packet, octets_of(packet));
    if (pair_.dice_.chance(pair_.config_.device_is_down)) return wire::SendResult::down;
    ++pair_.packets_sent_;
    for (Arrival& arrival : pair_.links_[from_].carry(packet, pair_.now_)) {
      if (arrival.packet.is_corrupt) ++pair_.packets_corrupted_;
      pair_.scheduled_.push({.when = pair_.rounded_up(arrival.at),
                             .order = pair_.order_++,
                             .to = other(from_),
                             .packet = std::move(arrival.packet),
                             .action = {}});
    }
    return wire::SendResult::sent;
  }

 private:
  Pair& pair_;
  const Side from_;
};

Pair::Pair(const PairConfig& config)
    : config_(config),
      is_traced_(std::getenv("TUNTCP_TRACE") != nullptr),
      dice_(config.seed ^ 0x7061697200000000U),
      entropy_{SeededRandom(config.seed * 2 + 1), SeededRandom(config.seed * 2 + 2)},
      hosts_{std::make_unique<Host>(config.hosts[0], entropy_[0]),
             std::make_unique<Host>(config.hosts[1], entropy_[1])},
      links_{Link(config.paths[0], config.seed ^ 0x100),
             Link(config.paths[1], config.seed ^ 0x200)},
      monitors_{WireMonitor("host 0", config.hosts[0].link),
                WireMonitor("host 1", config.hosts[1].link)},
      now_(config.start) {}

void Pair::set_capabilities(Side side, const wire::LinkCapabilities& link) {
  hosts_[side]->set_link(link);
  monitors_[side].set_link(link);
}

void Pair::at(Instant when, std::function<void()> action) {
  scheduled_.push({.when = rounded_up(std::max(when, now_)),
                   .order = order_++,
                   .packet = {},
                   .action = std::move(action)});
}

Instant Pair::rounded_up(Instant when) const {
  const std::int64_t batch = config_.batch.count_ns();
  if (batch == 0) return when;
  return Instant::from_ns((when.ns() + batch - 1) / batch * batch);
}

void Pair::trace(const char* what, Side side, Bytes octets) const {
  std::fprintf(stderr, "%.6f host %zu %s %s\n", (now_ - config_.start).count_s(), side, what,
               describe(octets).c_str());
}

void Pair::deliver(Side to, Packet& packet) {
  if (is_traced_) trace(packet.is_corrupt ? "gets damaged" : "gets", to, packet.octets);
  if (!packet.is_corrupt) monitors_[to].on_delivered(packet.octets);
  buffer::Arena& arena = hosts_[to]->arena();
  const MutableBytes room = arena.reserve();
  if (room.size() < packet.octets.size()) return;  // as lost as if the device had dropped it
  std::copy(packet.octets.begin(), packet.octets.end(), room.begin());
  const auto size = static_cast<std::uint32_t>(packet.octets.size());
  hosts_[to]->packet_in(arena.commit(size), packet.offload, now_);
}

bool Pair::drain(Side side) {
  Device device(*this, side);
  bool had_anything = false;
  // Applications answer events with calls that may bring new packets and events, but every such
  // call uses something up; a host that needs more rounds than this is in a loop.
  for (int round = 0; round < 10'000; ++round) {
    bool is_news = hosts_[side]->packets_out(now_, device) != 0;
    while (const auto event = hosts_[side]->next_event()) {
      is_news = true;
      if (on_event) on_event(side, *event);
    }
    if (!is_news) return had_anything;
    had_anything = true;
  }
  ADD_FAILURE() << "host " << side << " always has something more to send or say";
  return had_anything;
}

void Pair::wake(Side side) {
  Host& host = *hosts_[side];
  if (host.next_deadline() > now_) return;
  host.advance_to(now_);
  if (!drain(side)) ++idle_wakeups_;
  // What was due has run. A host that wants to be woken now, again, would keep a CPU busy for ever.
  EXPECT_GT(host.next_deadline(), now_) << "host " << side << " makes no progress";
}

bool Pair::run(Instant limit, const std::function<bool()>& is_over) {
  drain(0);
  drain(1);
  while (!testing::Test::HasFailure()) {
    if (is_over && is_over()) return true;
    Instant next = std::min(hosts_[0]->next_deadline(), hosts_[1]->next_deadline());
    if (next != Instant::never()) next = rounded_up(next);
    if (!scheduled_.empty()) next = std::min(next, scheduled_.top().when);
    if (next == Instant::never()) return true;
    if (next > limit) {
      now_ = std::max(now_, limit);
      return false;
    }
    now_ = std::max(now_, next);
    // Packets that were already received go before timers.
    while (!scheduled_.empty() && scheduled_.top().when <= now_) {
      Scheduled scheduled = scheduled_.top();
      scheduled_.pop();
      if (scheduled.action) {
        scheduled.action();
      } else {
        deliver(scheduled.to, scheduled.packet);
      }
    }
    for (const Side side : {Side{0}, Side{1}}) {
      drain(side);
      wake(side);
    }
  }
  return false;
}

}  // namespace tuntcp::test
