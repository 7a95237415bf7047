// Ephemeral ports: RFC 6056, 3.3.4, "double-hash port selection". Which ports are in use, and
// whether one in TIME-WAIT may be taken over, the caller knows.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "stack/base/address.h"
#include "stack/base/check.h"
#include "stack/base/random.h"
#include "stack/base/siphash.h"

namespace tuntcp {

// To one remote endpoint ports follow each other, so that one used lately comes last; someone else
// can neither tell where in the range that is nor learn it from connections to himself.
class EphemeralPorts {
 public:
  EphemeralPorts(const SipKey& key, RandomSource& random);

  // The first port of low..high for which is_free(port) is true, trying each at most once; nothing
  // if none is. 0 < low <= high. A remembered port is used up whether or not the OPEN succeeds.
  template <class IsFree>
  std::optional<Port> choose(const IpAddress& local, const Endpoint& remote, Port low, Port high,
                             IsFree is_free) {
    TUNTCP_CHECK(low > 0 && low <= high);
    const Place place = place_of(local, remote);
    const std::uint32_t count = std::uint32_t{high} - low + 1;
    // The sum is 64 bits wide so that it never wraps where 2^32 is no multiple of the count.
    const std::uint64_t first = std::uint64_t{place.offset} + counters_[place.counter];
    for (std::uint32_t tried = 0; tried < count; ++tried) {
      const auto port = static_cast<Port>(low + (first + tried) % count);
      if (!is_free(port)) continue;
      counters_[place.counter] += tried + 1;
      return port;
    }
    return std::nullopt;
  }

 private:
  struct Place {
    std::uint32_t offset;   // F of the RFC
    std::uint32_t counter;  // G of the RFC: an index of counters_
  };
  Place place_of(const IpAddress& local, const Endpoint& remote) const;

  // The RFC thinks of ten; but remotes that share a counter can watch each other's connections
  // (that is how hosts were tracked across networks in 2022), so it takes many.
  static constexpr std::size_t kCounters = 4096;

  SipKey key_;
  std::array<std::uint32_t, kCounters> counters_;
};

}  // namespace tuntcp
