// The kernel's side of a device (link_setup.h, netlink.h) and the news of it (TunDevice::link).
// What the kernel holds is asked of iproute2, not of our own client.
#include "stack/io/link_setup.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sched.h>

#include "stack/io/tun_device.h"
#include "tests/unit/io/peer.h"
#include "tests/unit/io/private_network.h"

namespace tuntcp::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class LinkSetupTest : public PrivateNetwork {
 protected:
  void SetUp() override {
    PrivateNetwork::SetUp();
    if (IsSkipped()) return;
    TunOptions options;
    options.name = "tst0";
    auto opened = TunDevice::open(options);
    ASSERT_TRUE(opened) << opened.error().text;
    device_ = std::move(*opened);
  }

  // Set up with these addresses, successfully.
  void set_up(const LinkSetup& setup) {
    const Outcome<void> done = device_->set_up(setup);
    ASSERT_TRUE(done) << done.error().text;
  }
  std::string failure_of_set_up(const LinkSetup& setup) {
    const Outcome<void> done = device_->set_up(setup);
    return done ? "no failure" : done.error().text;
  }
  bool has_news() const {
    pollfd readable{device_->link_handle(), POLLIN, 0};
    return ::poll(&readable, 1, 0) == 1;
  }
  void take_news() {
    ASSERT_TRUE(has_news());
    const Outcome<void> taken = device_->take_link_news();
    ASSERT_TRUE(taken) << taken.error().text;
    EXPECT_FALSE(has_news());
  }
  std::uint32_t mtu() const { return device_->link().capabilities.mtu; }

  std::unique_ptr<TunDevice> device_;
};

LinkSetup with_addresses(std::vector<const char*> host, std::vector<const char*> stack) {
  LinkSetup setup;
  for (const char* text : host) setup.host_addresses.push_back(*Prefix::parse(text));
  for (const char* text : stack) setup.stack_addresses.push_back(*Prefix::parse(text));
  return setup;
}

