#include "stack/wire/ip.h"

#include <algorithm>

#include "stack/base/check.h"
#include "stack/base/checksum.h"

namespace tuntcp::wire {
namespace {

// RFC 8200, 4: the headers that may stand between the IPv6 header and the transport's.
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kDestinationOptions = 60;
constexpr std::uint8_t kProtocolUdp = 17;

// RFC 8200, 4.1 recommends a chain in which these stand five times at most; a longer one is only a
// walk that its sender chooses for us.
constexpr unsigned kMaxExtensionHeaders = 8;

enum class Length : std::uint8_t { stated, cut_short };

// RFC 8200, 4.2: may a receiver that knows only padding pass over these options?
bool may_skip_options(Bytes options) {
  while (!options.empty()) {
    const std::uint8_t type = options[0];
    if (type == 0) {  // Pad1 has no length.
      options = options.subspan(1);
      continue;
    }
    // The two highest bits say what to do about an unknown option: 00 is "skip over", the others
    // discard the packet.
    if (type >> 6 != 0 || options.size() < 2) return false;
    const std::size_t octets = 2U + options[1];
    if (octets > options.size()) return false;
    options = options.subspan(octets);
  }
  return true;
}

// Walks from `header.header_octets` to the transport header. `packet` ends where the packet does.
DropReason skip_extension_headers(Bytes packet, IpHeader& header) {
  for (unsigned walked = 0;; ++walked) {
    const std::uint8_t kind = header.protocol;
    if (kind != kHopByHop && kind != kRouting && kind != kFragment && kind != kDestinationOptions) {
      return DropReason::none;
    }
    // RFC 8200, 4.1: hop-by-hop options stand first or nowhere.
    if (walked == kMaxExtensionHeaders || (kind == kHopByHop && walked > 0)) {
      return DropReason::ip_bad_header;
    }
    const Bytes rest = packet.subspan(header.header_octets);
    if (rest.size() < 8) return DropReason::ip_truncated;
    const std::uint32_t octets = kind == kFragment ? 8 : (rest[1] + 1U) * 8;
    if (rest.size() < octets) return DropReason::ip_truncated;
    header.protocol = rest[0];
    header.header_octets += octets;

    if (kind == kFragment) {
      const std::uint16_t field = load_be16(rest.data() + 2);  // offset, 2 bits reserved, M
      header.fragment_offset = field & 0xfff8;
      // RFC 6946: one that is first and last at once is a whole packet.
      header.is_fragment = (field & 0xfff9) != 0;
      header.has_more_fragments = (field & 1) != 0;
      header.identification = load_be32(rest.data() + 4);
      if (header.is_fragment) return DropReason::none;
    } else if (kind == kRouting) {
      // RFC 8200, 4.4: an unknown type, and RFC 5095 makes type 0 one, may be passed over only
      // when no segments are left.
      if (rest[3] != 0) return DropReason::ip_bad_header;
    } else if (!may_skip_options(rest.subspan(2, octets - 2))) {
      return DropReason::ip_bad_header;
    }
  }
}

bool has_valid_header_checksum(const std::uint8_t* p, std::uint32_t header_octets) {
  if (header_octets != kIpv4HeaderOctets) return checksum({p, header_octets}) == 0;
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < kIpv4HeaderOctets; i += 4) sum += load_be32(p + i);
  sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

DropReason parse_ipv4(Bytes packet, Length length, bool checksum_is_valid, IpHeader& header) {
  if (packet.size() < kIpv4HeaderOctets) return DropReason::ip_truncated;
  const std::uint8_t* p = packet.data();
  const std::uint32_t header_octets = (p[0] & 0x0fU) * 4;
  if (header_octets < kIpv4HeaderOctets) return DropReason::ip_bad_header;
  if (header_octets > packet.size()) return DropReason::ip_truncated;
  if (!checksum_is_valid && !has_valid_header_checksum(p, header_octets)) {
    return DropReason::ip_bad_checksum;
  }
  std::uint32_t total_octets = load_be16(p + 2);
  const bool is_beyond_stating = total_octets == 0 && packet.size() > kIpMaxOctets;
  if (length == Length::cut_short || is_beyond_stating) {
    total_octets = static_cast<std::uint32_t>(packet.size());
  }
  if (total_octets < header_octets) return DropReason::ip_bad_header;
  if (total_octets > packet.size()) return DropReason::ip_truncated;

  const std::uint16_t fragment = load_be16(p + 6);
  header.source = IpAddress::from_octets(Family::ipv4, p + 12);
  header.destination = IpAddress::from_octets(Family::ipv4, p + 16);
  header.header_octets = header_octets;
  header.total_octets = total_octets;
  header.protocol = p[9];
  header.hop_limit = p[8];
  header.traffic_class = p[1];
  header.is_fragment = (fragment & 0x3fff) != 0;  // "more fragments", or an offset
  header.has_more_fragments = (fragment & 0x2000) != 0;
  header.identification = load_be16(p + 4);
  header.fragment_offset = static_cast<std::uint16_t>(fragment << 3);
  return DropReason::none;
}

DropReason parse_ipv6(Bytes packet, Length length, IpHeader& header) {
  if (packet.size() < kIpv6HeaderOctets) return DropReason::ip_truncated;
  const std::uint8_t* p = packet.data();
  const std::uint32_t total_octets = length == Length::stated
                                         ? kIpv6HeaderOctets + load_be16(p + 4)
                                         : static_cast<std::uint32_t>(packet.size());
  if (total_octets > packet.size()) return DropReason::ip_truncated;

  header.source = IpAddress::from_octets(Family::ipv6, p + 8);
  header.destination = IpAddress::from_octets(Family::ipv6, p + 24);
  header.header_octets = kIpv6HeaderOctets;
  header.total_octets = total_octets;
  header.protocol = p[6];
  header.hop_limit = p[7];
  header.traffic_class = static_cast<std::uint8_t>(load_be16(p) >> 4);
  return skip_extension_headers(packet.first(total_octets), header);
}

std::expected<IpHeader, DropReason> parse(Bytes packet, Length length, bool checksum_is_valid) {
  std::expected<IpHeader, DropReason> result;
  DropReason reason = DropReason::ip_truncated;
  if (!packet.empty()) {
    const unsigned version = packet[0] >> 4;
    if (version == 4) {
      reason = parse_ipv4(packet, length, checksum_is_valid, *result);
    } else if (version == 6) {
      reason = parse_ipv6(packet, length, *result);
    } else {
      reason = DropReason::ip_bad_version;
    }
  }
  if (reason != DropReason::none) result = std::unexpected(reason);
  return result;
}

}  // namespace

std::expected<IpHeader, DropReason> parse_ip(Bytes packet, bool checksum_is_valid) {
  return parse(packet, Length::stated, checksum_is_valid);
}

std::expected<IpHeader, DropReason> parse_quoted_ip(Bytes quoted_packet) {
  return parse(quoted_packet, Length::cut_short, true);
}

bool has_whole_header_chain(const IpHeader& first_fragment, Bytes packet) {
  IpHeader header = first_fragment;
  const Bytes fragment = packet.first(first_fragment.total_octets);
  if (skip_extension_headers(fragment, header) != DropReason::none) return false;
  std::uint32_t least = 1;
  if (header.protocol == kProtocolTcp) least = 20;
  if (header.protocol == kProtocolUdp || header.protocol == kProtocolIcmpv6) least = 8;
  return header.header_octets + least <= first_fragment.total_octets;
}

void finish_reassembled(const Reassembled& what, MutableBytes packet) {
  std::uint8_t* p = packet.data();
  constexpr std::uint8_t kCongestionExperienced = 3;
  if (p[0] >> 4 == 4) {
    if (what.is_congested) p[1] |= kCongestionExperienced;
    store_be16(p + 2, static_cast<std::uint16_t>(packet.size()));
    store_be16(p + 6, 0);
    store_be16(p + 10, 0);
    store_be16(p + 10, checksum(packet.first(what.header_octets)));
    return;
  }
  if (what.is_congested) p[1] |= kCongestionExperienced << 4;
  store_be16(p + 4, static_cast<std::uint16_t>(packet.size() - kIpv6HeaderOctets));
  // The header before the fragment header names what came after it.
  std::uint32_t next_header_at = 6;
  std::uint32_t at = kIpv6HeaderOctets;
  while (at < what.header_octets) {
    next_header_at = at;
    at += (p[at + 1] + 1U) * 8;
  }
  p[next_header_at] = what.protocol;
}

std::uint32_t write_ip(const IpFields& fields, std::uint8_t* out) {
  TUNTCP_DCHECK(fields.source.family() == fields.destination.family());
  if (fields.source.is_v4()) {
    const auto header_octets =
        kIpv4HeaderOctets + static_cast<std::uint32_t>(fields.options.size());
    TUNTCP_DCHECK(header_octets <= kIpv4MaxHeaderOctets && header_octets % 4 == 0);
    TUNTCP_DCHECK(fields.payload_octets <= kIpMaxOctets - header_octets);
    out[0] = static_cast<std::uint8_t>(0x40 | header_octets / 4);
    out[1] = fields.traffic_class;
    store_be16(out + 2, static_cast<std::uint16_t>(header_octets + fields.payload_octets));
    store_be16(out + 4, fields.identification);
    store_be16(out + 6, fields.dont_fragment ? 0x4000 : 0);
    out[8] = fields.hop_limit;
    out[9] = fields.protocol;
    store_be16(out + 10, 0);
    std::memcpy(out + 12, fields.source.octets(), 4);
    std::memcpy(out + 16, fields.destination.octets(), 4);
    std::copy(fields.options.begin(), fields.options.end(), out + kIpv4HeaderOctets);
    store_be16(out + 10, checksum({out, header_octets}));
    return header_octets;
  }
  TUNTCP_DCHECK(fields.payload_octets <= kIpMaxOctets);
  store_be32(out, 6U << 28 | static_cast<std::uint32_t>(fields.traffic_class) << 20 |
                      (fields.flow_label & 0xfffff));
  store_be16(out + 4, static_cast<std::uint16_t>(fields.payload_octets));
  out[6] = fields.protocol;
  out[7] = fields.hop_limit;
  std::memcpy(out + 8, fields.source.octets(), 16);
  std::memcpy(out + 24, fields.destination.octets(), 16);
  return kIpv6HeaderOctets;
}

}  // namespace tuntcp::wire
