// tuntcp: TCP in user space. One subcommand a file; each adds itself to the command line.
//
// Exit status: 0 success, 1 failure (one line on stderr says why), 2 wrong usage.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "tools/tuntcp/commands.h"

int main(int argc, char** argv) {
  // Writing to a pipe that nobody reads, or beyond a file size limit, is an error to be told.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);

  CLI::App app("A complete TCP in user space, on a Linux TUN device.", "tuntcp");
  app.require_subcommand(1);
  tuntcp::tools::Run run;
  tuntcp::tools::add_up(app, run);
  tuntcp::tools::add_get(app, run);
  tuntcp::tools::add_nc(app, run);
  tuntcp::tools::add_drill(app, run);
  tuntcp::tools::add_sim(app, run);
  tuntcp::tools::add_link(app, run);
  tuntcp::tools::add_replay(app, run);
  tuntcp::tools::add_control_commands(app, run);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    std::string name = "tuntcp";
    for (const CLI::App* command : app.get_subcommands()) name += " " + command->get_name();
    std::fprintf(stderr, "%s: %s; see '%s --help'\n", name.c_str(), error.what(), name.c_str());
    return 2;
  }
  try {
    return run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tuntcp: %s\n", error.what());
    return 1;
  }
}
