// Reno: half of the window after a loss, a segment more each round trip. RFC 5681, 3.1, equations 3
// and 4; what it shares with other controllers is in loss_based.h, what NewReno adds (RFC 6582) in
// tcp/recovery: it is about what to retransmit, not about how much.
#pragma once

#include "stack/tcp/congestion/loss_based.h"

namespace tuntcp::tcp::congestion {

class Reno final : public LossBased {
 public:
  const char* name() const override { return "reno"; }

 protected:
  std::uint32_t reduced(Cause cause) override;
  void avoid_congestion(const AckSample& ack, std::uint32_t acked) override;
};

}  // namespace tuntcp::tcp::congestion
