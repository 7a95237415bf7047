// Two places where the same program can run: on the kernel's sockets over loopback, and on ours
// over a link between two stacks. What a program can observe must be the same in both.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <memory>

#include "stack/api/tcp.h"
#include "tests/api/memory_device.h"

namespace tuntcp::test {

namespace asio = boost::asio;
using boost::system::error_code;
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

// The io_context of a test. A test that hangs fails instead.
class Loop {
 public:
  asio::io_context io;

  // Runs `program` to its end; false if it threw or took too long.
  bool run(asio::awaitable<void> program);
  // Runs until `is_done` holds.
  template <class Condition>
  bool run_until(Condition is_done) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!is_done()) {
      io.restart();
      if (std::chrono::steady_clock::now() > end) return false;
      io.run_one_until(end);
    }
    return true;
  }

 private:
  static constexpr auto kPatience = std::chrono::seconds(30);
};

class KernelWorld {
 public:
  using Socket = asio::ip::tcp::socket;
  using Acceptor = asio::ip::tcp::acceptor;

  Loop loop;

  Socket make_client() { return Socket(loop.io); }
  Socket make_server_socket() { return Socket(loop.io); }
  Acceptor listen(std::uint16_t port = 0) {
    return Acceptor(loop.io, {asio::ip::address_v4::loopback(), port}, false);
  }
  // A port where nobody listens.
  asio::ip::tcp::endpoint closed_endpoint() {
    Acceptor taken = listen();
    return taken.local_endpoint();
  }
  static constexpr bool kIsKernel = true;
};

// What a link of TwinWorld can do.
inline constexpr wire::LinkCapabilities kPlainLink{.mtu = 1500};
inline constexpr wire::LinkCapabilities kOffloadLink{
    .mtu = 1500, .checksum = true, .gso_max_octets = 65'535};

class TwinWorld {
 public:
  using Socket = tcp::socket;
  using Acceptor = tcp::acceptor;

  explicit TwinWorld(const wire::LinkCapabilities& capabilities = kOffloadLink);

  Loop loop;
  std::shared_ptr<MemoryDevice> client_device;
  std::shared_ptr<MemoryDevice> server_device;
  std::unique_ptr<stack_context> client_stack;
  std::unique_ptr<stack_context> server_stack;

  Socket make_client() { return Socket(*client_stack); }
  Socket make_server_socket() { return Socket(*server_stack); }
  Acceptor listen(std::uint16_t port = 0) { return Acceptor(*server_stack, endpoint(port)); }
  asio::ip::tcp::endpoint closed_endpoint() { return endpoint(9); }
  static asio::ip::tcp::endpoint endpoint(std::uint16_t port) {
    return {asio::ip::make_address("198.51.100.2"), port};
  }
  static constexpr bool kIsKernel = false;
};

class PlainTwinWorld : public TwinWorld {
 public:
  PlainTwinWorld() : TwinWorld(kPlainLink) {}
};

// Two connected sockets.
template <class World>
struct Pair {
  typename World::Socket client;
  typename World::Socket server;
};

template <class World>
asio::awaitable<Pair<World>> make_connected_pair(World& world) {
  using namespace asio::experimental::awaitable_operators;
  auto acceptor = world.listen();
  auto client = world.make_client();
  auto server = world.make_server_socket();
  co_await (client.async_connect(acceptor.local_endpoint(), asio::use_awaitable) &&
            acceptor.async_accept(server, asio::use_awaitable));
  co_return Pair<World>{std::move(client), std::move(server)};
}

}  // namespace tuntcp::test
