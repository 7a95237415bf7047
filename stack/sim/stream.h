// One direction of a connection as applications see it, and the checker that its octets arrive
// once, in order and unchanged, and none that was not written.
#pragma once

#include <cstdint>

#include "stack/base/bytes.h"
#include "stack/sim/faults.h"

namespace tuntcp::sim {

// Its octets are a fixed function of `number` and their offset, so nothing needs to be remembered.
class Stream {
 public:
  Stream(std::uint64_t number, Faults& faults) : number_(number), faults_(faults) {}

  // The next octets to write; on_written() says how many the host took.
  void fill(MutableBytes out) const { fill_from(written_, out); }
  void on_written(std::uint64_t octets) { written_ += octets; }
  // What the other end read. A fault if these are not the octets that come next.
  void on_read(Bytes octets);

  std::uint64_t number() const { return number_; }
  std::uint64_t written() const { return written_; }
  std::uint64_t read() const { return read_; }

 private:
  void fill_from(std::uint64_t offset, MutableBytes out) const;

  std::uint64_t number_;
  Faults& faults_;
  std::uint64_t written_ = 0;
  std::uint64_t read_ = 0;
};

}  // namespace tuntcp::sim
