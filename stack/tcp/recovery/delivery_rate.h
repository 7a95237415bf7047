// How fast the path delivers: for each ACK a sample of octets over an interval, the longer of the
// times in which they were sent and acknowledged. draft-cheng-iccrg-delivery-rate-estimation, as
// Linux does it. BBR and its kin decide by it; for the others tcpi_delivery_rate tells it.
#pragma once

#include <cstdint>

#include "stack/base/seq_num.h"
#include "stack/base/time.h"
#include "stack/tcp/recovery/transmissions.h"

namespace tuntcp::tcp::recovery {

struct RateSample {
  std::uint64_t delivered = 0;           // octets within `interval`
  Duration interval = Duration::zero();  // zero: no sample
  DeliveryState at_send;                 // when the newest segment that was delivered left
  bool is_of_repeated = false;           // ... and whether it had left before
};

class DeliveryRate {
 public:
  // A flight begins: time in which nothing was outstanding measures nothing.
  void begin_flight(Instant now) { first_sent_at_ = delivered_at_ = now; }
  // What a segment that leaves now remembers. `in_flight`: octets without it.
  DeliveryState on_sent(std::uint32_t in_flight) const;

  // An ACK: for each range that it delivers, and then for the whole.
  void on_delivered(const Transmission& transmission, std::uint32_t octets);
  struct Ack {
    Instant now;
    Duration min_rtt;
    bool is_reneging = false;
  };
  RateSample take_sample(const Ack& ack);

  void on_lost(std::uint32_t octets) { lost_ += octets; }
  // Nothing more is queued, although the path would carry it: what is in flight now does not show
  // what the path can do.
  void on_app_limited(std::uint32_t in_flight) { app_limited_until_ = delivered_ + in_flight; }

  // Octets in all; the SYN is one of them. Of the newest range that the present ACK delivered: what
  // had been delivered when it left, or 0.
  std::uint64_t delivered() const { return delivered_; }
  std::uint64_t lost() const { return lost_; }
  std::uint64_t prior_delivered() const { return newest_.delivered; }

  // The latest sample that says something of the path, in octets per second; 0: none.
  std::uint64_t octets_per_second() const;
  bool is_app_limited() const { return latest_is_app_limited_; }

 private:
  std::uint64_t delivered_ = 1;
  std::uint64_t lost_ = 0;
  std::uint64_t app_limited_until_ = 0;  // of delivered_; 0: samples count
  Instant delivered_at_;
  Instant first_sent_at_;

  // Of the ACK that is looked at: the range that left last among those it delivers.
  DeliveryState newest_;
  Instant newest_sent_at_;
  SeqNum newest_end_;
  bool has_newest_ = false;
  bool newest_was_repeated_ = false;
  std::uint64_t delivered_before_ = 1;

  std::uint64_t latest_delivered_ = 0;
  Duration latest_interval_;
  bool latest_is_app_limited_ = false;
};

}  // namespace tuntcp::tcp::recovery
