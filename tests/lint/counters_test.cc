// stack/tcp/mib.h: a counter that nothing counts tells who looks that nothing happens, and one that
// no test looks at may tell anything.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/lint/source_tree.h"

namespace tuntcp::lint {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kTable = "stack/tcp/mib.h";

void find_words(const std::string& text, std::set<std::string>& words) {
  static const std::regex kWord(R"(\w+)");
  for (std::sregex_iterator word(text.begin(), text.end(), kWord); word != std::sregex_iterator();
       ++word) {
    words.insert(word->str());
  }
}

// Each row X(enumerator, "name", ...): the code has the enumerator, tests that or the name.
Faults counter_faults(const std::string& table, const std::set<std::string>& in_code,
                      const std::set<std::string>& in_tests) {
  static const std::regex kRow(R"(X\((\w+), "(\w+)\")");
  Faults faults;
  for (std::sregex_iterator row(table.begin(), table.end(), kRow); row != std::sregex_iterator();
       ++row) {
    if (!in_code.contains(row->str(1))) faults.push_back(row->str(2) + ": nothing counts it");
    if (!in_tests.contains(row->str(1)) && !in_tests.contains(row->str(2))) {
      faults.push_back(row->str(2) + ": no test looks at it");
    }
  }
  return faults;
}

TEST(Counters, AreCountedAndTested) {
  std::string table;
  std::set<std::string> in_code;
  std::set<std::string> in_tests;
  for (const File& file : cpp_files("stack")) {
    if (file.path == kTable) {
      table = file.text;
    } else {
      find_words(file.text, in_code);
    }
  }
  for (const File& file : files("tests")) find_words(file.text, in_tests);
  ASSERT_NE(table.find("TcpExtTCPTimeouts"), std::string::npos);
  EXPECT_THAT(counter_faults(table, in_code, in_tests), IsEmpty());
}

TEST(Counters, ReportsOneThatIsForgotten) {
  const std::string table = R"(X(a, "TcpA", "") X(b, "TcpB", "") X(c, "TcpC", ""))";
  EXPECT_THAT(counter_faults(table, {"a", "c"}, {"TcpA", "b"}),
              ElementsAre("TcpB: nothing counts it", "TcpC: no test looks at it"));
}

}  // namespace
}  // namespace tuntcp::lint
