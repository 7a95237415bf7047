// tuntcp sim: hosts on a network that exists only in memory, in virtual time.
#include <CLI/CLI.hpp>

#include "tools/tuntcp/commands.h"

namespace tuntcp::tools {

void add_sim(CLI::App& app, Run& run) {
  CLI::App* const sim =
      app.add_subcommand("sim", "Hosts on a simulated network, in virtual time, without a device");
  sim->require_subcommand(1);
  add_sim_seeds(*sim, run);
  add_sim_explore(*sim, run);
}

}  // namespace tuntcp::tools
