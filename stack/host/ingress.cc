// A packet comes in: from octets to the connection it is for. RFC 9293, 3.9.2; RFC 1122, 3.2 (which
// packets a host discards silently). What is for no connection, or a half-open one, goes on in
// listening.cc.
#include <algorithm>

#include "stack/host/tables.h"
#include "stack/tcp/segment_arrives.h"
#include "stack/wire/fragmentation.h"
#include "stack/wire/icmp.h"
#include "stack/wire/tcp_header.h"

namespace tuntcp {
namespace {

using tcp::Flag;
using tcp::Segment;
using wire::DropReason;

// A device's peer that answers nothing must not make us keep its echo requests.
constexpr std::size_t kMaxRawReplies = 256;

bool checksum_is_trusted(const wire::ReceivedOffload& offload) {
  return offload.checksum != wire::ReceivedOffload::Checksum::unknown;
}

bool has_ip_options(const wire::IpHeader& ip) {
  return ip.header_octets != wire::kIpv4HeaderOctets && ip.source.is_v4();
}
Bytes ip_options(const wire::IpHeader& ip, Bytes packet) {
  return packet.subspan(wire::kIpv4HeaderOctets, ip.header_octets - wire::kIpv4HeaderOctets);
}

// The way back along the source route by which a packet came.
std::optional<wire::SourceRoute> return_route_of(const wire::IpHeader& ip, Bytes packet) {
  if (!has_ip_options(ip)) return std::nullopt;
  const auto route = wire::find_source_route(ip_options(ip, packet));
  return route && *route ? (*route)->reversed(ip.source) : std::nullopt;
}

std::uint32_t count_wire_segments(std::uint32_t octets, std::uint16_t gso_size) {
  if (gso_size == 0 || octets <= gso_size) return 1;
  return (octets + gso_size - 1) / gso_size;
}

void count_discard(Mib& mib, Family family) {
  mib.add(family == Family::ipv4 ? Counter::ip_out_discards : Counter::ip6_out_discards);
}

// The answer to an echo request that came in fragments may be too long for the link as well. It has
// the request's identification: nothing else is sent in fragments here, so what told the requests
// of this peer apart does so for the answers.
void push_in_fragments(HostTables& host, const wire::IpHeader& ip, Bytes reply) {
  const auto how = wire::plan_fragments(ip, host.shared.link.mtu);
  if (!how || host.raw_replies.size() + how->count > kMaxRawReplies) {
    return count_discard(host.shared.mib, ip.source.family());
  }
  for (std::uint32_t i = 0; i < how->count; ++i) {
    const std::uint32_t octets =
        wire::write_fragment(*how, reply, i, ip.identification, host.arena.reserve());
    if (octets == 0) return count_discard(host.shared.mib, ip.source.family());
    host.raw_replies.push_back(host.arena.commit(octets));
  }
}

}  // namespace

void HostTables::count_drop(DropReason reason, Family family) {
  const bool v4 = family == Family::ipv4;
  Mib& mib = shared.mib;
  switch (reason) {
    case DropReason::none:
      return;
    case DropReason::ip_truncated:
      return mib.add(v4 ? Counter::ip_in_truncated_pkts : Counter::ip6_in_truncated_pkts);
    case DropReason::ip_bad_version:
    case DropReason::ip_bad_header:
    case DropReason::ip_source_route:
      return mib.add(v4 ? Counter::ip_in_hdr_errors : Counter::ip6_in_hdr_errors);
    case DropReason::ip_bad_checksum:
      mib.add(Counter::ip_in_csum_errors);
      return mib.add(Counter::ip_in_hdr_errors);
    case DropReason::ip_bad_source:
    case DropReason::ip_not_for_us:
      return mib.add(v4 ? Counter::ip_in_addr_errors : Counter::ip6_in_addr_errors);
    case DropReason::ip_fragment:
      return mib.add(v4 ? Counter::ip_reasm_fails : Counter::ip6_reasm_fails);
    case DropReason::ip_unknown_protocol:
      return mib.add(v4 ? Counter::ip_in_unknown_protos : Counter::ip6_in_unknown_protos);
    case DropReason::tcp_bad_checksum:
      mib.add(Counter::tcp_in_csum_errors);
      [[fallthrough]];
    case DropReason::tcp_truncated:
    case DropReason::tcp_bad_header:
      return mib.add(Counter::tcp_in_errs);
    case DropReason::icmp_malformed:
      return mib.add(v4 ? Counter::icmp_in_errors : Counter::icmp6_in_errors);
    case DropReason::icmp_ignored:
      return;  // counted as a message
  }
}

// RFC 3168, 5: of segments as they were on the wire.
void HostTables::count_codepoint(const wire::IpHeader& ip, std::uint32_t segments) {
  constexpr Counter kV4[] = {Counter::ip_in_no_ect, Counter::ip_in_ect1, Counter::ip_in_ect0,
                             Counter::ip_in_ce};
  constexpr Counter kV6[] = {Counter::ip6_in_no_ect, Counter::ip6_in_ect1, Counter::ip6_in_ect0,
                             Counter::ip6_in_ce};
  const std::size_t codepoint = ip.traffic_class & 3U;
  shared.mib.add(ip.source.is_v4() ? kV4[codepoint] : kV6[codepoint], segments);
}

bool HostTables::is_own(const IpAddress& address) const {
  if (address.is_loopback()) return true;
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const Prefix& own) { return own.address == address; });
}

