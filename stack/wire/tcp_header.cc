#include "stack/wire/tcp_header.h"

#include "stack/base/check.h"
#include "stack/base/checksum.h"
#include "stack/wire/ip.h"

namespace tuntcp::wire {

std::expected<TcpHeader, DropReason> parse_tcp(Bytes segment) {
  std::expected<TcpHeader, DropReason> result;
  if (segment.size() < kTcpHeaderOctets) {
    result = std::unexpected(DropReason::tcp_truncated);
    return result;
  }
  const std::uint8_t* p = segment.data();
  const unsigned header_octets = (p[12] >> 4) * 4U;
  if (header_octets < kTcpHeaderOctets || header_octets > segment.size()) {
    result = std::unexpected(DropReason::tcp_bad_header);
    return result;
  }
  // The reserved bits are ignored (RFC 9293, 3.1: "must be ignored in received segments").
  *result = {.source = load_be16(p),
             .destination = load_be16(p + 2),
             .seq = SeqNum(load_be32(p + 4)),
             .ack = SeqNum(load_be32(p + 8)),
             .window = load_be16(p + 14),
             .urgent_pointer = load_be16(p + 18),
             .checksum = load_be16(p + kTcpChecksumOffset),
             .flags = Flags::from_octet(p[13]),
             .header_octets = static_cast<std::uint8_t>(header_octets)};
  return result;
}

void write_tcp(const TcpHeader& header, std::uint8_t* out) {
  TUNTCP_DCHECK(header.header_octets % 4 == 0 && header.header_octets >= kTcpHeaderOctets &&
                header.header_octets <= kTcpMaxHeaderOctets);
  store_be16(out, header.source);
  store_be16(out + 2, header.destination);
  store_be32(out + 4, header.seq.value());
  store_be32(out + 8, header.ack.value());
  out[12] = static_cast<std::uint8_t>(header.header_octets / 4 << 4);
  out[13] = header.flags.octet();
  store_be16(out + 14, header.window);
  store_be16(out + kTcpChecksumOffset, 0);
  store_be16(out + 18, header.urgent_pointer);
}

bool has_valid_tcp_checksum(const IpAddress& source, const IpAddress& destination, Bytes segment) {
  ChecksumSum sum = pseudo_header_sum(source, destination, kProtocolTcp,
                                      static_cast<std::uint32_t>(segment.size()));
  sum.add(segment);
  return sum.checksum() == 0;
}

}  // namespace tuntcp::wire
