#include "stack/base/timer_wheel.h"

#include <algorithm>
#include <bit>

#include "stack/base/check.h"

namespace tuntcp {
namespace {

// Instants as unsigned numbers of the same order, so that a wheel may start at any time.
constexpr std::uint64_t kOrigin = std::uint64_t{1} << 63;
std::uint64_t ticks_of(Instant t) {
  return static_cast<std::uint64_t>(t.ns()) ^ kOrigin;
}
Instant instant_of(std::uint64_t ticks) {
  return Instant::from_ns(static_cast<std::int64_t>(ticks ^ kOrigin));
}

constexpr std::uint64_t below(unsigned bits) {
  return (std::uint64_t{1} << bits) - 1;
}

// How many entries earliest() compares in a slot ahead, to spare the sleeper the wake-up at the
// slot's start. More are not worth their cache misses: with so many, wake-ups are shared.
constexpr unsigned kCompared = 4;

}  // namespace

TimerWheel::TimerWheel() {
  for (TimerNode& sentinel : lists_) sentinel.previous = sentinel.next = &sentinel;
}

void TimerWheel::schedule(TimerNode& node, Instant when) {
  cancel(node);
  if (when == Instant::never()) return;
  node.when = when;
  link(node, slot_of(when));
  ++size_;
  deadline_ = std::min(deadline_, when);
}

void TimerWheel::cancel(TimerNode& node) {
  if (!node.is_scheduled()) return;
  unlink(node);
  node.when = Instant::never();
  if (--size_ == 0) deadline_ = Instant::never();
}

TimerNode* TimerWheel::pop_due(Instant now) {
  if (now < deadline_) return nullptr;
  while (size_ != 0) {
    TimerNode* const node = lists_[kDue].next;
    if (node != &lists_[kDue]) {
      unlink(*node);
      if (--size_ == 0) deadline_ = Instant::never();
      return node;
    }
    if (!advance(ticks_of(now))) {
      deadline_ = earliest();
      break;
    }
  }
  return nullptr;
}

void TimerWheel::link(TimerNode& node, unsigned list) {
  TimerNode& sentinel = lists_[list];
  node.previous = sentinel.previous;
  node.next = &sentinel;
  sentinel.previous->next = &node;
  sentinel.previous = &node;
  occupied_[list / 64] |= std::uint64_t{1} << (list % 64);
}

void TimerWheel::unlink(TimerNode& node) {
  node.previous->next = node.next;
  node.next->previous = node.previous;
  if (node.next == node.previous) {  // only the sentinel is left: its place tells which list
    const auto list = static_cast<unsigned>(node.next - lists_.data());
    occupied_[list / 64] &= ~(std::uint64_t{1} << (list % 64));
  }
  node.previous = node.next = nullptr;
}

unsigned TimerWheel::slot_of(Instant when) const {
  const std::uint64_t ticks = std::max(ticks_of(when), ticks_);
  const std::uint64_t difference = ticks ^ ticks_;
  unsigned level = 0;
  while (level + 1 < kLevels && difference >> kLevelShift[level + 1] != 0) ++level;
  const std::uint64_t slots_mask = below(level == 0 ? 8 : 6);
  return kFirst[level] + static_cast<unsigned>((ticks >> kLevelShift[level]) & slots_mask);
}

// The occupied slot that comes first; there is one. The order of the lists is that of time.
TimerWheel::Slot TimerWheel::first_slot() const {
  std::size_t word = 0;
  while (occupied_[word] == 0) ++word;
  const auto bit = static_cast<unsigned>(std::countr_zero(occupied_[word]));
  const unsigned list = static_cast<unsigned>(word) * 64 + bit;
  unsigned level = 0;
  while (level + 1 < kLevels && kFirst[level + 1] <= list) ++level;
  // The bits above the level are the wheel's own.
  const unsigned end = level + 1 < kLevels ? kLevelShift[level + 1] : 64;
  const std::uint64_t above = end < 64 ? ticks_ & ~below(end) : 0;
  return {.list = list,
          .level = level,
          .start = above | std::uint64_t{list - kFirst[level]} << kLevelShift[level]};
}

// Goes to the first occupied slot if that begins at or before `now`: moves the entries of a
// level-0 slot that are due to the list kDue, those of a higher level to the levels below. False
// when there was nothing to move; then the wheel stands at `now`.
bool TimerWheel::advance(std::uint64_t now) {
  const Slot slot = first_slot();
  if (slot.start > std::max(now, ticks_)) {
    ticks_ = std::max(ticks_, now & ~below(kLevelShift[0]));
    return false;
  }
  ticks_ = slot.start;
  TimerNode& sentinel = lists_[slot.list];
  bool has_moved = false;
  for (TimerNode* node = sentinel.next; node != &sentinel;) {
    TimerNode* const next = node->next;
    if (slot.level != 0 || ticks_of(node->when) <= now) {
      unlink(*node);
      link(*node, slot.level != 0 ? slot_of(node->when) : kDue);
      has_moved = true;
    }
    node = next;
  }
  return has_moved;
}

// A time not after the first entry, when none is due: exact in the current slot and where a slot
// has few entries, else the start of the slot.
Instant TimerWheel::earliest() const {
  const Slot slot = first_slot();
  const TimerNode& sentinel = lists_[slot.list];
  Instant first = Instant::never();
  unsigned compared = 0;
  for (const TimerNode* node = sentinel.next; node != &sentinel; node = node->next) {
    if (slot.start > ticks_ && compared++ == kCompared) return instant_of(slot.start);
    first = std::min(first, node->when);
  }
  return first;
}

}  // namespace tuntcp
