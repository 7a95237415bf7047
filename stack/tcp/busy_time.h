// How long there was something to send, and what kept it back: tcpi_busy_time, tcpi_rwnd_limited
// and tcpi_sndbuf_limited, with Linux's meaning. Nothing is decided by it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "stack/base/time.h"

namespace tuntcp::tcp {

class BusyTime {
 public:
  enum class Limit : std::uint8_t {
    idle,         // nothing is queued or outstanding
    other,        // the path, or an application that wrote no more
    peer_window,  // the congestion window would let more go
    send_buffer,  // all of it is sent, and the application waits for room in it
  };

  // From `now` on it is this.
  void note(Limit limit, Instant now) {
    if (limit == limit_) return;
    spent_[index(limit_)] += now - since_;
    limit_ = limit;
    since_ = now;
  }

  // So far. Of Limit::idle only what lies between others.
  Duration spent(Limit limit, Instant now) const {
    const Duration before = spent_[index(limit)];
    return limit == limit_ ? before + (now - since_) : before;
  }
  Duration busy(Instant now) const {
    return spent(Limit::other, now) + spent(Limit::peer_window, now) +
           spent(Limit::send_buffer, now);
  }

 private:
  static std::size_t index(Limit limit) { return static_cast<std::size_t>(limit); }

  std::array<Duration, 4> spent_{};
  Limit limit_ = Limit::idle;
  Instant since_;
};

}  // namespace tuntcp::tcp
