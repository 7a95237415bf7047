// Whatever the network and the applications do, a stream arrives whole, in order and once, or both
// ends learn that it did not; and nothing is left behind. RFC 9293, 3.8 and 3.9.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "stack/sim/trial.h"
#include "tests/support/seeds.h"

namespace tuntcp::sim {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t kSeeds = 300;
#else
constexpr std::uint64_t kSeeds = 1'000;
#endif

TEST(Transfer, ArrivesWholeAndLeavesNothingBehindWhateverTheNetworkDoes) {
  test::for_seeds(kSeeds, [](std::uint64_t seed) {
    if (!faults_of_seed(seed).empty()) ADD_FAILURE() << report_on_seed(seed, 40);
  });
}

// One seed decides everything: the same one tells the same story twice, another one another.
TEST(Transfer, TheSameSeedDoesTheSame) {
  constexpr std::size_t kEverything = 1'000'000;
  for (const std::uint64_t seed : {3U, 4U, 5U}) {
    const std::string story = report_on_seed(seed, kEverything);
    EXPECT_EQ(report_on_seed(seed, kEverything), story);
    EXPECT_NE(report_on_seed(seed + 10, kEverything), story);
  }
}

}  // namespace
}  // namespace tuntcp::sim
