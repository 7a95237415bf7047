// Once warm, the paths that every packet takes through the buffers and the timer wheel allocate
// nothing: the memory is the arena's and the pool's, and is used again.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "stack/base/timer_wheel.h"
#include "stack/buffer/reassembly.h"
#include "stack/buffer/receive_buffer.h"
#include "stack/buffer/send_buffer.h"
#include "tests/allocations/allocations.h"

namespace tuntcp::buffer {
namespace {

constexpr std::uint32_t kBlock = 512 * 1024;
constexpr std::uint32_t kPacket = 65'600;

class BufferBudget : public ::testing::Test {
 protected:
  Slice arrive(std::uint32_t octets) {
    arena_.reserve();
    return arena_.commit(octets, 64);
  }
  // Runs `cycle` until it is warm, then counts what a thousand more allocate.
  template <class Cycle>
  static std::size_t allocations_when_warm(Cycle cycle) {
    for (int i = 0; i < 50; ++i) cycle();
    const std::size_t before = test::allocations();
    for (int i = 0; i < 1'000; ++i) cycle();
    return test::allocations() - before;
  }

  Arena arena_{kBlock, kPacket, 64 * kBlock};
  std::vector<std::uint8_t> application_ = std::vector<std::uint8_t>(4'000'000);
};

TEST_F(BufferBudget, CountsAllocationsAtAll) {
  const std::size_t before = test::allocations();
  const auto allocated = std::make_unique<Block>();
  ASSERT_NE(allocated, nullptr);
  EXPECT_EQ(test::allocations() - before, 1u);
}

TEST_F(BufferBudget, SuperPacketsReadAtOnce) {
  ReceiveBuffer buffer;
  EXPECT_EQ(allocations_when_warm([&] {
              buffer.push(arrive(65'000));
              ASSERT_EQ(buffer.read(application_), 65'000u);
            }),
            0u);
  EXPECT_EQ(arena_.octets_allocated(), kBlock) << "one block serves for ever";
}

TEST_F(BufferBudget, PacketsOfAllSizesReadSlowly) {
  ReceiveBuffer buffer;
  EXPECT_EQ(allocations_when_warm([&] {
              for (const std::uint32_t octets : {1u, 100u, 512u, 513u, 1'448u, 20'000u, 65'000u}) {
                for (int i = 0; i < 5; ++i) {
                  buffer.push(arrive(octets));
                  arrive(60'000);  // somebody else's
                }
              }
              ASSERT_GT(buffer.read(application_), 400'000u);
            }),
            0u);
}

TEST_F(BufferBudget, SegmentsOutOfOrder) {
  ReceiveBuffer buffer;
  Reassembly reassembly;
  SeqNum rcv_nxt(0xffff'0000);
  EXPECT_EQ(allocations_when_warm([&] {
              // Two holes, then what fills them.
              for (const std::uint32_t number : {1u, 2u, 4u, 5u, 3u, 0u}) {
                Slice segment = arrive(1'448 * (1 + number % 3));
                segment.truncate(1'448);
                const SeqNum seq = rcv_nxt + 1'448 * number;
                if (number != 0) {
                  reassembly.insert(seq, std::move(segment));
                } else {
                  rcv_nxt += segment.size();
                  buffer.push(std::move(segment));
                }
              }
              while (auto piece = reassembly.take(rcv_nxt)) {
                rcv_nxt += piece->size();
                buffer.push(std::move(*piece));
              }
              ASSERT_EQ(buffer.read(application_), 6u * 1'448);
            }),
            0u);
}

TEST_F(BufferBudget, OctetsSentAndAcknowledged) {
  ChunkPool pool(8'000'000);
  SendBuffer buffer;
  buffer.use(pool);
  std::array<Bytes, SendBuffer::kMaxPieces> pieces;
  EXPECT_EQ(allocations_when_warm([&] {
              ASSERT_EQ(buffer.append(application_), application_.size());
              for (SeqNum sent = buffer.begin(); sent + 64'000 <= buffer.end(); sent += 64'000) {
                ASSERT_NE(buffer.view({sent, sent + 64'000}, pieces), 0u);
              }
              buffer.discard(buffer.end());
            }),
            0u);
}

TEST_F(BufferBudget, TimersArmedMovedAndExpired) {
  TimerWheel wheel;
  std::array<TimerNode, 100> nodes;
  std::int64_t now = 0;
  EXPECT_EQ(allocations_when_warm([&] {
              for (std::size_t i = 0; i < nodes.size(); ++i) {
                const auto after = static_cast<std::int64_t>(i * i * i) * 1'000;
                wheel.schedule(nodes[i], Instant::from_ns(now + after));
                wheel.schedule(nodes[i], Instant::from_ns(now + 2 * after));
              }
              now += 500'000'000;
              while (wheel.pop_due(Instant::from_ns(now)) != nullptr) {
              }
            }),
            0u);
}

}  // namespace
}  // namespace tuntcp::buffer
