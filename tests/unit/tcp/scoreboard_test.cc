// The scoreboard's sums against octets that are counted one by one: RFC 2018; RFC 6675, 4.
#include "stack/tcp/recovery/scoreboard.h"

#include <algorithm>
#include <deque>

#include <gtest/gtest.h>

#include "tests/support/dice.h"
#include "tests/support/seeds.h"

namespace tuntcp::tcp::recovery {
namespace {

constexpr std::uint32_t kMss = 10;

struct Octet {
  bool is_sacked = false;
  bool is_lost = false;
  bool is_too_big = false;
  bool is_repeated = false;
};

class Trial {
 public:
  explicit Trial(std::uint64_t seed) : dice_(seed) {
    board_.use(pool_);
    una_ = SeqNum(dice_.one_of({0U, 0x80000000U, static_cast<std::uint32_t>(dice_.next())}) -
                  dice_.below(200));
  }

  void run() {
    for (int step = 0; step < 300 && !testing::Test::HasFailure(); ++step) {
      if (dice_.chance(0.7)) now_ += Duration::milliseconds(1);
      one_step();
      compare();
    }
  }

 private:
  SeqNum nxt() const { return una_ + static_cast<std::uint32_t>(octets_.size()); }
  template <class Change>
  void each(SeqRange range, Change change) {
    for (SeqNum at = range.begin; at < range.end; at += 1)
      change(octets_[octets_between(una_, at)]);
  }

  void one_step() {
    switch (octets_.empty() ? 0 : dice_.below(7)) {
      case 0:
      case 1: {
        const std::uint32_t octets = dice_.one_of({3U, kMss, kMss, 4 * kMss, 7 * kMss});
        EXPECT_TRUE(board_.on_sent({.range = {nxt(), nxt() + octets},
                                    .mss = kMss,
                                    .segments = segments_of(octets, kMss),
                                    .now = now_},
                                   {}));
        octets_.insert(octets_.end(), octets, Octet{});
        return;
      }
      case 2:
        return sack();
      case 3:
        return lose();
      case 4:
        return repeat();
      case 5:
        if (dice_.chance(0.9)) return acknowledge();
        board_.forget_losses();
        for (Octet& o : octets_) o.is_lost = false;
        return;
      default:
        if (dice_.chance(0.9)) return;
        board_.forget_sacks();
        for (Octet& o : octets_) o.is_sacked = false;
    }
  }

  void sack() {
    const std::uint32_t size = static_cast<std::uint32_t>(octets_.size());
    const SeqNum begin = una_ + dice_.below(size);
    const SeqRange block{begin, begin + dice_.between(1, octets_between(begin, nxt()))};
    Transmission* t = board_.find(block.begin);
    while (t != nullptr && t->range.begin < block.end) {
      Transmission* const part = t->is_sacked ? nullptr : board_.part_inside(*t, block);
      if (part == nullptr) {
        t = t->links.next;
        continue;
      }
      EXPECT_TRUE(block.begin <= part->range.begin && part->range.end <= block.end);
      each(part->range, [](Octet& o) { o = {.is_sacked = true}; });
      board_.sack(*part);
      t = board_.join_sacked(*part)->links.next;
    }
  }
  void lose() {
    Transmission* const t =
        board_.find(una_ + dice_.below(static_cast<std::uint32_t>(octets_.size())));
    if (t->is_sacked) return;
    const bool is_too_big = dice_.chance(0.2);
    each(t->range,
         [is_too_big](Octet& o) { o = {.is_lost = !is_too_big, .is_too_big = is_too_big}; });
    is_too_big ? board_.find_too_big(*t) : board_.lose(*t);
  }
  void repeat() {
    const Transmission* const due = board_.first_due();
    if (due == nullptr) return;
    const std::uint32_t octets = std::min(due->octets(), dice_.between(1, 3) * kMss);
    const SeqRange range{due->range.begin, due->range.begin + octets};
    each(range, [](Octet& o) {
      o.is_repeated = o.is_lost;
      o.is_too_big = false;
    });
    board_.on_repeated(
        {.range = range, .mss = kMss, .segments = segments_of(octets, kMss), .now = now_}, {});
  }
  void acknowledge() {
    const std::uint32_t octets = dice_.between(1, static_cast<std::uint32_t>(octets_.size()));
    const SeqNum ack = una_ + octets;
    while (!board_.is_empty() && board_.begin() < ack) {
      board_.acknowledge_first(earlier_of(board_.first()->range.end, ack));
    }
    octets_.erase(octets_.begin(), octets_.begin() + octets);
    una_ = ack;
  }

  void compare() {
    const auto count = [this](auto is) {
      return static_cast<std::uint32_t>(std::ranges::count_if(octets_, is));
    };
    EXPECT_EQ(board_.outstanding(), octets_.size());
    EXPECT_EQ(board_.sacked().octets, count([](const Octet& o) { return o.is_sacked; }));
    EXPECT_EQ(board_.lost().octets, count([](const Octet& o) { return o.is_lost; }));
    EXPECT_EQ(board_.repeated().octets, count([](const Octet& o) { return o.is_repeated; }));
    // RFC 6675, 4, SetPipe(): an octet that is neither SACKed nor lost is in the network once, and
    // once more if it was sent again.
    std::uint32_t pipe = 0;
    for (const Octet& o : octets_) {
      if (!o.is_sacked && !o.is_lost && !o.is_too_big) ++pipe;
      if (o.is_repeated) ++pipe;
    }
    EXPECT_EQ(board_.in_flight(), pipe);
    const auto due = std::ranges::find_if(octets_, [](const Octet& o) {
      return !o.is_sacked && !o.is_repeated && (o.is_lost || o.is_too_big);
    });
    EXPECT_EQ(board_.has_due(), due != octets_.end());
    if (due != octets_.end() && board_.first_due() != nullptr) {
      EXPECT_EQ(octets_between(una_, board_.first_due()->range.begin), due - octets_.begin());
    }
    // Every sum of segments is of the same ranges.
    std::uint32_t segments = 0;
    std::uint32_t sacked = 0;
    for (Transmission* t = board_.first(); t != nullptr; t = t->links.next) {
      segments += t->segments;
      if (t->is_sacked) sacked += t->segments;
      EXPECT_GE(t->segments, 1U);
    }
    EXPECT_EQ(board_.outstanding_segments(), segments);
    EXPECT_EQ(board_.sacked().segments, sacked);
  }

