// A host that talks to itself: its own address, 127.0.0.1 and ::1 never reach the device. RFC 1122,
// 3.2.1.3 (g). With one address and port for both ends this is a simultaneous open (MUST-10).
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <vector>

#include "stack/base/random.h"
#include "stack/host/host.h"

namespace tuntcp::test {
namespace {

class NoDevice final : public wire::PacketSink {
 public:
  wire::SendResult send(const wire::OutgoingPacket&) override {
    ADD_FAILURE() << "a packet to the host itself reached the device";
    return wire::SendResult::sent;
  }
};

IpAddress address(const char* text) {
  return *IpAddress::parse(text);
}

class ToItself : public testing::Test {
 protected:
  ToItself() : random_(7), host_(config(), random_) {}
  static HostConfig config() {
    HostConfig config;
    config.addresses = {*Prefix::parse("198.51.100.2/24"), *Prefix::parse("2001:db8::2/64")};
    return config;
  }
  void run() {
    host_.packets_out(now_, device_);
    while (host_.next_event()) {
    }
  }

  SeededRandom random_;
  Host host_;
  NoDevice device_;
  Instant now_ = Instant::from_ns(1'000'000'000);
};

class Hairpin : public ToItself, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Addresses, Hairpin,
                         testing::Values("198.51.100.2", "127.0.0.1", "2001:db8::2", "::1"));

TEST_P(Hairpin, OctetsPassWithoutTheDevice) {
  const Endpoint server{address(GetParam()), 80};
  const auto listener = host_.listen(server, {});
  ASSERT_TRUE(listener);
  const auto client = host_.open(server, {}, now_);
  ASSERT_TRUE(client);
  run();
  const auto accepted = host_.accept(*listener);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(host_.status(*client, now_)->state, tcp::State::established);
  EXPECT_EQ(host_.status(*client, now_)->tuple.local.address, server.address);

  const std::vector<std::uint8_t> octets(10'000, 0x5a);
  ASSERT_EQ(host_.send(*client, octets, now_), 10'000U);
  run();
  std::array<std::uint8_t, 20'000> got{};
  ASSERT_EQ(host_.receive(*accepted, got, now_), 10'000U);
  EXPECT_TRUE(std::equal(octets.begin(), octets.end(), got.begin()));
  EXPECT_GT(host_.mib()[Counter::tcp_loopback], 4U);

  host_.release(*client, now_);
  run();
  host_.release(*accepted, now_);
  run();
  host_.close_listener(*listener, now_);
  run();
  const std::vector<Status> left = host_.list(now_);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].state, tcp::State::time_wait);
}

TEST_P(Hairpin, APortMayConnectToItself) {
  const Endpoint self{address(GetParam()), 5'000};
  OpenOptions options;
  options.local = self;
  const auto id = host_.open(self, options, now_);
  ASSERT_TRUE(id);
  run();
  ASSERT_EQ(host_.status(*id, now_)->state, tcp::State::established);
  const std::array<std::uint8_t, 3> octets{1, 2, 3};
  ASSERT_EQ(host_.send(*id, octets, now_), 3U);
  run();
  std::array<std::uint8_t, 8> got{};
  EXPECT_EQ(host_.receive(*id, got, now_), 3U);
  EXPECT_EQ(got[2], 3);
}

// 3.10.7.1: nobody listens.
TEST_P(Hairpin, AClosedPortRefuses) {
  const auto id = host_.open({address(GetParam()), 81}, {}, now_);
  ASSERT_TRUE(id);
  run();
  EXPECT_EQ(host_.status(*id, now_)->error, Error::connection_refused);
}

// ---- Linux (5): connections over loopback, one after the other, until the ports are used up.
class LoopbackPorts : public ToItself {
 protected:
  void SetUp() override {
    const auto listener = host_.listen(server_, {});
    ASSERT_TRUE(listener);
    listener_ = *listener;
  }
  // One that the client closes first; why there was none, if so.
  std::optional<Error> connect_and_close() {
    const auto client = host_.open(server_, {}, now_);
    if (!client) return client.error();
    run();
    const auto accepted = host_.accept(listener_);
    if (!accepted) return accepted.error();
    host_.release(*client, now_);
    run();
    host_.release(*accepted, now_);
    run();
    return std::nullopt;
  }

  const Endpoint server_{address("127.0.0.1"), 80};
  ListenerId listener_{};
};

// "tcp_tw_reuse=0, default port range: 28,232 sockets in TIME_WAIT, then EADDRNOTAVAIL."
TEST_F(LoopbackPorts, AreUsedUpByTimeWait) {
  ASSERT_TRUE(host_.set_sysctl("net.ipv4.tcp_tw_reuse", "0"));
  for (int i = 0; i < 28'232; ++i) ASSERT_EQ(connect_and_close(), std::nullopt) << i;
  EXPECT_EQ(host_.list(now_).size(), 28'232U + 1);  // and the listener
  EXPECT_EQ(connect_and_close(), Error::address_not_available);
  now_ += 60_s;
  host_.advance_to(now_);
  EXPECT_EQ(connect_and_close(), std::nullopt);
}
// "With =2: 40,000 connects without a failure."
TEST_F(LoopbackPorts, AreTakenAgainAfterASecond) {
  for (int i = 0; i < 40'000; ++i) {
    now_ += 100_us;
    host_.advance_to(now_);
    ASSERT_EQ(connect_and_close(), std::nullopt) << i;
  }
  EXPECT_GE(host_.mib()[Counter::tcp_tw_recycled], 40'000U - 28'232U);
}

}  // namespace
}  // namespace tuntcp::test
