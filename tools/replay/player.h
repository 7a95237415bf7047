// Plays one side of a flow: a host in virtual time is fed the other side's packets at the captured
// times, its application does what the captured one did, and what it sends is recorded. Only the
// host's public doors are used.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/replay/application.h"
#include "tools/replay/flow.h"
#include "tools/replay/numbers.h"
#include "tools/replay/setup.h"

namespace tuntcp::replay {

struct Play {
  std::vector<Packet> sent;  // by the engine, in the numbers of the capture
  // What the application was refused: "SEND at packet 7: not connected".
  std::vector<std::string> refusals;
};

// The tolerance of times: 4 ms, a tick of a kernel's timer, or an eighth of what is timed.
Duration time_tolerance(Duration timed);

Play play(const Flow& flow, Side played, const Application& application, const Setup& setup);

}  // namespace tuntcp::replay
