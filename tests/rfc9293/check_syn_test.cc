// RFC 9293, 3.10.7.4, fourth: check the SYN bit, with RFC 5961, 4.2. (The third step, security and
// compartment, is not offered: nothing of it is on the wire of today.)
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Row {
  State state;
  std::int64_t rcv_nxt;
  std::int64_t snd_nxt;
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << rfc_name(row.state);
}
class CheckSyn : public testing::TestWithParam<Row> {
 protected:
  Drill d = Drill::in(GetParam().state);
  void expect_challenge(const Seg& seg) {
    d.peer_sends(seg);
    EXPECT_THAT(d.sent(),
                ElementsAre(IsAck({.seq = GetParam().snd_nxt, .ack = GetParam().rcv_nxt})));
    EXPECT_EQ(d.state(), GetParam().state);
  }
};
INSTANTIATE_TEST_SUITE_P(Synchronized, CheckSyn,
                         testing::Values(Row{State::established, 1, 1},
                                         Row{State::fin_wait_1, 1, 2}, Row{State::fin_wait_2, 1, 2},
                                         Row{State::close_wait, 2, 1}, Row{State::closing, 2, 2},
                                         Row{State::last_ack, 2, 2}),
                         name_of<Row>);

// "If the SYN bit is set in these synchronized states ... TCP endpoints ... send a 'challenge ACK'
// to the remote peer ... After sending the acknowledgment, TCP implementations MUST drop the
// unacceptable segment", irrespective of the sequence number.
TEST_P(CheckSyn, InTheWindowIsChallenged) {
  expect_challenge(syn({.seq = GetParam().rcv_nxt + 900}));
}
TEST_P(CheckSyn, AtRcvNxtIsChallenged) {
  expect_challenge(syn({.seq = GetParam().rcv_nxt}));
}
TEST_P(CheckSyn, ThatOpenedTheConnectionIsChallenged) {
  expect_challenge(syn({.seq = 0}));
}
TEST_P(CheckSyn, FarOutsideIsChallenged) {
  expect_challenge(syn({.seq = 0x4000'0000}));
}
TEST_P(CheckSyn, WithAckIsChallenged) {
  expect_challenge(syn_ack({.seq = GetParam().rcv_nxt}));
}
// Nothing else may change: the text and the FIN of such a segment are not looked at.
TEST_P(CheckSyn, TextBehindItIsNotTaken) {
  expect_challenge(
      bare({.flags = Flag::syn | Flag::ack | Flag::fin, .seq = GetParam().rcv_nxt, .len = 10}));
  EXPECT_EQ(d.status().recv_q, 0U);
}

// The peer that really restarted answers the challenge with a RST at the number it named, and the
// old connection goes: RFC 5961, 4.1.
TEST(CheckSynRestart, RestartedPeerConfirmsWithRst) {
  Drill d = Drill::established({.role = Role::active});
  d.peer_sends(syn({.seq = 5000}));
  const std::vector<Sent> sent = d.sent();
  ASSERT_THAT(sent, ElementsAre(IsAck()));
  d.peer_sends(rst({.seq = sent[0].ack}));
  EXPECT_EQ(d.state(), State::closed);
}

// SYN-RECEIVED after LISTEN: "return to the LISTEN state", and as measured on Linux (28) the peer
// hears a RST+ACK.
TEST(CheckSynReceived, AnotherSynInTheWindowEndsTheAttempt) {
  Drill d = Drill::syn_received();
  d.peer_sends(syn({.seq = 10}));
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.ack = 11})));
  EXPECT_EQ(d.state(), State::listen);
}
// Linux (28): "far away or lower: ACK".
TEST(CheckSynReceived, AnotherSynOutsideTheWindowIsAcknowledged) {
  Drill d = Drill::syn_received();
  d.peer_sends(syn({.seq = -5}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 1, .ack = 1})));
  EXPECT_EQ(d.state(), State::syn_received);
  d.advance(600_ms);
  d.peer_sends(syn({.seq = 1'000'000}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 1, .ack = 1})));
  EXPECT_EQ(d.state(), State::syn_received);
}
// SHLD-14: what an ACK offered, whose scaled window is rounded up, is not taken back after the
// handshake. 62,720 octets are 61.25 times 1024; without the first 688 they are 60.6 times 1024.
// (Of segments of 8960 octets, so that one of them is kept for the application afterwards.)
TEST(CheckSynReceived, AnAckNeverMovesTheEdgeLeft) {
  Drill d = Drill::syn_received({.link = {.mtu = 9000}, .mss = 8960, .wscale = 7});
  d.peer_sends(syn({.seq = -5}));
  const std::vector<Sent> before = d.sent();
  ASSERT_EQ(before.size(), 1U);
  EXPECT_EQ(before[0].window, 62);
  d.peer_sends(ack());
  d.peer_sends(ack({.len = 688}));
  const std::vector<Sent> after = d.sent();
  ASSERT_EQ(after.size(), 1U);
  EXPECT_EQ(after[0].ack, 689);
  EXPECT_GE(after[0].ack + 1024 * after[0].window, before[0].ack + 1024 * before[0].window);
}
// The same SYN once more: the SYN,ACK was lost.
TEST(CheckSynReceived, TheSameSynIsAnsweredAgain) {
  Drill d = Drill::syn_received();
  d.peer_sends(syn({.seq = 0}));
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck({.seq = 0, .ack = 1})));
  EXPECT_EQ(d.state(), State::syn_received);
}
// After an active OPEN (the SYNs crossed) a SYN in the window is challenged like in a synchronized
// state: RFC 9293 sends only passive ones back to LISTEN.
TEST(CheckSynReceived, ActiveOneIsChallenged) {
  Drill d = Drill::syn_received({.role = Role::active});
  d.peer_sends(syn({.seq = 10}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.seq = 1, .ack = 1})));
  EXPECT_EQ(d.state(), State::syn_received);
}

}  // namespace
}  // namespace tuntcp::test
