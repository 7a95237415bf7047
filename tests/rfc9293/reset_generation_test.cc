// RFC 9293, 3.5.2, "Reset Generation": three groups of states. (The first, CLOSED, has
// closed_test.cc.)
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Group 2: "If the connection is in any non-synchronized state (LISTEN, SYN-SENT, SYN-RECEIVED),
// and the incoming segment acknowledges something not yet sent ... a reset is sent"; "takes its
// sequence number from the ACK field of the incoming segment"; "the connection remains in the same
// state".
struct Row {
  State state;
  Role role;
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << rfc_name(row.state);
}
class NonSynchronized : public testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(Group2, NonSynchronized,
                         testing::Values(Row{State::listen, Role::passive},
                                         Row{State::syn_sent, Role::active},
                                         Row{State::syn_received, Role::passive},
                                         Row{State::syn_received, Role::active}),
                         [](const auto& test) {
                           return name_of(test) +
                                  (test.param.role == Role::active ? "_active" : "_passive");
                         });
TEST_P(NonSynchronized, AckOfWhatWasNotSentIsResetAndTheStateStays) {
  Drill d = Drill::in(GetParam().state, {.role = GetParam().role});
  d.peer_sends(ack({.ack = 12'345}));
  EXPECT_THAT(d.sent(), ElementsAre(IsRst({.seq = 12'345, .window = 0})));
  EXPECT_EQ(d.state(), GetParam().state);
}
// A RST is never answered with a RST, or two TCPs could go on for ever.
TEST_P(NonSynchronized, RstIsNeverAnswered) {
  Drill d = Drill::in(GetParam().state, {.role = GetParam().role});
  d.peer_sends(rst_ack({.ack = 12'345}));
  d.peer_sends(rst({.seq = -50}));
  EXPECT_THAT(d.sent(), IsEmpty());
}

// Group 3: "If the connection is in a synchronized state ..., any unacceptable segment
// (out-of-window sequence number or unacceptable acknowledgment number) must be responded to with
// an empty acknowledgment segment (without any user data) ... and the connection remains in the
// same state."
class Synchronized : public testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(
    Group3, Synchronized,
    testing::Values(Row{State::established, Role::active}, Row{State::fin_wait_1, Role::active},
                    Row{State::fin_wait_2, Role::active}, Row{State::close_wait, Role::active},
                    Row{State::closing, Role::active}, Row{State::last_ack, Role::active},
                    Row{State::time_wait, Role::active}),
    name_of<Row>);
TEST_P(Synchronized, BadSequenceNumberIsAnsweredByAnEmptyAck) {
  Drill d = Drill::in(GetParam().state, {.role = GetParam().role});
  d.peer_sends(data({.seq = -100'000, .len = 10}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = d.peer_next()})));
  EXPECT_EQ(d.state(), GetParam().state);
}
// (TIME-WAIT looks at no acknowledgments: it has nothing outstanding.)
class SynchronizedSender : public testing::TestWithParam<State> {};
INSTANTIATE_TEST_SUITE_P(Group3, SynchronizedSender, testing::ValuesIn(kConnectedStates),
                         name_of<State>);
TEST_P(SynchronizedSender, BadAcknowledgmentIsAnsweredByAnEmptyAck) {
  Drill d = Drill::in(GetParam());
  d.peer_sends(ack({.ack = 500'000}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = d.peer_next()})));
  EXPECT_EQ(d.state(), GetParam());
}

// 3.5.1, Figure 9: a SYN of an old incarnation opens a half-open connection; the peer's RST for our
// SYN,ACK returns it to LISTEN, and the new SYN is served.
TEST(Recovery, FromAnOldDuplicateSyn) {
  Drill d = Drill::listen();
  d.peer_sends(syn({.seq = -4000}));
  const std::vector<Sent> first = d.sent();
  ASSERT_THAT(first, ElementsAre(IsSynAck({.ack = -3999})));
  d.peer_sends(rst({.seq = -3999}));
  EXPECT_EQ(d.state(), State::listen);
  d.peer_sends(syn({.seq = 0}));
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck({.ack = 1})));
  d.peer_sends(ack({.seq = 1}));
  EXPECT_EQ(d.state(), State::established);
}
// Figure 10: our side crashed and opens again; the peer, still ESTABLISHED, answers our SYN with an
// ACK of the old connection, which we reset.
TEST(Recovery, HalfOpenConnectionIsDiscoveredByItsAck) {
  Drill d = Drill::syn_sent({.role = Role::active});
  d.peer_sends(ack({.seq = 300, .ack = 100}));
  EXPECT_THAT(d.sent(), ElementsAre(IsRst({.seq = 100})));
  d.peer_sends(syn_ack({.seq = 0, .ack = 1}));
  EXPECT_EQ(d.state(), State::established);
}
// Figure 11: the crashed side is sent text.
TEST(Recovery, TextForAForgottenConnectionIsReset) {
  Drill d = Drill::closed();
  d.peer_sends(data({.seq = 300, .ack = 100, .len = 10}));
  EXPECT_THAT(d.sent(), ElementsAre(IsRst({.seq = 100})));
}

}  // namespace
}  // namespace tuntcp::test
