// The timer wheel against its contract in timer_wheel.h: exact expiry, order, lower bound of the
// next deadline, few wake-ups, any time and any jump.
#include "stack/base/timer_wheel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "stack/base/random.h"

namespace tuntcp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t kSlotNs = 65'536;
constexpr std::int64_t kYearNs = 31'557'600'000'000'000;
// One level of 256 slots and seven of 64 and less: the wake-ups that one entry may cost.
constexpr std::size_t kLevels = 8;

Instant at(std::int64_t ns) {
  return Instant::from_ns(ns);
}

// An entry that knows its name.
struct Timer : TimerNode {
  int name = 0;
};

std::vector<int> pop_all(TimerWheel& wheel, Instant now) {
  std::vector<int> names;
  while (TimerNode* node = wheel.pop_due(now)) names.push_back(static_cast<Timer*>(node)->name);
  return names;
}

std::vector<Timer> timers(std::size_t count) {
  std::vector<Timer> all(count);
  for (std::size_t i = 0; i < count; ++i) all[i].name = static_cast<int>(i);
  return all;
}

TEST(TimerWheel, EmptyHasNoDeadlineAndNothingDue) {
  TimerWheel wheel;

  EXPECT_EQ(wheel.next_deadline(), Instant::never());
  EXPECT_EQ(wheel.pop_due(at(0)), nullptr);
  EXPECT_EQ(wheel.pop_due(Instant::never()), nullptr);
  EXPECT_EQ(wheel.size(), 0u);
}

