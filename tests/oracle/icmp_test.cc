// Our ICMP codec against libtins: echo, the replies we make, and errors that quote TCP segments.
#include "stack/wire/icmp.h"

#include <gtest/gtest.h>
#include <tins/tins.h>

#include "tests/oracle/sample.h"

namespace tuntcp::oracle {
namespace {

using wire::IcmpMessage;
using Kind = IcmpMessage::Kind;

constexpr const char* kSourceV4 = "198.51.100.1";
constexpr const char* kDestinationV4 = "203.0.113.2";
constexpr const char* kSourceV6 = "2001:db8::1";
constexpr const char* kDestinationV6 = "2001:db8:1::2";
constexpr std::uint16_t kIdentifier = 0xfedc;
constexpr std::uint16_t kSequence = 0x1234;

Octets echo_request_v4(const Octets& data) {
  Tins::IP ip(kDestinationV4, kSourceV4);
  Tins::ICMP icmp;
  icmp.set_echo_request(kIdentifier, kSequence);
  if (!data.empty()) icmp.inner_pdu(Tins::RawPDU(data));
  ip.inner_pdu(icmp);
  return ip.serialize();
}

Octets echo_request_v6(const Octets& data) {
  Tins::IPv6 ip(kDestinationV6, kSourceV6);
  Tins::ICMPv6 icmp(Tins::ICMPv6::ECHO_REQUEST);
  icmp.identifier(kIdentifier);
  icmp.sequence(kSequence);
  if (!data.empty()) icmp.inner_pdu(Tins::RawPDU(data));
  ip.inner_pdu(icmp);
  return ip.serialize();
}

std::expected<IcmpMessage, wire::DropReason> parse(const Octets& packet) {
  const auto ip = wire::parse_ip(packet);
  if (!ip) return std::unexpected(ip.error());
  return wire::parse_icmp(*ip, Bytes(packet).subspan(ip->header_octets));
}

Octets replied(Octets packet) {
  const wire::IpHeader ip = *wire::parse_ip(packet);
  wire::make_echo_reply(ip, packet, 61);
  return packet;
}

class EchoOfSize : public testing::TestWithParam<std::size_t> {
 protected:
  const Octets data_ = SampleSource(GetParam()).octets(GetParam());
};
INSTANTIATE_TEST_SUITE_P(OddAndEven, EchoOfSize,
                         testing::Values(0, 1, 2, 3, 7, 8, 55, 56, 57, 1'472, 1'473, 32'768, 65'494,
                                         65'495, 65'506, 65'507));

TEST_P(EchoOfSize, RequestOfLibtinsIsRead) {
  const Octets v4 = echo_request_v4(data_);
  const auto message = parse(v4);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->kind, Kind::echo_request);
  EXPECT_EQ(Octets(message->body.begin(), message->body.end()), data_);

  const Octets v6 = echo_request_v6(data_);
  const auto message_v6 = parse(v6);
  ASSERT_TRUE(message_v6);
  EXPECT_EQ(message_v6->kind, Kind::echo_request);
  EXPECT_EQ(Octets(message_v6->body.begin(), message_v6->body.end()), data_);
}

TEST_P(EchoOfSize, ReplyIsReadByLibtinsAndWrittenAgainAsItWas) {
  const Octets reply = replied(echo_request_v4(data_));
  Tins::IP ip(reply.data(), static_cast<std::uint32_t>(reply.size()));
  EXPECT_EQ(ip.src_addr().to_string(), kDestinationV4);
  EXPECT_EQ(ip.dst_addr().to_string(), kSourceV4);
  EXPECT_EQ(ip.ttl(), 61);
  const Tins::ICMP& icmp = ip.rfind_pdu<Tins::ICMP>();
  EXPECT_EQ(icmp.type(), Tins::ICMP::ECHO_REPLY);
  EXPECT_EQ(icmp.code(), 0);
  EXPECT_EQ(icmp.id(), kIdentifier);
  EXPECT_EQ(icmp.sequence(), kSequence);
  EXPECT_EQ(ip.serialize(), reply);
}

TEST_P(EchoOfSize, ReplyInIpv6IsReadByLibtinsAndWrittenAgainAsItWas) {
  const Octets reply = replied(echo_request_v6(data_));
  Tins::IPv6 ip(reply.data(), static_cast<std::uint32_t>(reply.size()));
  EXPECT_EQ(ip.src_addr(), Tins::IPv6Address(kDestinationV6));
  EXPECT_EQ(ip.dst_addr(), Tins::IPv6Address(kSourceV6));
  EXPECT_EQ(ip.hop_limit(), 61);
  const Tins::ICMPv6& icmp = ip.rfind_pdu<Tins::ICMPv6>();
  EXPECT_EQ(icmp.type(), Tins::ICMPv6::ECHO_REPLY);
  EXPECT_EQ(icmp.identifier(), kIdentifier);
  EXPECT_EQ(icmp.sequence(), kSequence);
  EXPECT_EQ(ip.serialize(), reply);
}

// Errors about random segments, quoted whole, cut to 8 octets of TCP, and in between.
class QuotedSegment : public testing::TestWithParam<unsigned> {
 protected:
  void draw(Family family) {
    sample_ = source_.draw(family, {.timestamps = true}, source_.at_most(400));
    quote_ = written_by_us(sample_);
    const std::size_t least = wire::ip_header_octets(family) + 8;
    quote_.resize(least + source_.at_most(quote_.size() - least));
  }
  void expect_names_the_segment(const std::expected<IcmpMessage, wire::DropReason>& message) {
    ASSERT_TRUE(message);
    const auto quoted = wire::parse_quoted_tcp(message->body);
    ASSERT_TRUE(quoted);
    EXPECT_EQ(quoted->source, (Endpoint{.address = sample_.ip.source, .port = sample_.tcp.source}));
    EXPECT_EQ(quoted->destination,
              (Endpoint{.address = sample_.ip.destination, .port = sample_.tcp.destination}));
    EXPECT_EQ(quoted->seq, sample_.tcp.seq.value());
  }

  SampleSource source_{GetParam()};
  Sample sample_;
  Octets quote_;
};
INSTANTIATE_TEST_SUITE_P(Seeds, QuotedSegment, testing::Range(0U, 100U));

TEST_P(QuotedSegment, IsNamedByFragmentationNeeded) {
  draw(Family::ipv4);
  const auto mtu = source_.integer<std::uint16_t>();
  Tins::IP ip(kDestinationV4, kSourceV4);
  Tins::ICMP icmp;
  icmp.set_dest_unreachable();
  icmp.code(4);
  icmp.mtu(mtu);
  icmp.inner_pdu(Tins::RawPDU(quote_));
  ip.inner_pdu(icmp);
  const Octets packet = ip.serialize();

  const auto message = parse(packet);
  expect_names_the_segment(message);
  EXPECT_EQ(message->kind, Kind::packet_too_big);
  EXPECT_EQ(message->mtu, mtu);
}

TEST_P(QuotedSegment, IsNamedByUnreachable) {
  draw(Family::ipv4);
  const auto code = static_cast<std::uint8_t>(5 + source_.at_most(10));
  Tins::IP ip(kDestinationV4, kSourceV4);
  Tins::ICMP icmp;
  icmp.set_dest_unreachable();
  icmp.code(code);
  icmp.inner_pdu(Tins::RawPDU(quote_));
  ip.inner_pdu(icmp);
  const Octets packet = ip.serialize();

  const auto message = parse(packet);
  expect_names_the_segment(message);
  EXPECT_EQ(message->kind, Kind::destination_unreachable);
  EXPECT_EQ(message->code, code);
}

struct TypeAndKind {
  Tins::ICMPv6::Types type;
  Kind kind;
};
TEST_P(QuotedSegment, IsNamedByIcmpv6Errors) {
  constexpr TypeAndKind kErrors[] = {
      {Tins::ICMPv6::DEST_UNREACHABLE, Kind::destination_unreachable},
      {Tins::ICMPv6::PACKET_TOOBIG, Kind::packet_too_big},
      {Tins::ICMPv6::TIME_EXCEEDED, Kind::time_exceeded},
      {Tins::ICMPv6::PARAM_PROBLEM, Kind::parameter_problem}};
  draw(Family::ipv6);
  const TypeAndKind error = kErrors[GetParam() % 4];
  Tins::IPv6 ip(kDestinationV6, kSourceV6);
  Tins::ICMPv6 icmp(error.type);
  // libtins has no name for the field of RFC 4443, 3.2; its two halves are these.
  icmp.identifier(0x0001);
  icmp.sequence(0x0500);
  icmp.inner_pdu(Tins::RawPDU(quote_));
  ip.inner_pdu(icmp);
  const Octets packet = ip.serialize();

  const auto message = parse(packet);
  expect_names_the_segment(message);
  EXPECT_EQ(message->kind, error.kind);
  EXPECT_EQ(message->mtu, error.kind == Kind::packet_too_big ? 0x0001'0500U : 0U);
}

}  // namespace
}  // namespace tuntcp::oracle
