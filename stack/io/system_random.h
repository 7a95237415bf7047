// Unpredictable numbers from the operating system (getrandom(2)), for a host on a real network.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "stack/base/random.h"

namespace tuntcp::io {

// One thread at a time, and not across a fork(): parent and child would share numbers.
class SystemRandom final : public RandomSource {
 public:
  // Waits, right after the machine's start, until the kernel's generator is seeded.
  std::uint64_t next() override;

 private:
  std::array<std::uint64_t, 64> numbers_{};  // fetched ahead: a call to the kernel costs a lot more
  std::size_t left_ = 0;                     // the first of `numbers_`
};

}  // namespace tuntcp::io
