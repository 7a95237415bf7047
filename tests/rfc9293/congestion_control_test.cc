// Which controller a connection has, and what the knobs of controllers decide: TCP_CONGESTION and
// tcp_congestion_control as Linux 6.18 has them, RFC 8511, RFC 9406. The arithmetic is tested in
// unit/tcp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stack/tcp/congestion/cubic.h"
#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

SocketOptions with_controller(const char* name) {
  SocketOptions options;
  options.congestion = name;
  return options;
}

TEST(CongestionControl, IsCubicUnlessSaidOtherwise) {
  EXPECT_STREQ(Drill::established().status().congestion, "cubic");
  EXPECT_STREQ(Drill::established({.role = Role::active}).status().congestion, "cubic");
}

TEST(CongestionControl, IsTheKnobsAtTheOpen) {
  for (const Role role : {Role::passive, Role::active}) {
    Drill d = Drill::established({.role = role, .set = {"tcp_congestion_control=reno"}});
    EXPECT_STREQ(d.status().congestion, "reno");
    d.set("tcp_congestion_control=cubic");
    EXPECT_STREQ(d.status().congestion, "reno");
    Drill later = Drill::beside(d, {.role = Role::active, .peer_port = 4000, .local_port = 4001});
    static_cast<void>(later.open());
    EXPECT_STREQ(later.status().congestion, "cubic");
  }
}

TEST(CongestionControl, ListenersOwnIsBeforeTheKnob) {
  const Drill d = Drill::established(
      {.set = {"tcp_congestion_control=reno"}, .socket = with_controller("cubic")});
  EXPECT_STREQ(d.status().congestion, "cubic");
  const Drill active = Drill::established({.role = Role::active,
                                           .set = {"tcp_congestion_control=reno"},
                                           .socket = with_controller("cubic")});
  EXPECT_STREQ(active.status().congestion, "cubic");
}

