// Why a device or a setting of the operating system could not be had: a code for programs and one
// line for people.
#pragma once

#include <expected>
#include <string>
#include <system_error>

namespace tuntcp::io {

struct Failure {
  std::error_code code;
  // One line without a full stop that names the cause and, where there is one, the mend:
  // "cannot open /dev/net/tun: Permission denied; run as root, or ...".
  std::string text;
};

template <class T>
using Outcome = std::expected<T, Failure>;

}  // namespace tuntcp::io
