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

// Where the buffer of most tests begins: its numbers wrap around within the first chunk.
constexpr SeqNum kFirst{0U - 10'000};

// `octets` octets from the number `at` on.
std::vector<std::uint8_t> view(const SendBuffer& buffer, SeqNum at, std::uint32_t octets) {
  std::array<Bytes, SendBuffer::kMaxPieces> pieces;
  const std::size_t count = buffer.view({at, at + octets}, pieces);
  std::vector<std::uint8_t> all;
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_FALSE(pieces[i].empty());
    all.insert(all.end(), pieces[i].begin(), pieces[i].end());
  }
  return all;
}

class SendBufferTest : public ::testing::Test {
 protected:
  SendBufferTest() {
    buffer_.use(pool_);
    buffer_.start_at(kFirst);
  }
  ChunkPool pool_{64 * kChunk};
  SendBuffer buffer_;
};

TEST_F(SendBufferTest, EmptyOneKeepsNoMemory) {
  EXPECT_EQ(buffer_.size(), 0u);
  EXPECT_EQ(pool_.octets_in_use(), 0u);
  EXPECT_EQ(buffer_.begin(), kFirst);
  EXPECT_EQ(buffer_.end(), kFirst);
  EXPECT_TRUE(view(buffer_, kFirst, 0).empty());
  EXPECT_EQ(buffer_.discard(kFirst), 0u);
  EXPECT_EQ(buffer_.append({}), 0u);
  EXPECT_EQ(pool_.octets_in_use(), 0u);
}

