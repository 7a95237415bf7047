#include "stack/sim/wire_monitor.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "stack/base/checksum.h"

namespace tuntcp::sim {
namespace {

using wire::Flag;

wire::TcpOptions options_of(Bytes segment, const wire::TcpHeader& header) {
  return wire::parse_options(
      segment.subspan(wire::kTcpHeaderOctets, header.header_octets - wire::kTcpHeaderOctets));
}

SeqNum end_of(const wire::TcpHeader& tcp, std::uint32_t text) {
  return tcp.seq + (text + (tcp.flags.has(Flag::syn) ? 1 : 0) + (tcp.flags.has(Flag::fin) ? 1 : 0));
}

}  // namespace

WireMonitor::Start WireMonitor::start_of(const Segment& segment) {
  const wire::TcpOptions& options = segment.options;
  return {.isn = segment.tcp.seq,
          .shift = options.window_shift ? *options.window_shift : -1,
          // MUST-15, and RFC 8200, 5 for IPv6.
          .mss = options.mss.value_or(segment.is_ipv6 ? 1220 : 536)};
}

bool WireMonitor::Order::operator()(const FourTuple& a, const FourTuple& b) const {
  const auto ports = [](const FourTuple& t) { return std::tuple(t.local.port, t.remote.port); };
  if (ports(a) != ports(b)) return ports(a) < ports(b);
  const int local = std::memcmp(a.local.address.octets(), b.local.address.octets(), 16);
  if (local != 0) return local < 0;
  return std::memcmp(a.remote.address.octets(), b.remote.address.octets(), 16) < 0;
}

void WireMonitor::check(bool holds, const char* what, std::int64_t found, std::int64_t bound) {
  if (holds) return;
  faults_.add(name_ + " sent a packet " + what + " (" + std::to_string(found) + ", " +
              std::to_string(bound) + ")");
}

void WireMonitor::on_sent(const wire::OutgoingPacket& packet, Bytes octets) {
  const auto ip = wire::parse_ip(octets);
  const bool is_whole =
      ip && ip->total_octets == octets.size() && ip->protocol == wire::kProtocolTcp;
  const Bytes transport = is_whole ? octets.subspan(ip->header_octets) : Bytes();
  const auto tcp = wire::parse_tcp(transport);
  if (!tcp) return faults_.add(name_ + " sent a packet that is no valid TCP over IP");
  check_form(packet, octets, *ip, *tcp);
  const auto text = static_cast<std::uint32_t>(transport.size()) - tcp->header_octets;
  const FourTuple tuple{.local = {.address = ip->source, .port = tcp->source},
                        .remote = {.address = ip->destination, .port = tcp->destination}};
  check_flow(flows_[tuple], {.tcp = *tcp,
                             .options = options_of(transport, *tcp),
                             .text = text,
                             .segment_text = packet.gso_size != 0 ? packet.gso_size : text,
                             .is_ipv6 = packet.is_ipv6});
}

void WireMonitor::check_form(const wire::OutgoingPacket& packet, Bytes octets,
                             const wire::IpHeader& ip, const wire::TcpHeader& tcp) {
  const Bytes segment = octets.subspan(ip.header_octets);
  const std::uint32_t headers = ip.header_octets + tcp.header_octets;
  const auto size = static_cast<std::uint32_t>(octets.size());
  check(packet.payload.size() <= wire::kMaxPayloadPieces, "of too many pieces",
        static_cast<std::int64_t>(packet.payload.size()), wire::kMaxPayloadPieces);
  check(packet.total_octets == size, "of another length than it says", packet.total_octets, size);
  if (packet.needs_checksum) {
    check(link_.checksum, "without a checksum to a device that makes none", 0);
    check(packet.checksum_start == ip.header_octets, "whose checksum begins elsewhere",
          packet.checksum_start, ip.header_octets);
    const auto sum = pseudo_header_sum(ip.source, ip.destination, wire::kProtocolTcp,
                                       static_cast<std::uint32_t>(segment.size()));
    check(tcp.checksum == sum.folded(), "without the sum of the pseudo-header", tcp.checksum,
          sum.folded());
  } else {
    check(wire::has_valid_tcp_checksum(ip.source, ip.destination, segment), "with a bad checksum",
          tcp.checksum);
  }
  if (packet.gso_size == 0) {
    check(size <= link_.mtu, "longer than the MTU", size, link_.mtu);
  } else {
    check(headers + packet.gso_size <= link_.mtu, "of segments longer than the MTU",
          headers + packet.gso_size, link_.mtu);
    check(size <= link_.gso_max_octets, "longer than a super-packet may be", size,
          link_.gso_max_octets);
    check(size > headers + packet.gso_size, "that is a super-packet of one segment", size);
    check(!tcp.flags.has(Flag::urg) && !tcp.flags.has(Flag::syn), "with URG or SYN that is cut",
          tcp.flags.octet());
  }
}

void WireMonitor::Flow::begin_with(const Start& start) {
  peer = start;
  peer_end = start.isn + 1;
  has_peer_edge = false;
  offered.reset();
}

void WireMonitor::note_own_syn(Flow& flow, const Segment& segment) {
  const Start start = start_of(segment);
  if (!flow.sent || start.isn != flow.sent->isn) {  // a new incarnation
    flow.sent = start;
    flow.has_edge = false;
    flow.peer.reset();
  }
  flow.sent = start;
  const bool answers =
      flow.offered && segment.tcp.flags.has(Flag::ack) && segment.tcp.ack == flow.offered->isn + 1;
  const bool is_known = answers && flow.peer && flow.peer->isn == flow.offered->isn;
  if (answers && !is_known) flow.begin_with(*flow.offered);
}

// A host in SYN-SENT takes a SYN (RFC 9293, 3.10.7.3), others answer it by one of their own or take
// it for an old duplicate.
void WireMonitor::note_peers_syn(Flow& flow, const Segment& segment) {
  const Start start = start_of(segment);
  if (flow.peer && flow.peer->isn == start.isn) {
    // Or the host has forgotten the first one, and answers this one by another SYN.
    flow.offered = start;
    return;
  }
  const bool is_meant =
      flow.sent && !flow.peer &&
      (!segment.tcp.flags.has(Flag::ack) || segment.tcp.ack == flow.sent->isn + 1);
  if (is_meant) {
    flow.begin_with(start);
  } else {
    flow.offered = start;
  }
}

void WireMonitor::check_flow(Flow& flow, const Segment& segment) {
  const wire::TcpHeader& tcp = segment.tcp;
  const bool is_syn_ack = tcp.flags.has(Flag::syn) && tcp.flags.has(Flag::ack);
  if (has_cookies_ && (tcp.flags.has(Flag::rst) || is_syn_ack)) flow.has_edge = false;
  if (tcp.flags.has(Flag::rst)) return;
  if (tcp.flags.has(Flag::syn)) note_own_syn(flow, segment);
  if (!flow.sent) return faults_.add(name_ + " sent a segment before a SYN");
  if (tcp.flags.has(Flag::ack)) check_window(flow, segment);
  if (segment.text == 0 || !flow.peer) return;
  const std::uint32_t whole = segment.segment_text + tcp.header_octets - wire::kTcpHeaderOctets;
  check(whole <= flow.peer->mss, "longer than the peer's MSS", whole, flow.peer->mss);
  if (!flow.has_peer_edge) return faults_.add(name_ + " sent text before it knew a window");
  const SeqNum end = tcp.seq + segment.text;
  check(end <= flow.peer_edge, "with text beyond the window, by octets",
        octets_between(flow.peer_edge, end));
}

void WireMonitor::check_window(Flow& flow, const Segment& segment) {
  const wire::TcpHeader& tcp = segment.tcp;
  const int shift = !tcp.flags.has(Flag::syn) && flow.scales() ? flow.sent->shift : 0;
  const SeqNum edge = tcp.ack + (std::uint32_t{tcp.window} << shift);
  // The window of a SYN is not scaled (RFC 7323, 2.2), so a repeated one may be unable to say more,
  // or says exactly what was rounded up since.
  const bool is_syn = tcp.flags.has(Flag::syn);
  const bool is_cut_off = is_syn && tcp.window == 65'535;
  const std::uint32_t rounding = is_syn && flow.scales() ? (1U << flow.sent->shift) - 1 : 0;
  // An old ACK with a SYN cookie begins a connection anew that the host has forgotten (as in
  // Linux).
  const bool begins_anew =
      has_cookies_ && tcp.seq == flow.sent->isn + 1 && flow.has_edge && tcp.ack < flow.acked;
  if (begins_anew) flow.has_edge = false;
  if (flow.has_edge && !is_cut_off) {
    check(edge + rounding >= flow.edge, "that moves the right edge of the window left, by octets",
          octets_between(edge, flow.edge), shift);
  }
  flow.edge = flow.has_edge ? later_of(flow.edge, edge) : edge;
  flow.has_edge = true;
  flow.acked = tcp.ack;
  if (!flow.peer) return;
  check(tcp.ack <= flow.peer_end, "that acknowledges what did not arrive, by octets",
        octets_between(flow.peer_end, tcp.ack));
}

void WireMonitor::set_link(const wire::LinkCapabilities& link) {
  link_ = link;
  if (!has_cookies_) return;
  // A cookie does not say which window was offered, and that depends on the link's MTU.
  for (auto& [tuple, flow] : flows_) flow.has_edge = false;
}

void WireMonitor::on_delivered(Bytes octets) {
  const auto ip = wire::parse_ip(octets);
  if (!ip || ip->protocol != wire::kProtocolTcp) return;
  const Bytes transport = octets.subspan(ip->header_octets, ip->total_octets - ip->header_octets);
  const auto tcp = wire::parse_tcp(transport);
  if (!tcp || tcp->flags.has(Flag::rst)) return;
  const Segment segment{.tcp = *tcp,
                        .options = options_of(transport, *tcp),
                        .text = static_cast<std::uint32_t>(transport.size()) - tcp->header_octets,
                        .is_ipv6 = !ip->source.is_v4()};
  Flow& flow = flows_[{.local = {.address = ip->destination, .port = tcp->destination},
                       .remote = {.address = ip->source, .port = tcp->source}}];
  const bool is_syn = tcp->flags.has(Flag::syn);
  if (is_syn) note_peers_syn(flow, segment);
  if (!flow.peer || (is_syn && tcp->seq != flow.peer->isn)) return;
  flow.peer_end = later_of(flow.peer_end, end_of(*tcp, segment.text));
  if (!tcp->flags.has(Flag::ack)) return;
  const int shift = !is_syn && flow.scales() ? flow.peer->shift : 0;
  const SeqNum edge = tcp->ack + (std::uint32_t{tcp->window} << shift);
  flow.peer_edge = flow.has_peer_edge ? later_of(flow.peer_edge, edge) : edge;
  flow.has_peer_edge = true;
}

}  // namespace tuntcp::sim
