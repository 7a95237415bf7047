#include "stack/tcp/min_filter.h"

#include <algorithm>
#include <utility>

namespace tuntcp::tcp {

void MinFilter::on_sample(Duration sample, Instant now, Duration window) {
  const Candidate latest{.value = std::max(sample, Duration::microseconds(1)), .at = now};
  auto& [best, second, third] = candidates_;
  const bool is_first = best.value == Duration::zero();
  if (is_first || latest.value <= best.value || now - third.at > window) {
    candidates_.fill(latest);
    return;
  }
  if (latest.value <= second.value) second = third = latest;
  if (latest.value <= third.value) third = latest;

  if (now - best.at > window) {
    const auto move_up = [&] { best = std::exchange(second, std::exchange(third, latest)); };
    move_up();
    if (now - best.at > window) move_up();
    return;
  }
  // So that there is a candidate when the best one is too old, one is taken of each quarter at the
  // latest, then of each half.
  const Duration age = now - best.at;
  if (second.at == best.at && age > window / 4) {
    second = third = latest;
  } else if (third.at == second.at && age > window / 2) {
    third = latest;
  }
}

}  // namespace tuntcp::tcp
