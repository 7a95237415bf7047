// RFC 9293, 3.8.6 and 3.8.6.1: a window that is closed, shrinks, or opens by an octet.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// 10 ms of handshake: RTO = 210 ms.
const Duration kRto = 210_ms;

// The peer's window is closed and 100 octets wait for it.
Drill with_closed_window(const DrillOptions& options = {}) {
  Drill d = Drill::established(options);
  d.peer_sends(ack({.window = 0}));
  EXPECT_EQ(d.send(100), 100U);
  EXPECT_THAT(d.sent(), IsEmpty());
  return d;
}

// MUST-36, SHLD-29, SHLD-30. Linux (13): "probes (length 0, seq una-1) at .22,
// .65, 1.48, 3.15, 6.5, 13.2, 26.5, 54.6, 107.9" although they are answered.
TEST(Persist, ProbesBackOffLikeRetransmissions) {
  Drill d = with_closed_window();
  std::vector<Duration> gaps;
  Duration last = d.elapsed();
  for (int i = 0; i < 60'000 && gaps.size() < 12; ++i) {
    d.advance(10_ms);
    const std::vector<Sent> sent = d.sent();
    if (sent.empty()) continue;
    ASSERT_THAT(sent, ElementsAre(IsAck({.seq = 0, .ack = 1, .len = 0})));
    gaps.push_back(sent[0].at - last);
    last = sent[0].at;
    d.peer_sends(ack({.ack = 1, .window = 0}));
  }
  EXPECT_THAT(gaps, ElementsAre(kRto, kRto * 2, kRto * 4, kRto * 8, kRto * 16, kRto * 32, kRto * 64,
                                kRto * 128, kRto * 256, kRto * 512, 120_s, 120_s));
}
// MUST-37: "as long as the receiving TCP peer continues to send acknowledgments in response to the
// probe segments, the sending TCP peer MUST allow the connection to stay open."
TEST(Persist, AnsweredProbesGoOnForEver) {
  Drill d = with_closed_window();
  for (int i = 0; i < 100; ++i) {
    d.advance(120_s);
    if (!d.sent().empty()) d.peer_sends(ack({.ack = 1, .window = 0}));
  }
  EXPECT_EQ(d.state(), State::established);
  d.peer_sends(ack({.ack = 1, .window = 5000}));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 100})));
}
// A peer that is silent is given up like any other: Linux, tcp_retries2.
TEST(Persist, UnansweredProbesEndLikeRetransmissions) {
  Drill d = with_closed_window();
  d.advance(920_s);
  EXPECT_EQ(d.state(), State::established);
  d.advance(150_s);
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::timed_out);
}
TEST(Persist, WindowThatOpensEndsTheProbing) {
  Drill d = with_closed_window();
  d.advance(1_s);
  static_cast<void>(d.sent());
  d.peer_sends(ack({.ack = 1, .window = 100}));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 100})));
  d.peer_sends(ack());
  d.advance(100_s);
  EXPECT_THAT(d.sent(), IsEmpty());
}
// The next time the window closes probing begins anew.
TEST(Persist, BackOffStartsAnewWithEachClosing) {
  Drill d = with_closed_window();
  d.advance(4_s);
  d.peer_sends(ack({.ack = 1, .window = 100}));
  d.peer_sends(ack({.window = 0}));
  d.send(50);
  static_cast<void>(d.sent());
  const Duration began = d.elapsed();
  d.advance(250_ms);
  EXPECT_THAT(d.sent_at(), ElementsAre(began + d.status().rto));
}
// The FIN waits for the window too, and is probed for.
TEST(Persist, FinWaitsForTheWindow) {
  Drill d = Drill::established();
  d.peer_sends(ack({.window = 0}));
  EXPECT_TRUE(d.close().has_value());
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(kRto);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 0})));
  d.peer_sends(ack({.ack = 1, .window = 1}));
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.seq = 1})));
}
// RFC 5681, 4.1 lowers cwnd after a pause "before transmission begins": not while the window is
// closed. Linux 6.18 keeps it too.
TEST(Persist, ProbingLeavesTheCongestionWindow) {
  Drill d = Drill::established();
  d.send(10'000);
  d.peer_sends(ack());
  d.peer_sends(ack({.window = 0}));
  d.send(100);
  const std::uint32_t before = d.status().cwnd_segments;
  EXPECT_EQ(before, 20U);
  d.advance(3_s);
  EXPECT_EQ(d.status().cwnd_segments, before);
}
TEST(Persist, StatusShowsTheTimer) {
  Drill d = with_closed_window();
  EXPECT_EQ(d.status().timer, TimerKind::persist);
  EXPECT_EQ(d.status().timer_left, kRto);
}
// Nobody probes a window for nothing.
TEST(Persist, ClosedWindowWithoutTextIsNotProbed) {
  Drill d = Drill::established();
  d.peer_sends(ack({.window = 0}));
  d.advance(1000_s);
  EXPECT_THAT(d.sent(), IsEmpty());
}
// (22) TCP_USER_TIMEOUT holds for probes as well.
TEST(Persist, UserTimeoutEndsIt) {
  Drill d = with_closed_window({.socket = {.user_timeout = 3_s}});
  d.advance(3200_ms);
  EXPECT_EQ(d.state(), State::established);
  d.advance(300_ms);
  EXPECT_EQ(d.state(), State::closed);
}
// Our own answer to the peer's probes: an ACK each time, with the window as it is.
TEST(Persist, PeersProbesAreAnswered) {
  Drill d = Drill::established({.socket = {.receive_buffer = 1}});
  d.peer_sends(data({.len = 1152}));
  const std::int64_t edge = d.sent().back().ack;
  d.peer_sends(ack({.seq = edge - 1}));  // a probe like Linux's
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = edge})));
  d.peer_sends(data({.seq = edge, .len = 1}));  // a probe like BSD's
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = edge})));
}

