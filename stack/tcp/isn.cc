#include "stack/tcp/isn.h"

namespace tuntcp::tcp {

SeqNum initial_sequence_number(const SipKey& key, const FourTuple& tuple, Instant now) {
  const auto m = static_cast<std::uint32_t>(now.ns() / 4'000);
  const auto f = static_cast<std::uint32_t>(siphash(key, tuple));
  return SeqNum(m + f);
}

std::uint32_t timestamp_offset(const SipKey& key, const FourTuple& tuple) {
  // The other half of the hash: timestamps are visible to the peer and must not give away F.
  return static_cast<std::uint32_t>(siphash(key, tuple) >> 32);
}

}  // namespace tuntcp::tcp
