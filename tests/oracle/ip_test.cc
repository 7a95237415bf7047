// Our IP parsers against libtins: options, extension headers and fragments that libtins writes.
#include <gtest/gtest.h>
#include <tins/tins.h>
#include <tins/utils/checksum_utils.h>

#include <cstring>

#include "stack/wire/source_route.h"
#include "tests/oracle/sample.h"

namespace tuntcp::oracle {
namespace {

using test::from_hex;
using test::operator+;

constexpr const char* kSourceV4 = "198.51.100.1";
constexpr const char* kDestinationV4 = "203.0.113.2";
constexpr const char* kSourceV6 = "2001:db8::1";
constexpr const char* kDestinationV6 = "2001:db8:1::2";

// The segment at the end of each packet, found again by its ports.
Tins::TCP segment() {
  Tins::TCP tcp(443, 40'001);
  tcp.inner_pdu(Tins::RawPDU("payload"));
  return tcp;
}

// Header, extension headers and the segment must be where libtins put them.
void expect_segment_is_found(const Octets& packet, std::size_t header_octets) {
  const auto ip = wire::parse_ip(packet);
  ASSERT_TRUE(ip) << to_string(ip.error());
  EXPECT_EQ(ip->header_octets, header_octets);
  EXPECT_EQ(ip->protocol, wire::kProtocolTcp);
  EXPECT_EQ(ip->total_octets, packet.size());
  const Bytes found = Bytes(packet).subspan(ip->header_octets);
  const auto tcp = wire::parse_tcp(found);
  ASSERT_TRUE(tcp);
  EXPECT_EQ(tcp->source, 40'001);
  EXPECT_EQ(tcp->destination, 443);
  EXPECT_TRUE(wire::has_valid_tcp_checksum(ip->source, ip->destination, found));
}

// libtins reads IPv4 options well, but what it writes behind them is wrong by an octet (4.0). So
// the options are put into a packet by hand, and libtins says where the segment is.
class Ipv4Options : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(EveryCombination, Ipv4Options, testing::Range(0U, 32U));
TEST_P(Ipv4Options, AreSkippedAsLibtinsSkipsThem) {
  Octets options;
  if ((GetParam() & 1) != 0) options = options + from_hex("01");                 // NOP
  if ((GetParam() & 2) != 0) options = options + from_hex("8307 04c0 0002 01");  // source route
  if ((GetParam() & 4) != 0) options = options + from_hex("070b 04c0 0002 01c0 0002 02");
  if ((GetParam() & 8) != 0) options = options + from_hex("8804 1234");  // stream identifier
  if ((GetParam() & 16) != 0) options = options + from_hex("820b 0001 0002 0003 0000 04");
  options.resize((options.size() + 3) / 4 * 4, 1);  // libtins takes two zeros at the end for damage

  Tins::IP without(kDestinationV4, kSourceV4);
  without.inner_pdu(segment());
  Octets packet = without.serialize();
  packet.insert(packet.begin() + 20, options.begin(), options.end());
  packet[0] = static_cast<std::uint8_t>(0x45 + options.size() / 4);
  store_be16(&packet[2], static_cast<std::uint16_t>(packet.size()));
  store_be16(&packet[10], 0);
  // In network order already, and not yet complemented.
  const auto checksum = static_cast<std::uint16_t>(
      ~Tins::Utils::sum_range(packet.data(), packet.data() + 20 + options.size()));
  std::memcpy(&packet[10], &checksum, sizeof checksum);

  const Tins::IP ip(packet.data(), static_cast<std::uint32_t>(packet.size()));
  expect_segment_is_found(packet, ip.head_len() * 4U);
  EXPECT_EQ(ip.rfind_pdu<Tins::TCP>().sport(), 40'001);
}

// The other way: libtins reads a source route that we wrote, of every length.
class SourceRoute : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Hops, SourceRoute, testing::Range(1U, 10U));
TEST_P(SourceRoute, OfOursIsReadByLibtins) {
  wire::SourceRoute route{.count = static_cast<std::uint8_t>(GetParam()),
                          .is_strict = GetParam() % 2 == 0};
  for (std::uint32_t i = 0; i < route.count; ++i) route.addresses[i] = 0xc000'0201 + i;
  const IpAddress destination = *IpAddress::parse(kDestinationV4);
  Octets options(route.option_octets());
  wire::write_source_route(route, destination, options.data());
  const Octets text = {1, 2, 3, 4, 5};
  Octets packet(wire::kIpv4MaxHeaderOctets);
  packet.resize(wire::write_ip({.source = *IpAddress::parse(kSourceV4),
                                .destination = route.first_hop(),
                                .protocol = 253,
                                .options = options,
                                .payload_octets = static_cast<std::uint32_t>(text.size())},
                               packet.data()));
  packet = packet + text;

  const Tins::IP ip(packet.data(), static_cast<std::uint32_t>(packet.size()));
  EXPECT_EQ(ip.head_len() * 4U, 20U + options.size());
  EXPECT_EQ(ip.tot_len(), packet.size());
  EXPECT_EQ(ip.dst_addr().to_string(), "192.0.2.1");
  const auto read = route.is_strict ? ip.ssrr() : ip.lsrr();
  EXPECT_EQ(read.pointer, 4);
  ASSERT_EQ(read.routes.size(), route.count);
  for (std::size_t i = 1; i < route.count; ++i) {
    EXPECT_EQ(read.routes[i - 1].to_string(), IpAddress::v4(route.hops()[i]).to_string());
  }
  EXPECT_EQ(read.routes.back().to_string(), kDestinationV4);
  EXPECT_EQ(Tins::Utils::sum_range(packet.data(), packet.data() + 20 + options.size()), 0xffff);
}

class Ipv4Fragment : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Offsets, Ipv4Fragment, testing::Values(0, 1, 2, 185, 4'096, 8'191));
TEST_P(Ipv4Fragment, OfLibtinsIsRecognised) {
  SampleSource source(GetParam());
  for (const auto flags : {Tins::IP::Flags{}, Tins::IP::MORE_FRAGMENTS, Tins::IP::DONT_FRAGMENT,
                           Tins::IP::FLAG_RESERVED}) {
    Tins::IP ip(kDestinationV4, kSourceV4);
    ip.protocol(wire::kProtocolTcp);
    ip.fragment_offset(static_cast<std::uint16_t>(GetParam()));
    ip.flags(flags);
    ip.inner_pdu(Tins::RawPDU(source.octets(64)));
    const auto header = wire::parse_ip(ip.serialize());
    ASSERT_TRUE(header);
    EXPECT_EQ(header->is_fragment, ip.is_fragmented());
    EXPECT_EQ(header->fragment_offset, GetParam() * 8);
  }
}

// Chains of hop-by-hop, destination options and routing headers; each of 8, 16 or 24 octets.
class Ipv6Chain : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Seeds, Ipv6Chain, testing::Range(0U, 200U));
TEST_P(Ipv6Chain, OfLibtinsIsWalked) {
  SampleSource source(GetParam());
  Tins::IPv6 ip(kDestinationV6, kSourceV6);
  std::size_t header_octets = wire::kIpv6HeaderOctets;
  const std::size_t count = source.at_most(8);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t octets = 8 * (1 + source.at_most(2));
    // What stands behind "next header" and length: options as one PadN, or a routing header's
    // type, no segments left, and addresses.
    Octets content = source.octets(octets - 2);
    const bool is_routing = source.at_most(2) == 0;
    if (is_routing) {
      content[1] = 0;
    } else {
      content[0] = Tins::IPv6::PAD_N;
      content[1] = static_cast<std::uint8_t>(octets - 4);
    }
    const std::uint8_t kind = is_routing                         ? Tins::IPv6::ROUTING
                              : i == 0 && source.at_most(1) == 0 ? Tins::IPv6::HOP_BY_HOP
                                                                 : Tins::IPv6::DESTINATION_OPTIONS;
    ip.add_header(Tins::IPv6::ext_header(kind, content.begin(), content.end()));
    header_octets += octets;
  }
  ip.inner_pdu(segment());
  expect_segment_is_found(ip.serialize(), header_octets);
}

}  // namespace
}  // namespace tuntcp::oracle
