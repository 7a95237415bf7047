// RFC 9293, 3.10.7.1, CLOSED: no connection and no listener has these endpoints. The first group of
// 3.5.2's reset generation.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// "An incoming segment containing a RST is discarded."
TEST(Closed, RstIsIgnored) {
  Drill d = Drill::closed();
  d.peer_sends(rst({.seq = 100}));
  d.peer_sends(rst_ack({.seq = 100, .ack = 7}));
  EXPECT_THAT(d.sent(), IsEmpty());
}

// "If the ACK bit is off, sequence number zero is used, <SEQ=0><ACK=SEG.SEQ+SEG.LEN>
// <CTL=RST,ACK>". The SYN counts in SEG.LEN.
TEST(Closed, SynIsAnsweredByRstWithAck) {
  Drill d = Drill::closed();
  d.peer_sends(syn());
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = 0, .ack = 1, .window = 0})));
}

// SEG.LEN counts text, SYN and FIN.
TEST(Closed, EveryOctetOfTheSegmentIsCovered) {
  Drill d = Drill::closed();
  d.peer_sends({.flags = Flag::syn | Flag::fin, .len = 10});
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = 0, .ack = 12})));
}

TEST(Closed, SegmentWithoutAnyFlagIsAnsweredByRstWithAck) {
  Drill d = Drill::closed();
  d.peer_sends(bare({.seq = 50, .len = 5}));
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = 0, .ack = 55})));
}

// "If the ACK bit is on, <SEQ=SEG.ACK><CTL=RST>."
struct AckCase {
  const char* name;
  Seg seg;
};
void PrintTo(const AckCase& c, std::ostream* out) {
  *out << c.name;
}
class ClosedWithAck : public testing::TestWithParam<AckCase> {};
INSTANTIATE_TEST_SUITE_P(Flags, ClosedWithAck,
                         testing::Values(AckCase{"ack", ack({.seq = 900, .ack = 777})},
                                         AckCase{"data", data({.seq = 900, .ack = 777, .len = 10})},
                                         AckCase{"fin", fin({.seq = 900, .ack = 777})},
                                         AckCase{"syn_ack", syn_ack({.seq = 900, .ack = 777})}),
                         [](const auto& test) { return test.param.name; });
TEST_P(ClosedWithAck, IsAnsweredByRstAtSegAck) {
  Drill d = Drill::closed();
  d.peer_sends(GetParam().seg);
  EXPECT_THAT(d.sent(), ElementsAre(IsRst({.seq = 777})));
}

TEST(Closed, Ipv6IsAnsweredAlike) {
  Drill d = Drill::closed({.family = Family::ipv6});
  d.peer_sends(syn());
  d.peer_sends(ack({.ack = 777}));
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = 0, .ack = 1}), IsRst({.seq = 777})));
}

// A port is CLOSED although the host listens on another.
TEST(Closed, ListenerOfAnotherPortDoesNotMatter) {
  Drill d = Drill::listen();
  Drill other = Drill::beside(d, {.local_port = 81});
  other.peer_sends(syn());
  EXPECT_THAT(other.sent(), ElementsAre(IsRstAck({.ack = 1})));
}

// Its socket's name still answers, but what comes from the wire finds nobody.
TEST(Closed, ConnectionThatWasAbortedIsUnknownToThePeer) {
  Drill d = Drill::established({.role = Role::active});
  EXPECT_TRUE(d.abort().has_value());
  EXPECT_THAT(d.sent(), ElementsAre(IsRstAck({.seq = 1, .ack = 1})));
  d.peer_sends(data({.ack = 1, .len = 5}));
  EXPECT_THAT(d.sent(), ElementsAre(IsRst({.seq = 1})));
}

}  // namespace
}  // namespace tuntcp::test
