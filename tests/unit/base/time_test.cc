// base/time.h: spans and instants saturate instead of wrapping.
#include "stack/base/time.h"

#include <gtest/gtest.h>

#include <limits>

namespace tuntcp {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

TEST(Duration, UnitsAreNanosecondsTimesPowersOfTen) {
  EXPECT_EQ((3_ns).count_ns(), 3);
  EXPECT_EQ((3_us).count_ns(), 3'000);
  EXPECT_EQ((3_ms).count_ns(), 3'000'000);
  EXPECT_EQ((3_s).count_ns(), 3'000'000'000);
  EXPECT_EQ((1'234'567'890_ns).count_us(), 1'234'567);
  EXPECT_EQ((1'234'567'890_ns).count_ms(), 1'234);
  EXPECT_DOUBLE_EQ((1'500_ms).count_s(), 1.5);
}

TEST(Duration, FactoryBeyondTheRangeSaturates) {
  EXPECT_EQ(Duration::seconds(kMax / 1'000), Duration::infinite());
  EXPECT_EQ(Duration::seconds(kMin / 1'000).count_ns(), kMin);
}

TEST(Duration, AdditionBeyondTheRangeSaturatesAtTheNearerEnd) {
  EXPECT_EQ(Duration::infinite() + 1_ns, Duration::infinite());
  EXPECT_EQ(Duration::nanoseconds(kMin) + Duration::nanoseconds(-1), Duration::nanoseconds(kMin));
  EXPECT_EQ(Duration::nanoseconds(kMax - 1) + 1_ns, Duration::infinite());
}

TEST(Duration, SubtractionBeyondTheRangeSaturatesAtTheNearerEnd) {
  EXPECT_EQ(Duration::nanoseconds(kMin) - 1_ns, Duration::nanoseconds(kMin));
  EXPECT_EQ(Duration::infinite() - Duration::nanoseconds(-1), Duration::infinite());
  EXPECT_EQ(Duration::zero() - Duration::nanoseconds(kMin), Duration::infinite());
}

TEST(Duration, MultiplicationBeyondTheRangeSaturatesWithTheSignOfTheProduct) {
  EXPECT_EQ(Duration::infinite() * 2, Duration::infinite());
  EXPECT_EQ(Duration::infinite() * -2, Duration::nanoseconds(kMin));
  EXPECT_EQ(-2 * Duration::nanoseconds(kMin), Duration::infinite());
  EXPECT_EQ(2 * Duration::nanoseconds(kMin), Duration::nanoseconds(kMin));
}

// An RTO that is doubled for ever (RFC 6298, 5.5) must come to rest, not turn negative.
TEST(Duration, DoublingForEverEndsAtInfinity) {
  Duration rto = 1_s;
  for (int i = 0; i < 64; ++i) rto = rto * 2;
  EXPECT_EQ(rto, Duration::infinite());
}

TEST(Duration, OrderIsThatOfTheNumbers) {
  EXPECT_LT(Duration::nanoseconds(-1), Duration::zero());
  EXPECT_LT(999_us, 1_ms);
  EXPECT_EQ(1'000_us, 1_ms);
}

TEST(Instant, NeverStaysNeverWhenTimeIsAdded) {
  EXPECT_EQ(Instant::never() + 1_s, Instant::never());
  EXPECT_EQ(Instant::from_ns(5) + Duration::infinite(), Instant::never());
  EXPECT_LT(Instant::from_ns(kMax - 1), Instant::never());
}

TEST(Instant, DifferenceIsTheSpanBetween) {
  const Instant earlier = Instant::from_ns(1'000);
  EXPECT_EQ((earlier + 250_ns) - earlier, 250_ns);
  EXPECT_EQ(earlier - (earlier + 250_ns), Duration::nanoseconds(-250));
  EXPECT_EQ((earlier - 1'000_ns), Instant());
}

}  // namespace
}  // namespace tuntcp
