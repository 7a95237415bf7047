// What was sent and is not yet acknowledged: ranges of sequence numbers with the time at which each
// left. A burst of 64 KB is one range; it is split only where an ACK or a loss cuts it.
#pragma once

#include <cstdint>
#include <vector>

#include "stack/base/seq_num.h"
#include "stack/base/time.h"

namespace tuntcp::tcp::recovery {

struct Transmission {
  SeqRange range;
  Instant sent_at;       // the latest time
  bool is_lost = false;  // to be sent again
  bool was_retransmitted = false;
};

// Contiguous from SND.UNA to SND.NXT, in order.
class Transmissions {
 public:
  void add(SeqRange range, Instant sent_at);
  // Forgets everything below `una`; a range that straddles it is cut.
  void discard_below(SeqNum una);
  // Makes a boundary at `at`, if it lies inside a range, so that the parts can differ.
  void split(SeqNum at);
  void clear();

  bool is_empty() const { return first_ == ranges_.size(); }
  std::size_t size() const { return ranges_.size() - first_; }
  Transmission* begin() { return ranges_.data() + first_; }
  Transmission* end() { return ranges_.data() + ranges_.size(); }
  const Transmission* begin() const { return ranges_.data() + first_; }
  const Transmission* end() const { return ranges_.data() + ranges_.size(); }
  // The range that contains `at`, or end().
  Transmission* find(SeqNum at);

 private:
  std::vector<Transmission> ranges_;
  std::size_t first_ = 0;  // ranges before it were acknowledged; they are moved out now and then
};

}  // namespace tuntcp::tcp::recovery
