// RFC 9293, 3.10.7.3, SYN-SENT.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using tcp::EventBits;
using testing::ElementsAre;
using testing::IsEmpty;

const DrillOptions kActive{.role = Role::active};

// First: "If SEG.ACK =< ISS or SEG.ACK > SND.NXT, send a reset (unless the RST bit is set ...)
// <SEQ=SEG.ACK><CTL=RST> and discard the segment."
class SynSentBadAck : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(OutsideTheOneRightNumber, SynSentBadAck,
                         testing::Values(-70'000, -1, 0, 2, 70'000));
TEST_P(SynSentBadAck, IsReset) {
  Drill d = Drill::syn_sent(kActive);
  d.peer_sends(ack({.ack = GetParam()}));
  d.peer_sends(syn_ack({.ack = GetParam()}));
  EXPECT_THAT(d.sent(), ElementsAre(IsRst({.seq = GetParam()}), IsRst({.seq = GetParam()})));
  EXPECT_EQ(d.state(), State::syn_sent);
}
TEST_P(SynSentBadAck, IsDroppedSilentlyWithRst) {
  Drill d = Drill::syn_sent(kActive);
  d.peer_sends(rst_ack({.ack = GetParam()}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), State::syn_sent);
}

// Second: "If the ACK was acceptable, then signal to the user ... drop the segment, enter CLOSED".
TEST(SynSent, RstWithAcceptableAckRefusesTheConnection) {
  Drill d = Drill::syn_sent(kActive);
  d.peer_sends(rst_ack({.ack = 1}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, Error::connection_refused);
  EXPECT_TRUE(d.events() & EventBits::failed);
}

// Second: "Otherwise (no ACK), drop the segment and return."
TEST(SynSent, RstWithoutAckIsDropped) {
  Drill d = Drill::syn_sent(kActive);
  d.peer_sends(rst({.seq = 0}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), State::syn_sent);
}

// Fourth: our SYN is acknowledged: ESTABLISHED, "form an ACK segment <SEQ=SND.NXT><ACK=RCV.NXT>
// <CTL=ACK> and send it."
TEST(SynSent, SynAckEstablishes) {
  Drill d = Drill::syn_sent(kActive);
  d.peer_sends(syn_ack());
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 1, .ack = 1})));
  EXPECT_EQ(d.state(), State::established);
  EXPECT_TRUE(d.events() & EventBits::connected);
}

TEST(SynSent, Ipv6SynAckEstablishes) {
  Drill d = Drill::syn_sent({.role = Role::active, .family = Family::ipv6});
  d.peer_sends(syn_ack());
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 1, .ack = 1})));
  EXPECT_EQ(d.state(), State::established);
}

// "Data or controls that were queued for transmission MAY be included"; and what came with the
// SYN,ACK is processed: "If there are other controls or text in the segment, then continue
// processing at the sixth step".
TEST(SynSent, TextOfTheSynAckIsDelivered) {
  Drill d = Drill::syn_sent(kActive);
  d.peer_sends(syn_ack({.len = 40}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 1, .ack = 41})));
  EXPECT_EQ(d.receive().value_or(0), 40U);
}

TEST(SynSent, FinOfTheSynAckIsTaken) {
  Drill d = Drill::syn_sent(kActive);
  d.peer_sends(bare({.flags = Flag::syn | Flag::ack | Flag::fin, .len = 5}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 1, .ack = 7})));
  EXPECT_EQ(d.state(), State::close_wait);
}

// Fourth, otherwise: "enter SYN-RECEIVED, form a SYN,ACK segment <SEQ=ISS><ACK=RCV.NXT>
// <CTL=SYN,ACK> and send it" (MUST-10).
TEST(SynSent, CrossingSynIsAnsweredBySynAck) {
  Drill d = Drill::syn_sent(kActive);
  d.peer_sends(syn());
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck({.seq = 0, .ack = 1})));
  EXPECT_EQ(d.state(), State::syn_received);
}

// Fifth: "if neither of the SYN or RST bits is set, then drop the segment and return."
TEST(SynSent, SegmentWithNeitherSynNorRstIsDropped) {
  Drill d = Drill::syn_sent(kActive);
  d.peer_sends(ack({.ack = 1}));
  d.peer_sends(fin({.ack = 1}));
  d.peer_sends(data({.ack = 1, .len = 10}));
  d.peer_sends(bare({.len = 10}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), State::syn_sent);
}

// RFC 7323, 3.2 and 5.3: a SYN,ACK that echoes a timestamp from the future belongs to another
// connection; Linux answers it with RST.
TEST(SynSent, SynAckWithAnImpossibleEchoIsReset) {
  Drill d = Drill::closed({.role = Role::active, .ts = 5000});
  ASSERT_TRUE(d.open().has_value());
  const std::vector<Sent> syns = d.sent();
  ASSERT_THAT(syns, ElementsAre(IsSyn()));
  const std::uint32_t tsval = syns[0].options.timestamps->value;
  d.peer_sends(syn_ack({.ts = wire::Timestamps{.value = 5000, .echo = tsval + 1000}}));
  EXPECT_THAT(d.sent(), ElementsAre(IsRst({.seq = 1})));
  EXPECT_EQ(d.state(), State::syn_sent);
  EXPECT_EQ(d.count(Counter::tcp_paws_active), 1U);
}

// 3.8.3, RFC 6298: the SYN,ACK stops the timer of the SYN.
TEST(SynSent, SynIsNotRepeatedOnceAcknowledged) {
  Drill d = Drill::syn_sent(kActive);
  d.peer_sends(syn_ack());
  d.advance(10_s);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 1, .ack = 1})));
}

}  // namespace
}  // namespace tuntcp::test
