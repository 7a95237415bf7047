// A line as a shell reads it, as far as packet scripts go: words, quotes, comments, $(( )), and the
// operators ; && | > 2> >&.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tuntcp::drill {

struct ShellWord {
  std::string text{};
  bool is_operator = false;
};

// Unmapped for what a shell would expand and this does not.
std::vector<ShellWord> shell_words(std::string_view line);

}  // namespace tuntcp::drill
