// Seeded chance: one number decides a whole run.
#pragma once

#include <cstdint>

#include "stack/base/random.h"
#include "stack/base/time.h"

namespace tuntcp::sim {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  std::uint64_t next() { return random_.next(); }
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(next() % n); }
  // Both ends included.
  std::uint32_t between(std::uint32_t least, std::uint32_t most) {
    return least + static_cast<std::uint32_t>(next() % (std::uint64_t{most} - least + 1));
  }
  bool chance(double probability) {
    return static_cast<double>(next() >> 11) < probability * 9007199254740992.0;  // 2^53
  }
  template <class T, std::size_t n>
  T one_of(const T (&values)[n]) {
    return values[below(n)];
  }
  Duration up_to(Duration most) {
    if (most <= Duration::zero()) return Duration::zero();
    return Duration::nanoseconds(
        static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(most.count_ns())));
  }

 private:
  SeededRandom random_;
};

}  // namespace tuntcp::sim
