// What controllers have in common that slow down when something is lost: slow start, the episodes
// and their undoing, the restart after a pause. RFC 5681, 3.1, 3.2 and 4.1; RFC 6582, 3.2 (the end
// of an episode); RFC 3168, 6.1.2. An algorithm says how far it goes down and how it grows again.
//
// Counted in segments as Linux counts; which segments are lost and what leaves meanwhile is
// ../recovery.
#pragma once

#include <cstdint>

#include "stack/tcp/congestion/controller.h"
#include "stack/tcp/congestion/segment_window.h"

namespace tuntcp::tcp::congestion {

class LossBased : public Controller {
 public:
  void init(const Start& start) override;
  void on_mss_change(std::uint32_t mss) override;
  void on_sent(Instant now, std::uint32_t octets, std::uint32_t in_flight) override;
  void on_ack(const AckSample& ack) override;
  void on_loss(const LossEvent& loss) final;
  void on_congestion_mark(const LossEvent& mark) final;
  void on_timeout(const LossEvent& loss) final;
  void on_recovery_exit(Instant now) final;
  void on_spurious_loss() final;
  void on_idle(const IdlePeriod& period) final;
  Window window() const final { return window_.octets(); }
  std::optional<Rate> pacing_rate() const override { return std::nullopt; }
  std::uint32_t send_quantum() const override { return 65536; }  // one super-packet
  void describe(Describer& describer) const override;

 protected:
  enum class Cause : std::uint8_t { loss, mark };

  // An episode begins: the segments that shall be in flight from now on. Two at least are kept.
  virtual std::uint32_t reduced(Cause cause) = 0;
  // `acked` segments were delivered in slow start: how many the window may grow.
  virtual std::uint32_t slow_start_growth(const AckSample&, std::uint32_t acked) { return acked; }
  // `acked` segments were delivered in congestion avoidance.
  virtual void avoid_congestion(const AckSample& ack, std::uint32_t acked) = 0;
  // After a timeout what was learnt of the path counts no more.
  virtual void forget_path(Instant) {}

  SegmentWindow& segments() { return window_; }
  const SegmentWindow& segments() const { return window_; }
  bool has_abe() const { return has_abe_; }

 private:
  enum class Phase : std::uint8_t { none, reducing, timeout };

  void begin_episode(Cause cause);
  std::uint32_t ssthresh_to_remember() const;

  SegmentWindow window_;
  // What on_spurious_loss() goes back to; no cwnd: nothing to undo.
  std::uint32_t cwnd_before_ = 0;
  std::uint32_t ssthresh_before_ = 0;
  Phase phase_ = Phase::none;  // until on_recovery_exit()
  bool has_abe_ = false;
};

}  // namespace tuntcp::tcp::congestion
