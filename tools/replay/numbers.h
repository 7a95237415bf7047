// Sequence numbers and timestamps, both ways. The engine chooses its own initial sequence numbers
// and its own timestamp clock (RFC 9293, 3.4.1; RFC 7323, 5.4); what the remote end says about the
// captured ones is said about the engine's instead, and what the engine sends is read as if it had
// chosen the captured ones.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "tools/replay/flow.h"

namespace tuntcp::replay {

// The engine's clock when the capture's first packet is received. Not the origin, which the engine
// takes for "never".
inline constexpr Instant kStart = Instant() + Duration::seconds(1000);

// The initial sequence numbers that a side chose, in order. A number belongs to the incarnation
// that began last before it.
class InitialNumbers {
 public:
  void add(SeqNum iss);  // one that was seen before is nothing new
  std::size_t size() const { return all_.size(); }
  SeqNum operator[](std::size_t i) const { return all_[i]; }
  // The incarnation of the first `count` that `value` belongs to; `count` must not be 0.
  std::size_t incarnation_of(SeqNum value, std::size_t count) const;
  // What to subtract of `value` for a person to read; zero if nothing is known.
  SeqNum base_of(SeqNum value) const;

 private:
  std::vector<SeqNum> all_;
};

class Numbers {
 public:
  Numbers(const Flow& flow, Side played);

  // Every packet of the engine is shown here, in order.
  void learn(const Packet& of_engine);
  // The octets of a packet of the remote end as the engine must read them. A checksum that was
  // right stays right, and a wrong one wrong.
  std::vector<std::uint8_t> to_engine(const Packet& of_remote) const;
  // A packet of the engine in the numbers of the capture (its octets stay).
  Packet to_captured(Packet of_engine) const;
  // What to subtract for a person to read.
  Bases bases_of(const Packet& captured, Side sender) const;

 private:
  SeqNum to_engine(SeqNum captured) const;
  SeqNum to_captured(SeqNum engine) const;
  std::uint32_t echo_to_engine(std::uint32_t echo) const;

  const Side played_;
  InitialNumbers captured_;
  InitialNumbers remote_;
  InitialNumbers engine_;
  // Of the played side: when each TSval was captured first, and the very first.
  std::map<std::uint32_t, Duration> sent_at_;
  std::optional<std::uint32_t> first_tsval_;
  Duration first_tsval_at_{};
  std::optional<std::uint32_t> engine_offset_;  // TSval less the engine's milliseconds
};

}  // namespace tuntcp::replay
