// TunDevice: how it is opened, what it says when it cannot be, and how it falls back.
#include "stack/io/tun_device.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstring>

#include "tests/unit/io/peer.h"
#include "tests/unit/io/private_network.h"

namespace tuntcp::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

using TunDeviceTest = PrivateNetwork;

Outcome<std::unique_ptr<TunDevice>> open_named(const std::string& name,
                                               Offload offload = Offload::full) {
  TunOptions options;
  options.name = name;
  options.offload = offload;
  return TunDevice::open(options);
}

std::string failure_of(const Outcome<std::unique_ptr<TunDevice>>& outcome) {
  return outcome ? "opened " + (*outcome)->name() : outcome.error().text;
}

// What the kernel itself says about a device (ip -d link).
std::string kernel_view(const std::string& name) {
  return output_of("ip -d link show dev " + name);
}

TEST_F(TunDeviceTest, OpeningMakesAnInterfaceAndClosingRemovesIt) {
  {
    const auto device = open_named("tst0");
    ASSERT_TRUE(device) << device.error().text;
    EXPECT_EQ((*device)->name(), "tst0");
    EXPECT_TRUE((*device)->link().exists);
    EXPECT_FALSE((*device)->link().is_up);
    EXPECT_EQ((*device)->link().capabilities.mtu, 1500U);
    EXPECT_THAT(kernel_view("tst0"),
                AllOf(HasSubstr("tun type tun pi off vnet_hdr on persist off"),
                      HasSubstr(std::to_string((*device)->index()) + ": tst0")));
  }
  EXPECT_THAT(kernel_view("tst0"), HasSubstr("does not exist"));
}

TEST_F(TunDeviceTest, TheKernelChoosesTheNumberInAName) {
  const auto first = open_named("web%d");
  const auto second = open_named("web%d");
  const auto third = open_named("");
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ((*first)->name(), "web0");
  EXPECT_EQ((*second)->name(), "web1");
  EXPECT_EQ((*third)->name(), "tun0");
}

TEST_F(TunDeviceTest, NamesThatCannotBeAreRefusedWithTheReason) {
  const struct {
    const char* name;
    const char* reason;
  } cases[] = {
      {"sixteen-octets-x", "longer than 15 octets"},
      {"a/b", "'/', ':' and blanks"},
      {"a b", "'/', ':' and blanks"},
      {"a:b", "'/', ':' and blanks"},
      {"..", "'.' and '..'"},
      {"a%s", "'%' is only allowed in one '%d'"},
      {"%d%d", "'%' is only allowed in one '%d'"},
      {"a%", "'%' is only allowed in one '%d'"},
  };
  for (const auto& c : cases) {
    const auto device = open_named(c.name);
    ASSERT_FALSE(device) << c.name;
    EXPECT_EQ(device.error().code, std::errc::invalid_argument);
    EXPECT_THAT(device.error().text,
                AllOf(HasSubstr(std::string("'") + c.name + "'"), HasSubstr(c.reason),
                      HasSubstr("choose another name"), Not(HasSubstr("\n"))));
  }
  // The longest that can be.
  const auto longest = open_named("fifteen-octets-");
  EXPECT_TRUE(longest) << failure_of(longest);
}

TEST_F(TunDeviceTest, AttachesToAPersistentDeviceAndLeavesItThere) {
  ASSERT_EQ(output_of("ip tuntap add dev tst0 mode tun"), "");
  for (const Offload offload : {Offload::full, Offload::none, Offload::checksum}) {
    const auto device = open_named("tst0", offload);
    ASSERT_TRUE(device) << failure_of(device);
    EXPECT_EQ((*device)->offload(), offload);
    EXPECT_THAT(
        kernel_view("tst0"),
        HasSubstr(offload == Offload::none ? "vnet_hdr off persist on" : "vnet_hdr on persist on"));
  }
  EXPECT_THAT(kernel_view("tst0"), HasSubstr("tst0: "));
}

