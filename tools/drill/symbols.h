// The names of C that scripts use: constants of this machine's headers, and errors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tuntcp::drill {

// SOL_SOCKET, O_NONBLOCK, ECONNRESET ... Nothing: nobody knows the name.
std::optional<std::int64_t> symbol(std::string_view name);
// "SO_ZEROCOPY", as far as it is known.
std::string option_name(int level, int option);
// "EAGAIN (Resource temporarily unavailable)".
std::string error_name(int error);

}  // namespace tuntcp::drill
