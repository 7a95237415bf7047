// What happened in a world, line by line, in the manner of packetdrill's scripts: the time since
// the start, "<" for what reaches a host and ">" for what leaves it, sequence numbers relative to
// the initial ones.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <tuple>

#include "stack/sim/world.h"

namespace tuntcp::sim {

class Transcript {
 public:
  // Keeps the last `most_lines`. `world` must outlive it; it looks on from now on.
  Transcript(World& world, std::size_t most_lines);
  Transcript(const Transcript&) = delete;
  Transcript& operator=(const Transcript&) = delete;

  // One line each; the first says how many are missing, if any are.
  std::string text() const;

 private:
  // Source, destination and their ports.
  using Flow = std::tuple<std::string, Port, std::string, Port>;

  void add(const PacketNews& news);
  void add_line(HostIndex host, std::string line);
  std::string describe(Bytes packet);

  World& world_;
  std::size_t most_lines_;
  std::uint64_t missing_ = 0;
  std::deque<std::string> lines_;
  std::map<Flow, std::uint32_t> isns_;
};

}  // namespace tuntcp::sim
