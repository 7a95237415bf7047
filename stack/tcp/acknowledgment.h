// What an acceptable acknowledgment changes: the ACK half of RFC 9293, 3.10.7.4, fifth, with
// RFC 6298 (round-trip times), RFC 5681 (congestion control) and the send window's update.
#pragma once

#include "stack/tcp/segment.h"
#include "stack/tcp/shared.h"

namespace tuntcp::tcp {

// Our SYN is acknowledged by `seg`: ESTABLISHED, with the send side ready to run.
void become_established(Tcb& tcb, const Segment& seg, Cause cause, Instant now);

// SEG.ACK lies in SND.UNA - Max(SND.WND) .. SND.NXT.
void accept_acknowledgment(Tcb& tcb, const Segment& seg, Instant now);

}  // namespace tuntcp::tcp
