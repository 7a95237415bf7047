// Reno: slow start and congestion avoidance of RFC 5681, counting octets (RFC 3465), starting from
// RFC 6928's window. What NewReno adds (RFC 6582) is in tcp/recovery: it is about what to
// retransmit, not about how much.
#pragma once

#include "stack/tcp/congestion/controller.h"

namespace tuntcp::tcp::congestion {

class Reno final : public Controller {
 public:
  const char* name() const override;
  void init(const Start& start) override;
  void on_mss_change(std::uint32_t mss) override;
  void on_sent(Instant now, std::uint32_t octets, std::uint32_t in_flight) override;
  void on_ack(const AckSample& ack) override;
  void on_loss(const LossEvent& loss) override;
  void on_congestion_mark(const LossEvent& mark) override;
  void on_timeout(const LossEvent& loss) override;
  void on_recovery_exit(Instant now) override;
  void on_spurious_loss() override;
  void on_idle(const IdlePeriod& period) override;
  Window window() const override { return window_; }
  std::optional<Rate> pacing_rate() const override;
  std::uint32_t send_quantum() const override;
  void describe(Describer& describer) const override;

 private:
  enum class Phase : std::uint8_t { none, fast_recovery, timeout, marked };

  void begin_episode(const LossEvent& loss);
  std::uint32_t least_ssthresh() const { return 2 * mss_; }  // RFC 5681, equation 4

  std::uint32_t mss_ = 536;  // MUST-15, until init()
  Window window_{.cwnd = kInitialSegments * 536, .ssthresh = kInfiniteSsthresh};
  Window before_loss_ = window_;  // what on_spurious_loss() goes back to
  std::uint32_t acked_ = 0;       // in congestion avoidance, towards the next segment of cwnd
  Phase phase_ = Phase::none;     // until on_recovery_exit()
};

}  // namespace tuntcp::tcp::congestion
