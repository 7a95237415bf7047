#include "stack/tcp/recovery/transmissions.h"

#include <algorithm>

namespace tuntcp::tcp::recovery {

void Transmissions::add(SeqRange range, Instant sent_at) {
  // Sent at the same moment and adjacent: one range says it as well as two.
  if (!is_empty()) {
    Transmission& last = ranges_.back();
    if (last.sent_at == sent_at && last.range.end == range.begin && !last.is_lost &&
        !last.was_retransmitted) {
      last.range.end = range.end;
      return;
    }
  }
  ranges_.push_back({.range = range, .sent_at = sent_at});
}

void Transmissions::discard_below(SeqNum una) {
  while (!is_empty() && ranges_[first_].range.end <= una) ++first_;
  if (is_empty()) {
    clear();
    return;
  }
  ranges_[first_].range.begin = later_of(ranges_[first_].range.begin, una);
  // Moving the rest down costs as much as was discarded, so the cost per range is constant.
  if (first_ >= 32 && first_ * 2 >= ranges_.size()) {
    ranges_.erase(ranges_.begin(), ranges_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void Transmissions::split(SeqNum at) {
  Transmission* found = find(at);
  if (found == end() || found->range.begin == at) return;
  Transmission upper = *found;
  upper.range.begin = at;
  found->range.end = at;
  ranges_.insert(ranges_.begin() + (found + 1 - ranges_.data()), upper);
}

void Transmissions::clear() {
  ranges_.clear();
  first_ = 0;
}

Transmission* Transmissions::find(SeqNum at) {
  Transmission* found = std::partition_point(
      begin(), end(), [at](const Transmission& t) { return t.range.end <= at; });
  return found != end() && found->range.contains(at) ? found : end();
}

}  // namespace tuntcp::tcp::recovery
