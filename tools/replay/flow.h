// The connections of a capture: which packets belong together and which end is which.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/replay/packet.h"

namespace tuntcp::replay {

enum class Side : std::uint8_t { client, server };
const char* to_string(Side side);

// All packets between two endpoints, later incarnations of the connection and ICMP errors about it
// included; or all echo requests and replies between two addresses.
struct Flow {
  std::uint32_t number = 0;  // 1 for the first of the file
  bool is_echo = false;
  Endpoint client;  // who sent the first packet
  Endpoint server;
  std::vector<Packet> packets;  // in the order of the file

  // Which end sent it. An ICMP error counts as sent by the end that it does not go to.
  Side sender(const Packet& packet) const;
  const Endpoint& end(Side side) const { return side == Side::client ? client : server; }
  std::string to_string() const;
};

// The largest text of one segment that the two ends agreed on: the smaller MSS, less timestamps.
// Nothing if no SYN tells.
std::optional<std::uint32_t> agreed_text(const Flow& flow);

struct Flows {
  std::vector<Flow> flows;
  std::vector<Notice> notices;  // of the capture and of its packets, by number
};

// Takes the capture's packets apart. Super-packets (a capture taken before the device cut them) are
// cut into the segments that were on the wire.
Flows split(Capture capture);

}  // namespace tuntcp::replay
