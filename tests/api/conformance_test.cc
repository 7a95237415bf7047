// What a program may observe of a socket, checked on the kernel's and on ours by the same tests.
#include <gtest/gtest.h>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http.hpp>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "tests/api/worlds.h"

namespace tuntcp::test {
namespace {

namespace http = boost::beast::http;
using namespace asio::experimental::awaitable_operators;

static_assert(boost::beast::is_async_stream<tcp::socket>::value);

template <class WorldType>
class SocketTest : public testing::Test {
 public:
  using World = WorldType;
  using SocketType = typename World::Socket;
  World world_;
  asio::io_context& io = world_.loop.io;

  // Runs `program` on two connected sockets.
  template <class Program>
  void on_pair(Program program) {
    EXPECT_TRUE(world_.loop.run([](World& w, Program p) -> asio::awaitable<void> {
      auto pair = co_await make_connected_pair(w);
      co_await p(pair.client, pair.server);
    }(world_, std::move(program))));
  }
};

using Worlds = testing::Types<KernelWorld, TwinWorld, PlainTwinWorld>;
TYPED_TEST_SUITE(SocketTest, Worlds);

// A stream that is different at every offset that matters.
std::vector<std::uint8_t> make_stream(std::size_t octets, std::uint32_t seed) {
  std::vector<std::uint8_t> stream(octets);
  std::uint32_t x = seed;
  for (auto& octet : stream) {
    x = x * 1664525U + 1013904223U;
    octet = static_cast<std::uint8_t>(x >> 24);
  }
  return stream;
}

// ---- Connecting.

TYPED_TEST(SocketTest, ConnectingShowsBothEndsEachOther) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    EXPECT_EQ(client.local_endpoint(), server.remote_endpoint());
    EXPECT_EQ(server.local_endpoint(), client.remote_endpoint());
    EXPECT_TRUE(client.is_open());
    co_return;
  });
}

TYPED_TEST(SocketTest, ConnectingWhereNobodyListensIsRefused) {
  auto& world = this->world_;
  world.loop.run([](auto& w) -> asio::awaitable<void> {
    auto client = w.make_client();
    const auto [error] = co_await client.async_connect(w.closed_endpoint(), use_tuple);
    EXPECT_EQ(error, asio::error::connection_refused);
  }(world));
}

TYPED_TEST(SocketTest, TheSocketCanConnectAgainAfterARefusalAndClose) {
  auto& world = this->world_;
  world.loop.run([](auto& w) -> asio::awaitable<void> {
    auto client = w.make_client();
    co_await client.async_connect(w.closed_endpoint(), use_tuple);
    client.close();
    auto acceptor = w.listen();
    co_await client.async_connect(acceptor.local_endpoint(), asio::use_awaitable);
    EXPECT_TRUE(client.is_open());
  }(world));
}

TYPED_TEST(SocketTest, AcceptsThatWaitAreServedInTheirOrder) {
  auto& world = this->world_;
  auto acceptor = world.listen();
  std::vector<int> order;
  std::vector<typename TestFixture::SocketType> accepted;
  for (int i = 0; i < 3; ++i) {
    acceptor.async_accept([&, i](error_code error, typename TestFixture::SocketType socket) {
      EXPECT_FALSE(error);
      order.push_back(i);
      accepted.push_back(std::move(socket));
    });
  }
  std::vector<typename TestFixture::SocketType> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(world.make_client());
    clients.back().async_connect(acceptor.local_endpoint(),
                                 [](error_code error) { EXPECT_FALSE(error); });
  }
  EXPECT_TRUE(world.loop.run_until([&] { return order.size() == 3; }));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

// Nobody was waiting when they connected.
TYPED_TEST(SocketTest, ConnectionsWaitToBeAccepted) {
  auto& world = this->world_;
  world.loop.run([](auto& w) -> asio::awaitable<void> {
    auto acceptor = w.listen();
    auto first = w.make_client();
    auto second = w.make_client();
    co_await first.async_connect(acceptor.local_endpoint(), asio::use_awaitable);
    co_await second.async_connect(acceptor.local_endpoint(), asio::use_awaitable);
    auto peer_of_first = co_await acceptor.async_accept(asio::use_awaitable);
    auto peer_of_second = co_await acceptor.async_accept(asio::use_awaitable);
    EXPECT_EQ(peer_of_first.remote_endpoint(), first.local_endpoint());
    EXPECT_EQ(peer_of_second.remote_endpoint(), second.local_endpoint());
  }(world));
}

