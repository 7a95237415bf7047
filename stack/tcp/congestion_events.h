// What recovery found out, told to those who decide how much may be in flight: the controller and
// Proportional Rate Reduction. Recovery never sees them (RFC 9293, 3.8.2; RFC 6675; RFC 9937).
#pragma once

#include "stack/tcp/recovery/recovery.h"
#include "stack/tcp/shared.h"

namespace tuntcp::tcp {

// Octets that may be in flight now: PRR's answer while the window comes down, else the
// controller's.
std::uint32_t congestion_window(const Tcb& tcb);

// What recovery asks for each time.
recovery::Path recovery_path(const Tcb& tcb);
recovery::Knobs recovery_knobs(const Tcb& tcb);

// How things stood before an ACK or a timer was looked at, octets.
struct BeforeAck {
  std::uint32_t flight = 0;     // SND.UNA to SND.NXT
  std::uint32_t in_flight = 0;  // RFC 6675, "pipe"
};
inline BeforeAck before_ack(const Tcb& tcb) {
  return {.flight = octets_between(tcb.snd.una, tcb.snd.nxt),
          .in_flight = tcb.recovery.in_flight()};
}

// After an ACK, with SND.UNA moved.
void update_windows(Tcb& tcb, const recovery::AckOutcome& outcome, const BeforeAck& before,
                    Instant now);

}  // namespace tuntcp::tcp
