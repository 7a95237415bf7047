// A hierarchical timer wheel: arming, moving and cancelling a timer cost O(1).
//
// Level 0 has 256 slots of 65,536 ns (16.8 ms in all); four levels of 64 slots follow, of 16.8 ms,
// 1.07 s, 68.7 s and 73 minutes each. What lies further off waits in the last slot and is put
// again when that slot comes round. Entries of level 0 expire at their own exact time, not at a
// slot's edge: pop_due() compares the entry's instant.
#pragma once

#include <array>
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

class TimerWheel {
 public:
  TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Arms `node` for `when`, moving it if it was armed. Instant::never() cancels.
  void schedule(TimerNode& node, Instant when);
  void cancel(TimerNode& node);

  // Unlinks and returns one entry with when <= now, or null. Entries come in the order of their
  // slots and, within a slot, in the order in which they were armed: the same calls give the same
  // order. A call moves at most a bounded number of entries between levels per slot passed.
  TimerNode* pop_due(Instant now);

  // Never later than the earliest entry, and possibly earlier by a level's slot; never() if empty.
  Instant next_deadline() const;
  std::size_t size() const { return size_; }

 private:
  static constexpr unsigned kLevels = 5;
  static constexpr unsigned kShift[kLevels] = {16, 24, 30, 36, 42};
  static constexpr unsigned kSlots[kLevels] = {256, 64, 64, 64, 64};
  static constexpr unsigned kFirst[kLevels] = {0, 256, 320, 384, 448};
  static constexpr unsigned kAllSlots = 512;

  void link(TimerNode& node);
  void advance_to(std::int64_t tick_ns);
  void cascade(unsigned level);

  std::array<TimerNode, kAllSlots> slots_;  // sentinels of circular lists
  std::array<std::uint64_t, kAllSlots / 64> occupied_{};
  std::int64_t now_ns_ = 0;  // start of the level-0 slot that is current
  std::size_t size_ = 0;
};

}  // namespace tuntcp
