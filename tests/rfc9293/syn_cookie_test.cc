// SYN cookies: RFC 4987, 3.6, and what Linux does when a listener's queues are full (row 16, and
// what was measured of Linux 6.18 besides).
#include <gtest/gtest.h>
#include <array>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

DrillOptions peer_at(Port port) {
  return {.irs = port * 100'000U, .peer_port = port};
}

// (16) "200 SYNs at listen(16): 200 SYN-ACKs, 17 SYN_RECV, 183 cookies".
TEST(SynFlood, OverflowIsAnsweredWithCookies) {
  Drill d = Drill::listen({.backlog = 16});
  int answers = 0;
  for (int i = 0; i < 200; ++i) {
    Drill peer = Drill::beside(d, peer_at(static_cast<Port>(1000 + i)));
    peer.peer_sends(syn());
    answers += static_cast<int>(peer.sent().size());
  }
  EXPECT_EQ(answers, 200);
  int syn_received = 0;
  for (const Status& status : d.host().list(d.now())) {
    syn_received += status.state == State::syn_received ? 1 : 0;
  }
  EXPECT_EQ(syn_received, 17);
  EXPECT_EQ(d.count(Counter::syncookies_sent), 183U);
  EXPECT_EQ(d.count(Counter::tcp_req_qfull_docookies), 183U);
  EXPECT_EQ(d.count(Counter::tcp_listen_drops), 0U);
}

// A listener whose SYN queue of one is full.
class SynCookie : public testing::TestWithParam<Family> {
 protected:
  void flood(std::vector<std::string> set = {}) {
    d.emplace(Drill::listen({.family = GetParam(), .set = std::move(set), .backlog = 0}));
    Drill stranger = Drill::beside(*d, with_family(peer_at(9)));
    stranger.peer_sends(syn());
    EXPECT_THAT(stranger.sent(), ElementsAre(IsSynAck()));
  }
  static DrillOptions with_family(DrillOptions options) {
    options.family = GetParam();
    return options;
  }
  // Its SYN was answered with a cookie.
  Drill answered_peer(DrillOptions options = peer_at(7)) {
    Drill peer = Drill::beside(*d, with_family(std::move(options)));
    peer.peer_sends(syn());
    syn_ack_of_peer = peer.sent();
    EXPECT_THAT(syn_ack_of_peer, ElementsAre(IsSynAck({.ack = 1})));
    EXPECT_EQ(peer.listed(), std::nullopt);
    return peer;
  }
  std::uint64_t failed() const { return d->count(Counter::syncookies_failed); }
  std::uint64_t taken() const { return d->count(Counter::syncookies_recv); }

  std::optional<Drill> d;
  std::vector<Sent> syn_ack_of_peer;
};
INSTANTIATE_TEST_SUITE_P(Both, SynCookie, testing::Values(Family::ipv4, Family::ipv6),
                         [](const auto& row) {
                           return row.param == Family::ipv4 ? "IPv4" : "IPv6";
                         });

TEST_P(SynCookie, AckOfItEstablishes) {
  flood();
  Drill peer = answered_peer();
  d->advance(20_ms);
  peer.peer_sends(ack());
  EXPECT_EQ(peer.state(), State::established);
  EXPECT_EQ(taken(), 1U);
  EXPECT_EQ(d->acceptable_events(), 1);
  ASSERT_TRUE(d->accept());
  EXPECT_EQ(d->status().tuple, peer.tuple());
  d->send(10);
  EXPECT_THAT(peer.sent(), ElementsAre(IsData({.seq = 1, .ack = 1, .len = 10})));
}
// The ACK may be lost: what follows it carries the same numbers.
TEST_P(SynCookie, TextOrFinThatAcknowledgesItEstablishes) {
  flood();
  Drill peer = answered_peer();
  peer.peer_sends(fin({.len = 100}));
  EXPECT_EQ(peer.state(), State::close_wait);
  d->advance(40_ms);
  EXPECT_THAT(peer.sent(), ElementsAre(IsAck({.seq = 1, .ack = 102})));
}
// (16) "options survive in the timestamp"; the MSS is one of a few.
TEST_P(SynCookie, KeepsOptionsInTheTimestamp) {
  flood();
  Drill peer = answered_peer({.peer_port = 7, .mss = 1450, .wscale = 7, .sack = true, .ts = 3000});
  const wire::TcpOptions& answer = syn_ack_of_peer.at(0).options;
  EXPECT_TRUE(answer.sack_permitted);
  EXPECT_TRUE(answer.window_shift.has_value());
  peer.peer_sends(ack());
  const Status status = peer.listed().value();
  EXPECT_TRUE(status.has_timestamps);
  EXPECT_TRUE(status.has_sack);
  EXPECT_TRUE(status.has_window_scaling);
  EXPECT_EQ(status.snd_wscale, 7);
  EXPECT_EQ(status.snd_mss, 1440U - 12);
}
TEST_P(SynCookie, KeepsThatThereWereNoOtherOptions) {
  flood();
  Drill peer = answered_peer({.peer_port = 7, .ts = 3000});
  peer.peer_sends(ack());
  const Status status = peer.listed().value();
  EXPECT_TRUE(status.has_timestamps);
  EXPECT_FALSE(status.has_sack);
  EXPECT_FALSE(status.has_window_scaling);
}
// Without timestamps there is nowhere to keep them, so they are not agreed on.
TEST_P(SynCookie, OffersNothingWithoutTimestamps) {
  flood();
  Drill peer = answered_peer({.peer_port = 7, .wscale = 7, .sack = true});
  const wire::TcpOptions& answer = syn_ack_of_peer.at(0).options;
  EXPECT_FALSE(answer.sack_permitted);
  EXPECT_FALSE(answer.window_shift.has_value());
  EXPECT_FALSE(answer.timestamps.has_value());
  EXPECT_TRUE(answer.mss.has_value());
  peer.peer_sends(ack());
  EXPECT_FALSE(peer.listed()->has_sack);
  EXPECT_FALSE(peer.listed()->has_window_scaling);
}
// MUST-16: never more than the peer said, however few octets that are.
TEST_P(SynCookie, MssIsNeverRaised) {
  flood({"tcp_syncookies=2"});
  Port port = 100;
  constexpr std::uint16_t kMss[] = {48, 300, 535, 536, 1219, 1300, 1459, 1460, 9000};
  for (const std::uint16_t mss : kMss) {
    Drill peer = answered_peer({.irs = port, .peer_port = ++port, .mss = mss});
    peer.peer_sends(ack());
    ASSERT_TRUE(d->accept()) << mss;
    EXPECT_LE(d->status().snd_mss, mss);
    EXPECT_GE(d->status().snd_mss, std::min<std::uint32_t>(mss, 1440) / 6);
  }
}
// What is not what this host sent is answered like any other ACK that comes to LISTEN: a RST.
TEST_P(SynCookie, OtherAcksAreReset) {
  flood();
  Drill peer = answered_peer();
  peer.peer_sends(ack({.ack = 100}));
  peer.peer_sends(ack({.ack = 0x1000001}));
  peer.peer_sends(ack({.seq = 100, .ack = 1}));
  EXPECT_THAT(peer.sent(), ElementsAre(IsRst(), IsRst(), IsRst()));
  EXPECT_EQ(failed(), 3U);
  EXPECT_EQ(taken(), 0U);
  EXPECT_EQ(peer.listed(), std::nullopt);
}
// RFC 9293, 3.10.7.4: no octet is skipped. One that is lost must not be taken for the SYN that the
// cookie answered, whatever MSS it says.
TEST_P(SynCookie, WhatComesBehindALostOctetIsReset) {
  flood();
  for (const std::uint16_t mss : std::to_array<std::uint16_t>({1460, 1300, 536})) {
    DrillOptions options = peer_at(static_cast<Port>(10 + mss));
    options.mss = mss;
    Drill peer = answered_peer(options);
    for (const std::int64_t lost : {1, 2, 3, 4}) {
      peer.peer_sends(fin({.seq = 1 + lost, .len = 10}));
      EXPECT_THAT(peer.sent(), ElementsAre(IsRst())) << "lost " << lost;
    }
    EXPECT_EQ(peer.listed(), std::nullopt);
  }
  EXPECT_EQ(taken(), 0U);
}
// It is good for its own endpoints alone.
TEST_P(SynCookie, OfAnotherPortIsReset) {
  flood();
  Drill peer = answered_peer();
  Drill other = Drill::beside(*d, with_family({.irs = peer.irs().value(), .peer_port = 8}));
  other.peer_sends(syn());
  const SeqNum others = other.sent().at(0).raw_seq;
  other.peer_sends(
      ack({.ack = static_cast<std::int32_t>(peer.iss().value() - others.value()) + 1}));
  EXPECT_THAT(other.sent(), ElementsAre(IsRst()));
  EXPECT_EQ(failed(), 1U);
}
// It is good for one to two minutes.
TEST_P(SynCookie, IsTakenForAMinute) {
  flood();
  Drill peer = answered_peer();
  d->advance(60_s);
  peer.peer_sends(ack());
  EXPECT_EQ(peer.state(), State::established);
}
TEST_P(SynCookie, IsTooOldAfterTwoMinutes) {
  flood({"tcp_synack_retries=15"});
  Drill peer = answered_peer();
  d->advance(110_s);
  static_cast<void>(answered_peer(peer_at(8)));  // the listener still overflows
  d->advance(10_s);
  peer.peer_sends(ack());
  EXPECT_THAT(peer.sent(), ElementsAre(IsRst()));
  EXPECT_EQ(failed(), 1U);
}
// RFC 4987, 3.6: a listener that sent none takes none, so a guess costs nothing to refuse.
TEST_P(SynCookie, IsNotLookedForWithoutAnOverflow) {
  Drill calm = Drill::listen({.family = GetParam()});
  calm.peer_sends(ack({.seq = 1, .ack = 77}));
  EXPECT_THAT(calm.sent(), ElementsAre(IsRst()));
  EXPECT_EQ(calm.count(Counter::syncookies_failed), 0U);
}
TEST_P(SynCookie, IsNotLookedForLongAfterTheOverflow) {
  flood();
  Drill peer = answered_peer();
  d->advance(121_s);
  peer.peer_sends(ack());
  EXPECT_THAT(peer.sent(), ElementsAre(IsRst()));
  EXPECT_EQ(failed(), 0U);
}
TEST_P(SynCookie, IsSentToEveryoneWhenToldSo) {
  d.emplace(Drill::listen({.family = GetParam(), .set = {"tcp_syncookies=2"}}));
  Drill peer = answered_peer();
  peer.peer_sends(ack());
  EXPECT_EQ(peer.state(), State::established);
  EXPECT_EQ(d->count(Counter::syncookies_sent), 1U);
}
TEST_P(SynCookie, IsNotSentWhenSwitchedOff) {
  flood({"tcp_syncookies=0"});
  Drill peer = Drill::beside(*d, with_family(peer_at(7)));
  peer.peer_sends(syn());
  EXPECT_THAT(peer.sent(), IsEmpty());
  EXPECT_EQ(d->count(Counter::tcp_req_qfull_drop), 1U);
  EXPECT_EQ(d->count(Counter::tcp_listen_drops), 1U);
}
TEST_P(SynCookie, IsNotTakenWhenSwitchedOffMeanwhile) {
  flood();
  Drill peer = answered_peer();
  d->set("tcp_syncookies=0");
  peer.peer_sends(ack());
  EXPECT_THAT(peer.sent(), ElementsAre(IsRst()));
}
// The same of what it says was agreed on.
TEST_P(SynCookie, OptionSwitchedOffMeanwhileIsReset) {
  for (const char* knob : {"tcp_sack=0", "tcp_window_scaling=0", "tcp_timestamps=0"}) {
    flood();
    Drill peer = answered_peer({.peer_port = 7, .wscale = 7, .sack = true, .ts = 3000});
    d->set(knob);
    peer.peer_sends(ack());
    EXPECT_THAT(peer.sent(), ElementsAre(IsRst())) << knob;
  }
}
// "accept queue full: silence": neither a cookie for a SYN nor a RST for a cookie.
TEST_P(SynCookie, AcceptQueueThatIsFullMeansSilence) {
  flood();
  Drill first = answered_peer(peer_at(7));
  Drill second = answered_peer(peer_at(8));
  first.peer_sends(ack());
  EXPECT_EQ(first.state(), State::established);
  second.peer_sends(ack());
  EXPECT_THAT(second.sent(), IsEmpty());
  EXPECT_EQ(d->count(Counter::tcp_listen_overflows), 1U);
  EXPECT_EQ(d->count(Counter::tcp_listen_drops), 1U);
  Drill third = Drill::beside(*d, with_family(peer_at(10)));
  third.peer_sends(syn());
  EXPECT_THAT(third.sent(), IsEmpty());
  EXPECT_EQ(d->count(Counter::tcp_listen_overflows), 2U);
  // Its peer still tries, and there is room now.
  ASSERT_TRUE(d->accept());
  second.peer_sends(data({.len = 10}));
  EXPECT_EQ(second.state(), State::established);
}
// As measured: with timestamps the SYN,ACK's round trip is known, to within 128 ms; without, the
// timeout is RFC 6298's three seconds.
TEST_P(SynCookie, RoundTripIsThatOfTheTimestamp) {
  flood();
  Drill peer = answered_peer({.peer_port = 7, .ts = 3000});
  d->advance(300_ms);
  peer.peer_sends(ack());
  const Status status = peer.listed().value();
  EXPECT_GE(status.srtt, 300_ms);
  EXPECT_LT(status.srtt, 428_ms);
}
TEST_P(SynCookie, RoundTripIsUnknownWithoutTimestamps) {
  flood();
  Drill peer = answered_peer();
  d->advance(300_ms);
  peer.peer_sends(ack());
  EXPECT_EQ(peer.listed()->srtt, Duration::zero());
  ASSERT_TRUE(d->accept());
  d->send(10);
  static_cast<void>(peer.sent());
  d->advance(2999_ms);
  EXPECT_THAT(peer.sent(), IsEmpty());
  d->advance(1_ms);
  EXPECT_THAT(peer.sent(), ElementsAre(IsData({.seq = 1, .len = 10})));
}
// RFC 7323, 4.1: whatever its low bits say, the clock never runs backwards.
TEST_P(SynCookie, TimestampsRise) {
  flood();
  for (int i = 0; i < 70; ++i) {
    Drill peer = answered_peer({.irs = 7,
                                .peer_port = static_cast<Port>(100 + i),
                                .wscale = static_cast<std::uint8_t>(i % 15),
                                .sack = i % 2 == 0,
                                .ts = 3000});
    const std::uint32_t cookies = syn_ack_of_peer.at(0).options.timestamps->value;
    peer.peer_sends(data({.len = 1}));
    ASSERT_TRUE(d->accept());
    const std::vector<Sent> sent = peer.sent();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_LT(sent[0].options.timestamps->value - cookies, 128U);
    EXPECT_EQ(d->status().snd_wscale, i % 15);
    d->advance(1_ms);
  }
}
// A reopened TIME-WAIT frees a connection for the one it makes, so the SYN queue is not asked.
TEST_P(SynCookie, IsNotSentWhereATimeWaitIsReopened) {
  Drill old = Drill::time_wait({.family = GetParam(), .backlog = 0});
  Drill stranger = Drill::beside(old, with_family(peer_at(9)));
  stranger.peer_sends(syn());
  const SeqNum next = old.iss() + (2 + 65'537);
  old.peer_sends(syn({.seq = 500}));
  const std::vector<Sent> sent = old.sent();
  ASSERT_THAT(sent, ElementsAre(IsSynAck({.ack = 501})));
  EXPECT_EQ(sent[0].raw_seq, next);
  EXPECT_EQ(old.state(), State::syn_received);
  EXPECT_EQ(old.count(Counter::syncookies_sent), 0U);
}

}  // namespace
}  // namespace tuntcp::test
