// A stream whose every octet tells its place, and packets that carry parts of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "stack/base/bytes.h"
#include "stack/buffer/arena.h"

namespace tuntcp::buffer {

// The octets of [begin, begin + octets). They repeat after a prime number of octets, so none of the
// sizes that matter here is a period, and are copied from a table, so a test may use many.
inline std::vector<std::uint8_t> stream(std::uint64_t begin, std::size_t octets) {
  constexpr std::size_t kPeriod = 65'521;
  static const std::vector<std::uint8_t> table = [] {
    std::vector<std::uint8_t> all(kPeriod);
    for (std::uint64_t i = 0; i < kPeriod; ++i) {
      all[i] = static_cast<std::uint8_t>(i * 0x9e3779b97f4a7c15U >> 56);
    }
    return all;
  }();
  std::vector<std::uint8_t> out(octets);
  for (std::size_t i = 0; i < octets;) {
    const std::size_t place = (begin + i) % kPeriod;
    const std::size_t count = std::min(octets - i, kPeriod - place);
    std::memcpy(out.data() + i, table.data() + place, count);
    i += count;
  }
  return out;
}

inline std::vector<std::uint8_t> vector_of(Bytes octets) {
  return {octets.begin(), octets.end()};
}

// The payload of a packet that arrives with 52 octets of headers.
inline Slice packet(Arena& arena, Bytes payload) {
  constexpr std::uint32_t kHeaders = 52;
  const MutableBytes room = arena.reserve();
  if (room.size() < kHeaders + payload.size()) return {};
  std::memcpy(room.data() + kHeaders, payload.data(), payload.size());
  return arena.commit(static_cast<std::uint32_t>(payload.size()), kHeaders);
}

inline Slice packet(Arena& arena, std::uint64_t begin, std::size_t octets) {
  return packet(arena, stream(begin, octets));
}

// Traffic of other connections, read at once: leaves the current block if somebody else keeps it.
inline void pass_block(Arena& arena, std::size_t block_octets) {
  constexpr std::size_t kOctets = 30'000;
  for (std::size_t i = 0; i <= block_octets / kOctets; ++i) packet(arena, 0, kOctets);
}

}  // namespace tuntcp::buffer
