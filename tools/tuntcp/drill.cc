// tuntcp drill: plays packet scripts (packetdrill's dialect) on the engine in virtual time, on this
// machine's kernel in real time, or on both.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tools/drill/suite.h"
#include "tools/tuntcp/commands.h"

namespace tuntcp::tools {
namespace {

struct DrillOptions {
  std::vector<std::string> paths;
  std::string ip_version = "all";
  std::int64_t tolerance_us = -1;
  std::vector<std::string> definitions;
  bool is_verbose = false;
  bool on_kernel = false;
  bool on_both = false;
};

drill::SuiteOptions suite_options(const DrillOptions& options) {
  drill::SuiteOptions suite;
  suite.is_verbose = options.is_verbose;
  if (options.tolerance_us >= 0) {
    suite.run.tolerance = Duration::microseconds(options.tolerance_us);
  }
  if (options.ip_version != "all") {
    std::erase_if(suite.versions, [&](drill::IpVersion version) {
      return options.ip_version != drill::to_string(version);
    });
  }
  for (const std::string& definition : options.definitions) {
    const std::size_t equals = definition.find('=');
    if (equals == std::string::npos) throw CLI::ValidationError("--define", "write NAME=VALUE");
    suite.run.definitions[definition.substr(0, equals)] = definition.substr(equals + 1);
  }
  return suite;
}

void play_all(const DrillOptions& options, drill::Suite& suite) {
  for (const std::string& path : options.paths) {
    for (const std::string& file : drill::find_scripts(path)) suite.play(file);
  }
}

int run_drill(const DrillOptions& options) {
  const drill::SuiteOptions suite_settings = suite_options(options);
  const drill::MakeBackend make_engine = drill::make_engine_backend;
  const drill::MakeBackend make_kernel = drill::make_kernel_backend;
  drill::Suite suite(suite_settings, options.on_kernel ? make_kernel : make_engine, stdout);
  play_all(options, suite);
  if (options.on_both) {
    std::printf("---- the kernel\n");
    drill::Suite kernel(suite_settings, make_kernel, stdout);
    play_all(options, kernel);
    drill::print_side_by_side(suite, kernel, stdout);
    kernel.print_total();
    return suite.total().failed + kernel.total().failed == 0 ? 0 : 1;
  }
  const bool has_folder = std::ranges::any_of(
      options.paths, [](const std::string& path) { return std::filesystem::is_directory(path); });
  if (has_folder) suite.print_table();
  suite.print_total();
  return suite.total().failed == 0 ? 0 : 1;
}

}  // namespace

void add_drill(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("drill", "Play packet scripts (.pkt, packetdrill's dialect)");
  auto options = std::make_shared<DrillOptions>();
  command->add_option("path", options->paths, "Scripts, and folders of them")
      ->required()
      ->check(CLI::ExistingPath);
  command->add_option("--ip-version", options->ip_version, "Over which IP")
      ->check(CLI::IsMember({"all", "ipv4", "ipv4-mapped-ipv6", "ipv6"}))
      ->capture_default_str();
  command
      ->add_option("--tolerance-usecs", options->tolerance_us,
                   "How far from its time anything may happen, instead of what scripts say")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000'000}));
  command->add_option("--define", options->definitions, "NAME=VALUE, for words in scripts");
  CLI::Option* const kernel = command->add_flag(
      "--kernel", options->on_kernel,
      "On this machine's kernel, in real time, in a network namespace of its own (root)");
  command->add_flag("--both", options->on_both, "On the engine and on the kernel, side by side")
      ->excludes(kernel);
  command->add_flag("-v,--verbose", options->is_verbose, "Transcripts of all scripts");
  command->callback([options, &run] { run = [options] { return run_drill(*options); }; });
}

}  // namespace tuntcp::tools
