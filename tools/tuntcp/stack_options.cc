#include "tools/tuntcp/stack_options.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <utility>

#include "stack/io/capture_device.h"
#include "stack/io/system_clock.h"

namespace tuntcp::tools {

namespace {

// Repeatable option of addresses with the length of their network's prefix.
void add_prefixes(CLI::App& command, const std::string& name, std::vector<Prefix>& prefixes,
                  const std::string& meaning) {
  command
      .add_option_function<std::vector<std::string>>(
          name,
          [&prefixes, name](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              const auto prefix = Prefix::parse(text);
              if (!prefix) {
                throw CLI::ValidationError(
                    name, "'" + text +
                              "' is not an address and a length, such as 198.51.100.2/24 " +
                              "or 2001:db8::2/64");
              }
              prefixes.push_back(*prefix);
            }
          },
          meaning)
      ->type_name("A/LEN")
      ->allow_extra_args(false)
      ->delimiter(',');
}

io::Failure invalid(const std::string& text) {
  return {.code = std::make_error_code(std::errc::invalid_argument), .text = text};
}

io::Outcome<Sysctl> make_sysctl(const StackOptions& options) {
  auto sysctl = Sysctl::profile(options.profile);
  if (!sysctl) return std::unexpected(invalid(sysctl.error()));
  for (const std::string& setting : options.settings) {
    const std::size_t equals = setting.find('=');
    if (equals == setting.npos) {
      return std::unexpected(invalid("--set " + setting + ": NAME=VALUE is expected"));
    }
    const auto result = set_sysctl(*sysctl, setting.substr(0, equals), setting.substr(equals + 1));
    if (!result) return std::unexpected(invalid("--set " + setting + ": " + result.error()));
  }
  return *sysctl;
}

// Made by make_stack() and kept as one: the capture looks through the device.
struct CapturedDevice {
  std::unique_ptr<io::TunDevice> tun;
  std::unique_ptr<io::CaptureDevice> capture;
};

io::Outcome<std::shared_ptr<io::Device>> capture_at(std::unique_ptr<io::TunDevice> tun,
                                                    const std::string& path,
                                                    std::shared_ptr<spdlog::logger> logger) {
  if (path.empty()) return std::shared_ptr<io::Device>(std::move(tun));
  auto capture = io::CaptureDevice::open(
      *tun, path, io::wall_clock_now,
      [logger](const io::Failure& failure) { logger->error("{}", failure.text); });
  if (!capture) return std::unexpected(capture.error());
  auto both = std::make_shared<CapturedDevice>();
  both->tun = std::move(tun);
  both->capture = std::move(*capture);
  io::Device* device = both->capture.get();
  return std::shared_ptr<io::Device>(std::move(both), device);
}

}  // namespace

void add_stack_options(CLI::App& command, StackOptions& options, const char* log_level) {
  options.log_level = log_level;
  command.add_option("--tun", options.tun.name,
                     "TUN device: attached to if it exists, made otherwise; default: a new tunN");
  add_prefixes(command, "--address", options.addresses, "The stack's own address; repeatable");
  command.get_option("--address")->required();
  add_prefixes(command, "--host-address", options.host_addresses,
               "The kernel's address on the device; repeatable");
  command.add_option("--mtu", options.mtu, "MTU of the device, octets; default: as it is");
  command
      .add_option_function<std::string>(
          "--offload",
          [&options](const std::string& level) {
            options.tun.offload = level == "full"   ? io::Offload::full
                                  : level == "csum" ? io::Offload::checksum
                                                    : io::Offload::none;
          },
          "Work left to the kernel: full (super-packets of 64 KB), csum, none; default: full")
      ->check(CLI::IsMember({"full", "csum", "none"}));
  command.add_option("--pcap", options.pcap, "Write all packets to this file, for tcpdump");
  command
      .add_option("--profile", options.profile, "Defaults as Linux has them, or as the RFCs ask")
      ->check(CLI::IsMember({"linux", "rfc"}))
      ->capture_default_str();
  command
      .add_option("--set", options.settings, "Set a knob, net.ipv4.tcp_fin_timeout=30; repeatable")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command.add_option("--log-level", options.log_level, "What is logged on stderr")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "critical", "off"}))
      ->capture_default_str();
}

std::shared_ptr<spdlog::logger> make_logger(const StackOptions& options) {
  auto logger = std::make_shared<spdlog::logger>(
      "tuntcp", std::make_shared<spdlog::sinks::stderr_color_sink_st>());
  logger->set_level(spdlog::level::from_str(options.log_level));
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
  return logger;
}

io::Outcome<OpenedStack> open_stack(boost::asio::io_context& io, const StackOptions& options,
                                    std::shared_ptr<spdlog::logger> logger) {
  auto sysctl = make_sysctl(options);
  if (!sysctl) return std::unexpected(sysctl.error());
  auto tun = io::TunDevice::open(options.tun);
  if (!tun) return std::unexpected(tun.error());
  const io::LinkSetup setup{.mtu = options.mtu,
                            .host_addresses = options.host_addresses,
                            .stack_addresses = options.addresses};
  if (auto result = (*tun)->set_up(setup); !result) return std::unexpected(result.error());
  logger->info("{} is up: MTU {}, offload {}", (*tun)->name(), (*tun)->link().capabilities.mtu,
               io::to_string((*tun)->offload()));

  OpenedStack result{.context = nullptr, .device_name = (*tun)->name()};
  auto device = capture_at(std::move(*tun), options.pcap, logger);
  if (!device) return std::unexpected(device.error());
  stack_config config;
  config.host.addresses = options.addresses;
  config.host.sysctl = *sysctl;
  config.report = [logger](const std::string& line) { logger->warn("{}", line); };
  result.context = std::make_unique<stack_context>(io, std::move(*device), std::move(config));
  return result;
}

}  // namespace tuntcp::tools
