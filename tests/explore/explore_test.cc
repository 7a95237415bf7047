// Two real hosts and a network that does its worst: what of it can be explored in seconds. Much
// more: tuntcp sim explore.
#include "stack/sim/explore.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "stack/base/check.h"

namespace tuntcp::sim {
namespace {

class Explored : public testing::Environment {
 public:
  void SetUp() override {
    set_check_failed_hook([](const char* expression, const char* file, int line) {
      std::fprintf(stderr, "%s:%d: check failed: %s\n%s", file, line, expression,
                   path_in_progress().c_str());
    });
  }
};
const auto* const environment = testing::AddGlobalTestEnvironment(new Explored);

// Once for all tests. The wide scenarios have no end, so they are only begun here.
const Exploration& exploration_of(const ExploreScenario& scenario) {
  static std::map<std::string, Exploration> done;
  const bool is_wide = scenario.is_reordering || scenario.drops + scenario.expiries > 4;
  const auto [found, is_new] = done.try_emplace(scenario.name);
  if (is_new) {
    // The second connection of a pair comes late.
    const std::uint64_t deep = scenario.opens[0] > 1 ? 2000 : 1000;
    found->second = explore(scenario, {.states = is_wide ? 400 : deep, .settle_every = 20});
  }
  return found->second;
}

class Explore : public testing::TestWithParam<ExploreScenario> {};

std::string name_of(const testing::TestParamInfo<ExploreScenario>& info) {
  std::string name = info.param.name;
  std::erase_if(name, [](char c) { return c == '-'; });
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

// Whatever the network and the applications do: no checker finds a fault, and from every twentieth
// world on, left in peace, both ends come to an end with all octets or know why not.
TEST_P(Explore, BreaksNothing) {
  const Exploration& found = exploration_of(GetParam());
  EXPECT_EQ(found.broken, "");
  EXPECT_TRUE(found.is_complete || found.states >= 400);
}
INSTANTIATE_TEST_SUITE_P(All, Explore, testing::ValuesIn(explore_scenarios()), name_of);

// Every legal move of tcp/state.h but those with a reason, and so all eleven states, is reached by
// what the scenarios allow. (That none is made that is not legal was checked at each step.)
TEST(ExploreCoverage, IsEveryMoveOfTheStateMachine) {
  Coverage seen{};
  for (const ExploreScenario& scenario : explore_scenarios()) {
    const Coverage& more = exploration_of(scenario).coverage;
    for (std::size_t i = 0; i < more.size(); ++i) seen[i] |= more[i];
  }
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const tcp::Transition& move = tcp::kTransitions[i];
    const auto unreachable = unreachable_transitions();
    const bool is_excused = std::any_of(unreachable.begin(), unreachable.end(),
                                        [&](const Unreachable& u) { return u.transition == move; });
    EXPECT_NE(seen[i], is_excused) << tcp::rfc_name(move.from) << " to " << tcp::rfc_name(move.to)
                                   << " by " << tcp::to_string(move.cause);
  }
}

// The same keys give the same exploration, and other keys another that is as large.
TEST(Explore, IsDecidedByItsSeed) {
  const ExploreScenario& scenario = explore_scenarios().front();
  const Exploration once = explore(scenario, {.states = 300});
  const Exploration again = explore(scenario, {.states = 300});
  const Exploration other = explore(scenario, {.states = 300, .seed = 2});
  EXPECT_EQ(once.worlds, again.worlds);
  EXPECT_EQ(once.transitions, again.transitions);
  EXPECT_EQ(once.worlds, other.worlds) << "a canonical form knows no absolute numbers";
}

}  // namespace
}  // namespace tuntcp::sim
