// Timestamps: RFC 7323, 3 to 5. Our clock ticks every millisecond, from an offset that is a keyed
// hash of the connection, so that it rises across incarnations and tells nobody our uptime.
#pragma once

#include <cstdint>

#include "stack/tcp/isn.h"
#include "stack/tcp/segment.h"
#include "stack/tcp/shared.h"

namespace tuntcp::tcp {

// The TSval of a segment that leaves now.
inline std::uint32_t timestamp_clock(const TimestampState& ts, Instant now) {
  return static_cast<std::uint32_t>(now.since_origin().count_ms()) + ts.offset;
}

// As in Linux every value of tcp_timestamps but 1 leaves the clock as it is.
inline bool wants_timestamp_offset(const Sysctl& sysctl) {
  return sysctl.tcp_timestamps == 1;
}
// The offset of a small struct's clock. It keeps only whether there is one, so that a connection's
// clock does not jump when the knob changes.
template <class SmallState>
std::uint32_t timestamp_offset(const SmallState& state, const FourTuple& tuple,
                               const Shared& shared) {
  return state.has_ts_offset ? timestamp_offset(shared.timestamp_key, tuple) : 0;
}

// R1: is this segment an old duplicate? Only for connections that use timestamps.
bool is_rejected_by_paws(const Tcb& tcb, const Segment& seg, Instant now);
// R3: TS.Recent follows a segment that begins at or before the last ACK we sent.
void update_ts_recent(Tcb& tcb, const Segment& seg, Instant now);

}  // namespace tuntcp::tcp
