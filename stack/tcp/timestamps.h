// Timestamps: RFC 7323, 3 to 5. Our clock ticks every millisecond, from an offset that is a keyed
// hash of the connection, so that it rises across its incarnations and tells nobody our uptime.
#pragma once

#include <cstdint>

#include "stack/tcp/segment.h"
#include "stack/tcp/shared.h"

namespace tuntcp::tcp {

// The TSval of a segment that leaves now.
inline std::uint32_t timestamp_clock(const TimestampState& ts, Instant now) {
  return static_cast<std::uint32_t>(now.since_origin().count_ms()) + ts.offset;
}

// R1: is this segment an old duplicate? Only for connections that use timestamps.
bool is_rejected_by_paws(const Tcb& tcb, const Segment& seg, Instant now);
// R3: TS.Recent follows a segment that begins at or before the last ACK we sent.
void update_ts_recent(Tcb& tcb, const Segment& seg, Instant now);

}  // namespace tuntcp::tcp
