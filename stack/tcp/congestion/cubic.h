// CUBIC: RFC 9438, with Linux's numbers where the RFC leaves them open: whole segments, beta
// 717/1024, C 410/1024, growth told as "a segment for every n acknowledged", looked at anew
// every 1/32 s or round trip. What it shares with other controllers is in loss_based.h; how its
// first slow start ends in hystart.h and hystart_plus_plus.h.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "stack/tcp/congestion/hystart.h"
#include "stack/tcp/congestion/hystart_plus_plus.h"
#include "stack/tcp/congestion/loss_based.h"

namespace tuntcp::tcp::congestion {

// The largest whole number whose cube is no more than `n`.
std::uint32_t cube_root(std::uint64_t n);

class Cubic final : public LossBased {
 public:
  const char* name() const override { return "cubic"; }
  void init(const Start& start) override;
  void on_mss_change(std::uint32_t mss) override;
  void on_sent(Instant now, std::uint32_t octets, std::uint32_t in_flight) override;
  void on_ack(const AckSample& ack) override;
  std::optional<EarlyExit> take_early_exit() override;
  void describe(Describer& describer) const override;

 protected:
  std::uint32_t reduced(Cause cause) override;
  std::uint32_t slow_start_growth(const AckSample& ack, std::uint32_t acked) override;
  void avoid_congestion(const AckSample& ack, std::uint32_t acked) override;
  void forget_path(Instant now) override;

 private:
  void measure(const AckSample& ack);
  void end_slow_start(EarlyExit::By by);
  void begin_epoch(Instant now, std::uint32_t acked);
  void update(Instant now, std::uint32_t acked);
  std::uint32_t target(Instant now) const;
  void be_no_slower_than_reno();

  // Of W_cubic(t), RFC 9438, 4.2. Segments.
  std::uint32_t w_max_ = 0;    // where the last episode began, or somewhat below; 0: none yet
  std::uint32_t plateau_ = 0;  // W_max of this epoch
  std::uint32_t k_ = 0;        // 1/1024 s from the epoch's start to the plateau
  std::uint32_t count_ = 0;    // segments to be acknowledged for one of growth
  // Of W_est(t), 4.3.
  std::uint32_t w_est_ = 0;
  std::uint32_t w_est_acked_ = 0;
  std::uint32_t cwnd_at_update_ = 0;
  bool has_epoch_ = false;
  bool is_found_ = false;  // HyStart ended slow start
  std::optional<EarlyExit> early_exit_;
  Instant updated_at_;
  Instant epoch_started_;
  Instant last_active_;  // text left, or an ACK came
  Duration delay_min_;   // least round trip of this path; zero: not measured
  std::variant<std::monostate, Hystart, HystartPlusPlus> exit_;
};

}  // namespace tuntcp::tcp::congestion
