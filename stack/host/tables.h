// Everything a host owns, and what its doors are made of. See host.h for the doors themselves.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "stack/base/slab.h"
#include "stack/base/timer_wheel.h"
#include "stack/buffer/arena.h"
#include "stack/host/demux.h"
#include "stack/host/host.h"
#include "stack/host/listener.h"
#include "stack/host/ports.h"
#include "stack/host/reassembler.h"
#include "stack/tcp/half_open.h"
#include "stack/tcp/shared.h"
#include "stack/tcp/time_wait.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ip.h"

namespace tuntcp {

// Objects of one kind that differ by address family, each with the timers of its own.
template <template <Family> class Kind>
struct PerFamily {
  explicit PerFamily(std::size_t limit) : v4(limit), v6(limit) {}
  std::size_t size() const { return v4.size() + v6.size(); }

  Slab<Kind<Family::ipv4>> v4;
  Slab<Kind<Family::ipv6>> v6;
  TimerWheel v4_timers;
  TimerWheel v6_timers;
};

// Calls `use(object, slab, wheel)` for the object of this index and family.
template <template <Family> class Kind, class Use>
auto with_object(PerFamily<Kind>& all, Family family, std::uint32_t index, Use use) {
  return family == Family::ipv4 ? use(all.v4.at(index), all.v4, all.v4_timers)
                                : use(all.v6.at(index), all.v6, all.v6_timers);
}

// What the kernel would charge for a buffer of this SO_RCVBUF or SO_SNDBUF: twice the value.
// 0, "not set", stays 0.
std::uint32_t socket_buffer_memory(std::uint32_t socket_buffer);
// IP_TOS, IP_TTL and their kin, of the family of the connection.
void set_ip_options(tcp::Tcb& tcb, const SocketOptions& options);

struct HostTables {
  HostTables(const HostConfig& config, RandomSource& random);

  // ---- Addresses.
  bool is_own(const IpAddress& address) const;
  bool may_be_source(const IpAddress& source, bool from_self) const;
  // MUST-46 for the routers of a source route, of which none may be this host.
  bool may_be_taken(const wire::SourceRoute& route) const;
  std::optional<IpAddress> choose_local_address(const IpAddress& remote) const;
  const wire::LinkCapabilities& link_to(const FourTuple& tuple) const {
    return is_own(tuple.remote.address) ? tcp::kHairpinLink : shared.link;
  }

  // ---- Ingress: ingress.cc.
  void packet_in(buffer::Slice packet, const wire::ReceivedOffload& offload, bool from_self,
                 Instant now);
  void tcp_in(const wire::IpHeader& ip, buffer::Slice packet, const wire::ReceivedOffload& offload,
              Instant now);
  wire::DropReason check_ip_options(const wire::IpHeader& ip, Bytes packet) const;
  void fragment_in(const wire::IpHeader& ip, Bytes packet);
  void deliver(const wire::IpHeader& ip, buffer::Slice packet,
               const wire::ReceivedOffload& offload);
  void icmp_in(const wire::IpHeader& ip, buffer::Slice packet,
               const wire::ReceivedOffload& offload);
  // ---- icmp_errors.cc: RFC 9293, 3.9.2.2.
  void icmp_error_in(const wire::IcmpMessage& message, Family family);
  void packet_too_big(tcp::Tcb& tcb, std::uint32_t mtu);
  void count_drop(wire::DropReason reason, Family family);
  void count_codepoint(const wire::IpHeader& ip, std::uint32_t segments);
  void arrives_at_time_wait(const FourTuple& tuple, std::uint32_t index, tcp::Segment& seg,
                            Instant now);

  // ---- LISTEN and SYN-RECEIVED: listening.cc.
  // RFC 9293, 3.10.7.1 and 3.10.7.2: no connection has these endpoints.
  void arrives_without_connection(const FourTuple& tuple, tcp::Segment& seg,
                                  std::optional<SeqNum> iss, Instant now);
  void syn_arrives(Listener& listener, const FourTuple& tuple, const tcp::Segment& seg,
                   std::optional<SeqNum> iss, Instant now);
  void send_cookie(Listener& listener, tcp::HalfOpenState& half_open, const FourTuple& tuple,
                   const tcp::Segment& syn, Instant now);
  // True if the ACK was a cookie's, whatever became of it.
  bool cookie_arrives(Listener& listener, const FourTuple& tuple, tcp::Segment& seg, Instant now);
  void arrives_at_half_open(const FourTuple& tuple, std::uint32_t index, tcp::Segment& seg,
                            Instant now);
  void establish(Listener& listener, tcp::Tcb& tcb, tcp::Segment& seg, Instant now);

  // ---- Connections: connections.cc.
  std::optional<Demux::Entry> find(const FourTuple& tuple);
  tcp::Tcb* make_tcb(const FourTuple& tuple, const SocketOptions& options);
  // After any call that changed a Tcb: its timer, its place in the tables, its events, its end.
  // The Tcb may be gone afterwards.
  void settle(tcp::Tcb& tcb);
  // The application's. One with a router must find room.
  void set_source_route(tcp::Tcb& tcb, const std::optional<wire::SourceRoute>& route);
  void destroy(tcp::Tcb& tcb);
  void enter_time_wait(tcp::Tcb& tcb, Instant now);
  void remove_time_wait(const FourTuple& tuple, std::uint32_t index);
  void remove_half_open(const FourTuple& tuple, std::uint32_t index);
  void run_timers(Instant now);
  Duration time_wait_length() const {
    return Duration::milliseconds(shared.sysctl.tcp_time_wait_ms);
  }

  // ---- Listeners.
  Listener* listener_for(const FourTuple& tuple);
  void add_event(Listener& listener);
  tcp::SynAckTerms terms_of(const Listener& listener, Family family) const;
  void close_listener(Listener& listener, Instant now);

  // ---- Egress: egress.cc.
  std::size_t packets_out(Instant now, wire::PacketSink& sink);
  bool has_output() const;
  Instant next_deadline() const;

  tcp::Shared shared;
  buffer::Arena arena;
  std::vector<Prefix> addresses;
  Demux demux;
  EphemeralPorts ports;
  Slab<tcp::Tcb> tcbs;
  PerFamily<tcp::HalfOpen> half_opens;
  PerFamily<tcp::TimeWait> time_waits;
  Slab<Listener> listeners;
  Reassembler fragments;
  std::deque<SlabHandle> listener_events;

  struct Looped {
    buffer::Slice packet;
    wire::ReceivedOffload offload;
  };
  std::deque<Looped> hairpin;             // packets to this host's own addresses
  std::deque<buffer::Slice> raw_replies;  // whole packets: ICMP
  Instant now;                            // the latest that any door was told
  bool device_is_full = false;
};

}  // namespace tuntcp
