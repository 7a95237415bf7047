// Path MTU discovery by what routers say: RFC 1191 (IPv4), RFC 8201 (IPv6). A host remembers for
// each destination how large a packet may be; its connections look it up when the table changed.
//
// Not here: which messages are believed (host/icmp_errors.cc), and probing without messages
// (RFC 4821), which is not offered.
#pragma once

#include <cstdint>
#include <vector>

#include "stack/base/address.h"
#include "stack/base/time.h"

namespace tuntcp::tcp {

struct Tcb;

// Linux's min_pmtu: a smaller MTU is not adapted to. Packets of this size are sent without DF.
inline constexpr std::uint32_t kLeastPathMtuV4 = 552;
// RFC 8201, 4: "must not reduce ... below the IPv6 minimum link MTU".
inline constexpr std::uint32_t kLeastPathMtuV6 = 1280;
// RFC 1191, 6.3 and RFC 8201, 5.3: after ten minutes a larger MTU is tried again.
inline constexpr Duration kPathMtuLifetime = 600_s;

struct PathMtu {
  std::uint32_t mtu = 0;      // octets of a packet; 0: as the link's
  bool may_fragment = false;  // routers may have to cut packets: no DF (IPv4)
  Instant until = Instant::never();
};

class PathMtuCache {
 public:
  // Beyond these the one that would end first is forgotten.
  static constexpr std::size_t kMostPaths = 1024;

  void learn(const IpAddress& destination, const PathMtu& path, Instant now);
  // Null where nothing is known, or no longer.
  const PathMtu* find(const IpAddress& destination, Instant now) const;
  // Another number after each change.
  std::uint32_t generation() const { return generation_; }
  std::size_t size() const { return paths_.size(); }

 private:
  struct Entry {
    IpAddress destination{};
    PathMtu path{};
  };
  std::vector<Entry> paths_;
  std::uint32_t generation_ = 0;
};

// What the connection's own packets may measure.
std::uint32_t path_mtu_of(const Tcb& tcb);
// RFC 1191, 3: DF on all packets, unless the application or the path forbids.
bool sets_dont_fragment(const Tcb& tcb);
// Does the connection send again what a router said was too big? Not if routers were to cut it, or
// if the application believes none of them.
bool cuts_anew(const Tcb& tcb);
// Is what a router says of one of the connection's packets learned at all?
bool believes_routers(const Tcb& tcb);
// Takes over what the cache learned, and forgets what is too old. Cheap when nothing changed.
void follow_path(Tcb& tcb, Instant now);

}  // namespace tuntcp::tcp
