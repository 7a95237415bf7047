// Citations a reader can follow: "RFC 9293, 3.8.6.2.1", with the label of the requirement where it
// has one, "(MUST-38)"; and never an RFC that a later one has replaced.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <string>

#include "tests/lint/rfc9293_labels.h"
#include "tests/lint/source_tree.h"

namespace tuntcp::lint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Replaced: by which. Only those a TCP implementation is tempted to cite. RFC 9293 replaces RFC
// 6528 too, but the way to choose initial sequence numbers is still known by that name.
const std::map<int, int> kReplaced = {
    {793, 9293},  {879, 9293},  {1323, 7323}, {1883, 8200}, {1885, 4443}, {1948, 6528},
    {1981, 8201}, {2001, 5681}, {2012, 4022}, {2414, 3390}, {2460, 8200}, {2463, 4443},
    {2581, 5681}, {2582, 6582}, {2873, 9293}, {2988, 6298}, {3517, 6675}, {3782, 6582},
    {6093, 9293}, {6429, 9293}, {6691, 9293}, {8312, 9438}};

using Match = std::match_results<std::string_view::const_iterator>;

// Calls found(match) for each match in the line.
template <class Found>
void for_each_match(std::string_view line, const std::regex& pattern, Found found) {
  using Iterator = std::regex_iterator<std::string_view::const_iterator>;
  for (Iterator match(line.begin(), line.end(), pattern); match != Iterator(); ++match) {
    found(*match);
  }
}

Faults citation_faults(const File& file) {
  static const std::regex kRfc(R"(\bRFC (\d+))");
  static const std::regex kUnlike(R"(\bRFC-?\d+\b|\bRFC \d+,? ?([Ss]ection|[Ss]ec\.|§))");
  static const std::regex kLabel(R"(\b(MUST|SHLD|MAY|REC)-(\d+))");
  Faults faults;
  for_each_line(file.text, [&](int number, std::string_view line) {
    for_each_match(line, kRfc, [&](const Match& match) {
      const auto replaced = kReplaced.find(std::stoi(match.str(1)));
      if (replaced != kReplaced.end()) {
        faults.push_back(fault(
            file, number, match.str() + " is replaced by RFC " + std::to_string(replaced->second)));
      }
    });
    for_each_match(line, kUnlike, [&](const Match& match) {
      faults.push_back(fault(file, number, "write \"RFC 9293, 3.4\", not \"" + match.str() + "\""));
    });
    for_each_match(line, kLabel, [&](const Match& match) {
      const int label = std::stoi(match.str(2));
      if (label < 1 || label > kLabels.at(match.str(1))) {
        faults.push_back(fault(file, number, "RFC 9293 has no " + match.str()));
      }
    });
  });
  return faults;
}

TEST(Citations, CanBeFollowed) {
  for (const char* folder : {"stack", "tools", "tests"}) {
    std::vector<File> checked = cpp_files(folder);
    // This file's own examples of what is wrong.
    std::erase_if(checked, [](const File& f) { return f.path.ends_with("citations_test.cc"); });
    EXPECT_THAT(faults_in(checked, citation_faults), IsEmpty());
  }
}

Faults head_faults(const File& file) {
  if (file.text.starts_with("// ")) return {};
  return {file.path + ": no comment at its head says what lives here"};
}

TEST(Citations, EveryHeaderSaysWhatLivesInIt) {
  std::vector<File> headers = cpp_files("stack");
  std::erase_if(headers, [](const File& file) { return !file.path.ends_with(".h"); });
  EXPECT_THAT(faults_in(headers, head_faults), IsEmpty());
  EXPECT_THAT(head_faults({"x.h", "#pragma once\n// A head.\n"}), ElementsAre(HasSubstr("x.h")));
}

TEST(Citations, ReportsAReplacedRfc) {
  EXPECT_THAT(citation_faults({"x.cc", "// RFC 9293, 3.4\n// RFC 793, 3.3\n"}),
              ElementsAre("x.cc:2: RFC 793 is replaced by RFC 9293"));
}

TEST(Citations, ReportsOtherSpellings) {
  EXPECT_THAT(citation_faults({"x.cc", "// RFC9293, 3.4\n// RFC 9293 section 3.4\n// RFC-5961\n"}),
              ElementsAre(HasSubstr("x.cc:1:"), HasSubstr("x.cc:2:"), HasSubstr("x.cc:3:")));
}

TEST(Citations, ReportsALabelThatDoesNotExist) {
  EXPECT_THAT(citation_faults({"x.cc", "// (MUST-69)\n// (MUST-70)\n// (SHLD-0)\n"}),
              ElementsAre("x.cc:2: RFC 9293 has no MUST-70", "x.cc:3: RFC 9293 has no SHLD-0"));
}

}  // namespace
}  // namespace tuntcp::lint
