#include "stack/sim/explore.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

namespace tuntcp::sim {
namespace {

struct Node {
  std::uint32_t parent = 0;
  std::uint16_t depth = 0;
  Action action{};  // from the parent to here
};

// What path_in_progress() tells.
struct InProgress {
  const ExploreScenario* scenario = nullptr;
  const std::vector<Action>* path = nullptr;
  std::uint64_t seed = 0;
};
InProgress in_progress;

class Search {
 public:
  Search(const ExploreScenario& scenario, const ExploreOptions& options)
      : scenario_(scenario), options_(options) {}

  Exploration run() {
    ExploreWorld start(scenario_, options_.seed);
    nodes_.push_back({});
    remember(start.hash());
    in_progress = {.scenario = &scenario_, .path = &path_, .seed = options_.seed};
    std::size_t next = 0;
    while (next < nodes_.size() && found_.broken.empty()) {
      if (nodes_.size() >= options_.states) break;
      expand(next++);
    }
    found_.is_complete = next == nodes_.size() && found_.broken.empty();
    found_.states = nodes_.size();
    found_.worlds = worlds_.size();
    in_progress = {};
    return std::move(found_);
  }

 private:
  bool remember(ExploreWorld::Hash hash) {
    worlds_.insert(hash.world);
    return states_.insert(hash.with_budgets).second;
  }

  void find_path(std::size_t index) {
    path_.clear();
    for (; index != 0; index = nodes_[index].parent) path_.push_back(nodes_[index].action);
    std::reverse(path_.begin(), path_.end());
  }

  void expand(std::size_t index) {
    const Node node = nodes_[index];
    found_.depth = std::max<unsigned>(found_.depth, node.depth);
    find_path(index);
    std::optional<ExploreWorld> world;
    reach(world);
    const std::vector<Action> actions = world->actions();
    if (options_.settle_every != 0 && index % options_.settle_every == 0) {
      world->settle();
      if (!world->faults().empty()) return report(/*settles=*/true);
      world.reset();
    }
    if (node.depth >= options_.depth) return;
    for (const Action action : actions) {
      if (!world) reach(world);
      path_.push_back(action);
      world->apply_observed(action, found_.coverage);
      ++found_.transitions;
      if (!world->faults().empty()) return report(/*settles=*/false);
      if (remember(world->hash())) {
        nodes_.push_back({.parent = static_cast<std::uint32_t>(index),
                          .depth = static_cast<std::uint16_t>(node.depth + 1),
                          .action = action});
      }
      path_.pop_back();
      world.reset();
    }
  }

  // Hosts cannot be copied: the path is played again.
  void reach(std::optional<ExploreWorld>& world) const {
    world.emplace(scenario_, options_.seed);
    for (const Action action : path_) world->apply(action);
  }

  void report(bool settles) {
    std::vector<std::string> transcript;
    ExploreWorld world(scenario_, options_.seed);
    world.write_transcript_to(transcript);
    Coverage ignored{};
    for (const Action action : path_) world.apply_observed(action, ignored);
    if (settles) {
      transcript.push_back("---- and so to the end:");
      world.settle();
    }
    std::string& text = found_.broken;
    text = "scenario \"" + scenario_.name + "\", seed " + std::to_string(options_.seed) + ", " +
           std::to_string(path_.size()) + " steps:\n";
    for (const std::string& line : transcript) text += line + "\n";
    for (const std::string& fault : world.faults()) text += "BROKEN: " + fault + "\n";
  }

  const ExploreScenario& scenario_;
  const ExploreOptions& options_;
  Exploration found_;
  std::vector<Node> nodes_;  // in the order in which they were reached
  std::unordered_set<std::uint64_t> states_;
  std::unordered_set<std::uint64_t> worlds_;
  std::vector<Action> path_;
};

}  // namespace

Exploration explore(const ExploreScenario& scenario, const ExploreOptions& options) {
  return Search(scenario, options).run();
}

std::string path_in_progress() {
  if (in_progress.scenario == nullptr) return {};
  std::string text = "exploring \"" + in_progress.scenario->name + "\", seed " +
                     std::to_string(in_progress.seed) + ":\n";
  std::vector<std::string> transcript;
  ExploreWorld world(*in_progress.scenario, in_progress.seed);
  world.write_transcript_to(transcript);
  // All but the last step, in which the check failed.
  for (const Action action : *in_progress.path) {
    const std::string step = world.text_of(action);
    if (&action == &in_progress.path->back()) {
      transcript.push_back("next: " + step);
      break;
    }
    world.apply(action);
  }
  for (const std::string& line : transcript) text += line + "\n";
  return text;
}

}  // namespace tuntcp::sim
