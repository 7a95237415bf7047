// The Internet checksum: RFC 1071. One's-complement sums of 16-bit words, kept unfolded while
// they are added up.
#pragma once

#include <cstdint>

#include "stack/base/address.h"
#include "stack/base/bytes.h"

namespace tuntcp {

// A running one's-complement sum over octets that may come in several pieces, also of odd length.
class ChecksumSum {
 public:
  // Adds the next octets of the same message. The order of calls matters after an odd piece.
  void add(Bytes octets);
  // Adds one 16-bit word in host order; only at an even place of the message.
  void add_word(std::uint16_t word);
  // The sum folded to 16 bits, in host order, not complemented.
  std::uint16_t folded() const;
  // The value for a checksum field, in host order: the complement of folded().
  std::uint16_t checksum() const { return static_cast<std::uint16_t>(~folded()); }

 private:
  std::uint64_t sum_ = 0;  // of words as they lie in memory
  bool odd_ = false;
};

// The pseudo-header of RFC 9293, 3.1 (IPv4) or RFC 8200, 8.1 (IPv6).
// `octets`: length of the TCP header and its data, or of the ICMPv6 message.
ChecksumSum pseudo_header_sum(const IpAddress& source, const IpAddress& destination,
                              std::uint8_t protocol, std::uint32_t octets);

// The checksum of one buffer, in host order; 0 when the buffer already holds a right one.
std::uint16_t checksum(Bytes octets);

}  // namespace tuntcp
