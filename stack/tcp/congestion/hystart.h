// HyStart as Linux's CUBIC has it: slow start ends before a loss when ACKs show that the path is
// full, either as a train of close ones that is as long as half a round trip, or by round trips
// that have become longer. (Ha and Rhee, "Hybrid slow start for high-bandwidth and long-distance
// networks", 2008.) RFC 9406's successor is hystart_plus_plus.h.
#pragma once

#include <cstdint>
#include <optional>

#include "stack/tcp/congestion/controller.h"

namespace tuntcp::tcp::congestion {

class Hystart {
 public:
  void restart(Instant now);
  // A new round trip: the next sample opens it.
  void on_round() { round_is_due_ = true; }
  // In slow start, for an ACK with ack.rtt. `delay_min` is the least round trip so far, this one
  // included; `window` that before this ACK lets it grow.
  std::optional<EarlyExit::By> on_sample(const AckSample& ack, Duration delay_min,
                                         const Window& window);
  void describe(Describer& describer) const;

 private:
  bool is_long_train(const AckSample& ack, Duration delay_min, const Window& window);
  bool came_meanwhile(std::uint32_t gap_us) const;
  bool is_late(Duration rtt, Duration delay_min);

  Instant round_started_;
  std::uint32_t least_us_ = UINT32_MAX;  // round trip of this round
  std::uint32_t last_ack_us_ = 0;        // of the train, since the round began
  std::uint32_t batch_us_ = 0;           // ... of ACKs that are seen at the same time
  std::uint32_t train_octets_ = 0;       // acknowledged by the train
  std::uint32_t batch_octets_ = 0;       // ... by the batch, and not of the train yet
  std::uint8_t samples_ = 0;             // of this round
  bool round_is_due_ = false;
};

}  // namespace tuntcp::tcp::congestion
