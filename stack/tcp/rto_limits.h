// Between which bounds a socket's retransmission timeouts stay.
#pragma once

#include "stack/base/time.h"
#include "stack/tcp/sysctl.h"

namespace tuntcp::tcp {

struct RtoLimits {
  Duration least = Duration::milliseconds(200);  // of the variance term: RFC 6298, 2.4, and Rtt
  Duration most = Duration::seconds(120);        // that doubling leads to: RFC 6298, 2.5
};

// As Linux, a socket keeps those of when it was made.
inline RtoLimits rto_limits(const Sysctl& sysctl) {
  return {.least = Duration::microseconds(sysctl.tcp_rto_min_us),
          .most = Duration::milliseconds(sysctl.tcp_rto_max_ms)};
}

}  // namespace tuntcp::tcp
