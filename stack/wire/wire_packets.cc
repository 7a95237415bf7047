#include "stack/wire/wire_packets.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "stack/base/checksum.h"
#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"

namespace tuntcp::wire {
namespace {

constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::size_t kUdpChecksumOffset = 6;

// The checksum field holds the pseudo-header's sum: a sum over the transport's octets as they are
// gives the final one.
void complete_checksum(const IpHeader& ip, MutableBytes packet) {
  const MutableBytes transport =
      packet.subspan(ip.header_octets, ip.total_octets - ip.header_octets);
  const bool is_udp = ip.protocol == kProtocolUdp;
  if (!is_udp && ip.protocol != kProtocolTcp) return;
  const std::size_t offset = is_udp ? kUdpChecksumOffset : kTcpChecksumOffset;
  if (transport.size() < offset + 2) return;
  std::uint16_t value = checksum(transport);
  // RFC 768: zero would mean that there is none.
  if (is_udp && value == 0) value = 0xffff;
  store_be16(transport.data() + offset, value);
}

// Adapts the headers of one segment, copied from the super-packet's, to `packet`'s own length.
void adapt_headers(const IpHeader& ip, std::uint32_t number, std::uint32_t payload_before,
                   bool is_last, MutableBytes packet) {
  std::uint8_t* p = packet.data();
  if (ip.source.is_v4()) {
    store_be16(p + 2, static_cast<std::uint16_t>(packet.size()));
    store_be16(p + 4, static_cast<std::uint16_t>(load_be16(p + 4) + number));
    store_be16(p + 10, 0);
    store_be16(p + 10, checksum(packet.first(ip.header_octets)));
  } else {
    store_be16(p + 4, static_cast<std::uint16_t>(packet.size() - kIpv6HeaderOctets));
  }

  const MutableBytes segment = packet.subspan(ip.header_octets);
  std::uint8_t* t = segment.data();
  store_be32(t + 4, load_be32(t + 4) + payload_before);
  auto flags = Flags::from_octet(t[13]);
  // The end is the last segment's; CWR is said once (RFC 3168, 6.1.2).
  if (!is_last) flags = flags.without(Flag::fin).without(Flag::psh);
  if (number != 0) flags = flags.without(Flag::cwr);
  t[13] = flags.octet();
  store_be16(t + kTcpChecksumOffset, 0);
  ChecksumSum sum = pseudo_header_sum(ip.source, ip.destination, kProtocolTcp,
                                      static_cast<std::uint32_t>(segment.size()));
  sum.add(segment);
  store_be16(t + kTcpChecksumOffset, sum.checksum());
}

}  // namespace

void for_each_wire_packet(Bytes packet, const ReceivedOffload& offload,
                          const std::function<void(Bytes)>& visit) {
  const bool is_partial = offload.checksum == ReceivedOffload::Checksum::partial;
  if (!is_partial && offload.gso_size == 0) return visit(packet);
  const auto ip = parse_ip(packet, true);
  if (!ip) return visit(packet);

  std::uint32_t headers = ip->header_octets;
  if (offload.gso_size != 0 && ip->protocol == kProtocolTcp) {
    const auto tcp = parse_tcp(packet.subspan(headers, ip->total_octets - ip->header_octets));
    if (!tcp) return visit(packet);
    headers += tcp->header_octets;
  }
  std::vector<std::uint8_t> copy;
  if (headers == ip->header_octets || headers + offload.gso_size >= ip->total_octets) {
    copy.assign(packet.begin(), packet.end());
    if (is_partial) complete_checksum(*ip, copy);
    return visit(copy);
  }

  const std::uint32_t payload = ip->total_octets - headers;
  std::uint32_t number = 0;
  for (std::uint32_t before = 0; before < payload; before += offload.gso_size) {
    const std::uint32_t octets = std::min<std::uint32_t>(offload.gso_size, payload - before);
    const Bytes text = packet.subspan(headers + before, octets);
    copy.assign(packet.begin(), packet.begin() + headers);
    copy.insert(copy.end(), text.begin(), text.end());
    adapt_headers(*ip, number++, before, before + octets == payload, copy);
    visit(copy);
  }
}

}  // namespace tuntcp::wire
