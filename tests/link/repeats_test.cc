// Which octets of TCP text count as sent again.
#include "tools/link/repeats.h"

#include <gtest/gtest.h>

#include "tests/link/packets.h"

namespace tuntcp::link {
namespace {

TEST(Repeats, TextInOrderIsNotRepeated) {
  Repeats repeats;
  repeats.look_at(packet_of({.seq = SeqNum(99), .flags = wire::Flag::syn}));
  repeats.look_at(packet_of({.seq = SeqNum(100), .text = 1000}));
  repeats.look_at(packet_of({.seq = SeqNum(1100), .text = 500}));
  EXPECT_EQ(repeats.counts().octets, 1500U);
  EXPECT_EQ(repeats.counts().repeated, 0U);
}

TEST(Repeats, TextBelowTheHighestNumberIsRepeatedAsFarAsItIsBelow) {
  Repeats repeats;
  repeats.look_at(packet_of({.seq = SeqNum(100), .text = 1000}));
  repeats.look_at(packet_of({.seq = SeqNum(300), .text = 200}));
  EXPECT_EQ(repeats.counts().repeated, 200U);
  repeats.look_at(packet_of({.seq = SeqNum(1000), .text = 500}));
  EXPECT_EQ(repeats.counts().repeated, 300U);
  EXPECT_EQ(repeats.counts().octets, 1700U);
  // 1100 to 1500 are known now.
  repeats.look_at(packet_of({.seq = SeqNum(1100), .text = 400}));
  EXPECT_EQ(repeats.counts().repeated, 700U);
}

TEST(Repeats, NumbersWrap) {
  Repeats repeats;
  repeats.look_at(packet_of({.seq = SeqNum(0xffff'ff00U), .text = 1000}));
  repeats.look_at(packet_of({.seq = SeqNum(0xffff'fff0U), .text = 100}));
  EXPECT_EQ(repeats.counts().repeated, 100U);
}

TEST(Repeats, ConnectionsAreToldApart) {
  Repeats repeats;
  repeats.look_at(packet_of({.from = 1, .seq = SeqNum(5000), .text = 1000}));
  repeats.look_at(packet_of({.from = 3, .seq = SeqNum(5000), .text = 1000}));
  EXPECT_EQ(repeats.counts().repeated, 0U);
}

TEST(Repeats, ASynBeginsAgainUnlessItIsItselfRepeated) {
  Repeats repeats;
  const auto syn = packet_of({.seq = SeqNum(99), .flags = wire::Flag::syn});
  repeats.look_at(syn);
  repeats.look_at(packet_of({.seq = SeqNum(100), .text = 1000}));
  repeats.look_at(syn);
  repeats.look_at(packet_of({.seq = SeqNum(100), .text = 1000}));
  EXPECT_EQ(repeats.counts().repeated, 1000U);
  // Numbers of the new connection may lie below those of the last.
  repeats.look_at(packet_of({.seq = SeqNum(9), .flags = wire::Flag::syn}));
  repeats.look_at(packet_of({.seq = SeqNum(10), .text = 500}));
  EXPECT_EQ(repeats.counts().repeated, 1000U);
  repeats.look_at(packet_of({.seq = SeqNum(10), .text = 500}));
  EXPECT_EQ(repeats.counts().repeated, 1500U);
}

TEST(Repeats, WhatIsNoTcpTextIsNotCounted) {
  Repeats repeats;
  repeats.look_at(packet_of({.seq = SeqNum(100)}));
  auto udp = packet_of({.text = 100});
  udp[9] = 17;
  repeats.look_at(udp);
  auto fragment = packet_of({.text = 100});
  fragment[6] = 0x20;
  repeats.look_at(fragment);
  for (std::size_t octets = 0; octets < 45; ++octets) {
    auto whole = packet_of({.text = 5});
    whole.resize(octets);
    repeats.look_at(whole);
  }
  repeats.look_at({});
  EXPECT_EQ(repeats.counts().octets, 0U);
}

// Connections beyond the bound are not kept; what is known stays known.
TEST(Repeats, AreBounded) {
  Repeats repeats;
  const auto first = packet_of({.from = 1, .seq = SeqNum(1), .text = 10});
  auto packet = first;
  repeats.look_at(first);
  for (std::uint32_t i = 0; i < Repeats::kMostConnections + 10; ++i) {
    store_be32(packet.data() + 16, i);  // of the destination
    repeats.look_at(packet);
  }
  repeats.look_at(packet);  // the last of them was one too many
  EXPECT_EQ(repeats.counts().repeated, 0U);
  repeats.look_at(first);
  EXPECT_EQ(repeats.counts().repeated, 10U);
}

}  // namespace
}  // namespace tuntcp::link
