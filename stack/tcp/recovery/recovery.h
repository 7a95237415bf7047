// Loss recovery: what was lost and must be sent again. RFC 5681 (fast retransmit), RFC 6582
// (NewReno), RFC 3042 (limited transmit), RFC 6298 (after the retransmission timer).
//
// Not here: how much may be sent (congestion/), when the timer runs out (../timeouts.cc), and what
// SACK blocks of the peer say: duplicate ACKs alone are counted.
#pragma once

#include <cstdint>
#include <optional>

#include "stack/base/seq_num.h"
#include "stack/base/time.h"
#include "stack/tcp/recovery/transmissions.h"

namespace tuntcp {
class Canonical;
}

namespace tuntcp::tcp::recovery {

struct AckFacts {
  SeqNum ack;
  SeqNum snd_nxt;
  std::uint32_t mss = 0;
  // Duplicate ACKs that mean a loss: 3 (RFC 5681, 3.2), unless tcp_reordering said otherwise.
  std::uint32_t duplicate_threshold = 3;
  // RFC 5681, 2: data is outstanding, no text, no SYN or FIN, the same SEG.ACK and window, and no
  // D-SACK (which tells of a copy, not of a gap).
  bool is_duplicate = false;
  Instant now;
};

struct AckOutcome {
  std::uint32_t newly_acked = 0;  // octets
  // Of these, what had not left the network already by the duplicate ACKs before (as Linux counts
  // where there is no SACK): reordering must not let the congestion window grow faster.
  std::uint32_t newly_delivered = 0;
  std::uint32_t newly_lost = 0;  // octets
  // Since the oldest of the acknowledged octets left (as Linux measures), unless any of them was
  // sent twice (Karn).
  std::optional<Duration> rtt;
  bool entered_recovery = false;  // enough duplicate ACKs
  bool left_recovery = false;     // all that was outstanding when it began is acknowledged
};

class Recovery {
 public:
  // New octets (or a FIN) left. `range.begin` is the former SND.NXT.
  void on_sent(SeqRange range, Instant now) { transmissions_.add(range, now); }
  // Octets that next_lost() named left again.
  void on_retransmitted(SeqRange range, Instant now);
  AckOutcome on_ack(const AckFacts& facts);
  // The retransmission timer ran out: everything outstanding counts as lost (RFC 6298, 5.4; the
  // congestion window lets out one segment at first). Returns the octets newly lost.
  std::uint32_t on_timeout(SeqNum snd_nxt);

  // The path carries segments of no more than `mss` octets, so longer ones are lost and must be cut
  // anew; nothing says that it is congested. Returns the octets newly lost.
  std::uint32_t on_smaller_path(SeqNum snd_nxt, std::uint32_t mss);

  // The first range that must be sent again.
  std::optional<SeqRange> next_lost() const;
  // RFC 6675's "pipe" for a sender without a scoreboard: octets sent, less the lost ones and one
  // MSS for every duplicate ACK, each of which says that a segment has left the network.
  std::uint32_t in_flight() const;
  bool in_recovery() const { return phase_ == Phase::fast_recovery; }
  bool in_loss() const { return phase_ == Phase::timed_out; }
  std::uint32_t duplicate_acks() const { return duplicate_acks_; }
  // What is outstanding, in segments of at most `mss` octets each.
  struct Segments {
    std::uint32_t outstanding = 0;
    std::uint32_t lost = 0;           // and to be sent again
    std::uint32_t retransmitted = 0;  // and not lost again
  };
  Segments count_segments(std::uint32_t mss) const;
  // When the oldest outstanding octet was last sent; never() if nothing is outstanding.
  Instant oldest_sent_at() const;
  bool has_outstanding() const { return !transmissions_.is_empty(); }
  void describe(Canonical& out) const;

 private:
  enum class Phase : std::uint8_t { open, fast_recovery, timed_out };

  std::uint32_t mark_head_lost(std::uint32_t mss);
  std::uint32_t span() const;  // octets from SND.UNA to SND.NXT
  void on_new_ack(const AckFacts& facts, AckOutcome& outcome);

  Transmissions transmissions_;
  std::uint32_t lost_octets_ = 0;  // of ranges to be sent again
  std::uint32_t duplicate_acks_ = 0;
  std::uint32_t left_network_ = 0;  // octets that duplicate ACKs stand for
  SeqNum recovery_point_;           // RFC 6582's "recover"
  bool has_recovery_point_ = false;
  Phase phase_ = Phase::open;
};

}  // namespace tuntcp::tcp::recovery
