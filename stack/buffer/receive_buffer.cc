#include "stack/buffer/receive_buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tuntcp::buffer {

static_assert(sizeof(ReceiveBuffer) <= 48);  // idle connections have one too

void ReceiveBuffer::push(Slice octets) {
  if (octets.is_empty()) return;
  readable_ += octets.size();
  if (octets.size() <= kCopyBreak) {
    close_group();
    queue_.append_copy(std::move(octets));
    return;
  }
  is_compact_ = false;
  const bool continues = group_ != nullptr && SliceQueue::is_same_block(group_->slice, octets);
  if (!continues) close_group();
  queue_.append(std::move(octets));
  if (!continues && !SliceQueue::is_chunk(queue_.tail()->slice)) group_ = queue_.tail();
}

// The last block will get no more company: its pieces are copied if they are too little to keep
// it.
void ReceiveBuffer::close_group() {
  SliceQueue::Piece* const first = std::exchange(group_, nullptr);
  if (first == nullptr) return;
  std::uint32_t octets = 0;
  for (const auto* piece = first; piece != nullptr; piece = piece->next) {
    octets += piece->slice.size();
    if (SliceQueue::may_pin(first->slice, octets)) return;
  }
  queue_.pack(*first);
}

std::size_t ReceiveBuffer::read(MutableBytes out) {
  std::size_t copied = 0;
  while (copied < out.size() && readable_ != 0) {
    const Bytes first = front();
    const std::size_t octets = std::min(first.size(), out.size() - copied);
    std::memcpy(out.data() + copied, first.data(), octets);
    consume(static_cast<std::uint32_t>(octets));
    copied += octets;
  }
  return copied;
}

std::size_t ReceiveBuffer::peek(MutableBytes out, std::uint32_t offset) const {
  std::size_t copied = 0;
  for (const auto* piece = queue_.head(); piece != nullptr && copied < out.size();
       piece = piece->next) {
    const std::uint32_t skipped = std::min(offset, piece->slice.size());
    offset -= skipped;
    const std::size_t octets =
        std::min<std::size_t>(piece->slice.size() - skipped, out.size() - copied);
    std::memcpy(out.data() + copied, piece->slice.data() + skipped, octets);
    copied += octets;
  }
  return copied;
}

Bytes ReceiveBuffer::front() const {
  return queue_.is_empty() ? Bytes{} : queue_.head()->slice.bytes();
}

void ReceiveBuffer::consume(std::uint32_t octets) {
  TUNTCP_CHECK(octets <= readable_);
  readable_ -= octets;
  while (octets != 0) {
    const std::uint32_t first = queue_.head()->slice.size();
    if (octets < first) return queue_.remove_prefix(octets);
    octets -= first;
    pop_front();
  }
}

void ReceiveBuffer::pop_front() {
  if (queue_.head() == group_) group_ = group_->next;
  queue_.take_front();
}

void ReceiveBuffer::compact() {
  if (is_compact_) return;
  group_ = nullptr;
  SliceQueue packed;
  while (!queue_.is_empty()) {
    Slice slice = queue_.take_front();
    if (SliceQueue::is_chunk(slice)) {
      packed.append(std::move(slice));
    } else {
      packed.append_copy(std::move(slice));
    }
  }
  queue_ = std::move(packed);
  is_compact_ = true;
}

void ReceiveBuffer::clear() {
  group_ = nullptr;
  readable_ = 0;
  queue_.clear();
}

}  // namespace tuntcp::buffer
