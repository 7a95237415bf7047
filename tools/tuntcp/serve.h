// The services of `tuntcp up` on the ports where they are wanted.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stack/api/tcp.h"

namespace spdlog {
class logger;
}

namespace tuntcp::tools {

enum class ServiceKind : std::uint8_t { echo, discard, chargen, http };
const char* to_string(ServiceKind kind);

struct Service {
  ServiceKind kind;
  std::uint16_t port;

  // "echo:7", or one line that says what is wrong.
  static std::expected<Service, std::string> parse(std::string_view text);
};

// Listens on the port, on every address of the stack, IPv6 and IPv4, and serves until the stack
// stops. Throws boost::system::system_error when the port cannot be had.
void serve(boost::asio::io_context& io, stack_context& stack, const Service& service,
           std::shared_ptr<spdlog::logger> logger);

}  // namespace tuntcp::tools
