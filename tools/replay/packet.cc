#include "tools/replay/packet.h"

#include <utility>

#include "stack/base/checksum.h"

namespace tuntcp::replay {
namespace {

constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::uint32_t kPortOctets = 4;

std::string protocol_name(std::uint8_t protocol) {
  if (protocol == kProtocolUdp) return "UDP";
  return "IP protocol " + std::to_string(protocol);
}

Packet::Checksum checksum_of(const wire::IpHeader& ip, Bytes segment) {
  if (wire::has_valid_tcp_checksum(ip.source, ip.destination, segment)) {
    return Packet::Checksum::valid;
  }
  ChecksumSum pseudo = pseudo_header_sum(ip.source, ip.destination, wire::kProtocolTcp,
                                         static_cast<std::uint32_t>(segment.size()));
  const auto sum = static_cast<std::uint16_t>(~pseudo.checksum());
  return load_be16(segment.data() + wire::kTcpChecksumOffset) == sum ? Packet::Checksum::partial
                                                                     : Packet::Checksum::wrong;
}

void parse_segment(Packet& packet) {
  const Bytes segment = Bytes(packet.octets).subspan(packet.ip.header_octets);
  packet.source.port = load_be16(segment.data());
  packet.destination.port = load_be16(segment.data() + 2);
  const auto header = wire::parse_tcp(segment);
  if (!header) {
    packet.fault = wire::to_string(header.error());
    return;
  }
  packet.has_segment = true;
  packet.tcp = *header;
  packet.options = wire::parse_options(
      segment.subspan(wire::kTcpHeaderOctets, header->header_octets - wire::kTcpHeaderOctets));
  packet.text_octets = static_cast<std::uint32_t>(segment.size()) - header->header_octets;
  // The checksum covers octets that a snapped packet does not have.
  if (packet.lost_octets == 0) packet.checksum = checksum_of(packet.ip, segment);
  if (packet.checksum == Packet::Checksum::wrong) {
    packet.fault = wire::to_string(wire::DropReason::tcp_bad_checksum);
  }
}

// False: a message that has nothing to do with what is replayed.
bool parse_message(Packet& packet) {
  const Bytes message = Bytes(packet.octets).subspan(packet.ip.header_octets);
  const auto icmp = wire::parse_icmp(packet.ip, message, packet.lost_octets != 0);
  if (!icmp) {
    packet.fault = wire::to_string(icmp.error());
    // What is damaged may still be an echo request, which must then stay unanswered.
    const std::uint8_t echo_request = packet.ip.source.is_v4() ? 8 : 128;
    packet.kind = Packet::Kind::echo;
    return !message.empty() && message[0] == echo_request;
  }
  packet.icmp_type = icmp->type;
  packet.icmp_code = icmp->code;
  using Kind = wire::IcmpMessage::Kind;
  switch (icmp->kind) {
    case Kind::echo_request:
    case Kind::echo_reply:
      packet.kind = Packet::Kind::echo;
      return true;
    case Kind::destination_unreachable:
    case Kind::packet_too_big:
    case Kind::time_exceeded:
    case Kind::parameter_problem:
    case Kind::source_quench: {
      const auto quoted = wire::parse_quoted_tcp(icmp->body);
      if (!quoted) return false;
      packet.kind = Packet::Kind::icmp_error;
      packet.quoted = *quoted;
      return true;
    }
    case Kind::other:
      return false;
  }
  return false;
}

std::string relative(SeqNum value, SeqNum base) {
  return std::to_string(static_cast<std::int32_t>(value.value() - base.value()));
}

std::string describe_flags(wire::Flags flags) {
  std::string text;
  const auto add = [&](wire::Flag flag, char letter) {
    if (flags.has(flag)) text += letter;
  };
  add(wire::Flag::fin, 'F');
  add(wire::Flag::syn, 'S');
  add(wire::Flag::rst, 'R');
  add(wire::Flag::psh, 'P');
  add(wire::Flag::urg, 'U');
  add(wire::Flag::ece, 'E');
  add(wire::Flag::cwr, 'W');
  add(wire::Flag::ack, '.');
  return text.empty() ? "-" : text;
}

std::string describe_options(const wire::TcpOptions& options, SeqNum sack_base) {
  std::string text;
  const auto add = [&](const std::string& option) { text += (text.empty() ? " <" : ",") + option; };
  if (options.mss) add("mss " + std::to_string(*options.mss));
  if (options.sack_permitted) add("sackOK");
  if (options.timestamps) {
    add("TS val " + std::to_string(options.timestamps->value) + " ecr " +
        std::to_string(options.timestamps->echo));
  }
  if (options.window_shift) add("wscale " + std::to_string(*options.window_shift));
  for (std::size_t i = 0; i < options.sack_count; ++i) {
    add((i == 0 ? "sack " : "") + relative(options.sack[i].begin, sack_base) + ":" +
        relative(options.sack[i].end, sack_base));
  }
  return text.empty() ? text : text + ">";
}

std::string describe_message(const Packet& packet) {
  const std::string name = packet.kind == Packet::Kind::echo ? "icmp echo" : "icmp error";
  return name + " type " + std::to_string(packet.icmp_type) + " code " +
         std::to_string(packet.icmp_code) + ", " + std::to_string(packet.ip.total_octets) +
         " octets";
}

}  // namespace

ParsedPacket parse_packet(CapturedPacket captured) {
  ParsedPacket result;
  const auto reject = [&](Notice::Kind kind, std::string why) -> ParsedPacket& {
    result.why_kind = kind;
    result.why = std::move(why);
    return result;
  };
  Packet& packet = result.packet;
  packet.number = captured.number;
  packet.at = captured.at;
  packet.octets = std::move(captured.octets);
  packet.lost_octets = captured.lost_octets;

  const auto ip = wire::parse_ip(packet.octets, true);
  if (!ip) {
    return reject(Notice::Kind::malformed,
                  std::string(wire::to_string(ip.error())) + ": not replayed");
  }
  packet.ip = *ip;
  packet.source.address = ip->source;
  packet.destination.address = ip->destination;
  packet.octets.resize(ip->total_octets);  // without the link's padding
  if (ip->is_fragment) return reject(Notice::Kind::malformed, "a fragment: not replayed");
  const std::uint32_t inner = ip->total_octets - ip->header_octets;
  const bool is_icmp =
      ip->protocol == (ip->source.is_v4() ? wire::kProtocolIcmp : wire::kProtocolIcmpv6);
  if (ip->protocol == wire::kProtocolTcp) {
    if (inner < kPortOctets) return reject(Notice::Kind::malformed, "no ports: not replayed");
    parse_segment(packet);
  } else if (!is_icmp) {
    return reject(Notice::Kind::other, protocol_name(ip->protocol));
  } else if (!parse_message(packet)) {
    return reject(Notice::Kind::other, "an ICMP message about no connection");
  }
  if (!wire::parse_ip(packet.octets)) {
    packet.fault = wire::to_string(wire::DropReason::ip_bad_checksum);
  }
  result.is_replayable = true;
  return result;
}

std::string describe(const Packet& packet, const Bases& bases) {
  if (packet.kind != Packet::Kind::tcp) return describe_message(packet);
  if (!packet.has_segment) return "no TCP header";
  const wire::TcpHeader& tcp = packet.tcp;
  std::string text = describe_flags(tcp.flags) + " " + relative(tcp.seq, bases.seq) + ":" +
                     relative(tcp.seq + packet.text_octets, bases.seq) + "(" +
                     std::to_string(packet.text_octets) + ")";
  if (packet.has(wire::Flag::ack)) text += " ack " + relative(tcp.ack, bases.ack);
  text += " win " + std::to_string(tcp.window);
  if (packet.has(wire::Flag::urg)) text += " urg " + std::to_string(tcp.urgent_pointer);
  return text + describe_options(packet.options, bases.ack);
}

}  // namespace tuntcp::replay
