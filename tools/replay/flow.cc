#include "tools/replay/flow.h"

#include <algorithm>
#include <map>
#include <utility>

#include "stack/base/checksum.h"

namespace tuntcp::replay {
namespace {

// Names the flow that a packet belongs to, whichever end sent it.
std::string key_of(const Packet& packet) {
  const bool is_error = packet.kind == Packet::Kind::icmp_error;
  const auto text = [](const Endpoint& end) {
    return std::string(end.address.octets(), end.address.octets() + end.address.size()) +
           std::to_string(end.port);
  };
  std::string a = text(is_error ? packet.quoted.source : packet.source);
  std::string b = text(is_error ? packet.quoted.destination : packet.destination);
  if (b < a) std::swap(a, b);
  return (packet.kind == Packet::Kind::echo ? "echo" : "tcp") + a + "," + b;
}

// The segments that a device makes of a super-packet: FIN and PSH are the last one's.
void cut(const Packet& whole, std::uint32_t most, std::vector<Packet>& out) {
  for (std::uint32_t begin = 0; begin < whole.text_octets; begin += most) {
    Packet piece = whole;
    piece.text_octets = std::min(most, whole.text_octets - begin);
    piece.tcp.seq += begin;
    const bool is_last = begin + piece.text_octets == whole.text_octets;
    if (!is_last) {
      piece.tcp.flags = piece.tcp.flags.without(wire::Flag::fin).without(wire::Flag::psh);
    }
    const auto text = whole.text().subspan(begin, piece.text_octets);
    piece.octets.resize(whole.text_at());
    piece.octets.insert(piece.octets.end(), text.begin(), text.end());
    piece.ip.total_octets = static_cast<std::uint32_t>(piece.octets.size());
    store_be32(piece.octets.data() + piece.ip.header_octets + 4, piece.tcp.seq.value());
    piece.octets[piece.ip.header_octets + 13] = piece.tcp.flags.octet();
    if (piece.ip.source.is_v4()) {
      std::uint8_t* const header = piece.octets.data();
      store_be16(header + 2, static_cast<std::uint16_t>(piece.ip.total_octets));
      store_be16(header + 10, 0);
      store_be16(header + 10, checksum(Bytes(piece.octets).first(piece.ip.header_octets)));
    } else {
      store_be16(piece.octets.data() + 4,
                 static_cast<std::uint16_t>(piece.ip.total_octets - wire::kIpv6HeaderOctets));
    }
    out.push_back(std::move(piece));
  }
}

void cut_super_packets(Flow& flow) {
  const auto most = agreed_text(flow);
  if (!most || *most == 0) return;
  const auto is_super = [&](const Packet& packet) {
    // A damaged header's length means nothing, and no device cuts into pieces this small.
    return packet.fault.empty() && packet.text_octets > *most && *most >= 512;
  };
  if (std::ranges::none_of(flow.packets, is_super)) return;
  std::vector<Packet> packets;
  for (Packet& packet : flow.packets) {
    if (is_super(packet)) {
      cut(packet, *most, packets);
    } else {
      packets.push_back(std::move(packet));
    }
  }
  flow.packets = std::move(packets);
}

}  // namespace

const char* to_string(Side side) {
  return side == Side::client ? "client" : "server";
}

Side Flow::sender(const Packet& packet) const {
  if (packet.kind == Packet::Kind::icmp_error) {
    return packet.destination.address == client.address ? Side::server : Side::client;
  }
  return packet.source == client ? Side::client : Side::server;
}

std::string Flow::to_string() const {
  if (is_echo) return client.address.to_string() + " > " + server.address.to_string() + ", echo";
  return client.to_string() + " > " + server.to_string();
}

std::optional<std::uint32_t> agreed_text(const Flow& flow) {
  std::optional<std::uint32_t> mss;
  bool all_have_timestamps = true;
  for (const Packet& packet : flow.packets) {
    if (!packet.is_syn()) continue;
    all_have_timestamps = all_have_timestamps && packet.options.timestamps.has_value();
    if (packet.options.mss)
      mss = std::min<std::uint32_t>(mss.value_or(65'535), *packet.options.mss);
  }
  if (mss && all_have_timestamps && *mss > 12) *mss -= 12;
  return mss;
}

Flows split(Capture capture) {
  Flows result{.flows = {}, .notices = std::move(capture.notices)};
  const auto note = [&](std::uint32_t number, Notice::Kind kind, std::string text) {
    result.notices.push_back({.kind = kind, .number = number, .text = std::move(text)});
  };
  std::map<std::string, std::size_t> flow_numbers;
  for (CapturedPacket& captured : capture.packets) {
    const std::uint32_t number = captured.number;
    ParsedPacket parsed = parse_packet(std::move(captured));
    if (!parsed.is_replayable) {
      note(number, parsed.why_kind, std::move(parsed.why));
      continue;
    }
    Packet& packet = parsed.packet;
    if (!packet.fault.empty()) note(number, Notice::Kind::malformed, packet.fault);
    const std::string key = key_of(packet);
    auto flow = flow_numbers.find(key);
    if (flow == flow_numbers.end()) {
      if (packet.kind == Packet::Kind::icmp_error) {
        note(number, Notice::Kind::other, "an ICMP error about no captured connection");
        continue;
      }
      result.flows.push_back({.number = static_cast<std::uint32_t>(result.flows.size()) + 1,
                              .is_echo = packet.kind == Packet::Kind::echo,
                              .client = packet.source,
                              .server = packet.destination,
                              .packets = {}});
      flow = flow_numbers.emplace(key, result.flows.size() - 1).first;
    }
    result.flows[flow->second].packets.push_back(std::move(packet));
  }
  for (Flow& flow : result.flows) cut_super_packets(flow);
  std::ranges::stable_sort(result.notices, {}, &Notice::number);
  return result;
}

}  // namespace tuntcp::replay
