#include "tools/drill/packet_stream.h"

#include <utility>

namespace tuntcp::drill {

std::optional<SeenPacket> PacketStream::next(Duration until) {
  if (put_back_) return std::exchange(put_back_, std::nullopt);
  while (auto sent = backend_->take_packet(origin_ + until)) {
    auto packet = read_packet(sent->octets);
    // The rest (router solicitations and the like) is not for the peer.
    if (!packet || packet->destination.address != remote_) continue;
    SeenPacket seen{.at = sent->at - origin_, .packet = std::move(*packet)};
    seen.gso_size = sent->gso_size;
    return seen;
  }
  return std::nullopt;
}

void PacketStream::cut(SeenPacket& seen, std::uint32_t octets) {
  SeenPacket rest = seen;
  auto& tcp = std::get<TcpSpec>(seen.packet.spec.body);
  auto& left = std::get<TcpSpec>(rest.packet.spec.body);
  left.seq.begin += octets;
  left.seq.length = static_cast<std::uint16_t>(left.seq.length - octets);
  if (left.seq.length <= rest.gso_size) rest.gso_size = 0;
  rest.is_super = true;
  std::erase(left.flags, 'W');  // RFC 3168, 6.1.2: of the first segment alone
  put_back_ = std::move(rest);
  tcp.seq.length = static_cast<std::uint16_t>(octets);
  std::erase(tcp.flags, 'F');
}

SeenPacket PacketStream::whole(const TcpSpec& expected, SeenPacket first, Duration until) {
  auto* tcp = std::get_if<TcpSpec>(&first.packet.spec.body);
  first.is_super = first.is_super || first.gso_size != 0;
  if (is_strict_ || tcp == nullptr || tcp->seq.length == 0 || expected.seq.length == 0) {
    return first;
  }
  // As a device would: a segment is as long as the others, or the last.
  const auto may_cut = [](const SeenPacket& seen, std::uint32_t octets) {
    return seen.gso_size != 0 && octets % seen.gso_size == 0;
  };
  if (tcp->seq.length > expected.seq.length && may_cut(first, expected.seq.length)) {
    cut(first, expected.seq.length);
    return first;
  }
  while (tcp->seq.length < expected.seq.length) {
    auto more = next(until);
    if (!more) break;
    const auto* added = std::get_if<TcpSpec>(&more->packet.spec.body);
    const bool continues = added != nullptr && added->seq.length != 0 &&
                           more->packet.source == first.packet.source &&
                           more->packet.destination == first.packet.destination &&
                           added->seq.begin == tcp->seq.begin + tcp->seq.length;
    const std::uint32_t missing = std::uint32_t{expected.seq.length} - tcp->seq.length;
    if (continues && added->seq.length > missing && may_cut(*more, missing)) cut(*more, missing);
    if (!continues || tcp->seq.length + added->seq.length > 0xffff) {
      put_back_ = std::move(more);
      break;
    }
    // The joined segment has the latest header.
    TcpSpec joined = *added;
    joined.seq = tcp->seq;
    joined.seq.length = static_cast<std::uint16_t>(tcp->seq.length + added->seq.length);
    *tcp = std::move(joined);
    first.is_super = true;
    first.at = more->at;
  }
  return first;
}

}  // namespace tuntcp::drill
