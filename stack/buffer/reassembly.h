// Segments that arrived out of order: RFC 9293, 3.10.7.4, seventh (SHLD-31), and the SACK blocks
// that describe them (RFC 2018, 4; RFC 2883).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "stack/base/check.h"
#include "stack/base/seq_num.h"
#include "stack/buffer/slice_queue.h"

namespace tuntcp::buffer {

// Contiguous runs of octets above rcv.nxt, sorted, never overlapping or touching. Octets that are
// held already win over later copies, so nobody can change them afterwards.
//
// A peer chooses how many runs there are: a segment's work grows with the logarithm of their number
// (amortized), and memory() is what bounds them. Whoever calls insert() looks at it before.
//
// Octets that would pin a packet block are copied unless they are at least 1 /
// SliceQueue::kPinShare of it: what is kept from reuse is at most kPinShare * memory().
class Reassembly {
 public:
  static constexpr std::size_t kMaxBlocks = 4;  // RFC 2018, 3: no more fit among the options

  Reassembly() = default;
  Reassembly(const Reassembly&) = delete;
  Reassembly& operator=(const Reassembly&) = delete;
  ~Reassembly() { clear(); }

  // Keeps the octets of `data`, which begin at `seq`, that are not held yet. `seq` is above
  // rcv.nxt. Returns the first part of the segment that was held before, if any: a D-SACK (RFC
  // 2883, 4.2).
  std::optional<SeqRange> insert(SeqNum seq, Slice data);

  // If the first run now begins at or before `rcv_nxt`: takes its first piece, cut to begin at
  // rcv_nxt. Call until it returns nothing, raising rcv_nxt by what was taken.
  std::optional<Slice> take(SeqNum rcv_nxt);

  // The part of the first run that lies below `rcv_nxt`, if any: it came once more in order.
  std::optional<SeqRange> part_below(SeqNum rcv_nxt) const;

  // Fills `out` with the most recently changed runs, the latest first (RFC 2018, 4), and says how
  // many. As in Linux the four latest are remembered, and what became part of another or was taken
  // is not replaced by older ones. A segment that brought nothing new counts as a change of the run
  // that has its octets.
  std::size_t sack_blocks(std::array<SeqRange, kMaxBlocks>& out) const;
  // At which place of sack_blocks() the run was that the last insert() changed; behind all if new.
  std::size_t place_before() const { return place_before_; }

  // Gives back memory by dropping whole runs, the farthest from rcv.nxt first, until memory(), and
  // so octets(), is at most `octets`. A run that was reported in a SACK block may go (RFC 2018, 8:
  // reneging).
  void shrink_to(std::uint32_t octets);
  void clear();

  bool is_empty() const { return root_ == nullptr; }
  std::uint32_t octets() const { return octets_; }
  // Octets of memory kept from being reused, counted like ReceiveBuffer::memory().
  std::uint32_t memory() const { return memory_; }
  // The end of the farthest run; only if not empty.
  SeqNum right_edge() const {
    TUNTCP_CHECK(last_ != nullptr);
    return last_->range.end;
  }

 private:
  struct Run {
    Run* left;
    Run* right;
    SeqRange range;
    SliceQueue pieces;  // the octets of range, at least one piece
  };

  template <typename GoesLeft>
  static Run* splay(Run* top, GoesLeft goes_left);
  static Run* first_to_the_top(Run* top);
  static Run* last_to_the_top(Run* top);
  Run* reach(SeqNum seq) const;
  Run* make_run(Run* behind, SeqNum seq, const Slice& data);
  std::optional<SeqRange> merge(Run& run, SeqNum seq, const Slice& data);
  void prepend(Run& run, Slice octets);
  void append(Run& run, Slice octets);
  void absorb_next(Run& run);
  void drop_last();
  void give_back(Run* run);
  void remember(const SeqRange& changed);
  void forget(SeqNum begin, SeqNum end);

  // A splay tree: what was looked for last is at the top, and looking moves it there.
  mutable Run* root_ = nullptr;
  Run* last_ = nullptr;
  // An octet of each of the runs changed last, the latest first.
  std::array<SeqNum, kMaxBlocks> recent_{};
  std::uint8_t recent_count_ = 0;
  std::uint8_t place_before_ = 0;
  std::uint32_t octets_ = 0;
  std::uint32_t memory_ = 0;
};

}  // namespace tuntcp::buffer
