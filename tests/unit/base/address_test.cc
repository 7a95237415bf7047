// base/address.h: text forms (RFC 4291, 2.2; RFC 5952), kinds of addresses, prefixes.
#include "stack/base/address.h"

#include <gtest/gtest.h>

namespace tuntcp {
namespace {

IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}
Prefix prefix(std::string_view text) {
  return Prefix::parse(text).value();
}

struct Spelling {
  const char* read;
  const char* written;
};

class AddressText : public testing::TestWithParam<Spelling> {};
INSTANTIATE_TEST_SUITE_P(Ipv4, AddressText,
                         testing::Values(Spelling{"0.0.0.0", "0.0.0.0"},
                                         Spelling{"198.51.100.1", "198.51.100.1"},
                                         Spelling{"255.255.255.255", "255.255.255.255"}));
// RFC 5952: 4.1 leading zeros, 4.2.1 as short as possible, 4.2.2 not for one group, 4.2.3 the
// longest run and of two the first, 4.3 lower case, 5 mixed notation for mapped addresses.
INSTANTIATE_TEST_SUITE_P(Ipv6, AddressText,
                         testing::Values(Spelling{"::", "::"}, Spelling{"0:0:0:0:0:0:0:0", "::"},
                                         Spelling{"0:0:0:0:0:0:0:1", "::1"}, Spelling{"1::", "1::"},
                                         Spelling{"2001:0db8::0001", "2001:db8::1"},
                                         Spelling{"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
                                         Spelling{"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
                                         Spelling{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
                                         Spelling{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
                                         Spelling{"2001:DB8::ABCD", "2001:db8::abcd"},
                                         Spelling{"::ffff:c000:0280", "::ffff:192.0.2.128"},
                                         Spelling{"64:ff9b::192.0.2.1", "64:ff9b::c000:201"},
                                         Spelling{"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"}));

TEST_P(AddressText, IsWrittenInItsCanonicalForm) {
  EXPECT_EQ(address(GetParam().read).to_string(), GetParam().written);
}
TEST_P(AddressText, IsReadBackAsTheSameAddress) {
  EXPECT_EQ(address(GetParam().written), address(GetParam().read));
}

class NotAnAddress : public testing::TestWithParam<std::string_view> {};
INSTANTIATE_TEST_SUITE_P(
    Texts, NotAnAddress,
    testing::Values("", " ", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", " 1.2.3.4",
                    "01.2.3.4", "1.2.3.-4", "0x7f.0.0.1", "1.2.3.4/24", "1.2.3.4:80", ":",
                    ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
                    "12345::", "g::", "::1%lo", "[::1]", "2001:db8::1/64", "::1.2.3", "localhost",
                    std::string_view("1.2.3.4\0", 8), std::string_view("::1\0x", 5),
                    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001"));

TEST_P(NotAnAddress, IsRefused) {
  EXPECT_EQ(IpAddress::parse(GetParam()), std::nullopt);
}

TEST(IpAddress, DefaultIsTheUnspecifiedIpv4Address) {
  EXPECT_EQ(IpAddress(), address("0.0.0.0"));
  EXPECT_EQ(IpAddress::any(Family::ipv6), address("::"));
}

TEST(IpAddress, FamiliesNeverCompareEqual) {
  EXPECT_NE(IpAddress::any(Family::ipv4), IpAddress::any(Family::ipv6));
}

TEST(IpAddress, OctetsAreInNetworkOrder) {
  const std::uint8_t v4[] = {198, 51, 100, 1};
  EXPECT_EQ(IpAddress::from_octets(Family::ipv4, v4), address("198.51.100.1"));
  EXPECT_EQ(IpAddress::v4(0xc6336401), address("198.51.100.1"));
  EXPECT_EQ(address("198.51.100.1").v4_host_order(), 0xc6336401U);
  EXPECT_EQ(address("198.51.100.1").size(), 4U);

  const std::array<std::uint8_t, 16> v6 = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0,
                                           0,    0,    0,    0,    0, 0, 0, 1};
  EXPECT_EQ(IpAddress::from_octets(Family::ipv6, v6.data()), address("2001:db8::1"));
  EXPECT_EQ(IpAddress::v6(v6), address("2001:db8::1"));
  EXPECT_EQ(address("2001:db8::1").size(), 16U);
}

struct Kind {
  const char* text;
  bool any = false, loopback = false, multicast = false, broadcast = false;
};
class AddressKind : public testing::TestWithParam<Kind> {};
INSTANTIATE_TEST_SUITE_P(
    Table, AddressKind,
    testing::Values(Kind{.text = "0.0.0.0", .any = true}, Kind{.text = "0.0.0.1"},
                    Kind{.text = "126.255.255.255"}, Kind{.text = "127.0.0.0", .loopback = true},
                    Kind{.text = "127.255.255.255", .loopback = true}, Kind{.text = "128.0.0.0"},
                    Kind{.text = "223.255.255.255"}, Kind{.text = "224.0.0.0", .multicast = true},
                    Kind{.text = "239.255.255.255", .multicast = true}, Kind{.text = "240.0.0.0"},
                    Kind{.text = "255.255.255.254"},
                    Kind{.text = "255.255.255.255", .broadcast = true},
                    Kind{.text = "::", .any = true}, Kind{.text = "::1", .loopback = true},
                    Kind{.text = "::2"}, Kind{.text = "7f00::1"}, Kind{.text = "e000::1"},
                    Kind{.text = "feff::1"}, Kind{.text = "ff00::", .multicast = true},
                    Kind{.text = "ff02::1", .multicast = true}, Kind{.text = "2001:db8::1"},
                    Kind{.text = "fe80::1"}));

TEST_P(AddressKind, IsRecognised) {
  const IpAddress a = address(GetParam().text);
  EXPECT_EQ(a.is_any(), GetParam().any);
  EXPECT_EQ(a.is_loopback(), GetParam().loopback);
  EXPECT_EQ(a.is_multicast(), GetParam().multicast);
  EXPECT_EQ(a.is_limited_broadcast(), GetParam().broadcast);
  EXPECT_EQ(a.is_unicast(), !GetParam().any && !GetParam().multicast && !GetParam().broadcast);
}

class NotAPrefix : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Texts, NotAPrefix,
                         testing::Values("", "/", "198.51.100.1", "198.51.100.1/", "/24",
                                         "198.51.100.1/33", "198.51.100.1/-1", "198.51.100.1/+1",
                                         "198.51.100.1/024", "198.51.100.1/24 ", "198.51.100.1/ 24",
                                         "198.51.100.1/24/8", "198.51.100.1/0x8", "2001:db8::/129",
                                         "198.51.100.1/4294967320",
                                         "198.51.100.1/99999999999999999999"));

TEST_P(NotAPrefix, IsRefused) {
  EXPECT_EQ(Prefix::parse(GetParam()), std::nullopt);
}

TEST(Prefix, IsReadAndWrittenWithTheAddressKept) {
  EXPECT_EQ(prefix("198.51.100.2/24"), (Prefix{.address = address("198.51.100.2"), .length = 24}));
  EXPECT_EQ(prefix("198.51.100.2/24").to_string(), "198.51.100.2/24");
  EXPECT_EQ(prefix("0.0.0.0/0").to_string(), "0.0.0.0/0");
  EXPECT_EQ(prefix("2001:db8::1/128").to_string(), "2001:db8::1/128");
}

TEST(Prefix, ContainsWhatAgreesInItsFirstBits) {
  EXPECT_TRUE(prefix("198.51.100.2/24").contains(address("198.51.100.255")));
  EXPECT_FALSE(prefix("198.51.100.2/24").contains(address("198.51.101.2")));
  EXPECT_TRUE(prefix("198.51.100.128/25").contains(address("198.51.100.200")));
  EXPECT_FALSE(prefix("198.51.100.128/25").contains(address("198.51.100.127")));
  EXPECT_TRUE(prefix("198.51.100.2/32").contains(address("198.51.100.2")));
  EXPECT_FALSE(prefix("198.51.100.2/32").contains(address("198.51.100.3")));
  EXPECT_TRUE(prefix("2001:db8::/33").contains(address("2001:db8:7fff::1")));
  EXPECT_FALSE(prefix("2001:db8::/33").contains(address("2001:db8:8000::1")));
  EXPECT_TRUE(prefix("2001:db8::1/128").contains(address("2001:db8::1")));
  EXPECT_FALSE(prefix("2001:db8::1/128").contains(address("2001:db8::2")));
}

TEST(Prefix, OfLengthZeroContainsItsWholeFamilyOnly) {
  EXPECT_TRUE(prefix("0.0.0.0/0").contains(address("255.255.255.255")));
  EXPECT_FALSE(prefix("0.0.0.0/0").contains(address("::")));
  EXPECT_FALSE(prefix("::/0").contains(address("0.0.0.0")));
}

TEST(Prefix, BroadcastIsTheLastAddressOfAnIpv4Network) {
  EXPECT_TRUE(prefix("198.51.100.2/24").is_broadcast(address("198.51.100.255")));
  EXPECT_FALSE(prefix("198.51.100.2/24").is_broadcast(address("198.51.100.254")));
  EXPECT_FALSE(prefix("198.51.100.2/24").is_broadcast(address("198.51.101.255")));
  EXPECT_TRUE(prefix("198.51.100.2/30").is_broadcast(address("198.51.100.3")));
  EXPECT_FALSE(prefix("2001:db8::/64").is_broadcast(address("2001:db8::ffff:ffff:ffff:ffff")));
}

// RFC 3021, 2.1: on a 31-bit prefix both addresses are hosts'.
TEST(Prefix, PointToPointNetworkHasNoBroadcast) {
  EXPECT_FALSE(prefix("198.51.100.2/31").is_broadcast(address("198.51.100.3")));
  EXPECT_FALSE(prefix("198.51.100.3/32").is_broadcast(address("198.51.100.3")));
}

// RFC 5952, 6: brackets keep an IPv6 address apart from its port.
TEST(Endpoint, IsWrittenWithBracketsAroundIpv6) {
  EXPECT_EQ((Endpoint{.address = address("198.51.100.1"), .port = 80}).to_string(),
            "198.51.100.1:80");
  EXPECT_EQ((Endpoint{.address = address("2001:db8::1"), .port = 65'535}).to_string(),
            "[2001:db8::1]:65535");
}

TEST(FourTuple, ReversedIsThePeersView) {
  const FourTuple ours{.local = {.address = address("198.51.100.1"), .port = 80},
                       .remote = {.address = address("198.51.100.2"), .port = 40'000}};
  EXPECT_EQ(ours.reversed().local, ours.remote);
  EXPECT_EQ(ours.reversed().remote, ours.local);
  EXPECT_EQ(ours.reversed().reversed(), ours);
  EXPECT_NE(ours.reversed(), ours);
}

}  // namespace
}  // namespace tuntcp
