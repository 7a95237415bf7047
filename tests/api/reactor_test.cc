// The reactor's batches: what leaves, and when, seen from a peer whose host this test drives by
// hand over the same link.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stack/io/system_clock.h"
#include "tests/api/worlds.h"

namespace tuntcp::test {
namespace {

// A host whose packets move only when told.
class HandDriven {
 public:
  explicit HandDriven(std::shared_ptr<MemoryDevice> device)
      : device_(std::move(device)), random_(3), host(make_config(*device_), random_) {}

  // Takes in everything that has arrived, without an answer.
  std::size_t take_in() {
    std::size_t packets = 0;
    while (true) {
      wire::ReceivedOffload offload;
      const auto octets = device_->read(host.arena().reserve(), offload);
      if (!octets) return packets;
      ++packets;
      host.packet_in(host.arena().commit(static_cast<std::uint32_t>(*octets), device_->headroom()),
                     offload, io::monotonic_now());
    }
  }
  std::size_t send_out() { return host.packets_out(io::monotonic_now(), *device_); }

 private:
  static HostConfig make_config(const io::Device& device) {
    HostConfig config;
    config.addresses.push_back(*Prefix::parse("198.51.100.1/24"));
    config.link = device.link().capabilities;
    return config;
  }
  std::shared_ptr<MemoryDevice> device_;
  SeededRandom random_;

 public:
  Host host;
};

// A stack under its reactor, and a peer connected to it.
class ReactorTest : public testing::Test {
 protected:
  void connect(const wire::LinkCapabilities& capabilities = kPlainLink) {
    auto ends = MemoryDevice::make_pair(capabilities);
    device = std::move(ends.first);
    peer.emplace(std::shared_ptr<MemoryDevice>(std::move(ends.second)));
    stack_config config;
    config.host.addresses.push_back(*Prefix::parse("198.51.100.2/24"));
    config.random = std::make_unique<SeededRandom>(4);
    stack = std::make_unique<stack_context>(loop.io, device, std::move(config));
    tcp::acceptor acceptor(*stack, TwinWorld::endpoint(7));
    socket.emplace(*stack);
    bool is_accepted = false;
    acceptor.async_accept(*socket, [&](error_code error) {
      EXPECT_FALSE(error);
      is_accepted = true;
    });
    const Endpoint remote{.address = *IpAddress::parse("198.51.100.2"), .port = 7};
    const OpenOptions options{.local = {}, .socket = {.no_delay = true}};
    const auto opened = peer->host.open(remote, options, io::monotonic_now());
    ASSERT_TRUE(opened);
    id = *opened;
    ASSERT_TRUE(loop.run_until([&] {
      peer->take_in();
      peer->send_out();
      return is_accepted;
    }));
    settle();
  }

  // Lets the stack do everything that can be done now.
  void settle() {
    loop.io.restart();
    loop.io.poll();
  }

  void peer_sends(std::size_t octets) {
    const std::vector<std::uint8_t> data(octets, 'x');
    ASSERT_EQ(peer->host.send(id, data, io::monotonic_now()), octets);
    peer->send_out();
  }

