// tuntcp ss, nstat and sysctl: ask a running `tuntcp up --control PATH`.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "stack/io/control.h"
#include "tools/tuntcp/commands.h"

namespace tuntcp::tools {

namespace {

int ask(const std::string& command, const std::string& path, const std::string& request) {
  const auto answer = io::ask_control(path, request);
  if (!answer) {
    std::fprintf(stderr, "tuntcp %s: %s\n", command.c_str(), answer.error().text.c_str());
    return 1;
  }
  std::fputs(answer->c_str(), stdout);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

void add_control_option(CLI::App& command, std::string& path) {
  command.add_option("--control", path, "The control socket of the running stack")->required();
}

void add_ss(CLI::App& app, Run& run) {
  struct Options {
    std::string control;
    bool all = false, listening = false, info = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("ss", "Show the connections of a running stack");
  add_control_option(*command, options->control);
  command->add_flag("-a,--all", options->all, "Listening ports too");
  command->add_flag("-l,--listening", options->listening, "Only listening ports");
  command->add_flag("-i,--info", options->info, "Windows, round-trip times, octets");
  command->callback([options, &run] {
    run = [options] {
      std::string request = "ss";
      if (options->listening) request += " -l";
      if (options->all) request += " -a";
      if (options->info) request += " -i";
      return ask("ss", options->control, request);
    };
  });
}

void add_nstat(CLI::App& app, Run& run) {
  struct Options {
    std::string control;
    bool zeros = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("nstat", "Show the counters of a running stack");
  add_control_option(*command, options->control);
  command->add_flag("-z,--zeros", options->zeros, "Those that are zero too");
  command->callback([options, &run] {
    run = [options] {
      return ask("nstat", options->control, options->zeros ? "nstat -z" : "nstat");
    };
  });
}

void add_sysctl(CLI::App& app, Run& run) {
  struct Options {
    std::string control;
    bool all = false, write = false;
    std::vector<std::string> settings;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("sysctl", "Show and set the knobs of a running stack");
  add_control_option(*command, options->control);
  command->add_flag("-a,--all", options->all, "Every knob");
  command->add_flag("-w,--write", options->write, "Every argument must be NAME=VALUE");
  command
      ->add_option("settings", options->settings,
                   "net.ipv4.tcp_fin_timeout, or net.ipv4.tcp_fin_timeout=30")
      ->type_name("NAME[=VALUE]");
  command->callback([options, &run] {
    if (options->all == !options->settings.empty()) {
      throw CLI::ValidationError("sysctl", "either -a or names are expected");
    }
    std::string request = "sysctl";
    if (options->all) request += " -a";
    for (std::string setting : options->settings) {
      if (options->write && setting.find('=') == setting.npos) {
        throw CLI::ValidationError("-w", "'" + setting + "' is not NAME=VALUE");
      }
      // "4096 131072 33554432" is one word of the request.
      for (char& c : setting) c = c == ' ' || c == '\t' ? ',' : c;
      request += " " + setting;
    }
    run = [options, request] { return ask("sysctl", options->control, request); };
  });
}

}  // namespace

void add_control_commands(CLI::App& app, Run& run) {
  add_ss(app, run);
  add_nstat(app, run);
  add_sysctl(app, run);
}

}  // namespace tuntcp::tools
