// Memory for packets that come in: blocks from which packets are carved one behind the other, so
// that a packet of 60 octets costs 60 octets and one of 64 KB is never copied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "stack/base/bytes.h"

namespace tuntcp::buffer {

class Arena;

// One block of memory with a reference count. Not thread-safe, like the whole core.
struct Block {
  Arena* arena;
  Block* next_free;
  std::uint32_t references;
  std::uint32_t capacity;  // octets after this header
  std::uint8_t* data();
};

// A view of octets that keeps their block alive. Copies share the block.
class Slice {
 public:
  Slice() = default;
  Slice(const Slice& other);
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
  ~Slice();

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
  Slice(Block* block, std::uint8_t* data, std::uint32_t size);  // takes a new reference
  Block* block_ = nullptr;
  std::uint8_t* data_ = nullptr;
  std::uint32_t size_ = 0;
};

// Hands out the memory. Blocks are reused last in, first out, and the current block starts again
// at its first octet once nothing refers to it: under load the same cache-warm memory serves.
class Arena {
 public:
  // `packet_octets`: the most that one reserve() offers. `limit_octets`: of all blocks together;
  // when it is reached reserve() returns an empty span until slices are given back.
  Arena(std::uint32_t block_octets, std::uint32_t packet_octets, std::size_t limit_octets);
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();  // every Slice must be gone

  // Room for one packet; stays reserved until the next commit() or reserve().
  MutableBytes reserve();
  // Takes `octets` from the front of what reserve() returned, after `skip` octets that are given
  // up.
  Slice commit(std::uint32_t octets, std::uint32_t skip = 0);
  // A copy of `octets` in this arena (at most packet_octets); empty if there is no memory.
  Slice copy(Bytes octets);

  std::size_t octets_allocated() const { return allocated_; }

 private:
  friend class Slice;
  void release(Block* block);
  bool take_block();

  std::uint32_t block_octets_;
  std::uint32_t packet_octets_;
  std::size_t limit_octets_;
  std::size_t allocated_ = 0;
  Block* current_ = nullptr;  // holds one reference of its own
  std::uint32_t used_ = 0;    // of current_
  Block* free_ = nullptr;
};

}  // namespace tuntcp::buffer
