// A device with segmentation offload: 64 KB are one segment in and out, and the same code sends
// segments of the MSS where the device cannot cut. RFC 9293, 3.7.1 bounds both.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;

const wire::LinkCapabilities kOffloads{.mtu = 1'500, .checksum = true, .gso_max_octets = 65'535};

DrillOptions with(const wire::LinkCapabilities& link) {
  DrillOptions options;
  options.link = link;
  options.mss = 1'460;
  options.wscale = 10;
  return options;
}

TEST(SuperPacket, TheInitialWindowIsOnePacket) {
  Drill d = Drill::established(with(kOffloads));
  d.send(50'000);
  const std::vector<Sent> sent = d.sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_THAT(sent[0], IsData({.seq = 1, .len = 14'600}));
  EXPECT_EQ(sent[0].gso_size, 1'460U);
  EXPECT_TRUE(sent[0].needs_checksum);
  // Counted as cut on the wire, beside the SYN,ACK.
  EXPECT_EQ(d.count(Counter::tcp_out_segs), 11U);
}

TEST(SuperPacket, WithoutOffloadsTheSameTextIsTenSegments) {
  Drill d = Drill::established(with({.mtu = 1'500}));
  d.send(50'000);
  const std::vector<Sent> sent = d.sent();
  ASSERT_EQ(sent.size(), 10U);
  for (const Sent& one : sent) {
    EXPECT_EQ(one.len, 1'460U);
    EXPECT_EQ(one.gso_size, 0U);
    EXPECT_FALSE(one.needs_checksum);  // it is complete: the drill verified it
  }
}

// SHLD-19: more than two full-sized segments, though one packet, are acknowledged at once.
TEST(SuperPacket, OneThatArrivesIsOneSegmentWithOneAck) {
  Drill d = Drill::established(with(kOffloads));
  d.peer_sends(data({.len = 29'200, .gso_size = 1'460}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 29'201})));
  EXPECT_EQ(d.receive(), 29'200U);
  EXPECT_EQ(d.count(Counter::tcp_in_segs), 3U);  // SYN, ACK and this
}

// The device took its offload back: what it refused is sent in pieces, nothing is lost.
TEST(SuperPacket, ADeviceThatRefusesThemGetsSegments) {
  Drill d = Drill::established(with(kOffloads));
  d.device_says(wire::SendResult::no_gso);
  d.send(14'600);
  d.sent();
  d.set_link({.mtu = 1'500, .checksum = true, .gso_max_octets = 0});
  d.device_says(wire::SendResult::sent);
  d.advance(5_ms);
  const std::vector<Sent> sent = d.sent();
  ASSERT_EQ(sent.size(), 10U);
  EXPECT_THAT(sent[0], IsData({.seq = 1, .len = 1'460}));
  EXPECT_EQ(sent.back().end(), 14'601);
}

}  // namespace
}  // namespace tuntcp::test
