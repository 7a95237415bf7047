#include "stack/buffer/send_buffer.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "stack/base/check.h"

namespace tuntcp::buffer {

static_assert(sizeof(SendBuffer) <= 48);  // idle connections have one too

ChunkPool::~ChunkPool() {
  TUNTCP_CHECK(in_use_ == 0);
  while (free_ != nullptr) delete std::exchange(free_, free_->next);
}

ChunkPool::Chunk* ChunkPool::take() {
  Chunk* chunk = free_;
  if (chunk != nullptr) {
    free_ = chunk->next;
  } else {
    if (limit_octets_ - allocated_ < kChunkOctets) return nullptr;
    chunk = new (std::nothrow) Chunk;
    if (chunk == nullptr) return nullptr;
    allocated_ += kChunkOctets;
  }
  in_use_ += kChunkOctets;
  chunk->next = nullptr;
  return chunk;
}

void ChunkPool::give_back(Chunk* chunk) {
  in_use_ -= kChunkOctets;
  chunk->next = std::exchange(free_, chunk);
}

std::size_t SendBuffer::append(Bytes octets) {
  // Positions are counted from the first octet of head_ in 32 bits.
  const std::uint32_t most = std::numeric_limits<std::uint32_t>::max() - begin_ - size_;
  octets = octets.first(std::min<std::size_t>(octets.size(), most));
  std::size_t copied = 0;
  while (copied < octets.size()) {
    const std::uint32_t used = (begin_ + size_) % ChunkPool::kChunkOctets;
    if (used == 0) {  // also when there is no chunk: then begin_ and size_ are 0
      ChunkPool::Chunk* const chunk = pool_->take();
      if (chunk == nullptr) break;
      (tail_ == nullptr ? head_ : tail_->next) = chunk;
      tail_ = chunk;
    }
    const std::size_t count =
        std::min<std::size_t>(octets.size() - copied, ChunkPool::kChunkOctets - used);
    std::memcpy(tail_->octets + used, octets.data() + copied, count);
    copied += count;
    size_ += static_cast<std::uint32_t>(count);
  }
  return copied;
}

void SendBuffer::discard(std::uint32_t octets) {
  TUNTCP_CHECK(octets <= size_);
  if (octets == size_) return clear();
  size_ -= octets;
  // The first step may end in head_, so the sum is made in 64 bits.
  std::uint64_t begin = std::uint64_t{begin_} + octets;
  for (; begin >= ChunkPool::kChunkOctets; begin -= ChunkPool::kChunkOctets) {
    if (cursor_ == head_) {
      cursor_ = nullptr;
    } else {
      cursor_offset_ -= ChunkPool::kChunkOctets;
    }
    ChunkPool::Chunk* const acknowledged = std::exchange(head_, head_->next);
    pool_->give_back(acknowledged);
  }
  begin_ = static_cast<std::uint32_t>(begin);
}

std::size_t SendBuffer::view(std::uint32_t offset, std::uint32_t octets,
                             std::span<Bytes, kMaxPieces> out) const {
  TUNTCP_CHECK(octets <= 65'535 && offset <= size_ && octets <= size_ - offset);
  if (octets == 0) return 0;
  const std::uint32_t position = begin_ + offset;
  const std::uint32_t target = position - position % ChunkPool::kChunkOctets;

  // A retransmission walks from the front and leaves the cursor where new octets are sent.
  const bool is_ahead = cursor_ == nullptr || target >= cursor_offset_;
  const bool from_cursor = is_ahead && cursor_ != nullptr;
  ChunkPool::Chunk* chunk = from_cursor ? cursor_ : head_;
  for (std::uint32_t at = from_cursor ? cursor_offset_ : 0; at != target;
       at += ChunkPool::kChunkOctets) {
    chunk = chunk->next;
  }
  if (is_ahead) {
    cursor_ = chunk;
    cursor_offset_ = target;
  }

  std::size_t pieces = 0;
  for (std::uint32_t begin = position - target; octets != 0; begin = 0, chunk = chunk->next) {
    const std::uint32_t count = std::min(octets, ChunkPool::kChunkOctets - begin);
    out[pieces++] = Bytes(chunk->octets + begin, count);
    octets -= count;
  }
  return pieces;
}

void SendBuffer::clear() {
  while (head_ != nullptr) pool_->give_back(std::exchange(head_, head_->next));
  tail_ = nullptr;
  begin_ = 0;
  size_ = 0;
  cursor_ = nullptr;
  cursor_offset_ = 0;
}

}  // namespace tuntcp::buffer
