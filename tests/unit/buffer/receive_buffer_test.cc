// The receive buffer gives the octets back in order, copies what would pin too much memory, and
// counts honestly what it keeps.
#include "stack/buffer/receive_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "stack/base/random.h"
#include "tests/unit/buffer/stream.h"

namespace tuntcp::buffer {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

constexpr std::uint32_t kBlock = 256 * 1024;
constexpr std::uint32_t kPacket = 66'000;
constexpr std::size_t kLimit = 256 * kBlock;

std::vector<std::uint8_t> read(ReceiveBuffer& buffer, std::size_t octets) {
  std::vector<std::uint8_t> out(octets);
  out.resize(buffer.read(out));
  return out;
}

TEST(ReceiveBuffer, EmptyOneReadsNothingAndKeepsNothing) {
  ReceiveBuffer buffer;

  EXPECT_TRUE(read(buffer, 10).empty());
  EXPECT_TRUE(buffer.front().empty());
  EXPECT_EQ(buffer.readable(), 0u);
  EXPECT_EQ(buffer.memory(), 0u);
}

TEST(ReceiveBuffer, PushOfNothingChangesNothing) {
  ReceiveBuffer buffer;

  buffer.push({});

  EXPECT_EQ(buffer.readable(), 0u);
  EXPECT_EQ(buffer.memory(), 0u);
}

TEST(ReceiveBuffer, LargePayloadIsReadFromWhereItArrived) {
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;
  const Slice payload = packet(arena, 0, 60'000);

  buffer.push(payload);

  EXPECT_EQ(buffer.front().data(), payload.data());
  EXPECT_EQ(buffer.front().size(), 60'000u);
  EXPECT_EQ(buffer.readable(), 60'000u);
}

TEST(ReceiveBuffer, SmallPayloadsArePackedAndLeaveTheirBlock) {
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;

  for (std::uint64_t i = 0; i < 10; ++i) buffer.push(packet(arena, i * 100, 100));

  EXPECT_EQ(vector_of(buffer.front()), stream(0, 1'000)) << "contiguous";
  EXPECT_EQ(arena.octets_in_use(), Arena::kChunkOctets);
  EXPECT_THAT(buffer.memory(), AllOf(Ge(Arena::kChunkOctets), Le(Arena::kChunkOctets + 100)));
}

TEST(ReceiveBuffer, CopyBreakIsUpToAndIncludingItsValue) {
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer copied;
  ReceiveBuffer kept;
  copied.push(packet(arena, 0, ReceiveBuffer::kCopyBreak));
  EXPECT_LT(arena.octets_in_use(), kBlock);
  kept.push(packet(arena, 0, ReceiveBuffer::kCopyBreak + 1));
  EXPECT_GE(arena.octets_in_use(), kBlock);
}

TEST(ReceiveBuffer, ReadCrossesPiecesAndMayEndInOne) {
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;
  buffer.push(packet(arena, 0, 1'000));
  buffer.push(packet(arena, 1'000, 100));
  buffer.push(packet(arena, 1'100, 2'000));

  EXPECT_EQ(read(buffer, 1'500), stream(0, 1'500));
  EXPECT_EQ(buffer.readable(), 1'600u);
  EXPECT_EQ(read(buffer, 10'000), stream(1'500, 1'600));
  EXPECT_EQ(buffer.memory(), 0u);
  EXPECT_EQ(arena.octets_in_use(), 0u);
}

TEST(ReceiveBuffer, PeekForgetsNothing) {
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;
  buffer.push(packet(arena, 0, 1'000));
  buffer.push(packet(arena, 1'000, 1'000));
  std::vector<std::uint8_t> out(1'500);

  EXPECT_EQ(buffer.peek(out), 1'500u);
  EXPECT_EQ(out, stream(0, 1'500));
  out.resize(9'000);
  EXPECT_EQ(buffer.peek(out), 2'000u);
  EXPECT_EQ(buffer.readable(), 2'000u);
}

TEST(ReceiveBuffer, FrontAndConsumeReadWithoutACopy) {
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;
  buffer.push(packet(arena, 0, 2'000));
  buffer.push(packet(arena, 2'000, 2'000));

  buffer.consume(500);
  EXPECT_EQ(vector_of(buffer.front()), stream(500, 1'500));
  buffer.consume(1'500 + 700);
  EXPECT_EQ(vector_of(buffer.front()), stream(2'700, 1'300));
  buffer.consume(1'300);
  EXPECT_TRUE(buffer.front().empty());
}

// A slice keeps its memory until the last octet is read, so it is charged until then.
TEST(ReceiveBuffer, SliceIsChargedWithOverheadUntilItsLastOctetIsRead) {
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;
  buffer.push(packet(arena, 0, 50'000));
  const std::uint32_t charged = buffer.memory();
  EXPECT_THAT(charged, AllOf(Ge(50'000u + 116), Le(50'000u + 256)));

  read(buffer, 49'999);
  EXPECT_EQ(buffer.memory(), charged);
  read(buffer, 1);
  EXPECT_EQ(buffer.memory(), 0u);
}

TEST(ReceiveBuffer, ClearGivesEverythingBack) {
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;
  buffer.push(packet(arena, 0, 50'000));
  buffer.push(packet(arena, 50'000, 50));

  buffer.clear();

  EXPECT_EQ(buffer.readable(), 0u);
  EXPECT_EQ(buffer.memory(), 0u);
  EXPECT_EQ(arena.octets_in_use(), 0u);
  buffer.push(packet(arena, 0, 600));
  EXPECT_EQ(read(buffer, 1'000), stream(0, 600));
}

TEST(ReceiveBuffer, DestroyedWithUnreadOctetsGivesEverythingBack) {
  Arena arena(kBlock, kPacket, kLimit);
  {
    ReceiveBuffer buffer;
    buffer.push(packet(arena, 0, 50'000));
    buffer.push(packet(arena, 50'000, 50));
  }
  EXPECT_EQ(arena.octets_in_use(), 0u);
}

// MTU-sized packets of one busy connection fill their blocks: nothing is copied.
TEST(ReceiveBuffer, PacketsThatShareABlockAreNotCopied) {
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;
  std::vector<const std::uint8_t*> arrived;
  for (std::uint64_t i = 0; i < 500; ++i) {
    const Slice payload = packet(arena, i * 1'448, 1'448);
    arrived.push_back(payload.data());
    buffer.push(payload);
  }
  for (std::uint64_t i = 0; i < 500; ++i) {
    ASSERT_EQ(buffer.front().data(), arrived[i]);
    buffer.consume(1'448);
  }
}

// The slow reader whose every packet is alone in its block among the traffic of others.
TEST(ReceiveBuffer, SlowReaderPinsNoMoreThanTheDocumentedBound) {
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;
  std::uint64_t position = 0;
  for (const std::uint32_t octets :
       {1'448U, 513U, 10'000U, 30'000U, 40'000U, 513U, 1'448U, 65'000U, 600U}) {
    for (int i = 0; i < 10; ++i) {
      buffer.push(packet(arena, position, octets));
      position += octets;
      pass_block(arena, kBlock);
      ASSERT_LE(arena.octets_in_use(), SliceQueue::kPinShare * buffer.memory() + 2 * kBlock);
    }
  }
  EXPECT_EQ(read(buffer, position), stream(0, position));
  EXPECT_EQ(arena.octets_in_use(), 0u);
}

TEST(ReceiveBuffer, FewOctetsOfAFinishedBlockArePacked) {
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;
  buffer.push(packet(arena, 0, 1'448));
  buffer.push(packet(arena, 1'448, 1'448));
  pass_block(arena, kBlock);
  buffer.push(packet(arena, 2'896, 1'448));

  EXPECT_EQ(buffer.memory(),
            2 * (Arena::kChunkOctets + Arena::kNodeOctets) + 1'448 + SliceQueue::kSliceOverhead);
  EXPECT_EQ(arena.octets_in_use(), 2 * Arena::kChunkOctets + kBlock);
  EXPECT_EQ(read(buffer, 10'000), stream(0, 3 * 1'448));
}

// The group at the end may have lost its first pieces, or part of one, to the reader.
TEST(ReceiveBuffer, PackingStartsWhereTheReaderStands) {
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;
  for (std::uint64_t i = 0; i < 4; ++i) buffer.push(packet(arena, i * 1'000, 1'000));
  EXPECT_EQ(read(buffer, 2'300), stream(0, 2'300));
  pass_block(arena, kBlock);

  buffer.push(packet(arena, 4'000, 1'000));

  EXPECT_EQ(buffer.readable(), 2'700u);
  EXPECT_EQ(read(buffer, 10'000), stream(2'300, 2'700));
  EXPECT_EQ(arena.octets_in_use(), 0u);
}

TEST(ReceiveBuffer, CompactLeavesAllPacketBlocks) {
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;
  buffer.push(packet(arena, 0, 40'000));
  buffer.push(packet(arena, 40'000, 300));
  buffer.push(packet(arena, 40'300, 700));
  read(buffer, 39'000);

  buffer.compact();

  EXPECT_EQ(arena.octets_in_use(), 2u * Arena::kChunkOctets) << "1,000 + 300 and 700 octets";
  EXPECT_EQ(buffer.memory(), 2 * (Arena::kChunkOctets + Arena::kNodeOctets));
  EXPECT_EQ(buffer.readable(), 2'000u);
  buffer.push(packet(arena, 41'000, 1'000));
  EXPECT_EQ(read(buffer, 10'000), stream(39'000, 3'000));
}

TEST(ReceiveBuffer, WithoutMemoryForChunksOctetsStayWhereTheyArrived) {
  Arena arena(kBlock, kPacket, kBlock);
  ReceiveBuffer buffer;
  buffer.push(packet(arena, 0, 100));
  buffer.push(packet(arena, 100, 1'000));
  buffer.compact();

  EXPECT_EQ(buffer.readable(), 1'100u);
  EXPECT_EQ(read(buffer, 2'000), stream(0, 1'100));
  EXPECT_EQ(arena.octets_in_use(), 0u);
}

// Chunks that are free must not take the place of packets for ever, nor the other way about.
TEST(ReceiveBuffer, FreeMemoryOfOneKindServesTheOther) {
  Arena arena(kBlock, kPacket, 4 * kBlock);
  ReceiveBuffer buffer;
  std::uint64_t position = 0;
  while (arena.octets_in_use() + Arena::kChunkOctets <= 3 * kBlock) {
    buffer.push(packet(arena, position, 500));
    position += 500;
  }
  EXPECT_EQ(read(buffer, position), stream(0, position));

  std::vector<Slice> packets;
  for (;;) {
    Slice next = packet(arena, 0, 60'000);
    if (next.is_empty()) break;
    packets.push_back(std::move(next));
  }
  EXPECT_GE(packets.size(), 12u) << "three to each of four blocks";
  packets.clear();

  for (std::uint64_t i = 0; i < position / 500; ++i) buffer.push(packet(arena, i * 500, 500));
  EXPECT_LE(arena.octets_in_use(), 3u * kBlock + kBlock);
  EXPECT_EQ(read(buffer, position), stream(0, position / 500 * 500));
}

TEST(ReceiveBufferDeathTest, ConsumingMoreThanReadableIsCaught) {
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;
  buffer.push(packet(arena, 0, 100));

  EXPECT_DEATH(buffer.consume(101), "");
}

class ReceiveBufferRandom : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(ReceiveBufferRandom, GivesBackTheStreamAndStaysWithinTheBound) {
  SeededRandom random(GetParam());
  const auto below = [&](std::uint64_t limit) { return random.next() % limit; };
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;
  std::uint64_t pushed = 0;
  std::uint64_t taken = 0;
  for (int step = 0; step < 5'000; ++step) {
    const std::uint64_t choice = below(20);
    if (choice < 9 && buffer.readable() < 4'000'000) {
      const std::size_t sizes[] = {1, 100, 512, 513, 1'448, 9'000, 32'768, 65'000};
      const std::size_t octets = 1 + below(sizes[below(8)]);
      buffer.push(packet(arena, pushed, octets));
      pushed += octets;
    } else if (choice < 13) {
      const auto octets = read(buffer, below(below(4) == 0 ? 200'000 : 5'000));
      ASSERT_EQ(octets, stream(taken, octets.size()));
      taken += octets.size();
    } else if (choice < 15) {
      const auto first = vector_of(buffer.front());
      ASSERT_EQ(first, stream(taken, first.size()));
      ASSERT_EQ(first.empty(), buffer.readable() == 0);
      const auto octets = below(buffer.readable() + 1);
      buffer.consume(static_cast<std::uint32_t>(octets));
      taken += octets;
    } else if (choice < 16) {
      std::vector<std::uint8_t> out(below(3'000));
      out.resize(buffer.peek(out));
      ASSERT_EQ(out, stream(taken, out.size()));
    } else if (choice < 19) {
      for (std::uint64_t i = below(4); i > 0; --i) packet(arena, 0, 1 + below(65'000));
    } else if (below(20) == 0) {
      buffer.compact();
    }
    ASSERT_EQ(buffer.readable(), pushed - taken);
    ASSERT_EQ(buffer.memory() == 0, buffer.readable() == 0);
    ASSERT_LE(arena.octets_in_use(), SliceQueue::kPinShare * buffer.memory() + 2 * kBlock);
  }
  EXPECT_EQ(read(buffer, pushed - taken), stream(taken, pushed - taken));
  EXPECT_EQ(buffer.memory(), 0u);
  EXPECT_EQ(arena.octets_in_use(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ReceiveBufferRandom, ::testing::Range<std::uint64_t>(1, 7));

}  // namespace
}  // namespace tuntcp::buffer
