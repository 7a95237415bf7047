// The one way out for packets.
#pragma once

#include <cstdint>
#include <span>

#include "stack/base/bytes.h"

namespace tuntcp::wire {

// A packet to be sent: contiguous headers, then payload in pieces. Valid only during the call.
struct OutgoingPacket {
  Bytes headers;                   // IP and transport headers
  std::span<const Bytes> payload;  // at most kMaxPayloadPieces
  std::uint32_t total_octets = 0;  // headers and payload
  // Left to the device, as in a virtio_net header; all 0 where nothing is.
  bool needs_checksum = false;       // the TCP checksum field holds the pseudo-header's sum
  std::uint16_t checksum_start = 0;  // where the TCP header begins
  std::uint16_t gso_size = 0;        // cut the payload into segments of this many octets
  bool is_ipv6 = false;
};
inline constexpr std::size_t kMaxPayloadPieces = 8;

enum class SendResult : std::uint8_t {
  sent,
  retry,    // the device's queue is full: try the same packet later
  too_big,  // above the device's MTU: the driver has said or will say the new one
  no_gso,   // the device refuses super-packets: the driver has lowered the LinkCapabilities
  down,     // the interface is down: counts as sent and lost
};

class PacketSink {
 public:
  virtual ~PacketSink() = default;
  virtual SendResult send(const OutgoingPacket& packet) = 0;
};

}  // namespace tuntcp::wire
