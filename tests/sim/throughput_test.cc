// How fast one stream is on a known path, in virtual time, against what the path, the window or
// the loss allows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "stack/sim/application.h"
#include "stack/sim/stream.h"
#include "stack/sim/world.h"

namespace tuntcp::sim {
namespace {

constexpr std::uint64_t kBitsPerSecond = 100'000'000;
constexpr Duration kRoundTrip = 20_ms;
// Ethernet's MTU less the headers of IPv4 and of TCP with timestamps.
constexpr std::uint32_t kMss = 1'448;

// Its queue is so long that nothing is lost.
LinkSettings path() {
  return {.delay = kRoundTrip / 2, .bits_per_second = kBitsPerSecond};
}

// Host 0 writes without end, host 1 reads whatever comes.
class OneStream {
 public:
  explicit OneStream(const WorldConfig& config) : world_(config) {
    world_.on_event = [this](HostIndex host, const Event& event) {
      if (event.is_listener) return accept(event.listener);
      if (ends_[host]) ends_[host]->on_event(event);
    };
    const auto listener = world_.host(1).listen(remote(), {});
    EXPECT_TRUE(listener);
    id_ = *world_.host(0).open(remote(), {}, world_.now());
    add(0, id_, out_, back_, {.octets = std::uint64_t{1} << 40, .write_least = 65'536});
  }

  // Octets a second that host 1 read, over `during`, after a first while of `before`.
  double rate(Duration before, Duration during) {
    run(before);
    const std::uint64_t at_first = out_.read();
    run(during);
    return static_cast<double>(out_.read() - at_first) / during.count_s();
  }
  void run(Duration duration) {
    world_.run(world_.now() + duration);
    for (const std::string& fault : world_.faults().texts()) ADD_FAILURE() << fault;
  }
  Status sender() { return *world_.host(0).status(id_, world_.now()); }
  World& world() { return world_; }

 private:
  static Endpoint remote() { return {.address = address_of(1, Family::ipv4), .port = 80}; }
  void accept(ListenerId listener) {
    const auto id = world_.host(1).accept(listener);
    ASSERT_TRUE(id);
    add(1, *id, back_, out_, {.octets = 0, .end = Habits::End::answer});
    ends_[1]->start();
  }
  void add(HostIndex host, ConnectionId id, Stream& out, Stream& in, const Habits& habits) {
    ends_[host] = std::make_unique<Application>(world_, Application::Place{.host = host, .id = id},
                                                habits, out, in, 1);
  }

  World world_;
  Stream out_{1, world_.faults()};
  Stream back_{2, world_.faults()};
  std::array<std::unique_ptr<Application>, 2> ends_;
  ConnectionId id_;
};

WorldConfig world_config(const LinkSettings& link) {
  return {.hosts = {host_config(0), host_config(1)}, .link = link};
}

TEST(Throughput, OneStreamFillsAPathWithAutoTuning) {
  OneStream stream(world_config(path()));
  EXPECT_GE(stream.rate(1_s, 2_s), 0.85 * kBitsPerSecond / 8);
}

// RFC 5681, 3.1: with a queue of a bandwidth-delay product half the window still fills the path.
// (The first seconds are left out: without SACK one of the many losses with which slow start ends
// is mended a round trip, RFC 6582, 4.)
TEST(Throughput, OneStreamThatLosesToItsOwnQueueFillsThePathToo) {
  LinkSettings link = path();
  link.queue_octets = kBitsPerSecond / 8 / 50;
  OneStream stream(world_config(link));
  EXPECT_GE(stream.rate(14_s, 2_s), 0.85 * kBitsPerSecond / 8);
}

// Super-packets are cut by the link, and their pieces queue and are acknowledged one by one.
TEST(Throughput, OneStreamOfSuperPacketsFillsAPathToo) {
  WorldConfig config = world_config(path());
  config.hosts[0].link = {.mtu = 1500, .checksum = true, .gso_max_octets = 65'535};
  OneStream stream(config);
  EXPECT_GE(stream.rate(1_s, 2_s), 0.85 * kBitsPerSecond / 8);
}

// RFC 9293, 3.8.6: no more than a window a round trip, and with a fixed buffer the window does not
// grow. Linux offers half of the buffer (tcp_adv_win_scale = 1).
TEST(Throughput, FixedReceiveBufferBoundsTheRate) {
  WorldConfig config = world_config(path());
  config.hosts[1].sysctl.tcp_moderate_rcvbuf = 0;
  config.hosts[1].sysctl.tcp_rmem = {4'096, 131'072, 33'554'432};
  OneStream stream(config);
  const double bound = 65'536 / kRoundTrip.count_s();
  EXPECT_NEAR(stream.rate(2_s, 4_s), bound, 0.15 * bound);
}

// M. Mathis and others, "The Macroscopic Behavior of the TCP Congestion Avoidance Algorithm"
// (1997): MSS / RTT * sqrt(3/2) / sqrt(p) for Reno under random loss.
TEST(Throughput, RenoUnderRandomLossIsAsFastAsMathisSays) {
  LinkSettings lossy{.delay = kRoundTrip / 2};
  lossy.loss = 0.01;
  WorldConfig config = world_config({.delay = kRoundTrip / 2});
  OneStream stream(config);
  stream.world().link(0, 1).settings() = lossy;
  const double mathis = kMss / kRoundTrip.count_s() * std::sqrt(1.5) / std::sqrt(0.01);
  const double rate = stream.rate(2_s, 30_s);
  EXPECT_GE(rate, mathis / 3);
  EXPECT_LE(rate, mathis * 3);
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
