// The TCP header: RFC 9293, 3.1. Options are in tcp_options.h.
#pragma once

#include <cstdint>
#include <expected>

#include "stack/base/address.h"
#include "stack/base/bytes.h"
#include "stack/base/seq_num.h"
#include "stack/wire/drop_reason.h"

namespace tuntcp::wire {

inline constexpr std::uint32_t kTcpHeaderOctets = 20;  // without options
inline constexpr std::uint32_t kTcpMaxHeaderOctets = 60;
inline constexpr std::uint32_t kTcpChecksumOffset = 16;

// The control bits of RFC 9293, 3.1, as one octet.
enum class Flag : std::uint8_t {
  fin = 0x01,
  syn = 0x02,
  rst = 0x04,
  psh = 0x08,
  ack = 0x10,
  urg = 0x20,
  ece = 0x40,
  cwr = 0x80,
};

class Flags {
 public:
  constexpr Flags() = default;
  constexpr Flags(Flag flag) : bits_(static_cast<std::uint8_t>(flag)) {}  // NOLINT: a flag is a set
  static constexpr Flags from_octet(std::uint8_t bits) {
    Flags f;
    f.bits_ = bits;
    return f;
  }
  constexpr std::uint8_t octet() const { return bits_; }
  constexpr bool has(Flag flag) const { return (bits_ & static_cast<std::uint8_t>(flag)) != 0; }
  friend constexpr Flags operator|(Flags a, Flags b) {
    return from_octet(static_cast<std::uint8_t>(a.bits_ | b.bits_));
  }
  constexpr Flags& operator|=(Flags other) { return *this = *this | other; }
  constexpr Flags without(Flag flag) const {
    return from_octet(static_cast<std::uint8_t>(bits_ & ~static_cast<std::uint8_t>(flag)));
  }
  friend constexpr bool operator==(Flags, Flags) = default;

 private:
  std::uint8_t bits_ = 0;
};
constexpr Flags operator|(Flag a, Flag b) {
  return Flags(a) | Flags(b);
}

// The fixed part, decoded. `window` is as on the wire: unsigned (MUST-1) and not yet scaled.
struct TcpHeader {
  Port source = 0;
  Port destination = 0;
  SeqNum seq{};
  SeqNum ack{};
  std::uint16_t window = 0;
  std::uint16_t urgent_pointer = 0;
  std::uint16_t checksum = 0;
  Flags flags;
  std::uint8_t header_octets = kTcpHeaderOctets;  // data offset * 4, options included
};

// Total. `segment` is the IP payload. The checksum is not verified here.
std::expected<TcpHeader, DropReason> parse_tcp(Bytes segment);

// Writes 20 octets (checksum 0) at `out`; `header_octets` says where the data will begin.
void write_tcp(const TcpHeader& header, std::uint8_t* out);

// Is the checksum of this segment right, given its addresses? (MUST-3)
bool has_valid_tcp_checksum(const IpAddress& source, const IpAddress& destination, Bytes segment);

}  // namespace tuntcp::wire
