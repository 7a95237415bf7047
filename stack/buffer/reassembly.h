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
// Octets that would pin a packet block are copied unless they are at least 1 /
// SliceQueue::kPinShare of it: what is kept from reuse is at most kPinShare * memory().
class Reassembly {
 public:
  static constexpr std::size_t kMaxRuns = 256;  // bounds the walk that every insert makes

  Reassembly() = default;
  Reassembly(const Reassembly&) = delete;
  Reassembly& operator=(const Reassembly&) = delete;
  ~Reassembly() { clear(); }

  // Keeps the octets of `data`, which begin at `seq`, that are not held yet. `seq` is above
  // rcv.nxt. Returns the first part of the segment that was held before, if any: a D-SACK (RFC
  // 2883, 4.2). When kMaxRuns are held the run farthest from rcv.nxt is dropped (it was never
  // acknowledged, so the peer still has it); that may be the run just made.
  std::optional<SeqRange> insert(SeqNum seq, Slice data);

  // If the first run now begins at or before `rcv_nxt`: takes its first piece, cut to begin at
  // rcv_nxt. Call until it returns nothing, raising rcv_nxt by what was taken.
  std::optional<Slice> take(SeqNum rcv_nxt);

  // Fills `out` with the runs, the most recently changed first (RFC 2018, 4), and says how many.
  // A segment that brought nothing new counts as a change of the run that has its octets.
  std::size_t sack_blocks(std::array<SeqRange, 4>& out) const;

  // Gives back memory by dropping whole runs, the farthest from rcv.nxt first, until memory(), and
  // so octets(), is at most `octets`. A run that was reported in a SACK block may go (RFC 2018, 8:
  // reneging).
  void shrink_to(std::uint32_t octets);
  void clear();

  bool is_empty() const { return first_ == nullptr; }
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
    Run* next;
    SeqRange range;
    SliceQueue pieces;  // the octets of range, at least one piece
    std::uint32_t touched;
  };

  Run* make_run(Run* previous, SeqNum seq, const Slice& data);
  std::optional<SeqRange> merge(Run& run, SeqNum seq, const Slice& data);
  void prepend(Run& run, Slice octets);
  void append(Run& run, Slice octets);
  void absorb_next(Run& run);
  void drop_after(Run* last_kept);

  Run* first_ = nullptr;
  Run* last_ = nullptr;
  std::uint32_t run_count_ = 0;
  std::uint32_t touches_ = 0;  // modulo 2^32, like Run::touched
  std::uint32_t octets_ = 0;
  std::uint32_t memory_ = 0;
};

}  // namespace tuntcp::buffer
