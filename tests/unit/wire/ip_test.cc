// wire/ip.h: RFC 791, RFC 8200. The packets were captured from Linux 6.18 unless said otherwise.
#include "stack/wire/ip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stack/base/checksum.h"
#include "tests/support/hex.h"

namespace tuntcp::wire {
namespace {

using test::first_octets;
using test::from_hex;
using test::Octets;
using test::operator+;

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

DropReason reason(Bytes packet) {
  const auto header = parse_ip(packet);
  return header ? DropReason::none : header.error();
}

Octets ipv4_syn() {
  return from_hex(R"(
      4500 003c 249e 4000 4006 c1ac c633 6401
      c633 6409 cc58 0050 9b61 9ea1 0000 0000
      a002 faf0 54a0 0000 0204 05b4 0402 080a
      71e6 8cc8 0000 0000 0103 030a)");
}
Octets ipv6_syn() {
  return from_hex(R"(
      600e f0f2 0028 0640 2001 0db8 0001 0000
      0000 0000 0000 0002 2001 0db8 0002 0000
      0000 0000 0000 0002 81d4 1e61 08fd 32d8
      0000 0000 a002 fd20 5ba7 0000 0204 05a0
      0402 080a f8d6 9014 0000 0000 0103 030a)");
}
// A multicast listener report behind hop-by-hop options (router alert, PadN).
Octets ipv6_listener_report() {
  return from_hex(R"(
      6000 0000 0038 0001 0000 0000 0000 0000
      0000 0000 0000 0000 ff02 0000 0000 0000
      0000 0000 0000 0016 3a00 0502 0000 0100
      8f00 3c19 0000 0002 0400 0000 ff02 0000
      0000 0000 0000 0001 ffe8 306d 0400 0000
      ff02 0000 0000 0000 0000 0001 ff00 0002)");
}

// The header's checksum made right again after a change.
Octets with_checksum(Octets packet) {
  const std::size_t header_octets = (packet[0] & 0x0fU) * 4;
  store_be16(&packet[10], 0);
  store_be16(&packet[10], checksum(Bytes(packet).first(header_octets)));
  return packet;
}
Octets ipv4_syn_with(std::size_t place, std::uint8_t value) {
  Octets packet = ipv4_syn();
  packet[place] = value;
  return with_checksum(packet);
}

// IPv4 with 4 * words octets of options between header and an 8-octet payload.
Octets ipv4_with_options(const Octets& options) {
  Octets packet = from_hex("4500 0000 0000 4000 4006 0000 c633 6401 c633 6409") + options +
                  from_hex("0102 0304 0506 0708");
  packet[0] = static_cast<std::uint8_t>(0x45 + options.size() / 4);
  store_be16(&packet[2], static_cast<std::uint16_t>(packet.size()));
  return with_checksum(packet);
}

// IPv6 whose payload is `chain`, the first header of which is `next_header`.
Octets ipv6(std::uint8_t next_header, const Octets& chain) {
  Octets packet = from_hex(R"(
      6000 0000 0000 0040 2001 0db8 0000 0000 0000 0000 0000 0001
      2001 0db8 0000 0000 0000 0000 0000 0002)");
  packet[6] = next_header;
  store_be16(&packet[4], static_cast<std::uint16_t>(chain.size()));
  return packet + chain;
}
Octets tcp_octets() {
  return from_hex("81d4 1e61 08fd 32d8 0000 0000 5002 fd20 0000 0000");
}

TEST(ParseIp, Ipv4HeaderIsRead) {
  const auto header = parse_ip(ipv4_syn());
  ASSERT_TRUE(header);
  EXPECT_EQ(header->source, address("198.51.100.1"));
  EXPECT_EQ(header->destination, address("198.51.100.9"));
  EXPECT_EQ(header->header_octets, 20U);
  EXPECT_EQ(header->total_octets, 60U);
  EXPECT_EQ(header->protocol, kProtocolTcp);
  EXPECT_EQ(header->hop_limit, 64);
  EXPECT_EQ(header->traffic_class, 0);
  EXPECT_FALSE(header->is_fragment);
  EXPECT_EQ(header->fragment_offset, 0);
}

TEST(ParseIp, Ipv6HeaderIsRead) {
  const auto header = parse_ip(ipv6_syn());
  ASSERT_TRUE(header);
  EXPECT_EQ(header->source, address("2001:db8:1::2"));
  EXPECT_EQ(header->destination, address("2001:db8:2::2"));
  EXPECT_EQ(header->header_octets, 40U);
  EXPECT_EQ(header->total_octets, 80U);
  EXPECT_EQ(header->protocol, kProtocolTcp);
  EXPECT_EQ(header->hop_limit, 64);
  EXPECT_EQ(header->traffic_class, 0);
  EXPECT_FALSE(header->is_fragment);
}

// RFC 3168, 5: the ECN field is the two lowest bits of the traffic class.
TEST(ParseIp, TrafficClassIsReadInBothFamilies) {
  EXPECT_EQ(parse_ip(ipv4_syn_with(1, 0xbb))->traffic_class, 0xbb);
  Octets packet = ipv6_syn();
  packet[0] = 0x6b;
  packet[1] = 0xbe;
  EXPECT_EQ(parse_ip(packet)->traffic_class, 0xbb);
}

// Every byte string gives a header or a reason: nothing shorter than the packet is the packet.
class Truncated : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(EveryLength, Truncated, testing::Range<std::size_t>(0, 60));
TEST_P(Truncated, PacketIsDropped) {
  EXPECT_EQ(reason(first_octets(ipv4_syn(), GetParam())), DropReason::ip_truncated);
  EXPECT_EQ(reason(first_octets(ipv6_syn(), GetParam())), DropReason::ip_truncated);
  EXPECT_EQ(reason(first_octets(ipv6_listener_report(), GetParam())), DropReason::ip_truncated);
}

// RFC 9293, 3.1: data ends where IP says; a link may have padded the rest.
TEST(ParseIp, OctetsBehindTheStatedLengthArePadding) {
  const auto v4 = parse_ip(ipv4_syn() + Octets(6));
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->total_octets, 60U);
  const auto v6 = parse_ip(ipv6_syn() + Octets(6));
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->total_octets, 80U);
}

