// RFC 9293, 3.4: sequence numbers are compared modulo 2^32, and so are timestamps (RFC 7323, 4.1):
// whole conversations whose numbers pass 2^31 and 2^32, both ways.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;

class Wrap : public testing::TestWithParam<std::uint32_t> {
 protected:
  // Each number begins a little below the parameter and passes it during the test.
  static DrillOptions below(std::uint32_t edge) {
    return {.irs = edge - 2'500,
            .iss = edge - 2'500,
            .link = {.mtu = 1'052},
            .mss = 1'012,
            .sack = true,
            .ts = edge - 5};
  }
};
INSTANTIATE_TEST_SUITE_P(Edges, Wrap, testing::Values(0x80000000U, 0U));

TEST_P(Wrap, OctetsPassBothWays) {
  Drill d = Drill::established(below(GetParam()));
  EXPECT_EQ(d.iss().value(), GetParam() - 2'500);
  for (int turn = 0; turn < 10; ++turn) {
    d.peer_sends(data({.len = 500}));
    EXPECT_EQ(d.receive(), 500U);
    EXPECT_EQ(d.send(500), 500U);
    d.advance(1_ms);
    d.peer_sends(ack());
    const std::vector<Sent> sent = d.sent();
    ASSERT_FALSE(sent.empty());
    EXPECT_EQ(sent.back().end(), 1 + (turn + 1) * 500);
    EXPECT_EQ(sent.back().ack, 1 + (turn + 1) * 500);
  }
  EXPECT_EQ(d.status().unacked_octets, 0U);
  EXPECT_EQ(d.status().octets_received, 5'000U);
}

TEST_P(Wrap, AGapAcrossTheEdgeIsSelectivelyAcknowledgedAndFilled) {
  Drill d = Drill::established(below(GetParam()));
  d.peer_sends(data({.len = 1'000}));
  d.peer_sends(data({.len = 1'000}));
  EXPECT_EQ(d.receive(), 2'000U);
  d.sent();
  // 2001:3001 is missing, 3001:4001 lies beyond the edge.
  d.peer_sends(data({.seq = 3'001, .len = 1'000}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 2'001, .sack = {{{3'001, 4'001}}}})));
  d.peer_sends(data({.seq = 2'001, .len = 1'000}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 4'001})));
  EXPECT_EQ(d.receive(), 2'000U);
}

TEST_P(Wrap, TextAcrossTheEdgeIsSentAgain) {
  Drill d = Drill::established(below(GetParam()));
  d.send(5'000);
  EXPECT_EQ(d.sent().size(), 5U);
  d.peer_sends(ack({.ack = 2'001}));
  d.advance(300_ms);
  const std::vector<Sent> again = d.sent();
  ASSERT_GE(again.size(), 2U);
  // The tail loss probe, and then the timeout.
  EXPECT_THAT(again[0], IsData({.seq = 4'001, .len = 1'000}));
  EXPECT_THAT(again[1], IsData({.seq = 2'001, .len = 1'000}));
  d.peer_sends(ack({.ack = 5'001}));
  EXPECT_EQ(d.status().unacked_octets, 0U);
}

// PAWS: after TS.Recent passed the edge what lies before it is old, not new.
TEST_P(Wrap, ATimestampBeforeTheEdgeIsOld) {
  Drill d = Drill::established(below(GetParam()));
  d.peer_sends(data({.len = 100, .ts = wire::Timestamps{.value = GetParam() + 10, .echo = 0}}));
  EXPECT_EQ(d.receive(), 100U);
  d.peer_sends(data({.len = 100, .ts = wire::Timestamps{.value = GetParam() - 3, .echo = 0}}));
  EXPECT_EQ(d.receive(), std::unexpected(Error::would_block));
  EXPECT_EQ(d.count(Counter::tcp_paws_estab), 1U);
}

TEST_P(Wrap, TheFinMayBeTheFirstOctetAfterTheEdge) {
  Drill d = Drill::established(below(GetParam()));
  // ISS + 1 + 2499 is the edge itself.
  d.send(2'499);
  d.close();
  d.sent();
  d.peer_sends(ack({.ack = 2'501}));
  EXPECT_EQ(d.state(), State::fin_wait_2);
  d.peer_sends(data({.len = 2'499}));
  d.peer_sends(fin());
  EXPECT_EQ(d.state(), State::time_wait);
}

}  // namespace
}  // namespace tuntcp::test
