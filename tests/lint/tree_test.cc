// The repository as a whole: its top level stays short, links in the documents lead somewhere, and
// tools that others wrote agree with the layout of C++ and the scripts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <string>

#include "tests/lint/source_tree.h"

namespace tuntcp::lint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::set<std::string> kTopLevel = {
    "CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md",
    "docs",           "pcap-fixtures",     "stack",   "tests",
    "tools"};
// Made by builds and editors; git ignores them.
const std::set<std::string> kIgnored = {"build", "compile_commands.json"};

Faults top_level_faults(const std::set<std::string>& entries) {
  Faults faults;
  for (const std::string& name : entries) {
    if (!name.starts_with(".") && !kTopLevel.contains(name) && !kIgnored.contains(name)) {
      faults.push_back(name + ": not an entry of the top level");
    }
  }
  return faults;
}

// A relative link in a document that leads nowhere.
Faults link_faults(const File& file) {
  static const std::regex kLink(R"(\]\(([^)#:\s]+)(#[^)]*)?\))");
  using Iterator = std::regex_iterator<std::string_view::const_iterator>;
  Faults faults;
  for_each_line(file.text, [&](int number, std::string_view line) {
    for (Iterator link(line.begin(), line.end(), kLink); link != Iterator(); ++link) {
      const std::filesystem::path target =
          source_root() / std::filesystem::path(file.path).parent_path() / link->str(1);
      if (!std::filesystem::exists(target.lexically_normal())) {
        faults.push_back(fault(file, number, "leads nowhere: " + link->str(1)));
      }
    }
  });
  return faults;
}

std::vector<File> documents() {
  std::vector<File> found = files("");
  std::erase_if(found, [](const File& file) { return !file.path.ends_with(".md"); });
  return found;
}

// Files that begin with "#!" and name the shell, and what they source.
std::string shell_scripts() {
  std::string names;
  for (const File& file : files("")) {
    if (file.text.starts_with("#!/usr/bin/env bash") || file.path.ends_with(".sh")) {
      names += " '" + file.path + "'";
    }
  }
  return names;
}

bool is_installed(const std::string& program) {
  return run("command -v " + program).exit_status == 0;
}

TEST(Tree, TopLevelHoldsOnlyTheAgreedEntries) {
  std::set<std::string> entries;
  for (const auto& entry : std::filesystem::directory_iterator(source_root())) {
    entries.insert(entry.path().filename().string());
  }
  EXPECT_THAT(top_level_faults(entries), IsEmpty());
  for (const char* name : {"LICENSE", "README.md", "docs"}) EXPECT_TRUE(entries.contains(name));
}

TEST(Tree, ReportsAnotherEntryOfTheTopLevel) {
  EXPECT_THAT(top_level_faults({"stack", "src", ".ci", "build"}),
              ElementsAre("src: not an entry of the top level"));
}

TEST(Tree, LinksInDocumentsLeadSomewhere) {
  EXPECT_THAT(faults_in(documents(), link_faults), IsEmpty());
}

TEST(Tree, ReportsALinkThatLeadsNowhere) {
  const File file{"docs/x.md",
                  "See [a](../LICENSE#mit), [b](https://example.org/x) and\n[c](y.md).\n"};

  EXPECT_THAT(link_faults(file), ElementsAre("docs/x.md:2: leads nowhere: y.md"));
}

TEST(Tree, CppIsLaidOutByClangFormat) {
  if (!is_installed("clang-format-19")) GTEST_SKIP() << "clang-format-19 is not installed";
  std::string names;
  for (const char* folder : {"stack", "tests", "tools"}) {
    for (const File& file : cpp_files(folder)) names += " '" + file.path + "'";
  }
  const CommandResult checked = run("clang-format-19 --dry-run --Werror" + names);
  EXPECT_EQ(checked.exit_status, 0) << checked.output.substr(0, 4000);
  // And it is able to object.
  EXPECT_NE(run("echo 'int  x ;' | clang-format-19 --dry-run --Werror").exit_status, 0);
}

TEST(Tree, ShellcheckAcceptsTheScripts) {
  if (!is_installed("shellcheck")) GTEST_SKIP() << "shellcheck is not installed";
  ASSERT_THAT(shell_scripts(), HasSubstr("'tools/test'"));
  const CommandResult checked = run("shellcheck --external-sources" + shell_scripts());
  EXPECT_EQ(checked.exit_status, 0) << checked.output.substr(0, 4000);
  EXPECT_NE(run("printf '#!/bin/bash\\nrm $1\\n' | shellcheck -").exit_status, 0);
}

}  // namespace
}  // namespace tuntcp::lint
