#include "stack/tcp/congestion/loss_based.h"

#include <algorithm>

namespace tuntcp::tcp::congestion {

void LossBased::init(const Start& start) {
  window_.init(start);
  cwnd_before_ = 0;
  ssthresh_before_ = 0;
  phase_ = Phase::none;
  if (is_reducing(start.episode)) phase_ = Phase::reducing;
  if (start.episode == Episode::loss) phase_ = Phase::timeout;
  has_abe_ = start.abe;
}

void LossBased::on_mss_change(std::uint32_t mss) {
  window_.set_mss(mss);
}

void LossBased::on_sent(Instant, std::uint32_t, std::uint32_t) {}

void LossBased::on_ack(const AckSample& ack) {
  // While the window is being reduced cwnd is the aim, and the pipe decides (RFC 6675, 5; RFC
  // 9937).
  if (is_reducing(ack.episode) || !ack.is_cwnd_limited || !ack.may_raise) return;
  // All that was delivered counts (RFC 3465). An ACK may cover a whole super-packet, so that RFC's
  // bound of two segments per ACK would turn doubling into crawling; bursts are the pacer's
  // business (Linux has no bound either).
  std::uint32_t acked = window_.take_segments(ack.newly_delivered);
  if (window_.in_slow_start()) {
    const std::uint32_t growth = slow_start_growth(ack, acked);
    const std::uint32_t left = window_.grow_by(growth);
    if (left == 0) return;
    acked = left;
  }
  avoid_congestion(ack, acked);
}

// Linux's tcp_current_ssthresh: an undone reduction and the end of a pause let slow start run up to
// three quarters of what the window had been.
std::uint32_t LossBased::ssthresh_to_remember() const {
  const std::uint32_t cwnd = window_.cwnd();
  return std::max(window_.ssthresh(), cwnd / 2 + cwnd / 4);
}

// Deviation: RFC 5681, equation 4 halves FlightSize, where we (as Linux, and as RFC 9438, 4.6 lets
// an implementation) reduce cwnd. It grows only while it is what holds the sender back, so it does
// not run away from what is in flight.
void LossBased::begin_episode(Cause cause) {
  cwnd_before_ = window_.cwnd();
  ssthresh_before_ = ssthresh_to_remember();
  window_.set_ssthresh(reduced(cause));
  window_.forget_credit();
}

void LossBased::on_loss(const LossEvent&) {
  if (phase_ != Phase::none) return;
  begin_episode(Cause::loss);
  // RFC 6675, 5, step 4.2. RFC 5681's three segments on top are not needed: the pipe counts what
  // has left the network. A loss never raises the window.
  window_.set_cwnd(std::min(window_.cwnd(), window_.ssthresh()));
  phase_ = Phase::reducing;
}

void LossBased::on_congestion_mark(const LossEvent&) {
  if (phase_ != Phase::none) return;
  begin_episode(Cause::mark);
  window_.set_cwnd(std::min(window_.cwnd(), window_.ssthresh()));
  phase_ = Phase::reducing;
}

void LossBased::on_timeout(const LossEvent& loss) {
  // RFC 5681, 3.1: while the same segment times out again ssthresh is held. A reduction that ends
  // in a timeout has already been paid (Linux: tcp_enter_loss).
  const bool is_new = phase_ == Phase::none || (phase_ == Phase::timeout && !loss.is_persistent);
  if (is_new) begin_episode(Cause::loss);
  // The loss window, beyond what SACK says is still on its way (Linux).
  const std::uint32_t mss = window_.mss();
  window_.set_cwnd(1 + loss.in_flight_now / mss + (loss.in_flight_now % mss != 0 ? 1 : 0));
  window_.forget_credit();
  forget_path(loss.now);
  phase_ = Phase::timeout;
}

void LossBased::on_recovery_exit(Instant) {
  // RFC 6582, 3.2, step 3, option 2; Linux does the same after ECE. After a timeout cwnd has grown
  // again from one segment.
  if (phase_ == Phase::reducing && window_.ssthresh() != kInfiniteSsthresh) {
    window_.set_cwnd(window_.ssthresh());
  }
  phase_ = Phase::none;
}

void LossBased::on_spurious_loss() {
  if (cwnd_before_ == 0) return;
  // Linux keeps whichever is larger (tcp_reno_undo_cwnd), as does RFC 9438, 4.9.2.
  window_.set_cwnd(std::max(window_.cwnd(), cwnd_before_));
  window_.set_ssthresh(std::max(window_.ssthresh(), ssthresh_before_));
  cwnd_before_ = 0;
  phase_ = Phase::none;
}

void LossBased::on_idle(const IdlePeriod& period) {
  if (period.rto <= Duration::zero() || period.idle <= period.rto) return;
  // RFC 5681, 4.1 falls back to the restart window at once; RFC 2861 (as Linux does) halves cwnd
  // for each RTO and remembers in ssthresh where it had been.
  window_.set_ssthresh(ssthresh_to_remember());
  const std::uint32_t restart = std::min(kInitialSegments, window_.cwnd());
  std::uint32_t cwnd = window_.cwnd();
  for (Duration left = period.idle - period.rto; left > Duration::zero() && cwnd > restart;
       left -= period.rto) {
    cwnd /= 2;
  }
  window_.set_cwnd(std::max(cwnd, restart));
}

void LossBased::describe(Describer& describer) const {
  window_.describe(describer);
  describer.value("phase", static_cast<std::uint64_t>(phase_));
  describer.value("cwnd_before", cwnd_before_);
  describer.value("ssthresh_before", ssthresh_before_);
}

}  // namespace tuntcp::tcp::congestion
