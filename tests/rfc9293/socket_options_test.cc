// What an application tells a connection beyond RFC 9293, 3.10: Linux's socket options, where they
// touch the RFC's rules (MUST-14, MUST-16, MUST-20, MUST-22, MUST-61, SHLD-3).
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// ---- tcp(7), TCP_CORK: "don't send out partial frames. All queued partial frames are sent when
// the option is cleared again."
TEST(Cork, OnlyFullSegmentsLeaveUntilItIsPulled) {
  Drill d = Drill::established({.socket = {.no_delay = true, .cork = true}});
  d.send(2500);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.len = 1000}), IsData({.len = 1000})));
  d.peer_sends(ack());
  EXPECT_THAT(d.sent(), IsEmpty());
  d.set_socket_options({.no_delay = true});
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 2001, .len = 500})));
}
// "There is a 200 millisecond ceiling on the time for which output is corked."
TEST(Cork, HoldsTextForTwoHundredMillisecondsOnly) {
  Drill d = Drill::established({.socket = {.cork = true}});
  d.send(10);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(220_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 10})));
}
// 3.10.4: CLOSE says that nothing will fill the segment.
TEST(Cork, DoesNotHoldTheLastText) {
  Drill d = Drill::established({.socket = {.cork = true}});
  d.send(10);
  ASSERT_TRUE(d.close().has_value());
  EXPECT_THAT(d.sent(), ElementsAre(IsFin({.seq = 1, .len = 10})));
}

// ---- send(2), MSG_MORE: as TCP_CORK, for one call.
Octets octets_from(std::int64_t position, std::size_t count) {
  Octets octets;
  for (std::size_t i = 0; i < count; ++i) octets.push_back(octet_at(position++));
  return octets;
}
TEST(MoreFollows, TheNextSendFillsTheSegment) {
  Drill d = Drill::established({.socket = {.no_delay = true}});
  const ConnectionId id = d.id();
  ASSERT_TRUE(d.host().send(id, octets_from(1, 300), d.now(), {.more_follows = true}).has_value());
  d.advance(1_ms);
  EXPECT_THAT(d.sent(), IsEmpty());
  ASSERT_TRUE(d.host().send(id, octets_from(301, 300), d.now()).has_value());
  d.advance(1_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 600})));
}
// MUST-61: PSH marks the end of what was given; more was promised here.
TEST(MoreFollows, FullSegmentsLeaveWithoutPsh) {
  Drill d = Drill::established();
  const Octets segment = octets_from(1, 1000);
  ASSERT_TRUE(d.host().send(d.id(), segment, d.now(), {.more_follows = true}).has_value());
  d.advance(1_ms);
  EXPECT_THAT(d.sent(),
              ElementsAre(testing::AllOf(IsData({.len = 1000}), testing::Not(HasFlag(Flag::psh)))));
}

// ---- TCP_MAXSEG: RFC 9293, 3.7.1. MUST-14: "MUST implement both sending and receiving the MSS
// Option"; MUST-16: what is sent is limited by the smaller of both.
TEST(MaxSegment, IsAdvertisedByAnActiveOpen) {
  Drill d = Drill::closed({.role = Role::active, .socket = {.max_segment = 700}});
  ASSERT_TRUE(d.open().has_value());
  const std::vector<Sent> sent = d.sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].options.mss, 700);
}
TEST(MaxSegment, IsAdvertisedByAListener) {
  Drill d = Drill::listen({.socket = {.max_segment = 700}});
  d.peer_sends(syn());
  const std::vector<Sent> sent = d.sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].options.mss, 700);
}
TEST(MaxSegment, LimitsWhatIsSentToo) {
  Drill passive = Drill::established({.socket = {.max_segment = 700}, .mss = 1000});
  passive.send(1400);
  EXPECT_THAT(passive.sent(), ElementsAre(IsData({.len = 700}), IsData({.len = 700})));
  Drill active =
      Drill::established({.role = Role::active, .socket = {.max_segment = 700}, .mss = 1000});
  active.send(1400);
  EXPECT_THAT(active.sent(), ElementsAre(IsData({.len = 700}), IsData({.len = 700})));
}
TEST(MaxSegment, NeverRaisesWhatTheLinkCarries) {
  Drill d = Drill::closed({.role = Role::active, .socket = {.max_segment = 9000}});
  ASSERT_TRUE(d.open().has_value());
  EXPECT_EQ(d.sent().at(0).options.mss, 1460);
}

