// How late packets leave a link in real time, behind the moment that its model says: in steps of
// 10 microseconds, so that a share of 20,000 packets a second costs an increment each.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "stack/base/time.h"

namespace tuntcp::link {

class DelayErrors {
 public:
  void add(Duration late) {
    ++count_;
    worst_ = std::max(worst_, late);
    const auto step =
        static_cast<std::size_t>(std::max<std::int64_t>(late.count_us(), 0)) / kStepUs;
    ++steps_[std::min(step, kSteps)];
  }

  std::uint64_t count() const { return count_; }
  Duration worst() const { return worst_; }
  // No more than 1 - `share` of the packets were later than this; rounded up to the step, and the
  // worst for what is beyond the last one.
  Duration quantile(double share) const {
    const auto enough = static_cast<std::uint64_t>(static_cast<double>(count_) * share);
    std::uint64_t seen = 0;
    for (std::size_t step = 0; step < kSteps; ++step) {
      seen += steps_[step];
      if (seen >= enough && seen > 0) {
        const auto end = static_cast<std::int64_t>((step + 1) * kStepUs);
        return std::min(Duration::microseconds(end), worst_);
      }
    }
    return worst_;
  }
  // Packets that were late by this or more; a multiple of the step, up to 50 ms.
  std::uint64_t at_least(Duration late) const {
    std::uint64_t seen = 0;
    for (auto step = static_cast<std::size_t>(late.count_us()) / kStepUs; step <= kSteps; ++step) {
      seen += steps_[step];
    }
    return seen;
  }

 private:
  static constexpr std::size_t kStepUs = 10;
  static constexpr std::size_t kSteps = 5'000;
  std::array<std::uint64_t, kSteps + 1> steps_{};  // the last: 50 ms and more
  std::uint64_t count_ = 0;
  Duration worst_ = Duration::zero();
};

}  // namespace tuntcp::link
