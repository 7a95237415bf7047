// The sample applications of `tuntcp up`: each is one coroutine for one connection.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "stack/api/tcp.h"

namespace tuntcp::tools {

// RFC 862: sends back what it receives.
boost::asio::awaitable<void> serve_echo(tcp::socket peer);
// RFC 863: reads and forgets.
boost::asio::awaitable<void> serve_discard(tcp::socket peer);
// RFC 864: sends lines of characters for as long as the peer takes them.
boost::asio::awaitable<void> serve_chargen(tcp::socket peer);
// HTTP/1.1, see http_server.cc.
boost::asio::awaitable<void> serve_http(tcp::socket peer, stack_context& stack);

}  // namespace tuntcp::tools
