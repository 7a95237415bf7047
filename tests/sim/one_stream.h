// One stream between two hosts, which a test measures.
#pragma once

#include <array>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "stack/sim/application.h"
#include "stack/sim/stream.h"
#include "stack/sim/world.h"

namespace tuntcp::sim {

// Ethernet's MTU less the headers of IPv4 and of TCP with timestamps.
inline constexpr std::uint32_t kMss = 1'448;

// Host 0 writes without end, host 1 reads whatever comes.
class OneStream {
 public:
  explicit OneStream(const WorldConfig& config) : world_(config) {
    world_.on_event = [this](HostIndex host, const Event& event) {
      if (event.is_listener) return accept(event.listener);
      if (ends_[host]) ends_[host]->on_event(event);
    };
    const auto listener = world_.host(1).listen(remote(), {});
    EXPECT_TRUE(listener);
    id_ = *world_.host(0).open(remote(), {}, world_.now());
    add(0, id_, out_, back_, {.octets = std::uint64_t{1} << 40, .write_least = 65'536});
  }

  // Octets a second that host 1 read, over `during`, after a first while of `before`.
  double rate(Duration before, Duration during) {
    run(before);
    const std::uint64_t at_first = out_.read();
    run(during);
    return static_cast<double>(out_.read() - at_first) / during.count_s();
  }
  void run(Duration duration) {
    world_.run(world_.now() + duration);
    for (const std::string& fault : world_.faults().texts()) ADD_FAILURE() << fault;
  }
  Status sender() { return *world_.host(0).status(id_, world_.now()); }
  World& world() { return world_; }

 private:
  static Endpoint remote() { return {.address = address_of(1, Family::ipv4), .port = 80}; }
  void accept(ListenerId listener) {
    const auto id = world_.host(1).accept(listener);
    ASSERT_TRUE(id);
    add(1, *id, back_, out_, {.octets = 0, .end = Habits::End::answer});
    ends_[1]->start();
  }
  void add(HostIndex host, ConnectionId id, Stream& out, Stream& in, const Habits& habits) {
    ends_[host] = std::make_unique<Application>(world_, Application::Place{.host = host, .id = id},
                                                habits, out, in, 1);
  }

  World world_;
  Stream out_{1, world_.faults()};
  Stream back_{2, world_.faults()};
  std::array<std::unique_ptr<Application>, 2> ends_;
  ConnectionId id_;
};

inline WorldConfig world_config(const LinkSettings& link) {
  return {.hosts = {host_config(0), host_config(1)}, .link = link};
}

}  // namespace tuntcp::sim