TEST_F(TunDeviceTest, WhatLastUserOfAPersistentDeviceSetDoesNotMatter) {
  // A virtio_net header of 12 octets: the first read would be garbled if it stayed.
  ASSERT_EQ(output_of("ip tuntap add dev tst0 mode tun vnet_hdr"), "");
  {
    const UniqueFd other(::open("/dev/net/tun", O_RDWR));
    ifreq request{};
    std::strcpy(request.ifr_name, "tst0");
    request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
    ASSERT_EQ(::ioctl(other.get(), TUNSETIFF, &request), 0);
    const int octets = 12;
    ASSERT_EQ(::ioctl(other.get(), TUNSETVNETHDRSZ, &octets), 0);
  }
  const auto device = open_named("tst0");
  ASSERT_TRUE(device) << failure_of(device);
  ASSERT_TRUE((*device)->set_up(both_families()));
  output_of("ping -c 1 -W 0.1 198.51.100.2");
  const auto echo = next_packet(**device, [](const Arrived& packet) {
    return packet.octets.size() == 84 && packet.octets[0] == 0x45 && packet.octets[9] == 1;
  });
  EXPECT_TRUE(echo);
}

TEST_F(TunDeviceTest, AMismatchOfKindIsNamed) {
  output_of("ip tuntap add dev tap0 mode tap");
  output_of("ip tuntap add dev mq0 mode tun multi_queue");
  output_of("ip link add veth0 type veth peer name veth1");
  const struct {
    const char* name;
    const char* reason;
  } cases[] = {
      {"tap0", "cannot attach to TUN device 'tap0': it is a TAP device; "},
      {"mq0", "cannot attach to TUN device 'mq0': it was made with multi_queue; "},
      {"veth0", "cannot attach to TUN device 'veth0': it is a veth interface; "},
      {"lo", "cannot attach to TUN device 'lo': it is no TUN device; "},
  };
  for (const auto& c : cases) {
    const auto device = open_named(c.name);
    ASSERT_FALSE(device) << c.name;
    EXPECT_EQ(device.error().code, std::errc::invalid_argument);
    EXPECT_THAT(device.error().text, HasSubstr(c.reason));
  }
}

TEST_F(TunDeviceTest, ADeviceInUseIsBusy) {
  const auto first = open_named("tst0");
  ASSERT_TRUE(first);
  const auto second = open_named("tst0");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, std::errc::device_or_resource_busy);
  EXPECT_EQ(second.error().text,
            "cannot attach to TUN device 'tst0': another program uses it; stop that program or "
            "choose another name");
}

TEST_F(TunDeviceTest, AMissingNodeOrDriverIsNamed) {
  TunOptions options;
  options.node = "/dev/net/no-such-node";
  const auto missing = TunDevice::open(options);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, std::errc::no_such_file_or_directory);
  EXPECT_THAT(missing.error().text,
              AllOf(HasSubstr("cannot open /dev/net/no-such-node: No such file or directory"),
                    HasSubstr("modprobe tun")));

  options.node = "/dev/null";
  const auto other = TunDevice::open(options);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().text, "cannot use /dev/null: it is not the TUN driver's node");
}

TEST_F(TunDeviceTest, AUserWhoMayNotOpenTheNodeIsToldTheMend) {
  // A node of our own, which only root may open, whatever the machine's is like.
  EXPECT_TRUE(in_child([] {
    const std::string node = testing::TempDir() + "/tun-0600-" + std::to_string(::getpid());
    if (::mknod(node.c_str(), S_IFCHR | 0600, makedev(10, 200)) != 0) return false;
    become_nobody();
    TunOptions options;
    options.node = node;
    const auto device = TunDevice::open(options);
    EXPECT_THAT(failure_of(device),
                AllOf(HasSubstr("cannot open " + node + ": Permission denied; run as root"),
                      HasSubstr("unshare -Urn"), HasSubstr("CAP_NET_ADMIN")));
    return !testing::Test::HasFailure() && device.error().code == std::errc::permission_denied;
  }));
  output_of("rm -f " + testing::TempDir() + "/tun-0600-*");
}