class Version : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(NeitherFourNorSix, Version,
                         testing::Values(0, 1, 2, 3, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15));
TEST_P(Version, UnknownIsDropped) {
  EXPECT_EQ(reason(ipv4_syn_with(0, static_cast<std::uint8_t>(GetParam() << 4 | 5))),
            DropReason::ip_bad_version);
}

// RFC 791, 3.1: "the minimum value for a correct header is 5".
class HeaderLength : public testing::TestWithParam<std::uint8_t> {};
INSTANTIATE_TEST_SUITE_P(BelowFive, HeaderLength, testing::Range<std::uint8_t>(0, 5));
TEST_P(HeaderLength, BelowFiveIsDropped) {
  Octets packet = ipv4_syn();
  packet[0] = static_cast<std::uint8_t>(0x40 | GetParam());
  EXPECT_EQ(reason(packet), DropReason::ip_bad_header);
}

TEST(ParseIp, Ipv4HeaderLongerThanThePacketIsDropped) {
  EXPECT_EQ(reason(first_octets(ipv4_with_options(Octets(40, 1)), 59)), DropReason::ip_truncated);
}

TEST(ParseIp, Ipv4LengthBelowItsHeaderIsDropped) {
  EXPECT_EQ(reason(ipv4_syn_with(3, 19)), DropReason::ip_bad_header);
  EXPECT_EQ(reason(ipv4_syn_with(3, 0)), DropReason::ip_bad_header);
}

TEST(ParseIp, Ipv4HeaderAloneIsAPacket) {
  const auto header = parse_ip(ipv4_syn_with(3, 20));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->total_octets, header->header_octets);
}

TEST(ParseIp, Ipv4LengthAboveWhatIsThereIsDropped) {
  EXPECT_EQ(reason(ipv4_syn_with(3, 61)), DropReason::ip_truncated);
}

