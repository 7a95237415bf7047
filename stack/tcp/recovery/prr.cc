#include "stack/tcp/recovery/prr.h"

#include <algorithm>
#include <limits>

#include "stack/base/canonical.h"

namespace tuntcp::tcp::recovery {

void Prr::begin(const Begin& begin) {
  *this = {};
  is_active_ = true;
  flight_ = std::max(begin.flight, 1U);
  ssthresh_ = begin.ssthresh;
  mss_ = std::max(begin.mss, 1U);
  window_ = begin.flight;
}

void Prr::on_ack(const Ack& ack) {
  if (!is_active_ || ack.delivered == 0) return;
  delivered_ += ack.delivered;
  std::int64_t may_send = 0;
  if (ack.in_flight > ssthresh_) {
    // In proportion: ssthresh / RecoverFS of what was delivered, rounded up to a whole segment.
    const std::uint64_t exact = (std::uint64_t{ssthresh_} * delivered_ + flight_ - 1) / flight_;
    const std::uint64_t segments = (exact + mss_ - 1) / mss_;
    may_send = static_cast<std::int64_t>(segments * mss_) - static_cast<std::int64_t>(out_);
  } else {
    // Below ssthresh: back up to it, by slow start while ACKs are safe (PRR-SSRB), else no more
    // than was delivered (PRR-CRB).
    // Whole segments: what was delivered may have been shorter than what leaves.
    const std::uint64_t delivered =
        std::max<std::uint64_t>(delivered_ - std::min(delivered_, out_), ack.delivered);
    const auto conserved = static_cast<std::int64_t>((delivered + mss_ - 1) / mss_ * mss_);
    const std::int64_t grown = conserved + (ack.is_safe ? mss_ : 0);
    may_send = std::min<std::int64_t>(ssthresh_ - ack.in_flight, grown);
  }
  // "Force a fast retransmit upon entering fast recovery": the first ACK lets out one at least.
  may_send = std::max<std::int64_t>(may_send, out_ == 0 ? mss_ : 0);
  const std::int64_t window = std::max(std::int64_t{ack.in_flight} + may_send, std::int64_t{mss_});
  window_ = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(window, 0, std::numeric_limits<std::int32_t>::max()));
}

void Prr::describe(Canonical& out) const {
  out.number(is_active_);
  if (!is_active_) return;
  out.number(delivered_);
  out.number(out_);
  out.number(flight_);
  out.number(ssthresh_);
  out.number(window_);
}

}  // namespace tuntcp::tcp::recovery
