// printf onto the end of a string.
#pragma once

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <string>

namespace tuntcp::io {

// A line of up to 511 octets; what is longer is cut.
[[gnu::format(printf, 2, 3)]] inline void print(std::string& out, const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (length > 0) out.append(line, std::min(static_cast<std::size_t>(length), sizeof line - 1));
}

}  // namespace tuntcp::io
