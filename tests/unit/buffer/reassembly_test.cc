// Segments out of order: RFC 9293, 3.10.7.4, seventh; the blocks told to the peer: RFC 2018, 4;
// duplicates: RFC 2883, 4.
#include "stack/buffer/reassembly.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "stack/base/random.h"
#include "stack/buffer/receive_buffer.h"
#include "tests/unit/buffer/stream.h"

namespace tuntcp {

void PrintTo(const SeqRange& range, std::ostream* out) {
  *out << '[' << range.begin.value() << ", " << range.end.value() << ')';
}

}  // namespace tuntcp

namespace tuntcp::buffer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

constexpr std::uint32_t kBlock = 256 * 1024;
constexpr std::uint32_t kPacket = 66'000;
constexpr std::size_t kLimit = 512 * kBlock;

// Where rcv.nxt is, so that what the tests insert lies around the places where numbers wrap.
class ReassemblyTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  SeqNum seq(std::uint32_t position) const { return SeqNum(GetParam() + position); }
  SeqRange range(std::uint32_t begin, std::uint32_t end) const { return {seq(begin), seq(end)}; }

  std::optional<SeqRange> insert(std::uint32_t begin, std::uint32_t end) {
    return reassembly_.insert(seq(begin), packet(arena_, begin, end - begin));
  }
  std::vector<SeqRange> sack_blocks() const {
    std::array<SeqRange, 4> blocks;
    const std::size_t count = reassembly_.sack_blocks(blocks);
    return {blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(count)};
  }
  // All that follows `position` without a hole.
  std::vector<std::uint8_t> take(std::uint32_t position) {
    std::vector<std::uint8_t> all;
    while (auto piece = reassembly_.take(seq(position))) {
      EXPECT_FALSE(piece->is_empty());
      position += piece->size();
      all.insert(all.end(), piece->data(), piece->data() + piece->size());
    }
    return all;
  }

  Arena arena_{kBlock, kPacket, kLimit};
  Reassembly reassembly_;
};

TEST_P(ReassemblyTest, EmptyOneHasNothing) {
  EXPECT_TRUE(reassembly_.is_empty());
  EXPECT_EQ(reassembly_.octets(), 0u);
  EXPECT_EQ(reassembly_.memory(), 0u);
  EXPECT_THAT(sack_blocks(), IsEmpty());
  EXPECT_EQ(reassembly_.take(seq(0)), std::nullopt);
  EXPECT_EQ(reassembly_.insert(seq(5), {}), std::nullopt);
  EXPECT_TRUE(reassembly_.is_empty());
}

