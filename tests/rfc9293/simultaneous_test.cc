// RFC 9293, 3.5, Figure 7 (SYNs that cross, MUST-10) and 3.6, Figure 13 (FINs that cross).
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using tcp::EventBits;
using testing::ElementsAre;
using testing::IsEmpty;

const DrillOptions kActive{.role = Role::active};

// Figure 7: SYN-SENT, SYN-RECEIVED, ESTABLISHED by the peer's SYN,ACK. What the figure does not
// show is that its sequence number is not acceptable, so that it deserves an ACK (3.10.7.4, first),
// which Linux sends as well.
TEST(SimultaneousOpen, PeersSynAckEstablishes) {
  Drill d = Drill::syn_received(kActive);
  d.peer_sends(syn_ack({.seq = 0, .ack = 1}));
  EXPECT_EQ(d.state(), State::established);
  EXPECT_TRUE(d.events() & EventBits::connected);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 1, .ack = 1})));
  d.send(10);
  EXPECT_THAT(d.sent(), testing::Contains(IsData({.seq = 1, .ack = 1, .len = 10})));
}
// ... or by a plain ACK of our SYN.
TEST(SimultaneousOpen, PlainAckEstablishes) {
  Drill d = Drill::syn_received(kActive);
  d.peer_sends(ack({.seq = 1, .ack = 1}));
  EXPECT_EQ(d.state(), State::established);
  EXPECT_THAT(d.sent(), IsEmpty());
}
TEST(SimultaneousOpen, TextCrossesToo) {
  Drill d = Drill::syn_received(kActive);
  d.peer_sends(data({.seq = 1, .ack = 1, .len = 30}));
  EXPECT_EQ(d.state(), State::established);
  EXPECT_EQ(d.receive(), 30U);
}
// The SYN,ACK is repeated until somebody answers.
TEST(SimultaneousOpen, SynAckIsRetransmitted) {
  Drill d = Drill::syn_received(kActive);
  d.advance(4_s);
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck({.seq = 0, .ack = 1, .at = 1_s}),
                                    IsSynAck({.seq = 0, .ack = 1, .at = 3_s})));
}
// 3.8.6, SHLD-14: an ACK in between states its window in units of the scale, the SYN,ACK in octets
// (RFC 7323, 2.2). The right edge does not move left from the one to the other.
TEST(SimultaneousOpen, RepeatedSynAckDoesNotShrinkTheWindow) {
  Drill d = Drill::syn_received({.role = Role::active, .wscale = 3});
  d.peer_sends(syn({.seq = 0}));
  const std::vector<Sent> acks = d.sent();
  ASSERT_THAT(acks, ElementsAre(IsAck({.seq = 1, .ack = 1})));
  const std::uint8_t shift = d.status().rcv_wscale;
  ASSERT_GT(shift, 0);
  d.advance(1_s);
  const std::vector<Sent> repeated = d.sent();
  ASSERT_THAT(repeated, ElementsAre(IsSynAck({.seq = 0, .ack = 1})));
  EXPECT_GE(repeated[0].window, acks[0].window << shift);
}
// 3.10.7.3, fourth, and RFC 6298, 5: however often the SYN went out alone, the SYN,ACK that answers
// the peer's is repeated from one second on; all that the peer's own repeated SYN is answered with
// are ACKs, which mean nothing to a peer in SYN-SENT.
TEST(SimultaneousOpen, SynAckAfterManySynsIsRepeatedSoonAndOften) {
  Drill d = Drill::closed(kActive);
  ASSERT_TRUE(d.open().has_value());
  d.advance(8_s);
  ASSERT_EQ(d.sent().size(), 7U);
  d.peer_sends(syn());
  d.advance(60_s);
  EXPECT_THAT(d.sent_at(), ElementsAre(8_s, 9_s, 11_s, 15_s, 23_s, 39_s));
}
// RFC 7323, 2.2: the window of a SYN,ACK is in octets, though our SYN offered a scale.
TEST(SimultaneousOpen, WindowOfTheSynAckIsNotScaled) {
  Drill d = Drill::syn_received({.role = Role::active, .wscale = 7});
  d.peer_sends(syn_ack({.seq = 0, .ack = 1, .window = 3'000, .wscale = 7}));
  EXPECT_EQ(d.state(), State::established);
  EXPECT_EQ(d.status().snd_wnd, 3'000U);
  d.peer_sends(ack({.seq = 1, .ack = 1, .window = 3'000}));
  EXPECT_EQ(d.status().snd_wnd, 384'000U);
}
TEST(SimultaneousOpen, OptionsAreThoseBothOffered) {
  Drill d = Drill::closed({.role = Role::active, .wscale = 3, .sack = true, .ts = 700});
  ASSERT_TRUE(d.open().has_value());
  d.peer_sends(syn());
  const std::vector<Sent> sent = d.sent();
  ASSERT_THAT(sent, ElementsAre(IsSyn(), IsSynAck()));
  EXPECT_TRUE(sent[1].options.sack_permitted);
  EXPECT_TRUE(sent[1].options.window_shift.has_value());
  ASSERT_TRUE(sent[1].options.timestamps.has_value());
  EXPECT_EQ(sent[1].options.timestamps->echo, 700U);
  d.peer_sends(ack({.seq = 1, .ack = 1, .window = 100}));
  EXPECT_EQ(d.status().snd_wnd, 800U);
}
// The four Status words of the figure.
TEST(SimultaneousOpen, PassesThroughTheStatesOfFigure7) {
  Drill d = Drill::closed(kActive);
  d.host().state_log().turn_on();
  ASSERT_TRUE(d.open().has_value());
  d.peer_sends(syn());
  d.peer_sends(syn_ack({.seq = 0}));
  std::vector<State> states;
  while (const auto change = d.host().state_log().take()) states.push_back(change->to);
  EXPECT_THAT(states, ElementsAre(State::syn_sent, State::syn_received, State::established));
}
// (24) Measured of Linux 6.18: the SYN that came twice is reported as such (RFC 2883).
TEST(SimultaneousOpen, SynOfTheSynAckIsADuplicate) {
  Drill d = Drill::syn_received({.role = Role::active, .sack = true});
  d.peer_sends(syn_ack({.seq = 0, .ack = 1}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 1, .sack = {{{0, 1}}}})));
}
// RST in SYN-RECEIVED from an active OPEN: nobody returns to LISTEN (MUST-11). Linux's error, in
// whose SYN-RECEIVED only SYN-SENT is refused.
TEST(SimultaneousOpen, RstEndsItAsInLinux) {
  Drill d = Drill::syn_received(kActive);
  d.peer_sends(rst({.seq = 1}));
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::connection_reset);
}
// 3.10.7.4, second: "If the connection was initiated with an active OPEN (i.e., came from SYN-SENT
// state), then the connection was refused; signal the user "connection refused".": profile rfc.
TEST(SimultaneousOpen, RstRefusesItInProfileRfc) {
  EXPECT_EQ(Sysctl::profile("rfc")->tcp_simultaneous_refused, 1U);
  Drill d = Drill::syn_received({.role = Role::active, .set = {"tcp_simultaneous_refused=1"}});
  d.peer_sends(rst({.seq = 1}));
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::connection_refused);
}

// Figure 13: FIN-WAIT-1, CLOSING, TIME-WAIT.
TEST(SimultaneousClose, GoesThroughClosingToTimeWait) {
  Drill d = Drill::fin_wait_1();
  d.peer_sends(fin({.seq = 1, .ack = 1}));
  EXPECT_EQ(d.state(), State::closing);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 2, .ack = 2})));
  d.peer_sends(ack({.seq = 2, .ack = 2}));
  EXPECT_EQ(d.state(), State::time_wait);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(59_s);
  EXPECT_EQ(d.state(), State::time_wait);
  d.advance(2_s);
  EXPECT_EQ(d.state(), State::closed);
}
// In CLOSING our FIN is still repeated until it is acknowledged.
TEST(SimultaneousClose, FinIsRetransmittedInClosing) {
  Drill d = Drill::closing();
  d.advance(250_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.seq = 1, .ack = 2, .len = 0})));
  EXPECT_EQ(d.state(), State::closing);
}
TEST(SimultaneousClose, WithTextInFlightBothWays) {
  Drill d = Drill::established();
  d.send(300);
  EXPECT_TRUE(d.close().has_value());
  // The FIN follows its text; the peer's own text and FIN cross it.
  d.peer_sends(fin({.ack = 1, .len = 200}));
  EXPECT_EQ(d.state(), State::closing);
  EXPECT_EQ(d.receive(), 200U);
  d.peer_sends(ack({.ack = 302}));
  EXPECT_EQ(d.state(), State::time_wait);
}

