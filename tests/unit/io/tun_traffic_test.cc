// TunDevice exchanging text with the kernel's own TCP: both families, every offload step, both
// directions.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <tuple>

#include "stack/base/checksum.h"
#include "stack/io/tun_device.h"
#include "tests/unit/io/peer.h"
#include "tests/unit/io/private_network.h"

namespace tuntcp::io {
namespace {

using Checksum = wire::ReceivedOffload::Checksum;

constexpr Port kPort = 5'001;

// A counter of the kernel's TCP (both families) in this namespace.
long kernel_tcp_counter(const std::string& name) {
  std::ifstream file("/proc/self/net/snmp");
  std::string names;
  std::string values;
  while (std::getline(file, names) && std::getline(file, values)) {
    if (!names.starts_with("Tcp:")) continue;
    std::istringstream name_words(names);
    std::istringstream value_words(values);
    std::string word;
    std::string value;
    while (name_words >> word && value_words >> value) {
      if (word == name) return std::stol(value);
    }
  }
  return -1;
}

class TunTrafficTest : public PrivateNetwork,
                       public testing::WithParamInterface<std::tuple<Family, Offload>> {
 protected:
  void SetUp() override {
    PrivateNetwork::SetUp();
    if (IsSkipped()) return;
    std::tie(family_, offload_) = GetParam();
    TunOptions options;
    options.offload = offload_;
    auto opened = TunDevice::open(options);
    ASSERT_TRUE(opened) << opened.error().text;
    device_ = std::move(*opened);
    const Outcome<void> done = device_->set_up(both_families());
    ASSERT_TRUE(done) << done.error().text;
    listener_ = Peer::listen(family_, kPort);
  }

  std::string read_socket(const UniqueFd& socket) {
    std::string received;
    std::vector<char> room(1 << 20);
    ssize_t octets = 0;
    while ((octets = ::recv(socket.get(), room.data(), room.size(), 0)) > 0) {
      received.append(room.data(), static_cast<std::size_t>(octets));
    }
    return received;
  }

  Family family_ = Family::ipv4;
  Offload offload_ = Offload::full;
  std::unique_ptr<TunDevice> device_;
  UniqueFd listener_;
};

TEST_P(TunTrafficTest, TheKernelReceivesWhatIsSent) {
  // With the checksum left to the device, and with a complete one.
  for (const bool is_partial : {true, false}) {
    Peer peer(*device_, family_, is_partial, is_partial ? 40'001 : 40'002);
    const UniqueFd socket = peer.connect(listener_, kPort);
    ASSERT_TRUE(socket) << "no connection";
    std::string sent;
    for (const std::size_t octets : {std::size_t{1}, std::size_t{999}, std::size_t{1'400}}) {
      const std::string text = pattern(octets);
      EXPECT_EQ(peer.send(text, 0), wire::SendResult::sent);
      sent += text;
    }
    EXPECT_EQ(read_socket(socket), sent);
  }
  EXPECT_EQ(kernel_tcp_counter("InErrs"), 0);
}

TEST_P(TunTrafficTest, AWrongChecksumIsNotRepairedOnTheWay) {
  Peer peer(*device_, family_, false);
  const UniqueFd socket = peer.connect(listener_, kPort);
  ASSERT_TRUE(socket);
  const FourTuple tuple{{stack_address(family_), 40'000}, {kernel_address(family_), kPort}};
  wire::TcpHeader tcp;
  tcp.flags = wire::Flag::ack;
  const Outgoing good(tuple, tcp, "text", false);
  std::vector<std::uint8_t> octets = good.octets();
  octets.back() ^= 1;
  wire::OutgoingPacket packet;
  packet.headers = octets;
  packet.total_octets = static_cast<std::uint32_t>(octets.size());
  EXPECT_EQ(device_->send(packet), wire::SendResult::sent);
  EXPECT_EQ(kernel_tcp_counter("InCsumErrors"), 1);
}

TEST_P(TunTrafficTest, TheKernelTakesASuperPacketWhole) {
  Peer peer(*device_, family_, true);
  const UniqueFd socket = peer.connect(listener_, kPort);
  ASSERT_TRUE(socket);
  const std::string text = pattern(20U * peer.mss() + 7);  // in two pieces
  const long before = kernel_tcp_counter("InSegs");
  const wire::SendResult result = peer.send(text, peer.mss());
  if (offload_ != Offload::full) {
    EXPECT_EQ(result, wire::SendResult::no_gso);
    EXPECT_EQ(read_socket(socket), "");
    return;
  }
  EXPECT_EQ(result, wire::SendResult::sent);
  EXPECT_EQ(read_socket(socket), text);
  // One walk through the kernel's stack for 21 segments; wire_packets_test.cc sees it cut them.
  EXPECT_EQ(kernel_tcp_counter("InSegs") - before, 1);
}

// The kernel's own description of a super-packet, as a packet socket with PACKET_VNET_HDR gives it.
TEST_P(TunTrafficTest, TheKernelKnowsASuperPacketsSegments) {
  if (offload_ != Offload::full) return;
  const UniqueFd watch(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
                                htons(family_ == Family::ipv4 ? ETH_P_IP : ETH_P_IPV6)));
  ASSERT_TRUE(watch) << std::strerror(errno);
  const int on = 1;
  ASSERT_EQ(::setsockopt(watch.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on), 0);

  using enum wire::Flag;
  const struct {
    wire::Flags flags;
    std::size_t text_octets;
    unsigned gso_type;  // linux/virtio_net.h: 1 TCPv4, 4 TCPv6, 0x80 the first carries CWR
  } cases[] = {{ack, 3'000, family_ == Family::ipv4 ? 1U : 4U},
               {ack | cwr, 3'000, family_ == Family::ipv4 ? 0x81U : 0x84U},
               {ack | cwr, 1'000, 0}};  // a single segment is an ordinary packet
  for (const auto& c : cases) {
    const FourTuple tuple{{stack_address(family_), 1}, {kernel_address(family_), 2}};
    wire::TcpHeader tcp;
    tcp.flags = c.flags;
    const Outgoing super(tuple, tcp, pattern(c.text_octets), true, 1'000);
    ASSERT_EQ(device_->send(super.packet()), wire::SendResult::sent);
    std::vector<std::uint8_t> room(kReadRoomOctets);
    const ssize_t octets = ::recv(watch.get(), room.data(), room.size(), 0);
    ASSERT_EQ(octets, static_cast<ssize_t>(10 + super.octets().size()));
    EXPECT_EQ(room[1], c.gso_type);
    std::uint16_t gso_size = 0;
    std::memcpy(&gso_size, room.data() + 4, sizeof gso_size);
    EXPECT_EQ(gso_size, c.gso_type == 0 ? 0 : 1'000);
    room.resize(static_cast<std::size_t>(octets));
    EXPECT_EQ(std::vector<std::uint8_t>(room.begin() + 10, room.end()), super.octets());
    // The answer to a segment of no connection (RFC 9293, 3.10.7.1) is not looked at.
    while (::recv(watch.get(), room.data(), room.size(), 0) > 0) continue;
  }
}

TEST_P(TunTrafficTest, TheLargestSuperPacketArrives) {
  if (offload_ != Offload::full) return;  // TheKernelTakesASuperPacketWhole says what happens
  Peer peer(*device_, family_, true);
  const UniqueFd socket = peer.connect(listener_, kPort);
  ASSERT_TRUE(socket);
  const std::uint32_t most = device_->link().capabilities.gso_max_octets;
  const std::string text = pattern(most - wire::ip_header_octets(family_) - wire::kTcpHeaderOctets);
  // The kernel's receive window opens in steps: the second half of the window needs the first.
  ASSERT_EQ(peer.send(text.substr(0, 30'000), peer.mss()), wire::SendResult::sent);
  ASSERT_EQ(read_socket(socket).size(), 30'000U);
  ASSERT_EQ(peer.send(text, peer.mss()), wire::SendResult::sent);
  EXPECT_EQ(read_socket(socket), text);
}

TEST_P(TunTrafficTest, ASuperPacketOfOneSegmentIsAnOrdinaryPacket) {
  if (offload_ != Offload::full) return;
  Peer peer(*device_, family_, true);
  const UniqueFd socket = peer.connect(listener_, kPort);
  ASSERT_TRUE(socket);
  EXPECT_EQ(peer.send(pattern(500), 500), wire::SendResult::sent);
  EXPECT_EQ(peer.send(pattern(499), 500), wire::SendResult::sent);
  EXPECT_EQ(read_socket(socket), pattern(500) + pattern(499));
}

TEST_P(TunTrafficTest, WhatTheKernelSendsIsReadAsTheStepPromises) {
  Peer peer(*device_, family_, true);
  const UniqueFd socket = peer.connect(listener_, kPort);
  ASSERT_TRUE(socket);
  const std::string text = pattern(2'000'000);
  std::size_t written = 0;
  std::string received;
  std::size_t largest = 0;
  while (received.size() < text.size()) {
    const ssize_t octets = ::send(socket.get(), text.data() + written, text.size() - written, 0);
    if (octets > 0) written += static_cast<std::size_t>(octets);
    const auto packet = peer.receive(received);
    ASSERT_TRUE(packet) << "stalled after " << received.size();
    const Bytes segment = transport_of(packet->octets);
    largest = std::max(largest, segment.size());

    const bool is_valid =
        wire::has_valid_tcp_checksum(kernel_address(family_), stack_address(family_), segment);
    if (offload_ == Offload::none) {
      EXPECT_EQ(packet->offload.checksum, Checksum::unknown);
      ASSERT_TRUE(is_valid);
    } else {
      EXPECT_EQ(packet->offload.checksum, Checksum::partial);
      // The field holds the pseudo-header's sum.
      ASSERT_EQ(load_be16(segment.data() + wire::kTcpChecksumOffset),
                pseudo_header_sum(kernel_address(family_), stack_address(family_),
                                  wire::kProtocolTcp, static_cast<std::uint32_t>(segment.size()))
                    .folded());
    }
    if (packet->octets.size() > 1'500) {
      EXPECT_EQ(offload_, Offload::full);
      EXPECT_EQ(packet->offload.gso_size, peer.mss());
    } else {
      EXPECT_EQ(packet->offload.gso_size, 0);
    }
  }
  EXPECT_EQ(received, text);
  if (offload_ == Offload::full) {
    EXPECT_GT(largest, 60'000U);
  }
  EXPECT_EQ(kernel_tcp_counter("InCsumErrors"), 0);
}

INSTANTIATE_TEST_SUITE_P(All, TunTrafficTest,
                         testing::Combine(testing::Values(Family::ipv4, Family::ipv6),
                                          testing::Values(Offload::full, Offload::checksum,
                                                          Offload::none)),
                         [](const auto& tested) {
                           return std::string(std::get<0>(tested.param) == Family::ipv4 ? "ipv4_"
                                                                                        : "ipv6_") +
                                  to_string(std::get<1>(tested.param));
                         });

}  // namespace
}  // namespace tuntcp::io
