// The scoreboard: what of the octets in flight is SACKed, lost or sent again, and how many of each
// there are. RFC 2018; RFC 6675, 3 and 4 ("pipe"). Each mark has its one writer here, so that the
// sums and the ranges cannot disagree.
//
// Not here: who decides that something is lost (rack.h, recovery.cc).
#pragma once

#include <cstdint>
#include <optional>

#include "stack/tcp/recovery/transmissions.h"

namespace tuntcp {
class Canonical;
}

namespace tuntcp::tcp::recovery {

// A transmission that leaves: for the first time from SND.NXT on, or again.
struct Sending {
  SeqRange range;  // a FIN is its last octet
  std::uint32_t mss = 0;
  std::uint32_t segments = 0;  // of the wire
  Instant now;
};

class Scoreboard {
 public:
  // Octets and segments with one mark.
  struct Sum {
    std::uint32_t octets = 0;
    std::uint32_t segments = 0;
  };

  void use(TransmissionPool& pool) { ranges_.use(pool); }
  void clear();

  bool is_empty() const { return ranges_.is_empty(); }
  SeqNum begin() const { return ranges_.begin(); }  // SND.UNA, if something is outstanding
  SeqNum end() const { return ranges_.end(); }      // SND.NXT
  Transmission* first() const { return ranges_.first(); }
  Transmission* last() const { return ranges_.last(); }
  Transmission* find(SeqNum at) const { return ranges_.find(at); }
  Transmission* first_due() const { return ranges_.first_due(); }
  Transmission* oldest() const { return ranges_.oldest(); }
  std::size_t size() const { return ranges_.size(); }

  std::uint32_t outstanding() const { return is_empty() ? 0 : octets_between(begin(), end()); }
  std::uint32_t outstanding_segments() const { return segments_; }
  const Sum& sacked() const { return sacked_; }
  const Sum& lost() const { return lost_; }          // retransmissions in flight included
  const Sum& repeated() const { return repeated_; }  // retransmissions in flight
  // RFC 6675, 4, "pipe", as Linux counts it: octets that are in the network.
  std::uint32_t in_flight() const {
    return outstanding() - sacked_.octets - lost_.octets - too_big_.octets + repeated_.octets;
  }
  bool has_due() const { return ranges_.first_due() != nullptr; }
  // The octet after the highest that was SACKed, or SND.UNA. While something is outstanding.
  SeqNum highest_sacked() const;

  // ---- Writers of the marks.

  // Left for the first time. False: the pool is used up, which has_room_for() knows before.
  bool on_sent(const Sending& sending, const DeliveryState& delivery);
  bool has_room_for(Instant now, std::uint32_t mss) const;
  // Left again: the range of what was due or the first part of it, or the last segment of a
  // transmission.
  void on_repeated(const Sending& sending, const DeliveryState& delivery);
  // The part of `transmission` inside [begin, end), cut at segment boundaries so that forged blocks
  // cannot make crumbs (CVE-2019-11478); null if no whole segment is inside.
  Transmission* part_inside(Transmission& transmission, SeqRange block);
  void sack(Transmission& transmission);
  // Neighbours that are SACKed, too, become one range with it, so that a block costs no more than
  // what it brings. Returns the joined one.
  Transmission* join_sacked(Transmission& transmission);
  void lose(Transmission& transmission);
  void find_too_big(Transmission& transmission);
  // Nothing is lost after all: what is in flight again stays so, the rest counts as in flight.
  void forget_losses();
  // The peer dropped what it had SACKed (RFC 2018, 8).
  void forget_sacks();
  // Acknowledged up to `una`, which lies inside the first range or ends it.
  void acknowledge_first(SeqNum una);
  // So that the first `octets` of it can be treated alone.
  Transmission* cut(Transmission& transmission, SeqNum at) {
    return ranges_.split(transmission, at);
  }

  void describe(Canonical& out) const;

 private:
  void add(Sum& sum, const Transmission& transmission);
  void subtract(Sum& sum, const Transmission& transmission);
  void unmark(Transmission& transmission);
  void join_next(Transmission& transmission);

  Transmissions ranges_;
  std::uint32_t segments_ = 0;
  Sum sacked_;
  Sum lost_;
  Sum too_big_;
  Sum repeated_;
  SeqNum highest_sacked_;
};

}  // namespace tuntcp::tcp::recovery
