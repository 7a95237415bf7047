// RFC 9293, 3.4.1 and RFC 6528.
#include "stack/tcp/isn.h"

#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace tuntcp::tcp {
namespace {

constexpr SipKey kKey{.k0 = 0x0706050403020100, .k1 = 0x0f0e0d0c0b0a0908};
constexpr FourTuple kTuple{
    .local = {.address = IpAddress::v4(0xC6336401), .port = 80},     // 198.51.100.1
    .remote = {.address = IpAddress::v4(0xCB007107), .port = 49152}  // 203.0.113.7
};

// kTuple and every tuple that differs from it in exactly one place.
std::vector<FourTuple> neighbours() {
  std::vector<FourTuple> tuples(5, kTuple);
  tuples[1].local.address = IpAddress::v4(0xC6336402);
  tuples[2].local.port = 81;
  tuples[3].remote.address = IpAddress::v4(0xCB007108);
  tuples[4].remote.port = 49153;
  return tuples;
}

Instant at(Duration d) {
  return Instant() + d;
}

// MUST-8: a clock that ticks about every 4 us.
TEST(InitialSequenceNumber, RisesByOneEveryFourMicroseconds) {
  const SeqNum start = initial_sequence_number(kKey, kTuple, at(1_s));
  EXPECT_EQ(initial_sequence_number(kKey, kTuple, at(1_s + 3999_ns)), start);
  EXPECT_EQ(initial_sequence_number(kKey, kTuple, at(1_s + 4_us)), start + 1);
  EXPECT_EQ(initial_sequence_number(kKey, kTuple, at(2_s)), start + 250'000);
}

// 3.4.1: the clock cycles about every 4.55 hours (2^32 * 4 us = 17179.869184 s).
TEST(InitialSequenceNumber, ClockWrapsWithoutAJump) {
  const Duration cycle = 4_us * (std::int64_t{1} << 32);
  const SeqNum start = initial_sequence_number(kKey, kTuple, at(7_s));
  EXPECT_EQ(initial_sequence_number(kKey, kTuple, at(7_s + cycle)), start);
  EXPECT_EQ(initial_sequence_number(kKey, kTuple, at(7_s + cycle - 4_us)), start - 1);
}

// SHLD-1: each connection has a sequence space of its own.
TEST(InitialSequenceNumber, DependsOnAddressesAndPortsOfBothSides) {
  std::set<std::uint32_t> numbers;
  for (const FourTuple& tuple : neighbours()) {
    numbers.insert(initial_sequence_number(kKey, tuple, at(1_s)).value());
  }
  EXPECT_EQ(numbers.size(), neighbours().size());
}

// MUST-9: what one connection shows says nothing about another, without the key. The distance
// between two connections is another one under every key.
TEST(InitialSequenceNumber, DistanceBetweenConnectionsDependsOnTheKey) {
  std::set<std::uint32_t> distances;
  for (std::uint64_t k = 0; k < 64; ++k) {
    const SipKey key{.k0 = k, .k1 = 0};
    distances.insert(octets_between(initial_sequence_number(key, neighbours()[0], at(1_s)),
                                    initial_sequence_number(key, neighbours()[4], at(1_s))));
  }
  EXPECT_EQ(distances.size(), 64U);
}

TEST(InitialSequenceNumber, IsMadeForIPv6Too) {
  FourTuple tuple;
  tuple.local = {.address = *IpAddress::parse("2001:db8::1"), .port = 80};
  tuple.remote = {.address = *IpAddress::parse("2001:db8::2"), .port = 49152};
  FourTuple other = tuple;
  other.remote.address = *IpAddress::parse("2001:db8::3");
  EXPECT_NE(initial_sequence_number(kKey, tuple, at(1_s)),
            initial_sequence_number(kKey, other, at(1_s)));
}

// RFC 7323, 5.4: an offset hides the clock. Linux 6.18 has one for each connection (seen on
// loopback: SYNs from three ports within a millisecond), the same for all incarnations of it, for
// RFC 6191.
TEST(TimestampOffset, IsThatOfTheConnection) {
  const std::vector<FourTuple> all = neighbours();
  std::set<std::uint32_t> offsets;
  for (const FourTuple& tuple : all) offsets.insert(timestamp_offset(kKey, tuple));
  EXPECT_EQ(offsets.size(), all.size());
  EXPECT_NE(timestamp_offset({.k0 = 1, .k1 = 2}, kTuple), timestamp_offset(kKey, kTuple));
}

// Timestamps are visible to the peer; under the same key they must not be the ISN's hash.
TEST(TimestampOffset, DoesNotShowTheHashOfTheSequenceNumber) {
  for (const FourTuple& tuple : neighbours()) {
    EXPECT_NE(timestamp_offset(kKey, tuple),
              initial_sequence_number(kKey, tuple, Instant()).value());
  }
}

}  // namespace
}  // namespace tuntcp::tcp
