// One direction of a path between two hosts, in virtual time: delay, rate, a bounded queue, and
// what a bad path does to packets. A device with offloads is part of it: super-packets are cut into
// wire packets and checksums completed before anything happens to them, unless the link is said to
// pass them whole, as between two TUN devices of one machine.
//
// Not here: ICMP. A packet that is too long is dropped, as by a router that tells nobody.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "stack/base/time.h"
#include "stack/sim/dice.h"
#include "stack/wire/offload.h"
#include "stack/wire/packet_sink.h"

namespace tuntcp::sim {

// Losses in bursts: E. N. Gilbert's and E. O. Elliott's chain of a good and a bad state, which may
// change with every packet.
struct BurstLoss {
  double to_bad = 0;   // the chance to go from good to bad
  double to_good = 1;  // ... and back
  double loss_in_good = 0;
  double loss_in_bad = 1;
};

// Everything that enters in [from, until) disappears.
struct Blackhole {
  Instant from;
  Instant until = Instant::never();
};

// In [from, until) the link is down for `down`, up for `up`, down again, and so on.
struct Flap {
  Instant from;
  Duration down;
  Duration up;
  Instant until = Instant::never();
};

struct LinkSettings {
  Duration delay = Duration::milliseconds(10);
  Duration jitter = Duration::zero();  // up to this more, drawn for each packet; the order stays
  std::uint64_t bits_per_second = 0;   // 0: no limit, and no queue
  std::uint32_t queue_octets = 0;      // that may wait for the link; 0: no limit
  std::uint32_t queue_packets = 0;     // likewise
  double loss = 0;
  // One packet is lost, and another after half to one and a half as many as this. 0: none.
  std::uint32_t lose_about_every = 0;
  std::optional<BurstLoss> bursts{};
  // Loss, in bursts or not, and reordering leave TCP segments without text alone: SYNs, bare ACKs.
  bool spares_bare_segments = false;
  double duplicate = 0;
  Duration duplicate_by = Duration::milliseconds(5);  // the copy comes up to this much later
  double corrupt = 0;
  double reorder = 0;                      // this share of packets is held back ...
  Duration reorder_by = Duration::zero();  // ... by up to this long
  // With more octets than this waiting, a packet of an ECN-capable transport is marked CE (RFC
  // 3168, 5). 0: never.
  std::uint32_t mark_above_octets = 0;
  std::uint32_t mtu = 0;  // of wire packets; 0: no limit
  std::optional<Blackhole> blackhole{};
  std::optional<Flap> flap{};
  bool passes_super_packets = false;
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

// What became of the packets: offered + duplicated = arrived + all that were lost.
struct LinkCounts {
  std::uint64_t offered = 0;  // wire packets
  std::uint64_t arrived = 0;  // or will
  std::uint64_t duplicated = 0;
  std::uint64_t lost = 0;  // by chance, in bursts or not
  std::uint64_t queue_was_full = 0;
  std::uint64_t too_long = 0;
  std::uint64_t cut_off = 0;  // blackhole and flap
  std::uint64_t corrupted = 0;
  std::uint64_t held_back = 0;
  std::uint64_t marked = 0;
};

class Link {
 public:
  Link(const LinkSettings& settings, std::uint64_t seed) : settings_(settings), dice_(seed) {}

  // What becomes of a packet that enters at `now`: no arrival, one, or several. `now` does not go
  // back.
  std::vector<Arrival> carry(const wire::OutgoingPacket& packet, Instant now);
  std::vector<Arrival> carry(Packet packet, Instant now);

  // May be changed at any time.
  LinkSettings& settings() { return settings_; }
  const LinkSettings& settings() const { return settings_; }
  const LinkCounts& counts() const { return counts_; }

 private:
  struct Queued {
    Instant leaves;
    std::uint32_t octets;
  };

  void carry_one(Packet packet, Instant now, std::vector<Arrival>& arrivals);
  bool is_cut_off(Instant now) const;
  bool is_lost();
  bool is_spared(const Packet& packet) const;
  // When the last bit has left; nothing if the queue is full.
  std::optional<Instant> queue(Packet& packet, Instant now);

  LinkSettings settings_;
  Dice dice_;
  LinkCounts counts_;
  bool is_in_bad_state_ = false;
  std::uint32_t until_loss_ = 0;  // packets, of lose_about_every; 0: not drawn
  std::deque<Queued> queue_;      // the one being sent, too
  std::uint64_t queued_octets_ = 0;
  Instant busy_until_;
  Instant last_arrival_;  // of those not held back
};

// The packet as its octets, checksums left as they are.
std::vector<std::uint8_t> octets_of(const wire::OutgoingPacket& packet);

}  // namespace tuntcp::sim