// 3.6, half-close: the peer goes on sending for as long as it likes, and is acknowledged.
TEST(HalfClose, PeerMaySendLongAfterOurFin) {
  Drill d = Drill::fin_wait_2();
  d.advance(Duration::seconds(3600));
  EXPECT_EQ(d.state(), State::fin_wait_2);
  d.peer_sends(data({.len = 1000}));
  EXPECT_EQ(d.receive(), 1000U);
  d.peer_sends(fin());
  EXPECT_EQ(d.state(), State::time_wait);
  EXPECT_EQ(d.receive().error(), Error::end_of_stream);
}
// The other side of it: after the peer's FIN we send, then close.
TEST(HalfClose, WeMaySendLongAfterThePeersFin) {
  Drill d = Drill::close_wait();
  d.advance(Duration::seconds(3600));
  d.send(1000);
  EXPECT_TRUE(d.close().has_value());
  EXPECT_EQ(d.state(), State::last_ack);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .ack = 2, .len = 1000}),
                                    IsFin({.seq = 1001, .ack = 2, .len = 0})));
  d.peer_sends(ack());
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::none);
}
// While the peer's half is closed, its window and ACKs still rule ours.
TEST(HalfClose, RetransmissionGoesOnInCloseWait) {
  Drill d = Drill::close_wait();
  d.send(1000);
  static_cast<void>(d.sent());
  d.advance(250_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .ack = 2, .len = 1000})));
}

}  // namespace
}  // namespace tuntcp::test
