// docs/rfc-compliance.md: every requirement of RFC 9293 has a row, and what the rows name exists:
// files, functions, test programs, test cases, packet scripts. The same for what Linux does:
// docs/linux-rows.md and docs/linux-differences.md.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/lint/rfc9293_labels.h"
#include "tests/lint/source_tree.h"

namespace tuntcp::lint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kDocument = "docs/rfc-compliance.md";

// With an empty text if there is none.
File file_named(const std::string& path) {
  std::vector<File> found = files(std::filesystem::path(path).parent_path().string());
  std::erase_if(found, [&](const File& file) { return file.path != path; });
  return found.empty() ? File{path, ""} : found.front();
}

struct Row {
  int line = 0;
  std::string id, answer;
  std::vector<std::string> code, tests;  // "tcp/rtt.cc on_sample"; "rfc9293 Suite.Case"
  bool has_code_and_test() const { return !code.empty() && !tests.empty(); }
};

std::string trimmed(std::string text) {
  text.erase(0, text.find_first_not_of(' '));
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> cells;
  line.remove_prefix(std::min<std::size_t>(line.size(), 1));
  while (!line.empty()) {
    const std::size_t end = std::min(line.find('|'), line.size());
    cells.push_back(trimmed(std::string(line.substr(0, end))));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return cells;
}

// What stands between backquotes.
std::vector<std::string> quoted_in(const std::string& cell) {
  static const std::regex kQuoted("`([^`]+)`");
  std::vector<std::string> found;
  for (std::sregex_iterator match(cell.begin(), cell.end(), kQuoted);
       match != std::sregex_iterator(); ++match) {
    found.push_back(match->str(1));
  }
  return found;
}

std::vector<Row> rows_of(const File& document) {
  static const std::regex kId(R"((MUST|SHLD|MAY|REC)-\d+)");
  std::vector<Row> rows;
  for_each_line(document.text, [&](int number, std::string_view line) {
    if (!line.starts_with('|')) return;
    const std::vector<std::string> cells = cells_of(line);
    if (cells.size() != 6 || !std::regex_match(cells[0], kId)) return;
    rows.push_back({.line = number,
                    .id = cells[0],
                    .answer = cells[3],
                    .code = quoted_in(cells[4]),
                    .tests = quoted_in(cells[5])});
  });
  return rows;
}

std::vector<std::string> all_ids() {
  std::vector<std::string> ids;
  for (const char* kind : {"MUST", "SHLD", "MAY", "REC"}) {
    for (int i = 1; i <= kLabels.at(kind); ++i)
      ids.push_back(std::string(kind) + "-" + std::to_string(i));
  }
  return ids;
}

// ---- What there is to be named.

struct Tree {
  std::map<std::string, std::string> sources;          // "tcp/rtt.cc": its text
  std::map<std::string, std::set<std::string>> cases;  // "rfc9293": "Suite.Case"
  std::set<std::string> scripts;
};

// The cases of each program: tests/CMakeLists.txt says which folders it is made of.
void find_cases(Tree& tree) {
  static const std::regex kProgram(
      R"(tuntcp_add_tests\((\w+) FOLDERS ([\w/ ]+?)( LINK| LABELS|\)|\n))");
  static const std::regex kCase(R"(\bTEST(_F|_P)?\((\w+),\s*(\w+)\))");
  const std::string cmake = file_named("tests/CMakeLists.txt").text;
  for (std::sregex_iterator program(cmake.begin(), cmake.end(), kProgram);
       program != std::sregex_iterator(); ++program) {
    std::istringstream folders(program->str(2));
    for (std::string folder; folders >> folder;) {
      for (const File& file : cpp_files("tests/" + folder)) {
        for (std::sregex_iterator one(file.text.begin(), file.text.end(), kCase);
             one != std::sregex_iterator(); ++one) {
          tree.cases[program->str(1)].insert(one->str(2) + "." + one->str(3));
        }
      }
    }
  }
}

const Tree& tree() {
  static const Tree found = [] {
    Tree made;
    for (const File& file : cpp_files("stack")) made.sources[file.path.substr(6)] = file.text;
    for (const File& file : files("tests/scripts")) made.scripts.insert(file.path);
    find_cases(made);
    return made;
  }();
  return found;
}

// What is wrong with "tcp/rtt.cc on_sample"; nothing if it is there.
std::optional<std::string> code_fault(const std::string& code) {
  const std::size_t space = code.find(' ');
  const auto source = tree().sources.find(code.substr(0, space));
  if (source == tree().sources.end()) return "no such file: " + code;
  if (space == std::string::npos) return "names no function: " + code;
  if (!std::regex_search(source->second, std::regex("\\b" + code.substr(space + 1) + "\\b"))) {
    return "not in that file: " + code;
  }
  return std::nullopt;
}

std::optional<std::string> test_fault(const std::string& test) {
  if (test.starts_with("tests/scripts/")) {
    if (tree().scripts.contains(test)) return std::nullopt;
    return "no such script: " + test;
  }
  const std::size_t space = test.find(' ');
  const auto program = tree().cases.find(test.substr(0, space));
  if (space == std::string::npos || program == tree().cases.end())
    return "no such program: " + test;
  if (!program->second.contains(test.substr(space + 1))) return "no such case: " + test;
  return std::nullopt;
}

std::optional<std::string> answer_fault(const Row& row) {
  static const std::regex kAnswer("yes(, rfc)?(: .+)?|no: .+|not yet: .+|application: .+");
  if (!std::regex_match(row.answer, kAnswer)) return "no such answer: " + row.answer;
  if (row.answer.starts_with("yes") && !row.has_code_and_test()) return "yes needs code and a test";
  const bool is_must = row.id.starts_with("MUST");
  if (is_must && (row.answer.starts_with("no:") || row.answer.starts_with("application"))) {
    return "a MUST leaves no choice";
  }
  return std::nullopt;
}

Faults compliance_faults(const File& document) {
  Faults faults;
  for (const Row& row : rows_of(document)) {
    const auto add = [&](const std::optional<std::string>& wrong) {
      if (wrong) faults.push_back(fault(document, row.line, row.id + ": " + *wrong));
    };
    add(answer_fault(row));
    for (const std::string& code : row.code) add(code_fault(code));
    for (const std::string& test : row.tests) add(test_fault(test));
  }
  return faults;
}

// ---- What Linux does.

struct LinuxRow {
  int line = 0;
  std::string id, answer;  // of a difference: its situation, nothing
  std::vector<std::string> tests;
};

// Of a table of five columns; its head and what is below that are no rows.
std::vector<LinuxRow> linux_rows_of(const File& document, bool has_answers) {
  std::vector<LinuxRow> rows;
  for_each_line(document.text, [&](int number, std::string_view line) {
    if (!line.starts_with('|')) return;
    const std::vector<std::string> cells = cells_of(line);
    if (cells.size() != 5 || cells[1] == "---" || cells[1].starts_with("Linux") ||
        cells[1] == "Situation") {
      return;
    }
    rows.push_back({.line = number,
                    .id = cells[0],
                    .answer = has_answers ? cells[4] : "",
                    .tests = quoted_in(has_answers ? cells[3] : cells[4])});
  });
  return rows;
}

Faults linux_faults(const File& document, const std::vector<LinuxRow>& rows) {
  static const std::regex kAnswer(
      R"((same( [^;]+; later: .+)?|later: .+|differs: \[[^\]]+\]\(linux-differences\.md\))?)");
  Faults faults;
  for (const LinuxRow& row : rows) {
    const auto add = [&](const std::string& wrong) {
      faults.push_back(fault(document, row.line, row.id + ": " + wrong));
    };
    if (!std::regex_match(row.answer, kAnswer)) add("no such answer: " + row.answer);
    if (row.tests.empty()) add("nothing shows it");
    for (const std::string& test : row.tests) {
      if (const auto wrong = test_fault(test)) add(*wrong);
    }
  }
  return faults;
}

File document() {
  return file_named(kDocument);
}

TEST(Compliance, EveryRequirementHasItsRow) {
  std::vector<std::string> ids;
  for (const Row& row : rows_of(document())) ids.push_back(row.id);
  EXPECT_EQ(ids, all_ids());
}

TEST(Compliance, WhatTheRowsNameExists) {
  EXPECT_THAT(compliance_faults(document()), IsEmpty());
}

TEST(LinuxRows, AreAllThereAndWhatTheyNameExists) {
  const File document = file_named("docs/linux-rows.md");
  const std::vector<LinuxRow> rows = linux_rows_of(document, true);
  std::vector<std::string> ids, wanted;
  for (const LinuxRow& row : rows) ids.push_back(row.id);
  for (int i = 1; i <= 44; ++i) wanted.push_back(std::to_string(i));
  EXPECT_EQ(ids, wanted);
  EXPECT_THAT(linux_faults(document, rows), IsEmpty());
}

TEST(LinuxDifferences, EachIsPinnedByATestThatExists) {
  const File document = file_named("docs/linux-differences.md");
  const std::vector<LinuxRow> rows = linux_rows_of(document, false);
  EXPECT_FALSE(rows.empty());
  EXPECT_THAT(linux_faults(document, rows), IsEmpty());
}

TEST(LinuxRows, ReportsWhatDoesNotExist) {
  const auto faults_of = [](const std::string& tests, const std::string& answer) {
    const File document{"x.md", "| 1 | A | B | " + tests + " | " + answer + " |\n"};
    return linux_faults(document, linux_rows_of(document, true));
  };
  const std::string test = "`rfc9293 Nagle.CanBeSwitchedOff`";
  EXPECT_THAT(faults_of(test, "same"), IsEmpty());
  EXPECT_THAT(faults_of(test, "differs: [a](linux-differences.md)"), IsEmpty());
  EXPECT_THAT(faults_of(test, "differs"), ElementsAre(HasSubstr("no such answer")));
  EXPECT_THAT(faults_of("", "same"), ElementsAre(HasSubstr("nothing shows it")));
  EXPECT_THAT(faults_of("`tests/scripts/x.pkt`", "same"), ElementsAre(HasSubstr("no such script")));
}

// What holds in profile rfc alone is told about below the lists, and nothing else is.
TEST(Compliance, DifferencesOfProfileLinuxAreTheRowsThatSaySo) {
  static const std::regex kDifference(R"(\n\| (MUST-\d+) \|[^|]+\|[^|]+\|\n)");
  const std::string text = document().text;
  std::set<std::string> said, explained;
  for (const Row& row : rows_of(document())) {
    if (row.answer.starts_with("yes, rfc")) said.insert(row.id);
  }
  std::size_t from = 0;
  for (std::smatch match; std::regex_search(text.begin() + static_cast<std::ptrdiff_t>(from),
                                            text.end(), match, kDifference);) {
    explained.insert(match.str(1));
    from +=
        static_cast<std::size_t>(match.position() + match.length()) - 1;  // its "\n" is the next's
  }
  EXPECT_EQ(said, explained);
}

// tools/mutate runs the case that a row names first, so that is no script.
TEST(Compliance, EveryMustThatHoldsHasAMutationAndACaseThatFindsIt) {
  std::set<std::string> mutated;
  for (const File& patch : files("tests/mutations")) mutated.insert(patch.path);
  for (const Row& row : rows_of(document())) {
    if (!row.id.starts_with("MUST") || !row.answer.starts_with("yes")) continue;
    const std::string patch = "tests/mutations/must_" + row.id.substr(5) + ".patch";
    EXPECT_TRUE(mutated.contains(patch)) << row.id << " has no " << patch;
    ASSERT_FALSE(row.tests.empty()) << row.id;
    EXPECT_FALSE(row.tests.front().ends_with(".pkt")) << row.id << ": " << row.tests.front();
  }
}

TEST(Compliance, ReportsWhatDoesNotExist) {
  const auto faults_of = [](const std::string& answer, const std::string& code,
                            const std::string& test) {
    return compliance_faults(
        {"x.md", "| MUST-1 | Rule | 3.1 | " + answer + " | " + code + " | " + test + " |\n"});
  };
  const std::string code = "`tcp/rtt.cc on_sample`";
  const std::string test = "`rfc9293 Nagle.CanBeSwitchedOff`";
  EXPECT_THAT(faults_of("yes", code, test), IsEmpty());
  EXPECT_THAT(faults_of("no: dull", code, test), ElementsAre(HasSubstr("leaves no choice")));
  EXPECT_THAT(faults_of("perhaps", code, test), ElementsAre(HasSubstr("no such answer")));
  EXPECT_THAT(faults_of("yes", "-", test), ElementsAre(HasSubstr("needs code")));
  EXPECT_THAT(faults_of("yes", "`tcp/rt.cc on_sample`", test),
              ElementsAre(HasSubstr("no such file")));
  EXPECT_THAT(faults_of("yes", "`tcp/rtt.cc on_samples`", test),
              ElementsAre(HasSubstr("not in that file")));
  EXPECT_THAT(faults_of("yes", code, "`rfc9293 Nagle.CanBe`"),
              ElementsAre(HasSubstr("no such case")));
  EXPECT_THAT(faults_of("yes", code, "`rfc Nagle.CanBeSwitchedOff`"),
              ElementsAre(HasSubstr("no such program")));
  EXPECT_THAT(faults_of("yes", code, "`tests/scripts/x.pkt`"),
              ElementsAre(HasSubstr("no such script")));
}

}  // namespace
}  // namespace tuntcp::lint
