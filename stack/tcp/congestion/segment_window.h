// The congestion window as Linux counts it: whole segments, so that 13 of them become 9 where 0.7
// of them remain. The steps that Reno and CUBIC share: RFC 5681, 3.1, with RFC 3465's counting of
// what was acknowledged, not of ACKs.
#pragma once

#include <cstdint>

#include "stack/tcp/congestion/controller.h"

namespace tuntcp::tcp::congestion {

// Never less than one segment; window() is never more than 2^30 octets, the widest of RFC 7323, so
// that sums of two such numbers fit 32 bits.
class SegmentWindow {
 public:
  void init(const Start& start);
  void set_mss(std::uint32_t mss);

  std::uint32_t mss() const { return mss_; }
  std::uint32_t cwnd() const { return cwnd_; }          // segments
  std::uint32_t ssthresh() const { return ssthresh_; }  // segments, or kInfiniteSsthresh
  bool in_slow_start() const { return cwnd_ < ssthresh_; }
  Window octets() const;

  // Whole segments that `octets` delivered come to; what is left over counts the next time.
  std::uint32_t take_segments(std::uint32_t octets);
  // Slow start: a segment for each one `acked`, up to ssthresh. Returns what that left over.
  std::uint32_t grow_by(std::uint32_t acked);
  // Congestion avoidance: a segment for every `count` segments acknowledged, at least 1.
  void grow_by_one_per(std::uint32_t count, std::uint32_t acked);

  void set_cwnd(std::uint32_t segments);
  void set_ssthresh(std::uint32_t segments);  // at least two (RFC 5681, equation 4)
  void forget_credit() { credit_ = 0; }

  void describe(Describer& describer) const;

 private:
  std::uint32_t most_cwnd() const;

  std::uint32_t mss_ = 536;  // MUST-15, until init()
  std::uint32_t cwnd_ = kInitialSegments;
  std::uint32_t ssthresh_ = kInfiniteSsthresh;
  std::uint32_t credit_ = 0;  // acknowledged in congestion avoidance and not yet turned into growth
  std::uint32_t octets_ = 0;  // acknowledged, less than a segment
};

}  // namespace tuntcp::tcp::congestion