// ---- TCP_WINDOW_CLAMP. tcp(7): "Bound the size of the advertised window"; Linux's SYNs follow, in
// whole segments, and with the scale that it needs (measured).
TEST(WindowClamp, BoundsTheWindowOfSyns) {
  Drill active = Drill::closed({.role = Role::active, .socket = {.window_clamp = 5000}});
  ASSERT_TRUE(active.open().has_value());
  const Sent syn_sent = active.sent().at(0);
  EXPECT_EQ(syn_sent.window, 3 * 1460);
  EXPECT_EQ(syn_sent.options.window_shift, 0);
  Drill passive = Drill::listen({.socket = {.window_clamp = 5000}});
  passive.peer_sends(syn({.wscale = 0}));
  const Sent answer = passive.sent().at(0);
  EXPECT_EQ(answer.window, 3 * 1460);
  EXPECT_EQ(answer.options.window_shift, 0);
}
TEST(WindowClamp, HoldsWhenTextArrives) {
  Drill d = Drill::established({.socket = {.window_clamp = 5000}});
  for (int i = 0; i < 20; ++i) {
    d.peer_sends(data({.len = 1460}));
    ASSERT_TRUE(d.receive().has_value());
    for (const Sent& sent : d.sent()) EXPECT_LE(sent.window, 5000);
  }
  EXPECT_EQ(d.status().octets_received, 20U * 1460U);
}

// ---- TCP_SYNCNT. MUST-22: R2 "may be different for a SYN"; MUST-20: R1 and R2 can be set for a
// connection.
TEST(SynCount, CountsTheRepeatsOfASyn) {
  Drill d = Drill::closed(
      {.role = Role::active, .set = {"tcp_syn_linear_timeouts=0"}, .socket = {.syn_retries = 2}});
  ASSERT_TRUE(d.open().has_value());
  d.advance(20_s);
  EXPECT_THAT(d.sent_at(), ElementsAre(0_s, 1_s, 3_s));
  EXPECT_EQ(d.status().error, Error::timed_out);
}
TEST(SynCount, CountsTheRepeatsOfASynAck) {
  Drill d = Drill::listen({.socket = {.syn_retries = 1}});
  d.peer_sends(syn());
  d.advance(20_s);
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck(), IsSynAck()));
}

// ---- TCP_NOTSENT_LOWAT: SEND takes no more while so much was never sent.
TEST(NotsentLowat, RefusesWhileEnoughIsUnsent) {
  Drill d = Drill::established({.socket = {.notsent_lowat = 5000}, .window = 1000});
  ASSERT_EQ(d.send(9000), 9000U);  // below the mark when it came
  EXPECT_EQ(d.send(1).error(), Error::would_block);
  d.events();
  for (int i = 0; i < 5; ++i) d.peer_sends(ack());
  // 1,000 are sent for each of six windows: 3,000 wait, which is more than half of the mark.
  EXPECT_EQ(d.events() & tcp::EventBits::writable, 0);
  d.peer_sends(ack());
  EXPECT_NE(d.events() & tcp::EventBits::writable, 0);
  EXPECT_TRUE(d.send(1).has_value());
}

// ---- TCP_QUICKACK. 3.8.6.3: an ACK may wait (SHLD-18), but need not.
TEST(QuickAck, SendsTheAckThatIsDelayed) {
  Drill d = Drill::established();
  ASSERT_TRUE(d.host().set_quick_ack(d.id(), false, d.now()).has_value());
  d.peer_sends(data({.len = 100}));
  d.receive(100);
  EXPECT_THAT(d.sent(), IsEmpty());
  ASSERT_TRUE(d.host().set_quick_ack(d.id(), true, d.now()).has_value());
  d.advance(1_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 101})));
}
// Measured of Linux 6.18: it does not speed up the ACK of what nobody has read.
TEST(QuickAck, WaitsForTheReader) {
  Drill d = Drill::established();
  ASSERT_TRUE(d.host().set_quick_ack(d.id(), false, d.now()).has_value());
  d.peer_sends(data({.len = 100}));
  ASSERT_TRUE(d.host().set_quick_ack(d.id(), true, d.now()).has_value());
  d.advance(39_ms);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.advance(1_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 101})));
}

// ---- Both directions closed by an application that keeps its name for the connection. SHLD-3: "If
// such a host issues a CLOSE call while received data is still pending in the TCP connection, or if
// new data is received after CLOSE is called, its TCP implementation SHOULD send a RST to show that
// data was lost."
TEST(BothDirectionsClosed, NewTextIsAnsweredByAReset) {
  Drill d = Drill::established();
  ASSERT_TRUE(d.close().has_value());
  ASSERT_TRUE(d.stop_receiving().has_value());
  d.peer_sends(ack());
  d.sent();
  d.peer_sends(data({.len = 10}));
  EXPECT_THAT(d.sent(), ElementsAre(IsRst({.seq = 2})));
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::connection_reset);
}

// ---- MSG_PEEK: octets are seen and stay.
TEST(Peek, LeavesWhatItShows) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 100}));
  d.peer_sends(data({.len = 1000}));
  Octets all(1100, 0);
  ASSERT_EQ(d.host().peek(d.id(), all), 1100U);
  Octets part(950, 0);
  ASSERT_EQ(d.host().peek(d.id(), part, 150), 950U);
  EXPECT_TRUE(std::equal(part.begin(), part.end(), all.begin() + 150));
  EXPECT_EQ(d.host().peek(d.id(), part, 1100), 0U);
  EXPECT_EQ(d.receive(), 1100U);
}

}  // namespace
}  // namespace tuntcp::test
