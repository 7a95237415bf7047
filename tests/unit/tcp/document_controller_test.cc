// The controller of docs/congestion-control.md, built from that page's own text.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "stack/host/host.h"
#include "tests/unit/tcp/loss_based_conformance.h"
#include "westwood.h"

namespace tuntcp::tcp::congestion {
namespace {

struct TheWestwood {
  using Type = Westwood;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Document, ControllerConformance, TheWestwood);
INSTANTIATE_TYPED_TEST_SUITE_P(Document, LossBasedConformance, TheWestwood);

TEST(DocumentController, IsLessThanAHundredLines) {
  std::ifstream in(TUNTCP_WESTWOOD_H);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  EXPECT_GT(std::ranges::count(text, '\n'), 40);
  EXPECT_LT(std::ranges::count(text, '\n'), 100);
}

// 1,000,000 octets a second for 40 ms without a queue are 40 segments of 1000.
TEST(DocumentController, LossLeavesWhatThePathCarried) {
  Westwood westwood;
  westwood.init({.mss = kMss, .segments = 100});
  westwood.on_ack({.newly_delivered = kMss,
                   .min_rtt = 40_ms,
                   .rate = {.delivered = 100'000, .interval = 100_ms},
                   .mss = kMss});
  westwood.on_ack({.min_rtt = 40_ms,
                   .rate = {.delivered = 1'000, .interval = 100_ms, .is_app_limited = true},
                   .mss = kMss});
  westwood.on_loss({});
  EXPECT_EQ(westwood.window().cwnd, 40 * kMss);
}

TEST(DocumentController, IsWhatAConnectionGets) {
  SeededRandom random(1);
  HostConfig config;
  config.addresses = {*Prefix::parse("198.51.100.2/24")};
  config.controllers.add<Westwood>();
  config.sysctl.tcp_congestion_control = "westwood";
  Host host(config, random);
  const Instant now = Instant() + 1_s;
  const auto id = host.open({.address = *IpAddress::parse("198.51.100.1"), .port = 80}, {}, now);
  ASSERT_TRUE(id);
  EXPECT_STREQ(host.status(*id, now)->congestion, "westwood");
  EXPECT_EQ(host.status(*id, now)->cwnd_segments, 10U);
}

}  // namespace
}  // namespace tuntcp::tcp::congestion
