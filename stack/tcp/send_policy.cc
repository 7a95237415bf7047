#include "stack/tcp/send_policy.h"

#include <algorithm>

namespace tuntcp::tcp {

std::uint32_t may_send(const SendRequest& request) {
  const std::uint32_t allowed = std::min(request.window_left, request.congestion_left);
  const std::uint32_t octets = std::min({request.unsent, allowed, request.most});
  if (request.unsent == 0) return 0;

  // 3.8.6.2.1, (1): full segments always may. What is left over waits for the rules below, unless
  // it ends the packet because the packet is full.
  const std::uint32_t full = octets - octets % request.mss;
  const std::uint32_t rest = octets - full;
  if (rest == 0 && full != 0) return full;
  const bool takes_all = octets == request.unsent;
  // (2): everything queued may leave, subject to Nagle (3.7.4).
  if (takes_all && (request.may_send_small || request.is_last)) return octets;
  if (full != 0) return full;
  if (takes_all) return 0;  // Nagle: an ACK will let it go
  // (3): half of the largest window the peer ever offered is not silly, for a peer with a window
  // smaller than our segments. Less waits for the persist timer, (4). A part of a segment only
  // because of the congestion window is never worth it.
  //
  // Deviation: RFC 9293, 3.8.6.2.1 puts this, too, under Nagle's "[SND.NXT = SND.UNA and]". To
  // Linux (tcp_bound_to_half_wnd) half of the peer's largest window is a full-sized segment, and
  // Nagle never holds these: a peer with a small window would get one segment a round trip.
  const bool window_ends_it = request.window_left <= request.congestion_left;
  return window_ends_it && rest >= request.max_window / 2 ? rest : 0;
}

}  // namespace tuntcp::tcp
