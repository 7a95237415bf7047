// Is the congestion window what limits us? A window that was not used has not been tested and must
// not grow (RFC 7661, 4.2; RFC 5681 is silent). Linux's rule, tcp_is_cwnd_limited.
#pragma once

#include <cstdint>

#include "stack/base/seq_num.h"
#include "stack/tcp/congestion/controller.h"

namespace tuntcp::tcp::congestion {

// Remembers of the current flight whether it filled the window, and how much it came to.
class WindowUse {
 public:
  struct Flight {
    SeqNum una;
    SeqNum nxt;
    std::uint32_t outstanding = 0;       // octets of SND.UNA to SND.NXT
    bool is_held_by_the_window = false;  // more would have left, or no whole segment fits any more
  };
  // After sending. What the last flight showed is forgotten when it is acknowledged.
  void on_sent(const Flight& flight) {
    const bool is_new_flight = flight.una >= end_of_flight_;
    if (is_new_flight || flight.is_held_by_the_window ||
        (!was_filled_ && flight.outstanding > most_outstanding_)) {
      was_filled_ = flight.is_held_by_the_window;
      most_outstanding_ = flight.outstanding;
      end_of_flight_ = flight.nxt;
    }
  }
  void restart(SeqNum una) { *this = WindowUse{una}; }

  // In slow start the window may always be twice what was in flight.
  bool is_limiting(const Window& window) const {
    if (was_filled_) return true;
    return window.cwnd < window.ssthresh && window.cwnd / 2 < most_outstanding_;
  }

  // To a Canonical.
  template <class Out>
  void describe(Out& out) const {
    out.local(end_of_flight_);
    out.number(most_outstanding_);
    out.number(was_filled_);
  }

  WindowUse() = default;

 private:
  explicit WindowUse(SeqNum una) : end_of_flight_(una) {}

  SeqNum end_of_flight_;
  std::uint32_t most_outstanding_ = 0;
  bool was_filled_ = false;
};

}  // namespace tuntcp::tcp::congestion
