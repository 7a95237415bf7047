// RFC 9293, 3.8.6.2 (silly windows, both sides) and 3.7.4 (Nagle).
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// ---- The sender: MUST-38, 3.8.6.2.1.

// (1) "if a maximum-sized segment can be sent".
TEST(SenderSws, FullSegmentsAreSent) {
  Drill d = Drill::established({.window = 4000});
  d.send(10'000);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.len = 1000}), IsData({.len = 1000}),
                                    IsData({.len = 1000}), IsData({.len = 1000})));
}
// Less than a full segment, less than half of the largest window, and not all there is: wait.
TEST(SenderSws, SillyLittleIsNotSent) {
  Drill d = Drill::established({.window = 4000});
  d.peer_sends(ack({.window = 999}));
  d.send(10'000);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.peer_sends(ack({.ack = 1, .window = 1000}));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 1000})));
}
TEST(SenderSws, RestBehindFullSegmentsWaits) {
  Drill d = Drill::established({.window = 4000});
  d.peer_sends(ack({.window = 2500}));
  d.send(10'000);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.len = 1000}), IsData({.len = 1000})));
}
// (2) "or if the data is pushed and all queued data can be sent now".
TEST(SenderSws, AllThatIsQueuedIsSent) {
  Drill d = Drill::established({.window = 4000});
  d.peer_sends(ack({.window = 10}));
  d.send(10);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.len = 10})));
}
// (3) "or if at least a fraction Fs of the maximum window can be sent", Fs = 1/2: a peer whose
// largest window is smaller than two segments. As in Linux half of it is a segment.
TEST(SenderSws, HalfOfTheLargestWindowIsEnough) {
  Drill d = Drill::established({.window = 600});
  d.send(5000);
  EXPECT_THAT(d.sent(),
              ElementsAre(IsData({.seq = 1, .len = 300}), IsData({.seq = 301, .len = 300})));
  d.peer_sends(ack({.window = 299}));
  EXPECT_THAT(d.sent(), IsEmpty());
  d.peer_sends(ack({.window = 300}));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 601, .len = 300})));
}
// Linux: of one of at most 536 octets it is all of it, and a part waits for the timer.
TEST(SenderSws, TinyWindowIsUsedWhole) {
  Drill d = Drill::established({.window = 500});
  d.send(5000);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 500})));
  d.peer_sends(ack({.window = 300}));
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(210_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 501, .len = 300})));
}
// (4) "or if the override timeout occurs".
TEST(SenderSws, OverrideTimeoutSendsWhatFits) {
  Drill d = Drill::established({.window = 4000});
  d.peer_sends(ack({.window = 999}));
  d.send(10'000);
  d.advance(210_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 999})));
}

// ---- Nagle: SHLD-7, MUST-17, in Minshall's form as in Linux: only small segments wait for small
// ones.

TEST(Nagle, SecondSmallSegmentWaitsForTheFirst) {
  Drill d = Drill::established();
  d.send(100);
  d.send(50);
  d.send(50);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 100})));
  d.peer_sends(ack());
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 101, .len = 100})));
}
TEST(Nagle, FullSegmentDoesNotWait) {
  Drill d = Drill::established();
  d.send(100);
  d.send(1500);
  EXPECT_THAT(d.sent(),
              ElementsAre(IsData({.seq = 1, .len = 100}), IsData({.seq = 101, .len = 1000})));
}
TEST(Nagle, SmallTailOfFullSegmentsDoesNotWaitForThem) {
  Drill d = Drill::established();
  d.send(1500);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.len = 1000}), IsData({.seq = 1001, .len = 500})));
}
// MUST-17: "it MUST be possible for an application to disable the Nagle algorithm".
TEST(Nagle, CanBeSwitchedOff) {
  Drill d = Drill::established({.socket = {.no_delay = true}});
  d.send(100);
  d.send(50);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.len = 100}), IsData({.seq = 101, .len = 50})));
}
TEST(Nagle, SwitchingItOffReleasesWhatWaits) {
  Drill d = Drill::established();
  d.send(100);
  d.send(50);
  static_cast<void>(d.sent());
  d.set_socket_options({.no_delay = true});
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 101, .len = 50})));
}
TEST(Nagle, CloseReleasesWhatWaits) {
  Drill d = Drill::established();
  d.send(100);
  d.send(50);
  static_cast<void>(d.sent());
  EXPECT_TRUE(d.close().has_value());
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.seq = 101, .len = 50})));
}
// MUST-60: text without PUSH is not held for ever: an ACK or the timer of the first lets it go.
TEST(Nagle, WaitingTextGoesWithTheRetransmission) {
  Drill d = Drill::established();
  d.send(100);
  d.send(50);
  static_cast<void>(d.sent());
  d.advance(210_ms);
  d.peer_sends(ack());
  const std::vector<Sent> sent = d.sent();
  EXPECT_EQ(sent.back().end(), 151);
}

// ---- The receiver: MUST-39, 3.8.6.2.2.

class ReceiverSws : public testing::Test {
 protected:
  // 60,000 octets of memory, so a window of 30,000; full segments of 1000.
  Drill d = Drill::established({.socket = {.receive_buffer = 30'000}});
  void fill() {
    for (int i = 0; i < 100 && d.status().rcv_wnd != 0; ++i) d.peer_sends(data({.len = 1000}));
    d.advance(100_ms);
    edge = d.sent().back().ack;
    ASSERT_EQ(d.status().rcv_wnd, 0U);
  }
  std::int64_t edge = 0;
};
TEST_F(ReceiverSws, ReadingALittleOpensNothing) {
  fill();
  d.receive(100);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.peer_sends(ack({.seq = edge - 1}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = edge, .window = 0})));
}
// "until ... RCV.BUFF - RCV.USER - RCV.WND >= min(Fr * RCV.BUFF, Eff.snd.MSS)": the window opens by
// a segment or more.
TEST_F(ReceiverSws, WindowNeverOpensByLessThanASegment) {
  fill();
  std::int64_t last = edge;
  int updates = 0;
  for (int i = 0; i < 300; ++i) {
    d.receive(100);
    for (const Sent& one : d.sent()) {
      const std::int64_t now = one.ack + one.window;
      EXPECT_GE(now - last, 1000);
      last = now;
      ++updates;
    }
  }
  EXPECT_GT(updates, 0);
}
// Window update after read: the peer is told without asking.
TEST_F(ReceiverSws, ReadingAllOpensTheWindowAtOnce) {
  fill();
  d.receive();
  const std::vector<Sent> sent = d.sent();
  ASSERT_THAT(sent, ElementsAre(IsAck({.ack = edge})));
  EXPECT_GT(sent[0].window, 20'000);
}
TEST_F(ReceiverSws, OpenWindowIsNotUpdatedForNothing) {
  d.peer_sends(data({.len = 1000}));
  d.peer_sends(data({.len = 1000}));
  d.advance(100_ms);
  static_cast<void>(d.sent());
  d.receive();
  EXPECT_THAT(d.sent(), IsEmpty());
}

}  // namespace
}  // namespace tuntcp::test
