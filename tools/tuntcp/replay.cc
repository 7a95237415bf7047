// tuntcp replay: plays one side of a capture and says where the engine would have done otherwise.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "tools/replay/replay.h"
#include "tools/replay/setup.h"
#include "tools/tuntcp/commands.h"

namespace tuntcp::tools {

namespace {

constexpr int kMatched = 0;
constexpr int kDiffers = 1;
constexpr int kTrouble = 2;

struct ReplayOptions {
  std::string file;
  std::string side;
  std::uint32_t connection = 0;
  std::string expect;
  std::vector<std::string> settings;
  bool is_quiet = false;
};

replay::Expect expect_of(const ReplayOptions& options) {
  replay::Expect expect =
      options.expect.empty() ? replay::Expect() : replay::read_expect(options.expect);
  if (options.side == "client") expect.sides = {replay::Side::client};
  if (options.side == "server") expect.sides = {replay::Side::server};
  if (options.side == "both") expect.sides = {replay::Side::client, replay::Side::server};
  if (options.connection != 0) expect.connection = options.connection;
  for (const std::string& setting : options.settings) expect.settings.push_back(setting);
  return expect;
}

int run_replay(const ReplayOptions& options) {
  try {
    const replay::Expect expect = expect_of(options);
    const replay::Report report = replay::replay(replay::read_capture(options.file), expect);
    if (!options.is_quiet) std::fputs(report.text.c_str(), stdout);
    if (report.faults.empty()) {
      std::printf("%s: matched%s\n", options.file.c_str(),
                  expect.differences.empty() ? "" : ", but for the known differences");
    } else {
      std::printf("%s: %zu not expected:\n", options.file.c_str(), report.faults.size());
      for (const std::string& fault : report.faults) std::printf("  %s\n", fault.c_str());
    }
    if (std::fflush(stdout) != 0) return kTrouble;
    return report.faults.empty() ? kMatched : kDiffers;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tuntcp replay: %s\n", error.what());
    return kTrouble;
  }
}

}  // namespace

void add_replay(CLI::App& app, Run& run) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* command = app.add_subcommand(
      "replay", "Play one side of a capture with the engine and show where it differs");
  command->footer(
      "Exit status: 0 all as captured (or as --expect says), 1 something differs, 2 trouble.\n"
      "The side that is played should be the one near which the capture was taken.");
  command->add_option("file", options->file, "pcap or pcapng: raw IP, Ethernet or Linux cooked")
      ->required();
  command->add_option("--as", options->side, "Which side the engine plays; both, one by one")
      ->check(CLI::IsMember({"client", "server", "both"}))
      ->type_name("SIDE");
  command->add_option("--connection", options->connection, "Only the N-th of the capture")
      ->check(CLI::Range(1U, 1'000'000U))
      ->type_name("N");
  command->add_option("--expect", options->expect, "The differences that are known, with reasons")
      ->type_name("FILE");
  command
      ->add_option("--set", options->settings,
                   "What the capture does not tell: net.ipv4.tcp_sack=0, link.mtu=1400, "
                   "socket.no_delay=1 ...")
      ->type_name("KEY=VALUE");
  command->add_flag("-q,--quiet", options->is_quiet, "Only what was not expected");
  command->callback([options, &run] {
    for (const std::string& setting : options->settings) {
      try {
        replay::Setup scratch;
        replay::apply_setting(scratch, setting);
      } catch (const std::invalid_argument& error) {
        throw CLI::ValidationError("--set", error.what());
      }
    }
    run = [options] { return run_replay(*options); };
  });
}

}  // namespace tuntcp::tools
