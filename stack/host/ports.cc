#include "stack/host/ports.h"

namespace tuntcp {

EphemeralPorts::EphemeralPorts(const SipKey& key, RandomSource& random) : key_(key) {
  for (std::uint32_t& counter : counters_) counter = static_cast<std::uint32_t>(random.next());
}

EphemeralPorts::Place EphemeralPorts::place_of(const IpAddress& local,
                                               const Endpoint& remote) const {
  // The halves of one keyed hash are as independent as the RFC's two hashes with two keys.
  const std::uint64_t hash =
      siphash(key_, FourTuple{.local = {.address = local, .port = 0}, .remote = remote});
  return {.offset = static_cast<std::uint32_t>(hash >> 32),
          .counter = static_cast<std::uint32_t>(hash % kCounters)};
}

}  // namespace tuntcp