// MUST-63. A packet from outside that claims to come from here is a lie. Nobody has an address of
// "this network" (RFC 1122, 3.2.1.3, (b)), and none in IPv6 that stands for one in IPv4 (RFC 4291,
// 2.5.5.2): what Linux calls martians. (Of 0/8 it takes all but 0.0.0.0.)
bool HostTables::may_be_source(const IpAddress& source, bool from_self) const {
  if (!source.is_unicast()) return false;
  constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (source.is_v4() ? source.octets()[0] == 0
                     : std::equal(std::begin(kMapped), std::end(kMapped), source.octets())) {
    return false;
  }
  if (!from_self && is_own(source)) return false;
  return std::none_of(addresses.begin(), addresses.end(),
                      [&](const Prefix& own) { return own.is_broadcast(source); });
}

bool HostTables::may_be_taken(const wire::SourceRoute& route) const {
  return route.count <= wire::kMaxSourceRouteHops &&
         std::ranges::all_of(route.hops(), [&](std::uint32_t number) {
           return may_be_source(IpAddress::v4(number), /*from_self=*/false);
         });
}

void HostTables::packet_in(buffer::Slice packet, const wire::ReceivedOffload& offload,
                           bool from_self, Instant at) {
  now = std::max(now, at);
  const bool looks_like_v6 = !packet.is_empty() && packet.data()[0] >> 4 == 6;
  const Family family = looks_like_v6 ? Family::ipv6 : Family::ipv4;
  shared.mib.add(looks_like_v6 ? Counter::ip6_in_receives : Counter::ip_in_receives);
  const auto ip = wire::parse_ip(packet.bytes());
  if (!ip) return count_drop(ip.error(), family);
  count_codepoint(*ip, 1);
  // Broadcast and multicast are nobody's address here, so nothing sent to them is answered
  // (MUST-57). From outside 127/8 and ::1 are not ours either.
  const bool is_for_us = is_own(ip->destination) && (from_self || !ip->destination.is_loopback());
  if (!is_for_us) return count_drop(DropReason::ip_not_for_us, family);
  if (!may_be_source(ip->source, from_self)) return count_drop(DropReason::ip_bad_source, family);
  const DropReason refused = check_ip_options(*ip, packet.bytes());
  if (refused != DropReason::none) return count_drop(refused, family);
  if (ip->is_fragment) return fragment_in(*ip, packet.bytes().first(ip->total_octets));
  packet.truncate(ip->total_octets);
  deliver(*ip, std::move(packet), offload);
}

// Of IPv4's options only source routes mean anything here (MUST-50). One that was not followed to
// its end asks this host to pass the packet on, and no host has to (RFC 1122, 3.3.5).
DropReason HostTables::check_ip_options(const wire::IpHeader& ip, Bytes packet) const {
  if (!has_ip_options(ip)) return DropReason::none;
  const auto route = wire::find_source_route(ip_options(ip, packet));
  if (!route) return route.error();
  if (!*route) return DropReason::none;
  // Who sends source-routed packets may be someone who could not reach this host otherwise, or
  // hides where he is (RFC 7126, 4.3.4): Linux takes none unless told to.
  if (shared.sysctl.accept_source_route == 0) return DropReason::ip_source_route;
  if (!(*route)->is_complete()) return DropReason::ip_not_for_us;
  // What would be answered over a router that nobody can be.
  const auto back = (*route)->reversed(ip.source);
  return !back || may_be_taken(*back) ? DropReason::none : DropReason::ip_bad_source;
}

