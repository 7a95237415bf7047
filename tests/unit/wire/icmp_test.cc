// wire/icmp.h: RFC 792, RFC 1191, RFC 4443. The packets were captured from Linux 6.18: pings, and a
// router's errors about TCP segments, in 198.51.100.0/24, 203.0.113.0/24 and 2001:db8::/32.
#include "stack/wire/icmp.h"

#include <gtest/gtest.h>

#include "stack/base/checksum.h"
#include "tests/support/hex.h"

namespace tuntcp::wire {
namespace {

using test::first_octets;
using test::from_hex;
using test::Octets;
using test::operator+;
using Kind = IcmpMessage::Kind;

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

Octets echo_request_v4() {
  return from_hex(R"(
      4500 0031 1b51 4000 4001 b942 c633 6402
      cb00 7102 0800 a736 2aac 0001 54e3 026b
      0000 0000 8ba9 0d00 0000 0000 1011 1213
      14)");
}
Octets echo_reply_v4() {
  return from_hex(R"(
      4500 0031 4617 0000 3f01 cf7c cb00 7102
      c633 6402 0000 af36 2aac 0001 54e3 026b
      0000 0000 8ba9 0d00 0000 0000 1011 1213
      14)");
}
Octets echo_request_v6() {
  return from_hex(R"(
      600a d2b9 001d 3a40 2001 0db8 0001 0000
      0000 0000 0000 0002 2001 0db8 0002 0000
      0000 0000 0000 0002 8000 0f46 2aad 0001
      54e3 026b 0000 0000 4fc8 0d00 0000 0000
      1011 1213 14)");
}
Octets echo_reply_v6() {
  return from_hex(R"(
      6003 94f9 001d 3a3f 2001 0db8 0002 0000
      0000 0000 0000 0002 2001 0db8 0001 0000
      0000 0000 0000 0002 8100 0e46 2aad 0001
      54e3 026b 0000 0000 4fc8 0d00 0000 0000
      1011 1213 14)");
}
// About a super-packet of 7,292 octets; all the quoted data are zeros.
Octets fragmentation_needed_v4() {
  Octets packet = from_hex(R"(
      45c0 0240 b5ae 0000 4001 6de4 c633 6401
      c633 6402 0304 054b 0000 0500 4500 1c7c
      23e1 4000 4006 9462 c633 6402 cb00 7102
      9c3a 1e61 724b c734 09f9 7961 8018 003f
      82a7 0000 0101 080a b507 233c e362 b389)");
  packet.resize(0x240);
  return packet;
}
Octets packet_too_big_v6() {
  Octets packet = from_hex(R"(
      600a aa13 04d8 3a40 2001 0db8 0001 0000
      0000 0000 0000 0001 2001 0db8 0001 0000
      0000 0000 0000 0002 0200 1296 0000 0500
      600e f0f2 1c04 0640 2001 0db8 0001 0000
      0000 0000 0000 0002 2001 0db8 0002 0000
      0000 0000 0000 0002 81d4 1e61 08fd 32d9
      14f4 c123 8018 0040 7783 0000 0101 080a
      f8d6 9014 74bd 066e)");
  packet.resize(40 + 0x4d8);
  return packet;
}
Octets host_unreachable_v4() {
  return from_hex(R"(
      45c0 0058 b7c8 0000 4001 6db2 c633 6401
      c633 6402 0301 1834 0000 0000 4500 003c
      0bda 4000 4006 c8a2 c633 6402 cb00 7109
      dd22 0050 405a 0e4b 0000 0000 a002 faf0
      666e 0000 0204 05b4 0402 080a dffe bf80
      0000 0000 0103 030a)");
}
Octets no_route_v6() {
  return from_hex(R"(
      600f d969 0058 3a40 2001 0db8 0001 0000
      0000 0000 0000 0001 2001 0db8 0001 0000
      0000 0000 0000 0002 0100 660e 0000 0000
      600f 339d 0028 0640 2001 0db8 0001 0000
      0000 0000 0000 0002 2001 0db8 0009 0000
      0000 0000 0000 0009 9e9e 0050 6945 0c2a
      0000 0000 a002 fd20 5bb5 0000 0204 05a0
      0402 080a cdd6 5481 0000 0000 0103 030a)");
}

Bytes message_of(const IpHeader& ip, Bytes packet) {
  return packet.first(ip.total_octets).subspan(ip.header_octets);
}

std::expected<IcmpMessage, DropReason> parse(Bytes packet, bool checksum_is_valid = false) {
  const auto ip = parse_ip(packet);
  if (!ip) return std::unexpected(ip.error());
  return parse_icmp(*ip, message_of(*ip, packet), checksum_is_valid);
}

TEST(ParseIcmp, EchoRequestAndReplyAreReadInBothFamilies) {
  const Octets v4 = echo_request_v4();
  const auto request = parse(v4);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->kind, Kind::echo_request);
  EXPECT_EQ(request->type, 8);
  EXPECT_EQ(request->code, 0);
  EXPECT_EQ(request->body.data(), v4.data() + 28);
  EXPECT_EQ(request->body.size(), 21U);

