// Explicit congestion notification: RFC 3168, 6.1, as Linux does it (rows 25 and 29, and what was
// measured of Linux 6.18 with Reno besides).
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;

constexpr std::uint8_t kNotEct = 0;
constexpr std::uint8_t kEct1 = 1;
constexpr std::uint8_t kEct0 = 2;
constexpr std::uint8_t kCe = 3;

const DrillOptions kPassive{.ecn = true};
const DrillOptions kActive{.role = Role::active, .set = {"tcp_ecn=1"}, .ecn = true};

Seg with(Flags flags, Seg seg) {
  seg.flags |= flags;
  return seg;
}
const Flags kSetup = Flag::ece | Flag::cwr;
std::uint8_t ecn_flags(const Sent& sent) {
  return sent.flags.octet() & kSetup.octet();
}
// The flags of the first segment that the host answers `seg` with, or opens with.
std::uint8_t answer_to(const DrillOptions& options, const Seg& seg) {
  Drill d = Drill::listen(options);
  d.peer_sends(seg);
  const std::vector<Sent> sent = d.sent();
  EXPECT_THAT(sent, ElementsAre(IsSynAck()));
  EXPECT_EQ(sent.at(0).traffic_class, kNotEct);
  return ecn_flags(sent.at(0));
}

// ---- 6.1.1: the handshake.

// (25) "SYN with ECE and CWR, tcp_ecn=2: SYN-ACK with ECE."
TEST(EcnSetup, SynAckAgreesByEce) {
  for (const char* knob : {"tcp_ecn=1", "tcp_ecn=2"}) {
    EXPECT_EQ(answer_to({.set = {knob}}, with(kSetup, syn())), Flags(Flag::ece).octet()) << knob;
  }
}
TEST(EcnSetup, SynAckSaysNothingWhenSwitchedOff) {
  EXPECT_EQ(answer_to({.set = {"tcp_ecn=0"}}, with(kSetup, syn())), 0);
}
// "A SYN packet that is not an ECN-setup SYN packet" has not both flags.
TEST(EcnSetup, SynMustHaveBothFlags) {
  EXPECT_EQ(answer_to({}, with(Flag::ece, syn())), 0);
  EXPECT_EQ(answer_to({}, with(Flag::cwr, syn())), 0);
  EXPECT_EQ(answer_to({}, syn()), 0);
}
// "A host MUST NOT set ECT on SYN or SYN-ACK packets": Linux takes such a SYN for something else.
TEST(EcnSetup, SynWithEctIsNotOne) {
  EXPECT_EQ(answer_to({}, with(kSetup, syn({.ecn = kEct0}))), 0);
}
TEST(EcnSetup, RepeatedSynAckAgreesAgain) {
  Drill d = Drill::syn_received(kPassive);
  d.advance(1_s);
  EXPECT_EQ(ecn_flags(d.sent().at(0)), Flags(Flag::ece).octet());
}
TEST(EcnSetup, IsKeptByTheConnection) {
  EXPECT_TRUE(Drill::established(kPassive).status().has_ecn);
  EXPECT_TRUE(Drill::established(kActive).status().has_ecn);
  EXPECT_FALSE(Drill::established().status().has_ecn);
}
TEST(EcnSetup, IsKeptByACookie) {
  Drill d = Drill::established({.set = {"tcp_syncookies=2"}, .ecn = true, .ts = 500});
  EXPECT_TRUE(d.status().has_ecn);
  Drill plain = Drill::established({.set = {"tcp_syncookies=2"}, .ecn = true});
  EXPECT_FALSE(plain.status().has_ecn);
}
TEST(EcnSetup, SynOffersItWhenToldSo) {
  const auto flags_of_syn = [](const char* knob) {
    Drill d = Drill::closed({.role = Role::active, .set = {knob}});
    EXPECT_TRUE(d.open().has_value());
    const std::vector<Sent> sent = d.sent();
    EXPECT_THAT(sent, ElementsAre(IsSyn()));
    return ecn_flags(sent.at(0));
  };
  EXPECT_EQ(flags_of_syn("tcp_ecn=0"), 0);
  EXPECT_EQ(flags_of_syn("tcp_ecn=1"), kSetup.octet());
  EXPECT_EQ(flags_of_syn("tcp_ecn=2"), 0);
}
// Some TCPs reflect what they do not know: "a SYN-ACK packet with both ECE and CWR" agrees to
// nothing.
TEST(EcnSetup, SynAckMustHaveEceAlone) {
  const auto agrees = [](Flags flags) {
    Drill d = Drill::syn_sent({.role = Role::active, .set = {"tcp_ecn=1"}});
    d.peer_sends(with(flags, syn_ack()));
    EXPECT_EQ(d.state(), State::established);
    return d.status().has_ecn;
  };
  EXPECT_TRUE(agrees(Flag::ece));
  EXPECT_FALSE(agrees({}));
  EXPECT_FALSE(agrees(Flag::cwr));
  EXPECT_FALSE(agrees(kSetup));
}
TEST(EcnSetup, SynAckCannotAgreeToWhatWasNotOffered) {
  Drill d = Drill::established({.role = Role::active, .ecn = true});
  EXPECT_FALSE(d.status().has_ecn);
}
// 6.1.1.1: "a host that receives no reply to an ECN-setup SYN ... MAY resend the SYN with CWR and
// ECE cleared".
TEST(EcnSetup, RepeatedSynFallsBack) {
  Drill d = Drill::syn_sent(kActive);
  d.advance(1_s);
  EXPECT_EQ(ecn_flags(d.sent().at(0)), 0);
  // The first one may have arrived after all.
  d.peer_sends(syn_ack());
  EXPECT_TRUE(d.status().has_ecn);
}
// Linux takes the SYN's timeout for a reduction of the window like any other.
TEST(EcnSetup, CwrFollowsARepeatedSyn) {
  Drill d = Drill::syn_sent(kActive);
  d.advance(1_s);
  d.peer_sends(syn_ack());
  static_cast<void>(d.sent());
  d.send(1000);
  EXPECT_TRUE(d.sent().at(0).flags.has(Flag::cwr));
}
TEST(EcnSetup, RepeatedSynOffersItAgainWithoutFallback) {
  Drill d = Drill::syn_sent(
      {.role = Role::active, .set = {"tcp_ecn=1", "tcp_ecn_fallback=0"}, .ecn = true});
  d.advance(1_s);
  EXPECT_EQ(ecn_flags(d.sent().at(0)), kSetup.octet());
}
TEST(EcnSetup, SynsThatCross) {
  Drill d = Drill::syn_sent(kActive);
  d.peer_sends(syn());
  const std::vector<Sent> sent = d.sent();
  ASSERT_THAT(sent, ElementsAre(IsSynAck()));
  EXPECT_EQ(ecn_flags(sent[0]), Flags(Flag::ece).octet());
  d.peer_sends(ack());
  EXPECT_TRUE(d.status().has_ecn);
}