TEST_P(ReassemblyTest, SegmentWaitsUntilTheHoleBeforeItIsFilled) {
  EXPECT_EQ(insert(1'000, 2'000), std::nullopt);

  EXPECT_EQ(reassembly_.take(seq(999)), std::nullopt);
  EXPECT_EQ(take(1'000), stream(1'000, 1'000));
  EXPECT_TRUE(reassembly_.is_empty());
  EXPECT_EQ(reassembly_.memory(), 0u);
  EXPECT_EQ(arena_.octets_in_use(), 0u);
}

// The segment that fills the hole may reach into or beyond what is held.
TEST_P(ReassemblyTest, TakingSkipsWhatHasArrivedInOrderMeanwhile) {
  insert(1'000, 2'000);
  insert(2'000, 3'000);
  insert(4'000, 5'000);

  EXPECT_EQ(take(2'500), stream(2'500, 500));
  EXPECT_EQ(take(4'999), stream(4'999, 1));
  insert(6'000, 7'000);
  EXPECT_EQ(take(7'000), stream(0, 0));
  EXPECT_TRUE(reassembly_.is_empty());
  insert(9'000, 9'500);
  EXPECT_EQ(take(9'900), stream(0, 0));
  EXPECT_TRUE(reassembly_.is_empty()) << "nothing below rcv.nxt may stay";
}

TEST_P(ReassemblyTest, NeighboursBecomeOneRun) {
  insert(1'000, 2'000);
  insert(3'000, 4'000);
  insert(2'000, 3'000);

  EXPECT_THAT(sack_blocks(), ElementsAre(range(1'000, 4'000)));
  EXPECT_EQ(reassembly_.octets(), 3'000u);
  EXPECT_EQ(reassembly_.right_edge(), seq(4'000));
  EXPECT_EQ(take(1'000), stream(1'000, 3'000));
}

TEST_P(ReassemblyTest, SegmentBeforeARunIsPutInFrontOfIt) {
  insert(3'000, 4'000);
  EXPECT_EQ(insert(2'000, 3'000), std::nullopt);
  EXPECT_THAT(insert(900, 2'500), Optional(range(2'000, 2'500)));

  EXPECT_THAT(sack_blocks(), ElementsAre(range(900, 4'000)));
  EXPECT_EQ(take(900), stream(900, 3'100));
}

TEST_P(ReassemblyTest, SegmentOverSeveralRunsFillsTheHolesBetween) {
  insert(1'000, 2'000);
  insert(3'000, 4'000);
  insert(5'000, 6'000);

  EXPECT_THAT(insert(500, 6'500), Optional(range(1'000, 2'000))) << "the first of three";

  EXPECT_THAT(sack_blocks(), ElementsAre(range(500, 6'500)));
  EXPECT_EQ(reassembly_.octets(), 6'000u);
  EXPECT_EQ(take(500), stream(500, 6'000));
}

// RFC 2883, 4.1: a whole segment that is held already is reported as it came.
TEST_P(ReassemblyTest, DuplicateSegmentIsReportedWhole) {
  insert(1'000, 3'000);
  const std::uint32_t memory = reassembly_.memory();

  EXPECT_THAT(insert(1'000, 3'000), Optional(range(1'000, 3'000)));
  EXPECT_THAT(insert(1'500, 2'000), Optional(range(1'500, 2'000)));

  EXPECT_EQ(reassembly_.octets(), 2'000u);
  EXPECT_EQ(reassembly_.memory(), memory);
}

// RFC 2883, 4.2: of a segment that is held in part, the part.
TEST_P(ReassemblyTest, PartOfASegmentHeldBeforeIsReported) {
  insert(1'000, 2'000);

  EXPECT_THAT(insert(1'500, 2'500), Optional(range(1'500, 2'000)));
  EXPECT_THAT(insert(500, 1'001), Optional(range(1'000, 1'001)));
  EXPECT_EQ(insert(2'500, 3'000), std::nullopt) << "touches, does not overlap";
  EXPECT_EQ(insert(400, 500), std::nullopt);
}

// Octets that could be changed after they were looked at are an attack on whoever looks.
TEST_P(ReassemblyTest, OctetsHeldFirstWin) {
  insert(1'000, 2'000);
  const std::vector<std::uint8_t> other(2'000, 0xee);

  reassembly_.insert(seq(500), packet(arena_, other));

  auto expected = stream(500, 2'000);
  std::fill_n(expected.begin(), 500, 0xee);
  std::fill_n(expected.begin() + 1'500, 500, 0xee);
  EXPECT_EQ(take(500), expected);
}

// RFC 2018, 4: the first block is that of the segment just arrived, then the latest before it.
TEST_P(ReassemblyTest, SackBlocksBeginWithTheMostRecentlyChanged) {
  insert(1'000, 1'100);
  insert(2'000, 2'100);
  insert(3'000, 3'100);
  EXPECT_THAT(sack_blocks(),
              ElementsAre(range(3'000, 3'100), range(2'000, 2'100), range(1'000, 1'100)));

  insert(1'100, 1'200);
  EXPECT_THAT(sack_blocks(),
              ElementsAre(range(1'000, 1'200), range(3'000, 3'100), range(2'000, 2'100)));

  insert(4'000, 4'100);
  insert(5'000, 5'100);
  EXPECT_THAT(sack_blocks(), ElementsAre(range(5'000, 5'100), range(4'000, 4'100),
                                         range(1'000, 1'200), range(3'000, 3'100)));
}

TEST_P(ReassemblyTest, DuplicateMakesItsRunTheFirstSackBlock) {
  insert(1'000, 1'100);
  insert(2'000, 2'100);

  insert(1'050, 1'060);

  EXPECT_THAT(sack_blocks(), ElementsAre(range(1'000, 1'100), range(2'000, 2'100)));
}

// What Linux does: a block that became part of another, or was taken, makes no room for an older
// one.
TEST_P(ReassemblyTest, FourLatestBlocksAreRemembered) {
  for (std::uint32_t i = 1; i <= 5; ++i) insert(1'000 * i, 1'000 * i + 100);

  insert(4'100, 5'000);

  EXPECT_THAT(sack_blocks(),
              ElementsAre(range(4'000, 5'100), range(3'000, 3'100), range(2'000, 2'100)));
  EXPECT_EQ(take(2'050), stream(2'050, 50)) << "and what lies before it is given up";
  EXPECT_THAT(sack_blocks(), ElementsAre(range(4'000, 5'100), range(3'000, 3'100)));
}

TEST_P(ReassemblyTest, PlaceOfTheChangedBlockBeforeIsKnown) {
  insert(1'000, 1'100);
  EXPECT_EQ(reassembly_.place_before(), 0u) << "behind all of none";
  insert(2'000, 2'100);
  EXPECT_EQ(reassembly_.place_before(), 1u);
  insert(3'000, 3'100);
  EXPECT_EQ(reassembly_.place_before(), 2u);
  insert(3'100, 3'200);
  EXPECT_EQ(reassembly_.place_before(), 0u);
  insert(1'100, 1'200);
  EXPECT_EQ(reassembly_.place_before(), 2u);
  insert(2'100, 3'000);
  EXPECT_EQ(reassembly_.place_before(), 1u) << "of two that are one now the later";
}

// RFC 2883, 4.2: text in order that reaches into what is held.
TEST_P(ReassemblyTest, PartOfTheFirstRunBelowIsKnown) {
  EXPECT_EQ(reassembly_.part_below(seq(2'000)), std::nullopt);
  insert(3'000, 4'000);
  insert(1'000, 2'000);
  EXPECT_EQ(reassembly_.part_below(seq(1'000)), std::nullopt);
  EXPECT_THAT(reassembly_.part_below(seq(1'001)), Optional(range(1'000, 1'001)));
  EXPECT_THAT(reassembly_.part_below(seq(3'500)), Optional(range(1'000, 2'000)));
}

// A peer that leaves a hole before every octet: forwards, backwards, from both ends, and over all
// of it again.
TEST_P(ReassemblyTest, HolesAreAsManyAsThePeerLikes) {
  constexpr std::uint32_t kHoles = 20'000;
  for (std::uint32_t i = 0; i < kHoles; ++i) {
    const std::uint32_t place = i % 2 == 0 ? i / 2 : kHoles - 1 - i / 2;
    EXPECT_EQ(insert(1'000 + 2 * place, 1'001 + 2 * place), std::nullopt);
  }
  EXPECT_EQ(reassembly_.octets(), kHoles);
  EXPECT_EQ(reassembly_.right_edge(), seq(999 + 2 * kHoles));
  EXPECT_THAT(
      sack_blocks(),
      ElementsAre(range(1'000 + kHoles, 1'001 + kHoles), range(998 + kHoles, 999 + kHoles),
                  range(1'002 + kHoles, 1'003 + kHoles), range(996 + kHoles, 997 + kHoles)));

  EXPECT_THAT(insert(999, 999 + 2 * kHoles), Optional(range(1'000, 1'001)));

  EXPECT_THAT(sack_blocks(), ElementsAre(range(999, 999 + 2 * kHoles)));
  EXPECT_EQ(take(999), stream(999, 2 * kHoles));
  EXPECT_EQ(arena_.octets_in_use(), 0u);
}

TEST_P(ReassemblyTest, ShrinkingDropsWholeRunsFromTheFarEnd) {
  insert(1'000, 2'000);
  const std::uint32_t one = reassembly_.memory();
  insert(3'000, 4'000);
  const std::uint32_t two = reassembly_.memory();
  insert(5'000, 6'000);

  reassembly_.shrink_to(reassembly_.memory());
  EXPECT_EQ(reassembly_.octets(), 3'000u);
  reassembly_.shrink_to(reassembly_.memory() - 1);
  EXPECT_EQ(reassembly_.octets(), 2'000u);
  EXPECT_EQ(reassembly_.memory(), two);
  EXPECT_EQ(reassembly_.right_edge(), seq(4'000));
  reassembly_.shrink_to(one);
  EXPECT_THAT(sack_blocks(), ElementsAre(range(1'000, 2'000)));
  reassembly_.shrink_to(one - 1);
  EXPECT_TRUE(reassembly_.is_empty());
  EXPECT_EQ(reassembly_.memory(), 0u);
  EXPECT_EQ(arena_.octets_in_use(), 0u);
  insert(7'000, 7'010);
  EXPECT_THAT(sack_blocks(), ElementsAre(range(7'000, 7'010)));
}

TEST_P(ReassemblyTest, ClearGivesEverythingBack) {
  insert(1'000, 60'000);
  insert(61'000, 61'010);

  reassembly_.clear();

  EXPECT_TRUE(reassembly_.is_empty());
  EXPECT_EQ(reassembly_.octets(), 0u);
  EXPECT_EQ(reassembly_.memory(), 0u);
  EXPECT_EQ(arena_.octets_in_use(), 0u);
}

TEST_P(ReassemblyTest, LargeSegmentIsNotCopied) {
  const Slice payload = packet(arena_, 1'000, 50'000);
  reassembly_.insert(seq(1'000), payload);

  const auto piece = reassembly_.take(seq(1'000));
  ASSERT_TRUE(piece.has_value());
  EXPECT_EQ(piece->data(), payload.data());
}

// Many holes, each segment alone in its block among the traffic of others.
TEST_P(ReassemblyTest, SegmentsPinNoMoreThanTheDocumentedBound) {
  std::uint32_t position = 1'000;
  for (const std::uint32_t octets : {1u, 513u, 1'448u, 30'000u, 33'000u, 65'000u}) {
    for (int i = 0; i < 10; ++i) {
      insert(position, position + octets);
      position += octets + 100;
      pass_block(arena_, kBlock);
      ASSERT_LE(arena_.octets_in_use(), SliceQueue::kPinShare * reassembly_.memory());
    }
  }
}

TEST_P(ReassemblyTest, SmallSegmentsOfOneRunShareChunks) {
  for (std::uint32_t i = 0; i < 100; ++i) insert(1'000 + i * 60, 1'060 + i * 60);

  EXPECT_EQ(reassembly_.octets(), 6'000u);
  EXPECT_EQ(arena_.octets_in_use(), 4u * Arena::kChunkOctets);
  EXPECT_LE(reassembly_.memory(), 4 * Arena::kChunkOctets + 5 * Arena::kNodeOctets);
}

// What comes out goes into the receive buffer, which writes behind it only if it is alone there.
TEST_P(ReassemblyTest, TakenOctetsAreSafeInTheReceiveBuffer) {
  ReceiveBuffer buffer;
  insert(100, 400);
  insert(400, 1'400);
  insert(1'500, 1'600);
  std::uint32_t position = 100;
  while (auto piece = reassembly_.take(seq(position))) {
    position += piece->size();
    buffer.push(std::move(*piece));
  }
  ASSERT_EQ(position, 1'400u);
  insert(1'600, 1'700);
  buffer.push(packet(arena_, 1'400, 100));
  position = 1'500;
  while (auto piece = reassembly_.take(seq(position))) {
    position += piece->size();
    buffer.push(std::move(*piece));
  }

  std::vector<std::uint8_t> out(5'000);
  out.resize(buffer.read(out));
  EXPECT_EQ(out, stream(100, 1'600));
}

TEST_P(ReassemblyTest, ChunkThatTwoShareIsWrittenByNeither) {
  ReceiveBuffer one;
  ReceiveBuffer two;
  insert(100, 800);
  {
    const auto piece = reassembly_.take(seq(100));
    ASSERT_TRUE(piece.has_value());
    one.push(*piece);
    two.push(*piece);
  }

  one.push(packet(arena_, 800, 100));
  two.push(packet(arena_, 5'000, 100));

  std::vector<std::uint8_t> out(800);
  EXPECT_EQ(one.read(out), 800u);
  EXPECT_EQ(out, stream(100, 800));
}

// Every octet in an array of its own, with a flag that says whether it is held.
class Model {
 public:
  struct Run {
    std::uint32_t begin, end;
  };

  explicit Model(std::uint32_t octets) : octets_(octets), is_held_(octets + 1, kNo) {}

  // Returns the first range of the segment that was held.
  std::optional<std::pair<std::uint32_t, std::uint32_t>> insert(
      std::uint32_t begin, const std::vector<std::uint8_t>& octets) {
    const std::uint32_t end = begin + static_cast<std::uint32_t>(octets.size());
    const std::uint32_t first = std::min(find(kYes, begin), end);
    const std::uint32_t last = std::min(find(kNo, first), end);
    for (std::uint32_t i = find(kNo, begin); i < end;) {
      const std::uint32_t hole_end = std::min(find(kYes, i), end);
      std::copy(octets.begin() + (i - begin), octets.begin() + (hole_end - begin),
                octets_.begin() + i);
      i = find(kNo, hole_end);
    }
    std::fill(is_held_.begin() + begin, is_held_.begin() + end, kYes);
    forget([&](std::uint32_t held) { return run_at(held).begin == run_at(begin).begin; });
    latest_.insert(latest_.begin(), begin);
    if (latest_.size() > 4) latest_.pop_back();
    if (first == last) return std::nullopt;
    return std::pair(first, last);
  }
  // All that follows `position` without a hole; what is below is forgotten.
  std::vector<std::uint8_t> take(std::uint32_t position) {
    const std::uint32_t end = find(kNo, position);
    std::fill(is_held_.begin(), is_held_.begin() + end, kNo);
    forget([&](std::uint32_t held) { return held < end; });
    return {octets_.begin() + position, octets_.begin() + end};
  }
  void drop_from(std::uint32_t position) {
    std::fill(is_held_.begin() + position, is_held_.end(), kNo);
    forget([&](std::uint32_t held) { return held >= position; });
  }
  std::vector<Run> runs() const {
    std::vector<Run> all;
    for (std::uint32_t i = find(kYes, 0); i < octets_.size(); i = find(kYes, i)) {
      const std::uint32_t end = find(kNo, i);
      all.push_back({i, end});
      i = end;
    }
    return all;
  }
  // The runs changed last, the latest first: at most four, and none for one that has gone.
  std::vector<Run> latest() const {
    std::vector<Run> runs;
    for (const std::uint32_t held : latest_) runs.push_back(run_at(held));
    return runs;
  }

 private:
  static constexpr std::uint8_t kNo = 0;
  static constexpr std::uint8_t kYes = 1;

  std::uint32_t find(std::uint8_t flag, std::uint32_t from) const {
    const void* found = std::memchr(is_held_.data() + from, flag, octets_.size() - from);
    if (found == nullptr) return static_cast<std::uint32_t>(octets_.size());
    return static_cast<std::uint32_t>(static_cast<const std::uint8_t*>(found) - is_held_.data());
  }

  Run run_at(std::uint32_t held) const {
    std::uint32_t begin = held;
    while (begin > 0 && is_held_[begin - 1] == kYes) --begin;
    return {begin, find(kNo, held)};
  }
  void forget(const auto& is_gone) { std::erase_if(latest_, is_gone); }

  std::vector<std::uint8_t> octets_;
  std::vector<std::uint8_t> is_held_;
  std::vector<std::uint32_t> latest_;  // an octet of each
};

struct Setup {
  std::uint64_t seed;
  std::uint32_t origin;
  std::uint32_t segment_octets;  // at most
  std::uint32_t window;
};

class ReassemblyRandom : public ::testing::TestWithParam<Setup> {
 protected:
  std::uint32_t below(std::uint64_t limit) {
    return static_cast<std::uint32_t>(random_.next() % limit);
  }
  SeqNum seq(std::uint32_t position) const { return SeqNum(GetParam().origin + position); }
  void insert_somewhere(std::uint8_t salt);
  void raise_rcv_nxt();
  void shrink();
  void compare();

  SeededRandom random_{GetParam().seed};
  Arena arena_{kBlock, kPacket, kLimit};
  Reassembly reassembly_;
  Model model_{8 * GetParam().window};
  std::uint32_t rcv_nxt_ = 0;
  std::size_t octets_taken_ = 0;
};

void ReassemblyRandom::insert_somewhere(std::uint8_t salt) {
  const std::uint32_t window = GetParam().window;
  const std::uint32_t begin = rcv_nxt_ + 1 + below(window - 1);
  const std::uint32_t octets =
      std::min(1 + below(GetParam().segment_octets), rcv_nxt_ + window - begin);
  if (octets == 0) return;
  auto payload = stream(begin, octets);
  payload.front() ^= salt;
  payload[octets / 2] ^= salt;
  payload.back() ^= salt;

  const auto expected = model_.insert(begin, payload);
  const auto duplicate = reassembly_.insert(seq(begin), packet(arena_, payload));

  ASSERT_EQ(duplicate.has_value(), expected.has_value());
  if (expected) {
    ASSERT_EQ(*duplicate, (SeqRange{seq(expected->first), seq(expected->second)}));
  }
  if (below(4) == 0) packet(arena_, 0, 30'000);
}

void ReassemblyRandom::raise_rcv_nxt() {
  rcv_nxt_ += below(GetParam().window / 8);
  std::uint32_t position = rcv_nxt_;
  std::vector<std::uint8_t> taken;
  while (auto piece = reassembly_.take(seq(position))) {
    taken.insert(taken.end(), piece->data(), piece->data() + piece->size());
    position += piece->size();
  }
  ASSERT_EQ(taken, model_.take(rcv_nxt_));
  rcv_nxt_ = position;
  octets_taken_ += taken.size();
}

void ReassemblyRandom::shrink() {
  const std::uint32_t limit = below(reassembly_.memory() + 1);
  reassembly_.shrink_to(limit);
  ASSERT_LE(reassembly_.memory(), limit);
  std::uint32_t kept_to = rcv_nxt_;
  for (const auto& run : model_.runs()) {
    if (!reassembly_.is_empty() && seq(run.end) <= reassembly_.right_edge()) kept_to = run.end;
  }
  model_.drop_from(kept_to);
}

void ReassemblyRandom::compare() {
  const auto runs = model_.runs();
  ASSERT_EQ(reassembly_.is_empty(), runs.empty());
  ASSERT_EQ(reassembly_.memory() == 0, runs.empty());
  std::uint32_t octets = 0;
  for (const auto& run : runs) octets += run.end - run.begin;
  ASSERT_EQ(reassembly_.octets(), octets);
  ASSERT_GE(reassembly_.memory(), octets);
  ASSERT_LE(arena_.octets_in_use(), SliceQueue::kPinShare * reassembly_.memory());
  if (!runs.empty()) {
    ASSERT_EQ(reassembly_.right_edge(), seq(runs.back().end));
  }

  const auto latest = model_.latest();
  std::array<SeqRange, Reassembly::kMaxBlocks> blocks;
  ASSERT_EQ(reassembly_.sack_blocks(blocks), latest.size());
  for (std::size_t i = 0; i < latest.size(); ++i) {
    ASSERT_EQ(blocks[i], (SeqRange{seq(latest[i].begin), seq(latest[i].end)}));
  }
}

TEST_P(ReassemblyRandom, AgreesWithAModelOfSingleOctets) {
  const std::uint32_t window = GetParam().window;
  for (int step = 0; step < 2'000 && rcv_nxt_ < 6 * window; ++step) {
    ASSERT_NO_FATAL_FAILURE(insert_somewhere(static_cast<std::uint8_t>(step)));
    ASSERT_NO_FATAL_FAILURE(compare());
    if (below(100) == 0) {
      ASSERT_NO_FATAL_FAILURE(raise_rcv_nxt());
      ASSERT_NO_FATAL_FAILURE(compare());
    }
    if (below(400) == 0) {
      ASSERT_NO_FATAL_FAILURE(shrink());
      ASSERT_NO_FATAL_FAILURE(compare());
    }
  }
  EXPECT_GT(octets_taken_, 0u);
  reassembly_.clear();
  EXPECT_EQ(arena_.octets_in_use(), 0u);
}

constexpr std::uint32_t kOrigins[] = {0, 0x7fff'f000, 0xffff'f000, 0x7fff'fffe, 0xffff'fffe};
INSTANTIATE_TEST_SUITE_P(Origins, ReassemblyTest, ::testing::ValuesIn(kOrigins));

constexpr Setup kSetups[] = {{1, 0, 10, 9'000},
                             {2, 0xffff'c000, 10, 9'000},
                             {3, 0x7fff'c000, 1'448, 100'000},
                             {4, 0xfffc'0000, 1'448, 100'000},
                             {5, 0x7ff8'0000, 65'000, 400'000},
                             {6, 0xfff8'0000, 65'000, 400'000}};
INSTANTIATE_TEST_SUITE_P(Seeds, ReassemblyRandom, ::testing::ValuesIn(kSetups),
                         [](const auto& setup) {
                           return "Seed" + std::to_string(setup.param.seed);
                         });

}  // namespace
}  // namespace tuntcp::buffer
