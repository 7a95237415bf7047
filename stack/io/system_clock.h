// The machine's clocks as Instants: the only place where "now" is read.
#pragma once

#include <ctime>

#include "stack/base/time.h"

namespace tuntcp::io {

namespace detail {
inline Instant read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return Instant::from_ns(now.tv_sec * 1'000'000'000 + now.tv_nsec);
}
}  // namespace detail

// Never goes back; its origin is about the machine's start. For everything the host is told.
inline Instant monotonic_now() {
  return detail::read_clock(CLOCK_MONOTONIC);
}

// Nanoseconds since 1970-01-01 UTC; may jump. For people: captures and logs.
inline Instant wall_clock_now() {
  return detail::read_clock(CLOCK_REALTIME);
}

}  // namespace tuntcp::io
