// Where randomness comes from: an argument, so that a seed reproduces any run.
#pragma once

#include <cstdint>

namespace tuntcp {

// Uniform 64-bit numbers. A driver on a real network must pass an unpredictable one (the keys of
// RFC 6528, RFC 6056 and the hash table are drawn from it); tests pass a seeded one.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual std::uint64_t next() = 0;
};

// SplitMix64: a small, fast, seeded generator for tests and simulations. Predictable, so never for
// keys on a real network.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

}  // namespace tuntcp
