#include "stack/sim/status_check.h"

#include <algorithm>

namespace tuntcp::sim {

const char* nonsense_in(const Status& status) {
  if (status.timer_left > Duration::seconds(140)) return "a timer beyond the longest time-out";
  if (!tcp::kSynchronized.contains(status.state) || status.state == tcp::State::time_wait) {
    return nullptr;
  }
  if (status.snd_mss < 8) return "segments of hardly any text";
  if (status.cwnd_segments < 1) return "a congestion window of less than a segment";
  if (status.cwnd_segments * std::uint64_t{status.snd_mss} > 1U << 30) {
    return "a congestion window beyond what a window can be";  // RFC 7323, 2.2
  }
  // RFC 5681, (4); the MSS may have grown since.
  if (status.ssthresh_octets < 2 * std::min(status.snd_mss, 500U)) return "too low an ssthresh";
  // A FIN is the one octet in flight that no buffer holds.
  if (status.unacked_octets > status.send_q + 1) return "more in flight than its buffer holds";
  if (status.octets_acked > status.octets_sent) return "more acknowledged than was sent";
  if (status.rto > Duration::seconds(120)) return "too long a retransmission timeout";
  return nullptr;
}

}  // namespace tuntcp::sim
