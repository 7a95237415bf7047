// Segments as tests write and read them: numbers relative to the two initial sequence numbers, so
// that 1 is the first octet of text in either direction, whatever ISS and IRS are.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "stack/base/address.h"
#include "stack/base/time.h"
#include "stack/tcp/state.h"
#include "stack/wire/tcp_header.h"
#include "stack/wire/tcp_options.h"
#include "tests/support/hex.h"

namespace tuntcp::test {

using wire::Flag;
using wire::Flags;

// The octet at this place of either stream: text is checked against it wherever it turns up.
constexpr std::uint8_t octet_at(std::int64_t position) {
  const auto p = static_cast<std::uint64_t>(position);
  return static_cast<std::uint8_t>((p * 167 + (p >> 8) * 59 + (p >> 16) * 11) & 0xff);
}

// A SACK block, relative to ISS in what the peer sends and to IRS in what the host sends.
struct Block {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  friend bool operator==(const Block&, const Block&) = default;
};
std::ostream& operator<<(std::ostream& out, const Block& block);

// ---- What the peer sends. Whatever is left out is what an honest peer would say.
struct Seg {
  Flags flags{};
  std::optional<std::int64_t> seq{};  // relative to IRS; else the peer's next
  std::optional<std::int64_t> ack{};  // relative to ISS; else all that the host sent
  std::uint32_t len = 0;              // octets of text
  std::optional<std::uint16_t> window{};
  std::uint16_t urgent = 0;
  std::optional<std::uint16_t> mss{};
  std::optional<std::uint8_t> wscale{};
  bool sack_permitted = false;
  std::optional<wire::Timestamps> ts{};  // else the peer's clock, if timestamps are agreed
  bool no_ts = false;
  std::vector<Block> sack{};
  Octets raw_options{};       // instead of all options
  bool bad_checksum = false;  // of TCP
  std::uint16_t gso_size = 0;
  std::uint8_t ecn = 0;  // of the IP header: 2 is ECT(0), 3 is CE
};
// The same segment with more flags.
Seg syn(Seg seg = {});      // SYN
Seg syn_ack(Seg seg = {});  // SYN,ACK
Seg ack(Seg seg = {});      // ACK
Seg data(Seg seg);          // ACK, with `len` octets
Seg fin(Seg seg = {});      // FIN,ACK
Seg rst(Seg seg = {});      // RST
Seg rst_ack(Seg seg = {});  // RST,ACK
Seg bare(Seg seg = {});     // no flag at all

// ---- Octets of packets, written by hand: nothing of the stack is used.
struct RawSegment {
  IpAddress source{};
  IpAddress destination{};
  Port source_port = 0;
  Port destination_port = 0;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint8_t flags = 0;
  std::uint16_t window = 0;
  std::uint16_t urgent = 0;
  Octets options{};  // a multiple of four
  Octets text{};
  bool bad_checksum = false;
  std::uint8_t traffic_class = 0;
};
Octets make_packet(const RawSegment& segment);
// Of one's complement, over octets of even or odd length.
std::uint16_t sum_of_words(const Octets& octets);

// ---- What the host sent.
struct Sent {
  Duration at{};  // since the drill began
  FourTuple tuple{};
  std::int64_t seq = 0;  // relative to ISS
  std::int64_t ack = 0;  // relative to IRS
  SeqNum raw_seq{};
  SeqNum raw_ack{};
  Flags flags{};
  std::uint32_t len = 0;
  std::uint16_t window = 0;  // as on the wire
  std::uint16_t urgent = 0;
  wire::TcpOptions options{};
  std::vector<Block> sack{};
  std::uint16_t gso_size = 0;
  bool needs_checksum = false;
  std::uint8_t hop_limit = 0;
  std::uint8_t traffic_class = 0;
  std::uint32_t total_octets = 0;
  bool dont_fragment = false;        // IPv4
  std::uint16_t identification = 0;  // IPv4
  std::uint32_t flow_label = 0;      // IPv6
  Octets text{};

  std::int64_t end() const {
    return seq + len + (flags.has(Flag::syn) ? 1 : 0) + (flags.has(Flag::fin) ? 1 : 0);
  }
};
std::ostream& operator<<(std::ostream& out, const Sent& sent);
// One line in packetdrill's notation, without time and direction.
std::string describe(Flags flags, std::int64_t seq, std::int64_t ack, std::uint32_t len,
                     std::uint16_t window, const wire::TcpOptions& options,
                     const std::vector<Block>& sack);

// ---- Matchers. What is left out may be anything.
struct Want {
  std::optional<std::int64_t> seq{};
  std::optional<std::int64_t> ack{};
  std::optional<std::uint32_t> len{};
  std::optional<std::uint16_t> window{};
  std::optional<std::vector<Block>> sack{};
  std::optional<Duration> at{};
};
using SentMatcher = testing::Matcher<const Sent&>;
SentMatcher IsSyn(const Want& want = {});
SentMatcher IsSynAck(const Want& want = {});
SentMatcher IsAck(const Want& want = {});   // ACK alone, no text
SentMatcher IsData(const Want& want = {});  // ACK, perhaps PSH, and text
SentMatcher IsFin(const Want& want = {});   // FIN,ACK, with or without text
SentMatcher IsRst(const Want& want = {});   // RST without ACK; `seq` as the peer knows it
SentMatcher IsRstAck(const Want& want = {});
MATCHER_P(HasFlag, flag, "") {
  return arg.flags.has(flag);
}

}  // namespace tuntcp::test

namespace tuntcp::tcp {
inline void PrintTo(State state, std::ostream* out) {
  *out << rfc_name(state);
}
}  // namespace tuntcp::tcp
