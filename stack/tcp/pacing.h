// When the next packet may leave, so that a window is spread over a round trip: the rate of a
// controller that asks for it, or Linux's (a multiple of cwnd per SRTT: tcp_pacing_ss_ratio,
// tcp_pacing_ca_ratio), bounded by SO_MAX_PACING_RATE.
//
// Not here: how much (congestion/); the timer that ends the wait is Timer::pacing.
#pragma once

#include <cstdint>
#include <optional>

#include "stack/tcp/shared.h"

namespace tuntcp::tcp {

// SO_MAX_PACING_RATE, octets a second; none: it was never set.
void set_max_pacing_rate(Tcb& tcb, std::optional<std::uint64_t> rate);
// Does anybody ask for it? If not, packets leave as the windows allow.
bool is_paced(const Tcb& tcb);
// Octets of text a second; kUnpaced before the first measurement. Told by tcpi_pacing_rate even
// where it is not in effect.
std::uint64_t pacing_rate(const Tcb& tcb);
// Not before then; in the past where nothing holds the connection back.
inline Instant may_leave_at(const Tcb& tcb) {
  return tcb.paced_until;
}
// So many octets of text may leave together: about a millisecond of the rate, two segments at least
// (as Linux sizes its super-packets).
std::uint32_t paced_burst(const Tcb& tcb, std::uint32_t mss);
// ... and, without pacing, more on a path with a short round trip: Linux's tcp_tso_autosize.
std::uint32_t unpaced_burst(const Tcb& tcb, std::uint32_t mss);
void on_paced(Tcb& tcb, std::uint32_t octets, Instant now);

}  // namespace tuntcp::tcp
