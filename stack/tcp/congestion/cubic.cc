#include "stack/tcp/congestion/cubic.h"

#include <algorithm>
#include <utility>

namespace tuntcp::tcp::congestion {
namespace {

// RFC 9438, 4.6: beta_cubic 0.7, in Linux's fraction.
constexpr std::uint64_t kBeta = 717;
constexpr std::uint64_t kOne = 1024;
// C = 0.4 segments/s^3 (5.1), of 1024ths, and seconds to the third in 1024ths.
constexpr std::uint64_t kC = 410;
constexpr unsigned kScaleBits = 10 + 3 * 10;
// W_est grows a segment for every cwnd * 15/8 acknowledged: alpha_cubic = 3 (1-beta)/(1+beta), 4.3.
constexpr std::uint64_t kSegmentsPerGrowthX8 = 8 * (kOne + kBeta) / 3 / (kOne - kBeta);
static_assert(kSegmentsPerGrowthX8 == 15);

// While cwnd stays, it is computed again after so long, or after a round trip if that is shorter.
// Deviation: Linux always waits 1/32 s. Where a round trip takes 2 ms and 1 % is lost, most losses
// come earlier than that, and W_est (4.3) would be looked at too late.
constexpr Duration kUpdateInterval = Duration::microseconds(1'000'000 / 32);
// Linux computes the cubic function once in a tick at most.
constexpr Duration kTick = 1_ms;
// "A segment for every n acknowledged." At most one for two: Linux's form of 4.2's bound of 1.5
// cwnd.
constexpr std::uint32_t kFastest = 2;
// Before the first loss of an epoch's past nobody knows where the path is full: at least 5 % each
// round trip (Linux).
constexpr std::uint32_t kSlowestWithoutLoss = 20;
// On the plateau: a segment in a hundred windows.
constexpr std::uint32_t kPlateauWindows = 100;
// 256 s from the plateau (time in 1024ths) the window is millions of segments away from it, and the
// product below still fits.
constexpr std::uint64_t kFarthest = std::uint64_t{1} << 18;

std::uint32_t fraction(std::uint32_t segments, std::uint64_t of_1024) {
  return static_cast<std::uint32_t>(segments * of_1024 / kOne);
}

std::uint64_t in_1024ths(Duration time) {
  const std::int64_t us = std::clamp<std::int64_t>(time.count_us(), 0, std::int64_t{1} << 50);
  return static_cast<std::uint64_t>(us) * 1024 / 1'000'000;
}

}  // namespace

std::uint32_t cube_root(std::uint64_t n) {
  std::uint64_t root = 0;
  // The largest root of 64 bits has 22.
  for (unsigned bit = 22; bit-- > 0;) {
    const std::uint64_t larger = root | std::uint64_t{1} << bit;
    if (larger * larger * larger <= n) root = larger;
  }
  return static_cast<std::uint32_t>(root);
}

void Cubic::init(const Start& start) {
  *this = Cubic();
  LossBased::init(start);
  last_active_ = start.now;
  if (start.exit == SlowStartExit::hystart) exit_.emplace<Hystart>().restart(start.now);
  if (start.exit == SlowStartExit::hystart_plus_plus) exit_.emplace<HystartPlusPlus>();
}

void Cubic::on_mss_change(std::uint32_t mss) {
  LossBased::on_mss_change(mss);
  // Numbers of segments of another size say nothing any more.
  has_epoch_ = false;
  w_max_ = 0;
}

void Cubic::on_sent(Instant now, std::uint32_t, std::uint32_t in_flight) {
  // Time in which nothing was in flight does not count (RFC 9438, 5.8). Linux (CA_EVENT_TX_START)
  // counts it from when text last left. Here the ACKs of a whole window may come in one batch,
  // after which nothing is in flight although nobody paused: it is counted from the last ACK.
  if (in_flight == 0 && has_epoch_ && now > last_active_) {
    epoch_started_ = std::min(epoch_started_ + (now - last_active_), now);
  }
  last_active_ = now;
}

void Cubic::on_ack(const AckSample& ack) {
  measure(ack);
  LossBased::on_ack(ack);
  last_active_ = ack.now;
}

void Cubic::measure(const AckSample& ack) {
  auto* const hystart = std::get_if<Hystart>(&exit_);
  if (hystart != nullptr && ack.round_started) hystart->on_round();
  if (auto* const plus_plus = std::get_if<HystartPlusPlus>(&exit_);
      plus_plus != nullptr && segments().in_slow_start()) {
    if (plus_plus->on_ack(ack)) end_slow_start(EarlyExit::By::delay);
  }
  // Right after an episode round trips tell of the queue that it left behind (Linux).
  if (!ack.rtt || (has_epoch_ && ack.now - epoch_started_ < 1_s)) return;
  const Duration rtt = std::max(*ack.rtt, Duration(1_us));
  if (delay_min_ == Duration::zero() || rtt < delay_min_) delay_min_ = rtt;
  if (hystart == nullptr || is_found_ || !segments().in_slow_start()) return;
  if (const auto by = hystart->on_sample(ack, delay_min_, segments().octets())) end_slow_start(*by);
}

void Cubic::end_slow_start(EarlyExit::By by) {
  is_found_ = true;
  segments().set_ssthresh(segments().cwnd());
  early_exit_ = EarlyExit{.by = by, .cwnd_segments = segments().cwnd()};
  if (std::holds_alternative<HystartPlusPlus>(exit_)) exit_.emplace<std::monostate>();
}

std::optional<EarlyExit> Cubic::take_early_exit() {
  return std::exchange(early_exit_, std::nullopt);
}

std::uint32_t Cubic::slow_start_growth(const AckSample& ack, std::uint32_t acked) {
  auto* const plus_plus = std::get_if<HystartPlusPlus>(&exit_);
  return plus_plus != nullptr ? plus_plus->growth(ack, acked) : acked;
}

// RFC 9438, 4.6 and 4.7.
std::uint32_t Cubic::reduced(Cause cause) {
  has_epoch_ = false;
  // RFC 9406, 4.3: only the first slow start.
  if (std::holds_alternative<HystartPlusPlus>(exit_)) exit_.emplace<std::monostate>();
  const std::uint32_t cwnd = segments().cwnd();
  // Fast convergence: a flow that did not get as far as last time leaves room for a new one.
  w_max_ = cwnd < w_max_ ? fraction(cwnd, kOne + kBeta) / 2 : cwnd;
  // RFC 8511, 3: 0.85 for CUBIC.
  if (cause == Cause::mark && has_abe()) {
    return static_cast<std::uint32_t>(std::uint64_t{cwnd} * 85 / 100);
  }
  return fraction(cwnd, kBeta);
}

// 4.8: K is 0 in the first congestion avoidance after a timeout, and W_max the window it begins
// with.
void Cubic::forget_path(Instant now) {
  w_max_ = 0;
  has_epoch_ = false;
  w_est_ = 0;
  w_est_acked_ = 0;
  count_ = 0;
  cwnd_at_update_ = 0;
  delay_min_ = Duration::zero();
  is_found_ = false;
  if (auto* const hystart = std::get_if<Hystart>(&exit_)) hystart->restart(now);
}

void Cubic::avoid_congestion(const AckSample& ack, std::uint32_t acked) {
  update(ack.now, acked);
  segments().grow_by_one_per(count_, acked);
}

void Cubic::begin_epoch(Instant now, std::uint32_t acked) {
  const std::uint32_t cwnd = segments().cwnd();
  has_epoch_ = true;
  epoch_started_ = now;
  w_est_ = cwnd;
  w_est_acked_ = acked;
  plateau_ = std::max(w_max_, cwnd);
  // K = cbrt((W_max - cwnd_epoch) / C), equation 2.
  k_ = w_max_ <= cwnd
           ? 0
           : cube_root((std::uint64_t{1} << kScaleBits) / kC * (std::uint64_t{w_max_} - cwnd));
}

void Cubic::update(Instant now, std::uint32_t acked) {
  w_est_acked_ += acked;
  const std::uint32_t cwnd = segments().cwnd();
  const Duration interval = std::min(kUpdateInterval, delay_min_);
  if (cwnd == cwnd_at_update_ && now - updated_at_ <= interval) return;
  if (!has_epoch_ || now - updated_at_ >= kTick) {
    cwnd_at_update_ = cwnd;
    updated_at_ = now;
    if (!has_epoch_) begin_epoch(now, acked);
    const std::uint32_t aim = target(now);
    count_ = aim > cwnd ? cwnd / (aim - cwnd) : kPlateauWindows * cwnd;
    if (w_max_ == 0) count_ = std::min(count_, kSlowestWithoutLoss);
  }
  be_no_slower_than_reno();
  count_ = std::max(count_, kFastest);
}

// W_cubic(t + RTT), equation 1.
std::uint32_t Cubic::target(Instant now) const {
  const std::uint64_t t = in_1024ths(now - epoch_started_ + delay_min_);
  const bool is_concave = t < k_;
  const std::uint64_t offset = std::min(is_concave ? k_ - t : t - k_, kFarthest);
  const std::uint64_t away = kC * offset * offset * offset >> kScaleBits;
  if (is_concave)
    return static_cast<std::uint32_t>(plateau_ - std::min<std::uint64_t>(away, plateau_));
  return static_cast<std::uint32_t>(plateau_ + away);
}

// 4.3, the Reno-friendly region.
// Deviation: as in Linux alpha stays below 1 when W_est has reached the window of the last episode.
void Cubic::be_no_slower_than_reno() {
  const std::uint32_t cwnd = segments().cwnd();
  const auto per_growth = static_cast<std::uint32_t>(cwnd * kSegmentsPerGrowthX8 / 8);
  if (w_est_acked_ > per_growth) {
    const std::uint32_t grown = (w_est_acked_ - 1) / per_growth;
    w_est_acked_ -= grown * per_growth;
    w_est_ += grown;
  }
  if (w_est_ > cwnd) count_ = std::min(count_, cwnd / (w_est_ - cwnd));
}

void Cubic::describe(Describer& describer) const {
  LossBased::describe(describer);
  describer.value("w_max", w_max_);
  describer.value("plateau", plateau_);
  describer.value("k", k_);
  describer.value("count", count_);
  describer.value("w_est", w_est_);
  describer.value("w_est_acked", w_est_acked_);
  describer.value("cwnd_at_update", cwnd_at_update_);
  describer.value("is_found", is_found_ ? 1 : 0);
  describer.value("delay_min_ns", static_cast<std::uint64_t>(delay_min_.count_ns()));
  describer.since("updated_at", updated_at_);
  describer.since("epoch_started", has_epoch_ ? epoch_started_ : Instant());
  describer.since("last_active", last_active_);
  if (const auto* const hystart = std::get_if<Hystart>(&exit_)) hystart->describe(describer);
  if (const auto* const plus = std::get_if<HystartPlusPlus>(&exit_)) plus->describe(describer);
}

}  // namespace tuntcp::tcp::congestion
