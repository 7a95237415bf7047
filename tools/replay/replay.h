// Replay of a capture: one side is played by the engine and compared with what was captured.
//
//   const Report report = replay(read_capture("x.pcap"), {});
//   fputs(report.text.c_str(), stdout);
//   return report.faults.empty() ? 0 : 1;
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/replay/capture.h"
#include "tools/replay/expect.h"

namespace tuntcp::replay {

struct Report {
  std::string text;                 // both sides, packet by packet
  std::vector<std::string> faults;  // what was not expected; empty if all matched
};

// Plays the sides and connections that `expect` names (all, if it names none) and holds the outcome
// against it. Throws CaptureError if the capture has nothing to play.
Report replay(Capture capture, const Expect& expect);

}  // namespace tuntcp::replay
