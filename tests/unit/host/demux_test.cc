#include "stack/host/demux.h"

#include <algorithm>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tuntcp {
namespace {

using Entry = Demux::Entry;
using Kind = Demux::Kind;

constexpr SipKey kKey{.k0 = 1, .k1 = 2};

// The n-th of many different tuples: servers on port 80 with clients all over.
FourTuple tuple(std::uint32_t n) {
  return {.local = {.address = IpAddress::v4(0xC6336401), .port = 80},
          .remote = {.address = IpAddress::v4(0xCB007100 + n / 50000),
                     .port = static_cast<Port>(1024 + n % 50000)}};
}

// A table together with the objects it points at: object `index` has the tuple of that number.
struct Table {
  Demux demux{kKey};
  mutable std::uint64_t comparisons = 0;

  static Entry entry(std::uint32_t n) { return {.kind = Kind::tcb, .index = n}; }
  void insert(std::uint32_t n) { demux.insert(tuple(n), entry(n)); }
  void erase(std::uint32_t n) { demux.erase(tuple(n), entry(n)); }
  std::optional<Entry> find(const FourTuple& wanted) const {
    return demux.find(wanted, [this](Entry e, const FourTuple& t) {
      ++comparisons;
      return tuple(e.index) == t;
    });
  }
  bool has(std::uint32_t n) const { return find(tuple(n)) == entry(n); }
};

TEST(Demux, FindsNothingInAnEmptyTable) {
  EXPECT_EQ(Table().find(tuple(1)), std::nullopt);
}

TEST(Demux, FindsWhatWasInsertedAndNothingElse) {
  Table table;
  table.insert(7);
  EXPECT_TRUE(table.has(7));
  EXPECT_EQ(table.find(tuple(8)), std::nullopt);
  EXPECT_EQ(table.find(tuple(7).reversed()), std::nullopt);
  EXPECT_EQ(table.demux.size(), 1U);
}

TEST(Demux, ForgetsWhatWasErased) {
  Table table;
  table.insert(7);
  table.erase(7);
  EXPECT_EQ(table.find(tuple(7)), std::nullopt);
  EXPECT_EQ(table.demux.size(), 0U);
}

// A half-open connection is promoted, and ends in TIME-WAIT: the place stays, the object changes.
TEST(Demux, ReplacesTheObjectOfATuple) {
  Demux demux(kKey);
  const auto any = [](Entry, const FourTuple&) { return true; };
  const Entry half_open{.kind = Kind::half_open, .index = 5};
  const Entry tcb{.kind = Kind::tcb, .index = 0};
  const Entry time_wait{.kind = Kind::time_wait, .index = (1U << 30) - 1};

  demux.insert(tuple(1), half_open);
  EXPECT_EQ(demux.find(tuple(1), any), half_open);
  demux.replace(tuple(1), half_open, tcb);
  EXPECT_EQ(demux.find(tuple(1), any), tcb);
  demux.replace(tuple(1), tcb, time_wait);
  EXPECT_EQ(demux.find(tuple(1), any), time_wait);
  EXPECT_EQ(demux.size(), 1U);
}

// Slabs of different kinds have the same indices.
TEST(Demux, TellsKindsWithOneIndexApart) {
  Demux demux(kKey);
  const Entry tcb{.kind = Kind::tcb, .index = 3};
  const Entry time_wait{.kind = Kind::time_wait, .index = 3};
  const auto is = [](std::uint32_t n, Entry wanted) {
    return [n, wanted](Entry e, const FourTuple& t) { return e == wanted && t == tuple(n); };
  };
  demux.insert(tuple(1), tcb);
  demux.insert(tuple(2), time_wait);
  demux.erase(tuple(1), tcb);
  EXPECT_EQ(demux.find(tuple(1), is(1, tcb)), std::nullopt);
  EXPECT_EQ(demux.find(tuple(2), is(2, time_wait)), time_wait);
}

// Tuples whose home is one of the last two or first two of 64 slots, so that their run wraps
// around the end of the table.
std::vector<std::uint32_t> numbers_around_the_end(std::size_t count) {
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t n = 0; numbers.size() < count; ++n) {
    const std::uint64_t home = siphash(kKey, tuple(n)) & 63;
    if (home >= 62 || home <= 1) numbers.push_back(n);
  }
  return numbers;
}

// Backward shift is easy to get wrong where a run wraps: erase any of twelve, in any order.
TEST(Demux, ErasingFromARunThatWrapsKeepsTheRestFindable) {
  const std::vector<std::uint32_t> numbers = numbers_around_the_end(12);
  std::mt19937 order(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::uint32_t> left = numbers;
    std::shuffle(left.begin(), left.end(), order);
    Table table;
    for (const std::uint32_t n : left) table.insert(n);
    ASSERT_EQ(table.demux.capacity(), 64U);
    std::shuffle(left.begin(), left.end(), order);
    while (!left.empty()) {
      table.erase(left.back());
      ASSERT_EQ(table.find(tuple(left.back())), std::nullopt);
      left.pop_back();
      for (const std::uint32_t n : left) ASSERT_TRUE(table.has(n)) << "in round " << round;
    }
  }
}

