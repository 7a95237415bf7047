// What is particular to our stack: its life, its end, its threads and its memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/allocations/allocations.h"
#include "tests/api/worlds.h"

namespace tuntcp::test {
namespace {

using namespace asio::experimental::awaitable_operators;

// ---- Life and end.

TEST(Stack, StoppingAbortsWhatWaits) {
  TwinWorld world;
  char octet;
  error_code read_error, accept_error;
  int ended = 0;
  auto acceptor = world.listen(7);
  acceptor.async_accept([&](error_code error, tcp::socket) {
    accept_error = error;
    ++ended;
  });
  auto client = world.make_client();
  client.async_connect(TwinWorld::endpoint(8), [&](error_code) {});
  client.async_read_some(asio::buffer(&octet, 1), [&](error_code error, std::size_t) {
    read_error = error;
    ++ended;
  });
  world.server_stack->stop();
  world.client_stack->stop();
  EXPECT_EQ(ended, 0);
  EXPECT_TRUE(world.loop.run_until([&] { return ended == 2; }));
  EXPECT_EQ(accept_error, asio::error::operation_aborted);
  EXPECT_EQ(read_error, asio::error::operation_aborted);
  EXPECT_EQ(world.client_stack->host(), nullptr);
}

TEST(Stack, StoppingResetsThePeer) {
  TwinWorld world;
  world.loop.run([](TwinWorld& w) -> asio::awaitable<void> {
    auto pair = co_await make_connected_pair(w);
    w.client_stack->stop();
    char octet;
    const auto [error, size] =
        co_await pair.server.async_read_some(asio::buffer(&octet, 1), use_tuple);
    EXPECT_EQ(error, asio::error::connection_reset);
  }(world));
}

TEST(Stack, SocketsMayOutliveTheirStack) {
  TwinWorld world;
  auto acceptor = world.listen(7);
  auto client = world.make_client();
  error_code seen;
  client.async_connect(TwinWorld::endpoint(7), [&](error_code error) { seen = error; });
  world.client_stack.reset();
  world.server_stack.reset();
  world.loop.io.run();
  EXPECT_EQ(seen, asio::error::operation_aborted);
  char octet;
  client.async_read_some(asio::buffer(&octet, 1),
                         [&](error_code error, std::size_t) { seen = error; });
  seen = {};
  world.loop.io.restart();
  world.loop.io.run();
  EXPECT_EQ(seen, asio::error::operation_aborted);
  error_code error;
  EXPECT_EQ(client.remote_endpoint(error), asio::ip::tcp::endpoint());
  EXPECT_EQ(error, asio::error::not_connected);
  client.close();
}

// Coroutines that still wait are destroyed with their io_context, after the stack.
TEST(Stack, ProgramsMayBeAbandoned) {
  TwinWorld world;
  bool is_connected = false;
  asio::co_spawn(
      world.loop.io,
      [](TwinWorld& w, bool& connected) -> asio::awaitable<void> {
        auto pair = co_await make_connected_pair(w);
        connected = true;
        char octet;
        co_await pair.server.async_read_some(asio::buffer(&octet, 1), asio::use_awaitable);
      }(world, is_connected),
      asio::detached);
  EXPECT_TRUE(world.loop.run_until([&] { return is_connected; }));
}

TEST(Stack, MayBeDestroyedInAHandler) {
  TwinWorld world;
  bool is_done = false;
  auto client = world.make_client();
  client.async_connect(TwinWorld::endpoint(9), [&](error_code error) {
    EXPECT_EQ(error, asio::error::connection_refused);
    world.client_stack.reset();
    world.server_stack.reset();
    is_done = true;
  });
  EXPECT_TRUE(world.loop.run_until([&] { return is_done; }));
  world.loop.io.run();  // Nothing is left to wait for.
}

TEST(Stack, AnExceptionOfAHandlerLeavesRunAndTheStackGoesOn) {
  TwinWorld world;
  auto client = world.make_client();
  client.async_connect(TwinWorld::endpoint(9),
                       [](error_code) { throw std::runtime_error("thrown by a handler"); });
  EXPECT_THROW(world.loop.io.run(), std::runtime_error);
  world.loop.run([](TwinWorld& w) -> asio::awaitable<void> {
    auto pair = co_await make_connected_pair(w);
    co_await asio::async_write(pair.client, asio::buffer("x", 1), asio::use_awaitable);
    char octet;
    co_await asio::async_read(pair.server, asio::buffer(&octet, 1), asio::use_awaitable);
  }(world));
}

// The FIN is acknowledged before the stack goes; TIME-WAIT is not waited for.
TEST(Stack, ShuttingDownWaitsForThePeers) {
  TwinWorld world;
  world.loop.run([](TwinWorld& w) -> asio::awaitable<void> {
    auto pair = co_await make_connected_pair(w);
    // Little enough to be written although nobody reads yet.
    const std::vector<char> octets(30'000, 'x');
    co_await asio::async_write(pair.client, asio::buffer(octets), asio::use_awaitable);
    std::vector<char> received;
    auto read_all = [](tcp::socket& socket, std::vector<char>& into) -> asio::awaitable<void> {
      const auto [error, size] =
          co_await asio::async_read(socket, asio::dynamic_buffer(into), use_tuple);
      EXPECT_EQ(error, asio::error::eof);
      socket.close();
    };
    const auto started = std::chrono::steady_clock::now();
    co_await (w.client_stack->async_shut_down(Duration::seconds(20), asio::use_awaitable) &&
              read_all(pair.server, received));
    EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(10));
    EXPECT_EQ(received.size(), octets.size());
    EXPECT_EQ(w.client_stack->host(), nullptr);
  }(world));
}

TEST(Stack, ShuttingDownEndsInTimeWithoutThePeers) {
  TwinWorld world;
  world.loop.run([](TwinWorld& w) -> asio::awaitable<void> {
    auto pair = co_await make_connected_pair(w);
    w.server_stack->stop();
    w.server_device->vanish();
    const auto [error] =
        co_await w.client_stack->async_shut_down(Duration::milliseconds(50), use_tuple);
    // Its RST may have come before.
    EXPECT_TRUE(!error || error == asio::error::timed_out);
    EXPECT_EQ(w.client_stack->host(), nullptr);
  }(world));
}

TEST(Stack, LosingTheDeviceFailsEverything) {
  TwinWorld world;
  world.loop.run([](TwinWorld& w) -> asio::awaitable<void> {
    auto pair = co_await make_connected_pair(w);
    auto acceptor = w.listen(7);
    char octet;
    error_code read_error, accept_error;
    pair.server.async_read_some(asio::buffer(&octet, 1),
                                [&](error_code error, std::size_t) { read_error = error; });
    acceptor.async_accept([&](error_code error, tcp::socket) { accept_error = error; });
    asio::post(w.loop.io, [&] { w.server_device->vanish(); });
    const auto [reason] = co_await w.server_stack->async_wait_device_lost(use_tuple);
    EXPECT_EQ(reason.value(), ENODEV);
    EXPECT_EQ(read_error, asio::error::network_down);
    EXPECT_EQ(accept_error, asio::error::network_down);
    const auto [error, size] =
        co_await pair.server.async_write_some(asio::buffer("x", 1), use_tuple);
    EXPECT_EQ(error, asio::error::network_down);
  }(world));
}

TEST(Stack, FollowsItsLink) {
  TwinWorld world;
  io::LinkState link = world.client_device->link();
  link.capabilities = {.mtu = 9000};
  world.client_device->change(link);
  EXPECT_TRUE(world.loop.run_until([&] { return world.client_stack->host()->link().mtu == 9000; }));
  EXPECT_EQ(world.client_stack->host()->link(), link.capabilities);
}

// ---- Calls.

TEST(Socket, ConnectsFromWhereItIsBound) {
  TwinWorld world;
  world.loop.run([](TwinWorld& w) -> asio::awaitable<void> {
    auto acceptor = w.listen(7);
    auto client = w.make_client();
    client.bind({asio::ip::make_address("198.51.100.1"), 4000});
    const auto peer = co_await (client.async_connect(TwinWorld::endpoint(7), asio::use_awaitable) &&
                                acceptor.async_accept(asio::use_awaitable));
    EXPECT_EQ(peer.remote_endpoint().port(), 4000);
  }(world));
}

TEST(Socket, AConnectCanBeGivenUp) {
  TwinWorld world;
  world.loop.run([](TwinWorld& w) -> asio::awaitable<void> {
    auto client = w.make_client();
    asio::steady_timer timer(w.loop.io, std::chrono::milliseconds(10));
    // Nobody has this address: no answer comes.
    const auto result = co_await (
        client.async_connect({asio::ip::make_address("198.51.100.99"), 7}, asio::use_awaitable) ||
        timer.async_wait(asio::use_awaitable));
    EXPECT_EQ(result.index(), 1U);
    EXPECT_EQ(client.status().state, tcp::State::syn_sent);
    client.close();
    EXPECT_FALSE(client.is_open());
  }(world));
}

TEST(Socket, ConnectingTwiceIsAnError) {
  TwinWorld world;
  world.loop.run([](TwinWorld& w) -> asio::awaitable<void> {
    auto pair = co_await make_connected_pair(w);
    const auto [error] = co_await pair.client.async_connect(TwinWorld::endpoint(9), use_tuple);
    EXPECT_EQ(error, asio::error::already_connected);
  }(world));
}

TEST(Socket, TellsItsStatus) {
  TwinWorld world;
  world.loop.run([](TwinWorld& w) -> asio::awaitable<void> {
    auto pair = co_await make_connected_pair(w);
    EXPECT_EQ(pair.client.status().state, tcp::State::established);
    pair.client.shutdown(tcp::socket::shutdown_send);
    char octet;
    co_await pair.server.async_read_some(asio::buffer(&octet, 1), use_tuple);
    EXPECT_EQ(pair.server.status().state, tcp::State::close_wait);
  }(world));
}

TEST(Socket, ReceivesNothingAfterItsShutdown) {
  TwinWorld world;
  world.loop.run([](TwinWorld& w) -> asio::awaitable<void> {
    auto pair = co_await make_connected_pair(w);
    pair.server.shutdown(tcp::socket::shutdown_receive);
    char octet;
    const auto [error, size] =
        co_await pair.server.async_read_some(asio::buffer(&octet, 1), use_tuple);
    EXPECT_EQ(error, asio::error::eof);
  }(world));
}

TEST(Acceptor, AnAddressThatIsNotOursIsNotAvailable) {
  TwinWorld world;
  tcp::acceptor acceptor(*world.server_stack);
  error_code error;
  acceptor.listen({asio::ip::make_address("203.0.113.1"), 7}, {}, error);
  EXPECT_EQ(error, boost::system::errc::address_not_available);
  EXPECT_FALSE(acceptor.is_open());
}

// ---- Threads.

// Made in one thread, used in that of the io_context before anything else happened there: nothing
// waits for itself.
TEST(Threads, TheFirstHandlerMayUseSocketsAtOnce) {
  TwinWorld world;
  auto work = asio::make_work_guard(world.loop.io);
  asio::post(world.loop.io, [&] {
    {
      tcp::acceptor listener(*world.server_stack, TwinWorld::endpoint(7));
      EXPECT_TRUE(listener.is_open());
    }
    world.client_stack->stop();
    world.server_stack->stop();
    work.reset();
  });
  std::thread([&] { world.loop.io.run(); }).join();
}

// The io_context runs in one thread, the program in another.
TEST(Threads, SocketsMayBeUsedFromAnotherThread) {
  TwinWorld world;
  auto work = asio::make_work_guard(world.loop.io);
  std::thread runner([&] { world.loop.io.run(); });
  // The stacks belong to the runner once it has asked something of them.
  asio::post(world.loop.io, asio::use_future([&] {
               EXPECT_TRUE(world.client_stack->engine()->is_on_thread());
               EXPECT_TRUE(world.server_stack->engine()->is_on_thread());
             }))
      .get();
  {
    tcp::acceptor listener(*world.server_stack, TwinWorld::endpoint(7));
    auto client = world.make_client();
    auto accepted = listener.async_accept(asio::use_future);
    client.async_connect(TwinWorld::endpoint(7), asio::use_future).get();
    tcp::socket server = accepted.get();
    EXPECT_EQ(server.remote_endpoint(), client.local_endpoint());
    char octets[5];
    auto read = asio::async_read(server, asio::buffer(octets), asio::use_future);
    asio::async_write(client, asio::buffer("hello", 5), asio::use_future).get();
    EXPECT_EQ(read.get(), 5U);
    client.set_option(asio::ip::tcp::no_delay(true));
    client.shutdown(tcp::socket::shutdown_send);
    // No exception: who frees it last is hidden from the thread sanitizer inside libstdc++.
    std::promise<error_code> end;
    server.async_read_some(asio::buffer(octets),
                           [&end](error_code error, std::size_t) { end.set_value(error); });
    EXPECT_EQ(end.get_future().get(), asio::error::eof);
  }
  asio::post(world.loop.io, asio::use_future([&] {
               world.client_stack->stop();
               world.server_stack->stop();
             }))
      .get();
  work.reset();
  runner.join();
}

// ---- Memory.

// Sends one octet there and back, again and again.
class PingPong {
 public:
  PingPong(asio::io_context& io, tcp::socket& client, tcp::socket& server)
      : io_(io), client_(client), server_(server) {}
  void start() {
    wait_for_ball();
    client_.async_read_some(asio::buffer(&back_, 1), [this](error_code error, std::size_t) {
      if (error) return io_.stop();
      if (++rounds_ % kPart == 0) note_part();
      if (rounds_ == kRounds) return io_.stop();
      start();
    });
    client_.async_write_some(asio::buffer("b", 1), [](error_code, std::size_t) {});
  }
  static constexpr int kPart = 100;
  static constexpr int kRounds = 1200;
  int rounds_ = 0;
  std::vector<std::size_t> allocations_of_parts_;

