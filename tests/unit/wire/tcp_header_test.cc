// wire/tcp_header.h: RFC 9293, 3.1.
#include "stack/wire/tcp_header.h"

#include <gtest/gtest.h>

#include "stack/base/checksum.h"
#include "tests/support/hex.h"

namespace tuntcp::wire {
namespace {

using test::first_octets;
using test::from_hex;
using test::Octets;

// A Linux SYN: its 20 octets and the 20 of its options.
Octets syn() {
  return from_hex(R"(
      cc58 0050 9b61 9ea1 0000 0000 a002 faf0
      54a0 0000 0204 05b4 0402 080a 71e6 8cc8
      0000 0000 0103 030a)");
}

DropReason reason(Bytes segment) {
  const auto header = parse_tcp(segment);
  return header ? DropReason::none : header.error();
}

TEST(ParseTcp, FieldsAreRead) {
  const auto header = parse_tcp(syn());
  ASSERT_TRUE(header);
  EXPECT_EQ(header->source, 52'312);
  EXPECT_EQ(header->destination, 80);
  EXPECT_EQ(header->seq, SeqNum(2'606'866'081));
  EXPECT_EQ(header->ack, SeqNum(0));
  EXPECT_EQ(header->header_octets, 40);
  EXPECT_EQ(header->flags, Flag::syn);
  EXPECT_EQ(header->window, 64'240);
  EXPECT_EQ(header->checksum, 0x54a0);
  EXPECT_EQ(header->urgent_pointer, 0);
}

// MUST-1: the window is unsigned. MUST-64: fields may lie at any alignment.
TEST(ParseTcp, LargestValuesAreReadAtAnOddPlace) {
  const Octets shifted = from_hex("00 ffff fffe ffff fffd ffff fffc 50ff fffb fffa fff9");
  const auto header = parse_tcp(Bytes(shifted).subspan(1));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->source, 0xffff);
  EXPECT_EQ(header->destination, 0xfffe);
  EXPECT_EQ(header->seq, SeqNum(0xfffffffd));
  EXPECT_EQ(header->ack, SeqNum(0xfffffffc));
  EXPECT_EQ(header->flags.octet(), 0xff);
  EXPECT_EQ(header->window, 0xfffb);
  EXPECT_EQ(header->checksum, 0xfffa);
  EXPECT_EQ(header->urgent_pointer, 0xfff9);
}

class TruncatedSegment : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(BelowTheFixedPart, TruncatedSegment, testing::Range<std::size_t>(0, 20));
TEST_P(TruncatedSegment, IsDropped) {
  EXPECT_EQ(reason(first_octets(syn(), GetParam())), DropReason::tcp_truncated);
}

class CutOptions : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(BelowTheDataOffset, CutOptions, testing::Range<std::size_t>(20, 40));
TEST_P(CutOptions, AreABadHeader) {
  EXPECT_EQ(reason(first_octets(syn(), GetParam())), DropReason::tcp_bad_header);
}

class DataOffset : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(EveryValue, DataOffset, testing::Range(0U, 16U));
TEST_P(DataOffset, MustCoverTheFixedPart) {
  Octets segment = syn();
  segment.resize(60);
  segment[12] = static_cast<std::uint8_t>(GetParam() << 4);
  const auto header = parse_tcp(segment);
  EXPECT_EQ(header.has_value(), GetParam() >= 5);
  EXPECT_EQ(header ? header->header_octets : 0U, GetParam() >= 5 ? GetParam() * 4 : 0);
}

// RFC 9293, 3.1: reserved bits "must be ignored in received segments".
TEST(ParseTcp, ReservedBitsAreIgnored) {
  Octets segment = syn();
  segment[12] |= 0x0f;
  const auto header = parse_tcp(segment);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->header_octets, 40);
  EXPECT_EQ(header->flags, Flag::syn);
}

TEST(Flags, AreTheRfcsBits) {
  EXPECT_EQ((Flag::fin | Flag::syn | Flag::rst | Flag::psh).octet(), 0x0f);
  EXPECT_EQ((Flag::ack | Flag::urg | Flag::ece | Flag::cwr).octet(), 0xf0);
  EXPECT_TRUE((Flag::syn | Flag::ack).has(Flag::ack));
  EXPECT_FALSE(Flags(Flag::syn).has(Flag::ack));
  EXPECT_EQ((Flag::syn | Flag::ack).without(Flag::syn), Flag::ack);
}

TEST(WriteTcp, WritesTheHeaderThatLinuxWrites) {
  Octets out(20, 0xaa);
  write_tcp({.source = 52'312,
             .destination = 80,
             .seq = SeqNum(2'606'866'081),
             .window = 64'240,
             .flags = Flag::syn,
             .header_octets = 40},
            out.data());
  Octets expected = syn();
  expected.resize(20);
  store_be16(&expected[kTcpChecksumOffset], 0);
  EXPECT_EQ(out, expected);
}

TEST(WriteTcp, WrittenFieldsAreReadBack) {
  Octets out(60);
  write_tcp({.source = 1,
             .destination = 65'535,
             .seq = SeqNum(0x80000000),
             .ack = SeqNum(0xffffffff),
             .window = 0xfedc,
             .urgent_pointer = 0x1234,
             .checksum = 0xbeef,
             .flags = Flag::ack | Flag::urg | Flag::cwr,
             .header_octets = 60},
            out.data());
  const auto header = parse_tcp(out);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->source, 1);
  EXPECT_EQ(header->destination, 65'535);
  EXPECT_EQ(header->seq, SeqNum(0x80000000));
  EXPECT_EQ(header->ack, SeqNum(0xffffffff));
  EXPECT_EQ(header->window, 0xfedc);
  EXPECT_EQ(header->urgent_pointer, 0x1234);
  EXPECT_EQ(header->checksum, 0);
  EXPECT_EQ(header->flags, Flag::ack | Flag::urg | Flag::cwr);
  EXPECT_EQ(header->header_octets, 60);
}

// MUST-2 and MUST-3, on the captured SYN. Linux left its field to the device, as the sum of the
// pseudo-header; the complement of the sum of the segment with that field is the checksum
// (Documentation/networking/checksum-offloads).
class TcpChecksum : public testing::Test {
 protected:
  const IpAddress source_ = *IpAddress::parse("198.51.100.1");
  const IpAddress destination_ = *IpAddress::parse("198.51.100.9");
  Octets completed() const {
    Octets segment = syn();
    store_be16(&segment[kTcpChecksumOffset], checksum(segment));
    return segment;
  }
};

TEST_F(TcpChecksum, CompletedByTheDeviceIsValid) {
  EXPECT_TRUE(has_valid_tcp_checksum(source_, destination_, completed()));
}

TEST_F(TcpChecksum, LeftToTheDeviceIsNotYetValid) {
  EXPECT_FALSE(has_valid_tcp_checksum(source_, destination_, syn()));
}

TEST_F(TcpChecksum, CoversTheAddresses) {
  EXPECT_FALSE(has_valid_tcp_checksum(source_, *IpAddress::parse("198.51.100.8"), completed()));
}

TEST_F(TcpChecksum, CoversTheLength) {
  Octets segment = completed();
  segment.push_back(0);
  EXPECT_FALSE(has_valid_tcp_checksum(source_, destination_, segment));
}

TEST_F(TcpChecksum, CoversEveryBit) {
  Octets segment = completed();
  for (std::size_t bit = 0; bit < segment.size() * 8; ++bit) {
    segment[bit / 8] ^= static_cast<std::uint8_t>(0x80 >> bit % 8);
    ASSERT_FALSE(has_valid_tcp_checksum(source_, destination_, segment)) << "bit " << bit;
    segment[bit / 8] ^= static_cast<std::uint8_t>(0x80 >> bit % 8);
  }
}

}  // namespace
}  // namespace tuntcp::wire
