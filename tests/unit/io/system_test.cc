// system_clock.h and system_random.h: the two sources of the outside world.
#include <gmock/gmock.h>

#include <chrono>
#include <set>

#include "stack/io/system_clock.h"
#include "stack/io/system_random.h"

namespace tuntcp::io {
namespace {

TEST(MonotonicClock, IsTheSteadyClockOfTheMachine) {
  const auto steady_ns = [] {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  };
  const auto before = steady_ns();
  const Instant now = monotonic_now();
  const auto after = steady_ns();
  EXPECT_GE(now.ns(), before);
  EXPECT_LE(now.ns(), after);
}

TEST(WallClock, CountsFrom1970) {
  const std::time_t before = std::time(nullptr);
  const Instant now = wall_clock_now();
  // time() may lag clock_gettime() by a tick.
  EXPECT_GE(now.since_origin() + 10_ms, Duration::seconds(before));
  EXPECT_LE(now.since_origin(), Duration::seconds(std::time(nullptr) + 2));
}

TEST(SystemRandom, GivesNewNumbersBeyondOneFetch) {
  SystemRandom a;
  SystemRandom b;
  std::set<std::uint64_t> seen;
  std::uint64_t ones = 0;
  std::uint64_t zeros = 0;
  constexpr std::size_t kCount = 2 * 300;  // several fetches of each
  for (std::size_t i = 0; i < kCount / 2; ++i) {
    for (SystemRandom* source : {&a, &b}) {
      const std::uint64_t number = source->next();
      seen.insert(number);
      ones |= number;
      zeros |= ~number;
    }
  }
  // 600 of 2^64: a repetition has a probability of 1 in 10^14.
  EXPECT_EQ(seen.size(), kCount);
  // Every bit takes both values.
  EXPECT_EQ(ones, ~std::uint64_t{0});
  EXPECT_EQ(zeros, ~std::uint64_t{0});
}

}  // namespace
}  // namespace tuntcp::io