// ---- (31) "Peer's window of 1 octet: one octet every .21".
TEST(SmallWindow, OfOneOctetIsUsedOncePerTimeout) {
  Drill d = Drill::established();
  d.peer_sends(ack({.window = 1}));
  d.send(3);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(kRto);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 1})));
  d.peer_sends(ack({.window = 1}));
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(d.status().rto);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 2, .len = 1})));
}

// ---- A window that shrinks.

// MUST-34: "a sending TCP peer MUST be robust against window shrinking"; SHLD-15: no new text.
TEST(ShrinkingWindow, StopsNewText) {
  Drill d = Drill::established();
  d.send(2000);
  d.peer_sends(ack({.ack = 1, .window = 500}));
  static_cast<void>(d.sent());
  d.send(1000);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.peer_sends(ack({.ack = 2001, .window = 1000}));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 2001, .len = 1000})));
}
// (32) "Peer shrinks its window: the full segment is still retransmitted" (SHLD-16, MAY-7).
TEST(ShrinkingWindow, FullSegmentIsStillRetransmitted) {
  Drill d = Drill::established();
  d.send(1000);
  d.peer_sends(ack({.ack = 1, .window = 500}));
  static_cast<void>(d.sent());
  d.advance(kRto);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 1000})));
}
// MUST-35: "If the window shrinks to zero, the sending TCP peer MUST probe it in the standard way":
// with text outstanding its retransmissions are the probes, and SHLD-17, MUST-37: as long as the
// peer answers, the connection stays.
TEST(ShrinkingWindow, ToZeroIsProbedByRetransmissionsForEver) {
  Drill d = Drill::established();
  d.send(1000);
  d.peer_sends(ack({.ack = 1, .window = 0}));
  static_cast<void>(d.sent());
  d.advance(kRto);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1})));
  for (int i = 0; i < 20; ++i) {
    d.peer_sends(ack({.ack = 1, .window = 0}));
    d.advance(120_s);
  }
  EXPECT_EQ(d.state(), State::established);
  d.peer_sends(ack({.ack = 1001, .window = 0}));
  EXPECT_EQ(d.status().send_q, 0U);
}
TEST(ShrinkingWindow, ToZeroAndSilenceIsGivenUp) {
  Drill d = Drill::established();
  d.send(1000);
  d.peer_sends(ack({.ack = 1, .window = 0}));
  d.advance(1100_s);
  EXPECT_EQ(d.state(), State::closed);
}
// SHLD-14: ours never moves left: what was offered stays acceptable, whatever fills the buffer.
TEST(OurWindow, RightEdgeNeverMovesLeft) {
  Drill d = Drill::established({.socket = {.receive_buffer = 5000}});
  std::int64_t edge = 1 + d.status().rcv_wnd;
  for (int i = 0; i < 2000 && d.status().rcv_wnd != 0; ++i) {
    d.peer_sends(data({.len = 37}));
    for (const Sent& one : d.sent()) {
      EXPECT_GE(one.ack + one.window, edge);
      edge = one.ack + one.window;
    }
  }
  EXPECT_EQ(d.status().recv_q, edge - 1);
}
// What was offered is taken even if small segments cost more memory than the buffer has.
TEST(OurWindow, EveryOfferedOctetIsTaken) {
  Drill d = Drill::established({.socket = {.receive_buffer = 5000}});
  const std::uint32_t offered = d.status().rcv_wnd;
  for (std::uint32_t i = 0; i < offered; ++i) d.peer_sends(data({.len = 1}));
  EXPECT_EQ(d.status().recv_q, offered);
}

}  // namespace
}  // namespace tuntcp::test