  EXPECT_EQ(parse(echo_reply_v4())->kind, Kind::echo_reply);
  EXPECT_EQ(parse(echo_request_v6())->kind, Kind::echo_request);
  EXPECT_EQ(parse(echo_request_v6())->type, 128);
  EXPECT_EQ(parse(echo_reply_v6())->kind, Kind::echo_reply);
}

// RFC 1191, 4 and RFC 4443, 3.2: the next hop's MTU is in the message.
TEST(ParseIcmp, PacketTooBigCarriesTheMtu) {
  const Octets v4 = fragmentation_needed_v4();
  const auto needed = parse(v4);
  ASSERT_TRUE(needed);
  EXPECT_EQ(needed->kind, Kind::packet_too_big);
  EXPECT_EQ(needed->type, 3);
  EXPECT_EQ(needed->code, 4);
  EXPECT_EQ(needed->mtu, 1'280U);

  const Octets v6 = packet_too_big_v6();
  const auto too_big = parse(v6);
  ASSERT_TRUE(too_big);
  EXPECT_EQ(too_big->kind, Kind::packet_too_big);
  EXPECT_EQ(too_big->mtu, 1'280U);
}

// IPv4 has 16 bits for it, behind an unused half; IPv6 has 32.
TEST(ParseIcmp, MtuHasTheWidthOfItsFamily) {
  Octets v4 = fragmentation_needed_v4();
  v4[24] = 0xff;
  EXPECT_EQ(parse(v4, /*checksum_is_valid=*/true)->mtu, 1'280U);
  Octets v6 = packet_too_big_v6();
  v6[44] = 0xff;
  EXPECT_EQ(parse(v6, /*checksum_is_valid=*/true)->mtu, 0xff000500U);
}

TEST(ParseIcmp, UnreachableKeepsItsCode) {
  EXPECT_EQ(parse(host_unreachable_v4())->kind, Kind::destination_unreachable);
  EXPECT_EQ(parse(host_unreachable_v4())->code, 1);
  EXPECT_EQ(parse(no_route_v6())->kind, Kind::destination_unreachable);
  EXPECT_EQ(parse(no_route_v6())->code, 0);
}

struct TypeRow {
  int type;
  Kind v4;
  Kind v6;
};
class IcmpType : public testing::TestWithParam<TypeRow> {};
// RFC 792 and RFC 4443, 2.1; RFC 6633 for source quench.
INSTANTIATE_TEST_SUITE_P(
    Table, IcmpType,
    testing::Values(
        TypeRow{0, Kind::echo_reply, Kind::other},
        TypeRow{1, Kind::other, Kind::destination_unreachable},
        TypeRow{2, Kind::other, Kind::packet_too_big},
        TypeRow{3, Kind::destination_unreachable, Kind::time_exceeded},
        TypeRow{4, Kind::source_quench, Kind::parameter_problem},
        TypeRow{5, Kind::other, Kind::other}, TypeRow{8, Kind::echo_request, Kind::other},
        TypeRow{11, Kind::time_exceeded, Kind::other},
        TypeRow{12, Kind::parameter_problem, Kind::other}, TypeRow{13, Kind::other, Kind::other},
        TypeRow{128, Kind::other, Kind::echo_request}, TypeRow{129, Kind::other, Kind::echo_reply},
        TypeRow{133, Kind::other, Kind::other}, TypeRow{143, Kind::other, Kind::other},
        TypeRow{255, Kind::other, Kind::other}));
TEST_P(IcmpType, HasItsKindPerFamily) {
  Octets v4 = echo_request_v4();
  v4[20] = static_cast<std::uint8_t>(GetParam().type);
  EXPECT_EQ(parse(v4, /*checksum_is_valid=*/true)->kind, GetParam().v4);
  Octets v6 = echo_request_v6();
  v6[40] = static_cast<std::uint8_t>(GetParam().type);
  EXPECT_EQ(parse(v6, /*checksum_is_valid=*/true)->kind, GetParam().v6);
}

class ShortIcmp : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(BelowEightOctets, ShortIcmp, testing::Range<std::size_t>(0, 8));
TEST_P(ShortIcmp, IsMalformed) {
  const Octets v4 = echo_request_v4();
  const Octets v6 = echo_request_v6();
  EXPECT_EQ(parse_icmp(*parse_ip(v4), first_octets(Octets(8), GetParam()), true).error(),
            DropReason::icmp_malformed);
  EXPECT_EQ(parse_icmp(*parse_ip(v6), first_octets(Octets(8), GetParam()), true).error(),
            DropReason::icmp_malformed);
}

TEST(ParseIcmp, EightOctetsAreAMessageWithoutABody) {
  Octets packet = echo_request_v4();
  const auto ip = *parse_ip(packet);
  const auto message = parse_icmp(ip, Bytes(packet).subspan(20, 8), true);
  ASSERT_TRUE(message);
  EXPECT_TRUE(message->body.empty());
}

TEST(ParseIcmp, WrongChecksumIsMalformed) {
  Octets v4 = echo_request_v4();
  v4.back() ^= 1;
  EXPECT_EQ(parse(v4).error(), DropReason::icmp_malformed);
  EXPECT_TRUE(parse(v4, /*checksum_is_valid=*/true));
  Octets v6 = echo_request_v6();
  v6.back() ^= 1;
  EXPECT_EQ(parse(v6).error(), DropReason::icmp_malformed);
}

// RFC 4443, 2.3: unlike ICMP's, the checksum covers the addresses.
TEST(ParseIcmp, ChecksumOfIcmpv6CoversTheAddresses) {
  Octets packet = echo_request_v6();
  packet[23] ^= 1;
  EXPECT_EQ(parse(packet).error(), DropReason::icmp_malformed);
}

// ICMP belongs to IPv4 and ICMPv6 to IPv6; their numbers mean different things.
TEST(ParseIcmp, OfTheOtherFamilyIsMalformed) {
  Octets v4 = echo_request_v4();
  IpHeader ip = *parse_ip(v4);
  ip.protocol = kProtocolIcmpv6;
  EXPECT_EQ(parse_icmp(ip, message_of(ip, v4), true).error(), DropReason::icmp_malformed);
  Octets v6 = echo_request_v6();
  v6[6] = kProtocolIcmp;
  EXPECT_EQ(parse(v6, true).error(), DropReason::icmp_malformed);
}

TEST(ParseQuotedTcp, NamesTheConnectionAndItsSequenceNumber) {
  const Octets v4 = fragmentation_needed_v4();
  const auto quoted = parse_quoted_tcp(parse(v4)->body);
  ASSERT_TRUE(quoted);
  EXPECT_EQ(quoted->source, (Endpoint{.address = address("198.51.100.2"), .port = 39'994}));
  EXPECT_EQ(quoted->destination, (Endpoint{.address = address("203.0.113.2"), .port = 7'777}));
  EXPECT_EQ(quoted->seq, 0x724bc734U);

  const Octets v6 = packet_too_big_v6();
  const auto quoted_v6 = parse_quoted_tcp(parse(v6)->body);
  ASSERT_TRUE(quoted_v6);
  EXPECT_EQ(quoted_v6->source, (Endpoint{.address = address("2001:db8:1::2"), .port = 33'236}));
  EXPECT_EQ(quoted_v6->destination, (Endpoint{.address = address("2001:db8:2::2"), .port = 7'777}));
  EXPECT_EQ(quoted_v6->seq, 0x08fd32d9U);
}

// RFC 792: "the first 64 bits of the original datagram's data" are all an old router quotes.
class ShortQuote : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(EveryLength, ShortQuote, testing::Range<std::size_t>(0, 60));
TEST_P(ShortQuote, NeedsTheIpHeaderAndEightOctets) {
  const Octets v4 = host_unreachable_v4();
  const Octets quote_v4(v4.begin() + 28, v4.end());
  EXPECT_EQ(parse_quoted_tcp(first_octets(quote_v4, GetParam())).has_value(), GetParam() >= 28);
  const Octets v6 = no_route_v6();
  const Octets quote_v6(v6.begin() + 48, v6.end());
  EXPECT_EQ(parse_quoted_tcp(first_octets(quote_v6, GetParam())).has_value(), GetParam() >= 48);
}

TEST(ParseQuotedTcp, OfAnotherProtocolIsIgnored) {
  EXPECT_EQ(parse_quoted_tcp(echo_request_v4()), std::unexpected(DropReason::icmp_ignored));
  EXPECT_EQ(parse_quoted_tcp(echo_request_v6()), std::unexpected(DropReason::icmp_ignored));
}

// Where a router cut our packet into fragments, only the first has the ports.
TEST(ParseQuotedTcp, OfALaterFragmentIsIgnored) {
  const Octets packet = host_unreachable_v4();
  Octets quote(packet.begin() + 28, packet.end());
  quote[6] = 0x20;
  EXPECT_TRUE(parse_quoted_tcp(quote));
  quote[7] = 0x01;
  EXPECT_EQ(parse_quoted_tcp(quote), std::unexpected(DropReason::icmp_ignored));
}

TEST(ParseQuotedTcp, GarbageIsMalformed) {
  EXPECT_EQ(parse_quoted_tcp({}), std::unexpected(DropReason::icmp_malformed));
  EXPECT_EQ(parse_quoted_tcp(Octets(64, 0xff)), std::unexpected(DropReason::icmp_malformed));
  EXPECT_EQ(parse_quoted_tcp(Octets(64, 0x41)), std::unexpected(DropReason::icmp_malformed));
}

Octets replied(Octets packet, std::uint8_t hop_limit) {
  const IpHeader ip = *parse_ip(packet);
  make_echo_reply(ip, packet, hop_limit);
  return packet;
}

// The kernel's own reply to the same request. It differs in what a host chooses: identification
// and "don't fragment".
TEST(MakeEchoReply, IsTheKernelsReplyInIpv4) {
  const Octets reply = replied(echo_request_v4(), 63);
  Octets expected = echo_reply_v4();
  store_be32(&expected[4], load_be32(&reply[4]));
  store_be16(&expected[10], 0);
  store_be16(&expected[10], checksum(Bytes(expected).first(20)));
  EXPECT_EQ(reply, expected);
  EXPECT_TRUE(parse_ip(reply));
}

// In IPv6 only the flow label differs.
TEST(MakeEchoReply, IsTheKernelsReplyInIpv6) {
  const Octets reply = replied(echo_request_v6(), 63);
  Octets expected = echo_reply_v6();
  store_be32(&expected[0], load_be32(&reply[0]));
  EXPECT_EQ(reply, expected);
}

// RFC 1122, 3.2.2.6: "Data received in an ICMP Echo Request MUST be entirely included".
TEST(MakeEchoReply, OfAnEmptyRequestIsEmpty) {
  Octets packet = echo_request_v4();
  packet.resize(28);
  store_be16(&packet[2], 28);
  store_be16(&packet[10], 0);
  store_be16(&packet[10], checksum(Bytes(packet).first(20)));
  store_be16(&packet[22], 0);
  store_be16(&packet[22], checksum(Bytes(packet).subspan(20)));
  const Octets reply = replied(packet, 64);
  EXPECT_EQ(parse(reply)->kind, Kind::echo_reply);
}

// A request with a type and a code that sum to a carry still gets a right checksum, and one whose
// checksum the device vouched for without setting it gets one too.
TEST(MakeEchoReply, ChecksumIsRightWhateverTheRequestHeld) {
  Octets packet = echo_request_v4();
  packet[21] = 0xff;
  store_be16(&packet[22], 0xdead);
  EXPECT_EQ(parse(replied(packet, 64))->kind, Kind::echo_reply);
  Octets v6 = echo_request_v6();
  store_be16(&v6[42], 0xdead);
  EXPECT_EQ(parse(replied(v6, 64))->kind, Kind::echo_reply);
}

TEST(MakeEchoReply, BlanksIpv4Options) {
  // Router alert and a loose source route that has reached its end.
  const Octets options = from_hex("9404 0000 0183 0708 c000 0201");
  Octets packet = echo_request_v4();
  packet.insert(packet.begin() + 20, options.begin(), options.end());
  packet[0] = 0x48;
  store_be16(&packet[2], static_cast<std::uint16_t>(packet.size()));
  store_be16(&packet[10], 0);
  store_be16(&packet[10], checksum(Bytes(packet).first(32)));

  const Octets reply = replied(packet, 64);
  EXPECT_EQ(Octets(reply.begin() + 20, reply.begin() + 32), Octets(12, 0));
  EXPECT_EQ(parse(reply)->kind, Kind::echo_reply);
}

TEST(MakeEchoReply, KeepsIpv6ExtensionHeaders) {
  const Octets options = from_hex("3a00 0104 0000 0000");
  Octets packet = echo_request_v6();
  packet.insert(packet.begin() + 40, options.begin(), options.end());
  packet[6] = 60;
  store_be16(&packet[4], static_cast<std::uint16_t>(packet.size() - 40));
  const Octets reply = replied(packet, 64);
  EXPECT_EQ(parse(reply)->kind, Kind::echo_reply);
  EXPECT_EQ(parse_ip(reply)->header_octets, 48U);
}

TEST(MakeEchoReply, LeavesThePaddingOut) {
  Octets packet = echo_request_v4() + from_hex("dead beef");
  const Octets reply = replied(packet, 63);
  EXPECT_EQ(parse(reply)->kind, Kind::echo_reply);
  EXPECT_EQ(Octets(reply.end() - 4, reply.end()), from_hex("dead beef"));
}

}  // namespace
}  // namespace tuntcp::wire
