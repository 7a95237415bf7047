// RFC 9293, 3.8.6.3 and 3.10.7.4 (MUST-58, MUST-59): when an acknowledgment leaves. Linux row 14.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// (14) "while the application does not read: the first 16 segments are ACKed at once (quick ACK),
// then about 43 ms".
TEST(DelayedAck, FirstSixteenAreAcknowledgedAtOnce) {
  Drill d = Drill::established();
  for (int i = 0; i < 16; ++i) d.peer_sends(data({.len = 10}));
  EXPECT_THAT(d.sent(), SizeIs(16));
  d.peer_sends(data({.len = 10}));
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(39_ms);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(1_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 171})));
  EXPECT_EQ(d.count(Counter::tcp_delayed_acks), 1U);
}

// Quick ACKs are used up.
class AfterQuickAcks : public testing::Test {
 protected:
  AfterQuickAcks() {
    for (int i = 0; i < 16; ++i) d.peer_sends(data({.len = 1000}));
    d.advance(50_ms);
    static_cast<void>(d.sent());
  }
  Drill d = Drill::established();
};
// SHLD-19: "an ACK for at least every second full-sized segment".
TEST_F(AfterQuickAcks, EverySecondFullSegmentIsAcknowledged) {
  d.peer_sends(data({.len = 1000}));
  EXPECT_THAT(d.sent(), IsEmpty());
  d.peer_sends(data({.len = 1000}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 18'001})));
  d.peer_sends(data({.len = 1000}));
  EXPECT_THAT(d.sent(), IsEmpty());
}
// MUST-40: "excessively delayed ... MUST be less than 0.5 seconds".
TEST_F(AfterQuickAcks, OneAloneWaitsFortyMilliseconds) {
  d.peer_sends(data({.len = 1000}));
  const Duration began = d.elapsed();
  d.advance(500_ms);
  EXPECT_THAT(d.sent_at(), ElementsAre(began + 40_ms));
}
// The wait is not prolonged by more text that does not make up a second segment.
TEST_F(AfterQuickAcks, WaitIsCountedFromTheFirst) {
  d.peer_sends(data({.len = 100}));
  const Duration began = d.elapsed();
  d.advance(30_ms);
  d.peer_sends(data({.len = 100}));
  d.advance(10_ms);
  EXPECT_THAT(d.sent_at(), ElementsAre(began + 40_ms));
}
// RFC 5681, 4.2: a gap, its growth and its end are told at once.
TEST_F(AfterQuickAcks, OutOfOrderTextIsAcknowledgedAtOnce) {
  d.peer_sends(data({.seq = 17'001, .len = 1000}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 16'001})));
  d.peer_sends(data({.seq = 18'001, .len = 1000}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 16'001})));
  d.peer_sends(data({.seq = 16'001, .len = 500}));  // fills a part of it
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 16'501})));
  d.peer_sends(data({.seq = 16'501, .len = 500}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 19'001})));
}
TEST_F(AfterQuickAcks, DuplicateTextIsAcknowledgedAtOnce) {
  d.peer_sends(data({.seq = 1, .len = 1000}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 16'001})));
}
// Linux's tcp_fin(); pcap-fixtures/close/text-with-fin.pcap shows it.
TEST_F(AfterQuickAcks, FinWaitsForTheApplicationsOwn) {
  d.peer_sends(fin());
  EXPECT_THAT(d.sent(), IsEmpty());
  d.release();
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck()));  // nothing was read, SHLD-3
}
TEST_F(AfterQuickAcks, FinIsAcknowledgedByOurFin) {
  static_cast<void>(d.receive());
  static_cast<void>(d.sent());
  d.peer_sends(fin());
  EXPECT_THAT(d.sent(), IsEmpty());
  d.release();
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.ack = 16'002})));
  d.advance(100_ms);
  EXPECT_THAT(d.sent(), IsEmpty());
}
TEST_F(AfterQuickAcks, FinIsAcknowledgedWithinFortyMilliseconds) {
  d.peer_sends(fin());
  const Duration began = d.elapsed();
  d.advance(500_ms);
  EXPECT_THAT(d.sent_at(), ElementsAre(began + 40_ms));
}
// In FIN-WAIT-1 and -2 nothing of the application is to follow.
TEST_F(AfterQuickAcks, FinAfterOursIsAcknowledgedAtOnce) {
  ASSERT_TRUE(d.close());
  d.peer_sends(ack());
  static_cast<void>(d.sent());
  d.peer_sends(fin());
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 16'002})));
}
// The application's own text carries the ACK.
TEST_F(AfterQuickAcks, AckRidesOnText) {
  d.peer_sends(data({.len = 100}));
  d.send(10);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.ack = 16'101, .len = 10})));
  d.peer_sends(ack());
  d.advance(100_ms);
  EXPECT_THAT(d.sent(), IsEmpty());
}
// After a pause of an RTO the peer starts slowly again, so quick ACKs return.
TEST_F(AfterQuickAcks, PauseBringsQuickAcksBack) {
  d.advance(1_s);
  d.peer_sends(data({.len = 100}));
  EXPECT_THAT(d.sent(), SizeIs(1));
  d.peer_sends(data({.len = 100}));
  EXPECT_THAT(d.sent(), SizeIs(1));
}
// (14) "small PSH segments that are read at once are all ACKed at once".
TEST_F(AfterQuickAcks, PushedSegmentsThatAreReadAreAcknowledgedAtOnce) {
  d.receive();
  static_cast<void>(d.sent());
  for (int i = 0; i < 5; ++i) {
    d.peer_sends(bare({.flags = Flag::ack | Flag::psh, .len = 10}));
    d.receive();
    EXPECT_THAT(d.sent(), SizeIs(1));
  }
}

// MUST-58, MUST-59: "process all of them before sending any ACK segments": what is read together is
// answered once.
TEST(Aggregation, SegmentsReadTogetherAreAcknowledgedOnce) {
  Drill d = Drill::established();
  d.peer_sends_at_once({data({.len = 1000}), data({.seq = 1001, .len = 1000}),
                        data({.seq = 2001, .len = 1000}), data({.seq = 3001, .len = 1000})});
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 4001})));
}

// An application that answers: ACKs ride along once it is known to be one (Linux's "pingpong").
TEST(Interactive, RequestsAreAcknowledgedByTheirAnswers) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 10}));
  d.receive();
  d.send(10);
  d.peer_sends(ack());
  static_cast<void>(d.sent());
  for (int i = 0; i < 5; ++i) {
    d.peer_sends(bare({.flags = Flag::ack | Flag::psh, .len = 10}));
    d.receive();
    EXPECT_THAT(d.sent(), IsEmpty());
    d.send(10);
    EXPECT_THAT(d.sent(), ElementsAre(IsData({.len = 10})));
    d.advance(5_ms);
  }
}
// One that stops answering is found out by the timer.
TEST(Interactive, SilentApplicationStillAcknowledges) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 10}));
  d.receive();
  d.send(10);
  d.peer_sends(ack());
  static_cast<void>(d.sent());
  d.peer_sends(data({.len = 10}));
  d.receive();
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(40_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 21})));
}

}  // namespace
}  // namespace tuntcp::test
