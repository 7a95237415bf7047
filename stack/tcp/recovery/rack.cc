#include "stack/tcp/recovery/rack.h"

#include <algorithm>

#include "stack/base/canonical.h"

namespace tuntcp::tcp::recovery {

void Rack::on_delivered(const Delivered& delivered, Instant now, Duration min_rtt) {
  const Duration rtt = now - delivered.sent_at;
  if (delivered.was_repeated && rtt < min_rtt) return;
  advanced_ = true;
  rtt_ = rtt;
  const bool is_newer =
      delivered.sent_at != sent_at_ ? delivered.sent_at > sent_at_ : delivered.end > end_;
  if (!is_newer && sent_at_ != Instant()) return;
  sent_at_ = delivered.sent_at;
  end_ = delivered.end;
}

// RFC 8985, 6.2, step 4. Without a sign of reordering three SACKed segments are evidence enough, as
// they always were; with one, a quarter of the least round trip is waited, and more once D-SACKs
// show that it was too little.
Duration Rack::reordering_window(const Path& path) const {
  if (!path.reordering_seen && (path.in_recovery || path.has_enough_sacked)) {
    return Duration::zero();
  }
  return std::min(path.min_rtt / 4 * steps_, path.srtt);
}

void Rack::adapt_window(std::uint64_t prior_delivered, std::uint64_t delivered, bool is_static) {
  if (is_static || prior_delivered == 0) return;
  // Once in a round trip: what left before the window was widened says nothing about it.
  if (prior_delivered < window_since_) dsack_seen_ = false;
  if (dsack_seen_) {
    steps_ = static_cast<std::uint8_t>(std::min(steps_ + 1, 255));
    dsack_seen_ = false;
    window_since_ = delivered;
    persist_ = kPersist;
  } else if (persist_ == 0) {
    steps_ = 1;
  }
}

void Rack::describe(Canonical& out) const {
  out.age(sent_at_);
  out.duration(rtt_);
  out.number(steps_ | persist_ << 8 | dsack_seen_ << 16 | advanced_ << 17);
}

}  // namespace tuntcp::tcp::recovery
