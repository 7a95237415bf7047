// Packets are carved one behind the other, blocks are reused while they are warm, and the limit
// holds.
#include "stack/buffer/arena.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <utility>
#include <vector>

#include "stack/base/random.h"
#include "tests/unit/buffer/stream.h"

namespace tuntcp::buffer {
namespace {

constexpr std::uint32_t kBlock = 256 * 1024;
constexpr std::uint32_t kPacket = 66'000;

TEST(Arena, HoldsNothingBeforeTheFirstPacket) {
  Arena arena(kBlock, kPacket, 8 * kBlock);

  EXPECT_EQ(arena.octets_allocated(), 0u);
  EXPECT_EQ(arena.octets_in_use(), 0u);
}

TEST(Arena, ReserveOffersRoomForTheLargestPacketOnACacheLine) {
  Arena arena(kBlock, kPacket, 8 * kBlock);

  const MutableBytes room = arena.reserve();

  EXPECT_EQ(room.size(), kPacket);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(room.data()) % 64, 0u);
  EXPECT_EQ(arena.octets_allocated(), kBlock);
}

TEST(Arena, CommitSkipsTheHeaderAndReturnsTheOctetsInPlace) {
  Arena arena(kBlock, kPacket, 8 * kBlock);
  const MutableBytes room = arena.reserve();
  room[12] = 0x45;

  Slice slice = arena.commit(40, 12);

  EXPECT_EQ(slice.data(), room.data() + 12);
  EXPECT_EQ(slice.size(), 40u);
  EXPECT_EQ(slice.bytes()[0], 0x45);
}

TEST(Arena, ReserveWithoutCommitOffersTheSamePlaceAgain) {
  Arena arena(kBlock, kPacket, 8 * kBlock);
  const std::uint8_t* first = arena.reserve().data();

  EXPECT_EQ(arena.reserve().data(), first);
  EXPECT_TRUE(arena.commit(0).is_empty());
  EXPECT_EQ(arena.reserve().data(), first);
}

// A packet of 60 octets must not cost 64 KB.
TEST(Arena, SmallPacketsAreCarvedOneBehindTheOther) {
  Arena arena(kBlock, kPacket, 8 * kBlock);
  std::vector<Slice> slices;
  for (int i = 0; i < 1'000; ++i) {
    arena.reserve();
    slices.push_back(arena.commit(60));
  }

  EXPECT_EQ(slices[999].data(), slices[0].data() + 999 * 64);
  EXPECT_EQ(arena.octets_allocated(), kBlock);
}

TEST(Arena, BlockStartsAgainOnceNothingRefersToIt) {
  Arena arena(kBlock, kPacket, 8 * kBlock);
  const std::uint8_t* first = arena.reserve().data();
  {
    const Slice one = arena.commit(60'000);
    arena.reserve();
    const Slice two = arena.commit(60'000);
    EXPECT_NE(arena.reserve().data(), first);
  }

  EXPECT_EQ(arena.octets_in_use(), 0u);
  EXPECT_EQ(arena.reserve().data(), first);
}

TEST(Arena, FreedBlocksAreReusedLastInFirstOut) {
  Arena arena(kBlock, kBlock, 8 * kBlock);
  std::vector<Slice> slices;
  std::vector<const std::uint8_t*> places;
  for (int i = 0; i < 4; ++i) {  // one packet a block
    places.push_back(arena.reserve().data());
    slices.push_back(arena.commit(kBlock));
  }
  slices[0] = {};
  slices[1] = {};

  EXPECT_EQ(arena.reserve().data(), places[1]);
  const Slice again = arena.commit(kBlock);
  EXPECT_EQ(arena.reserve().data(), places[0]);
  EXPECT_EQ(arena.octets_allocated(), 4u * kBlock);
}

TEST(Arena, AtTheLimitReserveIsEmptyUntilSlicesAreGivenBack) {
  Arena arena(kBlock, kBlock, 2 * kBlock + 100);
  arena.reserve();
  Slice one = arena.commit(kBlock);
  arena.reserve();
  Slice two = arena.commit(1);

  EXPECT_TRUE(arena.reserve().empty());
  EXPECT_TRUE(arena.copy(two.bytes()).size() == 1) << "room for a small copy is left";
  two.remove_prefix(1);
  EXPECT_TRUE(arena.reserve().empty()) << "an empty slice keeps its block all the same";
  EXPECT_EQ(arena.octets_in_use(), 2u * kBlock);

  one = {};
  EXPECT_EQ(arena.reserve().size(), kBlock);
  EXPECT_EQ(arena.octets_allocated(), 2u * kBlock);
}

TEST(Arena, CurrentBlockGivenBackAtTheLimitServesAgain) {
  Arena arena(kBlock, kBlock, kBlock);
  arena.reserve();
  Slice only = arena.commit(kBlock);
  EXPECT_TRUE(arena.reserve().empty());

  only = {};

  EXPECT_EQ(arena.reserve().size(), kBlock);
}

TEST(Arena, CopyHasTheSameOctetsElsewhere) {
  Arena arena(kBlock, kPacket, 8 * kBlock);
  const auto octets = stream(0, kPacket);

  const Slice copy = arena.copy(octets);

  EXPECT_EQ(vector_of(copy.bytes()), octets);
  EXPECT_NE(copy.data(), octets.data());
  EXPECT_TRUE(arena.copy({}).is_empty());
}

TEST(Arena, CopyIsEmptyAtTheLimit) {
  Arena arena(kBlock, kBlock, kBlock);
  arena.reserve();
  const Slice all = arena.commit(kBlock);

  EXPECT_TRUE(arena.copy(all.bytes()).is_empty());
}

TEST(Slice, CopiesShareTheBlockAndTheLastOneFreesIt) {
  Arena arena(kBlock, kPacket, 8 * kBlock);
  Slice one = packet(arena, 0, 1'000);
  Slice two = one;
  two.remove_prefix(100);
  two.truncate(50);
  one = {};

  EXPECT_EQ(vector_of(two.bytes()), stream(100, 50));
  EXPECT_EQ(arena.octets_in_use(), kBlock);

  Slice three = std::move(two);
  EXPECT_TRUE(two.is_empty());
  EXPECT_EQ(arena.octets_in_use(), kBlock);
  three = {};
  EXPECT_EQ(arena.octets_in_use(), 0u);
}

TEST(Slice, AssigningOneToItselfKeepsIt) {
  Arena arena(kBlock, kPacket, 8 * kBlock);
  Slice slice = packet(arena, 7, 20);
  const Slice& same = slice;

  slice = same;

  EXPECT_EQ(vector_of(slice.bytes()), stream(7, 20));
}

// The octets of a slice are nobody else's while it lives, whatever the order of giving back.
TEST(Arena, SlicesThatLiveAreNeverOverwritten) {
  SeededRandom random(11);
  Arena arena(kBlock, kPacket, 64 * kBlock);
  std::deque<std::pair<std::uint64_t, Slice>> live;
  for (int step = 0; step < 20'000; ++step) {
    if (random.next() % 100 < 52) {
      const std::uint64_t begin = random.next();
      const std::size_t octets = 1 + random.next() % (random.next() % 8 == 0 ? 65'000 : 1'500);
      Slice slice = packet(arena, begin, octets);
      if (!slice.is_empty()) live.emplace_back(begin, std::move(slice));
    } else if (!live.empty()) {
      const auto index = static_cast<std::ptrdiff_t>(random.next() % live.size());
      const auto& [begin, slice] = live[static_cast<std::size_t>(index)];
      ASSERT_EQ(vector_of(slice.bytes()), stream(begin, slice.size()));
      live.erase(live.begin() + index);
    }
    ASSERT_LE(arena.octets_allocated(), 64u * kBlock);
  }
  live.clear();
  EXPECT_EQ(arena.octets_in_use(), 0u);
}

TEST(ArenaDeathTest, SliceThatOutlivesTheArenaIsCaught) {
  EXPECT_DEATH(
      {
        Slice slice;
        Arena arena(kBlock, kPacket, 8 * kBlock);
        slice = packet(arena, 0, 100);
      },
      "");
}

TEST(ArenaDeathTest, CommitBeyondTheReservedRoomIsCaught) {
  Arena arena(kBlock, kPacket, 8 * kBlock);
  arena.reserve();

  EXPECT_DEATH(arena.commit(kPacket, 1), "");
}

}  // namespace
}  // namespace tuntcp::buffer
