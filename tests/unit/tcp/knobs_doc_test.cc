// docs/knobs.md is written from the table of knobs, so that neither can say what the other does
// not.
#include <string>

#include <gtest/gtest.h>

#include "stack/tcp/sysctl.h"
#include "tests/support/generated_section.h"

namespace tuntcp {
namespace {

std::string default_of(const Knob& knob) {
  std::string value = get_sysctl(Sysctl{}, knob.name).value();
  for (char& c : value) c = c == '\t' ? ' ' : c;
  return value;
}

std::string range_of(const Knob& knob) {
  return std::to_string(knob.least) + " to " + std::to_string(knob.most);
}

std::string tunable() {
  std::string text =
      "| knob | default | range | unit | followed by | what it decides "
      "|\n|---|---|---|---|---|---|\n";
  for (const Knob& knob : knobs()) {
    if (knob.only != nullptr) continue;
    text += "| `" + std::string(knob.name) + "` | " + default_of(knob) + " | " + range_of(knob) +
            " | " + knob.unit + " | " + to_string(knob.follows) + " | " + knob.meaning + " |\n";
  }
  return text;
}

std::string fixed() {
  std::string text = "| knob | always | why | what it decides on Linux |\n|---|---|---|---|\n";
  for (const Knob& knob : knobs()) {
    if (knob.only == nullptr) continue;
    text += "| `" + std::string(knob.name) + "` | " + default_of(knob) + " | " + knob.reason +
            " | " + knob.meaning + " |\n";
  }
  return text;
}

TEST(KnobsDocument, ShowsTheTable) {
  test::expect_generated_section("docs/knobs.md", "tunable", tunable());
  test::expect_generated_section("docs/knobs.md", "fixed", fixed());
}

}  // namespace
}  // namespace tuntcp