  test::Dice dice_;
  TransmissionPool pool_{10'000};
  Scoreboard board_;
  SeqNum una_;
  std::deque<Octet> octets_;
  Instant now_ = Instant::from_ns(1);
};

TEST(Scoreboard, CountsWhatIsThere) {
  test::for_seeds(300, [](std::uint64_t seed) { Trial(seed).run(); });
}

class Board : public testing::Test {
 protected:
  Board() { board_.use(pool_); }
  void send(std::uint32_t from, std::uint32_t to) {
    board_.on_sent({.range = {SeqNum(from), SeqNum(to)},
                    .mss = kMss,
                    .segments = segments_of(to - from, kMss),
                    .now = now_},
                   {});
  }
  TransmissionPool pool_{1000};
  Scoreboard board_;
  Instant now_ = Instant::from_ns(1);
};

// A burst of any number of segments costs one record.
TEST_F(Board, WhatLeavesTogetherIsOneRange) {
  send(0, 4 * kMss);
  send(4 * kMss, 9 * kMss);
  EXPECT_EQ(board_.size(), 1U);
  EXPECT_EQ(board_.outstanding_segments(), 9U);
  now_ += 1_ms;
  send(9 * kMss, 10 * kMss);
  EXPECT_EQ(board_.size(), 2U);
}

// RFC 8985, 7.3: a probe repeats the last segment, and nothing else of the packet it left in.
TEST_F(Board, TheLastSegmentOfABurstIsRepeatedAlone) {
  send(0, 9 * kMss);
  now_ += 1_ms;
  board_.on_repeated(
      {.range = {SeqNum(8 * kMss), SeqNum(9 * kMss)}, .mss = kMss, .segments = 1, .now = now_}, {});
  EXPECT_EQ(board_.size(), 2U);
  EXPECT_EQ(board_.outstanding_segments(), 9U);
  EXPECT_EQ(board_.first()->segments, 8U);
  EXPECT_EQ(board_.first()->sent_at, Instant::from_ns(1));
  EXPECT_FALSE(board_.first()->was_repeated);
  EXPECT_EQ(board_.last()->sent_at, now_);
  EXPECT_TRUE(board_.last()->was_repeated);
}

// What is SACKed and sent all the same is not in flight.
TEST_F(Board, ARepeatedRangeThatIsSackedIsNotInFlight) {
  send(0, kMss);
  now_ += 1_ms;
  send(kMss, 2 * kMss);
  board_.sack(*board_.find(SeqNum(kMss)));
  board_.on_repeated(
      {.range = {SeqNum(kMss), SeqNum(2 * kMss)}, .mss = kMss, .segments = 1, .now = now_}, {});
  EXPECT_EQ(board_.in_flight(), kMss);
  EXPECT_EQ(board_.sacked().octets, kMss);
}

// CVE-2019-11478: blocks of single octets must not break the ranges into crumbs.
TEST_F(Board, ABlockInsideASegmentSplitsNothing) {
  send(0, 100 * kMss);
  for (std::uint32_t at = 1; at < 100 * kMss; at += 2) {
    Transmission* const t = board_.find(SeqNum(at));
    EXPECT_EQ(board_.part_inside(*t, {SeqNum(at), SeqNum(at + 1)}), nullptr);
  }
  EXPECT_LE(board_.size(), 100U);
  EXPECT_EQ(board_.sacked().octets, 0U);
}

// A block costs no more than what it brings: what is SACKed already is one range.
TEST_F(Board, NeighboursThatAreSackedBecomeOne) {
  for (std::uint32_t i = 0; i < 50; ++i) {
    send(i * kMss, (i + 1) * kMss);
    now_ += 1_ms;
  }
  for (std::uint32_t i = 1; i < 50; ++i) {
    Transmission* const t = board_.find(SeqNum(i * kMss));
    board_.sack(*t);
    board_.join_sacked(*t);
  }
  EXPECT_EQ(board_.size(), 2U);
  EXPECT_EQ(board_.sacked().segments, 49U);
}

// The pool's bound is a normal event: nothing is lost but the detail.
TEST(ScoreboardPool, WhenItIsUsedUpRangesAreNotSplit) {
  TransmissionPool pool(1);
  Scoreboard board;
  board.use(pool);
  const Sending burst{
      .range = {SeqNum(0), SeqNum(40)}, .mss = kMss, .segments = 4, .now = Instant::from_ns(1)};
  ASSERT_TRUE(board.on_sent(burst, {}));
  EXPECT_EQ(board.part_inside(*board.first(), {SeqNum(10), SeqNum(20)}), nullptr);
  EXPECT_FALSE(board.has_room_for(Instant::from_ns(2), kMss));
  EXPECT_TRUE(board.has_room_for(Instant::from_ns(1), kMss)) << "it would be joined";
  board.lose(*board.first());
  EXPECT_EQ(board.in_flight(), 0U);
}

}  // namespace
}  // namespace tuntcp::tcp::recovery
