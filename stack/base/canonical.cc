#include "stack/base/canonical.h"

#include <algorithm>

namespace tuntcp {

void Canonical::add(std::uint64_t number) {
  numbers_.push_back(number);
}

void Canonical::deadline(Instant when) {
  if (when == Instant::never()) return add(UINT64_MAX);
  earliest_ = std::min(earliest_, when);
  add(static_cast<std::uint64_t>(std::max((when - origin_.now).count_ns(), std::int64_t{0})));
}

void Canonical::age(Instant since, Duration most) {
  const bool is_never = since == Instant();
  number(is_never ? -1 : std::min(origin_.now - since, most).count_ns());
}

}  // namespace tuntcp
