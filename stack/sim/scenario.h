// A whole run, drawn from its seed: hosts and their knobs, links, connections, and what goes wrong.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "stack/host/host.h"
#include "stack/sim/application.h"
#include "stack/sim/world.h"

namespace tuntcp::sim {

struct Scenario {
  // One end: 0 opens; 1 accepts, or opens as well.
  struct End {
    HostIndex host = 0;
    Habits habits;
    SocketOptions options;
  };
  struct Connection {
    Family family = Family::ipv4;
    bool is_simultaneous = false;  // both ends call OPEN
    Duration opened_after;
    std::array<End, 2> ends;
  };
  struct Path {
    HostIndex from = 0;
    HostIndex to = 0;
    LinkSettings settings;
  };

  WorldConfig world;
  std::vector<Path> paths;
  std::vector<Connection> connections;
  int backlog = 64;
  Duration accept_delay;
  // The MTU of host 0's link becomes this small in the middle.
  std::optional<std::uint32_t> later_mtu;
  // Only what a bad path does is in the way, so every graceful stream must succeed.
  bool must_succeed = true;

  // Where an end's connection is, if it opens.
  Port port(std::size_t connection, std::size_t end) const {
    return static_cast<Port>(20'000 + 2 * connection + end);
  }
  Endpoint local(std::size_t connection, std::size_t end) const;
  Endpoint remote(std::size_t connection, std::size_t end) const;
};
// Where every host listens.
inline constexpr Port kListeningPort = 80;

Scenario draw_scenario(std::uint64_t seed);

}  // namespace tuntcp::sim
