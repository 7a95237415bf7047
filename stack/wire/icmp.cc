#include "stack/wire/icmp.h"

#include <algorithm>

#include "stack/base/check.h"
#include "stack/base/checksum.h"
#include "stack/wire/source_route.h"

namespace tuntcp::wire {
namespace {

using Kind = IcmpMessage::Kind;

constexpr std::size_t kIcmpHeaderOctets = 8;
constexpr std::size_t kIcmpChecksumOffset = 2;

// RFC 792 and RFC 4443: the types, by family.
constexpr std::uint8_t kEchoReplyV4 = 0;
constexpr std::uint8_t kEchoReplyV6 = 129;
constexpr std::uint8_t kFragmentationNeeded = 4;  // code of IPv4's "destination unreachable"

Kind kind_v4(std::uint8_t type, std::uint8_t code) {
  switch (type) {
    case kEchoReplyV4:
      return Kind::echo_reply;
    case 3:
      return code == kFragmentationNeeded ? Kind::packet_too_big : Kind::destination_unreachable;
    case 4:
      return Kind::source_quench;
    case 8:
      return Kind::echo_request;
    case 11:
      return Kind::time_exceeded;
    case 12:
      return Kind::parameter_problem;
    default:
      return Kind::other;
  }
}

Kind kind_v6(std::uint8_t type) {
  switch (type) {
    case 1:
      return Kind::destination_unreachable;
    case 2:
      return Kind::packet_too_big;
    case 3:
      return Kind::time_exceeded;
    case 4:
      return Kind::parameter_problem;
    case 128:
      return Kind::echo_request;
    case kEchoReplyV6:
      return Kind::echo_reply;
    default:
      return Kind::other;
  }
}

// ICMPv6 sums the pseudo-header as TCP does (RFC 4443, 2.3); ICMP sums its own octets only.
std::uint16_t icmp_checksum(const IpHeader& ip, Bytes message) {
  if (ip.source.is_v4()) return checksum(message);
  ChecksumSum sum = pseudo_header_sum(ip.source, ip.destination, kProtocolIcmpv6,
                                      static_cast<std::uint32_t>(message.size()));
  sum.add(message);
  return sum.checksum();
}

}  // namespace

std::expected<IcmpMessage, DropReason> parse_icmp(const IpHeader& ip, Bytes message,
                                                  bool checksum_is_valid) {
  const bool is_v4 = ip.source.is_v4();
  // ICMP inside IPv6, or the reverse, would be read with the wrong table.
  if (ip.protocol != (is_v4 ? kProtocolIcmp : kProtocolIcmpv6) ||
      message.size() < kIcmpHeaderOctets) {
    return std::unexpected(DropReason::icmp_malformed);
  }
  if (!checksum_is_valid && icmp_checksum(ip, message) != 0) {
    return std::unexpected(DropReason::icmp_malformed);
  }
  IcmpMessage result{
      .type = message[0], .code = message[1], .body = message.subspan(kIcmpHeaderOctets)};
  result.kind = is_v4 ? kind_v4(result.type, result.code) : kind_v6(result.type);
  if (result.kind == Kind::packet_too_big) {
    // RFC 1191, 4: the lower half; RFC 4443, 3.2: all of it.
    result.mtu = is_v4 ? load_be16(message.data() + 6) : load_be32(message.data() + 4);
  }
  return result;
}

std::expected<QuotedTcp, DropReason> parse_quoted_tcp(Bytes quoted_packet) {
  const std::expected<IpHeader, DropReason> ip = parse_quoted_ip(quoted_packet);
  if (!ip) return std::unexpected(DropReason::icmp_malformed);
  if (ip->protocol != kProtocolTcp) return std::unexpected(DropReason::icmp_ignored);
  // Only the first fragment holds the ports.
  if (ip->fragment_offset != 0) return std::unexpected(DropReason::icmp_ignored);
  const Bytes segment = quoted_packet.subspan(ip->header_octets);
  if (segment.size() < 8) return std::unexpected(DropReason::icmp_malformed);

  // Before the last router of a source route the header names a router, and the option the host.
  IpAddress destination = ip->destination;
  if (ip->source.is_v4()) {
    const auto route = find_source_route(
        quoted_packet.subspan(kIpv4HeaderOctets, ip->header_octets - kIpv4HeaderOctets));
    if (!route) return std::unexpected(DropReason::icmp_malformed);
    if (*route && !(*route)->is_complete()) {
      destination = IpAddress::v4((*route)->entries.hops().back());
    }
  }
  const std::uint8_t* p = segment.data();
  return QuotedTcp{.source = {.address = ip->source, .port = load_be16(p)},
                   .destination = {.address = destination, .port = load_be16(p + 2)},
                   .seq = load_be32(p + 4)};
}

void make_echo_reply(const IpHeader& ip, MutableBytes packet, std::uint8_t hop_limit) {
  TUNTCP_DCHECK(packet.size() >= ip.total_octets &&
                ip.total_octets >= ip.header_octets + kIcmpHeaderOctets);
  std::uint8_t* p = packet.data();
  const MutableBytes message = packet.subspan(ip.header_octets, ip.total_octets - ip.header_octets);
  if (ip.source.is_v4()) {
    std::swap_ranges(p + 12, p + 16, p + 16);
    p[8] = hop_limit;
    // Deviation: RFC 1122, 3.2.2.6 wants a source route reversed and a recorded route carried on.
    // Options are blanked instead: a route that a stranger wrote is not followed (RFC 7126, 4.3).
    std::fill(p + kIpv4HeaderOctets, p + ip.header_octets, std::uint8_t{0});
    store_be16(p + 10, 0);
    store_be16(p + 10, checksum({p, ip.header_octets}));
    message[0] = kEchoReplyV4;
  } else {
    std::swap_ranges(p + 8, p + 24, p + 24);
    p[7] = hop_limit;
    message[0] = kEchoReplyV6;
  }
  // The sum is made anew, not adjusted: the device may have vouched for a field that was not set.
  // (Source and destination count alike in the pseudo-header, so their order does not matter.)
  store_be16(message.data() + kIcmpChecksumOffset, 0);
  store_be16(message.data() + kIcmpChecksumOffset, icmp_checksum(ip, message));
}

}  // namespace tuntcp::wire