TEST(TimerWheel, EntryExpiresAtItsOwnNanosecondAndIsUnlinked) {
  TimerWheel wheel;
  Timer timer;
  wheel.schedule(timer, at(1'000'000'007));

  EXPECT_TRUE(timer.is_scheduled());
  EXPECT_EQ(wheel.pop_due(at(1'000'000'006)), nullptr);
  EXPECT_EQ(wheel.pop_due(at(1'000'000'007)), &timer);
  EXPECT_FALSE(timer.is_scheduled());
  EXPECT_EQ(timer.when, at(1'000'000'007));
  EXPECT_EQ(wheel.size(), 0u);
  EXPECT_EQ(wheel.next_deadline(), Instant::never());
}

TEST(TimerWheel, LoneEntryIsTheDeadlineExactly) {
  TimerWheel wheel;
  Timer timer;

  wheel.schedule(timer, at(200'000'123));

  EXPECT_EQ(wheel.next_deadline(), at(200'000'123));
}

TEST(TimerWheel, EntriesOfOneSlotComeInTheOrderOfArmingIfAllAreDue) {
  TimerWheel wheel;
  auto all = timers(3);
  wheel.schedule(all[0], at(kSlotNs + 900));
  wheel.schedule(all[1], at(kSlotNs + 100));
  wheel.schedule(all[2], at(kSlotNs + 500));

  EXPECT_THAT(pop_all(wheel, at(2 * kSlotNs)), ElementsAre(0, 1, 2));
}

TEST(TimerWheel, EntriesOfOneSlotStayUntilEachIsDue) {
  TimerWheel wheel;
  auto all = timers(3);
  wheel.schedule(all[0], at(kSlotNs + 900));
  wheel.schedule(all[1], at(kSlotNs + 100));
  wheel.schedule(all[2], at(kSlotNs + 500));

  EXPECT_THAT(pop_all(wheel, at(kSlotNs + 99)), IsEmpty());
  EXPECT_THAT(pop_all(wheel, at(kSlotNs + 100)), ElementsAre(1));
  EXPECT_EQ(wheel.next_deadline(), at(kSlotNs + 500));
  EXPECT_THAT(pop_all(wheel, at(kSlotNs + 899)), ElementsAre(2));
  EXPECT_EQ(wheel.next_deadline(), at(kSlotNs + 900));
  EXPECT_THAT(pop_all(wheel, at(kSlotNs + 900)), ElementsAre(0));
}

TEST(TimerWheel, EntriesOfSeveralLevelsComeInTheOrderOfTime) {
  TimerWheel wheel;
  auto all = timers(6);
  wheel.schedule(all[0], at(3'600'000'000'000));  // an hour
  wheel.schedule(all[1], at(60'000'000'000));
  wheel.schedule(all[2], at(200'000'000));
  wheel.schedule(all[3], at(1'000'000));
  wheel.schedule(all[4], at(0));
  wheel.schedule(all[5], at(3 * kYearNs));

  EXPECT_THAT(pop_all(wheel, at(10 * kYearNs)), ElementsAre(4, 3, 2, 1, 0, 5));
}

// An entry armed long ago and moved down to a slot is before one armed in that slot directly.
TEST(TimerWheel, OrderOfArmingHoldsAcrossLevels) {
  TimerWheel wheel;
  auto all = timers(4);
  const Instant when = at(5'000'000'000);
  wheel.schedule(all[0], when);
  wheel.schedule(all[3], at(4'999'000'000));
  EXPECT_THAT(pop_all(wheel, at(4'999'500'000)), ElementsAre(3));
  wheel.schedule(all[1], when);
  EXPECT_THAT(pop_all(wheel, at(4'999'999'999)), IsEmpty());
  wheel.schedule(all[2], when);

  EXPECT_THAT(pop_all(wheel, when), ElementsAre(0, 1, 2));
}

TEST(TimerWheel, SchedulingAgainMovesTheEntryToTheEndOfItsSlot) {
  TimerWheel wheel;
  auto all = timers(2);
  wheel.schedule(all[0], at(100));
  wheel.schedule(all[1], at(100));
  wheel.schedule(all[0], at(100));

  EXPECT_EQ(wheel.size(), 2u);
  EXPECT_THAT(pop_all(wheel, at(100)), ElementsAre(1, 0));
}

TEST(TimerWheel, CancelledEntryNeverExpires) {
  TimerWheel wheel;
  auto all = timers(2);
  wheel.schedule(all[0], at(100));
  wheel.schedule(all[1], at(200));

  wheel.cancel(all[0]);
  wheel.cancel(all[0]);  // of one that is not armed: nothing

  EXPECT_FALSE(all[0].is_scheduled());
  EXPECT_EQ(wheel.size(), 1u);
  EXPECT_THAT(pop_all(wheel, at(1'000)), ElementsAre(1));
}

TEST(TimerWheel, SchedulingForNeverCancels) {
  TimerWheel wheel;
  Timer timer;
  wheel.schedule(timer, at(100));

  wheel.schedule(timer, Instant::never());

  EXPECT_FALSE(timer.is_scheduled());
  EXPECT_EQ(wheel.size(), 0u);
  EXPECT_EQ(wheel.next_deadline(), Instant::never());
}

TEST(TimerWheel, TimeThatIsPastIsDueAtOnce) {
  TimerWheel wheel;
  auto all = timers(2);
  wheel.schedule(all[0], at(1'000'000'000));
  EXPECT_THAT(pop_all(wheel, at(2'000'000'000)), ElementsAre(0));

  wheel.schedule(all[1], at(500'000'000));

  EXPECT_LE(wheel.next_deadline(), at(500'000'000));
  EXPECT_THAT(pop_all(wheel, at(2'000'000'000)), ElementsAre(1));
}

// A caller that breaks the rule must not be kept busy by an entry that it cannot get.
TEST(TimerWheel, EntryIsGivenAtItsTimeEvenIfNowHasGoneBack) {
  TimerWheel wheel;
  auto all = timers(2);
  wheel.schedule(all[0], at(1'000'000'000));
  wheel.schedule(all[1], at(3'000'000'000));
  EXPECT_THAT(pop_all(wheel, at(2'000'000'000)), ElementsAre(0));

  wheel.schedule(all[0], at(1'500'000'000));

  EXPECT_THAT(pop_all(wheel, at(1'499'999'999)), IsEmpty());
  EXPECT_THAT(pop_all(wheel, at(1'500'000'000)), ElementsAre(0));
}

// What a timeout arms for now or earlier while others are being popped must not be lost.
TEST(TimerWheel, EntryArmedWhileDueOnesArePoppedComesBehindThem) {
  TimerWheel wheel;
  auto all = timers(3);
  wheel.schedule(all[0], at(100));
  wheel.schedule(all[1], at(100));
  EXPECT_EQ(wheel.pop_due(at(200)), &all[0]);

  wheel.schedule(all[2], at(150));

  EXPECT_THAT(pop_all(wheel, at(200)), ElementsAre(1, 2));
}

TEST(TimerWheel, DueEntryNotYetPoppedCanBeCancelledAndMoved) {
  TimerWheel wheel;
  auto all = timers(4);
  for (auto& timer : all) wheel.schedule(timer, at(100));
  EXPECT_EQ(wheel.pop_due(at(200)), &all[0]);

  wheel.cancel(all[1]);
  wheel.schedule(all[2], at(1'000'000'000));

  EXPECT_THAT(pop_all(wheel, at(200)), ElementsAre(3));
  EXPECT_EQ(wheel.next_deadline(), at(1'000'000'000));
  EXPECT_THAT(pop_all(wheel, at(1'000'000'000)), ElementsAre(2));
}

// The driver chooses the origin: a boot, 1970, a capture's first packet, even before zero.
class TimerWheelOrigin : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(TimerWheelOrigin, TimeMayStartAnywhere) {
  const std::int64_t start = GetParam();
  TimerWheel wheel;
  auto all = timers(3);
  wheel.schedule(all[0], at(start + 40'000'000));
  wheel.schedule(all[1], at(start));
  wheel.schedule(all[2], at(start + 1));

  EXPECT_EQ(wheel.next_deadline(), at(start));
  EXPECT_THAT(pop_all(wheel, at(start)), ElementsAre(1));
  EXPECT_THAT(pop_all(wheel, at(start + 39'999'999)), ElementsAre(2));
  EXPECT_THAT(pop_all(wheel, at(start + 40'000'000)), ElementsAre(0));
}

INSTANTIATE_TEST_SUITE_P(Origins, TimerWheelOrigin,
                         ::testing::Values(std::numeric_limits<std::int64_t>::min(), -1'000'000'000,
                                           -20'000'000, -1, 0, 1, kSlotNs - 1,
                                           (std::int64_t{1} << 48) - 20'000'000,
                                           1'000'000'000'000'000'000,
                                           std::numeric_limits<std::int64_t>::max() - 40'000'001));

// Were a jump paid by the slot of 65 us, this would take hours.
TEST(TimerWheel, JumpOfYearsCostsOnlyTheEntriesPassed) {
  TimerWheel wheel;
  auto all = timers(2);
  for (int round = 0; round < 1'000; ++round) {
    const std::int64_t start = round * (kYearNs / 10);
    wheel.schedule(all[0], at(start + kYearNs / 20));
    wheel.schedule(all[1], at(start + kYearNs / 20 + 1));
    ASSERT_THAT(pop_all(wheel, at(start + kYearNs / 10)), ElementsAre(0, 1));
  }
}

TEST(TimerWheel, SleeperIsNotKeptBusyByAnEntryYearsAhead) {
  TimerWheel wheel;
  Timer timer;
  wheel.schedule(timer, at(100 * kYearNs + 12'345));
  auto others = timers(8);  // so many in the same slots that these are not searched
  for (auto& other : others) wheel.schedule(other, at(100 * kYearNs + 12'345 + other.name));

  std::size_t wakes = 0;
  Instant now = at(0);
  while (timer.is_scheduled()) {
    ASSERT_LE(++wakes, kLevels + 1);
    ASSERT_LE(wheel.next_deadline(), timer.when);
    now = std::max(now, wheel.next_deadline());
    pop_all(wheel, now);
  }

  EXPECT_EQ(now, timer.when);
}

TEST(TimerWheel, CancellingTheEarliestCostsTheSleeperOneWakeUpAtMost) {
  TimerWheel wheel;
  auto all = timers(3);
  wheel.schedule(all[0], at(10'000'000));
  wheel.schedule(all[1], at(20'000'000));
  wheel.schedule(all[2], at(500'000'000));
  wheel.cancel(all[0]);
  wheel.schedule(all[1], at(600'000'000));

  EXPECT_LE(wheel.next_deadline(), at(500'000'000));
  EXPECT_THAT(pop_all(wheel, wheel.next_deadline()), IsEmpty());
  EXPECT_EQ(wheel.next_deadline(), at(500'000'000));
}

// The naive wheel: every entry with the number of its arming.
class Model {
 public:
  void schedule(int name, std::int64_t when) { entries_[name] = {when, ++armings_}; }
  void cancel(int name) { entries_.erase(name); }
  std::int64_t earliest() const {
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    for (const auto& [name, entry] : entries_) first = std::min(first, entry.first);
    return first;
  }
  std::size_t size() const { return entries_.size(); }
  bool has(int name) const { return entries_.contains(name); }
  std::int64_t when(int name) const { return entries_.at(name).first; }
  // In the order of slots and then of arming.
  std::vector<int> pop_all(std::int64_t now) {
    std::map<std::pair<std::int64_t, std::uint64_t>, int> due;
    for (const auto& [name, entry] : entries_) {
      if (entry.first <= now) due[{entry.first >> 16, entry.second}] = name;
    }
    std::vector<int> names;
    for (const auto& [key, name] : due) {
      names.push_back(name);
      entries_.erase(name);
    }
    return names;
  }

 private:
  std::map<int, std::pair<std::int64_t, std::uint64_t>> entries_;
  std::uint64_t armings_ = 0;
};

class TimerWheelRandom : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(random_.next() % static_cast<std::uint64_t>(limit));
  }
  // A span whose magnitude is uniform: every level gets its share.
  std::int64_t span(unsigned bits_max) { return below(std::int64_t{1} << below(bits_max)); }

  SeededRandom random_{GetParam()};
};

TEST_P(TimerWheelRandom, AgreesWithANaiveModel) {
  constexpr int kTimers = 200;
  TimerWheel wheel;
  Model model;
  auto all = timers(kTimers);
  std::int64_t now = GetParam() % 2 == 0 ? 0 : 1'700'000'000'000'000'000 + span(60);
  for (int step = 0; step < 20'000; ++step) {
    const int name = static_cast<int>(below(kTimers));
    auto& timer = all[static_cast<std::size_t>(name)];
    if (below(10) < 6) {
      const std::int64_t when = now + span(50);
      wheel.schedule(timer, at(when));
      model.schedule(name, when);
    } else if (below(10) < 5) {
      wheel.cancel(timer);
      model.cancel(name);
    } else {
      now += span(step % 100 == 0 ? 54 : 34);
      ASSERT_EQ(pop_all(wheel, at(now)), model.pop_all(now)) << "step " << step;
    }
    ASSERT_EQ(wheel.size(), model.size());
    ASSERT_LE(wheel.next_deadline().ns(), model.earliest());
  }
}

// Entries may be due in the past, and the popping may stop half-way: then no order is promised,
// but everything due comes, and nothing else.
TEST_P(TimerWheelRandom, NothingIsLostWhenPoppingStopsHalfWay) {
  constexpr int kTimers = 100;
  TimerWheel wheel;
  Model model;
  auto all = timers(kTimers);
  std::int64_t now = 0;
  for (int step = 0; step < 20'000; ++step) {
    const int name = static_cast<int>(below(kTimers));
    if (below(2) == 0) {
      const std::int64_t when = now + span(44) - span(44);
      wheel.schedule(all[static_cast<std::size_t>(name)], at(when));
      model.schedule(name, when);
      continue;
    }
    now += span(36);
    for (std::int64_t pops = below(4); pops > 0; --pops) {
      const auto* timer = static_cast<Timer*>(wheel.pop_due(at(now)));
      if (timer == nullptr) {
        ASSERT_GT(model.earliest(), now);
        break;
      }
      ASSERT_TRUE(model.has(timer->name));
      ASSERT_LE(model.when(timer->name), now);
      model.cancel(timer->name);
    }
    ASSERT_EQ(wheel.size(), model.size());
    ASSERT_LE(wheel.next_deadline().ns(), model.earliest());
  }
}

// A driver that sleeps until next_deadline() pops every entry exactly at its time, and is woken
// at most once a level for each, and once for each that was cancelled or moved.
TEST_P(TimerWheelRandom, SleeperIsWokenSeldomAndNeverLate) {
  TimerWheel wheel;
  auto all = timers(50);
  std::int64_t now = span(60);
  std::size_t armed = 0;
  std::size_t withdrawn = 0;
  std::size_t wakes = 0;
  for (int step = 0; step < 5'000; ++step) {
    auto& timer = all[static_cast<std::size_t>(below(50))];
    if (timer.is_scheduled()) ++withdrawn;
    if (below(5) == 0) {
      wheel.cancel(timer);
    } else {
      wheel.schedule(timer, at(now + 1 + span(45)));
      ++armed;
    }
    while (wheel.size() > 25) {
      ++wakes;
      ASSERT_GT(wheel.next_deadline().ns(), now) << "the sleeper is kept busy";
      now = wheel.next_deadline().ns();
      while (TimerNode* node = wheel.pop_due(at(now))) ASSERT_EQ(node->when, at(now));
    }
  }
  EXPECT_LE(wakes, armed * kLevels + withdrawn);
  EXPECT_GT(wakes, 1'000u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, TimerWheelRandom, ::testing::Range<std::uint64_t>(1, 7));

}  // namespace
}  // namespace tuntcp
