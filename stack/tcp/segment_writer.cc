#include "stack/tcp/segment_writer.h"

#include <array>

#include "stack/base/checksum.h"
#include "stack/wire/ip.h"

namespace tuntcp::tcp {

wire::SendResult send_segment(const OutgoingSegment& segment, const wire::LinkCapabilities& link,
                              wire::PacketSink& sink) {
  std::array<std::uint8_t, wire::kIpv4MaxHeaderOctets + wire::kTcpMaxHeaderOctets> headers;
  std::array<std::uint8_t, wire::kIpv4MaxOptionOctets> ip_options;
  const IpAddress& source = segment.tuple.local.address;
  const IpAddress& destination = segment.tuple.remote.address;
  const wire::SourceRoute* const route = segment.route;
  const std::uint32_t ip_option_octets = route != nullptr ? route->option_octets() : 0;
  if (route != nullptr) wire::write_source_route(*route, destination, ip_options.data());
  const std::uint32_t ip_octets = wire::ip_header_octets(source.family()) + ip_option_octets;
  std::uint8_t* const tcp = headers.data() + ip_octets;
  const std::uint32_t tcp_octets =
      wire::kTcpHeaderOctets + wire::write_options(segment.options, tcp + wire::kTcpHeaderOctets);
  const std::uint32_t ip_payload = tcp_octets + segment.text_octets;

  wire::write_ip({.source = source,
                  .destination = route != nullptr ? route->first_hop() : destination,
                  .protocol = wire::kProtocolTcp,
                  .hop_limit = segment.hop_limit,
                  .traffic_class = segment.traffic_class,
                  .flow_label = segment.flow_label,
                  .identification = segment.identification,
                  .dont_fragment = segment.dont_fragment,
                  .options = Bytes(ip_options).first(ip_option_octets),
                  .payload_octets = ip_payload},
                 headers.data());
  wire::write_tcp({.source = segment.tuple.local.port,
                   .destination = segment.tuple.remote.port,
                   .seq = segment.seq,
                   .ack = segment.has_ack() ? segment.ack : SeqNum(0),
                   .window = segment.wnd,
                   .urgent_pointer = segment.urgent_pointer,
                   .flags = segment.flags,
                   .header_octets = static_cast<std::uint8_t>(tcp_octets)},
                  tcp);

  // RFC 9293, 3.1: on a source route too it is the ultimate destination that is summed up.
  ChecksumSum sum = pseudo_header_sum(source, destination, wire::kProtocolTcp, ip_payload);
  std::uint16_t checksum = sum.folded();  // what a device completes (NEEDS_CSUM)
  if (!link.checksum) {
    sum.add({tcp, tcp_octets});
    for (const Bytes& piece : segment.text) sum.add(piece);
    checksum = sum.checksum();
  }
  store_be16(tcp + wire::kTcpChecksumOffset, checksum);

  const bool is_super = segment.mss != 0 && segment.text_octets > segment.mss;
  return sink.send({.headers = {headers.data(), ip_octets + tcp_octets},
                    .payload = segment.text,
                    .total_octets = ip_octets + ip_payload,
                    .needs_checksum = link.checksum,
                    .checksum_start = static_cast<std::uint16_t>(ip_octets),
                    .gso_size = static_cast<std::uint16_t>(is_super ? segment.mss : 0),
                    .is_ipv6 = !source.is_v4()});
}

}  // namespace tuntcp::tcp
