#include "stack/buffer/send_buffer.h"

#include <algorithm>
#include <cstring>
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

void SendBuffer::start_at(SeqNum first) {
  TUNTCP_CHECK(head_ == nullptr);
  head_at_ = begin_ = end_ = first;
}

std::size_t SendBuffer::append(Bytes octets) {
  octets = octets.first(std::min<std::size_t>(octets.size(), kMaxOctets - size()));
  std::size_t copied = 0;
  while (copied < octets.size()) {
    const std::uint32_t used = octets_between(head_at_, end_) % ChunkPool::kChunkOctets;
    if (used == 0) {  // also when there is no chunk: then head_at_ is end_
      ChunkPool::Chunk* const chunk = pool_->take();
      if (chunk == nullptr) break;
      (tail_ == nullptr ? head_ : tail_->next) = chunk;
      tail_ = chunk;
    }
    const std::size_t count =
        std::min<std::size_t>(octets.size() - copied, ChunkPool::kChunkOctets - used);
    std::memcpy(tail_->octets + used, octets.data() + copied, count);
    copied += count;
    end_ += static_cast<std::uint32_t>(count);
  }
  return copied;
}

std::uint32_t SendBuffer::discard(SeqNum una) {
  TUNTCP_CHECK(begin_ <= una && una <= end_ + 1);
  const SeqNum acknowledged = earlier_of(una, end_);
  const std::uint32_t octets = octets_between(begin_, acknowledged);
  begin_ = acknowledged;
  if (begin_ == end_) {
    clear();
  } else {
    while (octets_between(head_at_, begin_) >= ChunkPool::kChunkOctets) give_back_head();
  }
  return octets;
}

std::size_t SendBuffer::view(SeqRange range, std::span<Bytes, kMaxPieces> out) const {
  TUNTCP_CHECK(begin_ <= range.begin && range.end <= end_ && range.octets() <= 65'535);
  if (range.is_empty()) return 0;
  std::uint32_t begin = octets_between(head_at_, range.begin) % ChunkPool::kChunkOctets;
  const SeqNum target = range.begin - begin;

  // A retransmission walks from the front and leaves the cursor where new octets are sent.
  const bool is_ahead = cursor_ == nullptr || target >= cursor_at_;
  const bool from_cursor = is_ahead && cursor_ != nullptr;
  ChunkPool::Chunk* chunk = from_cursor ? cursor_ : head_;
  for (SeqNum at = from_cursor ? cursor_at_ : head_at_; at != target;
       at += ChunkPool::kChunkOctets) {
    chunk = chunk->next;
  }
  if (is_ahead) {
    cursor_ = chunk;
    cursor_at_ = target;
  }

  std::size_t pieces = 0;
  for (std::uint32_t left = range.octets(); left != 0; begin = 0, chunk = chunk->next) {
    const std::uint32_t count = std::min(left, ChunkPool::kChunkOctets - begin);
    out[pieces++] = Bytes(chunk->octets + begin, count);
    left -= count;
  }
  return pieces;
}

void SendBuffer::clear() {
  while (head_ != nullptr) give_back_head();
  tail_ = nullptr;
  head_at_ = end_ = begin_;
}

void SendBuffer::give_back_head() {
  if (cursor_ == head_) cursor_ = nullptr;
  head_at_ += ChunkPool::kChunkOctets;
  pool_->give_back(std::exchange(head_, head_->next));
}

}  // namespace tuntcp::buffer
