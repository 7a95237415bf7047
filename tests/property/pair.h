// Two hosts joined by a path, in virtual time. Only the doors of Host are used, as a driver would.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

#include "stack/host/host.h"
#include "tests/property/link.h"
#include "tests/property/wire_monitor.h"
#include "tests/support/dice.h"

namespace tuntcp::test {

// Index of a host: 0 or 1.
using Side = std::size_t;
constexpr Side other(Side side) {
  return 1 - side;
}

struct PairConfig {
  std::uint64_t seed = 1;
  std::array<HostConfig, 2> hosts;
  std::array<Impairments, 2> paths;  // [0] from host 0 to host 1
  Instant start = Instant::from_ns(1'000'000'000'000);
  double device_is_full = 0;  // share of packets the sender's device asks to try again
  double device_is_down = 0;  // share of packets it loses for being down
  // Both hosts are drained at multiples of this only, as by a reactor that reads in batches.
  Duration batch = Duration::zero();
};

// 198.51.100.1 and .2, 2001:db8::1 and ::2.
IpAddress address_of(Side side, Family family);
// With these addresses.
HostConfig host_config(Side side);

class Pair {
 public:
  explicit Pair(const PairConfig& config);

  Host& host(Side side) { return *hosts_[side]; }
  Link& link_from(Side side) { return links_[side]; }
  Instant now() const { return now_; }
  void set_capabilities(Side side, const wire::LinkCapabilities& link);

  // What the applications do: at events, and at times of their own choice.
  std::function<void(Side, const Event&)> on_event;
  void at(Instant when, std::function<void()> action);

  // Runs until `is_over` answers true, virtual time reaches `limit`, or nothing will ever happen
  // again. True unless the limit was reached. A host that asks to be woken and then makes no
  // progress fails the test.
  bool run(Instant limit, const std::function<bool()>& is_over = {});

  std::uint64_t packets_sent() const { return packets_sent_; }
  std::uint64_t packets_corrupted() const { return packets_corrupted_; }
  // Times a host was woken by its own deadline and neither sent anything nor had an event.
  std::uint64_t idle_wakeups() const { return idle_wakeups_; }

 private:
  class Device;
  struct Scheduled {
    Instant when;
    std::uint64_t order;
    Side to = 0;
    Packet packet;
    std::function<void()> action;
    bool operator>(const Scheduled& o) const {
      return when != o.when ? when > o.when : order > o.order;
    }
  };

  // With TUNTCP_TRACE in the environment every packet is printed.
  void trace(const char* what, Side side, Bytes octets) const;
  void deliver(Side to, Packet& packet);
  // Drains a host until it has nothing more to say; true if it had anything.
  bool drain(Side side);
  void wake(Side side);
  Instant rounded_up(Instant when) const;

  PairConfig config_;
  const bool is_traced_;
  Dice dice_;
  std::array<SeededRandom, 2> entropy_;
  std::array<std::unique_ptr<Host>, 2> hosts_;
  std::array<Link, 2> links_;
  std::array<WireMonitor, 2> monitors_;
  std::priority_queue<Scheduled, std::vector<Scheduled>, std::greater<>> scheduled_;
  std::uint64_t order_ = 0;
  Instant now_;
  std::uint64_t packets_sent_ = 0;
  std::uint64_t packets_corrupted_ = 0;
  std::uint64_t idle_wakeups_ = 0;
};

}  // namespace tuntcp::test
