// docs/state-machine.md is drawn from the transition table, so that the picture cannot drift.
#include <map>
#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "stack/tcp/state.h"
#include "tests/support/generated_section.h"

namespace tuntcp::tcp {
namespace {

// Mermaid's identifiers may not contain "-".
std::string identifier(State state) {
  std::string name = rfc_name(state);
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

// What can end a connection in any state. RFC 9293's Figure 5 leaves these out "for legibility".
bool is_abrupt(const Transition& t) {
  return t.to == State::closed &&
         (t.cause == Cause::abort_call || t.cause == Cause::timeout ||
          t.cause == Cause::reset_received || t.cause == Cause::delete_tcb);
}

std::string drawing() {
  std::string text = "```mermaid\nstateDiagram-v2\n";
  for (unsigned i = 0; i < kStateCount; ++i) {
    const auto state = static_cast<State>(i);
    text += "  state \"" + std::string(rfc_name(state)) + "\" as " + identifier(state) + "\n";
  }
  text += "  [*] --> CLOSED\n";
  // One arrow for each pair of states, labelled with all its causes.
  std::map<std::pair<State, State>, std::string> labels;
  for (const Transition& t : kTransitions) {
    if (is_abrupt(t)) continue;
    std::string& label = labels[{t.from, t.to}];
    label += (label.empty() ? "" : "<br/>") + std::string(to_string(t.cause));
  }
  std::set<std::pair<State, State>> drawn;
  for (const Transition& t : kTransitions) {
    if (is_abrupt(t) || !drawn.insert({t.from, t.to}).second) continue;
    text += "  " + identifier(t.from) + " --> " + identifier(t.to) + " : " +
            labels.at({t.from, t.to}) + "\n";
  }
  return text + "```\n";
}

std::string table() {
  std::string text = "| from | because of | to |\n|---|---|---|\n";
  for (const Transition& t : kTransitions) {
    text += "| " + std::string(rfc_name(t.from)) + " | " + to_string(t.cause) + " | " +
            rfc_name(t.to) + " |\n";
  }
  return text;
}

TEST(StateMachineDocument, ShowsTheTransitionTable) {
  test::expect_generated_section("docs/state-machine.md", "drawing", drawing());
  test::expect_generated_section("docs/state-machine.md", "table", table());
}

}  // namespace
}  // namespace tuntcp::tcp
