// for_each_wire_packet against the kernel's own segmentation: a super-packet goes in at one TUN
// device with all offloads and is forwarded to another with none, where the kernel has to cut it.
#include "stack/wire/wire_packets.h"

#include <gmock/gmock.h>

#include "stack/base/checksum.h"
#include "stack/io/tun_device.h"
#include "tests/unit/io/peer.h"
#include "tests/unit/io/private_network.h"

namespace tuntcp::io {
namespace {

using Packets = std::vector<std::vector<std::uint8_t>>;
using Checksum = wire::ReceivedOffload::Checksum;

Packets wire_packets(Bytes packet, const wire::ReceivedOffload& offload) {
  Packets packets;
  wire::for_each_wire_packet(
      packet, offload, [&](Bytes octets) { packets.emplace_back(octets.begin(), octets.end()); });
  return packets;
}

// What a router may change, and has checked before.
void forget_hop_limit(std::vector<std::uint8_t>& packet) {
  ASSERT_TRUE(wire::parse_ip(packet)) << "bad IP header checksum";
  if (packet[0] >> 4 == 6) {
    packet[7] = 0;
  } else {
    packet[8] = 0;
    store_be16(packet.data() + 10, 0);
  }
}

struct Case {
  const char* name;
  wire::Flags flags;
  std::size_t text_octets;
  std::uint16_t gso_size;
  std::vector<std::uint8_t> options;
};

class WirePacketsTest : public PrivateNetwork, public testing::WithParamInterface<Family> {
 protected:
  void SetUp() override {
    PrivateNetwork::SetUp();
    if (IsSkipped()) return;
    in_ = open(Offload::full, both_families());
    LinkSetup other;
    other.host_addresses = {*Prefix::parse("203.0.113.1/24"), *Prefix::parse("2001:db8:1::1/64")};
    out_ = open(Offload::none, other);
    output_of("sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
    const bool is_v4 = GetParam() == Family::ipv4;
    tuple_ = {{stack_address(GetParam()), 1'234},
              {*IpAddress::parse(is_v4 ? "203.0.113.9" : "2001:db8:1::9"), 5'678}};
  }

  static std::unique_ptr<TunDevice> open(Offload offload, const LinkSetup& setup) {
    TunOptions options;
    options.offload = offload;
    auto device = TunDevice::open(options);
    EXPECT_TRUE(device) << device.error().text;
    const Outcome<void> done = (*device)->set_up(setup);
    EXPECT_TRUE(done) << done.error().text;
    return std::move(*device);
  }

  Packets forwarded(std::size_t count) {
    Packets packets;
    while (packets.size() < count) {
      auto packet = next_packet(*out_, [&](const Arrived& p) {
        const auto tcp = tcp_of(p);
        return tcp && tcp->destination == tuple_.remote.port;
      });
      if (!packet) break;
      EXPECT_EQ(packet->offload.checksum, Checksum::unknown);
      packets.push_back(std::move(packet->octets));
    }
    return packets;
  }

  std::unique_ptr<TunDevice> in_;
  std::unique_ptr<TunDevice> out_;
  FourTuple tuple_;
};

TEST_P(WirePacketsTest, TheKernelCutsASuperPacketInTheSameWay) {
  using enum wire::Flag;
  const std::vector<std::uint8_t> timestamps{1, 1, 8, 10, 0, 0, 1, 2, 0, 0, 3, 4};
  const Case cases[] = {
      {"exact multiple", ack, 5'000, 1'000, {}},
      {"shorter last segment", ack | psh, 5'001, 1'000, {}},
      {"odd segments", ack | psh, 4'321, 617, timestamps},
      {"end of the stream", ack | psh | fin, 3'000, 1'400, timestamps},
      {"congestion window reduced", ack | cwr | ece, 3'000, 1'400, {}},
      {"almost 64 KB", ack | psh, 65'000, 1'428, timestamps},
      {"two segments", ack | psh, 1'001, 1'000, {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    wire::TcpHeader tcp;
    tcp.seq = SeqNum(0xffff'fe00);  // wraps within
    tcp.ack = SeqNum(77);
    tcp.window = 500;
    tcp.flags = c.flags;
    const Outgoing super(tuple_, tcp, pattern(c.text_octets), true, c.gso_size, 20'000, c.options);
    ASSERT_EQ(in_->send(super.packet()), wire::SendResult::sent);

    Packets ours = wire_packets(super.octets(), {Checksum::partial, c.gso_size});
    const std::size_t count = (c.text_octets + c.gso_size - 1) / c.gso_size;
    ASSERT_EQ(ours.size(), count);
    Packets kernels = forwarded(count);
    ASSERT_EQ(kernels.size(), count);
    for (std::size_t i = 0; i < count; ++i) {
      forget_hop_limit(ours[i]);
      forget_hop_limit(kernels[i]);
      ASSERT_EQ(ours[i], kernels[i]) << "segment " << i;
    }
  }
}

TEST_P(WirePacketsTest, TheKernelCompletesAChecksumInTheSameWay) {
  wire::TcpHeader tcp;
  tcp.flags = wire::Flag::ack;
  for (const std::size_t octets : {0U, 1U, 999U, 1'400U}) {
    // Also as a "super-packet" of one segment.
    for (const std::uint16_t gso_size : {std::uint16_t{0}, std::uint16_t{1'400}}) {
      const Outgoing packet(tuple_, tcp, pattern(octets), true, gso_size);
      ASSERT_EQ(in_->send(packet.packet()), wire::SendResult::sent);
      Packets ours = wire_packets(packet.octets(), {Checksum::partial, gso_size});
      Packets kernels = forwarded(1);
      ASSERT_EQ(ours.size(), 1U);
      ASSERT_EQ(kernels.size(), 1U);
      forget_hop_limit(ours[0]);
      forget_hop_limit(kernels[0]);
      EXPECT_EQ(ours, kernels) << octets;
    }
  }
}

// What the kernel leaves to the device for UDP, made by the kernel itself.
TEST_P(WirePacketsTest, UdpChecksumsAreCompletedToo) {
  const std::string socket = "/dev/udp/" + stack_address(GetParam()).to_string() + "/9";
  for (const char* text : {"y", "xy", "xxy"}) {
    ASSERT_EQ(output_of(std::string("bash -c 'printf ") + text + " > " + socket + "'"), "");
    const auto packet = next_packet(*in_, [](const Arrived& p) {
      const auto ip = wire::parse_ip(p.octets);
      return ip && ip->protocol == 17;
    });
    ASSERT_TRUE(packet);
    ASSERT_EQ(packet->offload.checksum, Checksum::partial);
    const Packets ours = wire_packets(packet->octets, packet->offload);
    ASSERT_EQ(ours.size(), 1U);
    const Bytes datagram = transport_of(ours[0]);
    ChecksumSum sum = pseudo_header_sum(kernel_address(GetParam()), stack_address(GetParam()), 17,
                                        static_cast<std::uint32_t>(datagram.size()));
    sum.add(datagram);
    EXPECT_EQ(sum.checksum(), 0);
    EXPECT_NE(load_be16(datagram.data() + 6), 0);  // RFC 768: zero means none
  }
}

INSTANTIATE_TEST_SUITE_P(Both, WirePacketsTest, testing::Values(Family::ipv4, Family::ipv6),
                         [](const auto& tested) {
                           return tested.param == Family::ipv4 ? "ipv4" : "ipv6";
                         });

// RFC 768: "If the computed checksum is zero, it is transmitted as all ones": zero means none.
TEST(WirePackets, AUdpChecksumIsNeverZero) {
  wire::IpFields ip;
  ip.source = stack_address(Family::ipv4);
  ip.destination = kernel_address(Family::ipv4);
  ip.protocol = 17;
  ip.payload_octets = 10;
  std::vector<std::uint8_t> packet(30);
  wire::write_ip(ip, packet.data());
  std::uint8_t* datagram = packet.data() + 20;
  store_be16(datagram, 4'000);
  store_be16(datagram + 2, 9);
  store_be16(datagram + 4, 10);
  const std::uint16_t pseudo = pseudo_header_sum(ip.source, ip.destination, 17, 10).folded();
  store_be16(datagram + 6, pseudo);
  // The text makes the sum all ones, whose complement is zero.
  ChecksumSum sum;
  sum.add(Bytes(packet).subspan(20));
  store_be16(datagram + 8, sum.checksum());

  const Packets ours = wire_packets(packet, {Checksum::partial, 0});
  ASSERT_EQ(ours.size(), 1U);
  EXPECT_EQ(load_be16(ours[0].data() + 26), 0xffff);
}

TEST(WirePackets, WhatNeedsNoChangeOrIsNotUnderstoodIsHandedOn) {
  const FourTuple tuple{{stack_address(Family::ipv4), 1}, {kernel_address(Family::ipv4), 2}};
  wire::TcpHeader tcp;
  tcp.flags = wire::Flag::ack;
  const Packets good{Outgoing(tuple, tcp, "text", false).octets()};
  EXPECT_EQ(wire_packets(good[0], {}), good);
  EXPECT_EQ(wire_packets(good[0], {Checksum::valid, 0}), good);

  const Packets others{{},
                       {0x45},
                       {0x10, 0x20, 0x30},
                       std::vector<std::uint8_t>(good[0].begin(), good[0].end() - 1)};
  for (const auto& octets : others) {
    EXPECT_EQ(wire_packets(octets, {Checksum::partial, 1'000}), Packets{octets});
  }
  // A TCP header cut short, and one that claims to be longer than its packet.
  std::vector<std::uint8_t> bad = good[0];
  bad[32] = 0xf0;
  EXPECT_EQ(wire_packets(bad, {Checksum::partial, 1}), Packets{bad});
}

}  // namespace
}  // namespace tuntcp::io
