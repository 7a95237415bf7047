// Our TCP/IP codec against libtins, both ways: what one writes the other reads, field by field, and
// the checksums that libtins computes are the ones we compute.
#include <gtest/gtest.h>
#include <tins/tins.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "tests/oracle/sample.h"

namespace tuntcp::oracle {
namespace {

void expect_same_header(const wire::TcpHeader& ours, const Tins::TCP& theirs) {
  EXPECT_EQ(ours.source, theirs.sport());
  EXPECT_EQ(ours.destination, theirs.dport());
  EXPECT_EQ(ours.seq.value(), theirs.seq());
  EXPECT_EQ(ours.ack.value(), theirs.ack_seq());
  EXPECT_EQ(ours.window, theirs.window());
  EXPECT_EQ(ours.urgent_pointer, theirs.urg_ptr());
  EXPECT_EQ(ours.flags.octet(), theirs.flags());
  EXPECT_EQ(ours.header_octets, theirs.data_offset() * 4);
}

void expect_same_header(const wire::IpFields& ours, const Tins::IP& theirs, std::size_t octets) {
  EXPECT_EQ(theirs.version(), 4);
  EXPECT_EQ(theirs.head_len(), 5);
  EXPECT_EQ(theirs.tot_len(), octets);
  EXPECT_EQ(ours.source.to_string(), theirs.src_addr().to_string());
  EXPECT_EQ(ours.destination.to_string(), theirs.dst_addr().to_string());
  EXPECT_EQ(ours.hop_limit, theirs.ttl());
  EXPECT_EQ(ours.traffic_class, theirs.tos());
  EXPECT_EQ(ours.identification, theirs.id());
  EXPECT_EQ(ours.dont_fragment ? Tins::IP::DONT_FRAGMENT : 0, theirs.flags());
  EXPECT_EQ(theirs.fragment_offset(), 0);
  EXPECT_EQ(theirs.protocol(), wire::kProtocolTcp);
}

void expect_same_header(const wire::IpFields& ours, const Tins::IPv6& theirs, std::size_t octets) {
  EXPECT_EQ(theirs.version(), 6);
  EXPECT_EQ(theirs.payload_length(), octets - wire::kIpv6HeaderOctets);
  EXPECT_EQ(ours.source, IpAddress::parse(theirs.src_addr().to_string()));
  EXPECT_EQ(ours.destination, IpAddress::parse(theirs.dst_addr().to_string()));
  EXPECT_EQ(ours.hop_limit, theirs.hop_limit());
  EXPECT_EQ(ours.traffic_class, theirs.traffic_class());
  EXPECT_EQ(ours.flow_label, theirs.flow_label());
  EXPECT_EQ(theirs.next_header(), wire::kProtocolTcp);
}

// libtins writes, we read.
void expect_we_read_what_libtins_writes(const Sample& sample, SampleSource& source) {
  const Octets packet = written_by_libtins(sample, source);
  const auto ip = wire::parse_ip(packet);  // verifies libtins' header checksum
  ASSERT_TRUE(ip) << to_string(ip.error());
  EXPECT_EQ(ip->source, sample.ip.source);
  EXPECT_EQ(ip->destination, sample.ip.destination);
  EXPECT_EQ(ip->protocol, wire::kProtocolTcp);
  EXPECT_EQ(ip->hop_limit, sample.ip.hop_limit);
  EXPECT_EQ(ip->traffic_class, sample.ip.traffic_class);
  EXPECT_EQ(ip->total_octets, packet.size());
  EXPECT_FALSE(ip->is_fragment);

  const Bytes segment = Bytes(packet).first(ip->total_octets).subspan(ip->header_octets);
  EXPECT_TRUE(wire::has_valid_tcp_checksum(ip->source, ip->destination, segment));
  const auto tcp = wire::parse_tcp(segment);
  ASSERT_TRUE(tcp) << to_string(tcp.error());
  EXPECT_EQ(tcp->source, sample.tcp.source);
  EXPECT_EQ(tcp->destination, sample.tcp.destination);
  EXPECT_EQ(tcp->seq, sample.tcp.seq);
  EXPECT_EQ(tcp->ack, sample.tcp.ack);
  EXPECT_EQ(tcp->window, sample.tcp.window);
  EXPECT_EQ(tcp->urgent_pointer, sample.tcp.urgent_pointer);
  EXPECT_EQ(tcp->flags, sample.tcp.flags);
  const Bytes options = segment.first(tcp->header_octets).subspan(wire::kTcpHeaderOctets);
  EXPECT_EQ(wire::parse_options(options), sample.options);
  EXPECT_TRUE(std::ranges::equal(segment.subspan(tcp->header_octets), sample.payload));
}

// We write, libtins reads. Written again by libtins, with lengths and checksums made anew, the
// packet must be the same to the octet.
template <class LibtinsIp>
void expect_libtins_reads(const Sample& sample, const wire::TcpOptions& options,
                          const Octets& packet) {
  LibtinsIp ip(packet.data(), static_cast<std::uint32_t>(packet.size()));
  expect_same_header(sample.ip, ip, packet.size());
  const Tins::TCP* tcp = ip.template find_pdu<Tins::TCP>();
  ASSERT_NE(tcp, nullptr);
  wire::TcpHeader header = sample.tcp;
  header.header_octets = static_cast<std::uint8_t>(
      packet.size() - wire::ip_header_octets(sample.ip.source.family()) - sample.payload.size());
  expect_same_header(header, *tcp);
  EXPECT_EQ(options, options_read_by_libtins(*tcp));
  const Tins::RawPDU* payload = ip.template find_pdu<Tins::RawPDU>();
  EXPECT_EQ(payload == nullptr ? Octets{} : payload->payload(), sample.payload);
  EXPECT_EQ(ip.serialize(), packet);
}

void expect_libtins_reads_what_we_write(const Sample& sample) {
  const Octets packet = written_by_us(sample);
  // Blocks that find no room are left out from the end (see write_options).
  wire::TcpOptions expected = sample.options;
  const unsigned before_sack = OptionChoice{.mss = expected.mss.has_value(),
                                            .window_shift = expected.window_shift.has_value(),
                                            .timestamps = expected.timestamps.has_value(),
                                            .sack_permitted = expected.sack_permitted}
                                   .octets();
  while (expected.sack_count > 0 &&
         before_sack + 4 + expected.sack_count * 8U > wire::kMaxOptionOctets) {
    expected.sack[--expected.sack_count] = {};
  }
  if (sample.ip.source.is_v4()) {
    expect_libtins_reads<Tins::IP>(sample, expected, packet);
  } else {
    expect_libtins_reads<Tins::IPv6>(sample, expected, packet);
  }
}

// Which combinations fit a header when nothing is padded.
std::vector<unsigned> combinations_that_fit() {
  std::vector<unsigned> numbers;
  for (unsigned n = 0; n < OptionChoice::kCount; ++n) {
    if (OptionChoice::number(n).octets_unpadded() <= wire::kMaxOptionOctets) numbers.push_back(n);
  }
  return numbers;
}

using FamilyAndChoice = std::tuple<Family, unsigned>;
class OptionCombination : public testing::TestWithParam<FamilyAndChoice> {
 protected:
  const Family family_ = std::get<0>(GetParam());
  const OptionChoice choice_ = OptionChoice::number(std::get<1>(GetParam()));
  SampleSource source_{std::get<1>(GetParam()) + 1000U * (family_ == Family::ipv6)};
};
class CombinationThatFits : public OptionCombination {};
INSTANTIATE_TEST_SUITE_P(BothFamilies, OptionCombination,
                         testing::Combine(testing::Values(Family::ipv4, Family::ipv6),
                                          testing::Range(0U, OptionChoice::kCount)));
INSTANTIATE_TEST_SUITE_P(BothFamilies, CombinationThatFits,
                         testing::Combine(testing::Values(Family::ipv4, Family::ipv6),
                                          testing::ValuesIn(combinations_that_fit())));

constexpr int kSamplesEach = 25;

TEST_P(CombinationThatFits, OfLibtinsIsReadByUs) {
  for (int i = 0; i < kSamplesEach; ++i) {
    const std::size_t payload_octets = source_.at_most(i < 5 ? 4 : 1'460);
    expect_we_read_what_libtins_writes(source_.draw(family_, choice_, payload_octets), source_);
    if (HasFailure()) FAIL() << "sample " << i;
  }
}

TEST_P(OptionCombination, OfOursIsReadByLibtins) {
  for (int i = 0; i < kSamplesEach; ++i) {
    const std::size_t payload_octets = source_.at_most(i < 5 ? 4 : 1'460);
    expect_libtins_reads_what_we_write(source_.draw(family_, choice_, payload_octets));
    if (HasFailure()) FAIL() << "sample " << i;
  }
}

// Odd and even, around common segment sizes and up to the most that IP can state. The segment has
// the twelve octets of timestamps: its header is 32 octets.
using FamilyAndOctets = std::tuple<Family, std::size_t>;
class EveryPayloadSize : public testing::TestWithParam<FamilyAndOctets> {
 protected:
  const Family family_ = std::get<0>(GetParam());
  const std::size_t payload_octets_ = std::get<1>(GetParam());
  SampleSource source_{payload_octets_ + 100'000U * (family_ == Family::ipv6)};
};
INSTANTIATE_TEST_SUITE_P(BothFamilies, EveryPayloadSize,
                         testing::Combine(testing::Values(Family::ipv4, Family::ipv6),
                                          testing::Values(0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 535, 536,
                                                          1'219, 1'220, 1'447, 1'448, 8'947, 8'948,
                                                          32'767, 32'768, 65'482, 65'483)));
INSTANTIATE_TEST_SUITE_P(LongestIpv6, EveryPayloadSize,
                         testing::Combine(testing::Values(Family::ipv6),
                                          testing::Values(65'502, 65'503)));

TEST_P(EveryPayloadSize, OfLibtinsIsReadByUs) {
  expect_we_read_what_libtins_writes(source_.draw(family_, {.timestamps = true}, payload_octets_),
                                     source_);
}
TEST_P(EveryPayloadSize, OfOursIsReadByLibtins) {
  expect_libtins_reads_what_we_write(source_.draw(family_, {.timestamps = true}, payload_octets_));
}

}  // namespace
}  // namespace tuntcp::oracle
