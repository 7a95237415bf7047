// base/siphash.h: SipHash-2-4.
#include "stack/base/siphash.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/support/hex.h"

namespace tuntcp {
namespace {

using test::from_hex;
using test::Octets;

// The key 00 01 02 ... 0f of the paper's appendix A, read as two little-endian words.
constexpr SipKey kPaperKey{.k0 = 0x0706050403020100, .k1 = 0x0f0e0d0c0b0a0908};

struct Vector {
  std::size_t octets;
  std::uint64_t hash;
};

// Message 00 01 02 ... of each length: the paper's own vector is the one of 15 octets. The others
// are OpenSSL's: openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -macopt size:8 SIPHASH
class SipHashVector : public testing::TestWithParam<Vector> {};
INSTANTIATE_TEST_SUITE_P(
    Lengths, SipHashVector,
    testing::Values(Vector{0, 0x726fdb47dd0e0e31}, Vector{1, 0x74f839c593dc67fd},
                    Vector{7, 0xab0200f58b01d137}, Vector{8, 0x93f5f5799a932462},
                    Vector{9, 0x9e0082df0ba9e4b0}, Vector{12, 0x751e8fbc860ee5fb},
                    Vector{15, 0xa129ca6149be45e5}, Vector{16, 0x3f2acc7f57c29bdb},
                    Vector{36, 0x314dffbe0815a3b4}, Vector{63, 0x958a324ceb064572},
                    Vector{64, 0xacd2c40b8502cad8}));

TEST_P(SipHashVector, IsReproduced) {
  Octets message(GetParam().octets);
  std::iota(message.begin(), message.end(), std::uint8_t{0});
  EXPECT_EQ(siphash(kPaperKey, message), GetParam().hash);
}

TEST(SipHash, OfAnIpv4TupleIsThatOfItsOctetsInOrder) {
  const FourTuple tuple{.local = {.address = *IpAddress::parse("198.51.100.1"), .port = 80},
                        .remote = {.address = *IpAddress::parse("203.0.113.2"), .port = 40'001}};
  EXPECT_EQ(siphash(kPaperKey, tuple), siphash(kPaperKey, from_hex("c6336401 cb007102 0050 9c41")));
}

TEST(SipHash, OfAnIpv6TupleIsThatOfItsOctetsInOrder) {
  const FourTuple tuple{
      .local = {.address = *IpAddress::parse("2001:db8::1"), .port = 80},
      .remote = {.address = *IpAddress::parse("2001:db8:1:2:3:4:5:6"), .port = 40'001}};
  EXPECT_EQ(siphash(kPaperKey, tuple), siphash(kPaperKey, from_hex(R"(
      2001 0db8 0000 0000 0000 0000 0000 0001
      2001 0db8 0001 0002 0003 0004 0005 0006
      0050 9c41)")));
}

// Else one key would give both directions of a hairpin connection the same sequence numbers.
TEST(SipHash, TellsATupleFromItsReverse) {
  const FourTuple tuple{.local = {.address = *IpAddress::parse("198.51.100.1"), .port = 80},
                        .remote = {.address = *IpAddress::parse("203.0.113.2"), .port = 40'001}};
  EXPECT_NE(siphash(kPaperKey, tuple), siphash(kPaperKey, tuple.reversed()));
}

TEST(SipKey, IsDrawnInTheOrderOfTheSource) {
  SeededRandom a(1);
  SeededRandom b(1);
  const SipKey key = SipKey::draw(a);
  EXPECT_EQ(key.k0, b.next());
  EXPECT_EQ(key.k1, b.next());
}

}  // namespace
}  // namespace tuntcp
