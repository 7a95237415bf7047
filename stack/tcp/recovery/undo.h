// Was an episode a mistake? The evidence that nothing had been lost: D-SACKs for every
// retransmission (RFC 3708), or timestamps that answer the originals (Eifel, RFC 3522 and 4015).
// F-RTO's evidence (RFC 5682) is in recovery.cc, with the steps that find it.
#pragma once

#include <cstdint>
#include <optional>

#include "stack/base/seq_num.h"

namespace tuntcp {
class Canonical;
}

namespace tuntcp::tcp::recovery {

class Undo {
 public:
  // An episode begins at SND.UNA; so many retransmissions are in flight already.
  void begin(SeqNum una, std::uint32_t repeated_segments) {
    marker_ = una;
    unproven_ = repeated_segments;
    has_repeated_ = repeated_segments != 0;
  }
  // There is nothing to undo any more.
  void forget() { marker_.reset(); }
  bool is_possible() const { return marker_.has_value(); }
  SeqNum marker() const { return *marker_; }

  // `timestamp`: of the retransmission, in the clock of RFC 7323.
  void on_repeated(std::uint32_t segments, std::uint32_t timestamp) {
    if (!first_repeated_at_) first_repeated_at_ = timestamp;
    if (!marker_) return;
    unproven_ += segments;
    has_repeated_ = true;
  }
  // Nothing that was retransmitted is outstanding any more.
  void forget_first_repeated() { first_repeated_at_.reset(); }

  // A D-SACK for octets that were retransmitted.
  void on_dsack(SeqRange dsack, std::uint32_t segments) {
    if (!marker_ || dsack.end <= *marker_) return;
    unproven_ -= segments < unproven_ ? segments : unproven_;
  }
  // Every retransmission of the episode was needless.
  bool all_were_needless() const { return marker_ && has_repeated_ && unproven_ == 0; }
  // The ACK answers something that left before the first retransmission (RFC 3522, 3.2).
  bool is_answer_to_original(std::optional<std::uint32_t> echo) const {
    return first_repeated_at_ && echo && static_cast<std::int32_t>(*echo - *first_repeated_at_) < 0;
  }

  void describe(Canonical& out) const;

 private:
  std::optional<SeqNum> marker_;  // SND.UNA when the episode began
  std::uint32_t unproven_ = 0;    // segments retransmitted and not D-SACKed
  bool has_repeated_ = false;
  std::optional<std::uint32_t> first_repeated_at_;
};

}  // namespace tuntcp::tcp::recovery
