// Which controller a connection has: tcp_congestion_control, TCP_CONGESTION. The controllers
// themselves are in congestion/.
#pragma once

#include <string_view>

#include "stack/tcp/tcb.h"

namespace tuntcp::tcp {

// Of a connection that begins: the one of that name, or, if it is empty, the sysctl's. It must be
// one of the host's.
void choose_controller(Tcb& tcb, std::string_view name);
// The handshake is over. `segments` is the initial window.
void start_controller(Tcb& tcb, std::uint32_t segments, Instant now);
// At any time later: the window and the episode go on. It must be one of the host's.
void switch_controller(Tcb& tcb, std::string_view name, Instant now);
// What a controller has to tell the counters.
void count_early_exit(Tcb& tcb);

}  // namespace tuntcp::tcp