// RFC 1122, 3.2.1.2: "MUST verify the IP header checksum". A single wrong bit is always seen.
class WrongBit : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(OfTheAddresses, WrongBit, testing::Range<std::size_t>(12 * 8, 20 * 8));
INSTANTIATE_TEST_SUITE_P(OfTheChecksum, WrongBit, testing::Range<std::size_t>(10 * 8, 12 * 8));
TEST_P(WrongBit, InAnIpv4HeaderIsSeen) {
  Octets packet = ipv4_syn();
  packet[GetParam() / 8] ^= static_cast<std::uint8_t>(0x80 >> GetParam() % 8);
  EXPECT_EQ(reason(packet), DropReason::ip_bad_checksum);
  EXPECT_TRUE(parse_ip(packet, /*checksum_is_valid=*/true));
}

TEST(ParseIp, WrongBitInIpv4OptionsIsSeen) {
  Octets packet = ipv4_with_options(from_hex("9404 0000"));
  packet[23] ^= 1;
  EXPECT_EQ(reason(packet), DropReason::ip_bad_checksum);
}

// RFC 9293, 3.9.2 (MUST-50): IP options that are not understood are ignored.
class Ipv4Options : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Kinds, Ipv4Options,
                         testing::Values("01010101",           // NOP
                                         "94040000",           // router alert
                                         "00ffffff",           // EOL, then anything
                                         "830704c0000201 00",  // loose source route
                                         "4424 0d00 0000 0000 0000 0000 0000 0000 0000 0000"
                                         "0000 0000 0000 0000 0000 0000 0000 0000",  // timestamps
                                         "fe02 fe00",    // a length that overruns
                                         "fe00 0000"));  // a length of 0
TEST_P(Ipv4Options, AreSkipped) {
  const Octets options = from_hex(GetParam());
  const auto header = parse_ip(ipv4_with_options(options));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->header_octets, 20 + options.size());
  EXPECT_EQ(header->total_octets, 28 + options.size());
}

TEST(ParseIp, FullOptionSpaceIsSkipped) {
  EXPECT_EQ(parse_ip(ipv4_with_options(Octets(40, 1)))->header_octets, 60U);
}

TEST(ParseIp, Ipv4FragmentsAreRecognised) {
  const auto first = parse_ip(ipv4_syn_with(6, 0x20));
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->is_fragment);
  EXPECT_EQ(first->fragment_offset, 0);

  const auto last = parse_ip(ipv4_syn_with(7, 0x01));
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->is_fragment);
  EXPECT_EQ(last->fragment_offset, 8);

  const auto farthest = parse_ip(with_checksum([] {
    Octets packet = ipv4_syn();
    packet[6] = 0x1f;
    packet[7] = 0xff;
    return packet;
  }()));
  ASSERT_TRUE(farthest);
  EXPECT_TRUE(farthest->is_fragment);
  EXPECT_EQ(farthest->fragment_offset, 65'528);
}

// The reserved bit and "don't fragment" make no fragment.
TEST(ParseIp, OtherIpv4FlagsMakeNoFragment) {
  const auto header = parse_ip(ipv4_syn_with(6, 0xc0));
  ASSERT_TRUE(header);
  EXPECT_FALSE(header->is_fragment);
  EXPECT_EQ(header->fragment_offset, 0);
}

