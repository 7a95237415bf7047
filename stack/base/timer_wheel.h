// A hierarchical timer wheel: arming, moving and cancelling a timer cost O(1).
//
// Level 0 has 256 slots of 65,536 ns (16.8 ms in all); levels of 64 slots follow, of 16.8 ms,
// 1.07 s, 68.7 s, 73 minutes and so on, enough for every Instant. An entry lies in the level of
// the highest part of its time that differs from the wheel's own, so a slot is reached once and
// never passed; its entries then move down (at most once a level in an entry's life). Entries of
// level 0 expire at their own exact time, not at a slot's edge: pop_due() compares the instant.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "stack/base/time.h"

namespace tuntcp {

// Embedded in (derived by) what is to be woken. An object must be cancelled before it dies.
struct TimerNode {
  TimerNode* previous = nullptr;
  TimerNode* next = nullptr;
  Instant when = Instant::never();

  bool is_scheduled() const { return next != nullptr; }
};
static_assert(sizeof(TimerNode) == 24);

// Not thread-safe, like the whole core.
class TimerWheel {
 public:
  TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Arms `node` for `when`, moving it if it was armed. Instant::never() cancels. A time that is
  // past is due at once.
  void schedule(TimerNode& node, Instant when);
  void cancel(TimerNode& node);

  // Unlinks and returns one entry with when <= now, or null. `now` does not go back. Entries come
  // in the order of their slots and, within a slot, in the order in which they were armed: the same
  // calls give the same order. Call until null; entries that were due at an earlier `now` and not
  // taken come first. A jump ahead costs only the entries and slots that it passes, not the time.
  TimerNode* pop_due(Instant now);

  // Never later than the earliest entry; possibly earlier by a slot of its level, or because the
  // entry that was the earliest has been cancelled or moved. pop_due() at that time makes progress:
  // a sleeper is woken at most once a level for an entry, and once for one cancelled. never() if
  // empty.
  Instant next_deadline() const { return deadline_; }
  std::size_t size() const { return size_; }

 private:
  static constexpr unsigned kLevels = 8;
  static constexpr unsigned kLevelShift[kLevels] = {16, 24, 30, 36, 42, 48, 54, 60};
  static constexpr unsigned kFirst[kLevels] = {0, 256, 320, 384, 448, 512, 576, 640};
  static constexpr unsigned kDue = 704;  // a list of its own: taken from its slot, not yet popped
  static constexpr unsigned kLists = 705;

  struct Slot {
    unsigned list;
    unsigned level;
    std::uint64_t start;  // in ticks, like ticks_
  };

  void link(TimerNode& node, unsigned list);
  void unlink(TimerNode& node);
  unsigned slot_of(Instant when) const;
  Slot first_slot() const;
  bool advance(std::uint64_t now);
  Instant earliest() const;

  std::array<TimerNode, kLists> lists_;  // sentinels of circular lists
  std::array<std::uint64_t, (kLists + 63) / 64> occupied_{};
  std::uint64_t ticks_ = 0;  // start of the current level-0 slot, in ns since the earliest Instant
  Instant deadline_ = Instant::never();
  std::size_t size_ = 0;
};

}  // namespace tuntcp
