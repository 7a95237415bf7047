#include "tests/oracle/sample.h"

#include <tins/tins.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "stack/base/checksum.h"

namespace tuntcp::oracle {

unsigned OptionChoice::octets() const {
  return (mss ? 4U : 0U) + (window_shift ? 4U : 0U) + (timestamps ? 12U : 0U) +
         (sack_permitted && !timestamps ? 4U : 0U) + (sack_count > 0 ? 4U + sack_count * 8U : 0U);
}

unsigned OptionChoice::octets_unpadded() const {
  return (mss ? 4U : 0U) + (window_shift ? 3U : 0U) + (timestamps ? 10U : 0U) +
         (sack_permitted ? 2U : 0U) + (sack_count > 0 ? 2U + sack_count * 8U : 0U);
}

std::uint64_t SampleSource::bits(unsigned width) {
  const std::uint64_t all = width == 64 ? ~0ULL : (1ULL << width) - 1;
  const std::uint64_t edges[] = {0, 1, all >> 1, (all >> 1) + 1, all - 1, all};
  const std::uint64_t n = random_.next();
  return (n >> 63) != 0 ? edges[n % 6] : n & all;
}

IpAddress SampleSource::address(Family family) {
  Octets random = octets(16);
  return IpAddress::from_octets(family, random.data());
}

Octets SampleSource::octets(std::size_t count) {
  Octets result(count);
  for (std::uint8_t& octet : result) octet = static_cast<std::uint8_t>(random_.next() >> 32);
  return result;
}

Sample SampleSource::draw(Family family, const OptionChoice& choice, std::size_t payload_octets) {
  Sample sample;
  sample.ip = {.source = address(family),
               .destination = address(family),
               .hop_limit = integer<std::uint8_t>(),
               .traffic_class = integer<std::uint8_t>(),
               .flow_label = integer<std::uint32_t>() & 0xfffff,
               .identification = integer<std::uint16_t>(),
               .dont_fragment = at_most(1) == 1};
  sample.tcp = {.source = integer<std::uint16_t>(),
                .destination = integer<std::uint16_t>(),
                .seq = SeqNum(integer<std::uint32_t>()),
                .ack = SeqNum(integer<std::uint32_t>()),
                .window = integer<std::uint16_t>(),
                .urgent_pointer = integer<std::uint16_t>(),
                .flags = wire::Flags::from_octet(integer<std::uint8_t>())};
  if (choice.mss) sample.options.mss = integer<std::uint16_t>();
  if (choice.window_shift) sample.options.window_shift = integer<std::uint8_t>();
  if (choice.timestamps) {
    sample.options.timestamps =
        wire::Timestamps{.value = integer<std::uint32_t>(), .echo = integer<std::uint32_t>()};
  }
  sample.options.sack_permitted = choice.sack_permitted;
  sample.options.sack_count = choice.sack_count;
  for (unsigned i = 0; i < choice.sack_count; ++i) {
    sample.options.sack[i] = {.begin = SeqNum(integer<std::uint32_t>()),
                              .end = SeqNum(integer<std::uint32_t>())};
  }
  sample.payload = octets(payload_octets);
  return sample;
}

Octets written_by_us(const Sample& sample) {
  std::uint8_t options[wire::kMaxOptionOctets];
  const std::uint32_t option_octets = wire::write_options(sample.options, options);
  wire::TcpHeader tcp = sample.tcp;
  tcp.header_octets = static_cast<std::uint8_t>(wire::kTcpHeaderOctets + option_octets);
  wire::IpFields ip = sample.ip;
  ip.payload_octets = tcp.header_octets + static_cast<std::uint32_t>(sample.payload.size());

  Octets packet(wire::ip_header_octets(ip.source.family()) + ip.payload_octets);
  const std::uint32_t ip_octets = wire::write_ip(ip, packet.data());
  std::uint8_t* segment = packet.data() + ip_octets;
  wire::write_tcp(tcp, segment);
  std::copy_n(options, option_octets, segment + wire::kTcpHeaderOctets);
  std::ranges::copy(sample.payload, segment + tcp.header_octets);

  ChecksumSum sum =
      pseudo_header_sum(ip.source, ip.destination, wire::kProtocolTcp, ip.payload_octets);
  sum.add(Bytes(packet).subspan(ip_octets));
  store_be16(segment + wire::kTcpChecksumOffset, sum.checksum());
  return packet;
}

namespace {

// The options to be added to a libtins segment, each with its length on the wire.
struct Addition {
  unsigned octets;
  std::function<void(Tins::TCP&)> add;
};

std::vector<Addition> additions(const wire::TcpOptions& options) {
  std::vector<Addition> result;
  if (options.mss) result.push_back({4, [=](Tins::TCP& tcp) { tcp.mss(*options.mss); }});
  if (options.window_shift) {
    result.push_back({3, [=](Tins::TCP& tcp) { tcp.winscale(*options.window_shift); }});
  }
  if (options.sack_permitted) {
    result.push_back({2, [](Tins::TCP& tcp) { tcp.sack_permitted(); }});
  }
  if (options.timestamps) {
    result.push_back({10, [=](Tins::TCP& tcp) {
                        tcp.timestamp(options.timestamps->value, options.timestamps->echo);
                      }});
  }
  if (options.sack_count > 0) {
    std::vector<std::uint32_t> edges;
    for (unsigned i = 0; i < options.sack_count; ++i) {
      edges.push_back(options.sack[i].begin.value());
      edges.push_back(options.sack[i].end.value());
    }
    result.push_back({2U + options.sack_count * 8U, [=](Tins::TCP& tcp) { tcp.sack(edges); }});
  }
  return result;
}

}  // namespace

Octets written_by_libtins(const Sample& sample, SampleSource& source) {
  Tins::TCP tcp(sample.tcp.destination, sample.tcp.source);
  tcp.seq(sample.tcp.seq.value());
  tcp.ack_seq(sample.tcp.ack.value());
  tcp.window(sample.tcp.window);
  tcp.urg_ptr(sample.tcp.urgent_pointer);
  tcp.flags(sample.tcp.flags.octet());

  std::vector<Addition> options = additions(sample.options);
  unsigned octets = 0;
  for (const Addition& option : options) octets += option.octets;
  for (std::size_t i = options.size(); i > 1; --i) {
    std::swap(options[i - 1], options[source.at_most(i - 1)]);
  }
  // libtins does not notice a length that IP cannot state, so near the limit there are no extras.
  const bool is_near_limit =
      sample.payload.size() + wire::kTcpMaxHeaderOctets + wire::kIpv4HeaderOctets >
      wire::kIpMaxOctets;
  unsigned room = is_near_limit ? 0 : wire::kMaxOptionOctets - octets;
  for (const Addition& option : options) {
    const unsigned nops = static_cast<unsigned>(source.at_most(std::min(room, 3U)));
    for (unsigned i = 0; i < nops; ++i) tcp.add_option(Tins::TCP::option(Tins::TCP::NOP));
    room -= nops;
    option.add(tcp);
  }
  // An option that nobody knows, where it fits (RFC 4727, 2.2: kind 253).
  if (room >= 4 && source.at_most(1) == 1) {
    const Octets unknown = source.octets(1 + source.at_most(room - 3));
    tcp.add_option(Tins::TCP::option(253, unknown.begin(), unknown.end()));
  }

  std::unique_ptr<Tins::PDU> packet;
  if (sample.ip.source.is_v4()) {
    auto ip =
        std::make_unique<Tins::IP>(sample.ip.destination.to_string(), sample.ip.source.to_string());
    ip->ttl(sample.ip.hop_limit);
    ip->tos(sample.ip.traffic_class);
    ip->id(sample.ip.identification);
    ip->flags(sample.ip.dont_fragment ? Tins::IP::DONT_FRAGMENT : Tins::IP::Flags{});
    packet = std::move(ip);
  } else {
    auto ip = std::make_unique<Tins::IPv6>(sample.ip.destination.to_string(),
                                           sample.ip.source.to_string());
    ip->hop_limit(sample.ip.hop_limit);
    ip->traffic_class(sample.ip.traffic_class);
    ip->flow_label(sample.ip.flow_label);
    packet = std::move(ip);
  }
  packet->inner_pdu(tcp);
  if (!sample.payload.empty())
    packet->rfind_pdu<Tins::TCP>().inner_pdu(Tins::RawPDU(sample.payload));
  return packet->serialize();
}

wire::TcpOptions options_read_by_libtins(const Tins::TCP& tcp) {
  wire::TcpOptions options;
  if (tcp.search_option(Tins::TCP::MSS) != nullptr) options.mss = tcp.mss();
  if (tcp.search_option(Tins::TCP::WSCALE) != nullptr) options.window_shift = tcp.winscale();
  if (tcp.search_option(Tins::TCP::TSOPT) != nullptr) {
    const auto [value, echo] = tcp.timestamp();
    options.timestamps = wire::Timestamps{.value = value, .echo = echo};
  }
  options.sack_permitted = tcp.has_sack_permitted();
  if (tcp.search_option(Tins::TCP::SACK) != nullptr) {
    const std::vector<std::uint32_t> edges = tcp.sack();
    options.sack_count = static_cast<std::uint8_t>(edges.size() / 2);
    for (std::size_t i = 0; i < options.sack_count; ++i) {
      options.sack[i] = {.begin = SeqNum(edges[2 * i]), .end = SeqNum(edges[2 * i + 1])};
    }
  }
  return options;
}

}  // namespace tuntcp::oracle