// Two tuples with the same 32 bits of hash (among 200,000 there are some): the cached hash cannot
// tell them apart, only the objects can.
TEST(Demux, TellsTuplesWithEqualHashesApart) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> hashes;  // and numbers
  for (std::uint32_t n = 0; n < 200'000; ++n) {
    hashes.emplace_back(static_cast<std::uint32_t>(siphash(kKey, tuple(n))), n);
  }
  std::ranges::sort(hashes);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
  for (std::size_t i = 1; i < hashes.size(); ++i) {
    if (hashes[i - 1].first == hashes[i].first) {
      pairs.emplace_back(hashes[i - 1].second, hashes[i].second);
    }
  }
  ASSERT_FALSE(pairs.empty());

  for (const auto& [a, b] : pairs) {
    Table table;
    table.insert(a);
    EXPECT_EQ(table.find(tuple(b)), std::nullopt);
    table.insert(b);
    EXPECT_TRUE(table.has(a));
    EXPECT_TRUE(table.has(b));
    table.erase(a);
    EXPECT_EQ(table.find(tuple(a)), std::nullopt);
    EXPECT_TRUE(table.has(b));
  }
}

TEST(Demux, GrowsBeforeItIsMoreThanSeventyPercentFullAndKeepsEverything) {
  Table table;
  for (std::uint32_t n = 0; n < 10'000; ++n) {
    table.insert(n);
    ASSERT_LE(table.demux.size() * 10, table.demux.capacity() * 7);
  }
  EXPECT_EQ(table.demux.capacity(), 16384U);  // 10,000 are 61 % of it and 122 % of half of it
  for (std::uint32_t n = 0; n < 10'000; ++n) ASSERT_TRUE(table.has(n));
  EXPECT_EQ(table.find(tuple(10'000)), std::nullopt);
}

// Against a std::map, 60,000 random steps around a few thousand connections.
TEST(Demux, DoesWhatAMapDoes) {
  std::mt19937 random(42);
  Table table;
  std::map<std::uint32_t, Entry> model;
  std::uint64_t found = 0;
  for (int step = 0; step < 60'000; ++step) {
    const std::uint32_t n = static_cast<std::uint32_t>(random() % 6000);
    const auto known = model.find(n);
    switch (random() % 4) {
      case 0:
        if (known == model.end()) {
          table.insert(n);
          model.emplace(n, Table::entry(n));
        }
        break;
      case 1:
        if (known != model.end()) {
          table.demux.erase(tuple(n), known->second);
          model.erase(known);
        }
        break;
      case 2:
        if (known != model.end()) {
          const auto kind = static_cast<Kind>(1 + random() % 3);
          table.demux.replace(tuple(n), known->second, {.kind = kind, .index = n});
          known->second.kind = kind;
        }
        break;
      default:
        const auto entry = table.find(tuple(n));
        ASSERT_EQ(entry.has_value(), known != model.end());
        if (entry) {
          ASSERT_EQ(*entry, known->second);
          ++found;
        }
    }
    ASSERT_EQ(table.demux.size(), model.size());
  }
  EXPECT_GT(found, 5'000U);
  for (const auto& [n, entry] : model) ASSERT_EQ(table.find(tuple(n)), entry);
}

// The objects are cache misses: strangers must not cost one.
TEST(Demux, LooksAtHardlyAnyObjectButTheRightOne) {
  Table table;
  for (std::uint32_t n = 0; n < 40'000; ++n) table.insert(n);
  table.comparisons = 0;
  for (std::uint32_t n = 0; n < 40'000; ++n) ASSERT_TRUE(table.has(n));
  EXPECT_LE(table.comparisons, 40'003U);
  table.comparisons = 0;
  for (std::uint32_t n = 40'000; n < 80'000; ++n) ASSERT_FALSE(table.has(n));
  EXPECT_LE(table.comparisons, 3U);
}

TEST(Demux, KeepsTuplesOfBothFamiliesApart) {
  FourTuple six;
  six.local = {.address = *IpAddress::parse("2001:db8::1"), .port = 80};
  six.remote = {.address = *IpAddress::parse("2001:db8::2"), .port = 1024};
  const std::vector<FourTuple> tuples{tuple(0), six, six.reversed()};
  const auto matches = [&](Entry e, const FourTuple& t) { return tuples[e.index] == t; };
  Demux demux(kKey);
  for (std::uint32_t i = 0; i < tuples.size(); ++i) demux.insert(tuples[i], Table::entry(i));
  for (std::uint32_t i = 0; i < tuples.size(); ++i) {
    EXPECT_EQ(demux.find(tuples[i], matches), Table::entry(i));
  }
}

// Half-open connections and TIME-WAIT of the two families lie in slabs of their own, so their
// indices are the same; whichever comes first in a run, each must be replaced for itself.
TEST(Demux, TellsOneIndexOfTwoFamiliesApart) {
  const FourTuple four = tuple(0);
  const FourTuple six{.local = {.address = *IpAddress::parse("2001:db8::1"), .port = 80},
                      .remote = {.address = *IpAddress::parse("2001:db8::2"), .port = 1024}};
  const Entry half_open{.kind = Kind::half_open, .index = 0};
  const Entry tcb{.kind = Kind::tcb, .index = 0};
  // Two hashes are never equal here: the first entry of the right hash is the tuple's own.
  const auto any = [](Entry, const FourTuple&) { return true; };
  // Under one key in 64 the two want the same slot.
  for (std::uint64_t key = 0; key < 1000; ++key) {
    Demux demux({.k0 = key, .k1 = 0});
    demux.insert(four, half_open);
    demux.insert(six, half_open);
    demux.replace(six, half_open, tcb);
    ASSERT_EQ(demux.find(four, any), half_open) << key;
    ASSERT_EQ(demux.find(six, any), tcb) << key;
    demux.erase(four, half_open);
    ASSERT_EQ(demux.find(four, any), std::nullopt) << key;
    ASSERT_EQ(demux.find(six, any), tcb) << key;
  }
}

// Erasing what is not there would corrupt the count: our own mistake, and a loud one.
TEST(DemuxDeathTest, ErasingAStrangerAborts) {
  Table table;
  table.insert(1);
  EXPECT_DEATH(table.erase(2), "");
}

}  // namespace
}  // namespace tuntcp
