// Linux's HyStart: when slow start ends before a loss. Thresholds are those of its module's
// parameters: windows from 16 segments, ACKs up to 2 ms apart, 8 samples, 4 to 16 ms.
#include "stack/tcp/congestion/hystart.h"

#include <gtest/gtest.h>

namespace tuntcp::tcp::congestion {
namespace {

using By = EarlyExit::By;
constexpr std::uint32_t kMss = 1000;

class HystartTest : public testing::Test {
 protected:
  HystartTest() { hystart_.restart(now_); }

  std::optional<By> sample(Duration rtt, Duration delay_min) {
    return hystart_.on_sample({.now = now_, .rtt = rtt, .mss = kMss, .pacing_rate = pacing_rate_},
                              delay_min, window_);
  }
  // ACKs with this gap, until one of them ends slow start: how long the train was.
  std::optional<Duration> train(Duration gap, Duration delay_min) {
    for (const Instant begun = now_; now_ - begun < 1_s; now_ += gap) {
      if (sample(delay_min, delay_min) == By::ack_train) return now_ - begun;
    }
    return std::nullopt;
  }

  Hystart hystart_;
  Window window_{.cwnd = 20 * kMss, .ssthresh = kInfiniteSsthresh};
  std::uint64_t pacing_rate_ = 0;
  Instant now_ = Instant() + 1_s;
};

// A train longer than half of the least round trip.
TEST_F(HystartTest, TrainOfHalfARoundTripEndsSlowStart) {
  const auto length = train(1_ms, 100_ms);
  ASSERT_TRUE(length);
  EXPECT_GT(*length, 50_ms);
  EXPECT_LE(*length, 51_ms);
}

// Packets that were paced come spread over half a round trip, which tells nothing.
TEST_F(HystartTest, PacedTrainMustLastAWholeRoundTrip) {
  pacing_rate_ = 1'000'000'000;
  const auto length = train(1_ms, 100_ms);
  ASSERT_TRUE(length);
  EXPECT_GT(*length, 100_ms);
  EXPECT_LE(*length, 102_ms);
}

// A program that was not running for a while sees at once what came meanwhile.
TEST_F(HystartTest, AcksThatWaitedTogetherAreATrain) {
  const auto one = [this] {
    return hystart_.on_sample({.now = now_, .newly_delivered = kMss, .rtt = 100_ms, .mss = kMss},
                              100_ms, window_);
  };
  const auto length_with = [&](int at_once) -> std::optional<Duration> {
    hystart_.restart(now_);
    for (const Instant begun = now_; now_ - begun < 1_s; now_ += 1_ms) {
      // From the 10th to the 30th millisecond nothing is seen.
      if (now_ - begun == 10_ms) now_ += 20_ms;
      for (int i = now_ - begun == 30_ms ? at_once : 1; i > 0; --i) {
        if (one() == By::ack_train) return now_ - begun;
      }
    }
    return std::nullopt;
  };
  EXPECT_EQ(length_with(20), 51_ms);
  EXPECT_EQ(length_with(8), std::nullopt) << "the path was idle for most of the time";
}

TEST_F(HystartTest, AcksFarApartAreNoTrain) {
  EXPECT_EQ(train(3_ms, 100_ms), std::nullopt);
}

TEST_F(HystartTest, SmallWindowTellsNothing) {
  window_.cwnd = 15 * kMss;
  EXPECT_EQ(train(1_ms, 100_ms), std::nullopt);
  for (int i = 0; i < 100; ++i) {
    now_ += 10_ms;
    EXPECT_EQ(sample(200_ms, 100_ms), std::nullopt);
  }
  window_.cwnd = 16 * kMss;
  hystart_.restart(now_);
  EXPECT_TRUE(train(1_ms, 100_ms));
}

// A round begins a new train.
TEST_F(HystartTest, RoundBeginsANewTrain) {
  for (int i = 0; i < 200; ++i) {
    if (i % 40 == 0) hystart_.on_round();
    EXPECT_EQ(sample(100_ms, 100_ms), std::nullopt) << i;
    now_ += 1_ms;
  }
}

// An eighth of the least, but no less than 4 ms and no more than 16 ms; the ninth sample decides.
TEST_F(HystartTest, LongerRoundTripsEndSlowStart) {
  struct Case {
    Duration least;
    Duration threshold;
  };
  for (const Case& c :
       {Case{10_ms, 4_ms}, Case{80_ms, 10_ms}, Case{100_ms, 12500_us}, Case{400_ms, 16_ms}}) {
    for (const bool is_beyond : {false, true}) {
      hystart_.restart(now_);
      const Duration rtt = c.least + c.threshold + (is_beyond ? 1_us : 0_us);
      for (int i = 0; i < 8; ++i) {
        now_ += 10_ms;
        EXPECT_EQ(sample(rtt, c.least), std::nullopt);
      }
      now_ += 10_ms;
      EXPECT_EQ(sample(rtt, c.least) == By::delay, is_beyond) << c.least.count_us();
    }
  }
}

// One short round trip says that the path is not full yet: cubic-hystart-delay-min-rtt-jumps-
// downward.pkt of google/packetdrill.
TEST_F(HystartTest, OneShortRoundTripKeepsSlowStart) {
  for (int i = 0; i < 9; ++i) {
    now_ += 10_ms;
    EXPECT_EQ(sample(i == 8 ? 29_ms : 200_ms, i == 8 ? 29_ms : 200_ms), std::nullopt);
  }
  for (int i = 0; i < 20; ++i) {
    now_ += 10_ms;
    EXPECT_EQ(sample(200_ms, 29_ms), std::nullopt);
  }
}

}  // namespace
}  // namespace tuntcp::tcp::congestion
