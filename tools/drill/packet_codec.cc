#include "tools/drill/packet_codec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <span>
#include <utility>

#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"

namespace tuntcp::drill {
namespace {

using Kind = OptionSpec::Kind;

// Kinds of options: IANA, "TCP Option Kind Numbers".
constexpr std::uint8_t kEol = 0, kNop = 1, kMss = 2, kWindowScale = 3, kSackPermitted = 4,
                       kSack = 5, kTimestamps = 8, kMd5 = 19, kFastOpen = 34, kExperiment = 254;
constexpr std::uint16_t kFastOpenMagic = 0xf989;  // RFC 7413, appendix A (draft's experiment)

void append16(Octets& octets, std::uint16_t value) {
  octets.push_back(static_cast<std::uint8_t>(value >> 8));
  octets.push_back(static_cast<std::uint8_t>(value));
}
void append32(Octets& octets, std::uint32_t value) {
  append16(octets, static_cast<std::uint16_t>(value >> 16));
  append16(octets, static_cast<std::uint16_t>(value));
}

void append_option(Octets& octets, const OptionSpec& option) {
  const auto begin = [&](std::uint8_t kind, std::size_t length) {
    octets.push_back(kind);
    octets.push_back(static_cast<std::uint8_t>(length));
  };
  switch (option.kind) {
    case Kind::nop:
      octets.push_back(kNop);
      return;
    case Kind::eol:
      octets.push_back(kEol);
      return;
    case Kind::mss:
      begin(kMss, 4);
      append16(octets, static_cast<std::uint16_t>(option.value));
      return;
    case Kind::wscale:
      begin(kWindowScale, 3);
      octets.push_back(static_cast<std::uint8_t>(option.value));
      return;
    case Kind::sack_permitted:
      begin(kSackPermitted, 2);
      return;
    case Kind::sack:
      begin(kSack, 2 + 8 * option.blocks.size());
      for (const SackBlockSpec& block : option.blocks) {
        append32(octets, block.begin);
        append32(octets, block.end);
      }
      return;
    case Kind::timestamps:
      begin(kTimestamps, 10);
      append32(octets, option.value);
      append32(octets, option.echo);
      return;
    case Kind::fast_open:
      begin(kFastOpen, 2 + option.octets.size());
      break;
    case Kind::fast_open_experimental:
      begin(kExperiment, 4 + option.octets.size());
      append16(octets, kFastOpenMagic);
      break;
    case Kind::md5:
      begin(kMd5, 2 + option.octets.size());
      break;
  }
  octets.insert(octets.end(), option.octets.begin(), option.octets.end());
}

// The options of a packet in their order. One that scripts cannot write ends the list with a name
// that none of them has.
std::vector<OptionSpec> read_options(Bytes octets) {
  std::vector<OptionSpec> options;
  std::size_t i = 0;
  while (i < octets.size()) {
    OptionSpec option;
    const std::uint8_t kind = octets[i];
    if (kind == kEol || kind == kNop) {
      option.kind = kind == kEol ? Kind::eol : Kind::nop;
      options.push_back(option);
      ++i;
      continue;
    }
    const std::size_t length = i + 1 < octets.size() ? octets[i + 1] : 0;
    const bool fits = length >= 2 && i + length <= octets.size();
    const std::uint8_t* body = octets.data() + i + 2;
    if (fits && kind == kMss && length == 4) {
      option.kind = Kind::mss;
      option.value = load_be16(body);
    } else if (fits && kind == kWindowScale && length == 3) {
      option.kind = Kind::wscale;
      option.value = *body;
    } else if (fits && kind == kSackPermitted && length == 2) {
      option.kind = Kind::sack_permitted;
    } else if (fits && kind == kSack && length % 8 == 2) {
      option.kind = Kind::sack;
      for (std::size_t at = 0; at + 8 <= length - 2; at += 8) {
        option.blocks.push_back({.begin = load_be32(body + at), .end = load_be32(body + at + 4)});
      }
    } else if (fits && kind == kTimestamps && length == 10) {
      option.kind = Kind::timestamps;
      option.value = load_be32(body);
      option.echo = load_be32(body + 4);
    } else if (fits && (kind == kFastOpen || kind == kMd5)) {
      option.kind = kind == kFastOpen ? Kind::fast_open : Kind::md5;
      option.octets.assign(body, body + length - 2);
    } else if (fits && kind == kExperiment && length >= 4 && load_be16(body) == kFastOpenMagic) {
      option.kind = Kind::fast_open_experimental;
      option.octets.assign(body + 2, body + length - 2);
    } else {
      option.kind = Kind::fast_open;
      option.word = "kind_" + std::to_string(kind);
      options.push_back(option);
      return options;
    }
    options.push_back(option);
    i += length;
  }
  return options;
}

struct FlagName {
  char letter;
  wire::Flag flag;
};
constexpr FlagName kFlagNames[] = {
    {'S', wire::Flag::syn}, {'F', wire::Flag::fin}, {'R', wire::Flag::rst}, {'P', wire::Flag::psh},
    {'U', wire::Flag::urg}, {'E', wire::Flag::ece}, {'W', wire::Flag::cwr}, {'.', wire::Flag::ack}};

Octets packet_around(const IpAddress& source, const IpAddress& destination, const IpSpec& ip,
                     std::uint8_t protocol, const Octets& payload) {
  wire::IpFields fields{.source = source, .destination = destination};
  fields.protocol = protocol;
  fields.hop_limit = ip.ttl.value_or(255);
  fields.traffic_class = ip.tos.value_or(0);
  if (ip.ecn) fields.traffic_class |= static_cast<std::uint8_t>(*ip.ecn);
  fields.flow_label = ip.flow_label.value_or(0);
  fields.payload_octets = static_cast<std::uint32_t>(payload.size());
  Octets packet(wire::ip_header_octets(source.family()));
  wire::write_ip(fields, packet.data());
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

void append_segment_header(Octets& octets, const Endpoint& source, const Endpoint& destination,
                           const TcpSpec& tcp, std::size_t header_octets) {
  wire::TcpHeader header;
  header.source = source.port;
  header.destination = destination.port;
  header.seq = SeqNum(tcp.seq.begin);
  header.ack = SeqNum(tcp.ack.value_or(0));
  header.window = tcp.window.value_or(0);
  header.urgent_pointer = tcp.urgent.value_or(0);
  for (const FlagName& name : kFlagNames) {
    if (tcp.flags.find(name.letter) != std::string::npos) header.flags |= name.flag;
  }
  header.header_octets = static_cast<std::uint8_t>(header_octets);
  const std::size_t begin = octets.size();
  octets.resize(begin + wire::kTcpHeaderOctets);
  wire::write_tcp(header, octets.data() + begin);
}

// Types and codes by the names that Linux's headers give them, in small letters.
struct IcmpCode {
  const char* name;
  std::uint8_t number;
};
constexpr IcmpCode kUnreachableV4[] = {
    {"net_unreachable", 0},     {"host_unreachable", 1}, {"protocol_unreachable", 2},
    {"prot_unreach", 2},        {"port_unreachable", 3}, {"net_unreach", 0},
    {"host_unreach", 1},        {"port_unreach", 3},     {"frag_needed", 4},
    {"source_route_failed", 5}, {"sr_failed", 5},        {"net_unknown", 6},
    {"host_unknown", 7},        {"pkt_filtered", 13},    {"source_host_isolated", 8}};
constexpr IcmpCode kUnreachableV6[] = {
    {"noroute", 0},          {"adm_prohibited", 1},   {"not_neighbour", 2},   {"addr_unreach", 3},
    {"host_unreachable", 3}, {"addr_unreachable", 3}, {"net_unreachable", 0}, {"port_unreach", 4},
    {"port_unreachable", 4}, {"policy_fail", 5},      {"reject_route", 6}};

std::optional<std::uint8_t> code_of(const std::string& name, std::span<const IcmpCode> codes) {
  if (name.empty()) return std::uint8_t{0};
  for (const IcmpCode& code : codes) {
    if (name == code.name) return code.number;
  }
  return std::nullopt;
}

struct IcmpNumbers {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
};
std::optional<IcmpNumbers> numbers_of(const IcmpSpec& icmp, Family family) {
  const bool is_v4 = family == Family::ipv4;
  const bool is_too_big =
      icmp.type == "packet_too_big" || (icmp.type == "unreachable" && icmp.code == "frag_needed");
  if (is_too_big) {
    return is_v4 ? IcmpNumbers{.type = 3, .code = 4} : IcmpNumbers{.type = 2, .code = 0};
  }
  if (icmp.type == "unreachable" || icmp.type == "dest_unreach") {
    const auto code =
        is_v4 ? code_of(icmp.code, kUnreachableV4) : code_of(icmp.code, kUnreachableV6);
    if (!code) return std::nullopt;
    return IcmpNumbers{.type = static_cast<std::uint8_t>(is_v4 ? 3 : 1), .code = *code};
  }
  if (!icmp.code.empty()) return std::nullopt;
  if (icmp.type == "source_quench" && is_v4) return IcmpNumbers{.type = 4};
  if (icmp.type == "time_exceeded") {
    return IcmpNumbers{.type = static_cast<std::uint8_t>(is_v4 ? 11 : 3)};
  }
  if (icmp.type == "parameter_problem") {
    return IcmpNumbers{.type = static_cast<std::uint8_t>(is_v4 ? 12 : 4)};
  }
  return std::nullopt;
}

}  // namespace

std::uint32_t option_octets(const std::vector<OptionSpec>& options) {
  Octets octets;
  for (const OptionSpec& option : options) append_option(octets, option);
  return static_cast<std::uint32_t>(octets.size());
}

Octets build_tcp(const Endpoint& source, const Endpoint& destination, const IpSpec& ip,
                 const TcpSpec& tcp) {
  Octets options;
  for (const OptionSpec& option : tcp.options) append_option(options, option);
  Octets segment;
  append_segment_header(segment, source, destination, tcp, wire::kTcpHeaderOctets + options.size());
  segment.insert(segment.end(), options.begin(), options.end());
  segment.resize(segment.size() + tcp.seq.length);
  ChecksumSum sum = pseudo_header_sum(source.address, destination.address, wire::kProtocolTcp,
                                      static_cast<std::uint32_t>(segment.size()));
  sum.add(segment);
  store_be16(segment.data() + wire::kTcpChecksumOffset, sum.checksum());
  return packet_around(source.address, destination.address, ip, wire::kProtocolTcp, segment);
}

std::optional<Octets> build_icmp(const IcmpSpec& icmp, const IcmpError& error) {
  const Family family = error.quoted_source.address.family();
  const auto numbers = numbers_of(icmp, family);
  if (!numbers) return std::nullopt;
  // What is quoted: the segment's headers, as long as it claims to be.
  TcpSpec quoted{.flags = "."};
  quoted.seq = {.begin = error.quoted_seq, .length = error.quoted_length};
  Octets segment;
  append_segment_header(segment, error.quoted_source, error.quoted_destination, quoted,
                        wire::kTcpHeaderOctets);
  wire::IpFields fields{.source = error.quoted_source.address,
                        .destination = error.quoted_destination.address};
  fields.payload_octets = wire::kTcpHeaderOctets + error.quoted_length;
  Octets body(wire::ip_header_octets(family));
  wire::write_ip(fields, body.data());
  body.insert(body.end(), segment.begin(), segment.end());

  Octets message{numbers->type, numbers->code, 0, 0};
  append32(message, icmp.mtu.value_or(0));
  message.insert(message.end(), body.begin(), body.end());
  const IpAddress& to = error.quoted_source.address;
  const bool is_v4 = family == Family::ipv4;
  ChecksumSum sum;
  if (!is_v4) {
    sum = pseudo_header_sum(error.source, to, wire::kProtocolIcmpv6,
                            static_cast<std::uint32_t>(message.size()));
  }
  sum.add(message);
  store_be16(message.data() + 2, sum.checksum());
  return packet_around(error.source, to, {}, is_v4 ? wire::kProtocolIcmp : wire::kProtocolIcmpv6,
                       message);
}

std::optional<ReadPacket> read_packet(const Octets& octets) {
  const auto ip = wire::parse_ip(octets);
  if (!ip || ip->is_fragment || ip->total_octets > octets.size()) return std::nullopt;
  ReadPacket packet{.source = {.address = ip->source}, .destination = {.address = ip->destination}};
  packet.spec.direction = Direction::outbound;
  packet.spec.ip.ecn = static_cast<Ecn>(ip->traffic_class & 3);
  packet.spec.ip.tos = ip->traffic_class;
  packet.spec.ip.ttl = ip->hop_limit;
  const Bytes payload =
      Bytes(octets).subspan(ip->header_octets, ip->total_octets - ip->header_octets);
  if (ip->protocol == wire::kProtocolIcmp || ip->protocol == wire::kProtocolIcmpv6) {
    if (payload.size() < 8) return std::nullopt;
    packet.spec.body =
        IcmpSpec{.type = std::to_string(payload[0]), .code = std::to_string(payload[1])};
    return packet;
  }
  if (ip->protocol != wire::kProtocolTcp) return std::nullopt;
  const auto header = wire::parse_tcp(payload);
  if (!header) return std::nullopt;
  if (!wire::has_valid_tcp_checksum(ip->source, ip->destination, payload)) {
    packet.damage = "the checksum of TCP is wrong";
  }
  packet.source.port = header->source;
  packet.destination.port = header->destination;
  packet.spec.ports = {header->source, header->destination};
  TcpSpec tcp;
  for (const FlagName& name : kFlagNames) {
    if (header->flags.has(name.flag)) tcp.flags += name.letter;
  }
  const auto length = static_cast<std::uint16_t>(payload.size() - header->header_octets);
  tcp.seq = {.begin = header->seq.value(), .end = header->seq.value() + length, .length = length};
  if (header->flags.has(wire::Flag::ack)) tcp.ack = header->ack.value();
  tcp.window = header->window;
  tcp.urgent = header->urgent_pointer;
  tcp.options = read_options(payload.subspan(
      wire::kTcpHeaderOctets, std::size_t{header->header_octets} - wire::kTcpHeaderOctets));
  packet.spec.body = std::move(tcp);
  return packet;
}

std::string describe(const OptionSpec& option) {
  const auto hex = [&] {
    std::string text;
    constexpr char kDigits[] = "0123456789abcdef";
    for (const std::uint8_t octet : option.octets) {
      text += kDigits[octet >> 4];
      text += kDigits[octet & 15];
    }
    if (!option.word.empty()) text = option.word;
    return text.empty() ? text : " " + text;
  };
  switch (option.kind) {
    case Kind::nop:
      return "nop";
    case Kind::eol:
      return "eol";
    case Kind::mss:
      return "mss " + std::to_string(option.value);
    case Kind::wscale:
      return "wscale " + std::to_string(option.value);
    case Kind::sack_permitted:
      return "sackOK";
    case Kind::sack: {
      std::string text = "sack";
      for (const SackBlockSpec& block : option.blocks) {
        text += " " + std::to_string(block.begin) + ":" + std::to_string(block.end);
      }
      return text;
    }
    case Kind::timestamps:
      return "TS val " + std::to_string(option.value) + " ecr " + std::to_string(option.echo);
    case Kind::fast_open:
      return "FO" + hex();
    case Kind::fast_open_experimental:
      return "FOEXP" + hex();
    case Kind::md5:
      return "md5" + hex();
  }
  return {};
}

std::string describe(const PacketSpec& packet) {
  std::string text = packet.direction == Direction::inbound ? "< " : "> ";
  const auto sequence = [](const SequenceSpec& seq) {
    return std::to_string(seq.begin) + ":" + std::to_string(seq.end) + "(" +
           std::to_string(seq.length) + ")";
  };
  if (const auto* icmp = std::get_if<IcmpSpec>(&packet.body)) {
    text += "icmp " + icmp->type;
    if (!icmp->code.empty()) text += " " + icmp->code;
    if (icmp->mtu) text += " mtu " + std::to_string(*icmp->mtu);
    if (icmp->quoted) text += " [" + sequence(*icmp->quoted) + "]";
    return text;
  }
  const auto& tcp = std::get<TcpSpec>(packet.body);
  if (packet.ip.ecn && *packet.ip.ecn != Ecn::not_ect) {
    constexpr const char* kNames[] = {"noecn", "ect1", "ect0", "ce"};
    text += std::string("[") + kNames[static_cast<std::uint8_t>(*packet.ip.ecn)] + "] ";
  }
  text += (tcp.flags.empty() ? "-" : tcp.flags) + " " + sequence(tcp.seq);
  if (tcp.ack) text += " ack " + std::to_string(*tcp.ack);
  if (tcp.window) text += " win " + std::to_string(*tcp.window);
  if (tcp.urgent && *tcp.urgent != 0) text += " urg " + std::to_string(*tcp.urgent);
  if (tcp.any_options) return text + " <...>";
  if (tcp.options.empty()) return text;
  text += " <";
  for (const OptionSpec& option : tcp.options) {
    text += describe(option) + (&option == &tcp.options.back() ? ">" : ",");
  }
  return text;
}

}  // namespace tuntcp::drill