TEST_F(TunDeviceTest, AUserWithoutCapabilityMayAttachOnlyToADeviceOfTheirOwn) {
  output_of("ip tuntap add dev mine0 mode tun user 65534; ip tuntap add dev root0 mode tun user 0");
  EXPECT_TRUE(in_child([] {
    // A node for everybody, in a mount namespace that ends with this process.
    TunOptions options;
    options.node = "/mnt/tun";
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", "/mnt", "tmpfs", 0, nullptr) != 0) {
      return false;
    }
    ::umask(0);
    if (::mknod("/mnt/tun", S_IFCHR | 0666, makedev(10, 200)) != 0) return false;
    become_nobody();

    options.name = "new0";
    const auto made = TunDevice::open(options);
    EXPECT_THAT(failure_of(made), AllOf(HasSubstr("cannot make TUN device 'new0': Operation not "
                                                  "permitted; run as root or with CAP_NET_ADMIN"),
                                        HasSubstr("ip tuntap add")));
    options.name = "root0";
    const auto others = TunDevice::open(options);
    EXPECT_EQ(failure_of(others),
              "cannot attach to TUN device 'root0': it belongs to another user; run as root or as "
              "its owner");
    options.name = "mine0";
    const auto mine = TunDevice::open(options);
    EXPECT_EQ(failure_of(mine), "opened mine0");
    if (!mine) return false;
    const Outcome<void> set_up = (*mine)->set_up(both_families());
    EXPECT_FALSE(set_up);
    EXPECT_THAT(set_up ? "" : set_up.error().text,
                AllOf(HasSubstr("cannot change interface mine0"), HasSubstr("CAP_NET_ADMIN")));
    return !testing::Test::HasFailure();
  }));
}

TEST_F(TunDeviceTest, AnOrdinaryUserIsServedInAUserNamespace) {
  if (!in_child([] {
        become_nobody();
        return ::unshare(CLONE_NEWUSER) == 0;
      })) {
    GTEST_SKIP() << "this machine does not let an ordinary user make a user namespace";
  }
  EXPECT_TRUE(in_child([] {
    TunOptions options;
    options.node = "/mnt/tun";
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", "/mnt", "tmpfs", 0, nullptr) != 0) {
      return false;
    }
    ::umask(0);
    if (::mknod("/mnt/tun", S_IFCHR | 0666, makedev(10, 200)) != 0) return false;
    become_nobody();
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
    const auto device = TunDevice::open(options);
    EXPECT_EQ(failure_of(device), "opened tun0");
    if (!device) return false;
    const Outcome<void> set_up = (*device)->set_up(both_families());
    EXPECT_TRUE(set_up) << set_up.error().text;
    return !testing::Test::HasFailure() && (*device)->link().is_up;
  }));
}

