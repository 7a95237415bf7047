// RFC 9293, 3.8.5 and 3.10.2: urgent data that we send. Received: check_urg_test.cc.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::Not;

// SEND with the URGENT flag. `position` is that of the first octet in the stream.
void send_urgent(Drill& d, std::int64_t position, std::uint32_t octets) {
  Octets text;
  for (std::uint32_t i = 0; i < octets; ++i) text.push_back(octet_at(position + i));
  EXPECT_EQ(d.host().send(d.id(), text, d.now(), {.urgent = true}), octets);
  d.advance(0_s);
}
// A segment with URG and this pointer.
auto is_urgent(std::uint16_t pointer) {
  return AllOf(HasFlag(Flag::urg), Field(&Sent::urgent, pointer));
}
const auto kIsNotUrgent = AllOf(Not(HasFlag(Flag::urg)), Field(&Sent::urgent, 0));

// MUST-30; MUST-62: "the urgent pointer [points] to the sequence number of the octet following the
// urgent data", as an offset from SEG.SEQ (3.1).
TEST(SendUrgent, PointerNamesTheOctetAfterTheUrgentOnes) {
  Drill d = Drill::established();
  send_urgent(d, 1, 10);
  EXPECT_THAT(d.sent(), ElementsAre(AllOf(IsData({.seq = 1, .len = 10}), is_urgent(10))));
}
// Text that follows is not urgent.
TEST(SendUrgent, WhatFollowsIsNotUrgent) {
  Drill d = Drill::established();
  send_urgent(d, 1, 10);
  static_cast<void>(d.sent());
  d.peer_sends(ack());
  Octets text{octet_at(11)};
  ASSERT_TRUE(d.host().send(d.id(), text, d.now()).has_value());
  d.advance(0_s);
  EXPECT_THAT(d.sent(), ElementsAre(AllOf(IsData({.seq = 11}), kIsNotUrgent)));
}
// MUST-31: "MUST support a sequence of urgent data of any length": each segment below SND.UP says
// where it is, and none is a super-packet, whose parts would all say the same.
TEST(SendUrgent, EverySegmentSaysHowFarItGoes) {
  Drill d = Drill::established({.link = {.gso_max_octets = 65'535}});
  send_urgent(d, 1, 3000);
  EXPECT_THAT(d.sent(), ElementsAre(AllOf(IsData({.seq = 1, .len = 1000}), is_urgent(3000)),
                                    AllOf(IsData({.seq = 1001}), is_urgent(2000)),
                                    AllOf(IsData({.seq = 2001}), is_urgent(1000))));
}
// Text already queued goes first, and is told of what comes behind it.
TEST(SendUrgent, TextInFrontOfItPointsAhead) {
  Drill d = Drill::established();
  d.peer_sends(ack({.window = 1000}));
  d.send(2000);
  static_cast<void>(d.sent());
  send_urgent(d, 2001, 1);
  d.peer_sends(ack({.ack = 1001, .window = 1000}));
  EXPECT_THAT(d.sent(), ElementsAre(AllOf(IsData({.seq = 1001, .len = 1000}), is_urgent(1001))));
}
// Sent again it is as urgent as it was.
TEST(SendUrgent, RetransmissionIsUrgent) {
  Drill d = Drill::established();
  send_urgent(d, 1, 10);
  static_cast<void>(d.sent());
  d.advance(210_ms);
  EXPECT_THAT(d.sent(), ElementsAre(AllOf(IsData({.seq = 1, .len = 10}), is_urgent(10))));
}
// 3.10.2: a later SEND with the flag moves SND.UP on.
TEST(SendUrgent, PointerAdvances) {
  Drill d = Drill::established();
  send_urgent(d, 1, 10);
  send_urgent(d, 11, 10);
  EXPECT_THAT(d.sent(), ElementsAre(is_urgent(10), AllOf(IsData({.seq = 11}), is_urgent(10))));
  d.advance(210_ms);
  EXPECT_THAT(d.sent(), ElementsAre(AllOf(IsData({.seq = 1}), is_urgent(20))));
}
// As in Linux Nagle (SHLD-7) does not hold it up.
TEST(SendUrgent, DoesNotWaitForNagle) {
  Drill d = Drill::established();
  d.send(10);
  static_cast<void>(d.sent());
  send_urgent(d, 11, 1);
  EXPECT_THAT(d.sent(), ElementsAre(AllOf(IsData({.seq = 11, .len = 1}), is_urgent(1))));
}
// A closed window holds up the octets, but not the news (3.8.6.1: "valid ACKs, URGs, and RSTs"):
// the probe comes with one that has the pointer (as in Linux).
TEST(SendUrgent, IsToldWhileTheWindowIsClosed) {
  Drill d = Drill::established();
  d.peer_sends(ack({.window = 0}));
  send_urgent(d, 1, 10);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(210_ms);
  EXPECT_THAT(d.sent(), ElementsAre(AllOf(IsAck({.seq = 1, .len = 0}), is_urgent(10)),
                                    AllOf(IsAck({.seq = 0, .len = 0}), is_urgent(11))));
}
// Further ahead than 16 bits can say: Linux says so as soon as nothing in between is unsent.
TEST(SendUrgent, FarAheadIsToldWhenItIsNear) {
  Drill d = Drill::established({.set = {"tcp_wmem=4096 262144 4194304"}});
  d.peer_sends(ack({.window = 2000}));
  send_urgent(d, 1, 100'000);
  EXPECT_THAT(d.sent(), ElementsAre(is_urgent(65'535), is_urgent(65'535)));
  d.peer_sends(ack({.ack = 2001, .window = 1000}));
  EXPECT_THAT(d.sent(), ElementsAre(AllOf(IsData({.seq = 2001}), is_urgent(65'535))));
}
// What lies at SND.UP or behind it is not.
TEST(SendUrgent, FinBehindItIsNotUrgent) {
  Drill d = Drill::established();
  send_urgent(d, 1, 10);
  d.peer_sends(ack());
  static_cast<void>(d.sent());
  ASSERT_TRUE(d.close().has_value());
  EXPECT_THAT(d.sent(), ElementsAre(AllOf(IsFin({.seq = 11}), kIsNotUrgent)));
}
// tcp_stdurg (received): the pointer names the urgent octet itself.
TEST(StdUrg, PointerNamesTheOctetItself) {
  Drill d = Drill::established({.set = {"tcp_stdurg=1"}});
  d.peer_sends(ack({.flags = Flag::urg, .len = 10, .urgent = 4}));
  EXPECT_EQ(d.status().urgent_left, 5U);
  Drill usual = Drill::established();
  usual.peer_sends(ack({.flags = Flag::urg, .len = 10, .urgent = 4}));
  EXPECT_EQ(usual.status().urgent_left, 4U);
}

}  // namespace
}  // namespace tuntcp::test