TYPED_TEST(SocketTest, ClosingTheAcceptorAbortsItsAccepts) {
  auto& world = this->world_;
  auto acceptor = world.listen();
  error_code seen;
  bool is_done = false;
  acceptor.async_accept([&](error_code error, typename TestFixture::SocketType) {
    seen = error;
    is_done = true;
  });
  acceptor.close();
  EXPECT_FALSE(is_done);
  EXPECT_TRUE(world.loop.run_until([&] { return is_done; }));
  EXPECT_EQ(seen, asio::error::operation_aborted);
}

TYPED_TEST(SocketTest, APortIsListenedOnOnlyOnce) {
  auto acceptor = this->world_.listen();
  try {
    auto second = this->world_.listen(acceptor.local_endpoint().port());
    ADD_FAILURE() << "a second acceptor has the port";
  } catch (const boost::system::system_error& error) {
    EXPECT_EQ(error.code(), asio::error::address_in_use);
  }
}

// ---- Reading and writing.

TYPED_TEST(SocketTest, OctetsArriveAsWritten) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    co_await asio::async_write(client, asio::buffer("hello\nworld\n", 12), asio::use_awaitable);
    std::string text;
    co_await asio::async_read_until(server, asio::dynamic_buffer(text), "world\n",
                                    asio::use_awaitable);
    EXPECT_EQ(text, "hello\nworld\n");
  });
}

template <class Socket>
asio::awaitable<void> send_stream(Socket& socket, const std::vector<std::uint8_t>& stream) {
  co_await asio::async_write(socket, asio::buffer(stream), asio::use_awaitable);
  socket.shutdown(Socket::shutdown_send);
}

template <class Socket>
asio::awaitable<void> receive_stream(Socket& socket, const std::vector<std::uint8_t>& expected) {
  std::vector<std::uint8_t> received;
  std::vector<std::uint8_t> piece(100'000);
  while (true) {
    const auto [error, size] = co_await socket.async_read_some(asio::buffer(piece), use_tuple);
    if (error) {
      EXPECT_EQ(error, asio::error::eof);
      EXPECT_EQ(size, 0U);
      break;
    }
    received.insert(received.end(), piece.begin(), piece.begin() + static_cast<long>(size));
  }
  EXPECT_TRUE(received == expected) << received.size() << " octets of " << expected.size();
}

TYPED_TEST(SocketTest, MegabytesPassBothWaysAtOnce) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    const auto up = make_stream(8'000'003, 1);
    const auto down = make_stream(9'000'001, 2);
    co_await (send_stream(client, up) && receive_stream(server, up) && send_stream(server, down) &&
              receive_stream(client, down));
  });
}

// The pieces of both sequences do not fit each other, and some are empty.
TYPED_TEST(SocketTest, BufferSequencesAreFilledInOrder) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    const std::array<asio::const_buffer, 4> out{asio::buffer("ab", 2), asio::buffer("", 0),
                                                asio::buffer("cdefg", 5), asio::buffer("h", 1)};
    EXPECT_EQ(co_await client.async_write_some(out, asio::use_awaitable), 8U);
    char a[3], b[4], c[1];
    const std::array<asio::mutable_buffer, 4> in{asio::buffer(a), asio::mutable_buffer(),
                                                 asio::buffer(b), asio::buffer(c)};
    EXPECT_EQ(co_await asio::async_read(server, in, asio::use_awaitable), 8U);
    EXPECT_EQ(std::string(a, 3) + std::string(b, 4) + std::string(c, 1), "abcdefgh");
  });
}

TYPED_TEST(SocketTest, TwentyPiecesAreWrittenWhole) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    const std::string letters = "abcdefghijklmnopqrst";
    std::vector<asio::const_buffer> pieces;
    for (const char& letter : letters) pieces.emplace_back(&letter, 1);
    co_await asio::async_write(client, pieces, asio::use_awaitable);
    std::string text(letters.size(), '\0');
    co_await asio::async_read(server, asio::buffer(text), asio::use_awaitable);
    EXPECT_EQ(text, letters);
  });
}

