// HyStart++: RFC 9406. When round trips become longer slow start goes on at a quarter of its speed
// (Conservative Slow Start), and ends after five more round trips, unless they become shorter
// again: then it was jitter. For the first slow start only (4.3).
#pragma once

#include <cstdint>

#include "stack/tcp/congestion/controller.h"

namespace tuntcp::tcp::congestion {

class HystartPlusPlus {
 public:
  // In slow start, for each ACK, with or without ack.rtt. True: slow start is over.
  bool on_ack(const AckSample& ack);
  // How many segments the window may grow for `acked` ones.
  std::uint32_t growth(const AckSample& ack, std::uint32_t acked);
  bool is_conservative() const { return css_rounds_ != 0; }
  void describe(Describer& describer) const;

 private:
  // RFC 9406's names.
  Duration last_round_min_rtt_ = Duration::infinite();
  Duration current_round_min_rtt_ = Duration::infinite();
  Duration css_baseline_min_rtt_ = Duration::infinite();
  std::uint32_t css_credit_ = 0;  // segments acknowledged, of which CSS_GROWTH_DIVISOR are one
  std::uint8_t rtt_sample_count_ = 0;
  std::uint8_t css_rounds_ = 0;  // begun; 0: standard slow start
};

}  // namespace tuntcp::tcp::congestion
