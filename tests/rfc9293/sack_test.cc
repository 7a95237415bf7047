// RFC 2018 and RFC 2883: the SACK blocks that we send. Linux row 19: "newest first; DSACK is the
// first block".
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Blocks = std::vector<Block>;
// Each segment behind a gap is acknowledged by itself: compressed_ack_test.cc has the rest.
const DrillOptions kSack{.set = {"tcp_comp_sack_nr=0"}, .sack = true};
const DrillOptions kSackAndTs{.set = {"tcp_comp_sack_nr=0"}, .sack = true, .ts = 1};

Blocks blocks_after(Drill& d, const Seg& seg) {
  static_cast<void>(d.sent());
  d.peer_sends(seg);
  const std::vector<Sent> sent = d.sent();
  EXPECT_EQ(sent.size(), 1U);
  return sent.empty() ? Blocks{} : sent.back().sack;
}

// RFC 2018, 3: nothing is missing, nothing is said.
TEST(Sack, InOrderTextHasNoBlocks) {
  Drill d = Drill::established(kSack);
  EXPECT_EQ(blocks_after(d, data({.len = 100})), Blocks{});
}
TEST(Sack, NotAgreedOnMeansNoBlocks) {
  Drill d = Drill::established();
  EXPECT_EQ(blocks_after(d, data({.seq = 101, .len = 100})), Blocks{});
}
TEST(Sack, OutOfOrderTextIsReported) {
  Drill d = Drill::established(kSack);
  EXPECT_EQ(blocks_after(d, data({.seq = 101, .len = 100})), (Blocks{{101, 201}}));
  EXPECT_EQ(blocks_after(d, data({.seq = 201, .len = 100})), (Blocks{{101, 301}}));
}
// RFC 2018, 4: "The first SACK block MUST specify the contiguous block of data containing the
// segment which triggered this ACK"; then "the most recently reported".
TEST(Sack, NewestBlockIsFirst) {
  Drill d = Drill::established(kSack);
  EXPECT_EQ(blocks_after(d, data({.seq = 101, .len = 100})), (Blocks{{101, 201}}));
  EXPECT_EQ(blocks_after(d, data({.seq = 501, .len = 100})), (Blocks{{501, 601}, {101, 201}}));
  EXPECT_EQ(blocks_after(d, data({.seq = 301, .len = 100})),
            (Blocks{{301, 401}, {501, 601}, {101, 201}}));
  EXPECT_EQ(blocks_after(d, data({.seq = 601, .len = 100})),
            (Blocks{{501, 701}, {301, 401}, {101, 201}}));
}
// A segment that joins two blocks leaves one.
TEST(Sack, JoinedBlocksAreOne) {
  Drill d = Drill::established(kSack);
  d.peer_sends(data({.seq = 101, .len = 100}));
  d.peer_sends(data({.seq = 301, .len = 100}));
  EXPECT_EQ(blocks_after(d, data({.seq = 201, .len = 100})), (Blocks{{101, 401}}));
}
// 3: "as many as 4 blocks", "3 with the timestamps option".
TEST(Sack, FourBlocksFit) {
  Drill d = Drill::established(kSack);
  for (std::int64_t seq = 101; seq < 1001; seq += 200) d.peer_sends(data({.seq = seq, .len = 100}));
  EXPECT_EQ(blocks_after(d, data({.seq = 2001, .len = 100})),
            (Blocks{{2001, 2101}, {901, 1001}, {701, 801}, {501, 601}}));
}
TEST(Sack, ThreeBlocksFitBesideTimestamps) {
  Drill d = Drill::established(kSackAndTs);
  for (std::int64_t seq = 101; seq < 1001; seq += 200) d.peer_sends(data({.seq = seq, .len = 100}));
  EXPECT_EQ(blocks_after(d, data({.seq = 2001, .len = 100})),
            (Blocks{{2001, 2101}, {901, 1001}, {701, 801}}));
}
// When the gap is filled the block is gone.
TEST(Sack, FilledGapIsNotReported) {
  Drill d = Drill::established(kSack);
  d.peer_sends(data({.seq = 101, .len = 100}));
  d.peer_sends(data({.seq = 301, .len = 100}));
  EXPECT_EQ(blocks_after(d, data({.seq = 1, .len = 100})), (Blocks{{301, 401}}));
  EXPECT_EQ(blocks_after(d, data({.seq = 201, .len = 100})), Blocks{});
}
// Blocks are on our text as well: "in all ACKs which do not ACK the highest sequence number".
TEST(Sack, TextCarriesBlocksToo) {
  Drill d = Drill::established(kSack);
  d.peer_sends(data({.seq = 101, .len = 100}));
  static_cast<void>(d.sent());
  d.send(10);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.ack = 1, .sack = Blocks{{101, 201}}})));
}
// What the window cut off is not reported.
TEST(Sack, OctetsBeyondTheWindowAreNotReported) {
  Drill d = Drill::established({.socket = {.receive_buffer = 1}, .sack = true});  // 1152
  EXPECT_EQ(blocks_after(d, data({.seq = 1001, .len = 1000})), (Blocks{{1001, 1153}}));
}

