// docs/knobs.md is written from the table of knobs, so that neither can say what the other does
// not; and every knob that acts is shown by two packet scripts or tests.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stack/tcp/sysctl.h"
#include "tests/support/generated_section.h"

namespace tuntcp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// ---- What shows a knob.

// What no packet script can show: no script sends fragments or options of IP, R1 is told to the
// application only, and scripts count timestamps from the first. Cases of this program.
const std::multimap<std::string_view, std::string> kTests = {
    {"net.ipv4.conf.all.accept_source_route", "SourceRoute.IsAcceptedOnceTheKnobSaysSo"},
    {"net.ipv4.conf.all.accept_source_route", "SourceRoute.ThatIsNotAcceptedIsDroppedAndCounted"},
    {"net.ipv4.ipfrag_high_thresh", "Fragments.AreNotKeptWithoutMemory"},
    {"net.ipv4.ipfrag_high_thresh", "Fragments.TakeNoMoreMemoryThanTheKnobSays"},
    {"net.ipv4.ipfrag_time", "Fragments.WaitAsLongAsTheKnobSays"},
    {"net.ipv4.ipfrag_time", "Fragments.WaitLongerThanUsualIfTheKnobSays"},
    {"net.ipv4.tcp_congestion_control", "CongestionControl.IsTheKnobsAtTheOpen"},
    {"net.ipv4.tcp_congestion_control", "CongestionControl.ListenersOwnIsBeforeTheKnob"},
    {"net.ipv4.tcp_retries1", "R1.IsAKnob"},
    {"net.ipv4.tcp_retries1", "R1.OfASynIsAKnob"},
    {"net.ipv4.tcp_timestamps", "Timestamps.TwoMeansWithoutAnOffset"},
    {"net.ipv6.ip6frag_high_thresh", "Fragments.AreNotKeptWithoutMemory"},
    {"net.ipv6.ip6frag_high_thresh", "Fragments.TakeNoMoreMemoryThanTheKnobSays"},
    {"net.ipv6.ip6frag_time", "Fragments.WaitAsLongAsTheKnobSays"},
    {"net.ipv6.ip6frag_time", "Fragments.WaitLongerThanUsualIfTheKnobSays"},
    {"net.tuntcp.tcp_abe", "Abe.LeavesMoreOfCubicsWindow"},
    {"net.tuntcp.tcp_abe", "Abe.LeavesMoreOfRenosWindow"},
    {"net.tuntcp.tcp_cubic_hystart", "CubicHystart.OneEndsSlowStartEarly"},
    {"net.tuntcp.tcp_cubic_hystart", "CubicHystart.TwoSlowsSlowStartDown"},
    {"net.tuntcp.tcp_cubic_hystart", "CubicHystart.ZeroWaitsForALoss"},
};

using Scripts = std::map<std::string, std::string>;  // "sysctl/fin_timeout": its text

Scripts scripts() {
  Scripts found;
  const std::filesystem::path root = std::filesystem::path(TUNTCP_SOURCE_DIR) / "tests/scripts";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".pkt") continue;
    std::ifstream in(entry.path());
    found[std::filesystem::relative(entry.path(), root).replace_extension().string()] =
        std::string(std::istreambuf_iterator<char>(in), {});
  }
  return found;
}

// The comment that a script begins with.
std::string_view head_of(std::string_view text) {
  std::size_t end = 0;
  while (text.substr(end).starts_with("//"))
    end = std::min(text.find('\n', end), text.size() - 1) + 1;
  return text.substr(0, end);
}

bool has_word(std::string_view text, std::string_view word) {
  const auto is_of_a_word = [&](std::size_t at) {
    return at < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[at])) != 0 || text[at] == '_');
  };
  for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    if (!is_of_a_word(at - 1) && !is_of_a_word(at + word.size())) return true;
  }
  return false;
}

// Scripts that set it, and name it in their head: others set it to have it out of the way.
std::vector<std::string> scripts_that_show(std::string_view knob, const Scripts& all) {
  const std::string_view last = knob.substr(knob.rfind('.') + 1);
  std::vector<std::string> found;
  for (const auto& [name, text] : all) {
    if (text.contains(std::string(knob) + "=") && has_word(head_of(text), last))
      found.push_back(name);
  }
  return found;
}

