// Memory for packets that come in: blocks from which packets are carved one behind the other, so
// that a packet of 60 octets costs 60 octets and one of 64 KB is never copied. Beside the blocks
// it owns the small change of the receive path: chunks for payloads too small to pin a block, and
// the nodes of the queues (slice_queue.h, reassembly.h), so that nothing there calls malloc once
// the host is warm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "stack/base/bytes.h"
#include "stack/base/check.h"

namespace tuntcp::buffer {

class Arena;

// One block of memory with a reference count. Not thread-safe, like the whole core. The alignment
// makes the octets begin on a cache line.
struct alignas(64) Block {
  Arena* arena;
  Block* next_free;
  std::uint32_t references;
  std::uint32_t capacity;  // octets after this header
  bool is_chunk;           // of Arena::kChunkOctets, written by one queue; else carved by the arena

  std::uint8_t* data() { return reinterpret_cast<std::uint8_t*>(this + 1); }
};

// A view of octets that keeps their block alive. Copies share the block.
class Slice {
 public:
  Slice() = default;
  inline Slice(const Slice& other);
  Slice(Slice&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Slice& operator=(Slice other) noexcept {
    std::swap(block_, other.block_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  inline ~Slice();

  const std::uint8_t* data() const { return data_; }
  std::uint32_t size() const { return size_; }
  bool is_empty() const { return size_ == 0; }
  Bytes bytes() const { return {data_, size_}; }
  // The owner of a packet just received may change its octets (an echo reply is made in place).
  MutableBytes mutable_bytes() { return {data_, size_}; }

  void remove_prefix(std::uint32_t octets) {
    data_ += octets;
    size_ -= octets;
  }
  void truncate(std::uint32_t octets) { size_ = octets; }

 private:
  friend class Arena;
  friend class SliceQueue;
  inline Slice(Block* block, std::uint8_t* data, std::uint32_t size);  // takes a new reference
  Block* block_ = nullptr;
  std::uint8_t* data_ = nullptr;
  std::uint32_t size_ = 0;
};

// Hands out the memory. Blocks are reused last in, first out, and the current block starts again
// at its first octet once nothing refers to it: under load the same cache-warm memory serves.
// Memory goes back to the system only when the arena is destroyed, or when a kind that is needed
// finds the limit taken up by free memory of the other kind.
class Arena {
 public:
  // A chunk with its header. Small, because one octet that is alone in a connection's queue costs
  // a chunk.
  static constexpr std::uint32_t kChunkOctets = 2048;
  static constexpr std::uint32_t kNodeOctets = 48;
  // Every packet begins on a cache line.
  static constexpr std::uint32_t kPacketAlignment = 64;

  // `packet_octets`: the most that one reserve() offers, at most `block_octets`. `limit_octets`:
  // of all blocks and chunks together; when it is reached reserve() returns an empty span until
  // slices are given back.
  Arena(std::uint32_t block_octets, std::uint32_t packet_octets, std::size_t limit_octets);
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();  // every Slice must be gone

  // Room for one packet; stays reserved until the next commit(), reserve() or copy().
  MutableBytes reserve();
  // Takes `octets` from the front of what reserve() returned, after `skip` octets that are given
  // up.
  Slice commit(std::uint32_t octets, std::uint32_t skip = 0);
  // A copy of `octets` in this arena (at most packet_octets); empty if there is no memory.
  Slice copy(Bytes octets);

  std::size_t octets_allocated() const { return allocated_; }
  // Of those, the octets of blocks and chunks that some Slice keeps. A host should refuse payload
  // before this comes near the limit, for at the limit not even an ACK can be read.
  std::size_t octets_in_use() const;
  std::size_t limit_octets() const { return limit_octets_; }

 private:
  friend class Slice;
  friend class SliceQueue;
  friend class Reassembly;

  struct FreeNode {
    FreeNode* next;
  };
  struct NodeSlab;

  // An empty chunk that the caller fills; empty slice without a block if there is no memory.
  Slice take_chunk();
  void* take_node() {
    if (free_nodes_ == nullptr) grow_nodes();
    ++nodes_in_use_;
    return std::exchange(free_nodes_, free_nodes_->next);
  }
  void give_back_node(void* node) {
    --nodes_in_use_;
    free_nodes_ = ::new (node) FreeNode{free_nodes_};
  }

  void release(Block* block);
  bool make_room(std::uint32_t octets);
  Block* take(bool is_chunk);
  void give_to_system(Block* block);
  void grow_nodes();
  std::size_t footprint(bool is_chunk) const { return is_chunk ? kChunkOctets : block_octets_; }

  std::uint32_t block_octets_;
  std::uint32_t packet_octets_;
  std::size_t limit_octets_;
  std::size_t allocated_ = 0;
  std::size_t free_octets_ = 0;  // of the two lists below
  Block* current_ = nullptr;     // holds one reference of its own
  std::uint32_t used_ = 0;       // of current_
  Block* free_blocks_ = nullptr;
  Block* free_chunks_ = nullptr;
  FreeNode* free_nodes_ = nullptr;
  NodeSlab* node_slabs_ = nullptr;
  std::size_t nodes_in_use_ = 0;
};

inline Slice::Slice(Block* block, std::uint8_t* data, std::uint32_t size)
    : block_(block), data_(data), size_(size) {
  ++block_->references;
}

inline Slice::Slice(const Slice& other)
    : block_(other.block_), data_(other.data_), size_(other.size_) {
  if (block_ != nullptr) ++block_->references;
}

inline Slice::~Slice() {
  if (block_ != nullptr && --block_->references == 0) block_->arena->release(block_);
}

}  // namespace tuntcp::buffer
