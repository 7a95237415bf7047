#include "stack/io/system_random.h"

#include <sys/random.h>

#include <cerrno>
#include <span>
#include <utility>

#include "stack/base/check.h"

namespace tuntcp::io {

std::uint64_t SystemRandom::next() {
  if (left_ == 0) {
    std::span<std::byte> room = std::as_writable_bytes(std::span(numbers_));
    while (!room.empty()) {
      const ssize_t octets = ::getrandom(room.data(), room.size(), 0);
      if (octets < 0 && errno == EINTR) continue;
      TUNTCP_CHECK(octets > 0);  // it has no other way to fail
      room = room.subspan(static_cast<std::size_t>(octets));
    }
    left_ = numbers_.size();
  }
  // A number given out is forgotten: keys are made of them.
  return std::exchange(numbers_[--left_], 0);
}

}  // namespace tuntcp::io
