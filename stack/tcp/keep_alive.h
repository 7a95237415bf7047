// What an application may ask of keep-alives: RFC 9293, 3.8.4. When they are sent is in
// timeouts.cc.
#pragma once

#include <cstdint>

#include "stack/base/time.h"

namespace tuntcp::tcp {

// MUST-24, MUST-25: they can be turned on and off for each connection, and are off by default.
// Zeros: the knobs decide.
struct KeepAlive {
  bool is_on = false;                    // SO_KEEPALIVE
  Duration idle = Duration::zero();      // TCP_KEEPIDLE; tcp_keepalive_time
  Duration interval = Duration::zero();  // TCP_KEEPINTVL; tcp_keepalive_intvl
  std::uint8_t probes = 0;               // TCP_KEEPCNT; tcp_keepalive_probes
};

}  // namespace tuntcp::tcp
