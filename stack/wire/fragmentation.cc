#include "stack/wire/fragmentation.h"

#include <algorithm>

#include "stack/base/check.h"
#include "stack/base/checksum.h"

namespace tuntcp::wire {
namespace {

constexpr std::uint32_t kFragmentHeaderOctets = 8;  // of IPv6
constexpr std::uint8_t kNextHeaderFragment = 44;

}  // namespace

std::optional<Fragmentation> plan_fragments(const IpHeader& ip, std::uint32_t mtu) {
  const bool v4 = ip.source.is_v4();
  if (!v4 && ip.header_octets != kIpv6HeaderOctets) return std::nullopt;
  const std::uint32_t headers = ip.header_octets + (v4 ? 0 : kFragmentHeaderOctets);
  if (mtu < headers + 8) return std::nullopt;
  const std::uint32_t text = (mtu - headers) & ~7U;
  const std::uint32_t whole = ip.total_octets - ip.header_octets;
  return Fragmentation{.header_octets = ip.header_octets,
                       .text_octets = text,
                       .count = std::max((whole + text - 1) / text, 1U)};
}

std::uint32_t write_fragment(const Fragmentation& how, Bytes packet, std::uint32_t index,
                             std::uint32_t identification, MutableBytes out) {
  TUNTCP_DCHECK(index < how.count);
  const bool v4 = packet[0] >> 4 == 4;
  const bool is_last = index + 1 == how.count;
  const std::uint32_t offset = index * how.text_octets;
  const std::uint32_t begin = how.header_octets + offset;
  const std::uint32_t text =
      is_last ? static_cast<std::uint32_t>(packet.size()) - begin : how.text_octets;
  const std::uint32_t headers = how.header_octets + (v4 ? 0 : kFragmentHeaderOctets);
  if (out.size() < headers + text) return 0;

  std::uint8_t* p = out.data();
  std::copy_n(packet.begin(), how.header_octets, p);
  std::copy_n(packet.data() + begin, text, p + headers);
  if (v4) {
    store_be16(p + 2, static_cast<std::uint16_t>(headers + text));
    store_be16(p + 4, static_cast<std::uint16_t>(identification));
    store_be16(p + 6, static_cast<std::uint16_t>((is_last ? 0U : 0x2000U) | offset >> 3));
    store_be16(p + 10, 0);
    store_be16(p + 10, checksum({p, how.header_octets}));
  } else {
    store_be16(p + 4, static_cast<std::uint16_t>(kFragmentHeaderOctets + text));
    std::uint8_t* extension = p + kIpv6HeaderOctets;
    extension[0] = p[6];
    extension[1] = 0;
    store_be16(extension + 2, static_cast<std::uint16_t>(offset | (is_last ? 0U : 1U)));
    store_be32(extension + 4, identification);
    p[6] = kNextHeaderFragment;
  }
  return headers + text;
}

}  // namespace tuntcp::wire
