// Octets the application gave to SEND and the peer has not acknowledged: RFC 9293, 3.9.1.2.
#pragma once

#include <cstdint>
#include <span>

#include "stack/base/bytes.h"

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

// A queue of octets in chunks. Offset 0 is the oldest octet that is held: the first data octet at
// or after SND.UNA.
class SendBuffer {
 public:
  SendBuffer() = default;
  SendBuffer(const SendBuffer&) = delete;
  SendBuffer& operator=(const SendBuffer&) = delete;
  ~SendBuffer() { clear(); }
  // Before the first append.
  void use(ChunkPool& pool) { pool_ = &pool; }

  // Copies as much of `octets` as the pool has memory for; returns how many octets.
  std::size_t append(Bytes octets);
  // The acknowledged octets are forgotten. octets <= size().
  void discard(std::uint32_t octets);
  // Views of [offset, offset + octets), in as many pieces as it returns. The range lies within
  // size() and is no longer than 65,535, so kMaxPieces always suffice. Valid until the next
  // discard() or clear().
  static constexpr std::size_t kMaxPieces = 65'535 / ChunkPool::kChunkOctets + 2;
  std::size_t view(std::uint32_t offset, std::uint32_t octets,
                   std::span<Bytes, kMaxPieces> out) const;
  void clear();

  std::uint32_t size() const { return size_; }

 private:
  ChunkPool* pool_ = nullptr;
  ChunkPool::Chunk* head_ = nullptr;
  ChunkPool::Chunk* tail_ = nullptr;
  std::uint32_t begin_ = 0;  // of the first octet within head_
  std::uint32_t size_ = 0;
  // Where the farthest view began, so that sending forward does not walk the list again.
  mutable ChunkPool::Chunk* cursor_ = nullptr;
  mutable std::uint32_t cursor_offset_ = 0;  // of cursor_'s first octet, from head_'s first
};

}  // namespace tuntcp::buffer