 private:
  void note_part() {
    const std::size_t now = allocations();
    if (rounds_ > kPart) allocations_of_parts_.push_back(now - allocations_before_);
    allocations_before_ = allocations();
  }
  void wait_for_ball() {
    server_.async_read_some(asio::buffer(&there_, 1), [this](error_code error, std::size_t) {
      if (error) return;
      server_.async_write_some(asio::buffer(&there_, 1), [](error_code, std::size_t) {});
    });
  }
  asio::io_context& io_;
  tcp::socket& client_;
  tcp::socket& server_;
  char there_ = 0, back_ = 0;
  std::size_t allocations_before_ = 0;
};

// What each operation allocates shows in every part. A timer that expires because the machine was
// busy shows in one.
TEST(Memory, ReadingAndWritingAllocatesNothing) {
  TwinWorld world;
  std::unique_ptr<Pair<TwinWorld>> pair;
  world.loop.run([](TwinWorld& w, auto& result) -> asio::awaitable<void> {
    result = std::make_unique<Pair<TwinWorld>>(co_await make_connected_pair(w));
  }(world, pair));
  pair->client.set_option(asio::ip::tcp::no_delay(true));
  pair->server.set_option(asio::ip::tcp::no_delay(true));
  PingPong game(world.loop.io, pair->client, pair->server);
  game.start();
  asio::steady_timer patience(world.loop.io, std::chrono::seconds(30));
  patience.async_wait([&](error_code error) {
    if (!error) world.loop.io.stop();
  });
  // In one run(), for Asio keeps its memory for operations only as long.
  world.loop.io.restart();
  world.loop.io.run();
  EXPECT_EQ(game.rounds_, PingPong::kRounds);
  EXPECT_THAT(game.allocations_of_parts_, testing::Contains(0U));
}

}  // namespace
}  // namespace tuntcp::test
