// The least round-trip time of a time that moves along: what `sysctl net.ipv4.tcp_min_rtt_wlen` and
// tcpi_min_rtt promise (Documentation/networking/ip-sysctl.rst), held against a list of all
// samples.
#include "stack/tcp/min_filter.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace tuntcp::tcp {
namespace {

constexpr Duration kWindow = 100_s;

TEST(MinFilter, KnowsNothingBeforeTheFirstSample) {
  EXPECT_EQ(MinFilter().least(), Duration::zero());
}

TEST(MinFilter, KeepsTheLeastWhileItIsYoung) {
  MinFilter filter;
  filter.on_sample(30_ms, Instant() + 1_s, kWindow);
  filter.on_sample(10_ms, Instant() + 2_s, kWindow);
  filter.on_sample(50_ms, Instant() + 101_s, kWindow);
  EXPECT_EQ(filter.least(), 10_ms);
}

TEST(MinFilter, ForgetsWhatIsOlderThanTheWindow) {
  MinFilter filter;
  filter.on_sample(10_ms, Instant() + 1_s, kWindow);
  filter.on_sample(40_ms, Instant() + 60_s, kWindow);
  filter.on_sample(50_ms, Instant() + 102_s, kWindow);
  EXPECT_EQ(filter.least(), 40_ms);
}

TEST(MinFilter, BeginsAnewAfterALongSilence) {
  MinFilter filter;
  filter.on_sample(10_ms, Instant() + 1_s, kWindow);
  filter.on_sample(50_ms, Instant() + 1000_s, kWindow);
  EXPECT_EQ(filter.least(), 50_ms);
}

// tcp_min_rtt_wlen = 0: the latest sample.
TEST(MinFilter, WithoutAWindowIsTheLatestSample) {
  MinFilter filter;
  filter.on_sample(10_ms, Instant() + 1_s, Duration::zero());
  filter.on_sample(50_ms, Instant() + 2_s, Duration::zero());
  EXPECT_EQ(filter.least(), 50_ms);
}

TEST(MinFilter, SampleOfZeroCountsAsOneMicrosecond) {
  MinFilter filter;
  filter.on_sample(Duration::zero(), Instant() + 1_s, kWindow);
  EXPECT_EQ(filter.least(), 1_us);
}

// Three candidates do not know every sample: the answer is never below the true minimum of the
// window, is a sample of the window, and is exact where the samples fall.
TEST(MinFilter, NeverTellsLessThanTheWindowHolds) {
  struct Sample {
    Duration value;
    Instant at;
  };
  std::vector<Sample> samples;
  MinFilter filter;
  std::uint32_t dice = 1;
  for (int i = 1; i <= 2000; ++i) {
    dice = dice * 1664525 + 1013904223;
    const Sample sample{.value = Duration::milliseconds(1 + (dice >> 16) % 200),
                        .at = Instant() + Duration::seconds(i * 3)};
    samples.push_back(sample);
    filter.on_sample(sample.value, sample.at, kWindow);

    Duration least = Duration::infinite();
    bool is_in_window = false;
    for (const Sample& s : samples) {
      if (sample.at - s.at > kWindow) continue;
      least = std::min(least, s.value);
      is_in_window |= s.value == filter.least();
    }
    ASSERT_GE(filter.least(), least) << i;
    ASSERT_TRUE(is_in_window) << i;
    ASSERT_LE(filter.least(), sample.value) << i;
  }
}

}  // namespace
}  // namespace tuntcp::tcp
