// The send buffer keeps what SEND gave it until the peer has acknowledged it, and shows any range
// of it (RFC 9293, 3.8.1: whatever is unacknowledged may have to be sent again).
#include "stack/buffer/send_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "stack/base/random.h"
#include "tests/unit/buffer/stream.h"

namespace tuntcp::buffer {
namespace {

constexpr std::uint32_t kChunk = ChunkPool::kChunkOctets;

std::vector<std::uint8_t> view(const SendBuffer& buffer, std::uint32_t offset,
                               std::uint32_t octets) {
  std::array<Bytes, SendBuffer::kMaxPieces> pieces;
  const std::size_t count = buffer.view(offset, octets, pieces);
  std::vector<std::uint8_t> all;
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_FALSE(pieces[i].empty());
    all.insert(all.end(), pieces[i].begin(), pieces[i].end());
  }
  return all;
}

class SendBufferTest : public ::testing::Test {
 protected:
  SendBufferTest() { buffer_.use(pool_); }
  ChunkPool pool_{64 * kChunk};
  SendBuffer buffer_;
};

TEST_F(SendBufferTest, EmptyOneKeepsNoMemory) {
  EXPECT_EQ(buffer_.size(), 0u);
  EXPECT_EQ(pool_.octets_in_use(), 0u);
  EXPECT_TRUE(view(buffer_, 0, 0).empty());
  buffer_.discard(0);
  EXPECT_EQ(buffer_.append({}), 0u);
  EXPECT_EQ(pool_.octets_in_use(), 0u);
}

TEST_F(SendBufferTest, AppendedOctetsAreSeenAtTheirOffsets) {
  EXPECT_EQ(buffer_.append(stream(0, 40'000)), 40'000u);
  EXPECT_EQ(buffer_.append(stream(40'000, 5)), 5u);

  EXPECT_EQ(buffer_.size(), 40'005u);
  EXPECT_EQ(view(buffer_, 0, 40'005), stream(0, 40'005));
  EXPECT_EQ(view(buffer_, kChunk - 1, 2), stream(kChunk - 1, 2));
  EXPECT_EQ(view(buffer_, 40'004, 1), stream(40'004, 1));
  EXPECT_EQ(pool_.octets_in_use(), 3u * kChunk);
}

TEST_F(SendBufferTest, DiscardMovesOffsetZeroAndFreesWholeChunks) {
  buffer_.append(stream(0, 3 * kChunk));

  buffer_.discard(kChunk - 1);
  EXPECT_EQ(pool_.octets_in_use(), 3u * kChunk);
  EXPECT_EQ(view(buffer_, 0, 10), stream(kChunk - 1, 10));
  buffer_.discard(1);
  EXPECT_EQ(pool_.octets_in_use(), 2u * kChunk);
  buffer_.discard(kChunk + 1);
  EXPECT_EQ(pool_.octets_in_use(), 1u * kChunk);
  EXPECT_EQ(view(buffer_, 0, kChunk - 1), stream(2 * kChunk + 1, kChunk - 1));
}

TEST_F(SendBufferTest, WhenAllIsAcknowledgedNoMemoryIsKept) {
  buffer_.append(stream(0, 1'000));
  buffer_.discard(999);
  EXPECT_EQ(pool_.octets_in_use(), 1u * kChunk);
  buffer_.discard(1);

  EXPECT_EQ(pool_.octets_in_use(), 0u);
  EXPECT_EQ(buffer_.size(), 0u);
  EXPECT_EQ(buffer_.append(stream(1'000, 10)), 10u);
  EXPECT_EQ(view(buffer_, 0, 10), stream(1'000, 10));
}

TEST_F(SendBufferTest, LongestRangeAtTheWorstOffsetFitsThePieces) {
  buffer_.append(stream(0, 6 * kChunk));
  for (const std::uint32_t offset : {0u, 1u, 2u, kChunk - 1, kChunk, kChunk + 1}) {
    EXPECT_EQ(view(buffer_, offset, 65'535), stream(offset, 65'535));
  }
}

// A segment sent already is sent again while new ones go on.
TEST_F(SendBufferTest, RetransmissionsDoNotDisturbSendingForward) {
  buffer_.append(stream(0, 40 * kChunk));
  for (std::uint32_t sent = 0; sent + 30'000 <= 40 * kChunk; sent += 30'000) {
    ASSERT_EQ(view(buffer_, sent, 30'000), stream(sent, 30'000));
    ASSERT_EQ(view(buffer_, sent / 2, 1'448), stream(sent / 2, 1'448));
  }
}

TEST_F(SendBufferTest, AppendTakesWhatThePoolHasMemoryFor) {
  EXPECT_EQ(buffer_.append(stream(0, 65 * kChunk)), 64u * kChunk);
  EXPECT_EQ(buffer_.append(stream(0, 1)), 0u);
  EXPECT_EQ(buffer_.size(), 64u * kChunk);

  buffer_.discard(kChunk);
  EXPECT_EQ(buffer_.append(stream(64 * kChunk, 2 * kChunk)), std::size_t{kChunk});
  EXPECT_EQ(view(buffer_, 62 * kChunk, 2 * kChunk), stream(63 * kChunk, 2 * kChunk));
}

TEST_F(SendBufferTest, LimitIsOfAllBuffersTogether) {
  SendBuffer other;
  other.use(pool_);
  EXPECT_EQ(other.append(stream(0, 60 * kChunk)), 60u * kChunk);
  EXPECT_EQ(buffer_.append(stream(0, 60 * kChunk)), 4u * kChunk);
  other.clear();
  EXPECT_EQ(pool_.octets_in_use(), 4u * kChunk);
  EXPECT_EQ(buffer_.append(stream(4 * kChunk, 56 * kChunk)), 56u * kChunk);
}

TEST_F(SendBufferTest, DestroyedWithUnacknowledgedOctetsGivesThemBack) {
  {
    SendBuffer other;
    other.use(pool_);
    other.append(stream(0, 100'000));
  }
  EXPECT_EQ(pool_.octets_in_use(), 0u);
}

TEST(ChunkPool, LimitThatIsNoMultipleOfTheChunkIsNotExceeded) {
  ChunkPool pool(2 * kChunk - 1);
  SendBuffer buffer;
  buffer.use(pool);

  EXPECT_EQ(buffer.append(stream(0, 2 * kChunk)), std::size_t{kChunk});
}

TEST(ChunkPool, FreedChunksAreReusedLastInFirstOut) {
  ChunkPool pool(8 * kChunk);
  ChunkPool::Chunk* const one = pool.take();
  ChunkPool::Chunk* const two = pool.take();
  pool.give_back(one);
  pool.give_back(two);

  EXPECT_EQ(pool.take(), two);
  EXPECT_EQ(pool.take(), one);
  EXPECT_EQ(pool.octets_in_use(), 2u * kChunk);
  pool.give_back(one);
  pool.give_back(two);
}

TEST(SendBufferDeathTest, RangeOutsideTheBufferIsCaught) {
  ChunkPool pool(8 * kChunk);
  SendBuffer buffer;
  buffer.use(pool);
  buffer.append(stream(0, 100));
  std::array<Bytes, SendBuffer::kMaxPieces> pieces;

  EXPECT_DEATH(buffer.view(50, 51, pieces), "");
  EXPECT_DEATH(buffer.view(101, 0, pieces), "");
  EXPECT_DEATH(buffer.discard(101), "");
}

class SendBufferRandom : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(SendBufferRandom, ShowsTheStreamAtEveryOffset) {
  SeededRandom random(GetParam());
  const auto below = [&](std::uint64_t limit) {
    return static_cast<std::uint32_t>(random.next() % limit);
  };
  ChunkPool pool(100 * kChunk);
  SendBuffer buffers[2];
  std::uint64_t first[2] = {};
  for (auto& buffer : buffers) buffer.use(pool);
  for (int step = 0; step < 5'000; ++step) {
    const std::size_t which = below(2);
    SendBuffer& buffer = buffers[which];
    const std::uint64_t end = first[which] + buffer.size();
    const std::uint32_t choice = below(10);
    if (choice < 4) {
      const std::uint32_t octets = below(below(2) == 0 ? 200'000 : 2'000);
      const std::size_t room = 100 * kChunk - pool.octets_in_use();
      const std::size_t taken = buffer.append(stream(end, octets));
      ASSERT_LE(taken, octets);
      ASSERT_TRUE(taken == octets || taken >= room);
    } else if (choice < 6) {
      const std::uint32_t octets = below(below(4) == 0 ? buffer.size() + 1 : 3'000);
      const std::uint32_t acknowledged = std::min(octets, buffer.size());
      buffer.discard(acknowledged);
      first[which] += acknowledged;
    } else {
      const std::uint32_t offset = below(buffer.size() + 1);
      const std::uint32_t most = std::min(buffer.size() - offset, 65'535u);
      const std::uint32_t octets = below(most + 1);
      ASSERT_EQ(view(buffer, offset, octets), stream(first[which] + offset, octets));
    }
    // Two chunks at most are not full: the first and the last.
    ASSERT_LE(pool.octets_in_use(),
              std::size_t{buffers[0].size()} + buffers[1].size() + 4 * kChunk);
  }
  for (auto& buffer : buffers) buffer.clear();
  EXPECT_EQ(pool.octets_in_use(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SendBufferRandom, ::testing::Range<std::uint64_t>(1, 7));

}  // namespace
}  // namespace tuntcp::buffer
