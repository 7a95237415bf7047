// What a virtio_net header says about a packet, without the header: RFC-free, see
// linux/virtio_net.h and Documentation/networking/tuntap. A device without offloads uses {}.
#pragma once

#include <cstdint>

namespace tuntcp::wire {

// About a packet that came in.
struct ReceivedOffload {
  enum class Checksum : std::uint8_t {
    unknown,  // verify it
    valid,    // the device vouches for it
    partial,  // the field holds the pseudo-header's sum only (NEEDS_CSUM): the packet never left a
              // machine, so there is nothing to verify
  };
  Checksum checksum = Checksum::unknown;
  // 0, or the payload of each segment of which this super-packet is made.
  std::uint16_t gso_size = 0;
};

// What the link can do for packets that go out. It may change at any time.
struct LinkCapabilities {
  std::uint32_t mtu = 1500;
  bool checksum = false;             // completes TCP checksums itself
  std::uint32_t gso_max_octets = 0;  // largest super-packet, IP header included; 0: cuts nothing
  friend constexpr bool operator==(const LinkCapabilities&, const LinkCapabilities&) = default;
};

}  // namespace tuntcp::wire
