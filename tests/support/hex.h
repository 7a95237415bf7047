// Packets in tests are written as tcpdump -x prints them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace tuntcp::test {

using Octets = std::vector<std::uint8_t>;

inline unsigned hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  throw std::invalid_argument("from_hex: not a lower-case hexadecimal digit");
}

// "4500 003c" is four octets; spaces and line ends do not matter.
inline Octets from_hex(std::string_view text) {
  Octets octets;
  bool is_half = false;
  for (const char c : text) {
    if (c == ' ' || c == '\n') continue;
    const unsigned digit = hex_digit(c);
    if (is_half) {
      octets.back() = static_cast<std::uint8_t>(octets.back() * 16U + digit);
    } else {
      octets.push_back(static_cast<std::uint8_t>(digit));
    }
    is_half = !is_half;
  }
  if (is_half) throw std::invalid_argument("from_hex: half an octet at the end");
  return octets;
}

// A copy that ends where it says, so that a sanitizer sees whoever reads on.
inline Octets first_octets(const Octets& octets, std::size_t count) {
  return Octets(octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(count));
}

inline Octets operator+(Octets a, const Octets& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace tuntcp::test
