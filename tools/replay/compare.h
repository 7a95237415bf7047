// What the captured side sent beside what the engine sent instead: two rows of packets, aligned,
// and every difference by name. pcap-fixtures/README.md explains the names and the tolerances.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/replay/player.h"

namespace tuntcp::replay {

enum class DifferenceKind : std::uint8_t {
  missing,            // captured, and the engine sent nothing like it
  extra,              // the engine sent what was not captured; numbered by the packet before it
  flags,              // other than PSH
  push,               // PSH
  seq,                // sequence number
  ack,                // acknowledgment number
  length,             // of the text
  text,               // its octets
  options,            // kinds, MSS, window scale
  sack,               // blocks
  timestamp,          // TSval, where the captured clock ticks once a millisecond
  echo,               // TSecr
  window,             // of a SYN; or one is closed (0) and the other is open
  window_autotuning,  // both are open, and differ by more than a quarter and one unit of the scale
  urgent,             // urgent pointer
  ecn,                // ECN field of the IP header
  icmp,               // type, code or data of an echo
  time,               // by more than time_tolerance() of the time since the side's last packet
};
const char* to_string(DifferenceKind kind);
std::optional<DifferenceKind> parse_difference_kind(std::string_view name);

struct Difference {
  DifferenceKind kind = DifferenceKind::missing;
  std::uint32_t number = 0;
  std::string detail;
};

// One line of the two-sided account: a packet of the remote end, or one of the played side as it
// was captured, as the engine sent it, or both.
struct Row {
  const Packet* captured = nullptr;
  const Packet* engine = nullptr;
  bool is_fed = false;
  std::vector<Difference> differences;
};

std::vector<Row> compare(const Flow& flow, Side played, const Play& play);

}  // namespace tuntcp::replay
