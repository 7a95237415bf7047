// The table of path MTUs by itself: bounded, and aged as RFC 1191, 6.3 says.
#include "stack/tcp/path_mtu.h"

#include <gtest/gtest.h>

namespace tuntcp::tcp {
namespace {

IpAddress destination(std::uint32_t n) {
  return IpAddress::v4(0xc6336400 + n);
}
const Instant kStart = Instant() + 100_s;

PathMtu path(std::uint32_t mtu, Instant until) {
  return {.mtu = mtu, .may_fragment = false, .until = until};
}

TEST(PathMtuCache, KnowsOnlyWhatItLearned) {
  PathMtuCache cache;
  EXPECT_EQ(cache.find(destination(1), kStart), nullptr);
  cache.learn(destination(1), path(1300, kStart + 600_s), kStart);
  ASSERT_NE(cache.find(destination(1), kStart), nullptr);
  EXPECT_EQ(cache.find(destination(1), kStart)->mtu, 1300U);
  EXPECT_EQ(cache.find(destination(2), kStart), nullptr);
}

TEST(PathMtuCache, ForgetsWhenItsTimeIsOver) {
  PathMtuCache cache;
  cache.learn(destination(1), path(1300, kStart + 600_s), kStart);
  EXPECT_NE(cache.find(destination(1), kStart + 599_s), nullptr);
  EXPECT_EQ(cache.find(destination(1), kStart + 600_s), nullptr);
}

TEST(PathMtuCache, LearnsTheNewestOfADestination) {
  PathMtuCache cache;
  cache.learn(destination(1), path(1300, kStart + 600_s), kStart);
  const std::uint32_t generation = cache.generation();
  cache.learn(destination(1), path(1200, kStart + 700_s), kStart + 100_s);
  EXPECT_EQ(cache.size(), 1U);
  EXPECT_EQ(cache.find(destination(1), kStart + 650_s)->mtu, 1200U);
  EXPECT_NE(cache.generation(), generation);
}

TEST(PathMtuCache, WhenItIsFullForgetsWhatWouldEndFirst) {
  PathMtuCache cache;
  for (std::uint32_t i = 0; i < PathMtuCache::kMostPaths; ++i) {
    // The fifth ends first.
    const Duration time = i == 5 ? 10_s : 600_s;
    cache.learn(destination(i), path(1300, kStart + time), kStart);
  }
  EXPECT_EQ(cache.size(), PathMtuCache::kMostPaths);
  cache.learn(destination(5000), path(1300, kStart + 600_s), kStart);
  EXPECT_EQ(cache.size(), PathMtuCache::kMostPaths);
  EXPECT_EQ(cache.find(destination(5), kStart), nullptr);
  EXPECT_NE(cache.find(destination(5000), kStart), nullptr);
}

TEST(PathMtuCache, WhenItIsFullForgetsWhatIsOverFirst) {
  PathMtuCache cache;
  for (std::uint32_t i = 0; i < PathMtuCache::kMostPaths; ++i) {
    cache.learn(destination(i), path(1300, kStart + 600_s), kStart);
  }
  cache.learn(destination(5000), path(1300, kStart + 1300_s), kStart + 700_s);
  EXPECT_EQ(cache.size(), 1U);
}

}  // namespace
}  // namespace tuntcp::tcp
