#include "tools/tuntcp/serve.h"

#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <chrono>
#include <exception>
#include <utility>

#include "tools/tuntcp/services.h"

namespace tuntcp::tools {

namespace asio = boost::asio;

namespace {

constexpr std::array<std::pair<ServiceKind, const char*>, 4> kNames{{
    {ServiceKind::echo, "echo"},
    {ServiceKind::discard, "discard"},
    {ServiceKind::chargen, "chargen"},
    {ServiceKind::http, "http"},
}};

asio::awaitable<void> session(ServiceKind kind, tcp::socket peer, stack_context& stack) {
  switch (kind) {
    case ServiceKind::echo:
      return serve_echo(std::move(peer));
    case ServiceKind::discard:
      return serve_discard(std::move(peer));
    case ServiceKind::chargen:
      return serve_chargen(std::move(peer));
    case ServiceKind::http:
      return serve_http(std::move(peer), stack);
  }
  std::unreachable();
}

asio::awaitable<void> accept_loop(asio::io_context& io, stack_context& stack, ServiceKind kind,
                                  tcp::acceptor acceptor, std::shared_ptr<spdlog::logger> logger) {
  while (acceptor.is_open()) {
    auto [error, peer] = co_await acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::operation_aborted || error == asio::error::network_down) break;
    if (error) {
      // Out of memory, most likely: what is waiting stays in the queue for a moment.
      logger->warn("{}: accept: {}", to_string(kind), error.message());
      asio::steady_timer pause(io, std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
      continue;
    }
    asio::co_spawn(io, session(kind, std::move(peer), stack),
                   [kind, logger](const std::exception_ptr& thrown) {
                     if (!thrown) return;
                     try {
                       std::rethrow_exception(thrown);
                     } catch (const std::exception& problem) {
                       logger->error("{}: {}", to_string(kind), problem.what());
                     }
                   });
  }
}

}  // namespace

const char* to_string(ServiceKind kind) {
  for (const auto& [known, name] : kNames) {
    if (known == kind) return name;
  }
  return "unknown";
}

std::expected<Service, std::string> Service::parse(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const std::string_view number = colon == text.npos ? "" : text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), port);
  const bool is_port =
      parsed.ec == std::errc() && parsed.ptr == number.data() + number.size() && port != 0;
  for (const auto& [kind, known] : kNames) {
    if (name == known && is_port) return Service{.kind = kind, .port = port};
  }
  return std::unexpected("'" + std::string(text) +
                         "' is not echo, discard, chargen or http with a port, such as echo:7");
}

void serve(asio::io_context& io, stack_context& stack, const Service& service,
           std::shared_ptr<spdlog::logger> logger) {
  const tcp::endpoint anywhere(asio::ip::address_v6::any(), service.port);
  asio::co_spawn(
      io, accept_loop(io, stack, service.kind, tcp::acceptor(stack, anywhere), std::move(logger)),
      asio::detached);
}

}  // namespace tuntcp::tools
