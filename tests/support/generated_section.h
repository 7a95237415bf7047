// Documents with a part that a test writes: the committed text must be what the code says today.
#pragma once

#include <string>
#include <string_view>

namespace tuntcp::test {

// Expects the lines between "<!-- begin NAME" and "<!-- end NAME" of a file of this repository to
// be `body`. With TUNTCP_UPDATE_DOCS=1 in the environment they are rewritten instead, and the rest
// of the file is kept. `path` is relative to the repository.
void expect_generated_section(const std::string& path, std::string_view name,
                              const std::string& body);

}  // namespace tuntcp::test
