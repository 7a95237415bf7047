// A scenario is run and judged: whatever the network and the applications did, a stream arrived
// whole, in order and once, or both ends learned that it did not; and nothing is left behind.
// RFC 9293, 3.8 and 3.9.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "stack/sim/application.h"
#include "stack/sim/scenario.h"
#include "stack/sim/stream.h"
#include "stack/sim/world.h"

namespace tuntcp::sim {

class Trial {
 public:
  explicit Trial(const Scenario& scenario);

  // For those who look on, before run().
  World& world() { return world_; }
  // To the end. What the checkers found is in world().faults().
  void run();

 private:
  struct Connection {
    std::array<std::unique_ptr<Stream>, 2> streams;  // [0] is written by end 0
    std::array<std::unique_ptr<Application>, 2> ends;
  };

  void listen();
  void schedule();
  void open(std::size_t index, std::size_t end);
  void accept(HostIndex host, ListenerId listener);
  void on_event(HostIndex host, const Event& event);
  Application* add(std::size_t index, std::size_t end, ConnectionId id);
  void look_at_statuses();
  bool gives_up_on_the_forgotten();
  void judge(std::size_t index);
  void expect(bool holds, std::string_view what, const Application* end,
              const Application* peer = nullptr);

  const Scenario& scenario_;
  World world_;
  std::vector<Connection> connections_;
  std::vector<std::uint64_t> revenants_;  // of each host: connections that old cookies opened again
};

// The faults of the run that this seed decides; none if all is well.
std::vector<std::string> faults_of_seed(std::uint64_t seed);
// What people need of a seed with faults: these, the last lines of the transcript before them, and
// the command that replays it all.
std::string report_on_seed(std::uint64_t seed, std::size_t most_lines);
// That command.
std::string replay_command(std::uint64_t seed);

}  // namespace tuntcp::sim
