// Plays a packet script on a backend: sends what the peer sends, makes the calls, and holds what
// comes out against what the script says, field by field and in time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/drill/backend.h"
#include "tools/drill/script.h"

namespace tuntcp::drill {

using MakeBackend = std::function<std::unique_ptr<Backend>(const BackendOptions&)>;

struct RunOptions {
  IpVersion ip_version = IpVersion::ipv4;
  // How far from its time anything may happen; else the script's --tolerance_usecs, else 4 ms, and
  // always at least an eighth of the time since the event before.
  std::optional<Duration> tolerance{};
  // As --define NAME=value: words that stand for the octets of a cookie.
  std::map<std::string, std::string> definitions{};
};

struct Outcome {
  enum class Verdict : std::uint8_t { passed, failed, skipped };
  Verdict verdict = Verdict::passed;
  Position at{};
  // Failed: what was expected and what happened. Skipped: what nobody mapped.
  std::string expected{};
  std::string actual{};
  // A line an event, in the script's notation and numbers.
  std::vector<std::string> transcript{};
};

// Is this script meant for that version? Those for one only say so by their options or end in
// "-v4.pkt", "-v6.pkt" and the like.
bool is_for(const Script& script, IpVersion version);

// ScriptError for a script that makes no sense; BackendFailure where the backend does not work.
Outcome run(const Script& script, const RunOptions& options, const MakeBackend& make_backend);

const char* to_string(IpVersion version);  // "ipv4", "ipv4-mapped-ipv6", "ipv6"

}  // namespace tuntcp::drill