// ---- 5, 6.1.2, 6.1.4 to 6.1.6: what is marked as ECN-capable.

TEST(EcnCapable, NewTextAndNothingElse) {
  Drill d = Drill::established(kPassive);
  d.send(1500);
  d.peer_sends(data({.len = 10}));
  EXPECT_TRUE(d.close().has_value());
  const std::vector<Sent> sent = d.sent();
  ASSERT_THAT(sent, ElementsAre(IsData({.len = 1000}), IsData({.len = 500}), IsAck({.ack = 11}),
                                IsFin({.len = 0})));
  EXPECT_EQ(sent[0].traffic_class, kEct0);
  EXPECT_EQ(sent[1].traffic_class, kEct0);
  EXPECT_EQ(sent[2].traffic_class, kNotEct);
  EXPECT_EQ(sent[3].traffic_class, kNotEct);
}
TEST(EcnCapable, NotARetransmission) {
  Drill d = Drill::established(kPassive);
  d.send(1000);
  static_cast<void>(d.sent());
  d.advance(250_ms);
  const std::vector<Sent> sent = d.sent();
  ASSERT_THAT(sent, ElementsAre(IsData({.seq = 1})));
  EXPECT_EQ(sent[0].traffic_class, kNotEct);
}
// 6.1.6: "MUST NOT set either an ECT codepoint or the CWR bit on window probe data packets".
TEST(EcnCapable, NotAWindowProbe) {
  Drill d = Drill::established(kPassive);
  d.peer_sends(ack({.window = 1}));
  d.send(100);
  d.advance(250_ms);
  const std::vector<Sent> sent = d.sent();
  ASSERT_THAT(sent, ElementsAre(IsData({.seq = 1, .len = 1})));
  EXPECT_EQ(sent[0].traffic_class, kNotEct);
}
TEST(EcnCapable, NotWithoutAgreement) {
  Drill d = Drill::established();
  d.send(1000);
  EXPECT_EQ(d.sent().at(0).traffic_class, kNotEct);
}
TEST(EcnCapable, SuperPacketsToo) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Drill d = Drill::established(
        {.family = family, .link = {.checksum = true, .gso_max_octets = 65'535}, .ecn = true});
    d.send(5000);
    const std::vector<Sent> sent = d.sent();
    ASSERT_THAT(sent, ElementsAre(IsData({.len = 5000})));
    EXPECT_EQ(sent[0].traffic_class, kEct0);
  }
}

// ---- 6.1.3: the receiver.

// "sets the ECN-Echo flag in all ACK packets ... until it receives a TCP packet with the CWR flag".
TEST(EcnEcho, LastsUntilCwr) {
  Drill d = Drill::established(kPassive);
  d.peer_sends(data({.len = 10, .ecn = kEct0}));
  d.peer_sends(data({.len = 10, .ecn = kCe}));
  d.peer_sends(data({.len = 10, .ecn = kEct0}));
  d.peer_sends(with(Flag::cwr, data({.len = 10, .ecn = kEct0})));
  const std::vector<Sent> sent = d.sent();
  ASSERT_EQ(sent.size(), 4U);
  EXPECT_FALSE(sent[0].flags.has(Flag::ece));
  EXPECT_TRUE(sent[1].flags.has(Flag::ece));
  EXPECT_TRUE(sent[2].flags.has(Flag::ece));
  EXPECT_FALSE(sent[3].flags.has(Flag::ece));
}
// "After the receipt of the CWR packet, acknowledgments for subsequent non-CE data packets will not
// have the ECN-Echo flag set. If another CE packet is received ..., the receiver would once again
// send ACK packets with the ECN-Echo flag set." Measured: of the CWR's own CE too.
TEST(EcnEcho, CwrThatIsMarkedBeginsAnew) {
  Drill d = Drill::established(kPassive);
  d.peer_sends(data({.len = 10, .ecn = kCe}));
  d.peer_sends(with(Flag::cwr, data({.len = 10, .ecn = kCe})));
  const std::vector<Sent> sent = d.sent();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_TRUE(sent[1].flags.has(Flag::ece));
}
TEST(EcnEcho, IsOnEverySegment) {
  Drill d = Drill::established(kPassive);
  d.peer_sends(data({.len = 10, .ecn = kCe}));
  d.send(1000);
  d.advance(250_ms);
  EXPECT_TRUE(d.close().has_value());
  const std::vector<Sent> sent = d.sent();
  ASSERT_EQ(sent.size(), 4U);
  for (const Sent& one : sent) EXPECT_TRUE(one.flags.has(Flag::ece));
}
TEST(EcnEcho, NeedsAgreement) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 10, .ecn = kCe}));
  EXPECT_EQ(ecn_flags(d.sent().at(0)), 0);
}
TEST(EcnEcho, OutOfOrderTextCountsToo) {
  Drill d = Drill::established(kPassive);
  d.peer_sends(data({.seq = 11, .len = 10, .ecn = kCe}));
  EXPECT_TRUE(d.sent().at(0).flags.has(Flag::ece));
}
// 6.1.5: "the TCP data receiver SHOULD ignore the CE codepoint ... on out-of-window packets"; and
// pure ACKs are never ECN-capable (6.1.4).
TEST(EcnEcho, OldTextAndAcksDoNotCount) {
  Drill d = Drill::established(kPassive);
  d.peer_sends(data({.len = 10, .ecn = kEct0}));
  d.peer_sends(data({.seq = 1, .len = 10, .ecn = kCe}));
  d.peer_sends(ack({.ecn = kCe}));
  for (const Sent& one : d.sent()) EXPECT_EQ(ecn_flags(one), 0);
}
// Linux: the peer's window may be tiny now, so the next ACKs are not delayed.
TEST(EcnEcho, MakesAcksQuick) {
  Drill d = Drill::established(kPassive);
  for (int i = 0; i < 20; ++i) d.peer_sends(data({.len = 10, .ecn = kEct0}));
  EXPECT_EQ(d.sent().size(), 16U);
  d.advance(40_ms);
  static_cast<void>(d.sent());
  d.peer_sends(data({.len = 10, .ecn = kCe}));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck()));
  d.peer_sends(with(Flag::cwr, data({.len = 10, .ecn = kEct0})));
  EXPECT_THAT(d.sent(), ElementsAre(IsAck()));
}
// IpExtInCEPkts and their kin count segments, not packets of the device.
TEST(EcnCounters, CountCodepointsOfSegments) {
  Drill d = Drill::established(kPassive);
  const std::uint64_t without = d.count(Counter::ip_in_no_ect);
  d.peer_sends(data({.len = 3000, .gso_size = 1000, .ecn = kEct0}));
  d.peer_sends(data({.len = 10, .ecn = kEct1}));
  d.peer_sends(data({.len = 10, .ecn = kCe}));
  d.peer_sends(ack());
  EXPECT_EQ(d.count(Counter::ip_in_ect0), 3U);
  EXPECT_EQ(d.count(Counter::ip_in_ect1), 1U);
  EXPECT_EQ(d.count(Counter::ip_in_ce), 1U);
  EXPECT_EQ(d.count(Counter::ip_in_no_ect), without + 1);
  EXPECT_TRUE(d.status().ecn_was_seen);
}
TEST(EcnCounters, OfIpv6) {
  Drill d = Drill::established({.family = Family::ipv6, .ecn = true});
  const std::uint64_t without = d.count(Counter::ip6_in_no_ect);
  d.peer_sends(data({.len = 10, .ecn = kCe}));
  d.peer_sends(data({.len = 10, .ecn = kEct0}));
  d.peer_sends(data({.len = 10, .ecn = kEct0}));
  d.peer_sends(data({.len = 10, .ecn = kEct1}));
  d.peer_sends(ack());
  EXPECT_EQ(d.count(Counter::ip6_in_ce), 1U);
  EXPECT_EQ(d.count(Counter::ip6_in_ect0), 2U);
  EXPECT_EQ(d.count(Counter::ip6_in_ect1), 1U);
  EXPECT_EQ(d.count(Counter::ip6_in_no_ect), without + 1);
  EXPECT_FALSE(d.sent().empty());
}

