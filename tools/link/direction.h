// One direction of a path in time that someone else tells: the simulator's link, the packets that
// are under way on it, and how late they leave.
//
// Not here: clocks and devices (bridge.h).
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "stack/sim/link.h"
#include "stack/wire/offload.h"
#include "tools/link/delay_errors.h"
#include "tools/link/repeats.h"

namespace tuntcp::link {

class Direction {
 public:
  // What may be under way at most, whatever delay and queue are asked for; beyond it packets are
  // dropped and counted.
  static constexpr std::uint64_t kMostOctets = 256'000'000;
  // What keeping a packet costs besides its octets.
  static constexpr std::uint64_t kOctetsBesides = 160;

  Direction(const sim::LinkSettings& settings, std::uint64_t seed,
            std::uint64_t most_octets = kMostOctets)
      : link_(settings, seed), most_octets_(most_octets) {}

  // A packet enters, as a device gave it: super-packets are cut into wire packets first.
  void take(Bytes packet, const wire::ReceivedOffload& offload, Instant now);

  // When the next packet leaves; never() if none is under way.
  Instant next_due() const { return under_way_.empty() ? Instant::never() : under_way_.front().at; }
  // The packet that is due first at or before `now`: valid until the next call. Empty: none is.
  Bytes leave(Instant now);

  // May be changed at any time; what is under way keeps its time.
  sim::LinkSettings& settings() { return link_.settings(); }
  const sim::LinkSettings& settings() const { return link_.settings(); }
  const sim::LinkCounts& counts() const { return link_.counts(); }
  const TextCounts& text_counts() const { return repeats_.counts(); }
  const DelayErrors& delay_errors() const { return delay_errors_; }
  // Packets that came as more than one.
  std::uint64_t super_packets() const { return super_packets_; }
  // Packets that found kMostOctets under way; not among offered().
  std::uint64_t too_much() const { return too_much_; }
  std::uint64_t octets_under_way() const { return octets_under_way_; }

 private:
  struct UnderWay {
    Instant at;
    std::uint64_t order;  // among those of one instant
    std::vector<std::uint8_t> octets;
  };
  // For a heap whose front is the earliest.
  static bool is_later(const UnderWay& a, const UnderWay& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }

  sim::Link link_;
  std::uint64_t most_octets_;
  Repeats repeats_;
  DelayErrors delay_errors_;
  std::vector<UnderWay> under_way_;
  std::vector<std::uint8_t> leaving_;
  std::uint64_t octets_under_way_ = 0;
  std::uint64_t entered_ = 0;
  std::uint64_t super_packets_ = 0;
  std::uint64_t too_much_ = 0;
};

}  // namespace tuntcp::link
