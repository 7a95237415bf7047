// base/checksum.h: RFC 1071.
#include "stack/base/checksum.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "stack/base/random.h"
#include "tests/support/hex.h"

namespace tuntcp {
namespace {

using test::from_hex;
using test::Octets;

// RFC 1071, 1, word for word: 16-bit integers of adjacent octets, an odd last one padded with
// zero, added with end-around carry. One addition at a time, so slow and plainly right.
std::uint16_t sum_by_definition(Bytes octets) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    sum += i % 2 == 0 ? static_cast<std::uint32_t>(octets[i]) << 8 : octets[i];
    if (sum > 0xffff) sum = sum - 0x10000 + 1;
  }
  return static_cast<std::uint16_t>(sum);
}

Octets random_octets(std::size_t count, std::uint64_t seed) {
  SeededRandom random(seed);
  Octets octets(count);
  std::ranges::generate(octets, [&] { return static_cast<std::uint8_t>(random.next()); });
  return octets;
}

std::uint16_t sum_of(Bytes octets) {
  ChecksumSum sum;
  sum.add(octets);
  return sum.folded();
}

// RFC 1071, 3: the numerical example.
TEST(Checksum, OfTheRfcsExampleIsItsSum) {
  const Octets octets = from_hex("0001 f203 f4f5 f6f7");
  EXPECT_EQ(sum_of(octets), 0xddf2);
  EXPECT_EQ(checksum(octets), 0x220d);
}

TEST(Checksum, OfNothingIsAllOnes) {
  EXPECT_EQ(sum_of({}), 0);
  EXPECT_EQ(checksum({}), 0xffff);
}

TEST(Checksum, OddLastOctetIsPaddedOnTheRight) {
  EXPECT_EQ(sum_of(from_hex("12")), 0x1200);
  EXPECT_EQ(sum_of(from_hex("0001 f2")), 0xf201);
}

// A header that holds its own checksum sums up to zero. Captured from Linux's TCP.
TEST(Checksum, OfARightIpv4HeaderIsZero) {
  EXPECT_EQ(checksum(from_hex("4500 003c 249e 4000 4006 c1ac c633 6401 c633 6409")), 0);
  EXPECT_NE(checksum(from_hex("4500 003c 249e 4000 4006 c1ac c633 6401 c633 640a")), 0);
}

class ChecksumOfLength : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Short, ChecksumOfLength, testing::Range<std::size_t>(0, 200));
INSTANTIATE_TEST_SUITE_P(Long, ChecksumOfLength,
                         testing::Values(1459, 1460, 8191, 65'495, 65'535, 1U << 20));

TEST_P(ChecksumOfLength, AgreesWithTheDefinitionAtEveryAlignment) {
  const Octets octets = random_octets(GetParam() + 8, GetParam());
  for (std::size_t start = 0; start < 8; ++start) {
    const Bytes piece = Bytes(octets).subspan(start, GetParam());
    ASSERT_EQ(sum_of(piece), sum_by_definition(piece)) << "at alignment " << start;
  }
}

// All ones make every addition carry.
TEST_P(ChecksumOfLength, AgreesWithTheDefinitionOnAllOnes) {
  const Octets octets(GetParam(), 0xff);
  EXPECT_EQ(sum_of(octets), sum_by_definition(octets));
}

// RFC 1071, 2(B) and 2(C): a message may be summed in pieces, odd ones too.
TEST(Checksum, InTwoPiecesIsThatOfTheWhole) {
  const Octets octets = random_octets(131, 7);
  for (std::size_t cut = 0; cut <= octets.size(); ++cut) {
    ChecksumSum sum;
    sum.add(Bytes(octets).first(cut));
    sum.add(Bytes(octets).subspan(cut));
    ASSERT_EQ(sum.folded(), sum_by_definition(octets)) << "cut at " << cut;
  }
}

TEST(Checksum, InManyOddPiecesIsThatOfTheWhole) {
  const Octets octets = random_octets(1'460, 8);
  SeededRandom random(9);
  for (int round = 0; round < 200; ++round) {
    ChecksumSum sum;
    Bytes left = octets;
    while (!left.empty()) {
      const std::size_t piece = std::min<std::size_t>(left.size(), random.next() % 97);
      sum.add(left.first(piece));
      left = left.subspan(piece);
    }
    ASSERT_EQ(sum.folded(), sum_by_definition(octets)) << "round " << round;
  }
}

TEST(Checksum, WordCountsAsItsTwoOctets) {
  ChecksumSum sum;
  sum.add(from_hex("0001"));
  sum.add_word(0xf203);
  sum.add(from_hex("f4f5 f6f7"));
  EXPECT_EQ(sum.folded(), 0xddf2);
}

TEST(Checksum, ManyWordsKeepEveryCarry) {
  ChecksumSum sum;
  for (int i = 0; i < 100'000; ++i) sum.add_word(0xffff);
  EXPECT_EQ(sum.folded(), 0xffff);
}

// What Linux leaves in the checksum field for the device to complete is this very sum, so two
// SYNs captured behind a veth (RFC 9293, 3.1; RFC 8200, 8.1) say what it is.
TEST(PseudoHeader, SumIsWhatLinuxLeavesToTheDevice) {
  EXPECT_EQ(
      pseudo_header_sum(*IpAddress::parse("198.51.100.1"), *IpAddress::parse("198.51.100.9"), 6, 40)
          .folded(),
      0x54a0);
  EXPECT_EQ(pseudo_header_sum(*IpAddress::parse("2001:db8:1::2"),
                              *IpAddress::parse("2001:db8:2::2"), 6, 40)
                .folded(),
            0x5ba7);
}

// RFC 8200, 8.1: the length has 32 bits there.
TEST(PseudoHeader, LengthAbove64KilobytesCountsWithItsUpperHalf) {
  const IpAddress any = IpAddress::any(Family::ipv6);
  EXPECT_EQ(pseudo_header_sum(any, any, 6, 0x0001'0000).folded(), 7);
  EXPECT_EQ(pseudo_header_sum(any, any, 6, 0x0001'0002).folded(), 9);
}

}  // namespace
}  // namespace tuntcp
