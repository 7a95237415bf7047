// Hosts joined by links, in virtual time. One seed decides everything: every link, device and host
// has dice of its own that are thrown from it. Only the doors of Host are used, as a driver would.
//
// After every event the host that it touched is asked whether it is still consistent; every packet
// passes a WireMonitor. The first fault ends the run.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "stack/host/host.h"
#include "stack/sim/dice.h"
#include "stack/sim/faults.h"
#include "stack/sim/link.h"
#include "stack/sim/wire_monitor.h"

namespace tuntcp::sim {

using HostIndex = std::size_t;

// 198.51.100.1, .2 and so on; 2001:db8::1, ::2 and so on.
IpAddress address_of(HostIndex host, Family family);
// With these addresses.
HostConfig host_config(HostIndex host);

struct WorldConfig {
  std::uint64_t seed = 1;
  std::vector<HostConfig> hosts;  // at most 200
  LinkSettings link;              // every link's at the start
  Instant start = Instant::from_ns(1'000'000'000'000);
  double device_is_full = 0;  // share of packets the sender's device asks to try again
  double device_is_down = 0;  // share of packets it loses for being down
  // Hosts are driven at multiples of this only, as by a reactor that reads in batches.
  Duration batch = Duration::zero();
};

// For those who look on: transcripts and captures. Valid during the call.
struct PacketNews {
  enum class What : std::uint8_t { sent, delivered, damaged };  // damaged: delivered like that
  What what;
  HostIndex host;  // that sends or receives
  Instant at;
  Bytes octets;  // super-packets whole
  wire::ReceivedOffload offload;
};

class World {
 public:
  explicit World(const WorldConfig& config);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Host& host(HostIndex index) {
    // Whoever gets hold of a host may call it.
    is_touched_[index] = true;
    return *hosts_[index];
  }
  std::size_t host_count() const { return hosts_.size(); }
  Link& link(HostIndex from, HostIndex to) { return links_[from * hosts_.size() + to]; }
  Instant now() const { return now_; }
  Instant start() const { return config_.start; }
  Faults& faults() { return faults_; }
  void set_capabilities(HostIndex index, const wire::LinkCapabilities& link);

  // What the applications do: at events, and at times of their own choice.
  std::function<void(HostIndex, const Event&)> on_event;
  void at(Instant when, std::function<void()> action);

  // Who looks on.
  std::function<void(const PacketNews&)> on_packet;
  std::function<void(HostIndex, std::string_view)> on_note;
  void note(HostIndex host, std::string_view text) const {
    if (on_note) on_note(host, text);
  }

  // Runs until `is_over` answers true, virtual time reaches `limit`, a checker finds a fault, or
  // nothing will ever happen again; true in the first and the last case.
  bool run(Instant limit, const std::function<bool()>& is_over = {});

  // To be asked at the end, when all connections are gone: a fault for each timer, buffer,
  // connection, half-open or TIME-WAIT that a host has kept, and for a link whose counts do not add
  // up. Listeners may be.
  void check_nothing_is_left();
  // A fault if sleepers were woken for nothing more often than what happened explains.
  void check_wakeups();

  std::uint64_t events() const { return events_; }  // that were taken from the heap
  std::uint64_t packets_sent() const { return packets_sent_; }

 private:
  class Device;
  // A packet that arrives, something that an application does, or else a host's own deadline.
  struct Entry {
    Instant when;
    std::uint64_t order = 0;
    HostIndex host = 0;
    Packet packet{};
    std::function<void()> action{};
    bool operator>(const Entry& o) const {
      return when != o.when ? when > o.when : order > o.order;
    }
  };

  void push(Entry entry);
  Entry pop();
  void take(Entry entry);
  void deliver(HostIndex to, Packet& packet);
  void settle();
  void drain_and_wake(HostIndex index);
  // Drains a host until it has nothing more to say; true if it had anything.
  bool drain(HostIndex index);
  void arm(HostIndex index);
  void check(HostIndex index);
  void fault(HostIndex index, std::string_view text);
  Instant rounded_up(Instant when) const;

  WorldConfig config_;
  Faults faults_;
  Dice dice_;
  std::vector<std::unique_ptr<SeededRandom>> entropy_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<Link> links_;
  std::vector<WireMonitor> monitors_;
  std::vector<bool> is_touched_;
  std::vector<Instant> armed_;  // when the heap wakes each host
  std::vector<Entry> heap_;
  std::uint64_t order_ = 0;
  Instant now_;
  std::uint64_t events_ = 0;
  std::uint64_t packets_sent_ = 0;
  std::uint64_t idle_wakeups_ = 0;
};

}  // namespace tuntcp::sim
