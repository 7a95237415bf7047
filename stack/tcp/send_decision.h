// What may leave next, how many octets of it, for which reason, and not before when: one answer
// that joins what recovery wants sent again, the peer's window, the congestion window and the
// pacer. RFC 9293, 3.8 and 3.10.2; RFC 6675, 4 (NextSeg); RFC 8985, 7.3. Changes nothing.
//
// Not here: how a segment is built (output.cc), Nagle and silly windows (send_policy.h), window
// probes, which are no text (output.cc).
#pragma once

#include <cstdint>

#include "stack/tcp/shared.h"

namespace tuntcp::tcp {

enum class SendReason : std::uint8_t {
  nothing,     // until something happens, or `not_before`
  lost,        // recovery found it lost, or too big for the path
  new_text,    // the windows have room; the FIN belongs to it
  rescue,      // RFC 6675, 4, NextSeg (4): the last segment again, so that ACKs go on
  tail_probe,  // RFC 8985, 7.3: new text if there is some, else the last segment again
};

struct SendDecision {
  SendReason reason = SendReason::nothing;
  SeqNum begin;
  std::uint32_t octets = 0;  // of text
  bool with_fin = false;
  bool is_new = false;  // from SND.NXT on
  // For `nothing`: text could leave then, and only time keeps it.
  Instant not_before = Instant::never();
};

// How a segment of this turn is cut.
struct SegmentSize {
  std::uint32_t mss = 0;
  std::uint32_t most = 0;  // text of one packet: a multiple of the MSS, or the MSS
};

SendDecision decide_send(const Tcb& tcb, const SegmentSize& size, Instant now);

}  // namespace tuntcp::tcp
