#include "tests/support/generated_section.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace tuntcp::test {

void expect_generated_section(const std::string& path, std::string_view name,
                              const std::string& body) {
  const std::string full_path = std::string(TUNTCP_SOURCE_DIR) + "/" + path;
  std::ifstream in(full_path);
  ASSERT_TRUE(in) << full_path << " cannot be read";
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};

  const std::size_t mark = text.find("<!-- begin " + std::string(name));
  const std::size_t begin = text.find('\n', mark) + 1;
  const std::size_t end = text.find("<!-- end " + std::string(name), begin);
  ASSERT_TRUE(mark != std::string::npos && begin != 0 && end != std::string::npos)
      << path << " has no section " << name;

  if (std::getenv("TUNTCP_UPDATE_DOCS") != nullptr) {
    text.replace(begin, end - begin, body);
    std::ofstream(full_path) << text;
    return;
  }
  EXPECT_EQ(text.substr(begin, end - begin), body)
      << path << " is not what the code says; run this test with TUNTCP_UPDATE_DOCS=1 and look at "
      << "the difference before committing it";
}

}  // namespace tuntcp::test
