// Reassembly of IP fragments: RFC 1122, 3.3.2 (IPv4), RFC 8200, 4.5 (IPv6), RFC 5722 (packets with
// overlaps are dropped whole; as in Linux for IPv4 too). Bounded in memory, number and time.
//
// Not here: atomic fragments (RFC 6946), which are whole packets (wire/ip.h), and ICMP's "fragment
// reassembly time exceeded", which is not sent. Thread rule: the host's.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "stack/base/bytes.h"
#include "stack/base/siphash.h"
#include "stack/base/slab.h"
#include "stack/base/time.h"
#include "stack/base/timer_wheel.h"
#include "stack/wire/ip.h"

namespace tuntcp {

class Reassembler {
 public:
  // Packets whose fragments wait, of one family.
  static constexpr std::size_t kMostPackets = 1024;
  // A packet of 64 KB over links of 576 octets has 119.
  static constexpr std::size_t kMostFragments = 256;

  struct Limits {
    std::size_t octets = 0;  // of memory, for one family
    Duration time{};         // that the first fragment of a packet waits for the rest
  };
  enum class Verdict : std::uint8_t {
    waits,
    complete,   // take() has it
    duplicate,  // nothing new: RFC 5722's "exact duplicate"
    overlap,    // the packet and its fragments are dropped
    malformed,  // this fragment alone is dropped
    refused,    // no room, or a contradiction by which all its fragments are dropped
  };

  explicit Reassembler(const SipKey& key) : key_(key), v4_(kMostPackets), v6_(kMostPackets) {}
  ~Reassembler() { clear(); }

  // One fragment: `packet` is the whole of it, as parse_ip() took it. Its octets are copied.
  Verdict add(const wire::IpHeader& ip, Bytes packet, const Limits& limits, Instant now);
  // Writes the packet that this fragment completed to `out` and forgets it. Returns its octets; 0
  // if there is no room, or its ECN fields contradict each other (RFC 3168, 5.3).
  std::uint32_t take(const wire::IpHeader& ip, MutableBytes out);
  // Drops the packets of a family whose time is over; returns how many.
  std::size_t expire(Family family, Instant now);
  Instant next_deadline() const;
  void clear();

  std::size_t waiting() const { return v4_.slab.size() + v6_.slab.size(); }
  std::size_t octets(Family family) const { return of(family).octets; }

 private:
  struct Key {
    IpAddress source{};
    IpAddress destination{};
    std::uint32_t identification = 0;
    std::uint8_t protocol = 0;  // IPv4 only: RFC 8200, 4.5 does not ask for it
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Piece {
    std::uint32_t begin = 0;
    std::vector<std::uint8_t> octets{};
    std::uint32_t end() const { return begin + static_cast<std::uint32_t>(octets.size()); }
  };
  struct Packet : TimerNode {
    Key key{};
    std::uint32_t next_in_bucket = 0;     // slab index + 1; 0: none
    std::vector<std::uint8_t> headers{};  // of the first fragment, without the fragment header
    std::vector<Piece> pieces{};          // rising, and apart
    std::uint32_t held = 0;               // octets in pieces
    std::uint32_t end = 0;                // of the last fragment, once it came
    std::size_t charge = 0;
    std::uint8_t protocol = 0;  // that the first fragment names
    std::uint8_t ecn_seen = 0;  // a bit for each of the four codepoints
    bool has_end = false;
  };
  struct PerVersion {
    explicit PerVersion(std::size_t limit) : slab(limit) {}
    Slab<Packet> slab;
    TimerWheel timers;
    std::array<std::uint32_t, 256> buckets{};
    std::size_t octets = 0;
  };

  PerVersion& of(Family family) { return family == Family::ipv4 ? v4_ : v6_; }
  const PerVersion& of(Family family) const { return family == Family::ipv4 ? v4_ : v6_; }
  static Key key_of(const wire::IpHeader& ip);
  std::size_t bucket_of(const Key& key) const;
  Packet* find(PerVersion& version, const Key& key);
  void forget(PerVersion& version, Packet& packet);

  SipKey key_;
  PerVersion v4_;
  PerVersion v6_;
};

}  // namespace tuntcp
