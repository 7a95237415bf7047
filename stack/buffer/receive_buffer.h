// Octets that arrived in order and wait for the application: the RECEIVE side of RFC 9293, 3.9.1.3.
#pragma once

#include <cstdint>

#include "stack/base/bytes.h"
#include "stack/buffer/arena.h"

namespace tuntcp::buffer {

// A queue of slices of the packets that brought the octets. Small payloads are packed together
// (copy-break) so that a slow reader of small packets does not pin whole blocks: a payload of at
// most kCopyBreak octets is copied behind the previous one where there is room in a chunk of the
// buffer's own.
class ReceiveBuffer {
 public:
  static constexpr std::uint32_t kCopyBreak = 512;
  static constexpr std::uint32_t kChunkOctets = 4096;

  ReceiveBuffer() = default;
  ReceiveBuffer(const ReceiveBuffer&) = delete;
  ReceiveBuffer& operator=(const ReceiveBuffer&) = delete;
  ~ReceiveBuffer();

  void push(Slice octets);
  // Copies to `out` and forgets what it copied; returns how many octets.
  std::size_t read(MutableBytes out);
  // Copies without forgetting.
  std::size_t peek(MutableBytes out) const;
  // The first octets, contiguous, without a copy; empty only if the buffer is. Then consume().
  Bytes front() const;
  void consume(std::uint32_t octets);
  void clear();

  std::uint32_t readable() const { return readable_; }
  // Octets of memory this queue keeps from being reused, headers and chunks included: what the
  // window is computed from ("truesize").
  std::uint32_t memory() const { return memory_; }

 private:
  struct Piece;  // one slice, or one chunk
  void pop_front();

  Piece* head_ = nullptr;
  Piece* tail_ = nullptr;
  std::uint32_t readable_ = 0;
  std::uint32_t memory_ = 0;
};

}  // namespace tuntcp::buffer
