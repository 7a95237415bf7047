// TCP segments of one connection, one behind the other, as one super-packet: what a receiving
// device makes of them when it has several at once. It cuts into exactly the packets that it was
// made of.
//
// A write to a TUN device costs the same for one segment as for forty. So a link that is late can
// be in time again; one that is in time has no use for it.
#pragma once

#include <cstdint>
#include <vector>

#include "stack/base/bytes.h"
#include "stack/base/seq_num.h"
#include "stack/wire/packet_sink.h"

namespace tuntcp::link {

class MergedSegments {
 public:
  // Any packet. What was merged before is forgotten.
  void begin(Bytes packet);
  // Takes the packet in if it is the next segment of the same connection, says nothing else than
  // the ones before, and both have right checksums. False: it is not, and nothing has changed.
  bool append(Bytes packet);
  // Valid until the next call. A packet by itself is as it was.
  wire::OutgoingPacket packet();

 private:
  // Of a packet that can be merged.
  struct Segment {
    std::uint32_t ip_octets = 0;
    std::uint32_t headers = 0;  // IP and TCP
    std::uint32_t text = 0;
    SeqNum seq{};
    bool is_last = false;  // PSH: what follows begins anew
    std::uint32_t total() const { return headers + text; }
  };
  static bool read(Bytes packet, Segment& segment);
  bool continues(Bytes packet, const Segment& next) const;

  std::vector<std::uint8_t> octets_;
  Bytes text_;  // of packet()
  Segment first_;
  Segment last_;
  std::uint32_t segments_ = 0;
  bool can_grow_ = false;
};

}  // namespace tuntcp::link
