// The least round-trip time of late (tcp_min_rtt_wlen): the least sample of a time that moves
// along, in constant memory. Kathleen Nichols' filter, which Linux uses for tcpi_min_rtt too: three
// candidates, each the least of what came after the one before it.
#pragma once

#include <array>
#include <cstdint>

#include "stack/base/time.h"

namespace tuntcp::tcp {

class MinFilter {
 public:
  // `now` never goes back. What is older than `window` is forgotten as soon as this sample, or a
  // candidate, can take its place. Less than 1 us counts as 1 us.
  void on_sample(Duration sample, Instant now, Duration window);
  Duration least() const { return candidates_[0].value; }  // zero before the first sample

 private:
  struct Candidate {
    Duration value;
    Instant at;
  };
  std::array<Candidate, 3> candidates_;
};

}  // namespace tuntcp::tcp
