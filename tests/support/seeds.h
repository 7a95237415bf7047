// Which seeds a property is tried with, and how a failure names the one that failed.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "stack/base/check.h"

namespace tuntcp::test {

inline std::uint64_t& seed_in_use() {
  static std::uint64_t seed = 0;
  return seed;
}

// Runs `property` with the seeds 1 .. count (TUNTCP_SEEDS sets another count, for a long look)
// until one fails, or with TUNTCP_SEED alone.
inline void for_seeds(std::uint64_t count, const std::function<void(std::uint64_t)>& property) {
  // A failed check of the core's own aborts; it must name the seed as well.
  set_check_failed_hook([](const char* expression, const char* file, int line) {
    std::fprintf(stderr, "%s:%d: check failed: %s\nreproduce with TUNTCP_SEED=%llu\n", file, line,
                 expression, static_cast<unsigned long long>(seed_in_use()));
  });
  const char* const chosen = std::getenv("TUNTCP_SEED");
  const char* const many = std::getenv("TUNTCP_SEEDS");
  std::uint64_t first = 1;
  std::uint64_t last = many != nullptr ? std::strtoull(many, nullptr, 10) : count;
  if (chosen != nullptr) first = last = std::strtoull(chosen, nullptr, 10);
  for (std::uint64_t seed = first; seed <= last && !testing::Test::HasFailure(); ++seed) {
    seed_in_use() = seed;
    SCOPED_TRACE("reproduce with TUNTCP_SEED=" + std::to_string(seed));
    property(seed);
  }
}

}  // namespace tuntcp::test
