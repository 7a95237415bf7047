// Does a segment that the stack sent look as the script says? Both are in the script's numbers. Its
// TSval is not looked at here: what it may be is a question of time.
#pragma once

#include <optional>
#include <string>

#include "tools/drill/script.h"

namespace tuntcp::drill {

struct MatchRules {
  // More than one segment: where PSH stands depends on how an offload cuts, so it may differ.
  bool is_super = false;
  // More waits to be sent: where the script has PSH the sender's packet buffer ended, which is the
  // same matter. It may be missing.
  bool has_text_behind = false;
};

// The first field that differs, as "ack: 1001, not 1", or nothing.
std::optional<std::string> difference(const PacketSpec& expected, const PacketSpec& actual,
                                      const MatchRules& rules);

}  // namespace tuntcp::drill