TEST_F(LinkSetupTest, SetsEverythingAndBringsTheLinkUp) {
  LinkSetup setup = both_families();
  setup.mtu = 9'000;
  set_up(setup);
  EXPECT_TRUE(device_->link().is_up);
  EXPECT_EQ(mtu(), 9'000U);
  EXPECT_THAT(output_of("ip addr show dev tst0"),
              AllOf(HasSubstr("mtu 9000"), HasSubstr("qlen 10000"), HasSubstr(",UP,"),
                    HasSubstr("inet 198.51.100.1/24"),
                    HasSubstr("inet6 2001:db8::1/64 scope global nodad")));
  EXPECT_EQ(output_of("cat /proc/sys/net/ipv6/conf/tst0/keep_addr_on_down"), "1\n");
  // The host addresses' connected routes lead to the stack's: no further one is needed.
  EXPECT_THAT(output_of("ip route; ip -6 route"), Not(HasSubstr("proto static")));
  EXPECT_FALSE(has_news());
}

TEST_F(LinkSetupTest, RoutesToStackAddressesThatNoHostAddressCovers) {
  set_up(with_addresses({"198.51.100.1/24", "2001:db8::1/128"},
                        {"198.51.100.2/24", "203.0.113.7/25", "203.0.113.8/25", "2001:db8::2/64"}));
  const std::string routes = output_of("ip route; ip -6 route");
  EXPECT_THAT(routes, AllOf(HasSubstr("203.0.113.0/25 dev tst0 proto static scope link"),
                            HasSubstr("2001:db8::/64 dev tst0 proto static")));
  EXPECT_THAT(routes, Not(HasSubstr("198.51.100.0/24 dev tst0 proto static")));
  // The stack's addresses are not the kernel's.
  EXPECT_THAT(output_of("ip addr"), AllOf(Not(HasSubstr("203.0.113.7")), Not(HasSubstr("::2/"))));
}

TEST_F(LinkSetupTest, SetUpTwiceIsNoError) {
  const LinkSetup setup = with_addresses({"198.51.100.1/24"}, {"203.0.113.7/24", "2001:db8::2/64"});
  set_up(setup);
  set_up(setup);
}

TEST_F(LinkSetupTest, ARouteOfSomebodyElseIsLeftAlone) {
  output_of(
      "ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up;"
      "ip route add 203.0.113.0/24 dev v0");
  EXPECT_EQ(failure_of_set_up(with_addresses({}, {"203.0.113.7/24"})),
            "cannot add a route to 203.0.113.0/24 through interface tst0: it already goes through "
            "another interface; remove that route ('ip route del 203.0.113.0/24') or choose other "
            "addresses");
  EXPECT_THAT(output_of("ip route"), HasSubstr("203.0.113.0/24 dev v0"));
}

TEST_F(LinkSetupTest, SettingsThatCannotBeAreRefusedWithTheReason) {
  EXPECT_EQ(failure_of_set_up(with_addresses({"198.51.100.2/24"}, {"198.51.100.2/24"})),
            "address 198.51.100.2 is given to both the stack and the kernel; choose two addresses "
            "of one network");
  LinkSetup setup = with_addresses({"2001:db8::1/64"}, {});
  setup.mtu = 1'279;
  EXPECT_EQ(failure_of_set_up(setup),
            "cannot use IPv6 on interface tst0 with an MTU of 1279; IPv6 needs at least 1280");
  setup = {};
  setup.mtu = 67;  // RFC 791: every link carries 68 octets
  EXPECT_THAT(failure_of_set_up(setup),
              AllOf(HasSubstr("cannot change interface tst0"), HasSubstr("mtu 67"),
                    HasSubstr("Invalid argument"), HasSubstr("mtu less than device minimum")));
  setup.mtu = 65'536;
  EXPECT_THAT(failure_of_set_up(setup), HasSubstr("mtu greater than device maximum"));
}

TEST_F(LinkSetupTest, DisabledIpv6IsNamedWithItsMend) {
  output_of("sysctl -w net.ipv6.conf.tst0.disable_ipv6=1");
  EXPECT_THAT(failure_of_set_up(with_addresses({"2001:db8::1/64"}, {})),
              AllOf(HasSubstr("cannot add address 2001:db8::1/64 to interface tst0: "),
                    HasSubstr("sysctl -w net.ipv6.conf.tst0.disable_ipv6=0")));
}

TEST_F(LinkSetupTest, AnMtuChangedByTheHostIsSeen) {
  set_up(both_families());
  output_of("ip link set tst0 mtu 1280");
  EXPECT_EQ(mtu(), 1'500U);
  take_news();
  EXPECT_EQ(mtu(), 1'280U);
  output_of("ip link set tst0 mtu 9000; ip link set tst0 mtu 4000");
  take_news();
  EXPECT_EQ(mtu(), 4'000U);
}

TEST_F(LinkSetupTest, DownAndUpAreSeenAndAddressesAndRoutesAreThereAgain) {
  set_up(with_addresses({"198.51.100.1/24", "2001:db8::1/64"},
                        {"198.51.100.2/24", "203.0.113.7/24", "2001:db8:1::2/64"}));
  output_of("ip link set tst0 down");
  take_news();
  EXPECT_FALSE(device_->link().is_up);
  EXPECT_TRUE(device_->link().exists);
  // What keep_addr_on_down is for: without it the address would be gone already.
  EXPECT_THAT(output_of("ip addr show dev tst0"), HasSubstr("inet6 2001:db8::1/64"));

  output_of("ip link set tst0 up");
  take_news();
  EXPECT_TRUE(device_->link().is_up);
  EXPECT_THAT(output_of("ip addr show dev tst0"),
              AllOf(HasSubstr("inet 198.51.100.1/24"), HasSubstr("inet6 2001:db8::1/64")));
  EXPECT_THAT(output_of("ip route; ip -6 route"),
              AllOf(HasSubstr("198.51.100.0/24 dev tst0"), HasSubstr("203.0.113.0/24 dev tst0"),
                    HasSubstr("2001:db8::/64 dev tst0"), HasSubstr("2001:db8:1::/64 dev tst0")));
}

TEST_F(LinkSetupTest, ADownBetweenTwoLooksIsNotMissed) {
  set_up(with_addresses({"198.51.100.1/24"}, {"203.0.113.7/24"}));
  output_of("ip link set tst0 down; ip link set tst0 up");
  EXPECT_THAT(output_of("ip route"), Not(HasSubstr("203.0.113.0/24")));
  take_news();
  EXPECT_TRUE(device_->link().is_up);
  EXPECT_THAT(output_of("ip route"), HasSubstr("203.0.113.0/24 dev tst0"));
}

TEST_F(LinkSetupTest, Ipv6AddressesComeBackWhereTheKernelDoesNotKeepThem) {
  set_up(both_families());
  output_of("sysctl -w net.ipv6.conf.tst0.keep_addr_on_down=0");
  output_of("ip link set tst0 down");
  EXPECT_THAT(output_of("ip addr show dev tst0"), Not(HasSubstr("2001:db8::1")));
  output_of("ip link set tst0 up");
  take_news();
  EXPECT_THAT(output_of("ip addr show dev tst0"), HasSubstr("inet6 2001:db8::1/64"));
}

// RFC 8200, 5: the kernel ends IPv6 on a link below 1,280.
TEST_F(LinkSetupTest, Ipv6AddressesComeBackAfterAnMtuTooSmallForThem) {
  set_up(both_families());
  output_of("ip link set tst0 mtu 1000");
  take_news();
  EXPECT_EQ(mtu(), 1'000U);
  EXPECT_THAT(output_of("ip addr show dev tst0"), Not(HasSubstr("2001:db8::1")));
  output_of("ip link set tst0 mtu 1500");
  take_news();
  EXPECT_THAT(output_of("ip addr show dev tst0"), HasSubstr("inet6 2001:db8::1/64"));
}

TEST_F(LinkSetupTest, ADeletionIsSeen) {
  set_up(both_families());
  output_of("ip link del tst0");
  take_news();
  EXPECT_FALSE(device_->link().exists);
  EXPECT_FALSE(device_->link().is_up);
}

TEST_F(LinkSetupTest, AMoveToAnotherNamespaceIsNoDeletion) {
  set_up(both_families());
  const UniqueFd here(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
  const UniqueFd there(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::setns(here.get(), CLONE_NEWNET), 0);
  ASSERT_EQ(output_of("ip link set tst0 netns /proc/" + std::to_string(::getpid()) + "/fd/" +
                      std::to_string(there.get())),
            "");
  ASSERT_TRUE(has_news());
  const Outcome<void> taken = device_->take_link_news();
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().text,
              HasSubstr("interface tst0 was moved to another network namespace"));
  EXPECT_TRUE(device_->link().exists);
  EXPECT_FALSE(device_->link().is_up);  // as the kernel leaves it
}

TEST_F(LinkSetupTest, NewsOfOtherInterfacesChangeNothing) {
  set_up(both_families());
  const LinkState before = device_->link();
  output_of(
      "ip link add v0 type veth peer name v1; ip link set v0 mtu 1300 up; ip link del v0;"
      "ip link set lo up");
  take_news();
  EXPECT_EQ(device_->link(), before);
}

// A bridge says that a port left it with the same message as a deletion, but for its family.
TEST_F(LinkSetupTest, LeavingABridgeIsNoDeletion) {
  ASSERT_EQ(output_of("ip link add br0 type bridge"), "");
  output_of("ip link add v0 type veth peer name v1; ip link set v0 master br0; ip link set br0 up");
  auto netlink = Netlink::open();
  ASSERT_TRUE(netlink);
  const auto port = netlink->link("v0");
  ASSERT_TRUE(port) << port.error().text;
  auto monitor = LinkMonitor::open(port->index);
  ASSERT_TRUE(monitor) << monitor.error().text;
  output_of("ip link set v0 nomaster");
  const auto news = monitor->take();
  ASSERT_TRUE(news);
  EXPECT_FALSE(news->was_deleted);
  output_of("ip link del v0");
  const auto more = monitor->take();
  ASSERT_TRUE(more);
  EXPECT_TRUE(more->was_deleted);
}

// More news than the socket holds: the state is asked for instead.
TEST_F(LinkSetupTest, NewsLostByTheKernelAreMadeUpFor) {
  set_up(with_addresses({"198.51.100.1/24"}, {"203.0.113.7/24"}));
  output_of(
      "i=0; while [ $i -lt 400 ]; do echo link set dev tst0 mtu $((2000 + i)); i=$((i + 1)); "
      "done | ip -batch -; ip link set tst0 down; ip link set tst0 mtu 1400 up");
  take_news();
  EXPECT_EQ(mtu(), 1'400U);
  EXPECT_TRUE(device_->link().is_up);
  EXPECT_THAT(output_of("ip route"), HasSubstr("203.0.113.0/24 dev tst0"));
}

TEST_F(LinkSetupTest, NewsLostAboutADeletionAreMadeUpFor) {
  set_up(both_families());
  output_of(
      "i=0; while [ $i -lt 400 ]; do echo link set dev tst0 mtu $((2000 + i)); i=$((i + 1)); "
      "done | ip -batch -; ip link del tst0");
  take_news();
  EXPECT_FALSE(device_->link().exists);
}

TEST_F(LinkSetupTest, NetlinkDescribesLinksAndAddresses) {
  set_up(both_families());
  auto netlink = Netlink::open();
  ASSERT_TRUE(netlink) << netlink.error().text;
  const auto by_name = netlink->link("tst0");
  ASSERT_TRUE(by_name) << by_name.error().text;
  EXPECT_EQ(by_name->index, device_->index());
  EXPECT_EQ(by_name->name, "tst0");
  EXPECT_EQ(by_name->mtu, 1'500U);
  EXPECT_EQ(by_name->tx_queue_length, 10'000U);
  EXPECT_EQ(by_name->kind, "tun");
  EXPECT_TRUE(by_name->is_up);
  EXPECT_FALSE(by_name->is_tap);
  EXPECT_FALSE(by_name->is_multi_queue);
  const auto by_index = netlink->link(by_name->index);
  ASSERT_TRUE(by_index);
  EXPECT_EQ(by_index->name, "tst0");

  const auto v4 = netlink->addresses(*by_name, Family::ipv4);
  ASSERT_TRUE(v4) << v4.error().text;
  EXPECT_THAT(*v4, testing::ElementsAre(Prefix{kernel_address(Family::ipv4), 24}));
  const auto v6 = netlink->addresses(*by_name, Family::ipv6);
  ASSERT_TRUE(v6) << v6.error().text;
  EXPECT_THAT(*v6, testing::Contains(Prefix{kernel_address(Family::ipv6), 64}));

  for (const auto& missing : {netlink->link("nope0"), netlink->link(9'999), netlink->link(""),
                              netlink->link("a-name-of-sixteen")}) {
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, std::errc::no_such_device) << missing.error().text;
  }
}

}  // namespace
}  // namespace tuntcp::io
