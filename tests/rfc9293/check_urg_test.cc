// RFC 9293, 3.10.7.4, sixth: check the URG bit; 3.8.5.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using tcp::EventBits;

constexpr Flags kUrgent = Flag::ack | Flag::urg;

class CheckUrg : public testing::TestWithParam<State> {};
INSTANTIATE_TEST_SUITE_P(MayReceive, CheckUrg,
                         testing::Values(State::established, State::fin_wait_1, State::fin_wait_2),
                         name_of<State>);
// "RCV.UP <- max(RCV.UP,SEG.UP), and signal the user that the remote side has urgent data"
// (MUST-30, MUST-32).
TEST_P(CheckUrg, UrgentPointerIsToldToTheApplication) {
  Drill d = Drill::in(GetParam());
  static_cast<void>(d.events());
  d.peer_sends(bare({.flags = kUrgent, .len = 10, .urgent = 10}));
  EXPECT_TRUE(d.events() & EventBits::urgent);
}
// "CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: this should not occur since a FIN has been received
// from the remote side. Ignore the URG."
class IgnoresUrg : public testing::TestWithParam<State> {};
INSTANTIATE_TEST_SUITE_P(FinWasReceived, IgnoresUrg,
                         testing::Values(State::close_wait, State::closing, State::last_ack),
                         name_of<State>);
TEST_P(IgnoresUrg, UrgentPointerIsIgnored) {
  Drill d = Drill::in(GetParam());
  static_cast<void>(d.events());
  d.peer_sends(bare({.flags = kUrgent, .ack = 1, .urgent = 10}));
  EXPECT_FALSE(d.events() & EventBits::urgent);
  EXPECT_EQ(d.state(), GetParam());
}

// MUST-32: "whenever the urgent pointer advances in the data stream", but not for the same one.
TEST(Urgent, IsToldAgainOnlyWhenItAdvances) {
  Drill d = Drill::established();
  d.peer_sends(bare({.flags = kUrgent, .len = 10, .urgent = 100}));
  EXPECT_TRUE(d.events() & EventBits::urgent);
  d.peer_sends(bare({.flags = kUrgent, .len = 10, .urgent = 90}));  // the same octet
  EXPECT_FALSE(d.events() & EventBits::urgent);
  d.peer_sends(bare({.flags = kUrgent, .len = 10, .urgent = 81}));  // one further
  EXPECT_TRUE(d.events() & EventBits::urgent);
}
// MUST-31: urgent data may be longer than a segment, and the pointer may come before its octets.
TEST(Urgent, PointerFarAheadOfTheTextIsRemembered) {
  Drill d = Drill::established();
  d.peer_sends(bare({.flags = kUrgent, .urgent = 5000}));
  EXPECT_TRUE(d.events() & EventBits::urgent);
  EXPECT_EQ(d.status().urgent_left, 5000U);
}
// MUST-33: "a way for the application to learn how much urgent data remains to be read". MUST-62:
// the pointer names the octet that follows the urgent data.
TEST(Urgent, WhatRemainsToBeReadCanBeAsked) {
  Drill d = Drill::established();
  EXPECT_EQ(d.status().urgent_left, 0U);
  d.peer_sends(bare({.flags = kUrgent, .len = 100, .urgent = 60}));
  EXPECT_EQ(d.status().urgent_left, 60U);
  d.receive(20);
  EXPECT_EQ(d.status().urgent_left, 40U);
  d.receive(39);
  EXPECT_EQ(d.status().urgent_left, 1U);
  d.receive(1);
  EXPECT_EQ(d.status().urgent_left, 0U);
  EXPECT_EQ(d.receive(), 40U);
}
// The octets themselves stay in the stream (RFC 9293, 3.8.5: no "out of band").
TEST(Urgent, OctetsAreReadInTheirPlace) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 5}));
  d.peer_sends(bare({.flags = kUrgent, .len = 1, .urgent = 1}));
  d.peer_sends(data({.len = 5}));
  EXPECT_EQ(d.receive(), 11U);
}
// A pointer to what was read long ago is no news.
TEST(Urgent, OldPointerIsNoNews) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 1000}));
  d.receive();
  static_cast<void>(d.events());
  d.peer_sends(bare({.flags = kUrgent, .seq = 1001, .urgent = 0}));
  EXPECT_FALSE(d.events() & EventBits::urgent);
}
// Without the bit the field means nothing (3.1).
TEST(Urgent, FieldWithoutTheBitIsIgnored) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 10, .urgent = 10}));
  EXPECT_FALSE(d.events() & EventBits::urgent);
}

}  // namespace
}  // namespace tuntcp::test
