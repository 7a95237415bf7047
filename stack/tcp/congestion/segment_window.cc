#include "stack/tcp/congestion/segment_window.h"

#include <algorithm>

namespace tuntcp::tcp::congestion {
namespace {

constexpr std::uint32_t kMostOctets = 1U << 30;
constexpr std::uint32_t kLeastSsthresh = 2;

}  // namespace

void SegmentWindow::init(const Start& start) {
  *this = SegmentWindow();
  mss_ = std::max(start.mss, 1U);
  set_cwnd(start.segments);
  if (start.ssthresh != kInfiniteSsthresh) set_ssthresh(start.ssthresh / mss_);
}

void SegmentWindow::set_mss(std::uint32_t mss) {
  mss = std::max(mss, 1U);
  const std::uint32_t old = mss_;
  const Window before = octets();
  mss_ = mss;
  // RFC 5681, 3.1: with smaller segments cwnd "SHOULD be reduced by the ratio of the old segment
  // size to the new", or many more of them would leave in one burst. Larger ones change nothing:
  // the path has not shown that it carries more octets.
  set_cwnd(mss < old ? cwnd_ : before.cwnd / mss);
  if (ssthresh_ != kInfiniteSsthresh) set_ssthresh(before.ssthresh / mss);
  credit_ = 0;
  octets_ = std::min(octets_, mss_ - 1);
}

Window SegmentWindow::octets() const {
  Window window{.cwnd = cwnd_ * mss_, .ssthresh = kInfiniteSsthresh};
  const std::uint64_t ssthresh = std::uint64_t{ssthresh_} * mss_;
  if (ssthresh < kInfiniteSsthresh) window.ssthresh = static_cast<std::uint32_t>(ssthresh);
  return window;
}

std::uint32_t SegmentWindow::take_segments(std::uint32_t octets) {
  const std::uint32_t all = octets_ + std::min(octets, kMostOctets);
  octets_ = all % mss_;
  return all / mss_;
}

std::uint32_t SegmentWindow::grow_by(std::uint32_t acked) {
  const std::uint32_t grown = std::min(cwnd_ + acked, ssthresh_);
  const std::uint32_t left = acked - (grown - cwnd_);
  set_cwnd(grown);
  return left;
}

void SegmentWindow::grow_by_one_per(std::uint32_t count, std::uint32_t acked) {
  // Credit from when `count` was larger is one segment, not many at once (Linux).
  if (credit_ >= count) {
    credit_ = 0;
    set_cwnd(cwnd_ + 1);
  }
  credit_ += acked;
  const std::uint32_t segments = credit_ / count;
  credit_ -= segments * count;
  set_cwnd(cwnd_ + segments);
}

void SegmentWindow::set_cwnd(std::uint32_t segments) {
  cwnd_ = std::clamp(segments, 1U, most_cwnd());
}

void SegmentWindow::set_ssthresh(std::uint32_t segments) {
  ssthresh_ = std::max(segments, kLeastSsthresh);
}

std::uint32_t SegmentWindow::most_cwnd() const {
  return std::max(kMostOctets / mss_, 1U);
}

void SegmentWindow::describe(Describer& describer) const {
  describer.value("cwnd", cwnd_);
  describer.value("ssthresh", ssthresh_);
  describer.value("credit", credit_);
  describer.value("octets", octets_);
  describer.value("mss", mss_);
}

}  // namespace tuntcp::tcp::congestion
