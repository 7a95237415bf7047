// The one writer of a connection's state, and what ending it means.
#pragma once

#include "stack/base/error.h"
#include "stack/tcp/shared.h"
#include "stack/tcp/state.h"

namespace tuntcp::tcp {

// The only assignment to Tcb::state. The move must be one of kTransitions.
void enter(Tcb& tcb, State next, Cause cause);

// Ends the connection: CLOSED, every queue and timer dropped but what the application can still
// read, and the application told why. `error` is Error::none for a normal end.
void end(Tcb& tcb, Error error, Cause cause);

// ABORT as in 3.10.5: sends a RST where the peer needs one, then ends.
void abort(Tcb& tcb, Error error, Cause cause, Instant now);

}  // namespace tuntcp::tcp
