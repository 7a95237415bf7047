// Octets that arrived in order and wait for the application: the RECEIVE side of RFC 9293, 3.9.1.3.
#pragma once

#include <cstdint>

#include "stack/base/bytes.h"
#include "stack/buffer/slice_queue.h"

namespace tuntcp::buffer {

// A queue of slices of the packets that brought the octets. A slow reader must not keep much more
// memory from being reused than memory() says, so octets are copied into chunks (copy-break)
//  - when they arrive, if they are at most kCopyBreak;
//  - when the next octets arrive from another block, if those queued from the block before are
//    less than 1 / SliceQueue::kPinShare of it. A reader that keeps up has taken them by then, so
//    for it nothing but the smallest payloads is ever copied.
// The bound: memory kept <= kPinShare * memory() + two blocks, those of the first and the last
// octets of the queue. A host short of memory gets these two back by compact().
class ReceiveBuffer {
 public:
  static constexpr std::uint32_t kCopyBreak = 512;

  ReceiveBuffer() = default;
  ReceiveBuffer(const ReceiveBuffer&) = delete;
  ReceiveBuffer& operator=(const ReceiveBuffer&) = delete;

  void push(Slice octets);
  // Copies to `out` and forgets what it copied; returns how many octets.
  std::size_t read(MutableBytes out);
  // Copies without forgetting, from `offset` on.
  std::size_t peek(MutableBytes out, std::uint32_t offset = 0) const;
  // The first octets, contiguous, without a copy; empty only if the buffer is. Then consume().
  // Valid until any other call that changes the buffer, push() included.
  Bytes front() const;
  // octets <= readable().
  void consume(std::uint32_t octets);
  // Copies all that still lies in packet blocks into chunks, as far as there is memory for these.
  // Cheap if nothing came since the last time.
  void compact();
  void clear();

  std::uint32_t readable() const { return readable_; }
  // Octets of memory this queue keeps from being reused, headers and chunks included: what the
  // window is computed from ("truesize"). A slice counts until its last octet is read.
  std::uint32_t memory() const { return queue_.memory(); }

 private:
  void close_group();
  void pop_front();

  SliceQueue queue_;
  // First of the pieces at the end of the queue that lie in one packet block; null if there are
  // none.
  SliceQueue::Piece* group_ = nullptr;
  std::uint32_t readable_ = 0;
  bool is_compact_ = true;
};

}  // namespace tuntcp::buffer
