// RFC 9293, 3.10.7.4, first; RFC 7323, 5; RFC 5961, 3.2 and 5.2: as tables, in four places of the
// number space.
#include "stack/tcp/acceptance.h"

#include <gtest/gtest.h>

namespace tuntcp::tcp {
namespace {

// Where RCV.NXT and SND.UNA are: in the middle, and where the numbers and their signs wrap.
class Acceptance : public testing::TestWithParam<std::uint32_t> {
 protected:
  // `offset` octets from here.
  SeqNum at(std::int64_t offset) const {
    return SeqNum(GetParam() + static_cast<std::uint32_t>(offset));
  }
};

// SEG.LEN = 0, RCV.WND = 0: SEG.SEQ = RCV.NXT.
TEST_P(Acceptance, AnEmptySegmentAtAClosedWindowMustBeExact) {
  EXPECT_TRUE(is_acceptable(at(0), 0, at(0), 0));
  EXPECT_FALSE(is_acceptable(at(-1), 0, at(0), 0));
  EXPECT_FALSE(is_acceptable(at(1), 0, at(0), 0));
}

// SEG.LEN = 0, RCV.WND > 0: RCV.NXT =< SEG.SEQ < RCV.NXT+RCV.WND.
TEST_P(Acceptance, AnEmptySegmentMustLieInTheWindow) {
  EXPECT_FALSE(is_acceptable(at(-1), 0, at(0), 1000));
  EXPECT_TRUE(is_acceptable(at(0), 0, at(0), 1000));
  EXPECT_TRUE(is_acceptable(at(999), 0, at(0), 1000));
  EXPECT_FALSE(is_acceptable(at(1000), 0, at(0), 1000));
  // The widest window of RFC 7323, 2.3.
  EXPECT_TRUE(is_acceptable(at((1 << 30) - 1), 0, at(0), 1U << 30));
  EXPECT_FALSE(is_acceptable(at(1 << 30), 0, at(0), 1U << 30));
}

// SEG.LEN > 0, RCV.WND = 0: not acceptable.
TEST_P(Acceptance, TextAtAClosedWindowIsNever) {
  EXPECT_FALSE(is_acceptable(at(-1), 1, at(0), 0));
  EXPECT_FALSE(is_acceptable(at(0), 1, at(0), 0));
  EXPECT_FALSE(is_acceptable(at(-1), 2, at(0), 0));
}

// SEG.LEN > 0, RCV.WND > 0: RCV.NXT =< SEG.SEQ < RCV.NXT+RCV.WND, or
// RCV.NXT =< SEG.SEQ+SEG.LEN-1 < RCV.NXT+RCV.WND.
TEST_P(Acceptance, TextMustBeginOrEndInTheWindow) {
  EXPECT_FALSE(is_acceptable(at(-100), 100, at(0), 1000)) << "ends just before the window";
  EXPECT_TRUE(is_acceptable(at(-100), 101, at(0), 1000)) << "its last octet is the first";
  EXPECT_TRUE(is_acceptable(at(0), 1, at(0), 1000));
  EXPECT_TRUE(is_acceptable(at(999), 100, at(0), 1000)) << "its first octet is the last";
  EXPECT_FALSE(is_acceptable(at(1000), 100, at(0), 1000));
  EXPECT_TRUE(is_acceptable(at(0), 5000, at(0), 1000));
  // Both ends outside: the RFC's test says no, although the middle lies in the window.
  EXPECT_FALSE(is_acceptable(at(-100), 2000, at(0), 1000));
  // A super-packet.
  EXPECT_TRUE(is_acceptable(at(-65'000), 65'001, at(0), 1));
}

// RFC 5961, 3.2: only RCV.NXT itself kills, the rest of the window is challenged.
TEST_P(Acceptance, ARstIsJudgedByItsSequenceNumber) {
  EXPECT_EQ(judge_rst(at(0), at(0), 1000), RstVerdict::reset);
  EXPECT_EQ(judge_rst(at(1), at(0), 1000), RstVerdict::challenge);
  EXPECT_EQ(judge_rst(at(999), at(0), 1000), RstVerdict::challenge);
  EXPECT_EQ(judge_rst(at(1000), at(0), 1000), RstVerdict::ignore);
  EXPECT_EQ(judge_rst(at(-1), at(0), 1000), RstVerdict::ignore);
  // MUST-66: valid RSTs are accepted at a closed window.
  EXPECT_EQ(judge_rst(at(0), at(0), 0), RstVerdict::reset);
  EXPECT_EQ(judge_rst(at(1), at(0), 0), RstVerdict::ignore);
}

// RFC 5961, 5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT.
TEST_P(Acceptance, AnAckIsJudgedByWhatWasSent) {
  const auto judge = [this](std::int64_t ack) { return judge_ack(at(ack), at(0), at(500), 1000); };
  EXPECT_EQ(judge(1), AckVerdict::acceptable);
  EXPECT_EQ(judge(500), AckVerdict::acceptable);
  EXPECT_EQ(judge(501), AckVerdict::not_yet_sent);
  EXPECT_EQ(judge(0), AckVerdict::duplicate);
  EXPECT_EQ(judge(-1000), AckVerdict::duplicate);
  EXPECT_EQ(judge(-1001), AckVerdict::too_old);
  EXPECT_EQ(judge_ack(at(0), at(0), at(0), 0), AckVerdict::duplicate) << "nothing outstanding";
  EXPECT_EQ(judge_ack(at(1), at(0), at(0), 0), AckVerdict::not_yet_sent);
}

// RFC 7323, 5.3, R1 ("SEG.TSval < TS.Recent"), with the ticks that are forgiven.
TEST_P(Acceptance, PawsFindsTimestampsThatAreOlder) {
  const std::uint32_t recent = GetParam() | 1U;
  EXPECT_FALSE(fails_paws(recent, recent, 0_s, 0));
  EXPECT_FALSE(fails_paws(recent + 1, recent, 0_s, 0));
  EXPECT_FALSE(fails_paws(recent + 0x7fff'ffff, recent, 0_s, 0));
  EXPECT_TRUE(fails_paws(recent - 1, recent, 0_s, 0));
  EXPECT_TRUE(fails_paws(recent - 0x7fff'ffff, recent, 0_s, 0));
  EXPECT_FALSE(fails_paws(recent - 1, recent, 0_s, kForgivenTicks));
  EXPECT_TRUE(fails_paws(recent - 2, recent, 0_s, kForgivenTicks));
}

// RFC 7323, 5.5: a connection that was idle for more than 24 days trusts no old timestamp.
TEST_P(Acceptance, PawsTrustsNothingOlderThanTwentyFourDays) {
  const std::uint32_t recent = GetParam() | 1U;
  const Duration days_24 = Duration::seconds(24 * 86'400);
  EXPECT_TRUE(fails_paws(recent - 2, recent, days_24 - 1_ns, kForgivenTicks));
  EXPECT_FALSE(fails_paws(recent - 2, recent, days_24, kForgivenTicks));
}

// Linux: a 0 is what hosts say that have no timestamp yet.
TEST_P(Acceptance, PawsTakesAnythingAfterAZero) {
  EXPECT_FALSE(fails_paws(GetParam(), 0, 0_s, 0));
}

INSTANTIATE_TEST_SUITE_P(Everywhere, Acceptance,
                         testing::Values(0U, 1U, 12'345U, 0x7fff'fc00U, 0x7fff'ffffU, 0x8000'0000U,
                                         0xffff'fc18U, 0xffff'ffffU));

}  // namespace
}  // namespace tuntcp::tcp