TYPED_TEST(SocketTest, AReadGivesWhatThereIs) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    co_await asio::async_write(client, asio::buffer("abc", 3), asio::use_awaitable);
    co_await server.async_wait(std::decay_t<decltype(server)>::wait_read, asio::use_awaitable);
    EXPECT_EQ(server.available(), 3U);
    char octets[10];
    EXPECT_EQ(co_await server.async_read_some(asio::buffer(octets), asio::use_awaitable), 3U);
    EXPECT_EQ(server.available(), 0U);
  });
}

// AsyncReadStream: "If buffer_size(mb) == 0, the operation completes immediately."
TYPED_TEST(SocketTest, NothingToReadIntoOrToWriteIsNoWait) {
  this->on_pair([](auto& client, auto&) -> asio::awaitable<void> {
    EXPECT_EQ(co_await client.async_read_some(asio::mutable_buffer(), asio::use_awaitable), 0U);
    EXPECT_EQ(co_await client.async_write_some(asio::const_buffer(), asio::use_awaitable), 0U);
  });
}

TYPED_TEST(SocketTest, HandlersNeverRunInTheInitiatingCall) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    co_await asio::async_write(client, asio::buffer("x", 1), asio::use_awaitable);
    co_await server.async_wait(std::decay_t<decltype(server)>::wait_read, asio::use_awaitable);
    bool is_read = false, is_written = false, is_waited = false;
    char octet;
    server.async_read_some(asio::buffer(&octet, 1),
                           [&](error_code, std::size_t) { is_read = true; });
    EXPECT_FALSE(is_read);
    server.async_write_some(asio::buffer("y", 1),
                            [&](error_code, std::size_t) { is_written = true; });
    EXPECT_FALSE(is_written);
    server.async_wait(std::decay_t<decltype(server)>::wait_write,
                      [&](error_code) { is_waited = true; });
    EXPECT_FALSE(is_waited);
    // Our own octet comes back through the same queues, later.
    co_await client.async_read_some(asio::buffer(&octet, 1), asio::use_awaitable);
    for (int i = 0; i < 3; ++i) co_await asio::post(asio::use_awaitable);
    EXPECT_TRUE(is_read);
    EXPECT_TRUE(is_written);
    EXPECT_TRUE(is_waited);
  });
}

TYPED_TEST(SocketTest, ReadsThatOverlapAreServedInTheirOrder) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    char first = 0, second = 0;
    auto read_one = [&server](char& octet) {
      return asio::async_read(server, asio::buffer(&octet, 1), asio::use_awaitable);
    };
    co_await (read_one(first) && read_one(second) &&
              asio::async_write(client, asio::buffer("12", 2), asio::use_awaitable));
    EXPECT_EQ(first, '1');
    EXPECT_EQ(second, '2');
  });
}

// The peer does not read: writing stops, and goes on when it does.
TYPED_TEST(SocketTest, AWriteWaitsForRoom) {
  this->on_pair([this](auto& client, auto& server) -> asio::awaitable<void> {
    client.set_option(asio::socket_base::send_buffer_size(65'536));
    server.set_option(asio::socket_base::receive_buffer_size(65'536));
    const auto stream = make_stream(16'000'000, 3);
    asio::steady_timer timer(this->io, std::chrono::milliseconds(200));
    bool is_written = false;
    asio::async_write(client, asio::buffer(stream), [&](error_code error, std::size_t) {
      EXPECT_FALSE(error);
      is_written = true;
    });
    co_await timer.async_wait(asio::use_awaitable);
    EXPECT_FALSE(is_written);
    std::vector<std::uint8_t> received(stream.size());
    co_await asio::async_read(server, asio::buffer(received), asio::use_awaitable);
    EXPECT_TRUE(received == stream);
    timer.expires_after(std::chrono::seconds(10));
    if (!is_written) {
      co_await (
          client.async_wait(std::decay_t<decltype(client)>::wait_write, asio::use_awaitable) ||
          timer.async_wait(asio::use_awaitable));
    }
    EXPECT_TRUE(is_written);
  });
}

// ---- The end.

TYPED_TEST(SocketTest, AfterAHalfCloseTheOtherDirectionGoesOn) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    using Socket = std::decay_t<decltype(client)>;
    co_await asio::async_write(client, asio::buffer("question", 8), asio::use_awaitable);
    client.shutdown(Socket::shutdown_send);
    std::string question;
    const auto [end, size] =
        co_await asio::async_read(server, asio::dynamic_buffer(question), use_tuple);
    EXPECT_EQ(end, asio::error::eof);
    EXPECT_EQ(question, "question");

    co_await asio::async_write(server, asio::buffer("answer", 6), asio::use_awaitable);
    server.close();
    std::string answer;
    const auto [error, answer_size] =
        co_await asio::async_read(client, asio::dynamic_buffer(answer), use_tuple);
    EXPECT_EQ(error, asio::error::eof);
    EXPECT_EQ(answer, "answer");
  });
}

TYPED_TEST(SocketTest, TheEndOfTheStreamIsToldEachTime) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    client.close();
    for (int i = 0; i < 2; ++i) {
      char octet;
      const auto [error, size] =
          co_await server.async_read_some(asio::buffer(&octet, 1), use_tuple);
      EXPECT_EQ(error, asio::error::eof);
      EXPECT_EQ(size, 0U);
    }
    co_await server.async_wait(std::decay_t<decltype(server)>::wait_read, asio::use_awaitable);
  });
}