TEST(ParseIp, LongestStatedPacketsAreAccepted) {
  Octets v4 = ipv4_syn();
  v4.resize(65'535);
  store_be16(&v4[2], 65'535);
  EXPECT_EQ(parse_ip(with_checksum(v4))->total_octets, 65'535U);

  Octets v6 = ipv6_syn();
  v6.resize(40 + 65'535);
  store_be16(&v6[4], 65'535);
  EXPECT_EQ(parse_ip(v6)->total_octets, 65'575U);
}

// Linux's "BIG TCP": a packet that IPv4 has no number for states 0.
TEST(ParseIp, Ipv4LengthZeroOfMoreThanCanBeStatedIsAllThatIsThere) {
  Octets packet = ipv4_syn_with(3, 0);
  packet.resize(65'536);
  EXPECT_EQ(parse_ip(packet)->total_octets, 65'536U);
  packet.resize(65'535);
  EXPECT_EQ(reason(packet), DropReason::ip_bad_header);
}

TEST(ParseIp, HopByHopOptionsAreSkipped) {
  const auto header = parse_ip(ipv6_listener_report());
  ASSERT_TRUE(header);
  EXPECT_EQ(header->header_octets, 48U);
  EXPECT_EQ(header->protocol, kProtocolIcmpv6);
  EXPECT_EQ(header->total_octets, 96U);
}

struct Chain {
  const char* name;
  std::uint8_t first;
  const char* headers;
  DropReason reason = DropReason::none;
  std::uint32_t header_octets = 0;
  std::uint8_t protocol = kProtocolTcp;
};
void PrintTo(const Chain& chain, std::ostream* out) {
  *out << chain.name;
}
class ExtensionHeaders : public testing::TestWithParam<Chain> {};

// RFC 8200, 4.1: what may stand before the transport header, in the recommended order and others.
INSTANTIATE_TEST_SUITE_P(
    Accepted, ExtensionHeaders,
    testing::Values(Chain{.name = "none", .first = 6, .headers = "", .header_octets = 40},
                    Chain{.name = "hop-by-hop, PadN",
                          .first = 0,
                          .headers = "0600 0104 0000 0000",
                          .header_octets = 48},
                    Chain{.name = "hop-by-hop, six Pad1",
                          .first = 0,
                          .headers = "0600 0000 0000 0000",
                          .header_octets = 48},
                    Chain{.name = "hop-by-hop of 16 octets",
                          .first = 0,
                          .headers = "0601 010c 0000 0000 0000 0000 0000 0000",
                          .header_octets = 56},
                    Chain{.name = "destination options",
                          .first = 60,
                          .headers = "0600 0104 0000 0000",
                          .header_octets = 48},
                    Chain{.name = "unknown option that may be skipped",
                          .first = 60,
                          .headers = "0600 3e04 ffff ffff",
                          .header_octets = 48},
                    Chain{.name = "routing, no segments left",
                          .first = 43,
                          .headers = "0602 0000 0000 0000 2001 0db8 0000 0000 0000 0000 0000 0003",
                          .header_octets = 64},
                    Chain{.name = "unknown routing type, no segments left",
                          .first = 43,
                          .headers = "0600 fd00 0000 0000",
                          .header_octets = 48},
                    Chain{.name = "all in order",
                          .first = 0,
                          .headers = "3c00 0104 0000 0000 2b00 0104 0000 0000 2c00 0400 0000 0000"
                                     "3c00 0000 1234 5678 0600 0104 0000 0000",
                          .header_octets = 80},
                    Chain{.name = "eight",
                          .first = 60,
                          .headers = "3c00 0104 0000 0000 3c00 0104 0000 0000 3c00 0104 0000 0000"
                                     "3c00 0104 0000 0000 3c00 0104 0000 0000 3c00 0104 0000 0000"
                                     "3c00 0104 0000 0000 0600 0104 0000 0000",
                          .header_octets = 104},
                    // What is not walked is the caller's to know or not.
                    Chain{.name = "no next header",
                          .first = 59,
                          .headers = "",
                          .header_octets = 40,
                          .protocol = 59},
                    Chain{.name = "no next header behind options",
                          .first = 60,
                          .headers = "3b00 0104 0000 0000",
                          .header_octets = 48,
                          .protocol = 59},
                    Chain{.name = "encapsulating security payload",
                          .first = 50,
                          .headers = "",
                          .header_octets = 40,
                          .protocol = 50},
                    Chain{.name = "authentication header",
                          .first = 51,
                          .headers = "0604 0000 0000 0001 0000 0001 0000 0000 0000 0000 0000 0000",
                          .header_octets = 40,
                          .protocol = 51}));

INSTANTIATE_TEST_SUITE_P(
    Dropped, ExtensionHeaders,
    testing::Values(Chain{.name = "hop-by-hop, not first (RFC 8200, 4.1)",
                          .first = 60,
                          .headers = "0000 0104 0000 0000 0600 0104 0000 0000",
                          .reason = DropReason::ip_bad_header},
                    Chain{.name = "hop-by-hop twice",
                          .first = 0,
                          .headers = "0000 0104 0000 0000 0600 0104 0000 0000",
                          .reason = DropReason::ip_bad_header},
                    Chain{.name = "source route of type 0 not at its end (RFC 5095)",
                          .first = 43,
                          .headers = "0602 0001 0000 0000 2001 0db8 0000 0000 0000 0000 0000 0003",
                          .reason = DropReason::ip_bad_header},
                    Chain{.name = "unknown routing type, segments left (RFC 8200, 4.4)",
                          .first = 43,
                          .headers = "0600 fdff 0000 0000",
                          .reason = DropReason::ip_bad_header},
                    // RFC 8200, 4.2: "discard the packet", with or without an answer.
                    Chain{.name = "unknown option, 01",
                          .first = 60,
                          .headers = "0600 5e04 0000 0000",
                          .reason = DropReason::ip_bad_header},
                    Chain{.name = "unknown option, 10",
                          .first = 60,
                          .headers = "0600 9e04 0000 0000",
                          .reason = DropReason::ip_bad_header},
                    Chain{.name = "jumbo payload",
                          .first = 0,
                          .headers = "0600 c204 0001 0000",
                          .reason = DropReason::ip_bad_header},
                    Chain{.name = "option longer than its header",
                          .first = 60,
                          .headers = "0600 0105 0000 0000",
                          .reason = DropReason::ip_bad_header},
                    Chain{.name = "option without a length",
                          .first = 60,
                          .headers = "0600 0103 0000 0001",
                          .reason = DropReason::ip_bad_header},
                    Chain{.name = "nine",
                          .first = 60,
                          .headers = "3c00 0104 0000 0000 3c00 0104 0000 0000 3c00 0104 0000 0000"
                                     "3c00 0104 0000 0000 3c00 0104 0000 0000 3c00 0104 0000 0000"
                                     "3c00 0104 0000 0000 3c00 0104 0000 0000 0600 0104 0000 0000",
                          .reason = DropReason::ip_bad_header},
                    Chain{.name = "longer than the packet",
                          .first = 60,
                          .headers = "06ff 0104 0000 0000",
                          .reason = DropReason::ip_truncated}));

TEST_P(ExtensionHeaders, AreWalkedOrRefused) {
  const Chain& chain = GetParam();
  const Octets packet = ipv6(chain.first, from_hex(chain.headers) + tcp_octets());
  const auto header = parse_ip(packet);
  ASSERT_EQ(header ? DropReason::none : header.error(), chain.reason);
  if (!header) return;
  EXPECT_EQ(header->header_octets, chain.header_octets);
  EXPECT_EQ(header->protocol, chain.protocol);
  EXPECT_EQ(header->total_octets, packet.size());
  EXPECT_FALSE(header->is_fragment);
}

// RFC 6946: offset 0 and no more to come is a whole packet.
TEST(ParseIp, AtomicFragmentIsNoFragment) {
  const auto header = parse_ip(ipv6(44, from_hex("0600 0000 1234 5678") + tcp_octets()));
  ASSERT_TRUE(header);
  EXPECT_FALSE(header->is_fragment);
  EXPECT_EQ(header->protocol, kProtocolTcp);
  EXPECT_EQ(header->header_octets, 48U);
}

// RFC 8200, 4.5: the two reserved bits between offset and M are ignored.
TEST(ParseIp, ReservedBitsOfAFragmentHeaderAreIgnored) {
  EXPECT_FALSE(parse_ip(ipv6(44, from_hex("06ff 0006 1234 5678") + tcp_octets()))->is_fragment);
}

TEST(ParseIp, Ipv6FragmentsAreRecognised) {
  const auto first = parse_ip(ipv6(44, from_hex("0600 0001 1234 5678") + tcp_octets()));
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->is_fragment);
  EXPECT_EQ(first->fragment_offset, 0);
  EXPECT_EQ(first->header_octets, 48U);

  const auto last = parse_ip(ipv6(44, from_hex("0600 0598 1234 5678") + tcp_octets()));
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->is_fragment);
  EXPECT_EQ(last->fragment_offset, 1'432);
}

// What follows a later fragment's header is data, even where it looks like an extension header.
TEST(ParseIp, LaterFragmentEndsTheWalk) {
  const auto header = parse_ip(ipv6(44, from_hex("3c00 0008 1234 5678 06ff 5e00 0000 0000")));
  ASSERT_TRUE(header);
  EXPECT_TRUE(header->is_fragment);
  EXPECT_EQ(header->header_octets, 48U);
  EXPECT_EQ(header->protocol, 60);
}

// The walk must not read past the stated length, even where the buffer goes on.
TEST(ParseIp, ExtensionHeaderInThePaddingIsNotThere) {
  Octets packet = ipv6(60, from_hex("3c00 0104 0000 0000")) + from_hex("0600 0104 0000 0000");
  EXPECT_EQ(reason(packet), DropReason::ip_truncated);
}

TEST(ParseIp, EmptyIpv6PayloadIsAPacket) {
  const auto header = parse_ip(ipv6(59, {}));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->total_octets, 40U);
}

TEST(ParseQuotedIp, NeitherLengthNorChecksumIsHeldAgainstIt) {
  Octets v4 = ipv4_syn();
  v4[8] = 1;  // A router has counted the TTL down.
  v4.resize(28);
  EXPECT_EQ(parse_ip(v4), std::unexpected(DropReason::ip_bad_checksum));
  const auto header = parse_quoted_ip(v4);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->total_octets, 28U);
  EXPECT_EQ(header->source, address("198.51.100.1"));

  const auto v6 = parse_quoted_ip(first_octets(ipv6_syn(), 48));
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->total_octets, 48U);
  EXPECT_EQ(v6->destination, address("2001:db8:2::2"));
}

// Some routers quote a total length of the wrong byte order, or the length without the header.
TEST(ParseQuotedIp, StatedLengthBelowTheHeaderDoesNotMatter) {
  Octets packet = ipv4_syn();
  packet[3] = 0;
  EXPECT_TRUE(parse_quoted_ip(packet));
}

TEST(ParseQuotedIp, HeaderItselfMustBeThere) {
  EXPECT_EQ(parse_quoted_ip(first_octets(ipv4_syn(), 19)),
            std::unexpected(DropReason::ip_truncated));
  EXPECT_EQ(parse_quoted_ip(first_octets(ipv6_syn(), 39)),
            std::unexpected(DropReason::ip_truncated));
  EXPECT_EQ(parse_quoted_ip({}), std::unexpected(DropReason::ip_truncated));
}

// The kernel's own header again, from its fields.
TEST(WriteIp, WritesTheIpv4HeaderThatLinuxWrites) {
  Octets out(20);
  EXPECT_EQ(write_ip({.source = address("198.51.100.1"),
                      .destination = address("198.51.100.9"),
                      .hop_limit = 64,
                      .identification = 0x249e,
                      .payload_octets = 40},
                     out.data()),
            20U);
  const Octets captured = ipv4_syn();
  EXPECT_EQ(out, Octets(captured.begin(), captured.begin() + 20));
}

TEST(WriteIp, WritesTheIpv6HeaderThatLinuxWrites) {
  Octets out(40);
  EXPECT_EQ(write_ip({.source = address("2001:db8:1::2"),
                      .destination = address("2001:db8:2::2"),
                      .hop_limit = 64,
                      .flow_label = 0xef0f2,
                      .payload_octets = 40},
                     out.data()),
            40U);
  const Octets captured = ipv6_syn();
  EXPECT_EQ(out, Octets(captured.begin(), captured.begin() + 40));
}

TEST(WriteIp, FlowLabelAndTrafficClassKeepToTheirBits) {
  Octets out(40);
  write_ip({.source = address("2001:db8::1"),
            .destination = address("2001:db8::2"),
            .traffic_class = 0xbb,
            .flow_label = 0xfff12345},
           out.data());
  EXPECT_THAT(Octets(out.begin(), out.begin() + 4), testing::ElementsAre(0x6b, 0xb1, 0x23, 0x45));
}

}  // namespace
}  // namespace tuntcp::wire
