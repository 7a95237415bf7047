// What the stack sends, packet by packet as a script wants to see it: what is for the peer, and
// segments joined or cut where the script has them in larger or smaller pieces.
#pragma once

#include <optional>

#include "tools/drill/backend.h"
#include "tools/drill/packet_codec.h"

namespace tuntcp::drill {

// A packet of the stack, in the numbers of the wire.
struct SeenPacket {
  Duration at{};  // since the script began
  ReadPacket packet{};
  std::uint16_t gso_size = 0;
  bool is_super = false;  // more than one segment, or a part of such
};

class PacketStream {
 public:
  PacketStream() = default;
  // The backend outlives this. `is_strict`: nothing is joined or cut.
  PacketStream(Backend& backend, const IpAddress& remote, bool is_strict)
      : backend_(&backend), remote_(remote), is_strict_(is_strict) {}
  void set_origin(Duration origin) { origin_ = origin; }

  // Lets time pass until there is one or it is `until`, then nothing.
  std::optional<SeenPacket> next(Duration until);
  // `first` with as much text as the script expects, where the stack has that. One segment of the
  // script may be several of the stack's, or a part of one: how much goes into a packet is the
  // business of offloads.
  SeenPacket whole(const TcpSpec& expected, SeenPacket first, Duration until);

 private:
  // Leaves the first `octets` of text; the others come next.
  void cut(SeenPacket& seen, std::uint32_t octets);

  Backend* backend_ = nullptr;
  IpAddress remote_{};
  bool is_strict_ = false;
  Duration origin_{};
  std::optional<SeenPacket> put_back_;
};

}  // namespace tuntcp::drill
