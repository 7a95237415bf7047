#include "stack/tcp/send_policy.h"

#include <algorithm>

namespace tuntcp::tcp {

std::uint32_t bound_to_half_window(std::uint32_t octets, std::uint32_t max_window,
                                   std::uint32_t least) {
  // Of a window this small a half is not worth a segment: the whole of it is.
  constexpr std::uint32_t kSmallWindow = 536;
  const std::uint32_t bound = max_window > kSmallWindow ? max_window / 2 : max_window;
  return bound == 0 || octets <= bound ? octets : std::max(bound, least);
}

std::uint32_t may_send(const SendRequest& request) {
  // No packet takes more than half of the largest window (Linux), so that the peer acknowledges the
  // first half while the second is under way.
  const std::uint32_t half = bound_to_half_window(request.most, request.max_window, request.mss);
  const std::uint32_t most = std::max(half - half % request.mss, request.mss);
  const std::uint32_t allowed = std::min(request.window_left, request.congestion_left);
  const std::uint32_t octets = std::min({request.unsent, allowed, most});

  // 3.8.6.2.1, (1): full segments always may. Half of the largest window, (3), is one as well: see
  // effective_send_mss(). What is left over waits for the rules below, unless it ends the packet
  // because the packet is full.
  const std::uint32_t full = octets - octets % request.mss;
  const std::uint32_t rest = octets - full;
  if (rest == 0) return full;
  // (2): everything queued may leave, subject to Nagle (3.7.4).
  const bool takes_all = octets == request.unsent;
  if (takes_all && (request.may_send_small || request.is_last)) return octets;
  // Linux: behind a full segment the rest of the peer's window is used, too, so that an odd window
  // is filled. A part of a segment only because of the congestion window is never worth it; less
  // than a segment alone waits for the persist timer, (4).
  const bool window_ends_it = request.window_left <= request.congestion_left;
  return full != 0 && window_ends_it && request.may_send_small ? octets : full;
}

}  // namespace tuntcp::tcp
