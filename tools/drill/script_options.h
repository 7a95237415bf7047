// The lines "--name=value" at the top of a script.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "tools/drill/executor.h"

namespace tuntcp::drill {

struct ScriptSettings {
  BackendOptions backend{};
  Duration tolerance{};
  bool strict_segments = false;
  std::optional<Duration> ts_tick{};  // what a TSval of the script is worth
  std::uint16_t mss = 0;              // of super-packets to the stack; 0: what the MTU leaves
  std::map<std::string, std::string> definitions{};
};

// ScriptError for values that are none; Unmapped for options nobody knows.
ScriptSettings settings_of(const Script& script, const RunOptions& options);

}  // namespace tuntcp::drill
