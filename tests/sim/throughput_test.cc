// How fast one stream is on a known path, in virtual time, against what the path, the window or
// the loss allows.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/one_stream.h"

namespace tuntcp::sim {
namespace {

constexpr std::uint64_t kBitsPerSecond = 100'000'000;
constexpr Duration kRoundTrip = 20_ms;

// Its queue is so long that nothing is lost.
LinkSettings path() {
  return {.delay = kRoundTrip / 2, .bits_per_second = kBitsPerSecond};
}

TEST(Throughput, OneStreamFillsAPathWithAutoTuning) {
  OneStream stream(world_config(path()));
  EXPECT_GE(stream.rate(1_s, 2_s), 0.85 * kBitsPerSecond / 8);
}

// RFC 5681, 3.1: with a queue of a bandwidth-delay product half the window still fills the path.
TEST(Throughput, OneStreamThatLosesToItsOwnQueueFillsThePathToo) {
  LinkSettings link = path();
  link.queue_octets = kBitsPerSecond / 8 / 50;
  OneStream stream(world_config(link));
  EXPECT_GE(stream.rate(2_s, 4_s), 0.85 * kBitsPerSecond / 8);
}

// Super-packets are cut by the link, and their pieces queue and are acknowledged one by one.
TEST(Throughput, OneStreamOfSuperPacketsFillsAPathToo) {
  WorldConfig config = world_config(path());
  config.hosts[0].link = {.mtu = 1500, .checksum = true, .gso_max_octets = 65'535};
  OneStream stream(config);
  EXPECT_GE(stream.rate(1_s, 2_s), 0.85 * kBitsPerSecond / 8);
}

// RFC 9293, 3.8.6: no more than a window a round trip, and with a fixed buffer the window does not
// grow. Linux offers 81,920 of 131,072 octets to a peer with segments of 1448.
TEST(Throughput, FixedReceiveBufferBoundsTheRate) {
  WorldConfig config = world_config(path());
  config.hosts[1].sysctl.tcp_moderate_rcvbuf = 0;
  config.hosts[1].sysctl.tcp_rmem = {4'096, 131'072, 33'554'432};
  OneStream stream(config);
  const double bound = 81'920 / kRoundTrip.count_s();
  EXPECT_NEAR(stream.rate(2_s, 4_s), bound, 0.15 * bound);
}

// RFC 5681, 2: "flight size" never exceeds cwnd. Nothing is lost here, so cwnd never shrinks, and
// what an observer sees of the two is comparable at any time.
TEST(Throughput, FlightNeverExceedsTheCongestionWindow) {
  for (const std::uint32_t gso_octets : {0U, 65'535U}) {
    WorldConfig config = world_config(path());
    config.hosts[0].link = {.mtu = 1500, .checksum = true, .gso_max_octets = gso_octets};
    OneStream stream(config);
    std::uint32_t most = 0;
    for (int ms = 0; ms < 600; ++ms) {
      stream.run(1_ms);
      const Status status = stream.sender();
      if (status.state != tcp::State::established) continue;
      most = std::max(most, status.unacked_octets);
      // STATUS shows whole segments.
      ASSERT_LE(status.unacked_octets, (status.cwnd_segments + 1) * status.snd_mss) << ms;
    }
    EXPECT_GT(most, 20 * kMss);
  }
}

}  // namespace
}  // namespace tuntcp::sim
