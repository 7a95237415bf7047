// IP_MTU_DISCOVER and IPV6_MTU_DISCOVER: how a connection learns how large its packets may be. See
// path_mtu.h.
#pragma once

#include <cstdint>

#include "stack/tcp/sysctl.h"

namespace tuntcp::tcp {

// Linux's values, IP_PMTUDISC_DONT to IP_PMTUDISC_OMIT. DF is of IPv4; over IPv6 only the last two
// differ from the others.
enum class MtuDiscovery : std::uint8_t {
  dont,           // no DF: routers cut what is too long
  want,           // DF, unless the path is too narrow for us to follow
  always,         // DF
  probe,          // no DF, but what was too big is cut anew
  of_link,        // no DF, and nothing is believed of what routers say
  of_link_loose,  // the same
};

// Over IPv4, of who does not say: ip_no_pmtu_disc decides. (Over IPv6 Linux has no such knob.)
inline MtuDiscovery default_mtu_discovery(const Sysctl& sysctl) {
  return sysctl.ip_no_pmtu_disc == 0 ? MtuDiscovery::want : MtuDiscovery::dont;
}

}  // namespace tuntcp::tcp
