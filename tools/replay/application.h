// What the application of one captured side did, as far as its packets tell: RFC 9293, 3.10.1 to
// 3.10.5 (the user calls), told by their traces on the wire.
//
//   the first SYN                     OPEN, if no SYN of the other end came first
//   new text                          SEND of everything up to the next PSH, at the time of its
//                                     first segment; a PSH on a full segment does not end it if
//                                     what follows leaves with an ACK
//   the first FIN                     CLOSE; as close(2), unless the side took text afterwards
//   RST with ACK before any FIN       ABORT (an answer to a bad segment has no ACK)
//   a probe of a closed window        SEND of what follows, when the window was found closed
//   a right edge that stays behind    the application does not read, until the edge moves on
#pragma once

#include <cstdint>
#include <vector>

#include "tools/replay/flow.h"

namespace tuntcp::replay {

struct Action {
  enum class Kind : std::uint8_t {
    open,
    send,
    close,    // shutdown(SHUT_WR): receiving goes on
    release,  // close(2)
    abort,
    stop_reading,
    start_reading,
  };
  Kind kind = Kind::open;
  std::uint32_t number = 0;  // of the packet that shows it
  // Index into Flow::packets: the action comes right before that packet, or right after it.
  std::size_t index = 0;
  bool comes_after = false;
  std::vector<std::uint8_t> octets;  // send
};

struct Application {
  std::vector<Action> actions;  // by index
  bool listens = false;         // the side answered a SYN with SYN,ACK
  bool no_delay = false;        // it sent what Nagle's algorithm would have held back
  std::vector<Notice> notices;  // holes
};

Application application_of(const Flow& flow, Side played);

}  // namespace tuntcp::replay
