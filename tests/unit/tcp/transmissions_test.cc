// The ranges in flight against a plain list that is searched from end to end.
#include "stack/tcp/recovery/transmissions.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/dice.h"
#include "tests/support/seeds.h"

namespace tuntcp::tcp::recovery {
namespace {

constexpr std::uint32_t kMss = 10;

class Trial {
 public:
  explicit Trial(std::uint64_t seed) : dice_(seed) {
    ranges_.use(pool_);
    // Around the places where numbers wrap, too.
    next_ = SeqNum(dice_.one_of({0U, 0x80000000U, static_cast<std::uint32_t>(dice_.next())}) -
                   dice_.below(200));
  }

  void run() {
    for (int step = 0; step < 400 && !testing::Test::HasFailure(); ++step) {
      one_step();
      compare();
    }
    ranges_.clear();
    EXPECT_EQ(pool_.size(), 0U);
  }

 private:
  std::size_t any() { return dice_.below(static_cast<std::uint32_t>(list_.size())); }

  void one_step() {
    switch (list_.empty() ? 0 : dice_.below(8)) {
      case 0:
      case 1:
        return append();
      case 2:
      case 3:
        return split();
      case 4:
        return join();
      case 5:
        return mark();
      case 6:
        return move_in_time();
      default:
        if (dice_.chance(0.5)) return;
        std::erase(by_time_, list_.front());
        ranges_.remove_first();
        list_.erase(list_.begin());
    }
  }

  void append() {
    const std::uint32_t octets = dice_.between(1, 5) * kMss;
    Transmission* const added = ranges_.append({next_, next_ + octets});
    if (pool_.size() == kLimit && added == nullptr) return;
    ASSERT_NE(added, nullptr);
    added->mss = kMss;
    added->segments = octets / kMss;
    next_ += octets;
    list_.push_back(added);
  }
  void split() {
    const std::size_t at = any();
    Transmission& whole = *list_[at];
    if (whole.octets() < 2) return;
    const SeqNum where = whole.range.begin + dice_.between(1, whole.octets() - 1);
    const bool was_full = pool_.is_full();
    Transmission* const upper = ranges_.split(whole, where);
    ASSERT_EQ(upper == nullptr, was_full);
    if (upper == nullptr) return;
    EXPECT_EQ(whole.range.end, where);
    EXPECT_EQ(upper->range.begin, where);
    EXPECT_EQ(upper->is_lost, whole.is_lost);
    list_.insert(list_.begin() + static_cast<std::ptrdiff_t>(at) + 1, upper);
    const auto place = std::ranges::find(by_time_, &whole);
    if (place != by_time_.end()) by_time_.insert(place + 1, upper);
  }
  void join() {
    if (list_.size() < 2) return;
    const std::size_t at = dice_.between(1, static_cast<std::uint32_t>(list_.size()) - 1);
    std::erase(by_time_, list_[at]);
    ranges_.join_to_previous(*list_[at]);
    list_.erase(list_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  void mark() {
    Transmission& t = *list_[any()];
    t.is_lost = dice_.chance(0.6);
    t.is_repeated = dice_.chance(0.3);
    ranges_.update_due(t);
  }
  void move_in_time() {
    Transmission* const t = list_[any()];
    std::erase(by_time_, t);
    switch (dice_.below(3)) {
      case 0:
        ranges_.leave_time_order(*t);
        return;
      case 1:
        ranges_.enter_time_order_as_oldest(*t);
        t->sent_at = by_time_.empty() ? now_ : by_time_.front()->sent_at - 1_us;
        by_time_.insert(by_time_.begin(), t);
        return;
      default:
        ranges_.enter_time_order(*t);
        t->sent_at = now_ += 1_us;
        by_time_.push_back(t);
    }
  }

  void compare() {
    ASSERT_EQ(ranges_.size(), list_.size());
    ASSERT_EQ(ranges_.is_empty(), list_.empty());
    std::vector<Transmission*> in_order;
    for (Transmission* t = ranges_.first(); t != nullptr; t = t->links.next) in_order.push_back(t);
    ASSERT_EQ(in_order, list_);
    std::vector<Transmission*> in_time;
    for (Transmission* t = ranges_.oldest(); t != nullptr; t = t->links.sent_after) {
      in_time.push_back(t);
    }
    ASSERT_EQ(in_time, by_time_);
    // Time only goes on: who was sent before it stays so.
    delivered_ += Duration::microseconds(dice_.below(3));
    const auto is_before = [this](const Transmission& t) { return t.sent_at <= delivered_; };
    const auto later = std::ranges::find_if_not(
        by_time_, is_before, [](const Transmission* t) -> const Transmission& { return *t; });
    ASSERT_EQ(ranges_.youngest_before(is_before),
              later == by_time_.begin() ? nullptr : *std::prev(later));
    const auto due = std::ranges::find_if(list_, [](const Transmission* t) { return t->is_due(); });
    ASSERT_EQ(ranges_.first_due(), due == list_.end() ? nullptr : *due);
    if (list_.empty()) return;
    EXPECT_EQ(ranges_.find(list_.front()->range.begin - 1), nullptr);
    EXPECT_EQ(ranges_.find(list_.back()->range.end), nullptr);
    Transmission* const some = list_[any()];
    EXPECT_EQ(ranges_.find(some->range.begin), some);
    EXPECT_EQ(ranges_.find(some->range.end - 1), some);
  }

  static constexpr std::size_t kLimit = 100;
  test::Dice dice_;
  TransmissionPool pool_{kLimit};
  Transmissions ranges_;
  SeqNum next_;
  std::vector<Transmission*> list_;
  std::vector<Transmission*> by_time_;
  Instant now_ = Instant() + 1_s;
  Instant delivered_ = Instant() + 1_s;
};

TEST(Transmissions, AreWhatAListWouldBe) {
  test::for_seeds(200, [](std::uint64_t seed) { Trial(seed).run(); });
}

// Appended in order, as sending does, a plain tree would be a list of 10,000 steps.
TEST(Transmissions, OneOfManyIsFoundInFewSteps) {
  TransmissionPool pool(20'000);
  Transmissions ranges;
  ranges.use(pool);
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    ranges.append({SeqNum(i * kMss), SeqNum((i + 1) * kMss)});
  }
  std::size_t deepest = 0;
  for (Transmission* t = ranges.first(); t != nullptr; t = t->links.next) {
    std::size_t depth = 0;
    for (Transmission* up = t; up != nullptr; up = up->links.parent) ++depth;
    deepest = std::max(deepest, depth);
  }
  // A treap of n has an expected depth below 3 log2 n, here 40.
  EXPECT_LT(deepest, 60U);
}

}  // namespace
}  // namespace tuntcp::tcp::recovery
