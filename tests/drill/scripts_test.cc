// Plays every script of tests/scripts on the engine, in each IP version it is for: one test a file
// and version. And every input that a fuzzer found worth keeping must be refused or read, no more.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tools/drill/code.h"
#include "tools/drill/parser.h"
#include "tools/drill/suite.h"

namespace tuntcp::drill {
namespace {

const std::filesystem::path kTests = std::filesystem::path(TUNTCP_SOURCE_DIR) / "tests";

class OneScript : public testing::Test {
 public:
  OneScript(const Script& script, IpVersion version) : script_(script), version_(version) {}
  void TestBody() override {
    const Outcome outcome = run(script_, {.ip_version = version_}, make_engine_backend);
    EXPECT_EQ(outcome.verdict, Outcome::Verdict::passed)
        << report(script_, to_string(version_), outcome, false);
  }

 private:
  Script script_;
  IpVersion version_;
};

// "close/half_close.pkt" and ipv6: Script_close.half_close_ipv6.
int register_scripts() {
  int count = 0;
  for (const std::string& file : find_scripts((kTests / "scripts").string())) {
    const std::filesystem::path path(file);
    const Script script = parse(read_script(file), file);
    for (const IpVersion version :
         {IpVersion::ipv4, IpVersion::ipv4_mapped_ipv6, IpVersion::ipv6}) {
      if (!is_for(script, version)) continue;
      std::string name = path.stem().string() + "_" + to_string(version);
      std::replace(name.begin(), name.end(), '-', '_');
      const std::string suite = "Script_" + path.parent_path().filename().string();
      testing::RegisterTest(
          suite.c_str(), name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
          [script, version]() -> testing::Test* { return new OneScript(script, version); });
      ++count;
    }
  }
  return count;
}
const int kScripts = register_scripts();

TEST(Scripts, AreFound) {
  EXPECT_GE(kScripts, 60);
}

TEST(FuzzCorpus, EveryInputIsReadOrRefused) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kTests / "fuzz/corpus/drill")) {
    const std::string text = read_script(entry.path().string());
    try {
      const Script script = parse(text, "input");
      for (const Event& event : script.events) {
        if (const auto* code = std::get_if<CodeSpec>(&event.action)) {
          EXPECT_FALSE(parse_code(*code, "input").empty());
        }
      }
    } catch (const ScriptError& error) {
      EXPECT_GE(error.at().line, 1);
      EXPECT_GE(error.at().column, 1);
    }
    ++count;
  }
  EXPECT_GE(count, 5);
}

}  // namespace
}  // namespace tuntcp::drill
