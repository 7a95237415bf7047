// Exhaustive exploration: everything that may happen in a scenario, in every order, breadth first,
// so that the first broken world that is found is one that takes the fewest steps to reach. States
// are known again by a hash of their canonical form; a state is reached by playing its path again.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "stack/sim/explore_world.h"

namespace tuntcp::sim {

struct ExploreOptions {
  std::uint64_t states = 20'000;  // of one scenario; then it is left unfinished
  unsigned depth = 200;           // actions
  std::uint64_t seed = 1;         // of the hosts' keys
  // Every so many states the world is also brought to its end: see ExploreWorld::settle().
  // 0: never.
  unsigned settle_every = 1;
};

struct Exploration {
  std::uint64_t states = 0;       // distinct, with what is left of the scenario's budgets
  std::uint64_t worlds = 0;       // distinct in canonical form, without
  std::uint64_t transitions = 0;  // actions taken from a state
  unsigned depth = 0;             // of the deepest state
  bool is_complete = false;       // nothing is left that may happen
  Coverage coverage{};
  // A broken world: what is wrong, and the shortest way to it with a transcript. Empty: none.
  std::string broken;
};

Exploration explore(const ExploreScenario& scenario, const ExploreOptions& options);

// What is explored: both openings, loss, duplicates, reordering, closed windows, timeouts, forged
// segments, the reuse of TIME-WAIT. The first is the widest; the others go deep.
std::span<const ExploreScenario> explore_scenarios();

// Moves of tcp::kTransitions that no exploration can see, with the reason.
struct Unreachable {
  tcp::Transition transition;
  const char* reason;
};
std::span<const Unreachable> unreachable_transitions();

// When the core's own checks end the program: how the world got there. Empty if nothing is being
// explored.
std::string path_in_progress();

}  // namespace tuntcp::sim
