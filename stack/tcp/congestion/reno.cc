#include "stack/tcp/congestion/reno.h"

namespace tuntcp::tcp::congestion {

std::uint32_t Reno::reduced(Cause cause) {
  const std::uint32_t cwnd = segments().cwnd();
  // RFC 8511, 3: a router that marks has a short queue, which half of the window would leave empty.
  if (cause == Cause::mark && has_abe())
    return static_cast<std::uint32_t>(std::uint64_t{cwnd} * 4 / 5);
  return cwnd / 2;
}

void Reno::avoid_congestion(const AckSample&, std::uint32_t acked) {
  segments().grow_by_one_per(segments().cwnd(), acked);
}

}  // namespace tuntcp::tcp::congestion