// ---- 6.1.2: the sender.

class EcnSender : public testing::Test {
 protected:
  // Ten segments of 1,000 octets are on their way.
  void SetUp() override { fill(); }
  void fill() {
    d.send(30'000);
    EXPECT_EQ(d.sent().size(), 10U);
  }
  void echo(std::int64_t ack_number) { d.peer_sends(with(Flag::ece, ack({.ack = ack_number}))); }
  std::uint32_t cwnd() const { return d.status().cwnd_segments; }

  // Reno leaves five of ten; CUBIC's seven are tests/scripts/ecn/cubic_leaves_seven_of_ten.pkt.
  Drill d = Drill::established({.set = {"tcp_congestion_control=reno"}, .ecn = true});
};
// "the indication of congestion should be treated just as a congestion loss in non-ECN-capable TCP.
// That is, the TCP source halves the congestion window "cwnd" and reduces the slow start
// threshold". (29) has seven of ten, which is CUBIC's answer; five is what Linux does with Reno.
TEST_F(EcnSender, EchoHalvesTheWindow) {
  echo(1001);
  EXPECT_EQ(d.status().ssthresh_octets, 5'000U);
  EXPECT_EQ(d.status().episode, tcp::Episode::cwr);
  // In proportion (RFC 9937): one for each two that are acknowledged, until half is in flight.
  for (int i = 2; i <= 10; ++i) d.peer_sends(ack({.ack = i * 1000 + 1}));
  EXPECT_EQ(cwnd(), 5U);
  EXPECT_EQ(d.sent().size(), 5U);
  EXPECT_EQ(d.status().segments_retransmitted, 0U);
}
// "TCP should not react to congestion indications more than once every window of data": more than
// what was outstanding then must be acknowledged.
TEST_F(EcnSender, ReactsOnceInARoundTrip) {
  echo(1001);
  echo(5001);
  echo(10'001);
  EXPECT_EQ(cwnd(), 5U);
  EXPECT_EQ(d.status().ssthresh_octets, 5'000U);
  EXPECT_EQ(d.sent().size(), 5U);
  echo(11'001);
  EXPECT_EQ(d.status().ssthresh_octets, 2'000U);
}
TEST_F(EcnSender, WindowGrowsAgainAfterTheRoundTrip) {
  echo(10'001);
  EXPECT_EQ(cwnd(), 5U);
  d.peer_sends(ack({.ack = 11'001}));
  EXPECT_EQ(d.status().episode, tcp::Episode::open);
  for (int i = 12; i <= 16; ++i) d.peer_sends(ack({.ack = i * 1000 + 1}));
  EXPECT_EQ(cwnd(), 6U);
}
// "... sets the CWR flag in the TCP header of the first new data packet sent after the window
// reduction."
TEST_F(EcnSender, CwrIsSaidOnce) {
  echo(10'001);
  const std::vector<Sent> sent = d.sent();
  ASSERT_EQ(sent.size(), 5U);
  EXPECT_TRUE(sent[0].flags.has(Flag::cwr));
  EXPECT_EQ(sent[0].traffic_class, kEct0);
  for (std::size_t i = 1; i < sent.size(); ++i) EXPECT_FALSE(sent[i].flags.has(Flag::cwr));
}
// "after a fast retransmit or a retransmission timeout" it reduced the window as well; the
// retransmission itself is not new.
TEST_F(EcnSender, CwrFollowsALoss) {
  for (int i = 0; i < 2; ++i) d.peer_sends(ack({.ack = 1}));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 10'001}), IsData({.seq = 11'001})));
  d.peer_sends(ack({.ack = 1}));
  std::vector<Sent> sent = d.sent();
  ASSERT_THAT(sent, ElementsAre(IsData({.seq = 1})));
  EXPECT_EQ(ecn_flags(sent[0]), 0);
  EXPECT_EQ(sent[0].traffic_class, kNotEct);
  d.peer_sends(ack({.ack = 12'001}));
  sent = d.sent();
  ASSERT_FALSE(sent.empty());
  EXPECT_TRUE(sent[0].flags.has(Flag::cwr));
}
TEST_F(EcnSender, CwrFollowsATimeout) {
  d.advance(250_ms);
  std::vector<Sent> sent = d.sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(ecn_flags(sent[0]), 0);
  d.peer_sends(ack({.ack = 10'001}));
  sent = d.sent();
  ASSERT_FALSE(sent.empty());
  EXPECT_TRUE(sent[0].flags.has(Flag::cwr));
}
// A loss in the window that was halved already is repaired, but does not halve it again.
TEST_F(EcnSender, LossInTheSameWindowDoesNotHalveItAgain) {
  echo(1001);
  for (int i = 0; i < 3; ++i) d.peer_sends(ack({.ack = 1001}));
  EXPECT_EQ(d.status().episode, tcp::Episode::recovery);
  EXPECT_EQ(d.status().ssthresh_octets, 5'000U);
}
// ... and the other way round.
TEST_F(EcnSender, EchoDuringRecoveryIsNotNews) {
  for (int i = 0; i < 3; ++i) d.peer_sends(ack({.ack = 1}));
  const std::uint32_t halved = d.status().ssthresh_octets;
  echo(3001);
  EXPECT_EQ(d.status().ssthresh_octets, halved);
  EXPECT_EQ(d.status().episode, tcp::Episode::recovery);
  EXPECT_EQ(d.count(Counter::tcp_delivered_ce), 3U);
}
TEST_F(EcnSender, TimeoutInTheSameWindowKeepsTheThreshold) {
  echo(1001);
  static_cast<void>(d.sent());
  d.advance(300_ms);
  EXPECT_EQ(cwnd(), 1U);
  EXPECT_EQ(d.status().ssthresh_octets, 5'000U);
}
// Without anything in flight nothing can have been marked.
TEST_F(EcnSender, EchoOfNothingIsIgnored) {
  d.peer_sends(ack({.ack = 10'001}));
  d.peer_sends(ack({.ack = 30'001}));
  const std::uint32_t before = cwnd();
  echo(30'001);
  EXPECT_EQ(cwnd(), before);
}
TEST(EcnWithoutAgreement, EchoIsIgnored) {
  Drill d = Drill::established();
  d.send(10'000);
  d.peer_sends(with(Flag::ece, ack({.ack = 1001})));
  EXPECT_GE(d.status().cwnd_segments, 10U);
  EXPECT_EQ(d.status().episode, tcp::Episode::open);
}
// A super-packet carries CWR for its first segment: the device cuts it so (see io/tun_device.cc).
TEST(EcnSuperPacket, CwrIsItsFirstSegments) {
  Drill d = Drill::established({.set = {"tcp_congestion_control=reno"},
                                .link = {.checksum = true, .gso_max_octets = 65'535},
                                .ecn = true});
  d.send(30'000);
  static_cast<void>(d.sent());
  d.peer_sends(with(Flag::ece, ack({.ack = 10'001})));
  const std::vector<Sent> sent = d.sent();
  ASSERT_THAT(sent, ElementsAre(IsData({.len = 5000})));
  EXPECT_TRUE(sent[0].flags.has(Flag::cwr));
  EXPECT_EQ(sent[0].gso_size, 1000);
}

}  // namespace
}  // namespace tuntcp::test
