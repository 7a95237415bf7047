#include "stack/buffer/slice_queue.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace tuntcp::buffer {

static_assert(sizeof(SliceQueue::Piece) <= Arena::kNodeOctets);

void SliceQueue::append(Slice slice) {
  const std::uint32_t charge = charge_of(slice);
  void* const node = arena_of(slice).take_node();
  auto* const piece =
      ::new (node) Piece{.next = nullptr, .slice = std::move(slice), .charge = charge};
  (tail_ == nullptr ? head_ : tail_->next) = piece;
  tail_ = piece;
  memory_ += charge;
}

void SliceQueue::append_copy(Slice slice) {
  for (;;) {
    fill_tail(slice);
    if (slice.is_empty()) return;
    Slice chunk = arena_of(slice).take_chunk();
    if (chunk.block_ == nullptr) return append(std::move(slice));
    append(std::move(chunk));
  }
}

void SliceQueue::fill_tail(Slice& slice) {
  if (tail_ == nullptr) return;
  Slice& last = tail_->slice;
  Block& block = *last.block_;
  if (!block.is_chunk || block.references != 1) return;
  std::uint8_t* const end = last.data_ + last.size_;
  const auto room = static_cast<std::uint32_t>(block.data() + block.capacity - end);
  const std::uint32_t octets = std::min(room, slice.size());
  std::memcpy(end, slice.data(), octets);
  last.size_ += octets;
  slice.remove_prefix(octets);
}

void SliceQueue::append_all(SliceQueue&& other) {
  if (other.is_empty()) return;
  (tail_ == nullptr ? head_ : tail_->next) = std::exchange(other.head_, nullptr);
  tail_ = std::exchange(other.tail_, nullptr);
  memory_ += std::exchange(other.memory_, 0);
}

Slice SliceQueue::take_front() {
  Piece* const piece = head_;
  head_ = piece->next;
  if (head_ == nullptr) tail_ = nullptr;
  memory_ -= piece->charge;
  Slice slice = std::move(piece->slice);
  piece->~Piece();
  arena_of(slice).give_back_node(piece);
  return slice;
}

void SliceQueue::pack(Piece& first) {
  Slice chunk = arena_of(first.slice).take_chunk();
  if (chunk.block_ == nullptr) return;
  // The rest leaves the queue, `first` becomes an empty chunk at its end, and everything is
  // copied behind it: so nobody has to know the piece before `first`.
  SliceQueue rest;
  rest.head_ = first.next;
  rest.tail_ = first.next == nullptr ? nullptr : tail_;
  for (const Piece* piece = rest.head_; piece != nullptr; piece = piece->next) {
    rest.memory_ += piece->charge;
  }
  memory_ -= rest.memory_ + first.charge;
  Slice octets = std::exchange(first.slice, std::move(chunk));
  first.next = nullptr;
  first.charge = charge_of(first.slice);
  memory_ += first.charge;
  tail_ = &first;

  append_copy(std::move(octets));
  while (!rest.is_empty()) append_copy(rest.take_front());
}

void SliceQueue::clear() {
  while (!is_empty()) take_front();
}

}  // namespace tuntcp::buffer