TYPED_TEST(SocketTest, WritingAfterShutdownIsABrokenPipe) {
  this->on_pair([](auto& client, auto&) -> asio::awaitable<void> {
    client.shutdown(std::decay_t<decltype(client)>::shutdown_send);
    const auto [error, size] = co_await client.async_write_some(asio::buffer("x", 1), use_tuple);
    EXPECT_EQ(error, asio::error::broken_pipe);
  });
}

// SO_LINGER of zero: ABORT, RFC 9293, 3.10.5.
TYPED_TEST(SocketTest, LingerZeroResetsThePeer) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    client.set_option(asio::socket_base::linger(true, 0));
    client.close();
    char octet;
    const auto [error, size] = co_await server.async_read_some(asio::buffer(&octet, 1), use_tuple);
    EXPECT_EQ(error, asio::error::connection_reset);
  });
}

// RFC 2525, 2.17: a close with unread octets is told by a RST.
TYPED_TEST(SocketTest, ClosingWithUnreadOctetsResetsThePeer) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    co_await asio::async_write(server, asio::buffer("unread", 6), asio::use_awaitable);
    co_await client.async_wait(std::decay_t<decltype(client)>::wait_read, asio::use_awaitable);
    client.close();
    char octet;
    const auto [error, size] = co_await server.async_read_some(asio::buffer(&octet, 1), use_tuple);
    EXPECT_EQ(error, asio::error::connection_reset);
  });
}

TYPED_TEST(SocketTest, AReadThatWaitsLearnsOfAReset) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    error_code seen;
    char octet;
    auto read = [](auto& socket, char& into, error_code& result) -> asio::awaitable<void> {
      const auto [error, size] = co_await socket.async_read_some(asio::buffer(&into, 1), use_tuple);
      result = error;
    };
    auto reset = [](auto& socket) -> asio::awaitable<void> {
      socket.set_option(asio::socket_base::linger(true, 0));
      socket.close();
      co_return;
    };
    co_await (read(server, octet, seen) && reset(client));
    EXPECT_EQ(seen, asio::error::connection_reset);
  });
}

TYPED_TEST(SocketTest, AClosedSocketIsABadDescriptor) {
  this->on_pair([](auto& client, auto&) -> asio::awaitable<void> {
    client.close();
    EXPECT_FALSE(client.is_open());
    char octet;
    const auto [error, size] = co_await client.async_read_some(asio::buffer(&octet, 1), use_tuple);
    EXPECT_EQ(error, asio::error::bad_descriptor);
    const auto [write_error, written] =
        co_await client.async_write_some(asio::buffer("x", 1), use_tuple);
    EXPECT_EQ(write_error, asio::error::bad_descriptor);
  });
}

// ---- Cancelling and destroying.

TYPED_TEST(SocketTest, CancelEndsWhatWaitsAndNothingIsLost) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    char octet = 0;
    error_code seen;
    bool is_done = false;
    server.async_read_some(asio::buffer(&octet, 1), [&](error_code error, std::size_t) {
      seen = error;
      is_done = true;
    });
    server.cancel();
    EXPECT_FALSE(is_done);
    co_await asio::async_write(client, asio::buffer("x", 1), asio::use_awaitable);
    co_await asio::async_read(server, asio::buffer(&octet, 1), asio::use_awaitable);
    EXPECT_TRUE(is_done);
    EXPECT_EQ(seen, asio::error::operation_aborted);
    EXPECT_EQ(octet, 'x');
  });
}

