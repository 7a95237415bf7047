// May this text leave now? RFC 9293, 3.7.4 (Nagle, SHLD-7) and 3.8.6.2.1 (sender's silly-window
// avoidance, MUST-38). Pure: a few numbers in, a decision out.
#pragma once

#include <cstdint>

namespace tuntcp::tcp {

// What is known when text could be sent.
struct SendRequest {
  std::uint32_t unsent = 0;           // octets queued and never sent
  std::uint32_t window_left = 0;      // what the peer's window still allows
  std::uint32_t congestion_left = 0;  // what the congestion window still allows
  std::uint32_t mss = 0;
  std::uint32_t most = 0;        // one packet's text: a multiple of the MSS, or the MSS
  std::uint32_t max_window = 0;  // Max(SND.WND)
  bool may_send_small = false;   // Nagle is off, or it has nothing to wait for
  bool is_last = false;          // CLOSE was called: nothing will be added
};

// Deviation: 3.8.6.2.1, (3) lets half of the largest window leave only while nothing is
// outstanding. As in Linux (tcp_bound_to_half_wnd) such a half is a full-sized segment: a segment
// or packet of `octets` is cut to half of the largest window the peer ever offered, or to all of
// one of at most 536 octets, but not below `least`.
std::uint32_t bound_to_half_window(std::uint32_t octets, std::uint32_t max_window,
                                   std::uint32_t least);

// How many octets may leave as the next packet.
std::uint32_t may_send(const SendRequest& request);

}  // namespace tuntcp::tcp
