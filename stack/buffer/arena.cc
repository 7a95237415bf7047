// Blocks, chunks and nodes of the receive path: where they come from and where they go. What is
// queued in them is in slice_queue.cc, receive_buffer.cc and reassembly.cc.
#include "stack/buffer/arena.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace tuntcp::buffer {

struct Arena::NodeSlab {
  static constexpr std::size_t kNodes = 84;  // with the link a little under 4 KB

  struct alignas(std::max_align_t) Node {
    std::byte storage[kNodeOctets];
  };
  NodeSlab* next;
  Node nodes[kNodes];
};

Arena::Arena(std::uint32_t block_octets, std::uint32_t packet_octets, std::size_t limit_octets)
    : block_octets_(block_octets), packet_octets_(packet_octets), limit_octets_(limit_octets) {
  TUNTCP_CHECK(packet_octets != 0 && packet_octets <= block_octets);
}

Arena::~Arena() {
  TUNTCP_CHECK(octets_in_use() == 0);
  TUNTCP_CHECK(nodes_in_use_ == 0);
  if (current_ != nullptr) give_to_system(current_);
  for (Block** list : {&free_blocks_, &free_chunks_}) {
    while (*list != nullptr) give_to_system(std::exchange(*list, (*list)->next_free));
  }
  while (node_slabs_ != nullptr) delete std::exchange(node_slabs_, node_slabs_->next);
}

std::size_t Arena::octets_in_use() const {
  const bool is_current_idle = current_ != nullptr && current_->references == 1;
  return allocated_ - free_octets_ - (is_current_idle ? block_octets_ : 0);
}

MutableBytes Arena::reserve() {
  if (!make_room(packet_octets_)) return {};
  return {current_->data() + used_, packet_octets_};
}

Slice Arena::commit(std::uint32_t octets, std::uint32_t skip) {
  if (octets == 0) return {};
  TUNTCP_CHECK(current_ != nullptr && octets <= packet_octets_ && skip <= packet_octets_ - octets);
  std::uint8_t* const first = current_->data() + used_ + skip;
  const std::uint32_t taken =
      (skip + octets + kPacketAlignment - 1) / kPacketAlignment * kPacketAlignment;
  used_ = std::min(used_ + taken, current_->capacity);
  return Slice(current_, first, octets);
}

Slice Arena::copy(Bytes octets) {
  TUNTCP_CHECK(octets.size() <= packet_octets_);
  const auto count = static_cast<std::uint32_t>(octets.size());
  if (count == 0 || !make_room(count)) return {};
  std::memcpy(current_->data() + used_, octets.data(), count);
  return commit(count);
}

bool Arena::make_room(std::uint32_t octets) {
  if (current_ != nullptr) {
    if (current_->references == 1) used_ = 0;
    if (current_->capacity - used_ >= octets) return true;
  }
  Block* const next = take(false);
  if (next == nullptr) return false;
  // Slices refer to the old one still, or it would have had room: the last of them releases it.
  if (current_ != nullptr) --current_->references;
  current_ = next;
  current_->references = 1;
  used_ = 0;
  return true;
}

Slice Arena::take_chunk() {
  Block* const chunk = take(true);
  if (chunk == nullptr) return {};
  return Slice(chunk, chunk->data(), 0);
}

// A block or chunk without references: a free one, or a new one within the limit.
Block* Arena::take(bool is_chunk) {
  const std::size_t wanted = footprint(is_chunk);
  Block*& list = is_chunk ? free_chunks_ : free_blocks_;
  if (list != nullptr) {
    free_octets_ -= wanted;
    return std::exchange(list, list->next_free);
  }
  // Free memory of one kind must not starve the other for ever.
  Block*& other = is_chunk ? free_blocks_ : free_chunks_;
  while (allocated_ + wanted > limit_octets_ && other != nullptr) {
    free_octets_ -= footprint(!is_chunk);
    give_to_system(std::exchange(other, other->next_free));
  }
  if (allocated_ + wanted > limit_octets_) return nullptr;

  const auto capacity =
      is_chunk ? kChunkOctets - static_cast<std::uint32_t>(sizeof(Block)) : block_octets_;
  void* const memory =
      ::operator new(sizeof(Block) + capacity, std::align_val_t{alignof(Block)}, std::nothrow);
  if (memory == nullptr) return nullptr;
  allocated_ += wanted;
  return ::new (memory) Block{.arena = this,
                              .next_free = nullptr,
                              .references = 0,
                              .capacity = capacity,
                              .is_chunk = is_chunk};
}

void Arena::release(Block* block) {
  Block*& list = block->is_chunk ? free_chunks_ : free_blocks_;
  block->next_free = std::exchange(list, block);
  free_octets_ += footprint(block->is_chunk);
}

void Arena::give_to_system(Block* block) {
  allocated_ -= footprint(block->is_chunk);
  ::operator delete(block, std::align_val_t{alignof(Block)});
}

// Nodes are not counted against the limit: each stands beside a chunk or more than 512 octets of
// a block, so the limit of these bounds them too.
void Arena::grow_nodes() {
  node_slabs_ = new NodeSlab{.next = node_slabs_, .nodes = {}};
  for (std::size_t i = NodeSlab::kNodes; i-- > 0;) {
    free_nodes_ = ::new (static_cast<void*>(node_slabs_->nodes[i].storage)) FreeNode{free_nodes_};
  }
}

}  // namespace tuntcp::buffer
