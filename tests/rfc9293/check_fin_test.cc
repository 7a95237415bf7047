// RFC 9293, 3.10.7.4, eighth: check the FIN bit.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using tcp::EventBits;
using testing::ElementsAre;
using testing::IsEmpty;

// "Do not process the FIN if the state is CLOSED, LISTEN, or SYN-SENT".
TEST(CheckFin, IsNotProcessedInListen) {
  Drill d = Drill::listen();
  d.peer_sends(bare({.flags = Flag::fin}));
  EXPECT_EQ(d.state(), State::listen);
}
TEST(CheckFin, IsNotProcessedInSynSent) {
  Drill d = Drill::syn_sent({.role = Role::active});
  d.peer_sends(bare({.flags = Flag::fin}));
  d.peer_sends(fin({.ack = 1}));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), State::syn_sent);
}

// "signal the user 'connection closing' ... advance RCV.NXT over the FIN, and send an
// acknowledgment for the FIN."
struct Row {
  State state;
  State becomes;
  std::int64_t fin_at;
  std::int64_t ack_of_host;  // what the peer acknowledges in the FIN's segment
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << rfc_name(row.state) << " to " << rfc_name(row.becomes);
}
class CheckFinIn : public testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(
    States, CheckFinIn,
    testing::Values(Row{State::established, State::close_wait, 1, 1},
                    // "If our FIN has been ACKed (perhaps in this segment), then enter TIME-WAIT";
                    // "otherwise, enter the CLOSING state".
                    Row{State::fin_wait_1, State::time_wait, 1, 2},
                    Row{State::fin_wait_1, State::closing, 1, 1},
                    Row{State::fin_wait_2, State::time_wait, 1, 2}),
    [](const auto& test) {
      return name_of(test) + (test.param.becomes == State::closing ? "_without_ack" : "");
    });
TEST_P(CheckFinIn, ChangesTheStateAndIsAcknowledged) {
  Drill d = Drill::in(GetParam().state);
  d.peer_sends(fin({.seq = 1, .ack = GetParam().ack_of_host}));
  EXPECT_EQ(d.state(), GetParam().becomes);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 2})));
  EXPECT_TRUE(d.events() & EventBits::readable);
  EXPECT_EQ(d.receive().error(), Error::end_of_stream);  // MUST-12: not "reset"
}
TEST_P(CheckFinIn, TextInFrontIsDeliveredFirst) {
  Drill d = Drill::in(GetParam().state);
  d.peer_sends(fin({.seq = 1, .ack = GetParam().ack_of_host, .len = 70}));
  EXPECT_EQ(d.state(), GetParam().becomes);
  d.advance(40_ms);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 72})));
  EXPECT_EQ(d.receive(), 70U);
  EXPECT_EQ(d.receive().error(), Error::end_of_stream);
}
// A FIN behind a gap is not processed yet.
TEST_P(CheckFinIn, BehindAGapWaitsForTheText) {
  Drill d = Drill::in(GetParam().state);
  const std::int64_t ack_of_host = GetParam().ack_of_host;
  const State meanwhile = GetParam().state == State::fin_wait_1 && ack_of_host == 2
                              ? State::fin_wait_2
                              : GetParam().state;
  d.peer_sends(fin({.seq = 101, .ack = ack_of_host}));
  EXPECT_EQ(d.state(), meanwhile);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 1})));
  d.peer_sends(data({.seq = 1, .ack = ack_of_host, .len = 100}));
  EXPECT_EQ(d.state(), GetParam().becomes);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 102})));
}
TEST_P(CheckFinIn, BehindAGapWithTextOfItsOwnWaitsToo) {
  Drill d = Drill::in(GetParam().state);
  const std::int64_t ack_of_host = GetParam().ack_of_host;
  d.peer_sends(fin({.seq = 101, .ack = ack_of_host, .len = 50}));
  EXPECT_NE(d.state(), GetParam().becomes);
  static_cast<void>(d.sent());
  d.peer_sends(data({.seq = 1, .ack = ack_of_host, .len = 100}));
  EXPECT_EQ(d.state(), GetParam().becomes);
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 152})));
  EXPECT_EQ(d.receive(), 150U);
}

// "CLOSE-WAIT, CLOSING, LAST-ACK: remain"; the FIN came again because our ACK was lost, so it is
// below the window and acknowledged by the first step.
class SecondFin : public testing::TestWithParam<State> {};
INSTANTIATE_TEST_SUITE_P(States, SecondFin,
                         testing::Values(State::close_wait, State::closing, State::last_ack),
                         name_of<State>);
TEST_P(SecondFin, IsAcknowledgedAgainAndChangesNothing) {
  Drill d = Drill::in(GetParam());
  d.peer_sends(fin({.seq = 1, .ack = 1}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 2})));
  EXPECT_EQ(d.state(), GetParam());
}
TEST_P(SecondFin, BehindTheFirstIsIgnored) {
  Drill d = Drill::in(GetParam());
  d.peer_sends(fin({.seq = 2, .ack = 1}));
  EXPECT_EQ(d.state(), GetParam());
  d.advance(100_ms);
  for (const Sent& one : d.sent()) EXPECT_EQ(one.ack, 2);
}

// Linux (7): "CLOSE_WAIT for ever (no timer); may still send".
TEST(CheckFinCloseWait, LastsAsLongAsTheApplicationLikes) {
  Drill d = Drill::close_wait();
  d.advance(Duration::seconds(100'000));
  EXPECT_EQ(d.state(), State::close_wait);
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.send(10), 10U);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .ack = 2, .len = 10})));
}

// A peer that contradicts itself: what it said first counts, and the stream still ends.
TEST(CheckFin, TextBeyondAnEarlierFinIsNotTaken) {
  Drill d = Drill::established();
  d.peer_sends(fin({.seq = 101}));
  d.peer_sends(data({.seq = 101, .len = 50}));
  d.peer_sends(data({.seq = 1, .len = 150}));
  EXPECT_EQ(d.state(), State::close_wait);
  EXPECT_EQ(d.receive(), 100U);
  EXPECT_EQ(d.receive().error(), Error::end_of_stream);
}
TEST(CheckFin, AFinInFrontOfTextThatIsHeldIsNotTaken) {
  Drill d = Drill::established();
  d.peer_sends(data({.seq = 101, .len = 50}));
  d.peer_sends(fin({.seq = 121}));
  d.peer_sends(data({.seq = 1, .len = 100}));
  EXPECT_EQ(d.state(), State::established);
  EXPECT_EQ(d.receive(), 150U);
  d.peer_sends(fin({.seq = 151}));
  EXPECT_EQ(d.state(), State::close_wait);
}
TEST(CheckFin, AFinInFrontOfTextThatItsOwnTextJoinsIsNotTaken) {
  Drill d = Drill::established();
  d.peer_sends(data({.seq = 101, .len = 50}));
  d.peer_sends(fin({.seq = 1, .len = 120}));
  EXPECT_EQ(d.state(), State::established);
  d.peer_sends(data({.seq = 151, .len = 10}));
  EXPECT_EQ(d.receive(), 160U);
  d.peer_sends(fin({.seq = 161}));
  EXPECT_EQ(d.state(), State::close_wait);
}

}  // namespace
}  // namespace tuntcp::test
