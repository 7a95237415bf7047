// What `ss -i` of iproute2 prints about one connection: the same fields, names, units and order.
#pragma once

#include <string>

#include "stack/host/status.h"

namespace tuntcp::io {

// "ts sack cubic wscale:10,10 rto:204 ...", without an end of line. Rates are bits a second, times
// milliseconds, cwnd, ssthresh, unacked, lost and sacked segments. Fields that say nothing are left
// out, as ss does. Empty for a connection of which only the addresses are kept (TIME-WAIT, and
// SYN-RECEIVED of a listener). Any thread.
std::string ss_info(const Status& status);

}  // namespace tuntcp::io
