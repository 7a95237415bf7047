// RFC 9293, 3.10.7.2, LISTEN. Which connections fit the queues: accept_queue_test.cc.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// First: "An incoming RST segment could not be valid ... ignored."
TEST(Listen, RstIsIgnored) {
  Drill d = Drill::listen();
  d.peer_sends(rst());
  d.peer_sends(rst_ack({.ack = 5}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), State::listen);
}

// Second: "An acceptable reset segment should be formed for any arriving ACK-bearing segment",
// <SEQ=SEG.ACK><CTL=RST>.
TEST(Listen, AckIsReset) {
  Drill d = Drill::listen();
  d.peer_sends(ack({.ack = 4711}));
  d.peer_sends(syn_ack({.ack = 4712}));
  d.peer_sends(fin({.ack = 4713}));
  d.peer_sends(data({.ack = 4714, .len = 3}));
  EXPECT_THAT(d.sent(), ElementsAre(IsRst({.seq = 4711}), IsRst({.seq = 4712}),
                                    IsRst({.seq = 4713}), IsRst({.seq = 4714})));
  EXPECT_EQ(d.state(), State::listen);
}

// Third: RCV.NXT <- SEG.SEQ+1, IRS <- SEG.SEQ, "a SYN segment sent of the form
// <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>", SYN-RECEIVED.
TEST(Listen, SynIsAnsweredBySynAck) {
  Drill d = Drill::listen();
  d.peer_sends(syn());
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck({.seq = 0, .ack = 1, .len = 0, .window = 64'240})));
  EXPECT_EQ(d.state(), State::syn_received);
}

TEST(Listen, Ipv6SynIsAnsweredBySynAck) {
  Drill d = Drill::listen({.family = Family::ipv6});
  d.peer_sends(syn());
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck({.seq = 0, .ack = 1})));
  EXPECT_EQ(d.state(), State::syn_received);
}

// Third: text on a SYN may be queued for later. It is not acknowledged here, so the peer sends it
// again and nothing is lost.
TEST(Listen, TextOnTheSynIsNotAcknowledged) {
  Drill d = Drill::listen();
  d.peer_sends(syn({.len = 20}));
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck({.ack = 1})));
  d.peer_sends(data({.seq = 1, .len = 20}));
  EXPECT_TRUE(d.accept());
  EXPECT_EQ(d.receive().value_or(0), 20U);
}

// Fourth: "Any other control or data-bearing segment (not containing SYN) ... drop". Without ACK
// nothing tells who it is for.
TEST(Listen, SegmentWithoutSynOrAckIsDropped) {
  Drill d = Drill::listen();
  d.peer_sends(bare({.len = 10}));
  d.peer_sends(bare({.flags = Flag::fin}));
  d.peer_sends(bare({.flags = Flag::urg | Flag::psh, .len = 1}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), State::listen);
}

// RFC 9293 does not forbid it; Linux takes a SYN with FIN for no honest opening.
TEST(Listen, SynWithFinIsDropped) {
  Drill d = Drill::listen();
  d.peer_sends(bare({.flags = Flag::syn | Flag::fin}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), State::listen);
}

// 3.10.7.4, fifth, SYN-RECEIVED: the ACK of the SYN makes it ESTABLISHED and ready for accept.
TEST(Listen, HandshakeEndsInTheAcceptQueue) {
  Drill d = Drill::syn_received();
  EXPECT_FALSE(d.accept());
  d.peer_sends(ack());
  EXPECT_EQ(d.state(), State::established);
  EXPECT_EQ(d.acceptable_events(), 1);
  EXPECT_TRUE(d.accept());
  EXPECT_THAT(d.sent(), IsEmpty());
}

// The ACK that ends the handshake may carry text and FIN.
TEST(Listen, LastAckOfTheHandshakeMayCarryTextAndFin) {
  Drill d = Drill::syn_received();
  d.peer_sends(fin({.len = 30}));
  EXPECT_EQ(d.state(), State::close_wait);
  d.advance(40_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 1, .ack = 32})));
  EXPECT_TRUE(d.accept());
  EXPECT_EQ(d.receive().value_or(0), 30U);
  EXPECT_EQ(d.receive().error(), Error::end_of_stream);
}

// 3.9.1.1: "a passive OPEN ... multiple connections": one listener, many peers, independent.
TEST(Listen, SeveralPeersAreServedIndependently) {
  Drill d = Drill::syn_received();
  Drill other = Drill::beside(d, {.irs = 77, .peer_port = 1025});
  other.peer_sends(syn());
  EXPECT_THAT(other.sent(), ElementsAre(IsSynAck({.seq = 0, .ack = 1})));
  other.peer_sends(ack());
  EXPECT_EQ(other.state(), State::established);
  EXPECT_EQ(d.state(), State::syn_received);
  EXPECT_NE(other.iss(), d.iss());
}

// Whoever closes the listener closes what it had not handed out yet.
TEST(Listen, ClosingTheListenerEndsWhatWasNotAccepted) {
  Drill d = Drill::syn_received();
  d.peer_sends(ack());
  d.stop_listening();
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = 1, .ack = 1})));
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_TRUE(d.host().is_idle());
}

TEST(Listen, ClosingTheListenerForgetsHalfOpenConnections) {
  Drill d = Drill::syn_received();
  d.stop_listening();
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_TRUE(d.host().is_idle());
  d.peer_sends(ack());
  EXPECT_THAT(d.sent(), ElementsAre(IsRst({.seq = 1})));
}

// 3.8.6, SHLD-14: a repeated SYN,ACK does not take back window, although the link's MTU, of which
// the window is made a multiple, has changed.
TEST(Listen, RepeatedSynAckKeepsItsWindowWhenTheMtuChanges) {
  Drill d = Drill::listen();
  d.peer_sends(syn());
  const std::vector<Sent> first = d.sent();
  ASSERT_THAT(first, testing::ElementsAre(IsSynAck()));
  d.set_link({.mtu = 1280});
  d.advance(1_s);
  const std::vector<Sent> second = d.sent();
  ASSERT_THAT(second, testing::ElementsAre(IsSynAck()));
  EXPECT_EQ(second[0].options.mss, 1240);
  EXPECT_EQ(second[0].window, first[0].window);
}

}  // namespace
}  // namespace tuntcp::test