void HostTables::fragment_in(const wire::IpHeader& ip, Bytes packet) {
  const Family family = ip.source.family();
  const bool v4 = family == Family::ipv4;
  Mib& mib = shared.mib;
  mib.add(v4 ? Counter::ip_reasm_reqds : Counter::ip6_reasm_reqds);
  const Sysctl& knobs = shared.sysctl;
  const Reassembler::Limits limits =
      v4 ? Reassembler::Limits{.octets = knobs.ipfrag_high_thresh,
                               .time = Duration::seconds(knobs.ipfrag_time)}
         : Reassembler::Limits{.octets = knobs.ip6frag_high_thresh,
                               .time = Duration::seconds(knobs.ip6frag_time)};
  switch (fragments.add(ip, packet, limits, now)) {
    case Reassembler::Verdict::waits:
    case Reassembler::Verdict::duplicate:
      return;
    case Reassembler::Verdict::malformed:
      return count_drop(DropReason::ip_bad_header, family);
    case Reassembler::Verdict::overlap:
      if (v4) mib.add(Counter::ip_reasm_overlaps);
      [[fallthrough]];
    case Reassembler::Verdict::refused:
      return count_drop(DropReason::ip_fragment, family);
    case Reassembler::Verdict::complete:
      break;
  }
  const std::uint32_t octets = fragments.take(ip, arena.reserve());
  if (octets == 0) return count_drop(DropReason::ip_fragment, family);
  buffer::Slice whole = arena.commit(octets);
  mib.add(v4 ? Counter::ip_reasm_oks : Counter::ip6_reasm_oks);
  auto header = wire::parse_ip(whole.bytes());
  if (!header) return count_drop(header.error(), family);
  header->identification = ip.identification;
  // Fragments of fragments: nobody sends these.
  if (header->is_fragment) return count_drop(DropReason::ip_bad_header, family);
  deliver(*header, std::move(whole), {});
}

void HostTables::deliver(const wire::IpHeader& ip, buffer::Slice packet,
                         const wire::ReceivedOffload& offload) {
  const Family family = ip.source.family();
  switch (ip.protocol) {
    case wire::kProtocolTcp:
      return tcp_in(ip, std::move(packet), offload, now);
    case wire::kProtocolIcmp:
      if (family == Family::ipv4) return icmp_in(ip, std::move(packet), offload);
      break;
    case wire::kProtocolIcmpv6:
      if (family == Family::ipv6) return icmp_in(ip, std::move(packet), offload);
      break;
    default:
      break;
  }
  count_drop(DropReason::ip_unknown_protocol, family);
}

