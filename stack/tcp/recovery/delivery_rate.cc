#include "stack/tcp/recovery/delivery_rate.h"

#include <algorithm>

namespace tuntcp::tcp::recovery {

DeliveryState DeliveryRate::on_sent(std::uint32_t in_flight) const {
  return {.first_sent_at = first_sent_at_,
          .delivered_at = delivered_at_,
          .delivered = delivered_,
          .lost = lost_,
          .in_flight = in_flight,
          .is_app_limited = app_limited_until_ != 0};
}

void DeliveryRate::on_delivered(const Transmission& transmission, std::uint32_t octets) {
  delivered_ += octets;
  const bool is_newer = transmission.sent_at != newest_sent_at_
                            ? transmission.sent_at > newest_sent_at_
                            : transmission.range.end > newest_end_;
  if (has_newest_ && !is_newer) return;
  has_newest_ = true;
  newest_ = transmission.delivery;
  newest_sent_at_ = transmission.sent_at;
  newest_end_ = transmission.range.end;
  newest_was_repeated_ = transmission.was_repeated;
}

RateSample DeliveryRate::take_sample(const Ack& ack) {
  if (app_limited_until_ != 0 && delivered_ > app_limited_until_) app_limited_until_ = 0;
  if (delivered_ != delivered_before_) delivered_at_ = ack.now;
  delivered_before_ = delivered_;
  if (!has_newest_) return {};
  RateSample sample{.at_send = newest_, .is_of_repeated = newest_was_repeated_};
  const Duration sending = newest_sent_at_ - newest_.first_sent_at;
  first_sent_at_ = newest_sent_at_;
  has_newest_ = false;
  newest_ = {};
  const Duration interval = std::max(sending, ack.now - sample.at_send.delivered_at);
  // Quicker than any round trip: an artefact of ACKs that came together.
  if (ack.is_reneging || interval < ack.min_rtt || interval <= Duration::zero()) return sample;
  sample.delivered = delivered_ - sample.at_send.delivered;
  sample.interval = interval;

  // Compared as rates, without a division.
  const auto product = [](std::uint64_t octets, Duration time) {
    return static_cast<double>(octets) * static_cast<double>(time.count_ns());
  };
  const bool is_as_fast =
      product(sample.delivered, latest_interval_) >= product(latest_delivered_, sample.interval);
  if (!sample.at_send.is_app_limited || is_as_fast) {
    latest_delivered_ = sample.delivered;
    latest_interval_ = sample.interval;
    latest_is_app_limited_ = sample.at_send.is_app_limited;
  }
  return sample;
}

std::uint64_t DeliveryRate::octets_per_second() const {
  const std::int64_t us = latest_interval_.count_us();
  return us <= 0 ? 0 : latest_delivered_ * 1'000'000 / static_cast<std::uint64_t>(us);
}

}  // namespace tuntcp::tcp::recovery