TYPED_TEST(SocketTest, OneOperationIsCancelledByItsSlot) {
  this->on_pair([this](auto& client, auto& server) -> asio::awaitable<void> {
    char octet = 0;
    asio::steady_timer timer(this->io, std::chrono::milliseconds(10));
    const auto result =
        co_await (server.async_read_some(asio::buffer(&octet, 1), asio::use_awaitable) ||
                  timer.async_wait(asio::use_awaitable));
    EXPECT_EQ(result.index(), 1U);
    co_await asio::async_write(client, asio::buffer("x", 1), asio::use_awaitable);
    co_await server.async_read_some(asio::buffer(&octet, 1), asio::use_awaitable);
    EXPECT_EQ(octet, 'x');
  });
}

TYPED_TEST(SocketTest, ACancelledAcceptLeavesTheNextOneItsPlace) {
  auto& world = this->world_;
  world.loop.run([](auto& w) -> asio::awaitable<void> {
    auto acceptor = w.listen();
    asio::steady_timer timer(w.loop.io, std::chrono::milliseconds(10));
    auto first = w.make_server_socket();
    const auto result = co_await (acceptor.async_accept(first, asio::use_awaitable) ||
                                  timer.async_wait(asio::use_awaitable));
    EXPECT_EQ(result.index(), 1U);
    auto client = w.make_client();
    co_await (client.async_connect(acceptor.local_endpoint(), asio::use_awaitable) &&
              acceptor.async_accept(first, asio::use_awaitable));
    EXPECT_EQ(first.remote_endpoint(), client.local_endpoint());
  }(world));
}

TYPED_TEST(SocketTest, DestroyingASocketAbortsWhatWaits) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    char octet;
    error_code read_error, wait_error;
    bool is_done = false;
    {
      auto doomed = std::move(server);
      doomed.async_read_some(asio::buffer(&octet, 1),
                             [&](error_code error, std::size_t) { read_error = error; });
      doomed.async_wait(std::decay_t<decltype(server)>::wait_error, [&](error_code error) {
        wait_error = error;
        is_done = true;
      });
    }
    EXPECT_FALSE(is_done);
    co_await client.async_read_some(asio::buffer(&octet, 1), use_tuple);
    EXPECT_TRUE(is_done);
    EXPECT_EQ(read_error, asio::error::operation_aborted);
    EXPECT_EQ(wait_error, asio::error::operation_aborted);
  });
}

TYPED_TEST(SocketTest, ASocketMayDieInItsOwnHandler) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    using Socket = std::decay_t<decltype(server)>;
    auto owned = std::make_unique<Socket>(std::move(server));
    auto octet = std::make_unique<char>();
    const auto buffer = asio::buffer(octet.get(), 1);
    bool is_done = false;
    Socket& socket = *owned;
    socket.async_read_some(buffer, [&is_done, owned = std::move(owned), o = std::move(octet)](
                                       error_code error, std::size_t) mutable {
      EXPECT_FALSE(error);
      owned.reset();
      is_done = true;
    });
    co_await asio::async_write(client, asio::buffer("x", 1), asio::use_awaitable);
    char unused;
    const auto [error, size] = co_await client.async_read_some(asio::buffer(&unused, 1), use_tuple);
    EXPECT_EQ(error, asio::error::eof);
    EXPECT_TRUE(is_done);
  });
}

// ---- Handlers.

TYPED_TEST(SocketTest, AHandlerRunsOnItsExecutor) {
  this->on_pair([this](auto& client, auto& server) -> asio::awaitable<void> {
    auto strand = asio::make_strand(this->io);
    bool is_on_strand = false;
    char octet;
    server.async_read_some(asio::buffer(&octet, 1),
                           asio::bind_executor(strand, [&](error_code, std::size_t) {
                             is_on_strand = strand.running_in_this_thread();
                           }));
    asio::thread_pool pool(1);
    std::promise<std::thread::id> thread;
    client.async_read_some(asio::buffer(&octet, 1),
                           asio::bind_executor(pool, [&](error_code, std::size_t) {
                             thread.set_value(std::this_thread::get_id());
                           }));
    co_await asio::async_write(client, asio::buffer("x", 1), asio::use_awaitable);
    co_await asio::async_write(server, asio::buffer("y", 1), asio::use_awaitable);
    asio::steady_timer timer(this->io, std::chrono::milliseconds(50));
    co_await timer.async_wait(asio::use_awaitable);
    EXPECT_TRUE(is_on_strand);
    pool.join();
    EXPECT_NE(thread.get_future().get(), std::this_thread::get_id());
  });
}

