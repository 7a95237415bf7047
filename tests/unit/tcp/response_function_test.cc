// How large the window of a controller is on average where about every N-th segment is lost,
// against what the RFCs say: RFC 5348, 3.1 for Reno, RFC 9438, 5.1 and 4.3 for CUBIC. Ideal round
// trips, without a connection: what recovery makes of it is tested in tests/sim.
#include <cmath>
#include <cstdint>

#include <gtest/gtest.h>

#include "stack/base/random.h"
#include "stack/tcp/congestion/cubic.h"
#include "stack/tcp/congestion/reno.h"
#include "tests/support/response_function.h"

namespace tuntcp::tcp::congestion {
namespace {

constexpr std::uint32_t kMss = 1000;

// A sender that always has text, whose ACKs come back one a segment, evenly in each round trip.
class IdealFlow {
 public:
  IdealFlow(Controller& controller, Duration rtt, std::uint32_t lose_every)
      : controller_(controller), rtt_(rtt), lose_every_(lose_every) {
    draw_loss();
    controller_.init({.mss = kMss, .now = now_, .exit = SlowStartExit::by_loss});
  }

  // Segments a round trip, on average from the `first`-th loss to the `last`-th.
  double average_window(unsigned first, unsigned last) {
    run_until(first);
    const std::uint64_t before = sent_;
    const Instant begun = now_;
    run_until(last);
    const double rounds = (now_ - begun).count_s() / rtt_.count_s();
    return static_cast<double>(sent_ - before) / rounds;
  }

 private:
  // Not quite evenly: on CUBIC's plateau one window lasts for a while, and exact repetition would
  // stay for ever at one end of it.
  void draw_loss() { next_loss_ += lose_every_ / 2 + random_.next() % lose_every_ + 1; }
  void run_until(unsigned losses) {
    while (losses_ < losses) one_round();
  }
  void one_round() {
    const std::uint32_t segments = controller_.window().cwnd / kMss;
    const Duration gap = rtt_ / segments;
    bool is_lost = false;
    for (std::uint32_t i = 0; i < segments; ++i) {
      now_ += gap;
      is_lost |= ++sent_ == next_loss_;
      if (sent_ == next_loss_) draw_loss();
      // From the loss on the episode is under way, until all that was in flight is acknowledged.
      if (is_lost && episode_ == Episode::open) {
        controller_.on_loss({.now = now_, .in_flight = controller_.window().cwnd});
        episode_ = Episode::recovery;
        ++losses_;
        return;
      }
      controller_.on_ack({.now = now_,
                          .newly_acked = kMss,
                          .newly_delivered = kMss,
                          .rtt = rtt_,
                          .min_rtt = rtt_,
                          .srtt = rtt_,
                          .mss = kMss,
                          .is_cwnd_limited = true,
                          .round_started = i == 0,
                          .episode = episode_});
    }
    if (episode_ == Episode::open) return;
    episode_ = Episode::open;
    controller_.on_recovery_exit(now_);
  }

  Controller& controller_;
  Duration rtt_;
  std::uint32_t lose_every_;
  Instant now_ = Instant() + 1_s;
  SeededRandom random_{5348};
  std::uint64_t sent_ = 0;
  std::uint64_t next_loss_ = 0;
  unsigned losses_ = 0;
  Episode episode_ = Episode::open;
};

class RenosResponse : public testing::TestWithParam<test::LossyPath> {};
INSTANTIATE_TEST_SUITE_P(Paths, RenosResponse, testing::ValuesIn(test::lossy_paths()),
                         test::name_of_path);

TEST_P(RenosResponse, WindowIsThatOfRfc5348) {
  const auto [rtt, lose_every] = GetParam();
  Reno reno;
  const double expected = test::rfc5348_window(1.0 / lose_every);
  const double window = IdealFlow(reno, rtt, lose_every).average_window(20, 220);
  RecordProperty("expected", std::to_string(expected));
  RecordProperty("window", std::to_string(window));
  EXPECT_NEAR(window, expected, 0.15 * expected);
}

class CubicsResponse : public testing::TestWithParam<test::LossyPath> {};
INSTANTIATE_TEST_SUITE_P(Paths, CubicsResponse,
                         testing::ValuesIn(test::paths_of_rfc9438(test::lossy_paths())),
                         test::name_of_path);

TEST_P(CubicsResponse, WindowIsThatOfRfc9438) {
  const auto [rtt, lose_every] = GetParam();
  const auto expected = test::rfc9438_window(1.0 / lose_every, rtt);
  ASSERT_TRUE(expected.has_value());
  Cubic cubic;
  const double window = IdealFlow(cubic, rtt, lose_every).average_window(20, 220);
  RecordProperty("expected", std::to_string(expected->segments));
  RecordProperty("window", std::to_string(window));
  EXPECT_NEAR(window, expected->segments, expected->tolerance * expected->segments);
}

}  // namespace
}  // namespace tuntcp::tcp::congestion