TEST_F(SendBufferTest, AppendedOctetsAreSeenByTheirNumbers) {
  EXPECT_EQ(buffer_.append(stream(0, 40'000)), 40'000u);
  EXPECT_EQ(buffer_.append(stream(40'000, 5)), 5u);

  EXPECT_EQ(buffer_.size(), 40'005u);
  EXPECT_EQ(buffer_.begin(), kFirst);
  EXPECT_EQ(buffer_.end(), SeqNum(30'005));
  EXPECT_EQ(view(buffer_, kFirst, 40'005), stream(0, 40'005));
  EXPECT_EQ(view(buffer_, kFirst + kChunk - 1, 2), stream(kChunk - 1, 2));
  EXPECT_EQ(view(buffer_, SeqNum(30'004), 1), stream(40'004, 1));
  EXPECT_EQ(pool_.octets_in_use(), 3u * kChunk);
}

TEST_F(SendBufferTest, DiscardMovesTheBeginningAndFreesWholeChunks) {
  buffer_.append(stream(0, 3 * kChunk));

  EXPECT_EQ(buffer_.discard(kFirst + kChunk - 1), kChunk - 1);
  EXPECT_EQ(pool_.octets_in_use(), 3u * kChunk);
  EXPECT_EQ(view(buffer_, kFirst + kChunk - 1, 10), stream(kChunk - 1, 10));
  EXPECT_EQ(buffer_.discard(kFirst + kChunk), 1u);
  EXPECT_EQ(pool_.octets_in_use(), 2u * kChunk);
  EXPECT_EQ(buffer_.discard(kFirst + 2 * kChunk + 1), kChunk + 1);
  EXPECT_EQ(pool_.octets_in_use(), 1u * kChunk);
  EXPECT_EQ(buffer_.begin(), kFirst + 2 * kChunk + 1);
  EXPECT_EQ(view(buffer_, buffer_.begin(), kChunk - 1), stream(2 * kChunk + 1, kChunk - 1));
}

TEST_F(SendBufferTest, WhenAllIsAcknowledgedNoMemoryIsKept) {
  buffer_.append(stream(0, 1'000));
  buffer_.discard(kFirst + 999);
  EXPECT_EQ(pool_.octets_in_use(), 1u * kChunk);
  buffer_.discard(kFirst + 1'000);

  EXPECT_EQ(pool_.octets_in_use(), 0u);
  EXPECT_EQ(buffer_.size(), 0u);
  EXPECT_EQ(buffer_.append(stream(1'000, 10)), 10u);
  EXPECT_EQ(buffer_.begin(), kFirst + 1'000);
  EXPECT_EQ(view(buffer_, kFirst + 1'000, 10), stream(1'000, 10));
}

// RFC 9293, 3.4: the FIN is the number behind the text, and acknowledged with it.
TEST_F(SendBufferTest, AcknowledgmentOfTheFinTakesAllText) {
  buffer_.append(stream(0, 100));

  EXPECT_EQ(buffer_.discard(kFirst + 101), 100u);
  EXPECT_EQ(buffer_.size(), 0u);
  EXPECT_EQ(buffer_.end(), kFirst + 100);
  EXPECT_EQ(pool_.octets_in_use(), 0u);
}

// What was never sent has used no numbers.
TEST_F(SendBufferTest, ClearedOneEndsWhereItBegan) {
  buffer_.append(stream(0, 50'000));
  buffer_.discard(kFirst + 20'000);
  buffer_.clear();

  EXPECT_EQ(buffer_.begin(), kFirst + 20'000);
  EXPECT_EQ(buffer_.end(), kFirst + 20'000);
  EXPECT_EQ(pool_.octets_in_use(), 0u);
}

TEST_F(SendBufferTest, LongestRangeAtTheWorstOffsetFitsThePieces) {
  buffer_.append(stream(0, 6 * kChunk));
  for (const std::uint32_t offset : {0u, 1u, 2u, kChunk - 1, kChunk, kChunk + 1}) {
    EXPECT_EQ(view(buffer_, kFirst + offset, 65'535), stream(offset, 65'535));
  }
}

// A segment sent already is sent again while new ones go on.
TEST_F(SendBufferTest, RetransmissionsDoNotDisturbSendingForward) {
  buffer_.append(stream(0, 40 * kChunk));
  for (std::uint32_t sent = 0; sent + 30'000 <= 40 * kChunk; sent += 30'000) {
    ASSERT_EQ(view(buffer_, kFirst + sent, 30'000), stream(sent, 30'000));
    ASSERT_EQ(view(buffer_, kFirst + sent / 2, 1'448), stream(sent / 2, 1'448));
  }
}

TEST_F(SendBufferTest, AppendTakesWhatThePoolHasMemoryFor) {
  EXPECT_EQ(buffer_.append(stream(0, 65 * kChunk)), 64u * kChunk);
  EXPECT_EQ(buffer_.append(stream(0, 1)), 0u);
  EXPECT_EQ(buffer_.size(), 64u * kChunk);

  buffer_.discard(kFirst + kChunk);
  EXPECT_EQ(buffer_.append(stream(64 * kChunk, 2 * kChunk)), std::size_t{kChunk});
  EXPECT_EQ(view(buffer_, kFirst + 63 * kChunk, 2 * kChunk), stream(63 * kChunk, 2 * kChunk));
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

  EXPECT_DEATH(buffer.view({SeqNum(50), SeqNum(101)}, pieces), "");
  EXPECT_DEATH(buffer.view({SeqNum(101), SeqNum(101)}, pieces), "");
  EXPECT_DEATH(buffer.view({SeqNum(0U - 1), SeqNum(1)}, pieces), "");
  EXPECT_DEATH(buffer.discard(SeqNum(0U - 1)), "");
  EXPECT_DEATH(buffer.discard(SeqNum(102)), "");
  EXPECT_DEATH(buffer.start_at(SeqNum(7)), "");
}

class SendBufferRandom : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(SendBufferRandom, ShowsTheStreamAtEveryNumber) {
  SeededRandom random(GetParam());
  const auto below = [&](std::uint64_t limit) {
    return static_cast<std::uint32_t>(random.next() % limit);
  };
  ChunkPool pool(100 * kChunk);
  SendBuffer buffers[2];
  std::uint64_t first[2] = {};
  for (auto& buffer : buffers) {
    buffer.use(pool);
    buffer.start_at(SeqNum(0U - below(3'000'000)));
  }
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
      ASSERT_EQ(buffer.discard(buffer.begin() + acknowledged), acknowledged);
      first[which] += acknowledged;
    } else {
      const std::uint32_t offset = below(buffer.size() + 1);
      const std::uint32_t most = std::min(buffer.size() - offset, 65'535u);
      const std::uint32_t octets = below(most + 1);
      ASSERT_EQ(view(buffer, buffer.begin() + offset, octets),
                stream(first[which] + offset, octets));
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
