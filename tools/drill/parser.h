// From the text of a packet script to its tree (script.h). The dialect is packetdrill's, as its
// syntax.md gives it; what of it is known only by sight becomes an UnknownSpec.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/drill/scanner.h"
#include "tools/drill/script.h"

namespace tuntcp::drill {

// How deep brackets may nest.
inline constexpr int kMaxNesting = 32;

// ScriptError where `text` is not a script. Total and bounded for any text: no more memory than a
// small multiple of it, no recursion deeper than kMaxNesting.
Script parse(std::string_view text, const std::string& file);

// Numbers as scripts write them. ScriptError where it is above `most`.
std::uint64_t number_of(const Scanner& scanner, const Token& token, std::uint64_t most);

// Thrown by parse_packet() where a packet has something known only by sight.
struct KnownBySight {
  Position at{};
  std::string what{};
};

// Of "3021b9d8"; nothing where it is none.
std::optional<std::vector<std::uint8_t>> octets_of_hex(const std::string& text);

// One packet, behind "<" or ">". In packet_parser.cc.
PacketSpec parse_packet(Scanner& scanner, Direction direction);

}  // namespace tuntcp::drill
