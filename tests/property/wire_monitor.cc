#include "tests/property/wire_monitor.h"

#include <algorithm>
#include <utility>

#include <gtest/gtest.h>

#include "stack/base/checksum.h"

namespace tuntcp::test {
namespace {

using wire::Flag;

wire::TcpOptions options_of(Bytes tcp, const wire::TcpHeader& header) {
  return wire::parse_options(
      tcp.subspan(wire::kTcpHeaderOctets, header.header_octets - wire::kTcpHeaderOctets));
}

}  // namespace

std::string describe(Bytes octets) {
  const auto ip = wire::parse_ip(octets);
  if (!ip || ip->protocol != wire::kProtocolTcp) return "no TCP packet";
  const Bytes segment = octets.subspan(ip->header_octets, ip->total_octets - ip->header_octets);
  const auto tcp = wire::parse_tcp(segment);
  if (!tcp) return "no TCP segment";
  std::string text = std::to_string(tcp->source) + " > " + std::to_string(tcp->destination) + " ";
  for (const auto& [flag, letter] : {std::pair{Flag::syn, 'S'},
                                     {Flag::fin, 'F'},
                                     {Flag::rst, 'R'},
                                     {Flag::psh, 'P'},
                                     {Flag::ack, '.'}}) {
    if (tcp->flags.has(flag)) text += letter;
  }
  const auto octets_of_text = static_cast<std::uint32_t>(segment.size()) - tcp->header_octets;
  // Piece by piece: of one long sum GCC 12 believes that it overflows.
  text += " " + std::to_string(tcp->seq.value());
  text += ":" + std::to_string((tcp->seq + octets_of_text).value());
  text += "(" + std::to_string(octets_of_text);
  text += ") ack " + std::to_string(tcp->ack.value());
  text += " win " + std::to_string(tcp->window);
  const wire::TcpOptions options = options_of(segment, *tcp);
  if (options.mss) text += " mss " + std::to_string(*options.mss);
  if (options.window_shift) text += " wscale " + std::to_string(*options.window_shift);
  if (options.timestamps) {
    text += " ts " + std::to_string(options.timestamps->value) + " " +
            std::to_string(options.timestamps->echo);
  }
  for (std::size_t i = 0; i < options.sack_count; ++i) {
    text += " sack " + std::to_string(options.sack[i].begin.value()) + ":" +
            std::to_string(options.sack[i].end.value());
  }
  return text;
}

void WireMonitor::on_sent(const wire::OutgoingPacket& packet, Bytes octets) {
  const auto ip = wire::parse_ip(octets);
  ASSERT_TRUE(ip) << name_ << " sent an invalid IP packet";
  ASSERT_EQ(ip->total_octets, octets.size());
  ASSERT_EQ(ip->protocol, wire::kProtocolTcp);
  const Bytes segment = octets.subspan(ip->header_octets);
  const auto tcp = wire::parse_tcp(segment);
  ASSERT_TRUE(tcp) << name_ << " sent an invalid TCP header";
  check_form(packet, octets, *ip, *tcp);
  const auto text = static_cast<std::uint32_t>(segment.size()) - tcp->header_octets;
  const std::uint32_t segment_text = packet.gso_size != 0 ? packet.gso_size : text;
  check_flow(flows_[{tcp->source, tcp->destination, packet.is_ipv6}], *tcp,
             options_of(segment, *tcp), text, segment_text);
}

void WireMonitor::check_form(const wire::OutgoingPacket& packet, Bytes octets,
                             const wire::IpHeader& ip, const wire::TcpHeader& tcp) {
  const Bytes segment = octets.subspan(ip.header_octets);
  const std::uint32_t headers = ip.header_octets + tcp.header_octets;
  EXPECT_LE(packet.payload.size(), wire::kMaxPayloadPieces);
  EXPECT_EQ(packet.total_octets, octets.size());
  if (packet.needs_checksum) {
    EXPECT_TRUE(link_.checksum);
    EXPECT_EQ(packet.checksum_start, ip.header_octets);
    const auto sum = pseudo_header_sum(ip.source, ip.destination, wire::kProtocolTcp,
                                       static_cast<std::uint32_t>(segment.size()));
    EXPECT_EQ(tcp.checksum, sum.folded());
  } else {
    EXPECT_TRUE(wire::has_valid_tcp_checksum(ip.source, ip.destination, segment)) << name_;
  }
  if (packet.gso_size == 0) {
    EXPECT_LE(octets.size(), link_.mtu) << name_;
  } else {
    EXPECT_LE(headers + packet.gso_size, link_.mtu) << name_;
    EXPECT_LE(octets.size(), link_.gso_max_octets) << name_;
    EXPECT_GT(octets.size(), headers + packet.gso_size) << name_ << ": a super-packet of one";
    EXPECT_FALSE(tcp.flags.has(Flag::urg) || tcp.flags.has(Flag::syn));
  }
}

void WireMonitor::check_flow(Flow& flow, const wire::TcpHeader& tcp,
                             const wire::TcpOptions& options, std::uint32_t text,
                             std::uint32_t segment_text) {
  const bool is_syn = tcp.flags.has(Flag::syn);
  if (is_syn && tcp.seq != flow.sent_isn) flow.has_edge = false;  // a new incarnation
  if (is_syn) flow.sent_isn = tcp.seq;
  if (is_syn) flow.sent_shift = options.window_shift ? *options.window_shift : -1;
  if (tcp.flags.has(Flag::rst)) return;

  if (tcp.flags.has(Flag::ack)) {
    const int shift = !is_syn && flow.scales() ? flow.sent_shift : 0;
    const SeqNum edge = tcp.ack + (std::uint32_t{tcp.window} << shift);
    if (flow.has_edge) {
      EXPECT_TRUE(edge >= flow.edge) << name_ << " moved the right edge of its window left by "
                                     << octets_between(edge, flow.edge) << " octets (flags "
                                     << int{tcp.flags.octet()} << ", shift " << shift << ")";
    }
    flow.edge = flow.has_edge ? later_of(flow.edge, edge) : edge;
    flow.has_edge = true;
  }
  if (text == 0 || !flow.has_peer_syn) return;
  EXPECT_LE(segment_text + tcp.header_octets - wire::kTcpHeaderOctets, flow.peer_mss) << name_;
  ASSERT_TRUE(flow.has_peer_edge) << name_ << " sent text before it knew a window";
  EXPECT_TRUE(tcp.seq + text <= flow.peer_edge)
      << name_ << " sent " << octets_between(flow.peer_edge, tcp.seq + text)
      << " octets beyond the window";
}

void WireMonitor::on_delivered(Bytes octets) {
  const auto ip = wire::parse_ip(octets);
  if (!ip || ip->protocol != wire::kProtocolTcp) return;
  const Bytes segment = octets.subspan(ip->header_octets, ip->total_octets - ip->header_octets);
  const auto tcp = wire::parse_tcp(segment);
  if (!tcp || tcp->flags.has(Flag::rst)) return;
  const bool is_v6 = !ip->source.is_v4();
  Flow& flow = flows_[{tcp->destination, tcp->source, is_v6}];
  const bool is_syn = tcp->flags.has(Flag::syn);
  if (is_syn) {
    const wire::TcpOptions options = options_of(segment, *tcp);
    if (tcp->seq != flow.peer_isn) flow.has_peer_edge = false;
    flow.peer_isn = tcp->seq;
    flow.has_peer_syn = true;
    flow.peer_shift = options.window_shift ? *options.window_shift : -1;
    flow.peer_mss = options.mss.value_or(is_v6 ? 1220 : 536);
  }
  if (!tcp->flags.has(Flag::ack)) return;
  const int shift = !is_syn && flow.scales() ? flow.peer_shift : 0;
  const SeqNum edge = tcp->ack + (std::uint32_t{tcp->window} << shift);
  flow.peer_edge = flow.has_peer_edge ? later_of(flow.peer_edge, edge) : edge;
  flow.has_peer_edge = true;
}

}  // namespace tuntcp::test
