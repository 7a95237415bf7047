// The timers of one connection: an array of instants. Arming and cancelling are stores; the wheel
// is told only when the earliest moves forward.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "stack/base/time.h"

namespace tuntcp {

// In the order in which timers that are due at the same instant run.
enum class Timer : std::uint8_t {
  retransmit,      // RFC 6298, also of a SYN
  reorder,         // RFC 8985, 6.3: what is late may be lost; takes the place of `retransmit`
  tail_probe,      // RFC 8985, 7.2; so does this
  persist,         // RFC 9293, 3.8.6.1, and the silly-window override of 3.8.6.2.1
  delayed_ack,     // RFC 9293, 3.8.6.3
  fin_wait_2,      // Linux: an orphan does not wait for the peer's FIN for ever
  keep_alive,      // RFC 9293, 3.8.4
  compressed_ack,  // Linux: one ACK for several segments out of order
  pacing,          // output that only time keeps back
};
inline constexpr std::size_t kTimerCount = 9;

class Deadlines {
 public:
  Deadlines() { at_.fill(Instant::never()); }
  void set(Timer timer, Instant when) { at_[index(timer)] = when; }
  void cancel(Timer timer) { at_[index(timer)] = Instant::never(); }
  void cancel_all() { at_.fill(Instant::never()); }
  bool is_set(Timer timer) const { return at_[index(timer)] != Instant::never(); }
  Instant operator[](Timer timer) const { return at_[index(timer)]; }
  Instant earliest() const { return *std::min_element(at_.begin(), at_.end()); }

 private:
  static std::size_t index(Timer timer) { return static_cast<std::size_t>(timer); }
  std::array<Instant, kTimerCount> at_;
};

}  // namespace tuntcp
