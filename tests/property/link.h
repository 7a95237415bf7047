// One direction of a path between two hosts, in virtual time: delay, rate, a bounded queue, and
// what a bad path does to packets. A device with offloads is part of it: super-packets are cut here
// and checksums completed, unless the far end is said to take them whole.
#pragma once

#include <cstdint>
#include <vector>

#include "stack/base/time.h"
#include "stack/wire/offload.h"
#include "stack/wire/packet_sink.h"
#include "tests/support/dice.h"

namespace tuntcp::test {

struct Impairments {
  Duration delay = Duration::milliseconds(10);
  std::uint64_t bits_per_second = 0;  // 0: no limit
  std::uint32_t queue_octets = 0;     // before the link; 0: no limit
  double loss = 0;
  double duplicate = 0;
  double corrupt = 0;
  double reorder = 0;                      // this share of packets is held back ...
  Duration reorder_by = Duration::zero();  // ... by up to this long
  bool passes_super_packets = false;       // as between two TUN devices of one machine
};

struct Packet {
  std::vector<std::uint8_t> octets;
  wire::ReceivedOffload offload;
  bool is_corrupt = false;
};

struct Arrival {
  Instant at;
  Packet packet;
};

class Link {
 public:
  Link(const Impairments& impairments, std::uint64_t seed)
      : impairments_(impairments), dice_(seed) {}

  // What becomes of a packet that enters at `now`: nothing, one arrival or several.
  std::vector<Arrival> carry(const wire::OutgoingPacket& packet, Instant now);

  Impairments& impairments() { return impairments_; }

 private:
  void carry_one(Packet packet, Instant now, std::vector<Arrival>& arrivals);

  Impairments impairments_;
  Dice dice_;
  Instant busy_until_;
};

// The packet as its octets, checksums left as they are.
std::vector<std::uint8_t> octets_of(const wire::OutgoingPacket& packet);

}  // namespace tuntcp::test
