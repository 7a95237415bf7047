// What may not be written: words that say nothing ("manager", "handle_"), marks of unfinished work,
// and paths that exist on one machine only. docs/style.md says what to write instead.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "tests/lint/source_tree.h"

namespace tuntcp::lint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Faults file_name_faults(const File& file) {
  static const std::regex kEmptyWord(
      "(^|[/_.-])(handle|handlers?|handling|process|processor|do|maybe|managers?|helpers?|utils?|"
      "utilities|impl|ctx|misc|common)([/_.-]|$)",
      std::regex::icase);
  static const std::regex kStyle(
      R"([a-z0-9_/-]+(\.(h|cc|pkt|py|sh|patch|cmake))?|(.*/)?CMakeLists\.txt)");
  // RFC 9293, 3.10.7.4, seventh: "process the segment text".
  static const std::regex kAllowed("process_text");
  Faults faults;
  if (std::regex_search(std::regex_replace(file.path, kAllowed, "text"), kEmptyWord)) {
    faults.push_back(file.path + ": a word that says nothing");
  }
  if (!std::regex_match(file.path, kStyle)) faults.push_back(file.path + ": not in snake_case");
  return faults;
}

// Reports each match of the pattern outside of the lines that match `but`.
Faults matches(const File& file, const std::regex& pattern, const std::string& what,
               const std::regex& but = std::regex("[^\\s\\S]")) {
  Faults faults;
  for_each_line(file.text, [&](int number, std::string_view line) {
    std::match_results<std::string_view::const_iterator> match;
    if (std::regex_search(line.begin(), line.end(), match, pattern) &&
        !std::regex_search(line.begin(), line.end(), but)) {
      faults.push_back(fault(file, number, what + ": " + match.str()));
    }
  });
  return faults;
}

Faults identifier_faults(const File& file) {
  // A verb at the start of a name, or one of the empty nouns anywhere in it. RFC 9293, 3.10.7.4
  // itself says "process the segment text"; libtins has a namespace Utils;
  // a handle_of() something is a noun, and so is Asio's Handler.
  static const std::regex kEmptyWord(
      R"(\b((handle|process|do|maybe)_(?!of\b)[a-z_]+\(|[a-z_]*(^|_|\b)(ctx|impl|util|utils|helper|manager)(_|\b)[a-z_]*\b|\w*(Manager|Helper|Util|Utils|Impl|Ctx)\b))");
  static const std::regex kAllowed(R"(\bprocess_text\(|\b[Tt]ins(::|/)[Uu]tils|^\s*//)");
  return matches(file, kEmptyWord, "a word that says nothing", kAllowed);
}

Faults unfinished_faults(const File& file) {
  static const std::regex kMark(
      R"(\b(TO)DO\b|\b(FIX)ME\b|\bX(X)X\b|\bHA(C)K\b|not (yet )?implemented)");
  return matches(file, kMark, "unfinished");
}

Faults machine_path_faults(const File& file) {
  static const std::regex kPath(R"((^|[^\w.$}])/(home|root|work|Users)/\w+)");
  return matches(file, kPath, "a path of one machine");
}

// All text, but for this file's own examples of what is wrong.
std::vector<File> without_examples(std::vector<File> all) {
  std::erase_if(all, [](const File& file) {
    return file.path.ends_with(".pcap") || file.path == "tests/lint/naming_test.cc";
  });
  return all;
}

TEST(Naming, FilesSayWhatTheyHold) {
  for (const char* folder : {"stack", "tests", "tools"}) {
    EXPECT_THAT(faults_in(files(folder), file_name_faults), IsEmpty());
  }
}

TEST(Naming, IdentifiersSayWhatTheyDo) {
  for (const char* folder : {"stack", "tests", "tools"}) {
    EXPECT_THAT(faults_in(without_examples(cpp_files(folder)), identifier_faults), IsEmpty());
  }
}

TEST(Naming, NothingIsMarkedUnfinished) {
  EXPECT_THAT(faults_in(without_examples(files("")), unfinished_faults), IsEmpty());
}

TEST(Naming, NoPathOfOneMachine) {
  EXPECT_THAT(faults_in(without_examples(files("")), machine_path_faults), IsEmpty());
}

TEST(Naming, ReportsFileNames) {
  EXPECT_THAT(file_name_faults({"stack/tcp/segment_util.h", ""}), SizeIs(1));
  EXPECT_THAT(file_name_faults({"tests/helpers/drill.h", ""}), SizeIs(1));
  EXPECT_THAT(file_name_faults({"stack/tcp/handle_segment.cc", ""}), SizeIs(1));
  EXPECT_THAT(file_name_faults({"stack/tcp/SegmentArrives.cc", ""}), SizeIs(1));
  EXPECT_THAT(file_name_faults({"stack/tcp/segment_arrives.cc", ""}), IsEmpty());
  EXPECT_THAT(file_name_faults({"tests/rfc9293/process_text_test.cc", ""}), IsEmpty());
}

TEST(Naming, ReportsIdentifiers) {
  const File file{"stack/tcp/x.cc",
                  "void handle_ack(Tcb& tcb);\n"
                  "void process_text(Tcb& tcb);\n"
                  "  maybe_send(tcb);\n"
                  "class TimerManager;\n"
                  "auto& ctx = *this;\n"
                  "SlabHandle handle;\n"
                  "io_context context;\n"
                  "int fd = device.native_handle();\n"
                  "struct socket_impl;\n"};

  EXPECT_THAT(identifier_faults(file),
              ElementsAre(HasSubstr("x.cc:1:"), HasSubstr("x.cc:3:"), HasSubstr("x.cc:4:"),
                          HasSubstr("x.cc:5:"), HasSubstr("x.cc:9:")));
}

TEST(Naming, ReportsUnfinishedMarks) {
  const std::string mark = std::string("TO") + "DO";
  const File file{"stack/tcp/x.cc", "// " + mark + ": SACK.\n// Two dos.\n"};

  EXPECT_THAT(unfinished_faults(file), ElementsAre(HasSubstr("x.cc:1:")));
}

TEST(Naming, ReportsPathsOfOneMachine) {
  const std::string home = "/ho" + std::string("me/");
  const File file{"docs/testing.md", "cd " + home + "somebody/tuntcp\nls tools/home/x\n"};

  EXPECT_THAT(machine_path_faults(file), ElementsAre(HasSubstr("testing.md:1:")));
}

}  // namespace
}  // namespace tuntcp::lint
