// Round-trip time and the retransmission timeout: RFC 6298. Which segments may be measured (Karn,
// RFC 6298, 3; timestamps, RFC 7323, 4) is decided by whoever calls on_sample(); when the timer is
// started and stopped is in timeouts; the least of them is kept by a MinFilter.
#pragma once

#include <cstdint>

#include "stack/base/time.h"
#include "stack/tcp/rto_limits.h"

namespace tuntcp {
class Canonical;
}

namespace tuntcp::tcp {

// One connection's estimate. Microseconds inside, because every connection carries one of these.
class Rtt {
 public:
  // RFC 6298, 2.2 and 2.3. `rtt` is a measurement that is not ambiguous; less than 1 us counts as
  // 1 us, more than 500 s as 500 s.
  void on_sample(Duration rtt);

  // RFC 6298, 5.7: call when the handshake completed but its SYN had to be retransmitted. Until the
  // first sample the timeout is then 3 s instead of 1 s.
  void on_syn_was_retransmitted() { initial_rto_s_ = 3; }

  // RFC 6298, 5.5: the timer expired. The doubling stays until the next sample, which only a
  // segment that was sent once can give (Karn): an ACK of what was repeated does not end it.
  void on_timeout() { back_off_ = static_cast<std::uint8_t>(back_off_ < 31 ? back_off_ + 1 : 31); }
  void forget_back_off() { back_off_ = 0; }
  unsigned back_off() const { return back_off_; }

  bool has_sample() const { return srtt_x8_ != 0; }
  // Zero before the first sample.
  Duration srtt() const { return Duration::microseconds(srtt_x8_ / 8); }
  Duration rttvar() const { return Duration::microseconds(rttvar_x4_ / 4); }
  Duration latest() const { return Duration::microseconds(latest_us_); }

  void describe(Canonical& out) const;

  // RTO, doubled `back_off` times (RFC 6298, 5.5) and never more than `limits.most`.
  Duration rto(const RtoLimits& limits, unsigned back_off) const;

 private:
  // Scaled so that the gains 1/8 and 1/4 lose no fraction.
  std::uint32_t srtt_x8_ = 0;
  std::uint32_t rttvar_x4_ = 0;
  std::uint32_t latest_us_ = 0;
  std::uint8_t initial_rto_s_ = 1;  // RFC 6298, 2.1
  std::uint8_t back_off_ = 0;
};
static_assert(sizeof(Rtt) <= 40);

}  // namespace tuntcp::tcp