// ---- RFC 2883.

// 4.1.1: "a full segment below the cumulative ACK".
TEST(DSack, DuplicateOfAcknowledgedText) {
  Drill d = Drill::established(kSack);
  d.peer_sends(data({.len = 100}));
  EXPECT_EQ(blocks_after(d, data({.seq = 1, .len = 100})), (Blocks{{1, 101}}));
  EXPECT_EQ(d.count(Counter::tcp_dsack_old_sent), 1U);
}
// 4.1.2, 4: "reported as the first SACK block", and reported once.
TEST(DSack, IsFirstAndReportedOnce) {
  Drill d = Drill::established(kSack);
  d.peer_sends(data({.len = 100}));
  d.peer_sends(data({.seq = 301, .len = 100}));
  EXPECT_EQ(blocks_after(d, data({.seq = 1, .len = 100})), (Blocks{{1, 101}, {301, 401}}));
  EXPECT_EQ(blocks_after(d, data({.seq = 401, .len = 100})), (Blocks{{301, 501}}));
}
// 4.1.2: a duplicate of what waits out of order, then the block it is part of.
TEST(DSack, DuplicateOfOutOfOrderText) {
  Drill d = Drill::established(kSack);
  d.peer_sends(data({.seq = 101, .len = 300}));
  EXPECT_EQ(blocks_after(d, data({.seq = 201, .len = 100})), (Blocks{{201, 301}, {101, 401}}));
  EXPECT_EQ(d.count(Counter::tcp_dsack_ofo_sent), 1U);
}
// 4.2.1: "a partial duplicate": only the octets that came twice.
TEST(DSack, PartialDuplicateBelowTheAck) {
  Drill d = Drill::established(kSack);
  d.peer_sends(data({.len = 100}));
  EXPECT_EQ(blocks_after(d, data({.seq = 51, .len = 100})), (Blocks{{51, 101}}));
}
TEST(DSack, PartialDuplicateOutOfOrder) {
  Drill d = Drill::established(kSack);
  d.peer_sends(data({.seq = 101, .len = 100}));
  EXPECT_EQ(blocks_after(d, data({.seq = 151, .len = 100})), (Blocks{{151, 201}, {101, 251}}));
}
// 4: text in order that covers what was held, whole or in part; of several parts the first.
TEST(DSack, TextInOrderOverWhatIsHeld) {
  Drill d = Drill::established(kSack);
  d.peer_sends(data({.seq = 101, .len = 100}));
  EXPECT_EQ(blocks_after(d, data({.seq = 1, .len = 200})), (Blocks{{101, 201}}));
  d.peer_sends(data({.seq = 301, .len = 100}));
  d.peer_sends(data({.seq = 501, .len = 100}));
  d.peer_sends(data({.seq = 701, .len = 100}));
  EXPECT_EQ(blocks_after(d, data({.seq = 201, .len = 350})), (Blocks{{301, 401}, {701, 801}}));
  EXPECT_EQ(d.count(Counter::tcp_dsack_old_sent), 2U);
}
// What the segment brings once more itself comes before that.
TEST(DSack, TextInOrderThatIsACopyItself) {
  Drill d = Drill::established(kSack);
  d.peer_sends(data({.len = 100}));
  d.peer_sends(data({.seq = 201, .len = 100}));
  EXPECT_EQ(blocks_after(d, data({.seq = 51, .len = 200})), (Blocks{{51, 101}}));
}
TEST(DSack, TakesOneOfTheBlocksPlaces) {
  Drill d = Drill::established(kSackAndTs);
  d.peer_sends(data({.len = 100}));
  for (std::int64_t seq = 201; seq < 1001; seq += 200) d.peer_sends(data({.seq = seq, .len = 100}));
  EXPECT_EQ(blocks_after(d, data({.seq = 1, .len = 100})),
            (Blocks{{1, 101}, {801, 901}, {601, 701}}));
}
TEST(DSack, CanBeSwitchedOff) {
  Drill d = Drill::established({.set = {"tcp_dsack=0"}, .sack = true});
  d.peer_sends(data({.len = 100}));
  EXPECT_EQ(blocks_after(d, data({.seq = 1, .len = 100})), Blocks{});
}
TEST(DSack, IsNotSentWithoutSack) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 100}));
  EXPECT_EQ(blocks_after(d, data({.seq = 1, .len = 100})), Blocks{});
}
// A FIN that came twice has no octet of text.
TEST(DSack, RepeatedFinIsNotText) {
  Drill d = Drill::close_wait(kSack);
  EXPECT_EQ(blocks_after(d, fin({.seq = 1})), Blocks{});
}

}  // namespace
}  // namespace tuntcp::test
