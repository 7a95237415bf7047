// A segment as the state machine sees it: RFC 9293, 3.3.1, "current segment variables".
#pragma once

#include <cstdint>

#include "stack/base/seq_num.h"
#include "stack/buffer/arena.h"
#include "stack/wire/source_route.h"
#include "stack/wire/tcp_header.h"
#include "stack/wire/tcp_options.h"

namespace tuntcp::tcp {

using wire::Flag;
using wire::Flags;

// A super-packet of 64 KB is one Segment; `wire_segments` says how many it was on the wire.
struct Segment {
  SeqNum seq;                        // SEG.SEQ
  SeqNum ack;                        // SEG.ACK, meaningful with the ACK bit
  std::uint32_t len = 0;             // SEG.LEN: octets of text, plus one each for SYN and FIN
  std::uint16_t wnd = 0;             // SEG.WND as on the wire, not scaled
  std::uint16_t urgent_pointer = 0;  // SEG.UP
  Flags flags;
  std::uint8_t ecn = 0;  // the two ECN bits of the IP header
  std::uint32_t wire_segments = 1;
  wire::TcpOptions options;
  buffer::Slice text{};
  bool had_syn = false;  // until that octet was cut off
  // The way back, if it came over a source route: only while its arrival is looked at.
  const wire::SourceRoute* return_route = nullptr;

  // RFC 7323, 2.2: "The window field in a segment where the SYN bit is set ... MUST NOT be scaled."
  bool has_unscaled_window() const { return had_syn || has(Flag::syn); }

  bool has(Flag flag) const { return flags.has(flag); }
  SeqNum end() const { return seq + len; }
};

}  // namespace tuntcp::tcp
