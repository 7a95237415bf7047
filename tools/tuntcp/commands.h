// The subcommands of tuntcp.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace tuntcp::tools {

// What the chosen subcommand does; returns the program's exit status.
using Run = std::function<int()>;

// Each adds its subcommands and options; parsing then sets `run` if one of them was chosen.
void add_up(CLI::App& app, Run& run);
void add_get(CLI::App& app, Run& run);
void add_nc(CLI::App& app, Run& run);
void add_drill(CLI::App& app, Run& run);
void add_sim(CLI::App& app, Run& run);
void add_sim_seeds(CLI::App& sim, Run& run);  // sweep, replay
void add_sim_explore(CLI::App& sim, Run& run);
void add_link(CLI::App& app, Run& run);
void add_replay(CLI::App& app, Run& run);
void add_control_commands(CLI::App& app, Run& run);  // ss, nstat, sysctl

}  // namespace tuntcp::tools