void HostTables::tcp_in(const wire::IpHeader& ip, buffer::Slice packet,
                        const wire::ReceivedOffload& offload, Instant at) {
  const Family family = ip.source.family();
  shared.mib.add(family == Family::ipv4 ? Counter::ip_in_delivers : Counter::ip6_in_delivers);
  shared.mib.add(Counter::tcp_in_segs);
  const std::optional<wire::SourceRoute> return_route = return_route_of(ip, packet.bytes());
  packet.remove_prefix(ip.header_octets);
  const auto header = wire::parse_tcp(packet.bytes());
  if (!header) return count_drop(header.error(), family);
  if (!checksum_is_trusted(offload) &&
      !wire::has_valid_tcp_checksum(ip.source, ip.destination, packet.bytes())) {
    return count_drop(DropReason::tcp_bad_checksum, family);
  }
  Segment seg{.seq = header->seq,
              .ack = header->ack,
              .wnd = header->window,
              .urgent_pointer = header->urgent_pointer,
              .flags = header->flags,
              .ecn = static_cast<std::uint8_t>(ip.traffic_class & 3),
              .options = wire::parse_options(packet.bytes().subspan(
                  wire::kTcpHeaderOctets, header->header_octets - wire::kTcpHeaderOctets))};
  packet.remove_prefix(header->header_octets);
  seg.text = std::move(packet);
  if (return_route) seg.return_route = &*return_route;
  seg.wire_segments = count_wire_segments(seg.text.size(), offload.gso_size);
  if (seg.wire_segments > 1) count_codepoint(ip, seg.wire_segments - 1);
  seg.len = seg.text.size() + (seg.has(Flag::syn) ? 1 : 0) + (seg.has(Flag::fin) ? 1 : 0);

  const FourTuple tuple{.local = {ip.destination, header->destination},
                        .remote = {ip.source, header->source}};
  const auto entry = find(tuple);
  if (!entry) return arrives_without_connection(tuple, seg, std::nullopt, at);
  switch (entry->kind) {
    case Demux::Kind::tcb: {
      tcp::Tcb& tcb = tcbs.at(entry->index);
      tcp::check_return_route(tcb, seg);
      tcp::segment_arrives(tcb, seg, at);
      return settle(tcb);
    }
    case Demux::Kind::half_open:
      return arrives_at_half_open(tuple, entry->index, seg, at);
    case Demux::Kind::time_wait:
      return arrives_at_time_wait(tuple, entry->index, seg, at);
  }
}

void HostTables::icmp_in(const wire::IpHeader& ip, buffer::Slice packet,
                         const wire::ReceivedOffload& offload) {
  const Family family = ip.source.family();
  const bool v4 = family == Family::ipv4;
  shared.mib.add(v4 ? Counter::ip_in_delivers : Counter::ip6_in_delivers);
  shared.mib.add(v4 ? Counter::icmp_in_msgs : Counter::icmp6_in_msgs);
  const auto message =
      wire::parse_icmp(ip, packet.bytes().subspan(ip.header_octets), checksum_is_trusted(offload));
  if (!message) return count_drop(message.error(), family);
  if (message->kind != wire::IcmpMessage::Kind::echo_request) {
    return icmp_error_in(*message, family);
  }
  shared.mib.add(v4 ? Counter::icmp_in_echos : Counter::icmp6_in_echos);
  if (raw_replies.size() == kMaxRawReplies) return count_discard(shared.mib, family);
  wire::make_echo_reply(ip, packet.mutable_bytes(),
                        static_cast<std::uint8_t>(shared.sysctl.ip_default_ttl));
  shared.mib.add(v4 ? Counter::icmp_out_echo_reps : Counter::icmp6_out_echo_replies);
  if (ip.total_octets > shared.link.mtu) return push_in_fragments(*this, ip, packet.bytes());
  raw_replies.push_back(std::move(packet));
}

void HostTables::arrives_at_time_wait(const FourTuple& tuple, std::uint32_t index, Segment& seg,
                                      Instant at) {
  std::optional<SeqNum> reopen_with;
  with_object(time_waits, tuple.family(), index, [&](auto& entry, auto&, TimerWheel& timers) {
    tcp::TimeWaitState& state = entry.state;
    const tcp::TimeWaitSituation what = tcp::situation(state, seg, at);
    tcp::TimeWaitDecision decision = tcp::decide(what, shared.sysctl.tcp_rfc1337 != 0);
    if (what == tcp::TimeWaitSituation::old_duplicate) shared.mib.add(Counter::tcp_paws_tw);
    if (decision.reopen) {
      if (listener_for(tuple) != nullptr) {
        reopen_with = tcp::next_initial_sequence_number(state);
        return remove_time_wait(tuple, index);
      }
      decision.acknowledge = true;
    }
    if (decision.end) return remove_time_wait(tuple, index);
    const bool at_rcv_nxt =
        what == tcp::TimeWaitSituation::exact_reset || what == tcp::TimeWaitSituation::bare_ack;
    if (at_rcv_nxt) tcp::remember_timestamp(state, seg, at);
    if (decision.restart_timer) timers.schedule(entry, at + time_wait_length());
    if (decision.acknowledge) {
      if (const auto reply = tcp::acknowledge(state, tuple, seg, shared, at)) {
        shared.replies.push(*reply);
      }
    }
  });
  if (reopen_with) arrives_without_connection(tuple, seg, reopen_with, at);
}

}  // namespace tuntcp
