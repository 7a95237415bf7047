// docs/state-machine.md shows TIME-WAIT's decision table as the code has it.
#include <string>

#include <gtest/gtest.h>

#include "stack/tcp/time_wait.h"
#include "tests/support/generated_section.h"

namespace tuntcp::tcp {
namespace {

std::string words(const TimeWaitDecision& decision) {
  std::string text;
  const auto add = [&text](bool is_so, const char* what) {
    if (is_so) text += (text.empty() ? "" : ", ") + std::string(what);
  };
  add(decision.acknowledge, "acknowledge");
  add(decision.restart_timer, "restart 2*MSL");
  add(decision.end, "end");
  add(decision.reopen, "reopen");
  return text.empty() ? "ignore" : text;
}

TEST(TimeWaitDocument, ShowsTheDecisionTable) {
  std::string text = "| what arrives | tcp_rfc1337=0 | tcp_rfc1337=1 |\n|---|---|---|\n";
  for (std::size_t i = 0; i < kTimeWaitSituationCount; ++i) {
    const auto what = static_cast<TimeWaitSituation>(i);
    text += "| " + std::string(to_string(what)) + " | " + words(decide(what, false)) + " | " +
            words(decide(what, true)) + " |\n";
  }
  test::expect_generated_section("docs/state-machine.md", "time-wait", text);
}

}  // namespace
}  // namespace tuntcp::tcp
