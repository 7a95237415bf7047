// The endless stream of RFC 864's generator: lines of 72 of the 95 printing characters, each line
// beginning one character later than the one before. It repeats after 95 lines, 7,030 octets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tuntcp::tools {

inline constexpr std::size_t kCharacterPeriod = 95 * 74;  // with CR and LF

// Octets from `offset` of the stream: at least 256 KB, and never the same twice in a row if read on
// from where they end. No more than `at_most`.
std::span<const char> characters(std::uint64_t offset, std::uint64_t at_most);

}  // namespace tuntcp::tools