std::vector<std::string> tests_that_show(std::string_view knob) {
  std::vector<std::string> found;
  const auto [begin, end] = kTests.equal_range(knob);
  std::ranges::transform(begin, end, std::back_inserter(found),
                         [](const auto& row) { return row.second; });
  return found;
}

// ---- The tables.

std::string default_of(const Knob& knob) {
  std::string value = get_sysctl(Sysctl{}, knob.name).value();
  for (char& c : value) c = c == '\t' ? ' ' : c;
  return value;
}

std::string range_of(const Knob& knob) {
  if (knob.text != nullptr) return "a name";
  return std::to_string(knob.least) + " to " + std::to_string(knob.most);
}

std::string tunable() {
  const Scripts all = scripts();
  std::string text =
      "| knob | default | range | unit | followed by | what it decides | shown by "
      "|\n|---|---|---|---|---|---|---|\n";
  for (const Knob& knob : knobs()) {
    if (knob.reason != nullptr) continue;
    text += "| `" + std::string(knob.name) + "` | " + default_of(knob) + " | " + range_of(knob) +
            " | " + knob.unit + " | " + to_string(knob.follows) + " | " + knob.meaning + " | ";
    std::vector<std::string> shown_by = scripts_that_show(knob.name, all);
    std::ranges::copy(tests_that_show(knob.name), std::back_inserter(shown_by));
    for (const std::string& name : shown_by) text += "`" + name + "` ";
    text += "|\n";
  }
  return text;
}

std::string fixed() {
  std::string text = "| knob | always | why | what it decides on Linux |\n|---|---|---|---|\n";
  for (const Knob& knob : knobs()) {
    if (knob.reason == nullptr) continue;
    text += "| `" + std::string(knob.name) + "` | " + default_of(knob) + " | " + knob.reason +
            " | " + knob.meaning + " |\n";
  }
  return text;
}

TEST(KnobsDocument, ShowsTheTable) {
  test::expect_generated_section("docs/knobs.md", "tunable", tunable());
  test::expect_generated_section("docs/knobs.md", "fixed", fixed());
}

// Knobs that nobody follows are kept without effect.
TEST(KnobsDocument, TwoScriptsOrTestsShowEveryKnobThatActs) {
  const Scripts all = scripts();
  for (const Knob& knob : knobs()) {
    if (knob.follows == Follows::nobody) continue;
    EXPECT_GE(scripts_that_show(knob.name, all).size() + tests_that_show(knob.name).size(), 2U)
        << knob.name << " is set by, and named in the head of, too few of tests/scripts";
  }
}

TEST(KnobsDocument, ScriptShowsAKnobThatItSetsAndNames) {
  const std::string set = "`sysctl -q net.ipv4.tcp_sack=0`\n";
  const Scripts all = {
      {"a/both", "// Linux: without\n// tcp_sack: no SACK.\n" + set},
      {"a/only_set", "// Linux: no SACK.\n" + set},
      {"a/only_named", "// Linux: tcp_sack is 1.\n`sysctl -q net.ipv4.tcp_dsack=0`\n"},
      {"a/named_below", "// Linux: no SACK.\n" + set + "// tcp_sack\n"},
      {"a/named_another", "// tcp_sack_more, dtcp_sack\n" + set},
      {"a/empty", ""},
      {"a/no_line", "//"}};
  EXPECT_THAT(scripts_that_show("net.ipv4.tcp_sack", all), ElementsAre("a/both"));
  EXPECT_THAT(scripts_that_show("net.ipv4.tcp_dsack", all), IsEmpty());
}

TEST(KnobsDocument, TestsThatItNamesExist) {
  std::vector<std::string> there;
  const testing::UnitTest& program = *testing::UnitTest::GetInstance();
  for (int i = 0; i < program.total_test_suite_count(); ++i) {
    const testing::TestSuite& suite = *program.GetTestSuite(i);
    for (int j = 0; j < suite.total_test_count(); ++j) {
      // "Families/Fragments.WaitAsLongAsTheKnobSays/v4" without its ends
      const std::string prefixed = suite.name();
      const std::string name = suite.GetTestInfo(j)->name();
      there.push_back(prefixed.substr(prefixed.find('/') + 1) + "." +
                      name.substr(0, name.find('/')));
    }
  }
  for (const auto& [knob, name] : kTests) EXPECT_THAT(there, testing::Contains(name)) << knob;
}

}  // namespace
}  // namespace tuntcp
