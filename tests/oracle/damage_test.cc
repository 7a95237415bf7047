// Damaged segments: where one codec reads the options, the other reads the same or calls them bad.
#include <gtest/gtest.h>
#include <tins/tins.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>
#include <string>

#include "tests/oracle/sample.h"

namespace tuntcp::oracle {
namespace {

// Nothing where libtins refuses the segment or one of its options.
std::optional<wire::TcpOptions> read_by_libtins(const Octets& segment) {
  try {
    return options_read_by_libtins(
        Tins::TCP(segment.data(), static_cast<std::uint32_t>(segment.size())));
  } catch (const Tins::exception_base&) {
    return std::nullopt;
  }
}

// Nothing where we refuse the header or say that an option is malformed.
std::optional<wire::TcpOptions> read_by_us(const Octets& segment) {
  const auto header = wire::parse_tcp(segment);
  if (!header) return std::nullopt;
  const auto options = wire::parse_options(
      Bytes(segment).first(header->header_octets).subspan(wire::kTcpHeaderOctets));
  return options.malformed ? std::nullopt : std::optional(options);
}

// The two differ by design on options that come twice (we take the last, libtins the first) and on
// wrong lengths that libtins lets pass: SACK without a whole block, "SACK permitted" with a value.
bool is_comparable(const Octets& segment) {
  const Tins::TCP tcp(segment.data(), static_cast<std::uint32_t>(segment.size()));
  std::set<int> kinds;
  for (const Tins::TCP::option& option : tcp.options()) {
    const bool is_whole_blocks = option.data_size() != 0 && option.data_size() % 8 == 0;
    if (option.option() == Tins::TCP::SACK && !is_whole_blocks) return false;
    if (option.option() == Tins::TCP::SACK_OK && option.data_size() != 0) return false;
    if (option.option() <= Tins::TCP::NOP) continue;
    if (!kinds.insert(option.option()).second) return false;
  }
  return true;
}

// libtins reads on behind EOL, against RFC 9293, 3.2; so that it finds nothing there, the rest of
// the header becomes EOL too.
void blank_behind_end_of_options(Octets& segment) {
  const std::size_t end = std::min<std::size_t>(segment.size(), (segment[12] >> 4) * 4U);
  std::size_t place = wire::kTcpHeaderOctets;
  while (place < end && segment[place] != Tins::TCP::EOL) {
    if (segment[place] == Tins::TCP::NOP) {
      ++place;
      continue;
    }
    if (place + 1 == end || segment[place + 1] < 2) return;
    place += segment[place + 1];
  }
  for (; place < end; ++place) segment[place] = Tins::TCP::EOL;
}

Octets damaged_segment(SampleSource& source) {
  const OptionChoice choice =
      OptionChoice::number(static_cast<unsigned>(source.at_most(OptionChoice::kCount - 1)));
  const Octets packet = written_by_us(source.draw(Family::ipv4, choice, source.at_most(3)));
  Octets segment(packet.begin() + wire::kIpv4HeaderOctets, packet.end());
  const std::size_t damages = 1 + source.at_most(3);
  for (std::size_t i = 0; i < damages; ++i) {
    // Mostly small values at the options: these are what kinds and lengths are made of.
    const std::size_t place = 12 + source.at_most(segment.size() - 13);
    if (place == 13) continue;
    segment[place] = static_cast<std::uint8_t>(source.at_most(source.at_most(3) == 0 ? 255 : 12));
    if (place == 12) segment[12] = static_cast<std::uint8_t>(segment[12] << 4);
  }
  blank_behind_end_of_options(segment);
  return segment;
}

std::string in_hex(const Octets& segment) {
  std::string text;
  for (const std::uint8_t octet : segment) {
    char digits[4];
    std::snprintf(digits, sizeof digits, "%02x ", octet);
    text += digits;
  }
  return text;
}

TEST(DamagedSegments, AreReadAlikeOrRefused) {
  SampleSource source(20);
  int read_by_both = 0;
  int refused_by_both = 0;
  for (int i = 0; i < 30'000; ++i) {
    const Octets segment = damaged_segment(source);
    const auto theirs = read_by_libtins(segment);
    const auto ours = read_by_us(segment);
    if (!theirs) {
      ASSERT_FALSE(ours) << "segment " << i << ": " << in_hex(segment);
      ++refused_by_both;
      continue;
    }
    if (!is_comparable(segment)) continue;
    ASSERT_EQ(ours, theirs) << "segment " << i << ": " << in_hex(segment);
    ++read_by_both;
  }
  // The generator must have reached both ends.
  EXPECT_GT(read_by_both, 5'000);
  EXPECT_GT(refused_by_both, 5'000);
}

}  // namespace
}  // namespace tuntcp::oracle
