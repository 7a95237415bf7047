// LISTEN: a bound port with its queue of connections that wait for accept.
#pragma once

#include <cstdint>
#include <deque>

#include "stack/base/address.h"
#include "stack/base/slab.h"
#include "stack/host/host.h"

namespace tuntcp {

struct Listener {
  Endpoint local;
  ListenOptions options;
  SocketOptions inherited;      // with rto_limits
  std::uint32_t backlog = 0;    // as capped by somaxconn
  std::uint32_t half_open = 0;  // the SYN queue: how many HalfOpens name this listener
  std::uint64_t cookie = 0;
  std::deque<SlabHandle> accept_queue;  // Tcbs, oldest first
  bool has_event = false;
  Instant last_overflow;  // when a SYN cookie was last sent; without one no ACK can be a cookie's

  // Linux's comparison is "greater": a backlog of n holds n + 1 connections.
  bool accept_queue_is_full() const { return accept_queue.size() > backlog; }
  bool syn_queue_is_full() const { return half_open > backlog; }
  // Without SYN cookies Linux keeps the last quarter of tcp_max_syn_backlog for peers it has
  // measured; we measure none.
  bool syn_backlog_is_used_up(const Sysctl& sysctl) const {
    const std::int64_t most = sysctl.tcp_max_syn_backlog;
    return most - half_open < most / 4;
  }
  // Would a packet to `destination` be for this listener, were there no more exact one?
  bool takes(const Endpoint& destination) const {
    if (destination.port != local.port) return false;
    if (local.address == destination.address) return true;
    if (!local.address.is_any()) return false;
    return local.address.family() == destination.address.family() ||
           (!local.address.is_v4() && !options.v6_only);
  }
  bool overlaps(const Endpoint& other, const ListenOptions& other_options) const {
    if (other.port != local.port) return false;
    if (options.reuse_port && other_options.reuse_port) return false;  // they share
    const bool same_family = other.address.family() == local.address.family();
    const bool either_any = other.address.is_any() || local.address.is_any();
    if (same_family) return either_any || other.address == local.address;
    // "::" takes IPv4 too, unless told otherwise.
    if (!local.address.is_v4()) return local.address.is_any() && !options.v6_only;
    return other.address.is_any() && !other_options.v6_only;
  }
};

}  // namespace tuntcp
