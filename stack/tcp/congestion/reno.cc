#include "stack/tcp/congestion/reno.h"

#include <algorithm>

namespace tuntcp::tcp::congestion {
namespace {

// No window of RFC 7323 is wider than 2^30, so more would never be used; and sums of two such
// numbers fit 32 bits.
constexpr std::uint32_t kMostCwnd = 1U << 30;

}  // namespace

const char* Reno::name() const {
  return "reno";
}

void Reno::init(const Start& start) {
  mss_ = start.mss;
  window_ = {.cwnd = start.segments * start.mss, .ssthresh = kInfiniteSsthresh};
  before_loss_ = window_;
  acked_ = 0;
  phase_ = Phase::none;
}

void Reno::on_mss_change(std::uint32_t mss) {
  // RFC 5681, 3.1: with smaller segments cwnd "SHOULD be reduced by the ratio of the old segment
  // size to the new", or many more of them would leave in one burst. Larger ones change nothing:
  // the path has not shown that it carries more octets.
  if (mss < mss_) {
    const auto scaled = std::uint64_t{window_.cwnd} * mss / mss_;
    window_.cwnd = static_cast<std::uint32_t>(scaled);
  }
  mss_ = mss;
  window_.cwnd = std::max(window_.cwnd, mss);
  window_.ssthresh = std::max(window_.ssthresh, least_ssthresh());
}

void Reno::on_sent(Instant, std::uint32_t, std::uint32_t) {}

void Reno::on_ack(const AckSample& ack) {
  // In fast recovery cwnd is already the answer (RFC 6675, 5, step 4.2) and the pipe decides.
  if (is_reducing(ack.episode) || !ack.is_cwnd_limited || !ack.may_raise) return;

  std::uint32_t acked = std::min(ack.newly_delivered, kMostCwnd);
  if (window_.cwnd < window_.ssthresh) {
    // Slow start, RFC 5681, 3.1. An ACK may cover a whole super-packet, so RFC 3465's bound of two
    // segments per ACK would turn doubling into crawling; as in Linux all acknowledged octets
    // count, and bursts are the pacer's business.
    const std::uint32_t grown =
        std::min(window_.cwnd + acked, std::min(window_.ssthresh, kMostCwnd));
    acked -= std::min(acked, grown - window_.cwnd);
    window_.cwnd = grown;
    if (window_.cwnd < window_.ssthresh) return;
  }
  // Congestion avoidance: one segment for each cwnd of acknowledged octets (RFC 5681, 3.1, the
  // recommended way, with RFC 3465, 2.1). What is left counts on.
  acked_ += acked;
  const std::uint32_t windows = acked_ / window_.cwnd;
  acked_ -= windows * window_.cwnd;
  const std::uint64_t grown = window_.cwnd + std::uint64_t{windows} * mss_;
  window_.cwnd = static_cast<std::uint32_t>(std::min<std::uint64_t>(grown, kMostCwnd));
}

void Reno::begin_episode(const LossEvent& loss) {
  before_loss_ = window_;
  // RFC 5681, equation 4: half of what was in flight, not of cwnd, which may be far more. Octets
  // already SACKed can make it more than cwnd; a loss must not raise the window.
  window_.ssthresh = std::max(std::min(loss.in_flight, window_.cwnd) / 2, least_ssthresh());
  acked_ = 0;
}

void Reno::on_loss(const LossEvent& loss) {
  if (phase_ != Phase::none) return;
  begin_episode(loss);
  // RFC 6675, 5, step 4.2. RFC 5681's three segments on top are not needed: the pipe counts what
  // has left the network.
  window_.cwnd = window_.ssthresh;
  phase_ = Phase::fast_recovery;
}

void Reno::on_congestion_mark(const LossEvent&) {
  if (phase_ != Phase::none) return;
  before_loss_ = window_;
  // RFC 3168, 6.1.2: "the TCP source halves the congestion window 'cwnd' and reduces the slow start
  // threshold". One that is a single segment already stays so.
  window_.ssthresh = std::max(window_.cwnd / 2, least_ssthresh());
  window_.cwnd = std::min(window_.cwnd, window_.ssthresh);
  acked_ = 0;
  phase_ = Phase::marked;
}

void Reno::on_timeout(const LossEvent& loss) {
  // RFC 5681, 3.1: while the same segment times out again ssthresh is held, and a fast recovery
  // that ends in a timeout has already paid.
  if (phase_ == Phase::none) begin_episode(loss);
  // The loss window, beyond what SACK says is still on its way (Linux: tcp_enter_loss).
  window_.cwnd = mss_ + (loss.in_flight_now + mss_ - 1) / mss_ * mss_;
  acked_ = 0;
  phase_ = Phase::timeout;
}

void Reno::on_recovery_exit(Instant) {
  // RFC 6582, 3.2, step 3, option 2. After a timeout cwnd has grown again from one segment.
  if (phase_ == Phase::fast_recovery) window_.cwnd = window_.ssthresh;
  phase_ = Phase::none;
}

void Reno::on_spurious_loss() {
  if (phase_ == Phase::none) return;
  window_.cwnd = std::max(window_.cwnd, before_loss_.cwnd);
  window_.ssthresh = before_loss_.ssthresh;
  acked_ = 0;
  phase_ = Phase::none;
}

void Reno::on_idle(const IdlePeriod& period) {
  if (period.rto <= Duration::zero()) return;
  // RFC 5681, 4.1 falls back to the restart window at once; RFC 2861 (as Linux does) halves cwnd
  // for each RTO and remembers in ssthresh where it had been.
  const std::uint32_t restart = std::min(kInitialSegments * mss_, window_.cwnd);
  if (period.idle > period.rto && window_.cwnd > restart) {
    const std::uint32_t three_quarters = window_.cwnd / 4 * 3;
    window_.ssthresh = std::max(window_.ssthresh, three_quarters);
  }
  for (Duration left = period.idle - period.rto; left > Duration::zero() && window_.cwnd > restart;
       left -= period.rto) {
    window_.cwnd = std::max(window_.cwnd / 2, restart);
  }
  acked_ = 0;
}

std::optional<Rate> Reno::pacing_rate() const {
  return std::nullopt;
}

std::uint32_t Reno::send_quantum() const {
  return 65536;  // one super-packet: nothing in Reno spreads its window
}

void Reno::describe(Describer& describer) const {
  describer.value("cwnd", window_.cwnd);
  describer.value("ssthresh", window_.ssthresh);
  describer.value("acked", acked_);
  describer.value("mss", mss_);
  describer.value("episode", static_cast<std::uint64_t>(phase_));
  describer.value("cwnd_before", before_loss_.cwnd);
  describer.value("ssthresh_before", before_loss_.ssthresh);
}

}  // namespace tuntcp::tcp::congestion
