// SipHash-2-4 (Aumasson, Bernstein, 2012): the keyed hash behind the connection table, initial
// sequence numbers (RFC 6528), ports (RFC 6056) and timestamp offsets.
#pragma once

#include <cstdint>

#include "stack/base/address.h"
#include "stack/base/bytes.h"
#include "stack/base/random.h"

namespace tuntcp {

struct SipKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;

  static SipKey draw(RandomSource& random) {
    const std::uint64_t first = random.next();
    return {.k0 = first, .k1 = random.next()};
  }
};

std::uint64_t siphash(const SipKey& key, Bytes message);

// Of local and remote addresses and ports. Different keys must be used for different purposes.
std::uint64_t siphash(const SipKey& key, const FourTuple& tuple);

}  // namespace tuntcp
