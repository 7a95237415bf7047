// Whatever the path and the applications do, a stream arrives whole, in order and once, or both
// ends learn that it did not; and nothing is left behind. RFC 9293, 3.8 and 3.9.
#include <gtest/gtest.h>

#include <string>

#include "stack/sim/trial.h"
#include "tests/support/seeds.h"

namespace tuntcp::sim {
namespace {

TEST(Transfer, ArrivesWholeAndLeavesNothingBehindWhateverTheNetworkDoes) {
  test::for_seeds(1000, [](std::uint64_t seed) {
    for (const std::string& fault : faults_of_seed(seed)) ADD_FAILURE() << fault;
  });
}

}  // namespace
}  // namespace tuntcp::sim
