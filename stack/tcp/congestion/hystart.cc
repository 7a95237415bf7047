#include "stack/tcp/congestion/hystart.h"

#include <algorithm>
#include <utility>

namespace tuntcp::tcp::congestion {
namespace {

// Linux's module parameters and constants.
constexpr std::uint32_t kLowWindow = 16;      // segments; a smaller window tells nothing
constexpr std::uint32_t kTrainGapUs = 2'000;  // between two ACKs of a train
constexpr std::uint8_t kLeastSamples = 8;     // of a round, before its least is believed
constexpr Duration kLeastThreshold = 4_ms;    // of the growth of the round trip
constexpr Duration kMostThreshold = 16_ms;
constexpr std::uint64_t kSuperPackets = 4 * 65536;  // octets that may leave in one go

// A train of ACKs is also as long as it took the sender to let the packets out, at the rate at
// which it is paced, or would be (Linux: twice the window in a round trip, in slow start).
Duration sending_time(const AckSample& ack, const Window& window) {
  std::uint64_t rate = ack.pacing_rate;
  if (rate == 0 && ack.srtt > Duration::zero()) {
    rate = std::uint64_t{window.cwnd} * 2 * 1'000'000 /
           static_cast<std::uint64_t>(std::max<std::int64_t>(ack.srtt.count_us(), 1));
  }
  if (rate == 0) return Duration::zero();
  const std::uint64_t us = kSuperPackets * 1'000'000 / rate;
  return std::min(Duration::microseconds(static_cast<std::int64_t>(us)), Duration(1_ms));
}

std::uint32_t microseconds(Duration duration) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(duration.count_us(), 0, UINT32_MAX));
}

}  // namespace

void Hystart::restart(Instant now) {
  round_started_ = now;
  last_ack_us_ = 0;
  batch_us_ = 0;
  train_octets_ = 0;
  batch_octets_ = 0;
  least_us_ = UINT32_MAX;
  samples_ = 0;
  round_is_due_ = false;
}

std::optional<EarlyExit::By> Hystart::on_sample(const AckSample& ack, Duration delay_min,
                                                const Window& window) {
  if (round_is_due_) restart(ack.now);
  if (window.cwnd / std::max(ack.mss, 1U) < kLowWindow) return std::nullopt;
  if (is_long_train(ack, delay_min, window)) return EarlyExit::By::ack_train;
  if (is_late(*ack.rtt, delay_min)) return EarlyExit::By::delay;
  return std::nullopt;
}

bool Hystart::is_long_train(const AckSample& ack, Duration delay_min, const Window& window) {
  const std::uint32_t now_us = microseconds(ack.now - round_started_);
  if (now_us != batch_us_) batch_octets_ = 0;
  batch_us_ = now_us;
  batch_octets_ += ack.newly_delivered;
  const std::uint32_t gap_us = now_us - last_ack_us_;
  if (gap_us > kTrainGapUs && !came_meanwhile(gap_us)) return false;
  last_ack_us_ = now_us;
  train_octets_ += std::exchange(batch_octets_, 0);
  Duration threshold = delay_min + sending_time(ack, window);
  // Packets that were paced may themselves have been spread over half of a round trip.
  if (ack.pacing_rate == 0) threshold = threshold / 2;
  return ack.now - round_started_ > threshold;
}

// Linux sees each ACK as it comes. A program in user space may have to wait for the processor, and
// then sees at once those that came meanwhile. If they are as many as the train would have brought
// in that time (or half of it), nothing paused.
bool Hystart::came_meanwhile(std::uint32_t gap_us) const {
  if (last_ack_us_ == 0) return false;
  return batch_octets_ >= std::uint64_t{train_octets_} * gap_us / last_ack_us_ / 2;
}

bool Hystart::is_late(Duration rtt, Duration delay_min) {
  least_us_ = std::min(least_us_, microseconds(rtt));
  if (samples_ < kLeastSamples) {
    ++samples_;
    return false;
  }
  const Duration threshold = std::clamp(delay_min / 8, kLeastThreshold, kMostThreshold);
  return least_us_ > microseconds(delay_min + threshold);
}

void Hystart::describe(Describer& describer) const {
  describer.since("round_started", round_started_);
  describer.value("last_ack_us", last_ack_us_);
  describer.value("batch_us", batch_us_);
  describer.value("train_octets", train_octets_);
  describer.value("batch_octets", batch_octets_);
  describer.value("round_least_us", least_us_);
  describer.value("round_samples", samples_);
  describer.value("round_is_due", round_is_due_ ? 1 : 0);
}

}  // namespace tuntcp::tcp::congestion
