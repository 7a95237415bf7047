// A path's two directions in words: "delay 10ms", "ab-loss 5%". The same words are options on the
// command line and lines on standard input, so that what can be asked for at the start can be
// changed later.
//
// Not here: what a link does with its settings (stack/sim/link.h).
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "stack/sim/link.h"

namespace tuntcp::link {

struct PathSettings {
  sim::LinkSettings ab;  // packets from a to b
  sim::LinkSettings ba;
};

// With nothing wrong: no delay, no limit.
PathSettings perfect_path();

struct Word {
  const char* name;   // "loss"; "ab-loss" and "ba-loss" set one direction
  const char* value;  // the form of its value, for people
  const char* meaning;
};
std::span<const Word> path_words();

// Sets one word, in both directions unless its name begins with "ab-" or "ba-". "none" takes the
// word back. On failure nothing has changed, and the text says what is expected.
std::expected<void, std::string> set_word(PathSettings& path, std::string_view name,
                                          std::string_view value);

// All words of one direction that are not "none", as set_word() takes them:
// "delay 10ms rate 100mbit".
std::string to_text(const sim::LinkSettings& settings);

}  // namespace tuntcp::link
