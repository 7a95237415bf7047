#include "stack/tcp/path_mtu.h"

#include <algorithm>

#include "stack/tcp/negotiation.h"
#include "stack/tcp/shared.h"

namespace tuntcp::tcp {

void PathMtuCache::learn(const IpAddress& destination, const PathMtu& path, Instant now) {
  std::erase_if(paths_, [&](const Entry& entry) {
    return entry.destination == destination || entry.path.until <= now;
  });
  if (paths_.size() == kMostPaths) {
    paths_.erase(
        std::ranges::min_element(paths_, {}, [](const Entry& entry) { return entry.path.until; }));
  }
  paths_.push_back({.destination = destination, .path = path});
  ++generation_;
}

const PathMtu* PathMtuCache::find(const IpAddress& destination, Instant now) const {
  const auto found = std::ranges::find(paths_, destination, &Entry::destination);
  return found != paths_.end() && now < found->path.until ? &found->path : nullptr;
}

std::uint32_t path_mtu_of(const Tcb& tcb) {
  const std::uint32_t link = tcb.shared->link_of(tcb).mtu;
  return tcb.path.mtu == 0 ? link : std::min(link, tcb.path.mtu);
}

bool sets_dont_fragment(const Tcb& tcb) {
  switch (tcb.mtu_discovery) {
    case MtuDiscovery::want:
      return !tcb.path.may_fragment;
    case MtuDiscovery::always:
      return true;
    case MtuDiscovery::dont:
    case MtuDiscovery::probe:
    case MtuDiscovery::of_link:
    case MtuDiscovery::of_link_loose:
      break;
  }
  return false;
}

// Linux's ip_sk_accept_pmtu and ip6_sk_accept_pmtu: over IPv4 the path is learned all the same.
bool believes_routers(const Tcb& tcb) {
  const bool is_of_link = tcb.mtu_discovery == MtuDiscovery::of_link ||
                          tcb.mtu_discovery == MtuDiscovery::of_link_loose;
  return tcb.tuple.family() == Family::ipv4 || !is_of_link;
}

bool cuts_anew(const Tcb& tcb) {
  // Routers of IPv6 cut nothing (RFC 8200, 4.5).
  if (tcb.tuple.family() == Family::ipv6) return believes_routers(tcb);
  switch (tcb.mtu_discovery) {
    case MtuDiscovery::want:
    case MtuDiscovery::always:
    case MtuDiscovery::probe:
      return true;
    case MtuDiscovery::dont:
    case MtuDiscovery::of_link:
    case MtuDiscovery::of_link_loose:
      break;
  }
  return false;
}

void follow_path(Tcb& tcb, Instant now) {
  const PathMtuCache& paths = tcb.shared->paths;
  const bool is_over = now >= tcb.path.until;
  if (tcb.path_generation == paths.generation() && !is_over) return;
  tcb.path_generation = paths.generation();
  const std::uint32_t before = path_mtu_of(tcb);
  // An entry that had to make room for others still holds for who knows of it.
  if (is_over) tcb.path = {};
  if (const PathMtu* const known = paths.find(tcb.tuple.remote.address, now)) tcb.path = *known;
  if (path_mtu_of(tcb) == before || !kSynchronized.contains(tcb.state)) return;
  tcb.congestion->on_mss_change(plain_send_mss(tcb));
}

}  // namespace tuntcp::tcp
