#include "stack/tcp/congestion/hystart_plus_plus.h"

#include <algorithm>

namespace tuntcp::tcp::congestion {
namespace {

// RFC 9406, 4.3.
constexpr Duration kMinRttThresh = 4_ms;
constexpr Duration kMaxRttThresh = 16_ms;
constexpr std::int64_t kMinRttDivisor = 8;
constexpr std::uint8_t kNRttSample = 8;
constexpr std::uint32_t kCssGrowthDivisor = 4;
constexpr std::uint8_t kCssRounds = 5;
constexpr std::uint32_t kL = 8;  // segments per ACK, if they are not paced
constexpr std::uint32_t kSuperPacket = 65536;

}  // namespace

bool HystartPlusPlus::on_ack(const AckSample& ack) {
  if (ack.round_started) {
    last_round_min_rtt_ = current_round_min_rtt_;
    current_round_min_rtt_ = Duration::infinite();
    rtt_sample_count_ = 0;
    // The round in which CSS began counts, too.
    if (css_rounds_ != 0 && css_rounds_++ == kCssRounds) return true;
  }
  if (!ack.rtt) return false;
  current_round_min_rtt_ = std::min(current_round_min_rtt_, *ack.rtt);
  if (rtt_sample_count_ < kNRttSample) ++rtt_sample_count_;
  if (rtt_sample_count_ < kNRttSample) return false;
  if (css_rounds_ != 0) {
    if (current_round_min_rtt_ < css_baseline_min_rtt_) {
      css_baseline_min_rtt_ = Duration::infinite();
      css_rounds_ = 0;
    }
    return false;
  }
  if (last_round_min_rtt_ == Duration::infinite()) return false;
  const Duration thresh =
      std::max(kMinRttThresh, std::min(last_round_min_rtt_ / kMinRttDivisor, kMaxRttThresh));
  if (current_round_min_rtt_ >= last_round_min_rtt_ + thresh) {
    css_baseline_min_rtt_ = current_round_min_rtt_;
    css_rounds_ = 1;
    css_credit_ = 0;
  }
  return false;
}

std::uint32_t HystartPlusPlus::growth(const AckSample& ack, std::uint32_t acked) {
  // Deviation: RFC 9406, 4.3 has L = 8 segments for an ACK where nothing paces them. Here an ACK
  // often covers a super-packet, which left as one burst and may do so again.
  const bool is_paced = ack.pacing_rate != 0;
  const std::uint32_t most = std::max(kL, kSuperPacket / std::max(ack.mss, 1U));
  if (!is_paced) acked = std::min(acked, most);
  if (css_rounds_ == 0) return acked;
  css_credit_ += acked;
  const std::uint32_t grown = css_credit_ / kCssGrowthDivisor;
  css_credit_ %= kCssGrowthDivisor;
  return grown;
}

void HystartPlusPlus::describe(Describer& describer) const {
  for (const Duration rtt : {last_round_min_rtt_, current_round_min_rtt_, css_baseline_min_rtt_}) {
    describer.value("rtt_ns", static_cast<std::uint64_t>(rtt.count_ns()));
  }
  describer.value("css_credit", css_credit_);
  describer.value("rtt_sample_count", rtt_sample_count_);
  describer.value("css_rounds", css_rounds_);
}

}  // namespace tuntcp::tcp::congestion
