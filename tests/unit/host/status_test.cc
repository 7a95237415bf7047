#include "stack/host/status.h"

#include <gtest/gtest.h>

namespace tuntcp {
namespace {

// ss(8) of iproute2, after "timer:(".
TEST(TimerKind, HasTheWordsOfSs) {
  EXPECT_STREQ(to_string(TimerKind::none), "off");
  EXPECT_STREQ(to_string(TimerKind::retransmit), "on");
  EXPECT_STREQ(to_string(TimerKind::syn_ack), "on");
  EXPECT_STREQ(to_string(TimerKind::persist), "persist");
  EXPECT_STREQ(to_string(TimerKind::time_wait), "timewait");
  EXPECT_STREQ(to_string(TimerKind::fin_wait_2), "timewait");
  EXPECT_STREQ(to_string(TimerKind::keep_alive), "keepalive");
}

}  // namespace
}  // namespace tuntcp
