// Octets the application gave to SEND and the peer has not acknowledged: RFC 9293, 3.9.1.2.
#pragma once

#include <cstdint>
#include <span>

#include "stack/base/bytes.h"
#include "stack/base/seq_num.h"

namespace tuntcp::buffer {

// The chunks of all send buffers of a host. Freed chunks are reused last in, first out: memory in
// flight beyond the CPU's cache halves the speed.
class ChunkPool {
 public:
  static constexpr std::uint32_t kChunkOctets = 16 * 1024;
  explicit ChunkPool(std::size_t limit_octets) : limit_octets_(limit_octets) {}
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;
  ~ChunkPool();

  struct Chunk {
    Chunk* next;
    std::uint8_t octets[kChunkOctets];
  };
  Chunk* take();  // null when the limit is reached
  void give_back(Chunk* chunk);
  std::size_t octets_in_use() const { return in_use_; }

 private:
  std::size_t limit_octets_;
  std::size_t in_use_ = 0;
  std::size_t allocated_ = 0;
  Chunk* free_ = nullptr;
};

// The text of our sequence space (RFC 9293, 3.4): a queue of octets in chunks, in which each octet
// goes by its sequence number. In front of begin() lies the SYN or what was acknowledged; the
// number end() is that of the FIN, once there is one.
class SendBuffer {
 public:
  SendBuffer() = default;
  SendBuffer(const SendBuffer&) = delete;
  SendBuffer& operator=(const SendBuffer&) = delete;
  ~SendBuffer() { clear(); }
  // Before the first append.
  void use(ChunkPool& pool) { pool_ = &pool; }
  // The number of the first octet that will be appended. Only while nothing is held.
  void start_at(SeqNum first);

  // Copies as much of `octets` as the pool has memory for; returns how many octets. Never more are
  // held than a quarter of all numbers, so that any two numbers in use can be compared.
  static constexpr std::uint32_t kMaxOctets = 1U << 30;
  std::size_t append(Bytes octets);
  // The octets before `una` are acknowledged and forgotten; returns how many these were.
  // begin() <= una <= end() + 1: the FIN may be acknowledged as well.
  std::uint32_t discard(SeqNum una);
  // Views of the octets `range`, in as many pieces as it returns. The range lies within begin() and
  // end() and is no longer than 65,535, so kMaxPieces always suffice. Valid until the next
  // discard() or clear().
  static constexpr std::size_t kMaxPieces = 65'535 / ChunkPool::kChunkOctets + 2;
  std::size_t view(SeqRange range, std::span<Bytes, kMaxPieces> out) const;
  // All octets are forgotten, as if they had never been appended.
  void clear();

  SeqNum begin() const { return begin_; }
  SeqNum end() const { return end_; }
  std::uint32_t size() const { return octets_between(begin_, end_); }

 private:
  void give_back_head();

  ChunkPool* pool_ = nullptr;
  ChunkPool::Chunk* head_ = nullptr;
  ChunkPool::Chunk* tail_ = nullptr;
  // Where the farthest view began, so that sending forward does not walk the list again.
  mutable ChunkPool::Chunk* cursor_ = nullptr;
  // Of the first octet within head_ and cursor_.
  SeqNum head_at_;
  mutable SeqNum cursor_at_;
  SeqNum begin_;
  SeqNum end_;
};

}  // namespace tuntcp::buffer