  Loop loop;
  std::shared_ptr<MemoryDevice> device;  // the stack's
  std::optional<HandDriven> peer;
  ConnectionId id;  // at the peer
  std::unique_ptr<stack_context> stack;
  std::optional<tcp::socket> socket;
};

// RFC 9293, 3.8.6.3: an ACK for at least every second full segment; one may stand for more when
// they came together. Sending one runs the receiver's code in our thread, so it is worth it.
TEST_F(ReactorTest, OneAckAnswersABatchOfSegments) {
  connect();
  std::vector<char> octets(100'000);
  socket->async_read_some(asio::buffer(octets), [](error_code, std::size_t) {});
  const std::size_t before = device->packets_sent();
  const std::size_t read_before = device->packets_read();
  peer_sends(10 * 1448);
  settle();
  EXPECT_EQ(device->packets_read() - read_before, 10U);
  EXPECT_EQ(device->packets_sent() - before, 1U);
}

TEST_F(ReactorTest, AnAnswerCarriesTheAck) {
  connect();
  std::string question(8, '\0');
  socket->async_read_some(asio::buffer(question), [&](error_code error, std::size_t) {
    EXPECT_FALSE(error);
    asio::async_write(*socket, asio::buffer("answer", 6), [](error_code, std::size_t) {});
  });
  const std::size_t before = device->packets_sent();
  peer_sends(8);
  settle();
  EXPECT_EQ(device->packets_sent() - before, 1U);
  peer->take_in();
  EXPECT_EQ(peer->host.readable(id), 6U);
  EXPECT_EQ(peer->host.status(id, io::monotonic_now())->unacked_octets, 0U);
}

// Calls outside a batch leave too, and those made one after the other leave together.
TEST_F(ReactorTest, WritesOfOneHandlerLeaveTogether) {
  connect();
  socket->set_option(asio::ip::tcp::no_delay(true));
  const std::size_t before = device->packets_sent();
  asio::post(loop.io, [&] {
    for (int i = 0; i < 4; ++i) {
      socket->async_write_some(asio::buffer("part", 4), [](error_code, std::size_t) {});
    }
  });
  settle();
  EXPECT_EQ(device->packets_sent() - before, 1U);
  peer->take_in();
  EXPECT_EQ(peer->host.readable(id), 16U);
}

TEST_F(ReactorTest, AnIdleStackSleeps) {
  connect();
  // What the handshake left armed runs out first.
  loop.io.restart();
  loop.io.run_for(std::chrono::milliseconds(300));
  loop.io.restart();
  EXPECT_LE(loop.io.run_for(std::chrono::milliseconds(300)), 1U);
}

// The ACK was in the device when the timer was overdue, as after SIGSTOP.
TEST_F(ReactorTest, WhatHasArrivedIsReadBeforeTimersExpire) {
  connect();
  bool is_written = false;
  asio::async_write(*socket, asio::buffer("data", 4),
                    [&](error_code, std::size_t) { is_written = true; });
  settle();
  ASSERT_TRUE(is_written);
  peer->take_in();
  peer->host.advance_to(io::monotonic_now() + Duration::milliseconds(100));  // Its delayed ACK.
  peer->send_out();
  const auto overdue = std::chrono::steady_clock::now() + std::chrono::milliseconds(600);
  while (std::chrono::steady_clock::now() < overdue) {
  }
  settle();
  EXPECT_EQ(stack->host()->mib()[Counter::tcp_retrans_segs], 0U);
  EXPECT_EQ(stack->host()->mib()[Counter::tcp_timeouts], 0U);
}

// A full queue is waited for, not lost: the stream arrives without retransmission.
TEST_F(ReactorTest, ARefusedPacketIsSentAgainWhenThereIsRoom) {
  connect();
  device->limit_queue(4096);
  const std::vector<char> octets(200'000, 'x');
  bool is_written = false;
  asio::async_write(*socket, asio::buffer(octets), [&](error_code error, std::size_t) {
    EXPECT_FALSE(error);
    is_written = true;
  });
  std::size_t received = 0;
  std::vector<std::uint8_t> piece(65'536);
  EXPECT_TRUE(loop.run_until([&] {
    peer->take_in();
    while (const auto size = peer->host.receive(id, piece, io::monotonic_now())) received += *size;
    peer->send_out();
    return received == octets.size();
  }));
  EXPECT_TRUE(is_written);
  EXPECT_GT(device->packets_refused(), 0U);
}

// An interface that is down is neither read in a loop nor given up.
TEST_F(ReactorTest, AnInterfaceThatWasDownIsUsedAgain) {
  connect();
  const io::LinkState up = device->link();
  io::LinkState down = up;
  down.is_up = false;
  device->change(down);
  settle();
  loop.io.restart();
  EXPECT_LE(loop.io.run_for(std::chrono::milliseconds(250)), 10U);
  device->change(up);
  peer_sends(5);
  bool is_read = false;
  char octets[5];
  socket->async_read_some(asio::buffer(octets), [&](error_code error, std::size_t size) {
    EXPECT_FALSE(error);
    EXPECT_EQ(size, 5U);
    is_read = true;
  });
  EXPECT_TRUE(loop.run_until([&] { return is_read; }));
}

// One handler of the io_context is not kept waiting by a stream that never ends.
TEST_F(ReactorTest, OtherHandlersGetTheirTurn) {
  connect(kOffloadLink);
  const std::vector<char> octets(65'536, 'x');
  std::function<void()> write_on = [&] {
    socket->async_write_some(asio::buffer(octets), [&](error_code error, std::size_t) {
      if (!error) write_on();
    });
  };
  write_on();
  std::vector<std::uint8_t> piece(1 << 20);
  asio::steady_timer timer(loop.io, std::chrono::milliseconds(50));
  bool has_fired = false;
  timer.async_wait([&](error_code) { has_fired = true; });
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  loop.io.restart();
  while (!has_fired && std::chrono::steady_clock::now() < end) {
    peer->take_in();
    while (peer->host.receive(id, piece, io::monotonic_now())) {
    }
    peer->send_out();
    loop.io.poll_one();
  }
  EXPECT_TRUE(has_fired);
  socket->close();
}

}  // namespace
}  // namespace tuntcp::test
