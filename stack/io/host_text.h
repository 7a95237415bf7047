// A host's connections, counters and knobs as text: what ss(8), nstat(8) and sysctl(8) would print
// about it, and the requests that ask for that. How requests arrive is not here: see control.h.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "stack/base/time.h"
#include "stack/host/host.h"

namespace tuntcp::io {

struct TableOptions {
  bool with_listeners = true;
  bool with_connections = true;
  bool with_details = false;  // a second line for each: windows, round-trip times, octets
};
// As `ss -tan -o`: State Recv-Q Send-Q Local Peer timer:(timewait,59sec,0).
std::string connection_table(const Host& host, Instant now, const TableOptions& options = {});

// As `nstat -as`: a name and a value a line; those that are zero only if asked for.
std::string counter_table(const Host& host, bool with_zeros);

// All knobs, "net.ipv4.tcp_fin_timeout = 60" a line.
std::string knob_table(const Host& host);

// One request, and its answer or one line that says what is wrong:
//   ss [-a] [-l] [-i]       nstat [-z]       sysctl -a | NAME... | NAME=VALUE...
// Changes of knobs take effect at once.
std::expected<std::string, std::string> answer_request(Host& host, Instant now,
                                                       std::string_view request);

}  // namespace tuntcp::io
