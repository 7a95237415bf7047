// A queue of slices, the common part of the receive buffer and of one run of out-of-order octets:
// what queued octets cost, and how small ones are packed together. The nodes and the chunks come
// from the arena of the slices.
#pragma once

#include <cstdint>
#include <utility>

#include "stack/buffer/arena.h"

namespace tuntcp::buffer {

class SliceQueue {
 public:
  struct Piece {
    Piece* next;
    Slice slice;
    std::uint32_t charge;  // in memory()
  };

  // What a slice costs beyond its octets: the node, the packet's headers (up to about 96 octets)
  // and the rounding to the next packet's cache line.
  static constexpr std::uint32_t kSliceOverhead = 192;
  // A slice, or several of one block side by side, may keep a packet block from being reused if it
  // is at least this part of the block; smaller ones are copied. So what a queue pins is at most
  // kPinShare times what it is charged (but see ReceiveBuffer for the ends of its queue).
  static constexpr std::uint32_t kPinShare = 16;

  SliceQueue() = default;
  SliceQueue(SliceQueue&& other) noexcept
      : head_(std::exchange(other.head_, nullptr)),
        tail_(std::exchange(other.tail_, nullptr)),
        memory_(std::exchange(other.memory_, 0)) {}
  SliceQueue& operator=(SliceQueue other) noexcept {
    std::swap(head_, other.head_);
    std::swap(tail_, other.tail_);
    std::swap(memory_, other.memory_);
    return *this;
  }
  ~SliceQueue() { clear(); }

  bool is_empty() const { return head_ == nullptr; }
  const Piece* head() const { return head_; }
  Piece* tail() { return tail_; }
  // Octets of memory that the queue keeps: nodes, whole chunks, slices with kSliceOverhead.
  std::uint32_t memory() const { return memory_; }

  // `slice` is not empty.
  void append(Slice slice);
  // Packs the octets behind those of the last chunk and into new chunks. What finds no memory is
  // appended as it is.
  void append_copy(Slice slice);
  // Takes all of `other` to the end.
  void append_all(SliceQueue&& other);
  Slice take_front();
  // From the front piece, which is longer than that.
  void remove_prefix(std::uint32_t octets) { head_->slice.remove_prefix(octets); }
  // Replaces `first`, a piece of this queue, and all behind it by packed copies.
  void pack(Piece& first);
  void clear();

  static bool is_chunk(const Slice& slice) { return slice.block_->is_chunk; }
  static bool is_same_block(const Slice& a, const Slice& b) { return a.block_ == b.block_; }
  // Whether so many octets of the slice's block justify that the block is kept.
  static bool may_pin(const Slice& slice, std::uint32_t octets) {
    return octets >= slice.block_->capacity / kPinShare;
  }
  static Arena& arena_of(const Slice& slice) { return *slice.block_->arena; }

 private:
  static std::uint32_t charge_of(const Slice& slice) {
    return is_chunk(slice) ? Arena::kChunkOctets + Arena::kNodeOctets
                           : slice.size() + kSliceOverhead;
  }
  // Moves as many octets as fit from `slice` to the end of the last piece's chunk. It is ours to
  // write only while no other slice refers to it.
  void fill_tail(Slice& slice);

  Piece* head_ = nullptr;
  Piece* tail_ = nullptr;
  std::uint32_t memory_ = 0;
};

}  // namespace tuntcp::buffer
