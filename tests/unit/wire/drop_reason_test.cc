// wire/drop_reason.h: every reason has a name of its own, for counters and logs.
#include "stack/wire/drop_reason.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace tuntcp::wire {
namespace {

TEST(DropReason, NamesAreDistinctAndNoneIsMissing) {
  std::set<std::string> names;
  constexpr auto kLast = static_cast<unsigned>(DropReason::icmp_ignored);
  for (unsigned i = 0; i <= kLast; ++i) names.insert(to_string(static_cast<DropReason>(i)));
  EXPECT_EQ(names.size(), kLast + 1);
  EXPECT_FALSE(names.contains("unknown reason"));
}

}  // namespace
}  // namespace tuntcp::wire