// Linux: tcp_reinit_congestion_control leaves cwnd and ssthresh as they are.
TEST(CongestionControl, ChangesUnderWayAndKeepsTheWindow) {
  Drill d = Drill::established();
  d.send(10'000);
  d.advance(10_ms);
  d.peer_sends(ack({.ack = 10'001}));
  ASSERT_EQ(d.status().cwnd_segments, 20U);
  d.set_socket_options(with_controller("reno"));
  EXPECT_STREQ(d.status().congestion, "reno");
  EXPECT_EQ(d.status().cwnd_segments, 20U);
  d.set_socket_options(SocketOptions{});
  EXPECT_STREQ(d.status().congestion, "reno");
}

// Reno halves where CUBIC leaves 0.7.
TEST(CongestionControl, ThatWasChangedDecides) {
  for (const auto& [name, left] : {std::pair{"reno", 5U}, std::pair{"cubic", 7U}}) {
    Drill d = Drill::established({.set = {"tcp_congestion_control=reno"}});
    d.set_socket_options(with_controller(name));
    d.send(10'000);
    for (int i = 0; i < 3; ++i) d.peer_sends(ack({.ack = 1}));
    EXPECT_EQ(d.status().ssthresh_octets, left * 1'000) << name;
  }
}

TEST(CongestionControl, UnknownIsRefusedAndNothingChanges) {
  Drill d = Drill::established({.socket = with_controller("reno")});
  const SocketOptions unknown = with_controller("vegas");
  EXPECT_EQ(d.host().set_options(d.id(), unknown, d.now()).error(), Error::invalid_argument);
  EXPECT_STREQ(d.status().congestion, "reno");
  OpenOptions open;
  open.socket = unknown;
  EXPECT_EQ(d.host().open(d.tuple().remote, open, d.now()).error(), Error::invalid_argument);
  EXPECT_EQ(
      d.host().listen({.address = IpAddress::any(Family::ipv4), .port = 99}, {}, unknown).error(),
      Error::invalid_argument);
  EXPECT_THAT(d.host().set_sysctl("tcp_congestion_control", "vegas").error(),
              testing::HasSubstr("there are reno cubic"));
}

// Larger than a connection has room for.
class Large final : public tcp::congestion::LossBased {
 public:
  const char* name() const override { return "large"; }

 protected:
  std::uint32_t reduced(Cause) override { return segments().cwnd() / 3; }
  void avoid_congestion(const tcp::congestion::AckSample&, std::uint32_t) override {}

 private:
  [[maybe_unused]] std::byte state_[900]{};
};
static_assert(sizeof(Large) > tcp::congestion::AnyController::kMostOctets);

TEST(CongestionControl, OfAnApplicationIsChosenByItsName) {
  SeededRandom random(1);
  HostConfig config;
  config.addresses = {*Prefix::parse("198.51.100.2/24")};
  config.controllers.add<Large>();
  config.sysctl.tcp_congestion_control = "large";
  Host host(config, random);
  EXPECT_EQ(get_sysctl(host.sysctl(), "tcp_available_congestion_control").value(),
            "reno cubic large");
  const Endpoint remote{.address = *IpAddress::parse("198.51.100.1"), .port = 80};
  const Instant now = Instant() + 1_s;
  const auto id = host.open(remote, {}, now);
  ASSERT_TRUE(id);
  EXPECT_STREQ(host.status(*id, now)->congestion, "large");
  ASSERT_TRUE(host.set_options(*id, with_controller("cubic"), now));
  EXPECT_STREQ(host.status(*id, now)->congestion, "cubic");
  ASSERT_TRUE(host.set_options(*id, with_controller("large"), now));
  EXPECT_STREQ(host.status(*id, now)->congestion, "large");
}

// ---- RFC 8511.

std::uint32_t cwnd_after_ece(const char* controller, const char* abe) {
  Drill d = Drill::established(
      {.set = {std::string("tcp_congestion_control=") + controller, abe}, .ecn = true});
  d.send(10'000);
  d.advance(10_ms);
  Seg echo = ack({.ack = 10'001});
  echo.flags |= Flag::ece;
  d.peer_sends(echo);
  return d.status().cwnd_segments;
}

TEST(Abe, LeavesMoreOfCubicsWindow) {
  EXPECT_EQ(cwnd_after_ece("cubic", "net.tuntcp.tcp_abe=0"), 7U);
  EXPECT_EQ(cwnd_after_ece("cubic", "net.tuntcp.tcp_abe=1"), 8U);
}
TEST(Abe, LeavesMoreOfRenosWindow) {
  EXPECT_EQ(cwnd_after_ece("reno", "net.tuntcp.tcp_abe=0"), 5U);
  EXPECT_EQ(cwnd_after_ece("reno", "net.tuntcp.tcp_abe=1"), 8U);
}

// ---- net.tuntcp.tcp_cubic_hystart.

// A round trip of 200 ms, then ten ACKs of one that is a fifth longer: google/packetdrill's
// cubic-hystart-delay-rtt-jumps-upward.pkt.
Drill after_a_longer_round(const char* knob) {
  Drill d = Drill::established({.set = {knob}, .rtt = 200_ms});
  SocketOptions options;
  options.send_buffer = 100'000;
  d.set_socket_options(options);
  d.send(30'000);
  d.advance(200_ms);
  d.peer_sends(ack({.ack = 10'001}));
  EXPECT_EQ(d.status().cwnd_segments, 20U);
  d.advance(240_ms);
  for (std::int64_t acked = 12'001; acked <= 30'001; acked += 2'000) {
    d.peer_sends(ack({.ack = acked}));
    d.advance(1_ms);
  }
  return d;
}

TEST(CubicHystart, OneEndsSlowStartEarly) {
  const Drill d = after_a_longer_round("net.tuntcp.tcp_cubic_hystart=1");
  EXPECT_EQ(d.status().cwnd_segments, 36U);
  EXPECT_EQ(d.status().ssthresh_octets, 36'000U);
  EXPECT_EQ(d.count(Counter::tcp_hystart_delay_detect), 1U);
  EXPECT_EQ(d.count(Counter::tcp_hystart_delay_cwnd), 36U);
}
// RFC 9406, 4.2: the eighth sample begins Conservative Slow Start, a quarter as fast.
TEST(CubicHystart, TwoSlowsSlowStartDown) {
  const Drill d = after_a_longer_round("net.tuntcp.tcp_cubic_hystart=2");
  EXPECT_EQ(d.status().cwnd_segments, 35U);
  EXPECT_EQ(d.status().ssthresh_octets, UINT32_MAX);
}
TEST(CubicHystart, ZeroWaitsForALoss) {
  const Drill d = after_a_longer_round("net.tuntcp.tcp_cubic_hystart=0");
  EXPECT_EQ(d.status().cwnd_segments, 40U);
  EXPECT_EQ(d.status().ssthresh_octets, UINT32_MAX);
  EXPECT_EQ(d.count(Counter::tcp_hystart_delay_detect), 0U);
}

// ACKs 1 ms apart for more than half of the round trip.
TEST(CubicHystart, TrainOfAcksIsCounted) {
  Drill d = Drill::established({.rtt = 40_ms});
  SocketOptions options;
  options.send_buffer = 100'000;
  d.set_socket_options(options);
  d.send(60'000);
  d.advance(40_ms);
  d.peer_sends(ack({.ack = 10'001}));
  d.advance(40_ms);
  for (std::int64_t acked = 10'501; acked <= 30'001; acked += 500) {
    d.peer_sends(ack({.ack = acked}));
    d.advance(1_ms);
  }
  EXPECT_EQ(d.count(Counter::tcp_hystart_train_detect), 1U);
  EXPECT_GE(d.count(Counter::tcp_hystart_train_cwnd), 16U);
  EXPECT_LT(d.status().ssthresh_octets, 60'000U);
}

}  // namespace
}  // namespace tuntcp::test
