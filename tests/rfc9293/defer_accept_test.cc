// TCP_DEFER_ACCEPT, tcp(7): a listener wakes its application only when there is something to read.
// In terms of RFC 9293, 3.10.7.4: the ACK of the SYN,ACK is treated as if it had been lost.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// 3 timeouts of the SYN,ACK: until 1 + 2 + 4 = 7 s.
Drill deferring(std::uint8_t timeouts = 3) {
  Drill d = Drill::listen({.socket = {.defer_accept = timeouts}});
  d.peer_sends(syn());
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck()));
  return d;
}

TEST(DeferAccept, BareAckDoesNotEstablish) {
  Drill d = deferring();
  d.peer_sends(ack());
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.acceptable_events(), 0);
  EXPECT_FALSE(d.accept());
  EXPECT_EQ(d.count(Counter::tcp_defer_accept_drop), 1U);
}
TEST(DeferAccept, TextEstablishes) {
  Drill d = deferring();
  d.peer_sends(ack());
  d.peer_sends(data({.len = 100}));
  EXPECT_EQ(d.acceptable_events(), 1);
  ASSERT_TRUE(d.accept());
  EXPECT_EQ(d.state(), State::established);
  EXPECT_EQ(d.receive(), 100U);
}
TEST(DeferAccept, FinEstablishesToo) {
  Drill d = deferring();
  d.peer_sends(fin());
  ASSERT_TRUE(d.accept());
  EXPECT_EQ(d.state(), State::close_wait);
}
// Linux sends no SYN,ACK meanwhile, but one at the end: its ACK then completes the handshake.
TEST(DeferAccept, EndsWithOneMoreSynAck) {
  Drill d = deferring();
  d.peer_sends(ack());
  static_cast<void>(d.sent());
  const Duration began = d.elapsed();
  d.advance(6_s);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(1500_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck({.at = began + 7_s})));
  d.peer_sends(ack());
  EXPECT_TRUE(d.accept());
}
// One that never acknowledged is asked as always.
TEST(DeferAccept, LostSynAckIsRepeatedAsAlways) {
  Drill d = deferring();
  d.advance(4_s);
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck(), IsSynAck()));
}
// Longer than tcp_synack_retries: the peer that has acknowledged is kept until the time is over.
TEST(DeferAccept, OutlastsTheRetransmissions) {
  Drill d = Drill::listen({.set = {"tcp_synack_retries=1"}, .socket = {.defer_accept = 5}});
  d.peer_sends(syn());
  d.peer_sends(ack());
  static_cast<void>(d.sent());
  d.advance(20_s);
  d.peer_sends(data({.len = 10}));
  EXPECT_TRUE(d.accept());
}

}  // namespace
}  // namespace tuntcp::test
