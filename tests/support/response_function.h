// What the RFCs say of the average congestion window of a sender that loses a share of its
// segments.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "stack/base/time.h"

namespace tuntcp::test {

struct LossyPath {
  Duration rtt;
  std::uint32_t lose_every;  // segments
};

// 1 to 0.01 %, 2 to 200 ms.
inline std::vector<LossyPath> lossy_paths() {
  std::vector<LossyPath> paths;
  for (const Duration rtt : {2_ms, 10_ms, 20_ms, 50_ms, 100_ms, 200_ms}) {
    for (const std::uint32_t lose_every : {100U, 300U, 1'000U, 3'000U, 10'000U}) {
      paths.push_back({.rtt = rtt, .lose_every = lose_every});
    }
  }
  return paths;
}
inline std::string name_of_path(const testing::TestParamInfo<LossyPath>& info) {
  return std::to_string(info.param.rtt.count_ms()) + "ms_1in" +
         std::to_string(info.param.lose_every);
}

// RFC 5348, 3.1: X_Bps = s / (R sqrt(2bp/3) + t_RTO (3 sqrt(3bp/8) p (1 + 32p^2))), with t_RTO = 4R
// as it recommends, in segments a round trip. b is 1: octets are counted, not ACKs.
inline double rfc5348_window(double p) {
  return 1 / (std::sqrt(2 * p / 3) + 4 * (3 * std::sqrt(3 * p / 8) * p * (1 + 32 * p * p)));
}

struct ExpectedWindow {
  double segments;
  double tolerance;  // a share of it
};

// RFC 9438, 5.1: (C (3+beta) / (4 (1-beta)))^(1/4) (RTT/p)^(3/4). Where that is less than Reno's
// window, the connection is in the Reno-friendly region and has Reno's (4.3). No value where
// neither is 1.5 times the other: there the window follows one formula, then the other.
//
// A small window may be a fourth below: it loses about every eighth round trip, and its few
// segments are rounded down.
inline std::optional<ExpectedWindow> rfc9438_window(double p, Duration rtt) {
  constexpr double kC = 0.4;
  constexpr double kBeta = 0.7;
  const double cubic =
      std::pow(kC * (3 + kBeta) / (4 * (1 - kBeta)), 0.25) * std::pow(rtt.count_s() / p, 0.75);
  const double reno = rfc5348_window(p);
  if (cubic < 1.5 * reno && reno < 1.5 * cubic) return std::nullopt;
  const double window = std::max(cubic, reno);
  return ExpectedWindow{.segments = window, .tolerance = window < 15 ? 0.25 : 0.15};
}

// Those of the paths for which rfc9438_window() has a value.
inline std::vector<LossyPath> paths_of_rfc9438(std::vector<LossyPath> paths) {
  std::erase_if(paths, [](const LossyPath& path) {
    return !rfc9438_window(1.0 / path.lose_every, path.rtt).has_value();
  });
  return paths;
}

}  // namespace tuntcp::test
