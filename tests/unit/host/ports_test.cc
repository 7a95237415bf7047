// RFC 6056, 3.3.4.
#include "stack/host/ports.h"

#include <algorithm>
#include <set>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tuntcp {
namespace {

constexpr IpAddress kLocal = IpAddress::v4(0xC6336401);  // 198.51.100.1
constexpr Port kLow = 32768;
constexpr Port kHigh = 60999;
constexpr std::uint32_t kCount = kHigh - kLow + 1;

Endpoint remote(std::uint32_t n) {
  return {.address = IpAddress::v4(0xCB007100 + n), .port = 80};  // 203.0.113.n and on
}
bool every_port(Port) {
  return true;
}

struct Ports : testing::Test {
  SeededRandom random{1};
  EphemeralPorts ports{SipKey::draw(random), random};

  Port choose(const Endpoint& to) {
    return ports.choose(kLocal, to, kLow, kHigh, every_port).value();
  }
  // Where in the range, so that the port after the highest is the lowest.
  std::uint32_t place_of(Port port) const { return port - kLow; }
};

// "Good protection, small-collision": ports to one remote rise by one.
TEST_F(Ports, ToOneRemoteFollowEachOther) {
  std::uint32_t last = place_of(choose(remote(1)));
  for (int i = 0; i < 1000; ++i) {
    const std::uint32_t next = place_of(choose(remote(1)));
    ASSERT_EQ(next, (last + 1) % kCount);
    last = next;
  }
}

TEST_F(Ports, AtTheEndOfTheRangeStartAgainAtItsBeginning) {
  std::vector<Port> chosen;
  for (int i = 0; i < 6; ++i) {
    chosen.push_back(ports.choose(kLocal, remote(1), 100, 102, every_port).value());
  }
  EXPECT_THAT(std::vector<Port>(chosen.begin(), chosen.begin() + 3),
              testing::UnorderedElementsAre(100, 101, 102));
  EXPECT_TRUE(std::equal(chosen.begin(), chosen.begin() + 3, chosen.begin() + 3));
}

// A port that is in use costs nothing but the look, and the next one starts behind.
TEST_F(Ports, InUseAreSkipped) {
  const std::uint32_t first = place_of(choose(remote(1)));
  const auto is_free = [&](Port port) { return (place_of(port) - first + kCount) % kCount >= 5; };
  const Port port = ports.choose(kLocal, remote(1), kLow, kHigh, is_free).value();
  EXPECT_EQ(place_of(port), (first + 5) % kCount);
  EXPECT_EQ(place_of(choose(remote(1))), (first + 6) % kCount);
}

TEST_F(Ports, AllInUseAreEachTriedOnceAndNoneIsChosen) {
  std::multiset<Port> tried;
  const auto port = ports.choose(kLocal, remote(1), kLow, kHigh, [&](Port p) {
    tried.insert(p);
    return false;
  });
  EXPECT_EQ(port, std::nullopt);
  EXPECT_EQ(tried.size(), kCount);
  EXPECT_EQ(std::set<Port>(tried.begin(), tried.end()).size(), kCount);
  EXPECT_EQ(*tried.begin(), kLow);
  EXPECT_EQ(*tried.rbegin(), kHigh);
}

TEST_F(Ports, LastFreeOneIsFound) {
  for (const Port free : {kLow, Port{45000}, kHigh}) {
    EXPECT_EQ(ports.choose(kLocal, remote(1), kLow, kHigh, [&](Port p) { return p == free; }),
              free);
  }
}

TEST_F(Ports, RangeOfOneIsThatPort) {
  EXPECT_EQ(ports.choose(kLocal, remote(1), 5000, 5000, every_port), 5000);
  EXPECT_EQ(ports.choose(kLocal, remote(1), 5000, 5000, every_port), 5000);
  EXPECT_EQ(ports.choose(kLocal, remote(1), 5000, 5000, [](Port) { return false; }), std::nullopt);
}

TEST_F(Ports, WholeRangeOfSixteenBitsIsPossible) {
  std::set<Port> seen;
  for (int i = 0; i < 65535; ++i) {
    seen.insert(ports.choose(kLocal, remote(1), 1, 65535, every_port).value());
  }
  EXPECT_EQ(seen.size(), 65535U);
}

// Nobody can tell from his own connections which ports others get: the first ports of 16,000
// remotes are spread evenly. Each of 16 parts expects 1000, with a standard deviation of 31.
TEST_F(Ports, OfDifferentRemotesStartAnywhere) {
  std::vector<int> parts(16);
  for (std::uint32_t n = 0; n < 16000; ++n) {
    ++parts[place_of(choose(remote(n))) * 16 / kCount];
  }
  EXPECT_THAT(parts, testing::Each(testing::AllOf(testing::Gt(850), testing::Lt(1150))));
}

// Each of local address, remote address and remote port has a place of its own.
TEST_F(Ports, DependOnBothAddressesAndTheRemotePort) {
  const Port first = choose(remote(1));
  const Endpoint other_port{.address = remote(1).address, .port = 81};
  const IpAddress other_local = IpAddress::v4(0xC6336402);
  EXPECT_GT(std::abs(choose(other_port) - first), 1);
  EXPECT_GT(std::abs(choose(remote(2)) - first), 1);
  EXPECT_GT(std::abs(ports.choose(other_local, remote(1), kLow, kHigh, every_port).value() - first),
            1);
}

// RFC 6056, 3.3.4: traffic to one remote does not move the ports of another, but for the few that
// share a counter.
TEST_F(Ports, OfOneRemoteDoNotMoveThoseOfOthers) {
  std::vector<std::uint32_t> before;
  for (std::uint32_t n = 1; n <= 100; ++n) before.push_back(place_of(choose(remote(n))));
  for (int i = 0; i < 500; ++i) choose(remote(1000));
  unsigned undisturbed = 0;
  for (std::uint32_t n = 1; n <= 100; ++n) {
    if (place_of(choose(remote(n))) == (before[n - 1] + 1) % kCount) ++undisturbed;
  }
  EXPECT_GE(undisturbed, 95U);
}

// Another boot, another key: nothing carries over.
TEST(PortsKeys, DifferentKeysGiveUnrelatedPorts) {
  std::set<Port> first_ports;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SeededRandom random(seed);
    EphemeralPorts ports(SipKey::draw(random), random);
    first_ports.insert(ports.choose(kLocal, remote(1), kLow, kHigh, every_port).value());
  }
  EXPECT_GE(first_ports.size(), 48U);
}

}  // namespace
}  // namespace tuntcp
