#include "tools/tuntcp/client.h"

#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <stdexcept>

namespace tuntcp::tools {

namespace asio = boost::asio;

namespace {

// How long the last octets may take to be acknowledged.
constexpr Duration kFarewell = Duration::seconds(5);

}  // namespace

tcp::endpoint parse_endpoint(const std::string& host, const std::string& port) {
  const auto address = IpAddress::parse(host);
  if (!address) {
    throw std::runtime_error("'" + host + "' is not an IPv4 or IPv6 address; names are not " +
                             "resolved here, try getent hosts " + host);
  }
  std::uint16_t number = 0;
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != port.data() + port.size()) {
    throw std::runtime_error("'" + port + "' is not a port");
  }
  return {asio::ip::make_address(address->to_string()), number};
}

int run_client(const std::string& name, const StackOptions& options, Client client) {
  const auto complain = [&name](const std::string& reason) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), reason.c_str());
    return 1;
  };
  const auto logger = make_logger(options);
  asio::io_context io(1);
  auto stack = open_stack(io, options, logger);
  if (!stack) return complain(stack.error().text);
  stack_context& context = *stack->context;

  int status = 1;
  asio::signal_set signals(io, SIGINT, SIGTERM);
  const auto end = [&] {
    signals.cancel();
    context.async_shut_down(kFarewell, [](const boost::system::error_code&) {});
  };
  asio::co_spawn(io, client(context), [&](const std::exception_ptr& thrown, int result) {
    status = result;
    if (thrown) {
      try {
        std::rethrow_exception(thrown);
      } catch (const boost::system::system_error& error) {
        status = complain(error.code().message());
      } catch (const std::exception& error) {
        status = complain(error.what());
      }
    }
    end();
  });
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) context.stop();  // The coroutine ends with operation_aborted.
  });
  io.run();
  return status;
}

}  // namespace tuntcp::tools
