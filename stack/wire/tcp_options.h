// TCP options: RFC 9293, 3.2; RFC 7323 (window scale, timestamps); RFC 2018 and 2883 (SACK).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "stack/base/bytes.h"
#include "stack/base/seq_num.h"

namespace tuntcp::wire {

inline constexpr std::uint32_t kMaxOptionOctets = 40;
inline constexpr std::uint8_t kMaxWindowShift = 14;  // RFC 7323, 2.3

struct Timestamps {
  std::uint32_t value = 0;  // TSval
  std::uint32_t echo = 0;   // TSecr
  friend constexpr bool operator==(const Timestamps&, const Timestamps&) = default;
};

// All options of one segment. Absent ones are empty; unknown ones are skipped (MUST-6). Of an
// option that comes twice the last counts, as in Linux.
struct TcpOptions {
  std::optional<std::uint16_t> mss{};
  std::optional<std::uint8_t> window_shift{};  // as received: above 14 the user takes 14
  std::optional<Timestamps> timestamps{};
  bool sack_permitted = false;
  std::uint8_t sack_count = 0;
  std::array<SeqRange, 4> sack{};  // the first sack_count are set, in the order of the wire
  // A length of 0 or 1, one that overruns the header, or one wrong for its kind was met.
  // Overruns and lengths below 2 end the parsing (MUST-7); a wrong length skips the option.
  bool malformed = false;

  friend bool operator==(const TcpOptions&, const TcpOptions&) = default;
};

// Total, and linear in the length. `options` is what lies between octet 20 and the data offset.
TcpOptions parse_options(Bytes options);

// Writes the options in Linux's order and padding and returns the octets written, a multiple of 4
// and at most 40:  on a SYN  mss, sackOK, ts, nop wscale;  otherwise  nop nop ts, nop nop sack.
// SACK blocks that do not fit are left out from the end.
std::uint32_t write_options(const TcpOptions& options, std::uint8_t* out);

}  // namespace tuntcp::wire