TEST_F(TunDeviceTest, EachOffloadStepCanBeAskedFor) {
  const struct {
    Offload offload;
    bool checksum;
    std::uint32_t gso_max_octets;
    std::uint32_t headroom;
    const char* name;
  } cases[] = {{Offload::full, true, 65'535, 10, "full"},
               {Offload::checksum, true, 0, 10, "csum"},
               {Offload::none, false, 0, 0, "none"}};
  for (const auto& c : cases) {
    const auto device = open_named("tst0", c.offload);
    ASSERT_TRUE(device) << failure_of(device);
    EXPECT_EQ((*device)->offload(), c.offload);
    EXPECT_STREQ(to_string((*device)->offload()), c.name);
    EXPECT_EQ((*device)->link().capabilities.checksum, c.checksum);
    EXPECT_EQ((*device)->link().capabilities.gso_max_octets, c.gso_max_octets);
    EXPECT_EQ((*device)->headroom(), c.headroom);
    EXPECT_LE((*device)->headroom(), kMaxHeadroom);
  }
}

// A kernel that refuses, played by a system call filter in a child process.
TEST_F(TunDeviceTest, ARefusedOffloadFallsBackStepByStep) {
  const auto opened_as = [](unsigned request, unsigned mask) {
    return [request, mask] {
      refuse_ioctl(request, mask);
      const auto device = open_named("tst0");
      std::printf("%s: %s\n", failure_of(device).c_str(),
                  device ? to_string((*device)->offload()) : "");
      std::fflush(stdout);
      return device && (*device)->link().capabilities.mtu == 1500;
    };
  };
  const struct {
    unsigned request;
    unsigned mask;
    const char* expected;
  } cases[] = {
      {TUNSETOFFLOAD, TUN_F_TSO_ECN, "full"}, {TUNSETOFFLOAD, TUN_F_TSO4 | TUN_F_TSO6, "csum"},
      {TUNSETOFFLOAD, TUN_F_CSUM, "none"},    {TUNSETOFFLOAD, 0, "none"},
      {TUNSETVNETHDRSZ, 0, "none"},
  };
  for (const auto& c : cases) {
    testing::internal::CaptureStdout();
    EXPECT_TRUE(in_child(opened_as(c.request, c.mask)));
    EXPECT_EQ(testing::internal::GetCapturedStdout(),
              std::string("opened tst0: ") + c.expected + "\n");
  }
}

TEST_F(TunDeviceTest, AKernelThatRefusesSuperPacketsIsFoundOutAtOpen) {
  EXPECT_TRUE(in_child([] {
    refuse_long_writev(3);  // virtio_net header, headers and text: what the probe writes
    const auto device = open_named("tst0");
    if (!device) return false;
    return (*device)->offload() == Offload::full && (*device)->link().capabilities.checksum &&
           (*device)->link().capabilities.gso_max_octets == 0;
  }));
}

TEST_F(TunDeviceTest, EinvalForASuperPacketDemotesAtRunTime) {
  EXPECT_TRUE(in_child([] {
    const auto device = open_named("tst0");
    if (!device || !(*device)->set_up(both_families())) return false;
    EXPECT_GT((*device)->link().capabilities.gso_max_octets, 0U);
    refuse_long_writev(4);  // text in two pieces

    const FourTuple tuple{{stack_address(Family::ipv4), 1}, {kernel_address(Family::ipv4), 2}};
    wire::TcpHeader tcp;
    tcp.flags = wire::Flag::ack;
    const Outgoing super(tuple, tcp, pattern(5'000), true, 1'000, 2'500);
    EXPECT_EQ((*device)->send(super.packet()), wire::SendResult::no_gso);
    EXPECT_EQ((*device)->link().capabilities.gso_max_octets, 0U);
    EXPECT_TRUE((*device)->link().capabilities.checksum);
    EXPECT_TRUE((*device)->link().is_up);
    // Once demoted, the next is not even tried; single segments pass.
    const Outgoing short_super(tuple, tcp, pattern(5'000), true, 1'000, 5'000);
    EXPECT_EQ((*device)->send(short_super.packet()), wire::SendResult::no_gso);
    const Outgoing single(tuple, tcp, pattern(1'000), true);
    EXPECT_EQ((*device)->send(single.packet()), wire::SendResult::sent);
    // EINVAL for anything else is a loss, and demotes nothing.
    const Outgoing pieces(tuple, tcp, pattern(1'000), true, 0, 500);
    EXPECT_EQ((*device)->send(pieces.packet()), wire::SendResult::down);
    EXPECT_TRUE((*device)->link().capabilities.checksum);
    return !testing::Test::HasFailure();
  }));
}

TEST_F(TunDeviceTest, NothingToReadWouldBlock) {
  const auto device = open_named("tst0");
  ASSERT_TRUE(device);
  std::vector<std::uint8_t> room(kReadRoomOctets);
  wire::ReceivedOffload offload;
  const auto octets = (*device)->read(room, offload);
  ASSERT_FALSE(octets);
  EXPECT_EQ(octets.error(), std::errc::operation_would_block);
}

class TunDeviceFamilyTest : public PrivateNetwork, public testing::WithParamInterface<Family> {};

TEST_P(TunDeviceFamilyTest, WritingWhileDownIsALossAndUpAgainIsSent) {
  const auto device = open_named("tst0");
  ASSERT_TRUE(device && (*device)->set_up(both_families()));
  const FourTuple tuple{{stack_address(GetParam()), 1}, {kernel_address(GetParam()), 2}};
  wire::TcpHeader tcp;
  tcp.flags = wire::Flag::ack;
  const Outgoing single(tuple, tcp, pattern(100), true);
  const Outgoing super(tuple, tcp, pattern(5'000), true, 1'000);
  EXPECT_EQ((*device)->send(single.packet()), wire::SendResult::sent);

  output_of("ip link set tst0 down");
  EXPECT_EQ((*device)->send(single.packet()), wire::SendResult::down);
  EXPECT_FALSE((*device)->link().is_up);  // also before the news are taken
  EXPECT_EQ((*device)->send(super.packet()), wire::SendResult::down);
  EXPECT_TRUE((*device)->link().exists);
  EXPECT_GT((*device)->link().capabilities.gso_max_octets, 0U);

  output_of("ip link set tst0 up");
  ASSERT_TRUE((*device)->take_link_news());
  EXPECT_TRUE((*device)->link().is_up);
  EXPECT_EQ((*device)->send(single.packet()), wire::SendResult::sent);
  EXPECT_EQ((*device)->send(super.packet()), wire::SendResult::sent);
}

TEST_P(TunDeviceFamilyTest, APacketAboveTheMtuIsTooBigASuperPacketIsNot) {
  const auto device = open_named("tst0");
  ASSERT_TRUE(device && (*device)->set_up(both_families()));
  const FourTuple tuple{{stack_address(GetParam()), 1}, {kernel_address(GetParam()), 2}};
  wire::TcpHeader tcp;
  tcp.flags = wire::Flag::ack;
  const auto mss = static_cast<std::uint16_t>(1500 - wire::ip_header_octets(GetParam()) -
                                              wire::kTcpHeaderOctets);
  const Outgoing fits(tuple, tcp, pattern(mss), true);
  const Outgoing too_big(tuple, tcp, pattern(mss + 1U), true);
  const Outgoing super(tuple, tcp, pattern(40'000), true, mss);
  const Outgoing super_too_big(tuple, tcp, pattern(40'000), true,
                               static_cast<std::uint16_t>(mss + 1));
  EXPECT_EQ((*device)->send(fits.packet()), wire::SendResult::sent);
  EXPECT_EQ((*device)->send(too_big.packet()), wire::SendResult::too_big);
  EXPECT_EQ((*device)->send(super.packet()), wire::SendResult::sent);
  EXPECT_EQ((*device)->send(super_too_big.packet()), wire::SendResult::too_big);
}

TEST_P(TunDeviceFamilyTest, ADeletedDeviceIsGoneForReadingAndWriting) {
  const auto device = open_named("tst0");
  ASSERT_TRUE(device && (*device)->set_up(both_families()));
  output_of("ip link del tst0");
  const FourTuple tuple{{stack_address(GetParam()), 1}, {kernel_address(GetParam()), 2}};
  wire::TcpHeader tcp;
  tcp.flags = wire::Flag::ack;
  EXPECT_EQ((*device)->send(Outgoing(tuple, tcp, "x", true).packet()), wire::SendResult::down);
  EXPECT_FALSE((*device)->link().exists);

  std::vector<std::uint8_t> room(kReadRoomOctets);
  wire::ReceivedOffload offload;
  const auto octets = (*device)->read(room, offload);
  ASSERT_FALSE(octets);
  EXPECT_EQ(octets.error(), std::errc::no_such_device);
}

INSTANTIATE_TEST_SUITE_P(Both, TunDeviceFamilyTest, testing::Values(Family::ipv4, Family::ipv6),
                         [](const auto& tested) {
                           return tested.param == Family::ipv4 ? "ipv4" : "ipv6";
                         });

}  // namespace
}  // namespace tuntcp::io
