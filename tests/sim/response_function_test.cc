// How fast a whole connection is where about every N-th packet is lost, against what the RFCs say:
// RFC 5348, 3.1 for Reno, RFC 9438, 5.1 and 4.3 for CUBIC. The controllers alone are tested so in
// tests/unit/tcp; here recovery by SACK, PRR, the pipe and the ACK clock take part.
#include "tests/support/response_function.h"

#include <gtest/gtest.h>

#include "tests/sim/one_stream.h"

namespace tuntcp::sim {
namespace {

using test::LossyPath;

// Segments a round trip that the application at the other end gets.
double window_of(const char* controller, const LossyPath& path) {
  WorldConfig config = world_config({.delay = path.rtt / 2});
  for (HostConfig& host : config.hosts) {
    host.sysctl.tcp_congestion_control = controller;
    // Neither buffer is what holds the stream back.
    host.sysctl.tcp_rmem = {4'096, 8'000'000, 32'000'000};
    host.sysctl.tcp_wmem = {4'096, 8'000'000, 8'000'000};
    host.link.gso_max_octets = 0;
  }
  OneStream stream(config);
  const double expected = test::rfc5348_window(1.0 / path.lose_every);
  const Duration cycle = path.rtt * static_cast<std::int64_t>(path.lose_every / expected);
  LinkSettings& link = stream.world().link(0, 1).settings();
  // Slow start ends early, so that the window need not come down from a multiple of its average.
  link.lose_about_every = 100;
  stream.run(10 * path.rtt);
  link.lose_about_every = path.lose_every;
  const int cycles = path.lose_every >= 3'000 ? 12 : 40;
  const double octets_per_second = stream.rate(4 * cycle, cycles * cycle);
  return octets_per_second * path.rtt.count_s() / kMss;
}

// Fewer paths than for the controllers alone: each run takes some hundreds of losses.
std::vector<LossyPath> paths() {
  return {{2_ms, 100},  {2_ms, 1'000},  {10_ms, 100},  {10_ms, 1'000},  {10_ms, 10'000},
          {50_ms, 100}, {50_ms, 1'000}, {200_ms, 100}, {200_ms, 1'000}, {200_ms, 10'000}};
}

class RenosResponse : public testing::TestWithParam<LossyPath> {};
INSTANTIATE_TEST_SUITE_P(Paths, RenosResponse, testing::ValuesIn(paths()), test::name_of_path);

TEST_P(RenosResponse, RateIsThatOfRfc5348) {
  const double expected = test::rfc5348_window(1.0 / GetParam().lose_every);
  const double window = window_of("reno", GetParam());
  RecordProperty("expected", std::to_string(expected));
  RecordProperty("window", std::to_string(window));
  EXPECT_NEAR(window, expected, 0.15 * expected);
}

class CubicsResponse : public testing::TestWithParam<LossyPath> {};
INSTANTIATE_TEST_SUITE_P(Paths, CubicsResponse, testing::ValuesIn(test::paths_of_rfc9438(paths())),
                         test::name_of_path);

TEST_P(CubicsResponse, RateIsThatOfRfc9438) {
  const auto expected = test::rfc9438_window(1.0 / GetParam().lose_every, GetParam().rtt);
  ASSERT_TRUE(expected.has_value());
  const double window = window_of("cubic", GetParam());
  RecordProperty("expected", std::to_string(expected->segments));
  RecordProperty("window", std::to_string(window));
  EXPECT_NEAR(window, expected->segments, expected->tolerance * expected->segments);
}

}  // namespace
}  // namespace tuntcp::sim
