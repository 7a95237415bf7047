// Explicit congestion notification of an established connection: RFC 3168, 6.1.2 to 6.1.5, as Linux
// does it. The handshake's part is in negotiation.h, the codepoints are set by output.cc, ECE is an
// episode of recovery/, and how far the window shrinks is for congestion/ to say.
#pragma once

#include "stack/tcp/segment.h"
#include "stack/tcp/shared.h"

namespace tuntcp::tcp {

// 6.1.3: text inside the window came; CE is echoed by every segment until the peer sends CWR.
void note_codepoint(Tcb& tcb, const Segment& seg);

// The congestion window was reduced: the peer is told with the next new text (6.1.2).
void note_reduction(Tcb& tcb);

}  // namespace tuntcp::tcp
