// The options of every subcommand that runs a stack, and the stack they describe.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stack/api/stack_context.h"
#include "stack/base/address.h"
#include "stack/io/failure.h"
#include "stack/io/tun_device.h"

namespace CLI {
class App;
}
namespace spdlog {
class logger;
}

namespace tuntcp::tools {

struct StackOptions {
  io::TunOptions tun;
  std::vector<Prefix> addresses;       // the stack's own
  std::vector<Prefix> host_addresses;  // the kernel's, on the same link
  std::optional<std::uint32_t> mtu;
  std::string pcap;  // path, empty: no capture
  std::string profile = "linux";
  std::vector<std::string> settings;  // "net.ipv4.tcp_fin_timeout=30"
  std::string log_level;
};

// `log_level` is what the subcommand logs if it is not told otherwise.
void add_stack_options(CLI::App& command, StackOptions& options, const char* log_level);

std::shared_ptr<spdlog::logger> make_logger(const StackOptions& options);

// A device that is up, and a stack on it.
struct OpenedStack {
  std::unique_ptr<stack_context> context;
  std::string device_name;
};
io::Outcome<OpenedStack> open_stack(boost::asio::io_context& io, const StackOptions& options,
                                    std::shared_ptr<spdlog::logger> logger);

}  // namespace tuntcp::tools
