#include "stack/tcp/rtt.h"

#include <algorithm>

#include "stack/base/canonical.h"

namespace tuntcp::tcp {

void Rtt::on_sample(Duration rtt) {
  // 500 s * 8 still fits 32 bits of microseconds, and no timeout may grow that long anyway.
  constexpr std::int64_t kMostUs = 500'000'000;
  const auto us = static_cast<std::uint32_t>(std::clamp<std::int64_t>(rtt.count_us(), 1, kMostUs));
  latest_us_ = us;
  back_off_ = 0;
  if (!has_sample()) {
    // 2.2: SRTT <- R, RTTVAR <- R/2.
    srtt_x8_ = us * 8;
    rttvar_x4_ = us * 2;
    return;
  }
  // 2.3, in this order: RTTVAR <- 3/4 * RTTVAR + 1/4 * |SRTT - R'|, then
  // SRTT <- 7/8 * SRTT + 1/8 * R'.
  const std::uint32_t srtt = srtt_x8_ / 8;
  const std::uint32_t deviation = srtt > us ? srtt - us : us - srtt;
  rttvar_x4_ = rttvar_x4_ - rttvar_x4_ / 4 + deviation;
  srtt_x8_ = srtt_x8_ - srtt + us;
}

void Rtt::describe(Canonical& out) const {
  for (const std::uint32_t value :
       {srtt_x8_, rttvar_x4_, std::uint32_t{initial_rto_s_}, std::uint32_t{back_off_}}) {
    out.number(value);
  }
}

Duration Rtt::rto(const RtoLimits& limits, unsigned back_off) const {
  // 2.3 has SRTT + max(G, 4*RTTVAR), and 2.4 a least RTO of 1 s. As in Linux the floor is under the
  // variance instead of under the sum: on a long and steady path the variance shrinks to nothing,
  // and a timeout of just SRTT would fire on the first queue. With a floor of 1 s (profile rfc) the
  // result is never below what RFC 6298 asks for.
  Duration rto = Duration::seconds(initial_rto_s_);
  if (has_sample()) {
    rto = srtt() + std::max(Duration::microseconds(rttvar_x4_), limits.least);
  }
  // 31 doublings of even 1 us are half an hour; beyond, only the limit matters.
  rto = rto * (std::int64_t{1} << std::min(back_off, 31U));
  return std::min(rto, limits.most);
}

}  // namespace tuntcp::tcp
