// ICMP errors, from the message to the connection it speaks of: RFC 9293, 3.9.2.2; RFC 5927 (whom
// to believe); RFC 1191 and RFC 8201 (packets that are too big).
//
// Not here: what an error does to a connection (tcp/network_errors.h). Redirects are no concern of
// a host with one link.
#include <algorithm>
#include <array>

#include "stack/host/tables.h"
#include "stack/tcp/network_errors.h"
#include "stack/wire/icmp.h"

namespace tuntcp {
namespace {

using tcp::ErrorKind;
using wire::IcmpMessage;
using Kind = wire::IcmpMessage::Kind;

struct Meaning {
  Error error = Error::none;  // none: nothing to be told
  ErrorKind kind = ErrorKind::soft;
};

// Destination unreachable, by code. The errors are Linux's; hard are those that RFC 9293, 3.9.2.2
// calls so (code 4 has no error: its MTU is what matters).
constexpr std::array<Meaning, 16> kUnreachableV4{{
    {Error::network_unreachable},
    {Error::host_unreachable},
    {Error::protocol_unreachable, ErrorKind::hard},
    {Error::connection_refused, ErrorKind::hard},  // port
    {},
    {Error::source_route_failed},
    {Error::network_unreachable},  // network unknown
    {Error::host_down},            // host unknown
    {Error::host_isolated},
    {Error::network_unreachable},  // network prohibited
    {Error::host_unreachable},     // host prohibited
    {Error::network_unreachable},  // for this type of service
    {Error::host_unreachable},     // for this type of service
    {Error::host_unreachable},     // filtered (RFC 1812)
    {Error::host_unreachable},     // precedence violation
    {Error::host_unreachable},     // precedence cutoff
}};
constexpr std::array<Meaning, 7> kUnreachableV6{{
    {Error::network_unreachable},                  // no route
    {Error::access_denied, ErrorKind::hard},       // prohibited
    {Error::host_unreachable},                     // beyond the scope
    {Error::host_unreachable},                     // address
    {Error::connection_refused, ErrorKind::hard},  // port
    {Error::access_denied},                        // source address failed policy
    {Error::access_denied},                        // route rejected
}};

Meaning meaning_of(const IcmpMessage& message, Family family) {
  switch (message.kind) {
    case Kind::destination_unreachable:
      if (family == Family::ipv4) {
        return message.code < kUnreachableV4.size() ? kUnreachableV4[message.code] : Meaning{};
      }
      return message.code < kUnreachableV6.size() ? kUnreachableV6[message.code]
                                                  : Meaning{Error::protocol_error};
    case Kind::time_exceeded:
      return {Error::host_unreachable};
    case Kind::parameter_problem:
      return {Error::protocol_error};
    default:
      return {};
  }
}

void count(const IcmpMessage& message, Family family, Mib& mib) {
  const bool v4 = family == Family::ipv4;
  switch (message.kind) {
    case Kind::destination_unreachable:
      return mib.add(v4 ? Counter::icmp_in_dest_unreachs : Counter::icmp6_in_dest_unreachs);
    case Kind::packet_too_big:
      return mib.add(v4 ? Counter::icmp_in_dest_unreachs : Counter::icmp6_in_pkt_too_bigs);
    case Kind::time_exceeded:
      return mib.add(v4 ? Counter::icmp_in_time_excds : Counter::icmp6_in_time_excds);
    case Kind::parameter_problem:
      return mib.add(v4 ? Counter::icmp_in_parm_probs : Counter::icmp6_in_parm_problems);
    case Kind::source_quench:
      return mib.add(Counter::icmp_in_src_quenchs);
    default:
      return;
  }
}

// SYN-RECEIVED from LISTEN. There is no application to tell, so Linux, and so we, only decide
// whether the attempt is given up: over IPv4 when the soft errors say that nobody is reached, over
// IPv6 when the hard ones do.
bool ends_half_open(const IcmpMessage& message, Family family) {
  if (family == Family::ipv6) {
    const bool is_kept = message.kind == Kind::time_exceeded ||
                         (message.kind == Kind::destination_unreachable &&
                          (message.code == 0 || message.code == 2 || message.code == 3));
    return !is_kept;
  }
  return message.kind == Kind::parameter_problem || message.kind == Kind::time_exceeded ||
         (message.kind == Kind::destination_unreachable && message.code <= 1);
}

}  // namespace

void HostTables::icmp_error_in(const IcmpMessage& message, Family family) {
  count(message, family, shared.mib);
  const bool is_error =
      message.kind == Kind::packet_too_big || meaning_of(message, family).error != Error::none;
  // MUST-55: a source quench is discarded, like whatever else is no error.
  if (!is_error) return count_drop(wire::DropReason::icmp_ignored, family);
  const bool is_unwanted = message.kind == Kind::packet_too_big && family == Family::ipv4 &&
                           shared.sysctl.ip_no_pmtu_disc == 2;
  if (is_unwanted) return;
  const auto quoted = wire::parse_quoted_tcp(message.body);
  if (!quoted) return count_drop(quoted.error(), family);
  if (quoted->source.address.family() != family) {
    return count_drop(wire::DropReason::icmp_malformed, family);
  }
  // What is quoted was sent from here.
  const FourTuple tuple{.local = quoted->source, .remote = quoted->destination};
  const auto entry = find(tuple);
  if (!entry) return count_drop(wire::DropReason::icmp_malformed, family);
  if (entry->kind == Demux::Kind::time_wait) return;  // it only waits
  if (entry->kind == Demux::Kind::half_open) {
    const SeqNum iss = with_object(half_opens, family, entry->index,
                                   [](auto& object, auto&, auto&) { return object.state.iss; });
    if (SeqNum(quoted->seq) != iss) return shared.mib.add(Counter::tcp_out_of_window_icmps);
    const bool ends = message.kind != Kind::packet_too_big && ends_half_open(message, family) &&
                      shared.sysctl.tcp_soft_errors_end_open != 0;
    if (!ends) return;
    shared.mib.add(Counter::tcp_listen_drops);
    return remove_half_open(tuple, entry->index);
  }
  tcp::Tcb& tcb = tcbs.at(entry->index);
  if (!tcp::may_be_in_flight(tcb, SeqNum(quoted->seq))) {
    return shared.mib.add(Counter::tcp_out_of_window_icmps);
  }
  if (message.kind == Kind::packet_too_big) {
    packet_too_big(tcb, message.mtu);
  } else {
    const Meaning meaning = meaning_of(message, family);
    tcp::on_network_error(tcb, meaning.error, meaning.kind);
  }
  settle(tcb);
}

void HostTables::packet_too_big(tcp::Tcb& tcb, std::uint32_t mtu) {
  const Family family = tcb.tuple.family();
  tcp::PathMtu path{.mtu = mtu, .may_fragment = false, .until = now + tcp::kPathMtuLifetime};
  if (family == Family::ipv6) {
    // RFC 8201, 4: such a message must be discarded.
    if (mtu < tcp::kLeastPathMtuV6 || !tcp::believes_routers(tcb)) return;
  } else {
    // ip_no_pmtu_disc: the message is not believed, only that there was one.
    if (shared.sysctl.ip_no_pmtu_disc == 1) path.mtu = 0;
    // Routers older than RFC 1191 say 0, others what nobody should have to adapt to: the path gets
    // packets of a common size, and may cut them.
    if (path.mtu < tcp::kLeastPathMtuV4) {
      path.mtu = tcp::kLeastPathMtuV4;
      path.may_fragment = true;
    }
  }
  // RFC 1191, 6.3: an MTU that grows is no answer to a packet that was sent.
  const std::uint32_t before = tcp::path_mtu_of(tcb);
  if (path.mtu > before || path.mtu >= link_to(tcb.tuple).mtu) return;
  shared.paths.learn(tcb.tuple.remote.address, path, now);
  tcp::on_smaller_path(tcb, now);
}

}  // namespace tuntcp
