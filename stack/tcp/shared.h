// What the connections of one host have in common and borrow from it.
#pragma once

#include <cstdint>

#include "stack/base/siphash.h"
#include "stack/base/time.h"
#include "stack/base/timer_wheel.h"
#include "stack/buffer/send_buffer.h"
#include "stack/tcp/congestion/registry.h"
#include "stack/tcp/mib.h"
#include "stack/tcp/path_mtu.h"
#include "stack/tcp/recovery/transmissions.h"
#include "stack/tcp/replies.h"
#include "stack/tcp/source_routes.h"
#include "stack/tcp/state_log.h"
#include "stack/tcp/sysctl.h"
#include "stack/tcp/tcb.h"
#include "stack/wire/offload.h"

namespace tuntcp::tcp {

// A host without a path between its two ends: packets to its own addresses never leave it.
inline constexpr wire::LinkCapabilities kHairpinLink{
    .mtu = 65'535, .checksum = true, .gso_max_octets = 65'535};

inline constexpr std::uint8_t kFlowKeyName[] = {'f', 'l', 'o', 'w'};

// RFC 5961, 7: at most so many challenge ACKs in a second, over all connections.
struct ChallengeBudget {
  Instant second_began;
  std::uint32_t left = 0;
};

// Ranges in flight, of all connections: enough for 1 GiB of segments of 1,460 octets. About 160
// octets each.
inline constexpr std::size_t kMostTransmissions = 750'000;

struct Shared {
  Shared(const Sysctl& sysctl_, std::size_t send_pool_octets, RandomSource& random,
         const congestion::Registry& controllers_ = {},
         std::size_t max_connections = std::size_t{1} << 20)
      : sysctl(sysctl_),
        controllers(controllers_),
        controller_blocks(max_connections),
        isn_key(SipKey::draw(random)),
        timestamp_key(SipKey::draw(random)),
        cookie_key(SipKey::draw(random)),
        flow_key{.k0 = siphash(timestamp_key, kFlowKeyName), .k1 = siphash(isn_key, kFlowKeyName)},
        chunks(send_pool_octets) {
    sysctl.tcp_available_congestion_control = controllers.names();
    TUNTCP_CHECK(controllers.find(sysctl.tcp_congestion_control) != nullptr);
  }

  Sysctl sysctl;
  const congestion::Registry controllers;
  congestion::ControllerBlocks controller_blocks;  // of those that are too large for a Tcb
  Mib mib;
  wire::LinkCapabilities link;
  SipKey isn_key;
  SipKey timestamp_key;
  SipKey cookie_key;
  // For flow labels and IPv4's identification: derived, so that hosts that were made alike keep
  // drawing the same numbers for the rest.
  SipKey flow_key;
  PathMtuCache paths;
  buffer::ChunkPool chunks;
  recovery::TransmissionPool transmissions{kMostTransmissions};
  TimerWheel wheel;                  // one entry a Tcb, never later than its earliest deadline
  TcbList ready{&Tcb::ready};        // something may have to be sent
  TcbList eventful{&Tcb::eventful};  // the application has something to learn
  SourceRoutes routes;
  ReplyQueue replies{routes, mib};
  StateLog state_log;
  ChallengeBudget challenges;
  std::uint64_t current_established = 0;  // TcpCurrEstab
  std::uint32_t orphans = 0;

  const wire::LinkCapabilities& link_of(const Tcb& tcb) const {
    return tcb.is_hairpin ? kHairpinLink : link;
  }
};

// RFC 6437, 3: a number of 20 bits that stays the same for a connection and tells nothing.
inline std::uint32_t flow_label(const Shared& shared, const FourTuple& tuple) {
  if (tuple.family() == Family::ipv4) return 0;
  return static_cast<std::uint32_t>(siphash(shared.flow_key, tuple) & 0xfffff);
}

inline Mib& mib(Tcb& tcb) {
  return tcb.shared->mib;
}
inline const Sysctl& sysctl(const Tcb& tcb) {
  return tcb.shared->sysctl;
}

// Something may have to be sent: output() will look.
inline void mark_ready(Tcb& tcb) {
  if (!tcb.ready.is_linked) tcb.shared->ready.push(tcb);
}

}  // namespace tuntcp::tcp
