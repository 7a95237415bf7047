// RFC 9406, 4.2 and 4.3, sentence by sentence.
#include "stack/tcp/congestion/hystart_plus_plus.h"

#include <gtest/gtest.h>

namespace tuntcp::tcp::congestion {
namespace {

class HystartPlusPlusTest : public testing::Test {
 protected:
  // A round of `samples` ACKs with this round trip. True: one of them ended slow start.
  bool round(Duration rtt, int samples = 8) {
    bool is_over = false;
    for (int i = 0; i < samples; ++i) {
      is_over |= hystart_.on_ack({.rtt = rtt, .mss = 1000, .round_started = i == 0});
    }
    return is_over;
  }
  std::uint32_t growth(std::uint32_t acked) { return hystart_.growth({.mss = 1000}, acked); }

  HystartPlusPlus hystart_;
};

// "RttThresh = clamp(MIN_RTT_THRESH, lastRoundMinRTT / MIN_RTT_DIVISOR, MAX_RTT_THRESH)".
TEST_F(HystartPlusPlusTest, LongerRoundBeginsConservativeSlowStart) {
  struct Case {
    Duration last;
    Duration threshold;
  };
  for (const Case& c :
       {Case{10_ms, 4_ms}, Case{80_ms, 10_ms}, Case{128_ms, 16_ms}, Case{400_ms, 16_ms}}) {
    for (const bool is_reached : {false, true}) {
      hystart_ = {};
      round(c.last);
      round(c.last + c.threshold - (is_reached ? 0_us : 1_us));
      EXPECT_EQ(hystart_.is_conservative(), is_reached) << c.last.count_us();
    }
  }
}

// "For rounds where at least N_RTT_SAMPLE RTT samples have been obtained".
TEST_F(HystartPlusPlusTest, FewSamplesDecideNothing) {
  round(50_ms);
  round(100_ms, 7);
  EXPECT_FALSE(hystart_.is_conservative());
}

TEST_F(HystartPlusPlusTest, FirstRoundHasNothingToBeComparedWith) {
  round(500_ms, 100);
  EXPECT_FALSE(hystart_.is_conservative());
}

// "cwnd = cwnd + (min(N, L * SMSS) / CSS_GROWTH_DIVISOR)"; fractions add up.
TEST_F(HystartPlusPlusTest, ConservativeSlowStartGrowsAQuarter) {
  EXPECT_EQ(growth(2), 2U);
  round(50_ms);
  round(100_ms);
  ASSERT_TRUE(hystart_.is_conservative());
  std::uint32_t grown = 0;
  for (int i = 0; i < 100; ++i) grown += growth(2);
  EXPECT_EQ(grown, 50U);
}

// "CSS lasts at most CSS_ROUNDS rounds. If the transition into CSS happens in the middle of a
// round, that partial round counts towards the limit."
TEST_F(HystartPlusPlusTest, ConservativeSlowStartLastsFiveRounds) {
  round(50_ms);
  EXPECT_FALSE(round(100_ms));  // the first, partly
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(round(100_ms)) << i;
  EXPECT_TRUE(round(100_ms));
}

// "If currentRoundMinRTT < cssBaselineMinRtt: ... Resume slow start including HyStart++".
TEST_F(HystartPlusPlusTest, ShorterRoundResumesSlowStart) {
  round(50_ms);
  round(100_ms);
  round(100_ms);
  EXPECT_FALSE(round(99_ms));
  EXPECT_FALSE(hystart_.is_conservative());
  EXPECT_EQ(growth(4), 4U);
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(round(99_ms));
  // And it may begin again.
  round(150_ms);
  EXPECT_TRUE(hystart_.is_conservative());
}

// An ACK may cover a super-packet, and no more counts of one that is not paced.
TEST_F(HystartPlusPlusTest, AckOfMoreThanASuperPacketIsCut) {
  EXPECT_EQ(growth(65), 65U);
  EXPECT_EQ(growth(1000), 65U);
  EXPECT_EQ(hystart_.growth({.mss = 1000, .pacing_rate = 1}, 1000), 1000U);
  EXPECT_EQ(hystart_.growth({.mss = 65000}, 100), 8U);
}

}  // namespace
}  // namespace tuntcp::tcp::congestion
