// tuntcp sim sweep and replay: runs that a seed decides, many of them or one in detail.
#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "stack/base/check.h"
#include "stack/io/capture_file.h"
#include "stack/sim/transcript.h"
#include "stack/sim/trial.h"
#include "stack/wire/wire_packets.h"
#include "tools/tuntcp/commands.h"

namespace tuntcp::tools {
namespace {

constexpr std::uint64_t kMostSeeds = 1'000'000'000'000;
// Of a transcript beside a fault; replay shows all of it.
constexpr std::size_t kLinesOfReport = 30;
constexpr std::size_t kMostLines = 10'000'000;

// A check of the engine's own ends the program; it must not do so without naming the seed.
std::uint64_t seed_in_use = 0;
void name_seed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\nreplay with: %s\n", file, line, expression,
               sim::replay_command(seed_in_use).c_str());
}

struct Shard {
  std::uint64_t number = 1;
  std::uint64_t count = 1;
};

Shard parse_shard(const std::string& text) {
  Shard shard;
  const char* const end = text.data() + text.size();
  const auto number = std::from_chars(text.data(), end, shard.number);
  const bool has_number = number.ec == std::errc() && number.ptr != end && *number.ptr == '/';
  if (has_number) {
    const auto count = std::from_chars(number.ptr + 1, end, shard.count);
    const bool is_whole = count.ec == std::errc() && count.ptr == end;
    if (is_whole && shard.number >= 1 && shard.number <= shard.count) return shard;
  }
  throw CLI::ValidationError("--shard", "'" + text + "' is not I/N with 1 <= I <= N, such as 2/4");
}

struct SweepOptions {
  std::uint64_t seeds = 0;
  std::uint64_t first = 1;
  std::string shard = "1/1";
};

int sweep(const SweepOptions& options, const Shard& shard) {
  set_check_failed_hook(name_seed);
  const auto began = std::chrono::steady_clock::now();
  std::uint64_t tried = 0;
  std::uint64_t failed = 0;
  const std::uint64_t end = options.first + options.seeds;
  for (seed_in_use = options.first + shard.number - 1; seed_in_use < end;
       seed_in_use += shard.count) {
    ++tried;
    if (sim::faults_of_seed(seed_in_use).empty()) continue;
    ++failed;
    const std::string report = sim::report_on_seed(seed_in_use, kLinesOfReport);
    std::printf("seed %llu\n%s\n", static_cast<unsigned long long>(seed_in_use), report.c_str());
    std::fflush(stdout);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("%llu seeds, %llu failed, %.0f a second\n", static_cast<unsigned long long>(tried),
              static_cast<unsigned long long>(failed),
              static_cast<double>(tried) / std::max(took.count(), 1e-9));
  return failed == 0 ? 0 : 1;
}

struct ReplayOptions {
  std::uint64_t seed = 0;
  std::string pcap;
  bool is_quiet = false;
};

int replay(const ReplayOptions& options) {
  seed_in_use = options.seed;
  set_check_failed_hook(name_seed);
  std::unique_ptr<io::CaptureFile> capture;
  if (!options.pcap.empty()) {
    auto file = io::CaptureFile::create(options.pcap);
    if (!file) {
      std::fprintf(stderr, "tuntcp sim replay: %s\n", file.error().text.c_str());
      return 1;
    }
    capture = std::move(*file);
  }
  const sim::Scenario scenario = sim::draw_scenario(options.seed);
  sim::Trial trial(scenario);
  if (capture) {
    // What the hosts send; what becomes of it the transcript tells.
    trial.world().on_packet = [&](const sim::PacketNews& news) {
      if (news.what != sim::PacketNews::What::sent) return;
      wire::for_each_wire_packet(news.octets, news.offload,
                                 [&](Bytes packet) { capture->append(packet, news.at); });
    };
  }
  const sim::Transcript transcript(trial.world(), kMostLines);
  trial.run();
  if (!options.is_quiet) std::fputs(transcript.text().c_str(), stdout);
  const sim::Faults& faults = trial.world().faults();
  for (const std::string& fault : faults.texts()) std::printf("fault: %s\n", fault.c_str());
  std::printf("seed %llu: %s\n", static_cast<unsigned long long>(options.seed),
              faults.is_empty() ? "no fault" : "failed");
  if (capture && capture->flush() != 0) {
    std::fprintf(stderr, "tuntcp sim replay: '%s' could not be written whole\n",
                 options.pcap.c_str());
    return 1;
  }
  return faults.is_empty() ? 0 : 1;
}

void add_sweep(CLI::App& sim, Run& run) {
  CLI::App* command = sim.add_subcommand("sweep", "Run the simulations of many seeds");
  auto options = std::make_shared<SweepOptions>();
  command->add_option("--seeds", options->seeds, "How many")
      ->required()
      ->check(CLI::Range(std::uint64_t{1}, kMostSeeds));
  command->add_option("--first", options->first, "The first of them")
      ->check(CLI::Range(std::uint64_t{0}, kMostSeeds))
      ->capture_default_str();
  command
      ->add_option("--shard", options->shard,
                   "I/N: only every N-th seed, from the I-th on; N machines share a sweep")
      ->capture_default_str();
  command->callback([options, &run] {
    const Shard shard = parse_shard(options->shard);
    run = [options, shard] { return sweep(*options, shard); };
  });
}

void add_replay_of_a_seed(CLI::App& sim, Run& run) {
  CLI::App* command = sim.add_subcommand("replay", "Show what happens under one seed");
  auto options = std::make_shared<ReplayOptions>();
  command->add_option("--seed", options->seed, "Which")->required();
  command->add_option("--pcap", options->pcap, "Write the packets that hosts send to a file");
  command->add_flag("-q,--quiet", options->is_quiet, "No transcript");
  command->callback([options, &run] { run = [options] { return replay(*options); }; });
}

}  // namespace

void add_sim_seeds(CLI::App& sim, Run& run) {
  add_sweep(sim, run);
  add_replay_of_a_seed(sim, run);
}

}  // namespace tuntcp::tools
