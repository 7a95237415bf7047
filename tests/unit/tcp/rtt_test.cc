// RFC 6298; expected numbers are worked out by hand from its formulas.
#include "stack/tcp/rtt.h"

#include <gtest/gtest.h>

namespace tuntcp::tcp {
namespace {

constexpr Duration kRtoMax = 120_s;

Rtt after(std::initializer_list<Duration> samples) {
  Rtt rtt;
  for (const Duration sample : samples) rtt.on_sample(sample);
  return rtt;
}

// 2.1: "Until a round-trip time measurement has been made [...] RTO <- 1 second".
TEST(Rtt, BeforeTheFirstSampleTheTimeoutIsOneSecond) {
  const Rtt rtt;
  EXPECT_FALSE(rtt.has_sample());
  EXPECT_EQ(rtt.srtt(), Duration::zero());
  EXPECT_EQ(rtt.rto({200_ms, kRtoMax}, 0), 1_s);
}

// 5.7: after a lost SYN "the RTO MUST be re-initialized to 3 seconds when data transmission
// begins".
TEST(Rtt, AfterALostSynTheTimeoutIsThreeSecondsUntilASampleComes) {
  Rtt rtt;
  rtt.on_syn_was_retransmitted();
  EXPECT_EQ(rtt.rto({200_ms, kRtoMax}, 0), 3_s);
  rtt.on_sample(100_ms);
  EXPECT_EQ(rtt.rto({200_ms, kRtoMax}, 0), 300_ms);
}

// 2.2: SRTT = R, RTTVAR = R/2.
TEST(Rtt, FirstSampleIsTheEstimateAndHalfOfItTheVariance) {
  const Rtt rtt = after({100_ms});
  EXPECT_TRUE(rtt.has_sample());
  EXPECT_EQ(rtt.srtt(), 100_ms);
  EXPECT_EQ(rtt.rttvar(), 50_ms);
  EXPECT_EQ(rtt.rto({1_us, kRtoMax}, 0), 300_ms);  // SRTT + 4*RTTVAR
}

// 2.3: RTTVAR = 3/4*50 + 1/4*|100-200| = 62.5; SRTT = 7/8*100 + 1/8*200 = 112.5, in this order.
TEST(Rtt, LaterSamplesMoveTheEstimateByAnEighthAndTheVarianceByAQuarter) {
  const Rtt rtt = after({100_ms, 200_ms});
  EXPECT_EQ(rtt.rttvar(), 62500_us);
  EXPECT_EQ(rtt.srtt(), 112500_us);
  EXPECT_EQ(rtt.rto({1_us, kRtoMax}, 0), 362500_us);
}

// The same, downwards: RTTVAR = 3/4*50 + 1/4*|100-20| = 57.5; SRTT = 7/8*100 + 1/8*20 = 90.
TEST(Rtt, ShorterSampleRaisesTheVarianceToo) {
  const Rtt rtt = after({100_ms, 20_ms});
  EXPECT_EQ(rtt.rttvar(), 57500_us);
  EXPECT_EQ(rtt.srtt(), 90_ms);
}

// Linux measured with an RTT of 20 ms: the first retransmission after 228 ms, one tick of 4 ms and
// some scheduling above 20 + max(4*10, 200).
TEST(Rtt, LeastTimeoutLiesUnderTheVarianceTermAsInLinux) {
  EXPECT_EQ(after({20_ms}).rto({200_ms, kRtoMax}, 0), 220_ms);
}

// On a path without any jitter the variance goes to zero; the timeout must stay away from SRTT.
TEST(Rtt, SteadyPathKeepsItsEstimateAndTheLeastTimeout) {
  Rtt rtt;
  for (int i = 0; i < 1000; ++i) rtt.on_sample(300_ms);
  EXPECT_EQ(rtt.srtt(), 300_ms);
  EXPECT_LT(rtt.rttvar(), 2_us);
  EXPECT_EQ(rtt.rto({200_ms, kRtoMax}, 0), 500_ms);
}

// RFC 6298, 2.4: not less than 1 s, which a floor of 1 s under the variance term guarantees.
TEST(Rtt, WithAFloorOfOneSecondTheTimeoutIsNeverBelowIt) {
  EXPECT_GE(after({1_us, 1_us, 1_us}).rto({1_s, kRtoMax}, 0), 1_s);
}

// 5.5: "RTO <- RTO * 2", and 2.5: a maximum.
TEST(Rtt, BackOffDoublesUpToTheMaximum) {
  const Rtt rtt = after({100_ms});
  EXPECT_EQ(rtt.rto({200_ms, kRtoMax}, 1), 600_ms);
  EXPECT_EQ(rtt.rto({200_ms, kRtoMax}, 8), 76800_ms);
  EXPECT_EQ(rtt.rto({200_ms, kRtoMax}, 9), kRtoMax);
  EXPECT_EQ(rtt.rto({200_ms, kRtoMax}, 32), kRtoMax);
  EXPECT_EQ(rtt.rto({200_ms, kRtoMax}, 4'000'000'000U), kRtoMax);
}

TEST(Rtt, MaximumBoundsTheFirstTimeoutToo) {
  EXPECT_EQ(after({100_s}).rto({200_ms, kRtoMax}, 0), kRtoMax);
}

TEST(Rtt, RemembersTheLatestSample) {
  const Rtt rtt = after({30_ms, 10_ms, 50_ms});
  EXPECT_EQ(rtt.latest(), 50_ms);
}

// A path within one machine, or virtual time, may give nothing at all.
TEST(Rtt, SampleOfZeroCountsAsOneMicrosecond) {
  const Rtt rtt = after({Duration::zero(), Duration::zero()});
  EXPECT_TRUE(rtt.has_sample());
  EXPECT_EQ(rtt.srtt(), 1_us);
  EXPECT_EQ(rtt.rto({200_ms, kRtoMax}, 0), 200001_us);
}

// The estimator is 32 bits of scaled microseconds; it saturates instead of wrapping.
TEST(Rtt, EnormousSampleSaturates) {
  Rtt rtt;
  for (int i = 0; i < 100; ++i) rtt.on_sample(Duration::infinite());
  EXPECT_EQ(rtt.srtt(), 500_s);
  rtt.on_sample(Duration::zero());
  EXPECT_LT(rtt.srtt(), 500_s);
  EXPECT_GT(rtt.srtt(), 430_s);
  EXPECT_GT(rtt.rttvar(), 100_s);
}

}  // namespace
}  // namespace tuntcp::tcp
