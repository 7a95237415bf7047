#include "stack/wire/drop_reason.h"

namespace tuntcp::wire {

const char* to_string(DropReason reason) {
  switch (reason) {
    case DropReason::none:
      return "none";
    case DropReason::ip_truncated:
      return "IP packet truncated";
    case DropReason::ip_bad_version:
      return "IP version unknown";
    case DropReason::ip_bad_header:
      return "IP header malformed";
    case DropReason::ip_bad_checksum:
      return "IP header checksum wrong";
    case DropReason::ip_bad_source:
      return "IP source not a host's address";
    case DropReason::ip_not_for_us:
      return "IP destination not an address of this host";
    case DropReason::ip_source_route:
      return "IP source route not accepted";
    case DropReason::ip_fragment:
      return "IP fragment without a whole";
    case DropReason::ip_unknown_protocol:
      return "IP protocol unknown";
    case DropReason::tcp_truncated:
      return "TCP header truncated";
    case DropReason::tcp_bad_header:
      return "TCP data offset malformed";
    case DropReason::tcp_bad_checksum:
      return "TCP checksum wrong";
    case DropReason::icmp_malformed:
      return "ICMP message malformed";
    case DropReason::icmp_ignored:
      return "ICMP message of no concern";
  }
  return "unknown reason";
}

}  // namespace tuntcp::wire
