// wire/fragmentation.h: RFC 791, 3.2; RFC 8200, 4.5. The packets are pings, as the kernel's ping
// would send them on a link that takes them whole.
#include "stack/wire/fragmentation.h"

#include <gtest/gtest.h>

#include <vector>

#include "stack/base/checksum.h"
#include "tests/support/hex.h"

namespace tuntcp::wire {
namespace {

using test::from_hex;
using test::Octets;

Octets with_text(Octets headers, std::size_t octets) {
  for (std::size_t i = 0; i < octets; ++i) headers.push_back(static_cast<std::uint8_t>(i * 7));
  return headers;
}
// Total lengths 20 + 100 and 40 + 100; IPv4's has DF set, and no checksum that is right.
Octets packet_v4() {
  return with_text(from_hex("4500 0078 1b51 4000 4001 0000 c633 6402 cb00 7102"), 100);
}
Octets packet_v6() {
  return with_text(from_hex(R"(
      600a d2b9 0064 3a40 2001 0db8 0001 0000 0000 0000 0000 0002
      2001 0db8 0002 0000 0000 0000 0000 0002)"),
                   100);
}

IpHeader header_of(const Octets& packet) {
  return parse_ip(packet, /*checksum_is_valid=*/true).value();
}

std::vector<Octets> cut(const Octets& packet, std::uint32_t mtu) {
  const auto how = plan_fragments(header_of(packet), mtu);
  std::vector<Octets> fragments;
  for (std::uint32_t i = 0; how && i < how->count; ++i) {
    Octets room(2000);
    room.resize(write_fragment(*how, packet, i, 0xabcd, room));
    fragments.push_back(room);
  }
  return fragments;
}

TEST(WriteFragment, FillsAllButTheLastOfIpv4) {
  const std::vector<Octets> fragments = cut(packet_v4(), 67);  // 47 octets of text: 40
  ASSERT_EQ(fragments.size(), 3U);
  const Octets text = with_text({}, 100);
  // Lengths, identification, flags and offset: 0 with more, 40 / 8 with more, 80 / 8.
  const std::vector<Octets> starts{from_hex("4500 003c abcd 2000 4001"),
                                   from_hex("4500 003c abcd 2005 4001"),
                                   from_hex("4500 0028 abcd 000a 4001")};
  for (std::size_t i = 0; i < 3; ++i) {
    const Octets& fragment = fragments[i];
    EXPECT_EQ(Octets(fragment.begin(), fragment.begin() + 10), starts[i]);
    EXPECT_TRUE(parse_ip(fragment)) << "the checksum is right";
    const auto begin = text.begin() + static_cast<std::ptrdiff_t>(40 * i);
    EXPECT_EQ(Octets(fragment.begin() + 20, fragment.end()),
              Octets(begin, i < 2 ? begin + 40 : text.end()));
  }
}

TEST(WriteFragment, PutsAHeaderIntoThoseOfIpv6) {
  const std::vector<Octets> fragments = cut(packet_v6(), 112);  // 64 octets of text
  ASSERT_EQ(fragments.size(), 2U);
  const Octets text = with_text({}, 100);
  const std::vector<Octets> starts{from_hex("600a d2b9 0048 2c40"),
                                   from_hex("600a d2b9 002c 2c40")};
  const std::vector<Octets> extensions{from_hex("3a00 0001 0000 abcd"),
                                       from_hex("3a00 0040 0000 abcd")};
  for (std::size_t i = 0; i < 2; ++i) {
    const Octets& fragment = fragments[i];
    EXPECT_EQ(Octets(fragment.begin(), fragment.begin() + 8), starts[i]);
    EXPECT_EQ(Octets(fragment.begin() + 40, fragment.begin() + 48), extensions[i]);
    const auto begin = text.begin() + static_cast<std::ptrdiff_t>(64 * i);
    EXPECT_EQ(Octets(fragment.begin() + 48, fragment.end()),
              Octets(begin, i == 0 ? begin + 64 : text.end()));
  }
}

TEST(WriteFragment, WritesNothingWithoutRoom) {
  const Octets packet = packet_v4();
  const auto how = plan_fragments(header_of(packet), 68);
  ASSERT_TRUE(how);
  Octets room(67);
  EXPECT_EQ(write_fragment(*how, packet, 0, 1, room), 0U);
  room.resize(68);
  EXPECT_EQ(write_fragment(*how, packet, 0, 1, room), 68U);
}

TEST(PlanFragments, NeedsRoomForEightOctets) {
  EXPECT_FALSE(plan_fragments(header_of(packet_v4()), 27));
  EXPECT_EQ(plan_fragments(header_of(packet_v4()), 28)->count, 13U);
  EXPECT_FALSE(plan_fragments(header_of(packet_v6()), 55));
  EXPECT_EQ(plan_fragments(header_of(packet_v6()), 56)->count, 13U);
}

TEST(PlanFragments, LeavesExtensionHeadersAlone) {
  IpHeader ip = header_of(packet_v6());
  ip.header_octets += 8;
  EXPECT_FALSE(plan_fragments(ip, 100));
}

}  // namespace
}  // namespace tuntcp::wire
