// tuntcp sim explore: everything that two hosts and a bad network can do, breadth first.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "stack/base/check.h"
#include "stack/sim/explore.h"
#include "tools/tuntcp/commands.h"

namespace tuntcp::tools {
namespace {

using sim::Coverage;
using sim::Exploration;

struct Settings {
  // Above a million in one scenario, so that the sum is too.
  std::uint64_t states = 1'000'000;
  unsigned depth = 200;
  std::uint64_t seed = 1;
  unsigned settle_every = 100;
  std::string scenario;
};

void tell_how_a_check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n%s", file, line, expression,
               sim::path_in_progress().c_str());
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The moves that are missing, one a line; none if all were seen that can be.
void print_coverage(const Coverage& seen) {
  const auto unreachable = sim::unreachable_transitions();
  const auto count = std::count(seen.begin(), seen.end(), true);
  std::printf("%td of %zu moves of the state machine were seen; %zu cannot be\n", count,
              seen.size(), unreachable.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const tcp::Transition& move = tcp::kTransitions[i];
    const bool is_excused =
        std::any_of(unreachable.begin(), unreachable.end(),
                    [&](const sim::Unreachable& u) { return u.transition == move; });
    if (seen[i] || is_excused) continue;
    std::printf("  not seen: %s to %s by %s\n", tcp::rfc_name(move.from), tcp::rfc_name(move.to),
                tcp::to_string(move.cause));
  }
}

int explore(const Settings& settings) {
  set_check_failed_hook(tell_how_a_check_failed);
  Exploration sum;
  const auto start = std::chrono::steady_clock::now();
  std::printf("%-44s %10s %10s %12s %6s %8s\n", "scenario", "worlds", "states", "transitions",
              "depth", "seconds");
  for (const sim::ExploreScenario& scenario : sim::explore_scenarios()) {
    if (!settings.scenario.empty() && settings.scenario != scenario.name) continue;
    const auto began = std::chrono::steady_clock::now();
    const Exploration found = sim::explore(scenario, {.states = settings.states,
                                                      .depth = settings.depth,
                                                      .seed = settings.seed,
                                                      .settle_every = settings.settle_every});
    std::printf("%-44s %10ju %10ju %12ju %6u %8.1f%s\n", scenario.name.c_str(),
                std::uintmax_t{found.worlds}, std::uintmax_t{found.states},
                std::uintmax_t{found.transitions}, found.depth, seconds_since(began),
                found.is_complete ? "  all" : "");
    std::fflush(stdout);
    if (!found.broken.empty()) {
      std::fprintf(stderr, "%s", found.broken.c_str());
      return 1;
    }
    sum.worlds += found.worlds;
    sum.states += found.states;
    sum.transitions += found.transitions;
    for (std::size_t i = 0; i < sum.coverage.size(); ++i) sum.coverage[i] |= found.coverage[i];
  }
  if (sum.states == 0) {
    std::fprintf(stderr, "tuntcp sim explore: no scenario is called \"%s\"\n",
                 settings.scenario.c_str());
    return 2;
  }
  std::printf("%-44s %10ju %10ju %12ju %6s %8.1f\n", "together", std::uintmax_t{sum.worlds},
              std::uintmax_t{sum.states}, std::uintmax_t{sum.transitions}, "",
              seconds_since(start));
  if (settings.scenario.empty()) print_coverage(sum.coverage);
  return 0;
}

}  // namespace

void add_sim_explore(CLI::App& sim, Run& run) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* const command = sim.add_subcommand(
      "explore", "Everything that two hosts and a bad network can do, in every order");
  command->add_option("--states", settings->states, "Of one scenario, at most")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 31));
  command->add_option("--depth", settings->depth, "Actions in a row, at most")
      ->capture_default_str()
      ->check(CLI::Range(1U, 10'000U));
  command->add_option("--seed", settings->seed, "Of the hosts' keys")->capture_default_str();
  command
      ->add_option("--settle-every", settings->settle_every,
                   "Bring every so many states to a good end, too; 0: none")
      ->capture_default_str();
  command->add_option("--scenario", settings->scenario, "Only this one");
  command->callback([settings, &run] { run = [settings] { return explore(*settings); }; });
}

}  // namespace tuntcp::tools
