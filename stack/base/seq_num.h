// Sequence numbers: RFC 9293, 3.4. Arithmetic is modulo 2^32 and so is every comparison.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>

namespace tuntcp {

// One octet's place in a stream. The comparisons are the RFC's modular ones, so they order two
// numbers only when these are less than 2^31 apart; hence there is no <=> and no std::less.
class SeqNum {
 public:
  constexpr SeqNum() = default;
  explicit constexpr SeqNum(std::uint32_t value) : value_(value) {}
  constexpr std::uint32_t value() const { return value_; }

  friend constexpr bool operator==(SeqNum, SeqNum) = default;
  friend constexpr bool operator<(SeqNum a, SeqNum b) {
    return static_cast<std::int32_t>(a.value_ - b.value_) < 0;
  }
  friend constexpr bool operator>(SeqNum a, SeqNum b) { return b < a; }
  friend constexpr bool operator<=(SeqNum a, SeqNum b) { return !(b < a); }
  friend constexpr bool operator>=(SeqNum a, SeqNum b) { return !(a < b); }

  friend constexpr SeqNum operator+(SeqNum s, std::uint32_t octets) {
    return SeqNum(s.value_ + octets);
  }
  friend constexpr SeqNum operator-(SeqNum s, std::uint32_t octets) {
    return SeqNum(s.value_ - octets);
  }
  constexpr SeqNum& operator+=(std::uint32_t octets) { return *this = *this + octets; }

 private:
  std::uint32_t value_ = 0;
};

// How many octets lie from `from` up to, not including, `to`. Defined for from <= to.
constexpr std::uint32_t octets_between(SeqNum from, SeqNum to) {
  return to.value() - from.value();
}

constexpr SeqNum earlier_of(SeqNum a, SeqNum b) {
  return a < b ? a : b;
}
constexpr SeqNum later_of(SeqNum a, SeqNum b) {
  return a < b ? b : a;
}

// The octets begin <= x < end.
struct SeqRange {
  SeqNum begin{};
  SeqNum end{};

  constexpr std::uint32_t octets() const { return octets_between(begin, end); }
  constexpr bool is_empty() const { return begin == end; }
  constexpr bool contains(SeqNum s) const { return begin <= s && s < end; }
  friend constexpr bool operator==(const SeqRange&, const SeqRange&) = default;
};

}  // namespace tuntcp

// A modular order is not a strict weak ordering; sorted containers of SeqNum must not compile.
template <>
struct std::less<tuntcp::SeqNum> {
  bool operator()(const tuntcp::SeqNum&, const tuntcp::SeqNum&) const = delete;
};
