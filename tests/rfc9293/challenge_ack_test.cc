// RFC 5961, 7 and Linux row 15: how often dubious segments are answered.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

// (15) "20 bad RSTs in 2 s: 3 or, on a fresh connection, 4 challenge ACKs (500 ms per-socket
// limit)".
TEST(ChallengeAck, IsSentTwiceASecondAtMost) {
  Drill d = Drill::established();
  for (int i = 0; i < 20; ++i) {
    d.peer_sends(rst({.seq = 100 + i}));
    d.advance(100_ms);
  }
  EXPECT_THAT(d.sent(), SizeIs(4));
  EXPECT_EQ(d.count(Counter::tcp_challenge_ack), 4U);
  EXPECT_EQ(d.count(Counter::tcp_ack_skipped_challenge), 16U);
  EXPECT_EQ(d.state(), State::established);
}
// tcp_invalid_ratelimit is that limit.
TEST(ChallengeAck, LimitPerConnectionIsTunable) {
  Drill d = Drill::established({.set = {"tcp_invalid_ratelimit=0"}});
  for (int i = 0; i < 20; ++i) d.peer_sends(rst({.seq = 100 + i}));
  EXPECT_THAT(d.sent(), SizeIs(20));
}
TEST(ChallengeAck, ConnectionsHaveLimitsOfTheirOwn) {
  Drill d = Drill::established();
  Drill other = Drill::beside(d, {.peer_port = 99});
  other.peer_sends(syn());
  other.peer_sends(ack());
  static_cast<void>(other.sent());
  d.peer_sends(rst({.seq = 100}));
  other.peer_sends(rst({.seq = 100}));
  EXPECT_THAT(d.sent(), SizeIs(1));
  EXPECT_THAT(other.sent(), SizeIs(1));
}
// RFC 5961, 7: a limit over all connections, tcp_challenge_ack_limit.
TEST(ChallengeAck, HostHasALimitToo) {
  Drill d = Drill::established({.set = {"tcp_challenge_ack_limit=1", "tcp_invalid_ratelimit=0"}});
  d.peer_sends(rst({.seq = 100}));
  d.peer_sends(rst({.seq = 101}));
  EXPECT_THAT(d.sent(), SizeIs(1));
  d.advance(1_s);
  d.peer_sends(rst({.seq = 102}));
  EXPECT_THAT(d.sent(), SizeIs(1));
}
// (15) "old or out-of-window data is ACKed every time": it cannot loop.
TEST(DubiousText, IsAcknowledgedEveryTime) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 100}));
  static_cast<void>(d.sent());
  for (int i = 0; i < 10; ++i) d.peer_sends(data({.seq = 1, .len = 100}));
  EXPECT_THAT(d.sent(), SizeIs(10));
  for (int i = 0; i < 10; ++i) d.peer_sends(data({.seq = 500'000, .len = 100}));
  EXPECT_THAT(d.sent(), SizeIs(10));
}
// Empty segments outside the window could make two TCPs answer each other for ever.
TEST(DubiousText, EmptySegmentsAreAnsweredTwiceASecond) {
  Drill d = Drill::established();
  for (int i = 0; i < 20; ++i) {
    d.peer_sends(ack({.seq = -5}));
    d.advance(100_ms);
  }
  EXPECT_THAT(d.sent(), SizeIs(4));
}
TEST(DubiousText, SynsAreChallengedTwiceASecond) {
  Drill d = Drill::established();
  for (int i = 0; i < 20; ++i) {
    d.peer_sends(syn({.seq = 100}));
    d.advance(100_ms);
  }
  EXPECT_THAT(d.sent(), SizeIs(4));
  EXPECT_EQ(d.count(Counter::tcp_syn_challenge), 4U);
}
// A half-open connection is limited too.
TEST(DubiousText, SynReceivedAnswersTwiceASecond) {
  Drill d = Drill::syn_received();
  for (int i = 0; i < 9; ++i) {
    d.peer_sends(ack({.seq = -5, .ack = 1}));
    d.advance(100_ms);
  }
  EXPECT_THAT(d.sent(), SizeIs(2));
}
// The exact RST is obeyed however many guesses came before.
TEST(ChallengeAck, LimitDoesNotProtectFromTheExactRst) {
  Drill d = Drill::established();
  for (int i = 0; i < 20; ++i) d.peer_sends(rst({.seq = 100 + i}));
  d.peer_sends(rst({.seq = 1}));
  EXPECT_EQ(d.state(), State::closed);
}

}  // namespace
}  // namespace tuntcp::test
