// Time as the core knows it: two value types and nothing that can read a clock.
//
// An Instant is a number of nanoseconds since an origin that the driver chooses (a monotonic
// clock's, a capture's first packet, a simulation's start). The core never asks for "now".
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace tuntcp {

// A span of time in nanoseconds, saturating at the ends of its range (about 292 years).
class Duration {
 public:
  constexpr Duration() = default;
  static constexpr Duration nanoseconds(std::int64_t n) { return Duration(n); }
  static constexpr Duration microseconds(std::int64_t n) { return Duration(1'000) * n; }
  static constexpr Duration milliseconds(std::int64_t n) { return Duration(1'000'000) * n; }
  static constexpr Duration seconds(std::int64_t n) { return Duration(1'000'000'000) * n; }
  static constexpr Duration zero() { return Duration(0); }
  static constexpr Duration infinite() { return Duration(kMax); }

  constexpr std::int64_t count_ns() const { return ns_; }
  constexpr std::int64_t count_us() const { return ns_ / 1'000; }
  constexpr std::int64_t count_ms() const { return ns_ / 1'000'000; }
  constexpr double count_s() const { return static_cast<double>(ns_) / 1e9; }

  friend constexpr auto operator<=>(Duration, Duration) = default;

  friend constexpr Duration operator+(Duration a, Duration b) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(a.ns_, b.ns_, &sum)) return Duration(b.ns_ > 0 ? kMax : kMin);
    return Duration(sum);
  }
  friend constexpr Duration operator-(Duration a, Duration b) {
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(a.ns_, b.ns_, &difference)) {
      return Duration(b.ns_ < 0 ? kMax : kMin);
    }
    return Duration(difference);
  }
  friend constexpr Duration operator*(Duration a, std::int64_t factor) {
    std::int64_t product = 0;
    if (__builtin_mul_overflow(a.ns_, factor, &product)) {
      return Duration((a.ns_ < 0) == (factor < 0) ? kMax : kMin);
    }
    return Duration(product);
  }
  friend constexpr Duration operator*(std::int64_t factor, Duration a) { return a * factor; }
  friend constexpr Duration operator/(Duration a, std::int64_t divisor) {
    return Duration(a.ns_ / divisor);
  }
  constexpr Duration& operator+=(Duration other) { return *this = *this + other; }
  constexpr Duration& operator-=(Duration other) { return *this = *this - other; }

 private:
  static constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  static constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  explicit constexpr Duration(std::int64_t ns) : ns_(ns) {}
  std::int64_t ns_ = 0;
};

// A point in time, in nanoseconds since the driver's origin.
class Instant {
 public:
  constexpr Instant() = default;
  static constexpr Instant from_ns(std::int64_t ns) { return Instant(Duration::nanoseconds(ns)); }
  // Later than everything: a deadline that is not set.
  static constexpr Instant never() { return Instant(Duration::infinite()); }

  constexpr Duration since_origin() const { return since_origin_; }
  constexpr std::int64_t ns() const { return since_origin_.count_ns(); }

  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant t, Duration d) { return Instant(t.since_origin_ + d); }
  friend constexpr Instant operator-(Instant t, Duration d) { return Instant(t.since_origin_ - d); }
  friend constexpr Duration operator-(Instant a, Instant b) {
    return a.since_origin_ - b.since_origin_;
  }
  constexpr Instant& operator+=(Duration d) { return *this = *this + d; }

 private:
  explicit constexpr Instant(Duration d) : since_origin_(d) {}
  Duration since_origin_;
};

inline namespace literals {
constexpr Duration operator""_ns(unsigned long long n) {
  return Duration::nanoseconds(static_cast<std::int64_t>(n));
}
constexpr Duration operator""_us(unsigned long long n) {
  return Duration::microseconds(static_cast<std::int64_t>(n));
}
constexpr Duration operator""_ms(unsigned long long n) {
  return Duration::milliseconds(static_cast<std::int64_t>(n));
}
constexpr Duration operator""_s(unsigned long long n) {
  return Duration::seconds(static_cast<std::int64_t>(n));
}
}  // namespace literals

}  // namespace tuntcp
