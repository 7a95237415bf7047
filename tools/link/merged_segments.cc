#include "tools/link/merged_segments.h"

#include <algorithm>

#include "stack/base/checksum.h"
#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"

namespace tuntcp::link {
namespace {

constexpr std::size_t kFlags = 13;  // where they are in a TCP header

bool is_v4(Bytes packet) {
  return packet[0] >> 4 == 4;
}

// May the octets at these places of the IP headers differ? They are lengths, IPv4's identification
// and checksum.
bool may_differ(bool v4, std::size_t at) {
  return v4 ? (at >= 2 && at < 6) || at == 10 || at == 11 : at == 4 || at == 5;
}

}  // namespace

// Text with ACK and perhaps PSH, behind an IP header without options, with right checksums.
bool MergedSegments::read(Bytes packet, Segment& segment) {
  const auto ip = wire::parse_ip(packet);
  if (!ip || ip->protocol != wire::kProtocolTcp || ip->is_fragment) return false;
  if (ip->header_octets != wire::ip_header_octets(ip->source.family())) return false;
  if (ip->total_octets != packet.size()) return false;
  const Bytes octets = packet.subspan(ip->header_octets);
  const auto tcp = wire::parse_tcp(octets);
  if (!tcp || tcp->flags.without(wire::Flag::psh) != wire::Flags(wire::Flag::ack)) return false;
  if (!wire::has_valid_tcp_checksum(ip->source, ip->destination, octets)) return false;
  segment = {.ip_octets = ip->header_octets,
             .headers = ip->header_octets + tcp->header_octets,
             .text = static_cast<std::uint32_t>(octets.size()) - tcp->header_octets,
             .seq = tcp->seq,
             .is_last = tcp->flags.has(wire::Flag::psh)};
  return segment.text > 0;
}

void MergedSegments::begin(Bytes packet) {
  octets_.assign(packet.begin(), packet.end());
  segments_ = 1;
  can_grow_ = true;
}

bool MergedSegments::append(Bytes packet) {
  if (!can_grow_) return false;
  if (segments_ == 1) {
    can_grow_ = read(octets_, first_);
    last_ = first_;
  }
  Segment next;
  if (!can_grow_ || last_.is_last || last_.text != first_.text || !read(packet, next) ||
      !continues(packet, next)) {
    return can_grow_ = false;
  }
  octets_.insert(octets_.end(), packet.begin() + next.headers, packet.end());
  last_ = next;
  ++segments_;
  return true;
}

bool MergedSegments::continues(Bytes packet, const Segment& next) const {
  if (next.headers != first_.headers || next.ip_octets != first_.ip_octets ||
      next.text > first_.text || octets_.size() + next.text > wire::kIpMaxOctets ||
      next.seq != last_.seq + last_.text || is_v4(packet) != is_v4(octets_)) {
    return false;
  }
  const bool v4 = is_v4(packet);
  for (std::size_t at = 0; at < first_.ip_octets; ++at) {
    if (packet[at] != octets_[at] && !may_differ(v4, at)) return false;
  }
  // Numbers that count on, or the pieces would get others than they had.
  if (v4 && load_be16(packet.data() + 4) !=
                static_cast<std::uint16_t>(load_be16(octets_.data() + 4) + segments_)) {
    return false;
  }
  for (std::size_t at = first_.ip_octets; at < first_.headers; ++at) {
    const std::size_t of_tcp = at - first_.ip_octets;
    const bool is_seq = of_tcp >= 4 && of_tcp < 8;
    const bool is_checksum = of_tcp == 16 || of_tcp == 17;
    if (packet[at] != octets_[at] && !is_seq && !is_checksum && of_tcp != kFlags) return false;
  }
  return true;
}

wire::OutgoingPacket MergedSegments::packet() {
  const auto total = static_cast<std::uint32_t>(octets_.size());
  if (segments_ < 2) return {.headers = octets_, .payload = {}, .total_octets = total};
  std::uint8_t* const ip = octets_.data();
  std::uint8_t* const tcp = ip + first_.ip_octets;
  const bool v4 = is_v4(octets_);
  if (v4) {
    store_be16(ip + 2, static_cast<std::uint16_t>(total));
    store_be16(ip + 10, 0);
    store_be16(ip + 10, checksum(Bytes(octets_).first(first_.ip_octets)));
  } else {
    store_be16(ip + 4, static_cast<std::uint16_t>(total - first_.ip_octets));
  }
  if (last_.is_last) tcp[kFlags] |= static_cast<std::uint8_t>(wire::Flag::psh);
  // The device's to complete: the pseudo-header's sum, not inverted.
  const auto header = wire::parse_ip(octets_, true);
  const ChecksumSum sum = pseudo_header_sum(header->source, header->destination, wire::kProtocolTcp,
                                            total - first_.ip_octets);
  store_be16(tcp + wire::kTcpChecksumOffset, sum.folded());
  text_ = Bytes(octets_).subspan(first_.headers);
  return {.headers = Bytes(octets_).first(first_.headers),
          .payload = {&text_, 1},
          .total_octets = total,
          .needs_checksum = true,
          .checksum_start = static_cast<std::uint16_t>(first_.ip_octets),
          .gso_size = static_cast<std::uint16_t>(first_.text),
          .is_ipv6 = !v4};
}

}  // namespace tuntcp::link
