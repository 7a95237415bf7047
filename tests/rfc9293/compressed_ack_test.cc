// RFC 5681, 4.2: segments behind a gap are acknowledged at once. Linux (tcp_comp_sack_*): three of
// them, and to a peer that knows SACK one ACK then tells of several. The scripts of
// tests/scripts/compressed_acks hold the same against the kernel.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using Blocks = std::vector<Block>;

// Three duplicate ACKs left, at a round-trip time of 800 ms.
class CompressedAck : public testing::Test {
 protected:
  CompressedAck() {
    for (int i = 1; i <= 3; ++i) arrive(i);
    EXPECT_THAT(d.sent(), SizeIs(3));
  }
  // The segment of 1000 octets with so many in front of it.
  void arrive(int number) {
    d.peer_sends(data({.seq = 1 + 1000 * std::int64_t{number}, .len = 1000, .ts = kEcho}));
  }
  // What the SYN,ACK said.
  static constexpr wire::Timestamps kEcho{.value = 1'000'000, .echo = 100};
  Drill d = Drill::established({.first_tsval = 100,
                                .set = {"tcp_comp_sack_delay_ns=20000000"},
                                .rtt = 800_ms,
                                .sack = true,
                                .ts = 1});
};

TEST_F(CompressedAck, FourthSegmentWaitsForMore) {
  arrive(4);
  arrive(5);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(20_ms + 99_us);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(1_us);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 1, .sack = Blocks{{1001, 6001}}})));
  EXPECT_EQ(d.count(Counter::tcp_ack_compressed), 1U) << "of two ACKs one";
}
// 5 % of the round-trip time.
TEST_F(CompressedAck, WaitIsBoundByTheRoundTripTime) {
  d.set("tcp_comp_sack_delay_ns=1000000000");
  arrive(4);
  const Duration began = d.elapsed();
  d.advance(1_s);
  EXPECT_THAT(d.sent_at(), ElementsAre(began + 40_ms + 100_us));
}
TEST_F(CompressedAck, StandsForNoMoreThanTheKnobSays) {
  for (int i = 4; i < 4 + 44; ++i) arrive(i);
  EXPECT_THAT(d.sent(), IsEmpty());
  arrive(48);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 1, .sack = Blocks{{1001, 49'001}}})));
  EXPECT_EQ(d.count(Counter::tcp_ack_compressed), 44U);
}
TEST_F(CompressedAck, FilledGapIsToldAtOnce) {
  arrive(4);
  arrive(0);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 5001})));
  d.advance(100_ms);
  EXPECT_THAT(d.sent(), IsEmpty()) << "nothing waits any more";
  EXPECT_EQ(d.count(Counter::tcp_ack_compressed), 1U);
}
TEST_F(CompressedAck, TextOfOursCarriesIt) {
  arrive(4);
  d.send(10);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.ack = 1, .len = 10, .sack = Blocks{{1001, 5001}}})));
  d.advance(100_ms);
  EXPECT_EQ(d.count(Counter::tcp_ack_compressed), 1U);
}
// What was read together is answered once, and counts as one of the three.
TEST_F(CompressedAck, WhatIsReadTogetherIsToldTogether) {
  arrive(0);
  static_cast<void>(d.sent());
  ASSERT_TRUE(d.host().set_quick_ack(d.id(), false, d.now()));
  d.peer_sends_at_once({data({.seq = 5001, .len = 1000, .ts = kEcho}),
                        data({.seq = 6001, .len = 1000, .ts = kEcho}),
                        data({.seq = 7001, .len = 1000, .ts = kEcho})});
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 4001, .sack = Blocks{{5001, 8001}}})));
}
// Linux sends what waits before it takes up a third block. We send one ACK that tells of both.
TEST_F(CompressedAck, ThirdBlockIsToldAtOnce) {
  arrive(4);
  arrive(6);
  EXPECT_THAT(d.sent(), IsEmpty());
  arrive(8);
  EXPECT_THAT(
      d.sent(),
      ElementsAre(IsAck({.ack = 1, .sack = Blocks{{8001, 9001}, {6001, 7001}, {1001, 5001}}})));
}

// RFC 5681, 4.2; a peer without SACK counts the ACKs.
TEST(CompressedAckWithoutSack, EachSegmentIsAcknowledged) {
  Drill d = Drill::established({.rtt = 800_ms});
  for (std::int64_t i = 1; i <= 10; ++i) d.peer_sends(data({.seq = 1 + 1000 * i, .len = 1000}));
  EXPECT_THAT(d.sent(), SizeIs(10));
}

}  // namespace
}  // namespace tuntcp::test
