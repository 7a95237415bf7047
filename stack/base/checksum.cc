// RFC 1071. A one's-complement sum does not care where carries are added back (2^16 is 1 modulo
// 2^16 - 1) nor about byte order (section 2), so octets are summed as words of 64 bits as they lie
// in memory, and folded once at the end.
#include "stack/base/checksum.h"

#include "stack/base/check.h"

namespace tuntcp {
namespace {

std::uint64_t load_native64(const std::uint8_t* p) {
  std::uint64_t v = 0;
  std::memcpy(&v, p, sizeof v);
  return v;
}

std::uint16_t in_memory_order(std::uint16_t host) {
  return std::endian::native == std::endian::little ? __builtin_bswap16(host) : host;
}

std::uint16_t fold(std::uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

// The sum of one piece, as if it began at an even place and an odd end were padded with zero.
// Below 2^48 for anything that fits into memory.
std::uint64_t sum_of(Bytes octets) {
  const std::uint8_t* p = octets.data();
  std::size_t left = octets.size();

  // No carry is ever looked at: `whole` adds the 64-bit words modulo 2^64 and `high` their upper
  // halves exactly, so the sum of the lower halves is whole - (high << 32), exact as well. That is
  // three vector operations for 16 octets; eight lanes keep the additions independent.
  constexpr std::size_t kLanes = 8;
  std::uint64_t whole[kLanes] = {};
  std::uint64_t high[kLanes] = {};
  while (left >= kLanes * 8) {
    for (std::size_t i = 0; i < kLanes; ++i) {
      const std::uint64_t word = load_native64(p + i * 8);
      whole[i] += word;
      high[i] += word >> 32;
    }
    p += kLanes * 8;
    left -= kLanes * 8;
  }
  std::uint64_t all_whole = 0;
  std::uint64_t all_high = 0;
  for (std::size_t i = 0; i < kLanes; ++i) {
    all_whole += whole[i];
    all_high += high[i];
  }
  while (left >= 8) {
    const std::uint64_t word = load_native64(p);
    all_whole += word;
    all_high += word >> 32;
    p += 8;
    left -= 8;
  }
  if (left > 0) {
    std::uint64_t word = 0;
    std::memcpy(&word, p, left);
    all_whole += word;
    all_high += word >> 32;
  }
  const std::uint64_t all_low = all_whole - (all_high << 32);
  return (all_low & 0xffffffff) + (all_low >> 32) + (all_high & 0xffffffff) + (all_high >> 32);
}

}  // namespace

void ChecksumSum::add(Bytes octets) {
  std::uint64_t sum = sum_of(octets);
  // RFC 1071, 2(B): from an odd place on every octet counts for the other half of its word.
  if (odd_) sum = __builtin_bswap16(fold(sum));
  sum_ += sum;
  odd_ ^= octets.size() % 2 != 0;
}

void ChecksumSum::add_word(std::uint16_t word) {
  TUNTCP_DCHECK(!odd_);
  sum_ += in_memory_order(word);
}

std::uint16_t ChecksumSum::folded() const {
  return in_memory_order(fold(sum_));
}

ChecksumSum pseudo_header_sum(const IpAddress& source, const IpAddress& destination,
                              std::uint8_t protocol, std::uint32_t octets) {
  ChecksumSum sum;
  sum.add({source.octets(), source.size()});
  sum.add({destination.octets(), destination.size()});
  sum.add_word(protocol);
  sum.add_word(static_cast<std::uint16_t>(octets >> 16));
  sum.add_word(static_cast<std::uint16_t>(octets));
  return sum;
}

std::uint16_t checksum(Bytes octets) {
  ChecksumSum sum;
  sum.add(octets);
  return sum.checksum();
}

}  // namespace tuntcp
