// RACK: what was sent before something that arrived, and long enough before it, is lost. RFC 8985,
// 6, in the form that Linux has: time alone decides, with a reordering window that adapts.
//
// Not here: the tail loss probe (tail_probe.h), and where the timer runs (../timeouts.cc).
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "stack/base/seq_num.h"
#include "stack/base/time.h"
#include "stack/tcp/recovery/scoreboard.h"

namespace tuntcp {
class Canonical;
}

namespace tuntcp::tcp::recovery {

class Rack {
 public:
  // RFC 8985, 6.2, step 2: something was delivered that left at `sent_at`. `min_rtt`: of the
  // connection; a retransmission that seems faster is an ACK of the original.
  struct Delivered {
    Instant sent_at;
    SeqNum end;
    bool was_repeated = false;
  };
  void on_delivered(const Delivered& delivered, Instant now, Duration min_rtt);

  // 6.2, step 4: the reordering window.
  struct Path {
    Duration min_rtt;
    Duration srtt;
    bool reordering_seen = false;
    bool in_recovery = false;        // or in loss
    bool has_enough_sacked = false;  // DupThresh segments were SACKed
  };
  Duration reordering_window(const Path& path) const;

  // A D-SACK says that a retransmission was needless: the window was too small.
  void on_dsack() { dsack_seen_ = true; }
  // Once for each ACK that delivers; `prior_delivered` is of the newest segment it delivered, or 0.
  void adapt_window(std::uint64_t prior_delivered, std::uint64_t delivered, bool is_static);
  void on_recovery_exit() {
    if (persist_ != 0) --persist_;
  }
  // A recovery was undone because of D-SACKs: the wider window is kept for a while (RFC 8985, 6.2).
  void keep_window() { persist_ = std::min<std::uint8_t>(persist_ + 1, kPersist); }

  // 6.2, step 5, RACK_detect_loss(): marks what is lost. Answers how long to wait until the next
  // transmission can be found lost; zero: no timer is needed. `lose` is called for each.
  template <class Lose>
  Duration detect(Scoreboard& board, Duration window, Instant now, Lose lose) {
    const auto left = [&](const Transmission& t) { return t.sent_at + rtt_ + window - now; };
    for (Transmission* t = board.oldest(); t != nullptr;) {
      Transmission* const next = t->links.sent_after;
      if (!is_sent_before_delivered(*t) || left(*t) > Duration::zero()) break;
      lose(*t);
      t = next;
    }
    // Of those that are not lost yet the youngest is waited for: then all of them are decided.
    const Transmission* const youngest = board.youngest_before(
        [this](const Transmission& t) { return is_sent_before_delivered(t); });
    return youngest != nullptr ? std::max(left(*youngest), Duration::zero()) : Duration::zero();
  }
  // After a timeout: when would this have been found lost by time alone? Not above `now`: it is.
  Instant lost_at(const Transmission& transmission) const { return transmission.sent_at + rtt_; }

  // Something was delivered since the last call: there may be something to detect.
  bool take_advanced() { return std::exchange(advanced_, false); }
  void detect_again() { advanced_ = true; }
  Duration rtt() const { return rtt_; }

  void describe(Canonical& out) const;

 private:
  static constexpr std::uint8_t kPersist = 16;  // recoveries: RFC 8985, 6.2

  bool is_sent_before_delivered(const Transmission& transmission) const {
    if (transmission.sent_at != sent_at_) return transmission.sent_at < sent_at_;
    return transmission.range.end < end_;
  }

  Instant sent_at_;  // RACK.segment.xmit_ts: when the newest segment that was delivered left
  SeqNum end_;       // RACK.segment.end_seq
  Duration rtt_;     // RACK.rtt
  std::uint64_t window_since_ = 0;  // octets delivered when the window was last widened
  std::uint8_t steps_ = 1;          // RACK.reo_wnd_mult
  std::uint8_t persist_ = 0;        // RACK.reo_wnd_persist
  bool dsack_seen_ = false;
  bool advanced_ = false;
};

}  // namespace tuntcp::tcp::recovery
