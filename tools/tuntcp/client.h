// What the clients, get and nc, have in common: one coroutine on a stack of its own.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>

#include "stack/api/tcp.h"
#include "tools/tuntcp/stack_options.h"

namespace tuntcp::tools {

// An address and a port as people write them. Names are not resolved: there is no DNS here.
// Throws std::runtime_error with one line.
tcp::endpoint parse_endpoint(const std::string& host, const std::string& port);

// Runs `client` on a stack made from the options, then closes politely. Its exit status, or 1 after
// one line on stderr when something is thrown, the device is lost, or a signal ends it.
using Client = std::function<boost::asio::awaitable<int>(stack_context& stack)>;
int run_client(const std::string& name, const StackOptions& options, Client client);

}  // namespace tuntcp::tools
