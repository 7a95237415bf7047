// A receiver that lies to get more than its share, or to make the sender work or stop: Savage et
// al., "TCP Congestion Control with a Misbehaving Receiver" (1999), and the SACK panics of 2019.
#include <gtest/gtest.h>

#include <algorithm>

#include "stack/base/random.h"
#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

constexpr std::uint32_t kMss = 1'000;

// The number after the last octet of text.
std::int64_t end_of(const std::vector<Sent>& sent) {
  std::int64_t end = 1;
  for (const Sent& segment : sent) {
    if (segment.len != 0) end = std::max(end, segment.seq + segment.len);
  }
  return end;
}

// RFC 5681, 3.1: cwnd grows by "min (N, SMSS)" of the octets acknowledged, not by a segment an ACK.
TEST(LyingReceiver, GainsNothingByDividingAcks) {
  Drill d = Drill::established({.set = {"tcp_congestion_control=reno"}});
  d.send(60'000);
  std::int64_t end = end_of(d.sent());
  ASSERT_EQ(end, 10'001);
  d.advance(10_ms);
  for (std::int64_t octet = 2; octet <= 1'001; ++octet) {
    d.peer_sends(ack({.ack = octet}));
    end = std::max(end, end_of(d.sent()));
    ASSERT_LE(end - octet, d.status().cwnd_segments * std::int64_t{kMss});
  }
  EXPECT_EQ(d.status().cwnd_segments, 11U);
  EXPECT_EQ(end, 12'001);
}

// RFC 9293, 3.10.7.4, fifth: an ACK of what was not sent yet is answered and says nothing.
TEST(LyingReceiver, GainsNothingByAcknowledgingWhatWasNotSent) {
  Drill d = Drill::established({.set = {"tcp_congestion_control=reno"}});
  d.send(60'000);
  ASSERT_EQ(end_of(d.sent()), 10'001);
  for (std::int64_t ahead = 10'002; ahead < 60'000; ahead += 1'000) {
    d.peer_sends(ack({.ack = ahead}));
    EXPECT_EQ(end_of(d.sent()), 1) << "no text left";
  }
  EXPECT_EQ(d.status().cwnd_segments, 10U);
  d.peer_sends(ack({.ack = 10'001}));
  EXPECT_EQ(end_of(d.sent()), 30'001) << "twice the window, as if nothing had been";
}

// Everything is acknowledged as soon as it leaves, whether it arrived or not: the round trips seem
// to be short. Never more than both windows is in flight, and the timeout keeps its least.
TEST(LyingReceiver, GetsNoMoreThanTheWindowsByOptimisticAcks) {
  Drill d = Drill::established({.set = {"tcp_congestion_control=reno"}});
  d.send(2'000'000);
  std::int64_t una = 1;
  std::int64_t end = end_of(d.sent());
  for (int round = 0; round < 100 && end > una; ++round) {
    una = end;
    d.peer_sends(ack({.ack = una}));
    end = std::max(end, end_of(d.sent()));
    ASSERT_LE(end - una, 65'535);
    ASSERT_LE(end - una, d.status().cwnd_segments * std::int64_t{kMss});
    ASSERT_GE(d.status().rto, 200_ms);
  }
}

// RFC 3708, 3: only a D-SACK of what was sent twice shows that a retransmission was needless.
TEST(LyingReceiver, UndoesNothingByDsacksOfWhatWasSentOnce) {
  Drill d = Drill::established({.set = {"tcp_congestion_control=reno"}, .sack = true});
  d.send(10'000);
  d.advance(10_ms);
  static_cast<void>(d.sent());
  d.peer_sends(ack({.ack = 1, .sack = {{1'001, 4'001}}}));
  ASSERT_EQ(d.status().episode, tcp::Episode::recovery);
  d.peer_sends(ack({.ack = 4'001}));
  const std::uint32_t ssthresh = d.status().ssthresh_octets;
  EXPECT_EQ(ssthresh, 5 * kMss);
  for (std::int64_t at = 4'001; at < 9'001; at += 1'000) {
    // The first block is inside the second: RFC 2883, 4.2.
    d.peer_sends(ack({.ack = 4'001, .sack = {{at, at + 500}, {at, at + 1'000}}}));
    EXPECT_EQ(d.status().ssthresh_octets, ssthresh);
    EXPECT_EQ(d.status().episode, tcp::Episode::recovery);
  }
  EXPECT_EQ(d.status().cwnd_segments, 5U);
  EXPECT_EQ(d.count(Counter::tcp_dsack_undo), 0U);
}

// RFC 7323, 4.1 measures with TSecr what Karn's rule leaves out. Echoes of the future and of long
// ago make neither a negative round trip nor a timeout out of its bounds.
TEST(LyingReceiver, DoesNotMoveTheTimeoutOutOfItsBoundsByEchoes) {
  Drill d = Drill::established({.set = {"tcp_congestion_control=reno"}, .ts = 1'000});
  SeededRandom dice(7323);
  d.send(200'000);
  std::int64_t una = 1;
  for (int i = 0; i < 150; ++i) {
    d.advance(7_ms);
    una += 1'000;
    d.peer_sends(ack({.ack = una,
                      .ts = wire::Timestamps{.value = 1'000 + static_cast<std::uint32_t>(7 * i),
                                             .echo = static_cast<std::uint32_t>(dice.next())}}));
    const Status status = d.status();
    ASSERT_EQ(status.state, State::established);
    ASSERT_GE(status.srtt, Duration::zero());
    ASSERT_LE(status.srtt, d.elapsed());
    ASSERT_GE(status.rto, 200_ms);
    ASSERT_LE(status.rto, 120_s);
  }
}

// CVE-2019-11479: the least MSS, and SACKs of single octets of each segment. What is in flight is
// no more than the windows, and once the peer is honest all arrives.
TEST(LyingReceiver, StopsNothingByCrumbsOfATinyMss) {
  Drill d = Drill::established({.set = {"tcp_congestion_control=reno"}, .mss = 1, .sack = true});
  const std::uint32_t mss = d.status().snd_mss;
  EXPECT_EQ(mss, 48U) << "tcp_min_snd_mss";
  d.send(5'000);
  d.advance(10_ms);
  std::int64_t end = end_of(d.sent());
  EXPECT_EQ(end, 1 + 10 * std::int64_t{mss});
  for (std::int64_t at = 10; at + 5 < end; at += 5) {
    d.peer_sends(ack({.ack = 1, .sack = {{at, at + 1}, {at + 2, at + 3}}}));
    end = std::max(end, end_of(d.sent()));
    ASSERT_LE(d.status().unacked_octets, d.status().cwnd_segments * mss + 3 * mss);
  }
  for (int round = 0; round < 200 && end < 5'001; ++round) {
    d.peer_sends(ack({.ack = end}));
    d.advance(10_ms);
    end = std::max(end, end_of(d.sent()));
  }
  EXPECT_EQ(end, 5'001);
}

}  // namespace
}  // namespace tuntcp::test
