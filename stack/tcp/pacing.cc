#include "stack/tcp/pacing.h"

#include <algorithm>

#include "stack/tcp/congestion_events.h"

namespace tuntcp::tcp {

void set_max_pacing_rate(Tcb& tcb, std::optional<std::uint64_t> rate) {
  tcb.is_pacing_asked = rate.has_value();
  tcb.max_pacing_rate = rate.value_or(kUnpaced);
}

bool is_paced(const Tcb& tcb) {
  return tcb.is_pacing_asked || tcb.congestion->wants_pacing();
}

std::uint64_t pacing_rate(const Tcb& tcb) {
  if (const auto asked = tcb.congestion->pacing_rate()) {
    return std::min(asked->octets_per_second, tcb.max_pacing_rate);
  }
  const std::int64_t srtt_us = tcb.rtt.srtt().count_us();
  if (srtt_us <= 0) return tcb.max_pacing_rate;
  const std::uint64_t cwnd =
      std::max(congestion_window(tcb), octets_between(tcb.snd.una, tcb.snd.nxt));
  // In slow start the window doubles in a round trip, and the rate must not hold it back.
  const bool is_slow_start = cwnd < tcb.congestion->window().ssthresh / 2;
  const std::uint64_t percent =
      is_slow_start ? sysctl(tcb).tcp_pacing_ss_ratio : sysctl(tcb).tcp_pacing_ca_ratio;
  const std::uint64_t rate =
      cwnd * percent * 10'000 / static_cast<std::uint64_t>(srtt_us);  // percent of 1 s in us
  return std::min(rate, tcb.max_pacing_rate);
}

std::uint32_t paced_burst(const Tcb& tcb, std::uint32_t mss) {
  constexpr std::uint64_t kPerSecond = 1024;
  const std::uint64_t octets = pacing_rate(tcb) / kPerSecond;
  const std::uint64_t least = std::uint64_t{2} * mss;
  const auto burst = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(octets, least, 65'535));
  return std::max(burst - burst % mss, mss);
}

std::uint32_t unpaced_burst(const Tcb& tcb, std::uint32_t mss) {
  // 64 KB at once where the round trip is short, half of that for each 512 us (tcp_tso_rtt_log).
  constexpr std::uint32_t kMost = 65'535;
  const auto halvings = static_cast<std::uint64_t>(tcb.min_rtt.least().count_us()) / 512;
  const std::uint32_t near = halvings < 16 ? kMost >> halvings : 0;
  const std::uint32_t burst = std::min(paced_burst(tcb, mss) + near, kMost);
  return std::max(burst - burst % mss, mss);
}

void on_paced(Tcb& tcb, std::uint32_t octets, Instant now) {
  if (!is_paced(tcb)) return;
  // As Linux (and sch_fq) the first ten segments are not held back.
  constexpr std::uint32_t kFree = 10;
  const std::uint64_t rate = pacing_rate(tcb);
  if (rate == 0 || rate == kUnpaced || tcb.data_segments_out < kFree) return;
  auto spacing = Duration::nanoseconds(
      static_cast<std::int64_t>(std::uint64_t{octets} * 1'000'000'000 / rate));
  // A timer that was late is made up for, by half of the gap at most.
  if (tcb.paced_until != Instant() && tcb.paced_until < now) {
    spacing -= std::min(spacing / 2, now - tcb.paced_until);
  }
  tcb.paced_until = std::max(tcb.paced_until, now) + spacing;
}

}  // namespace tuntcp::tcp
