// A congestion window grows only while it is what limits the sender (RFC 7661, 4.2), by Linux's
// rule.
#include "stack/tcp/congestion/window_use.h"

#include <gtest/gtest.h>

namespace tuntcp::tcp::congestion {
namespace {

constexpr Window kSlowStart{.cwnd = 10'000, .ssthresh = kInfiniteSsthresh};
constexpr Window kAvoidance{.cwnd = 10'000, .ssthresh = 10'000};

WindowUse after(std::uint32_t outstanding, bool is_full) {
  WindowUse use;
  use.restart(SeqNum(1));
  use.on_sent({.una = SeqNum(1),
               .nxt = SeqNum(1 + outstanding),
               .outstanding = outstanding,
               .is_held_by_the_window = is_full});
  return use;
}

TEST(WindowUse, AFullWindowLimits) {
  EXPECT_TRUE(after(10'000, true).is_limiting(kSlowStart));
  EXPECT_TRUE(after(10'000, true).is_limiting(kAvoidance));
}

// "If in slow start, ensure cwnd grows to twice what was ACKed": Linux, tcp_is_cwnd_limited.
TEST(WindowUse, InSlowStartMoreThanHalfOfItLimits) {
  EXPECT_TRUE(after(5'001, false).is_limiting(kSlowStart));
  EXPECT_FALSE(after(5'000, false).is_limiting(kSlowStart));
  EXPECT_FALSE(after(9'000, false).is_limiting(kAvoidance));
}

TEST(WindowUse, TheLargestPartOfAFlightCountsUntilItIsAcknowledged) {
  WindowUse use = after(10'000, true);
  // The last octets of the same flight: the window was full a moment ago.
  use.on_sent({.una = SeqNum(8'001), .nxt = SeqNum(10'500), .outstanding = 2'499});
  EXPECT_TRUE(use.is_limiting(kAvoidance));
  // The next one is small.
  use.on_sent({.una = SeqNum(10'001), .nxt = SeqNum(10'600), .outstanding = 599});
  EXPECT_FALSE(use.is_limiting(kSlowStart));
}

TEST(WindowUse, ANewConnectionHasNotUsedItsWindow) {
  WindowUse use = after(10'000, true);
  use.restart(SeqNum(1));
  EXPECT_FALSE(use.is_limiting(kSlowStart));
}

}  // namespace
}  // namespace tuntcp::tcp::congestion
