// Proportional Rate Reduction: RFC 9937, 6 and the examples of its section 7.
#include "stack/tcp/recovery/prr.h"

#include <gtest/gtest.h>

namespace tuntcp::tcp::recovery {
namespace {

constexpr std::uint32_t kMss = 10;

class PrrTest : public testing::Test {
 protected:
  // One ACK delivers a segment; everything that may leave leaves. Answers how many segments did.
  std::uint32_t ack(std::uint32_t delivered = 1, bool is_safe = false) {
    in_flight_ -= delivered * kMss;
    prr_.on_ack({.delivered = delivered * kMss, .in_flight = in_flight_, .is_safe = is_safe});
    std::uint32_t sent = 0;
    while (in_flight_ + kMss <= prr_.window()) {
      in_flight_ += kMss;
      prr_.on_sent(kMss);
      ++sent;
    }
    return sent;
  }

  Prr prr_;
  std::uint32_t in_flight_ = 0;
};

// 20 segments in flight, the first is lost: half as many leave as arrive, spread over the round
// trip.
TEST_F(PrrTest, HalvesInProportion) {
  prr_.begin({.flight = 20 * kMss, .ssthresh = 10 * kMss, .mss = kMss});
  in_flight_ = 19 * kMss;
  std::uint32_t sent = 0;
  for (int i = 0; i < 19; ++i) sent += ack();
  EXPECT_EQ(in_flight_, 10 * kMss);
  EXPECT_EQ(sent, 10U);
}

// The fast retransmit itself leaves with the first ACK, whatever the proportion says.
TEST_F(PrrTest, TheFirstAckLetsOneOut) {
  prr_.begin({.flight = 20 * kMss, .ssthresh = 2 * kMss, .mss = kMss});
  in_flight_ = 19 * kMss;
  EXPECT_EQ(ack(), 1U);
  EXPECT_EQ(ack(), 0U);
}

// So many were lost that less is in flight than ssthresh: without safe ACKs no more leaves than
// arrives (CRB), with them one more for each ACK (SSRB), and never beyond ssthresh.
TEST_F(PrrTest, BelowSsthreshItGrowsOnlyBySafeAcks) {
  prr_.begin({.flight = 20 * kMss, .ssthresh = 10 * kMss, .mss = kMss});
  in_flight_ = 4 * kMss;
  EXPECT_EQ(ack(), 1U);
  EXPECT_EQ(in_flight_, 4 * kMss);
  EXPECT_EQ(ack(1, /*is_safe=*/true), 2U);
  EXPECT_EQ(in_flight_, 5 * kMss);
  for (int i = 0; i < 20; ++i) ack(1, /*is_safe=*/true);
  EXPECT_EQ(in_flight_, 10 * kMss);
}

// An ACK that delivers nothing lets nothing out.
TEST_F(PrrTest, NothingDeliveredNothingSent) {
  prr_.begin({.flight = 10 * kMss, .ssthresh = 5 * kMss, .mss = kMss});
  in_flight_ = 9 * kMss;
  ack();
  const std::uint32_t before = prr_.window();
  prr_.on_ack({.delivered = 0, .in_flight = 0, .is_safe = true});
  EXPECT_EQ(prr_.window(), before);
}

}  // namespace
}  // namespace tuntcp::tcp::recovery
