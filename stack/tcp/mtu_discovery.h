// IP_MTU_DISCOVER: how a connection learns how large its packets may be. See path_mtu.h.
#pragma once

#include <cstdint>

namespace tuntcp::tcp {

enum class MtuDiscovery : std::uint8_t {
  dont,    // no DF: routers cut what is too long
  want,    // DF, unless the path is too narrow for us to follow
  always,  // DF
};

}  // namespace tuntcp::tcp
