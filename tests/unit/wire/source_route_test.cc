// Source routes of IPv4: RFC 791, 3.1. What hosts do with them is rfc9293/source_route_test.cc.
#include "stack/wire/source_route.h"

#include <gtest/gtest.h>

#include "stack/wire/ip.h"
#include "tests/support/hex.h"

namespace tuntcp::wire {
namespace {

using test::from_hex;
using test::Octets;

const IpAddress kDestination = *IpAddress::parse("203.0.113.9");

std::optional<SourceRouteOption> found_in(const char* options) {
  const Octets octets = from_hex(options);
  const auto found = find_source_route(octets);
  EXPECT_TRUE(found) << options;
  return found.value_or(std::nullopt);
}

TEST(FindSourceRoute, WhereThereIsNoneFindsNone) {
  EXPECT_FALSE(found_in(""));
  EXPECT_FALSE(found_in("01010101"));
  EXPECT_FALSE(found_in("94040000"));
  EXPECT_FALSE(found_in("00830704"));  // behind the end of the list
}

TEST(FindSourceRoute, BetweenOtherOptionsIsRead) {
  const auto found = found_in("94040000 01 890b08 c0000201 c0000202 44040500");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->entries.is_strict);
  ASSERT_EQ(found->entries.count, 2);
  EXPECT_EQ(found->entries.first_hop(), *IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(IpAddress::v4(found->entries.hops()[1]), *IpAddress::parse("192.0.2.2"));
  EXPECT_EQ(found->visited, 1);
  EXPECT_FALSE(found->is_complete());
  EXPECT_EQ(found->reversed(kDestination), std::nullopt);
}

// "If the pointer is greater than the length, the source route is empty".
TEST(FindSourceRoute, WithThePointerBehindItsEndIsComplete) {
  for (const char* options : {"830708 c0000201 00", "8307fc c0000201 00"}) {
    const auto found = found_in(options);
    ASSERT_TRUE(found) << options;
    EXPECT_TRUE(found->is_complete()) << options;
    const auto back = found->reversed(kDestination);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->first_hop(), *IpAddress::parse("192.0.2.1"));
    EXPECT_FALSE(back->is_strict);
  }
}

TEST(FindSourceRoute, WithoutAddressesIsCompleteAndHasNoWayBack) {
  const auto found = found_in("830304 00");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->is_complete());
  EXPECT_EQ(found->reversed(kDestination), std::nullopt);
}

// Any octets: an answer, and nothing is read outside (which a sanitizer sees).
TEST(FindSourceRoute, CutShortAnywhereIsReadNoFurther) {
  const Octets whole = from_hex("01 830b0c c0000201 c0000202");
  for (std::size_t octets = 0; octets < whole.size(); ++octets) {
    const Octets cut = test::first_octets(whole, octets);
    const auto found = find_source_route(cut);
    if (octets <= 1) {
      EXPECT_TRUE(found);
    } else {
      ASSERT_FALSE(found) << octets;
      EXPECT_EQ(found.error(), DropReason::ip_bad_header);
    }
  }
}

TEST(WriteSourceRoute, IsReadBackAsItWasWritten) {
  for (std::uint8_t count = 1; count <= kMaxSourceRouteHops; ++count) {
    SourceRoute route{.count = count, .is_strict = count % 2 == 0};
    for (std::uint32_t i = 0; i < count; ++i) route.addresses[i] = 0xc0000201 + i;
    Octets octets(route.option_octets());
    ASSERT_LE(octets.size(), kIpv4MaxOptionOctets);
    write_source_route(route, kDestination, octets.data());
    const auto found = find_source_route(octets);
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->visited, 0);
    EXPECT_EQ((*found)->entries.is_strict, route.is_strict);
    ASSERT_EQ((*found)->entries.count, count);
    for (std::size_t i = 1; i < count; ++i) {
      EXPECT_EQ((*found)->entries.hops()[i - 1], route.hops()[i]);
    }
    EXPECT_EQ(IpAddress::v4((*found)->entries.hops().back()), kDestination);
  }
}

}  // namespace
}  // namespace tuntcp::wire
