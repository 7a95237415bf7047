// RFC 1071. A one's-complement sum does not care where carries are added back (2^16 is 1 modulo
// 2^16 - 1) nor about byte order (section 2), so octets are summed as words of 64 bits as they lie
// in memory, and folded once at the end.
#include "stack/base/checksum.h"

#include "stack/base/check.h"

namespace tuntcp {
namespace {

template <class Word>
Word load_native(const std::uint8_t* p) {
  Word v{};
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

// Adds words of 64 bits without ever looking at a carry: `whole` modulo 2^64 and `high`, their
// upper halves, exactly. Hence the sum of the lower halves, whole - (high << 32), is exact too.
// `Word` is one such word or a vector of two: three vector operations for 16 octets.
template <class Word>
struct WordSum {
  Word whole{};
  Word high{};

  void add(Word word) {
    whole += word;
    high += word >> 32;
  }
};
using WordPair = std::uint64_t __attribute__((vector_size(16)));

// The sum of one piece, as if it began at an even place and an odd end were padded with zero.
std::uint64_t sum_of(Bytes octets) {
  const std::uint8_t* p = octets.data();
  std::size_t left = octets.size();
  WordSum<std::uint64_t> sum;

  // Independent sums, for the additions to overlap. Short pieces (headers, addresses) do not repay
  // adding these up.
  constexpr std::size_t kSums = 2;
  constexpr std::size_t kBlockOctets = kSums * sizeof(WordPair);
  if (left >= 2 * kBlockOctets) {
    WordSum<WordPair> sums[kSums];
    for (; left >= kBlockOctets; p += kBlockOctets, left -= kBlockOctets) {
      for (std::size_t i = 0; i < kSums; ++i) {
        sums[i].add(load_native<WordPair>(p + i * sizeof(WordPair)));
      }
    }
    for (const auto& pair : sums) {
      sum.whole += pair.whole[0] + pair.whole[1];
      sum.high += pair.high[0] + pair.high[1];
    }
  }
  for (; left >= 8; p += 8, left -= 8) sum.add(load_native<std::uint64_t>(p));
  if ((left & 4) != 0) {
    sum.add(load_native<std::uint32_t>(p));
    p += 4;
  }
  if ((left & 2) != 0) {
    sum.add(load_native<std::uint16_t>(p));
    p += 2;
  }
  if ((left & 1) != 0) sum.add(in_memory_order(static_cast<std::uint16_t>(*p << 8)));
  const std::uint64_t low = sum.whole - (sum.high << 32);
  return (low & 0xffffffff) + (low >> 32) + (sum.high & 0xffffffff) + (sum.high >> 32);
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
