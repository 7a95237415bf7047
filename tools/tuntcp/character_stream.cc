#include "tools/tuntcp/character_stream.h"

#include <algorithm>
#include <vector>

namespace tuntcp::tools {

namespace {

constexpr std::size_t kPieceOctets = 256 * 1024;

std::vector<char> generate(std::size_t octets) {
  std::vector<char> text;
  text.reserve(octets + 74);
  for (std::size_t line = 0; text.size() < octets; ++line) {
    for (std::size_t column = 0; column < 72; ++column) {
      text.push_back(static_cast<char>(' ' + (line + column) % 95));
    }
    text.push_back('\r');
    text.push_back('\n');
  }
  return text;
}

}  // namespace

std::span<const char> characters(std::uint64_t offset, std::uint64_t at_most) {
  static const std::vector<char> text = generate(kCharacterPeriod + kPieceOctets);
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kPieceOctets, at_most));
  return {text.data() + offset % kCharacterPeriod, size};
}

}  // namespace tuntcp::tools
