// The count that tools/test ends with: tools/lib/count_tests.py on reports written here, one for
// each way a test can end.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/lint/source_tree.h"

namespace tuntcp::lint {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

class CountTests : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // What ctest says of a test: its status and its output.
  void ctest_says(const std::string& name, const std::string& status,
                  const std::string& output = "") {
    junit_ += "<testcase name=\"" + name + "\" status=\"" + status + "\"><system-out>" + output +
              "</system-out></testcase>";
  }
  // What GoogleTest says of one case of a test.
  void gtest_says(const std::string& name, const std::string& gtest_case) {
    std::ofstream(folder_ / (name + ".json"))
        << R"({"testsuites": [{"name": "Suite", "testsuite": [)" << gtest_case << "]}]}";
  }
  CommandResult count() {
    std::ofstream(folder_ / "junit.xml") << "<testsuite>" << junit_ << "</testsuite>";
    return run("python3 tools/lib/count_tests.py " + (folder_ / "junit.xml").string() + " " +
               folder_.string());
  }

 private:
  std::filesystem::path folder_ = ::testing::TempDir() + "tuntcp_count_" +
                                  ::testing::UnitTest::GetInstance()->current_test_info()->name();
  std::string junit_;
};

TEST_F(CountTests, CountsTheCasesOfGoogleTest) {
  gtest_says("unit", R"({"name": "A", "status": "RUN", "result": "COMPLETED"},
                        {"name": "B", "status": "RUN", "result": "COMPLETED"},
                        {"name": "C", "status": "RUN", "result": "SKIPPED"},
                        {"name": "DISABLED_D", "status": "NOTRUN", "result": "SUPPRESSED"},
                        {"name": "E", "status": "NOTRUN", "result": "SUPPRESSED"},
                        {"name": "F", "status": "RUN", "result": "COMPLETED",
                         "failures": [{"failure": "no", "type": ""}]})");
  ctest_says("unit", "fail");

  const CommandResult counted = count();
  EXPECT_THAT(counted.output, HasSubstr("failed: unit Suite.F"));
  EXPECT_THAT(counted.output, EndsWith("2 1 2\n"));
}

TEST_F(CountTests, CountsTheLinesOfAScript) {
  ctest_says(
      "interop", "fail",
      "ok 1 - curl gets a page\nnot ok 2 - nc is echoed\nok 3 - ping # SKIP no ping\nlook\n");

  EXPECT_THAT(count().output, EndsWith("1 1 1\n"));
}

TEST_F(CountTests, CountsATestWithoutCasesAsOne) {
  ctest_says("a", "run");
  ctest_says("b", "fail");

  EXPECT_THAT(count().output, EndsWith("1 1 0\n"));
}

// All of its cases passed, and then it leaked.
TEST_F(CountTests, ATestThatFailsAsAWholeIsAFailure) {
  gtest_says("unit", R"({"name": "A", "status": "RUN", "result": "COMPLETED"})");
  ctest_says("unit", "fail");

  EXPECT_THAT(count().output, EndsWith("1 1 0\n"));
}

TEST_F(CountTests, NoTestAtAllIsAnError) {
  const CommandResult counted = count();
  EXPECT_NE(counted.exit_status, 0);
  EXPECT_THAT(counted.output, HasSubstr("no test ran"));
}

}  // namespace
}  // namespace tuntcp::lint
