// What setsockopt is given and where getsockopt writes, as Linux reads and fills them.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <sys/socket.h>

namespace tuntcp::bsd {

struct Given {
  const void* value;
  std::size_t length;
  int number() const {
    int n = 0;
    if (value != nullptr) std::memcpy(&n, value, std::min(length, sizeof n));
    return n;
  }
  // IPv4 takes one octet for a number, and nothing for zero.
  int number_or_octet() const {
    if (length >= sizeof(int)) return number();
    return length == 0 ? 0 : *static_cast<const std::uint8_t*>(value);
  }
};

// As much as fits is written, and how much that was.
struct Room {
  void* value;
  socklen_t* length;
  int put(const void* from, std::size_t size) const {
    const std::size_t fits = std::min<std::size_t>(*length, size);
    if (value == nullptr && fits != 0) return -EFAULT;
    if (fits != 0) std::memcpy(value, from, fits);
    *length = static_cast<socklen_t>(fits);
    return 0;
  }
  int put(int number) const { return put(&number, sizeof number); }
  int put(std::uint32_t number) const { return put(&number, sizeof number); }
  int put(bool flag) const { return put(flag ? 1 : 0); }
  // IPv4 writes a small number into a single octet, if there is no room for more.
  int put_number_or_octet(int number) const {
    const bool is_octet = *length > 0 && *length < sizeof number && number >= 0 && number <= 255;
    if (!is_octet) return put(number);
    const auto octet = static_cast<std::uint8_t>(number);
    return put(&octet, sizeof octet);
  }
};

}  // namespace tuntcp::bsd
