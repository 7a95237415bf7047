// RFC 9293, 3.10.7, "SEGMENT ARRIVES", for connections that have a Tcb.
#pragma once

#include "stack/tcp/segment.h"
#include "stack/tcp/shared.h"

namespace tuntcp::tcp {

// Updates the Tcb, marks it ready if something may have to be sent, and sets its events. Sends
// nothing by itself but replies that belong to no connection (a RST). May end the connection.
void segment_arrives(Tcb& tcb, Segment& seg, Instant now);

}  // namespace tuntcp::tcp