// Counts what is allocated through it.
template <class T>
struct CountingAllocator {
  using value_type = T;
  explicit CountingAllocator(int* counter) : count(counter) {}
  template <class U>
  CountingAllocator(const CountingAllocator<U>& other) : count(other.count) {}
  T* allocate(std::size_t n) {
    ++*count;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) {
    --*count;
    std::allocator<T>().deallocate(p, n);
  }
  template <class U>
  bool operator==(const CountingAllocator<U>& other) const {
    return count == other.count;
  }
  int* count;
};

TYPED_TEST(SocketTest, AnOperationLivesInItsHandlersMemory) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    int living = 0;
    bool is_done = false;
    char octet;
    server.async_read_some(
        asio::buffer(&octet, 1),
        asio::bind_allocator(CountingAllocator<void*>(&living), [&](error_code, std::size_t) {
          EXPECT_EQ(living, 0);
          is_done = true;
        }));
    EXPECT_GT(living, 0);
    co_await asio::async_write(client, asio::buffer("xy", 2), asio::use_awaitable);
    co_await asio::async_read(server, asio::buffer(&octet, 1), asio::use_awaitable);
    EXPECT_TRUE(is_done);
  });
}

TYPED_TEST(SocketTest, BeastExchangesHttpMessages) {
  this->on_pair([](auto& client, auto& server) -> asio::awaitable<void> {
    auto serve = [](auto& socket) -> asio::awaitable<void> {
      boost::beast::flat_buffer buffer;
      http::request<http::string_body> request;
      co_await http::async_read(socket, buffer, request, asio::use_awaitable);
      http::response<http::string_body> response(http::status::ok, 11);
      response.body() = request.body() + request.body();
      response.prepare_payload();
      co_await http::async_write(socket, response, asio::use_awaitable);
    };
    auto ask = [](auto& socket) -> asio::awaitable<void> {
      http::request<http::string_body> request(http::verb::put, "/", 11);
      request.body() = std::string(100'000, 'x');
      request.prepare_payload();
      co_await http::async_write(socket, request, asio::use_awaitable);
      boost::beast::flat_buffer buffer;
      http::response<http::string_body> response;
      co_await http::async_read(socket, buffer, response, asio::use_awaitable);
      EXPECT_EQ(response.result(), http::status::ok);
      EXPECT_EQ(response.body(), std::string(200'000, 'x'));
    };
    co_await (serve(server) && ask(client));
  });
}

// ---- Options.

TYPED_TEST(SocketTest, OptionsAreKept) {
  this->on_pair([](auto& client, auto&) -> asio::awaitable<void> {
    client.set_option(asio::ip::tcp::no_delay(true));
    asio::ip::tcp::no_delay no_delay;
    client.get_option(no_delay);
    EXPECT_TRUE(no_delay.value());
    asio::socket_base::keep_alive keep_alive(true);
    client.get_option(keep_alive);
    EXPECT_FALSE(keep_alive.value());
    client.set_option(asio::socket_base::keep_alive(true));
    client.get_option(keep_alive);
    EXPECT_TRUE(keep_alive.value());
    client.set_option(asio::socket_base::linger(true, 3));
    asio::socket_base::linger linger;
    client.get_option(linger);
    EXPECT_TRUE(linger.enabled());
    EXPECT_EQ(linger.timeout(), 3);
    co_return;
  });
}

TYPED_TEST(SocketTest, ASocketThatWasNeverConnectedHasNoPeer) {
  auto client = this->world_.make_client();
  error_code error;
  client.remote_endpoint(error);
  EXPECT_TRUE(error);
  EXPECT_FALSE(client.is_open());
}

}  // namespace
}  // namespace tuntcp::test
