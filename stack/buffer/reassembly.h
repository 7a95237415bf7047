// Segments that arrived out of order: RFC 9293, 3.10.7.4, seventh (SHLD-31), and the SACK blocks
// that describe them (RFC 2018, 4; RFC 2883).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "stack/base/seq_num.h"
#include "stack/buffer/arena.h"

namespace tuntcp::buffer {

// Contiguous runs of octets above rcv.nxt, sorted, never overlapping. Octets that are held already
// win over later copies, so nobody can change them afterwards.
class Reassembly {
 public:
  static constexpr std::size_t kMaxRuns = 256;  // bounds the walk that every insert makes

  Reassembly() = default;
  Reassembly(const Reassembly&) = delete;
  Reassembly& operator=(const Reassembly&) = delete;
  ~Reassembly();

  // Keeps the octets of `data`, which begin at `seq`, that are not held yet. `seq` is above
  // rcv.nxt. Returns the part of the segment that was held before, if any: a D-SACK (RFC 2883,
  // 4.2). When kMaxRuns are held the run farthest from rcv.nxt is dropped (it was never
  // acknowledged, so the peer still has it).
  std::optional<SeqRange> insert(SeqNum seq, Slice data);

  // If the first run now begins at or before `rcv_nxt`: takes its first piece, cut to begin at
  // rcv_nxt. Call until it returns nothing, raising rcv_nxt by what was taken.
  std::optional<Slice> take(SeqNum rcv_nxt);

  // Fills `out` with the runs, the most recently changed first (RFC 2018, 4), and says how many.
  std::size_t sack_blocks(std::array<SeqRange, 4>& out) const;

  // Gives back memory by dropping whole runs, the farthest from rcv.nxt first, until at most
  // `octets` are held. A run that was reported in a SACK block may go (RFC 2018, 8: reneging).
  void shrink_to(std::uint32_t octets);
  void clear();

  bool is_empty() const { return runs_.empty(); }
  std::uint32_t octets() const { return octets_; }
  std::uint32_t memory() const { return memory_; }
  // The end of the farthest run; only if not empty.
  SeqNum right_edge() const { return runs_.back().range.end; }

 private:
  struct Piece;
  struct Run {
    SeqRange range;
    Piece* first = nullptr;
    Piece* last = nullptr;
    std::uint64_t touched = 0;
  };
  std::vector<Run> runs_;
  std::uint64_t touches_ = 0;
  std::uint32_t octets_ = 0;
  std::uint32_t memory_ = 0;
};

}  // namespace tuntcp::buffer
