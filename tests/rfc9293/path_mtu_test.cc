// Path MTU discovery: RFC 1191, RFC 8201, and what Linux makes of MTUs that nobody should have.
#include <gtest/gtest.h>

#include <set>

#include "tests/support/drill.h"
#include "tests/support/network.h"

namespace tuntcp::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::Le;
using testing::Not;

constexpr Family v4 = Family::ipv4;
constexpr Family v6 = Family::ipv6;

DrillOptions wide(Family family) {
  return {.family = family, .mss = static_cast<std::uint16_t>(family == v4 ? 1460 : 1440)};
}
std::uint32_t headers(Family family) {
  return family == v4 ? 40 : 60;
}
std::vector<std::uint32_t> lengths(const std::vector<Sent>& sent) {
  std::vector<std::uint32_t> all;
  for (const Sent& segment : sent) all.push_back(segment.len);
  return all;
}

class PathMtu : public testing::TestWithParam<Family> {};
INSTANTIATE_TEST_SUITE_P(Families, PathMtu, testing::Values(v4, v6),
                         [](const auto& family) { return family.param == v4 ? "v4" : "v6"; });

// RFC 1191, 6.4 and RFC 8201, 5.4: "retransmit immediately"; Linux cuts all anew within 0.1 ms.
TEST_P(PathMtu, TooBigIsCutAnewAtOnce) {
  Drill d = Drill::established(wide(GetParam()));
  const std::uint32_t full = 1500 - headers(GetParam());
  const std::uint32_t small = 1300 - headers(GetParam());
  ASSERT_TRUE(d.send(2 * full));
  EXPECT_EQ(lengths(d.sent()), (std::vector{full, full}));
  const Duration before = d.elapsed();
  d.wire_sends(too_big(d, 1, 1300));
  const std::vector<Sent> again = d.sent();
  EXPECT_EQ(lengths(again), (std::vector{small, small, 2 * full - 2 * small}));
  EXPECT_EQ(again.front().seq, 1);
  EXPECT_THAT(again, Each(Field(&Sent::at, before)));
  EXPECT_EQ(d.status().pmtu, 1300U);
  EXPECT_EQ(d.status().snd_mss, small);
  d.peer_sends(ack());
  EXPECT_EQ(d.status().unacked_octets, 0U);
}

// RFC 1191, 6.4: "the congestion window ... should not be changed"; what is in flight again is no
// more octets than before.
TEST_P(PathMtu, IsNoCongestion) {
  Drill d = Drill::established(wide(GetParam()));
  const std::uint32_t full = 1500 - headers(GetParam());
  ASSERT_TRUE(d.send(10 * full));
  EXPECT_EQ(d.sent().size(), 10U);
  d.wire_sends(too_big(d, 1, 1300));
  EXPECT_EQ(d.sent().size(), 10U);
  EXPECT_EQ(d.status().cwnd_segments, 10U);
  EXPECT_EQ(d.status().ssthresh_octets, std::numeric_limits<std::uint32_t>::max());
}

// RFC 5927, 7.2: neither what is not in flight nor an MTU that would have carried it is believed.
TEST_P(PathMtu, IsNotBelievedWithoutReason) {
  Drill d = Drill::established(wide(GetParam()));
  const std::uint32_t full = 1500 - headers(GetParam());
  ASSERT_TRUE(d.send(2 * full));
  d.sent();
  d.wire_sends(too_big(d, 1 + 2 * full + 1, 1300));
  d.wire_sends(too_big(d, 0, 1300));
  EXPECT_EQ(d.count(Counter::tcp_out_of_window_icmps), 2U);
  d.wire_sends(too_big(d, 1, 1500));
  d.wire_sends(too_big(d, 1, 9000));
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.status().pmtu, 1500U);
}

// RFC 1191, 3: it is the destination's, not the connection's.
TEST_P(PathMtu, HoldsForEveryConnectionToTheDestination) {
  Drill d = Drill::established(wide(GetParam()));
  DrillOptions second = wide(GetParam());
  second.role = Role::active;
  second.local_port = 4000;
  second.peer_port = 4001;
  ASSERT_TRUE(d.send(1400));
  d.sent();
  d.wire_sends(too_big(d, 1, 1300));
  d.sent();
  Drill other = Drill::beside(d, second);
  ASSERT_TRUE(other.open());
  other.sent();
  other.peer_sends(syn_ack({.seq = 0, .mss = second.mss}));
  other.sent();
  ASSERT_TRUE(other.send(3000));
  EXPECT_EQ(lengths(other.sent()).front(), 1300 - headers(GetParam()));
}

// RFC 9293, 3.8.6.2.1, (1): a full segment may leave, and segments have become smaller. Nobody says
// so: the persist timer sees it. (The simulator found text that waited for ever.)
TEST_P(PathMtu, OfTheLinkFreesWhatWaitedForAWindow) {
  Drill d = Drill::established(wide(GetParam()));
  const std::uint32_t full = 1500 - headers(GetParam());
  ASSERT_TRUE(d.send(full));
  d.sent();
  d.peer_sends(ack({.window = 1250}));
  ASSERT_TRUE(d.send(3000));
  ASSERT_THAT(d.sent(), IsEmpty());
  d.set_link({.mtu = 1280});
  d.advance(1_s);
  const std::vector<std::uint32_t> left = lengths(d.sent());
  ASSERT_THAT(left, Not(IsEmpty()));
  EXPECT_EQ(left.front(), 1280 - headers(GetParam()));
}

// RFC 1191, 6.3 and RFC 8201, 5.3: after ten minutes a larger packet is tried again.
TEST_P(PathMtu, IsForgottenAfterTenMinutes) {
  Drill d = Drill::established(wide(GetParam()));
  const std::uint32_t full = 1500 - headers(GetParam());
  ASSERT_TRUE(d.send(full));
  d.wire_sends(too_big(d, 1, 1300));
  d.peer_sends(ack());
  d.advance(599_s);
  d.sent();
  ASSERT_TRUE(d.send(full));
  EXPECT_EQ(lengths(d.sent()).front(), 1300 - headers(GetParam()));
  d.peer_sends(ack());
  d.advance(1_s);
  d.sent();
  ASSERT_TRUE(d.send(full));
  EXPECT_EQ(lengths(d.sent()), (std::vector{full}));
}

// A super-packet is cut by the device; what it is told changes too.
TEST_P(PathMtu, ChangesTheSegmentsOfASuperPacket) {
  DrillOptions options = wide(GetParam());
  options.link = {.gso_max_octets = 65'535};
  Drill d = Drill::established(options);
  ASSERT_TRUE(d.send(5000));
  ASSERT_EQ(d.sent().size(), 1U);
  d.wire_sends(too_big(d, 1 + 1500 - headers(GetParam()), 1300));
  EXPECT_THAT(d.sent(),
              ElementsAre(testing::AllOf(Field(&Sent::len, 5000U),
                                         Field(&Sent::gso_size, 1300 - headers(GetParam())))));
}

// Linux: in SYN-SENT it is remembered and nothing is sent again.
TEST_P(PathMtu, OfASynIsRemembered) {
  DrillOptions options = wide(GetParam());
  options.role = Role::active;
  Drill d = Drill::syn_sent(options);
  d.wire_sends(too_big(d, 0, 1300));
  EXPECT_EQ(d.state(), State::syn_sent);
  EXPECT_THAT(d.sent(), IsEmpty());
  d.peer_sends(syn_ack({.seq = 0, .mss = options.mss}));
  d.sent();
  ASSERT_TRUE(d.send(2000));
  EXPECT_EQ(lengths(d.sent()).front(), 1300 - headers(GetParam()));
}

// Linux 6.18, measured: an MTU of 100, or none as of routers older than RFC 1191, gives segments of
// 512 octets (min_pmtu is 552) without DF. RFC 6864, 4.1: then identifications differ.
TEST(PathMtuV4, TooSmallIs552WithoutDontFragment) {
  for (const std::uint32_t mtu : {0U, 68U, 100U, 551U}) {
    Drill d = Drill::established(wide(v4));
    ASSERT_TRUE(d.send(1460));
    EXPECT_THAT(d.sent(), Each(Field(&Sent::dont_fragment, true)));
    d.wire_sends(too_big(d, 1, mtu));
    const std::vector<Sent> again = d.sent();
    EXPECT_EQ(lengths(again), (std::vector{512U, 512U, 436U})) << mtu;
    EXPECT_THAT(again, Each(Field(&Sent::dont_fragment, false))) << mtu;
    std::set<std::uint16_t> identifications;
    for (const Sent& segment : again) identifications.insert(segment.identification);
    EXPECT_EQ(identifications.size(), 3U);
  }
}

TEST(PathMtuV4, Of552KeepsDontFragment) {
  Drill d = Drill::established(wide(v4));
  ASSERT_TRUE(d.send(1460));
  d.sent();
  d.wire_sends(too_big(d, 1, 552));
  const std::vector<Sent> again = d.sent();
  EXPECT_EQ(lengths(again).front(), 512U);
  EXPECT_THAT(again, Each(Field(&Sent::dont_fragment, true)));
}

// RFC 8201, 4: such a message must be discarded.
TEST(PathMtuV6, Below1280IsIgnored) {
  for (const std::uint32_t mtu : {0U, 68U, 1279U}) {
    Drill d = Drill::established(wide(v6));
    ASSERT_TRUE(d.send(1440));
    d.sent();
    d.wire_sends(too_big(d, 1, mtu));
    EXPECT_THAT(d.sent(), IsEmpty()) << mtu;
    EXPECT_EQ(d.status().pmtu, 1500U) << mtu;
  }
}

// Linux: ip_no_pmtu_disc=1 and 3 make connections that send no DF, so that nothing is lost that
// would have to be sent again when a router complains nevertheless. What it says is believed by 3,
// as TCP can verify it; with 1 the path has 552 (measured).
TEST(PathMtuKnob, OneAndThreeSendWithoutDontFragment) {
  struct Case {
    const char* knob;
    std::uint32_t length;
  };
  for (const Case& c : {Case{"ip_no_pmtu_disc=1", 512}, Case{"ip_no_pmtu_disc=3", 1260}}) {
    DrillOptions options = wide(v4);
    options.set = {c.knob};
    Drill d = Drill::established(options);
    ASSERT_TRUE(d.send(1460));
    EXPECT_THAT(d.sent(), Each(Field(&Sent::dont_fragment, false))) << c.knob;
    d.wire_sends(too_big(d, 1, 1300));
    EXPECT_THAT(d.sent(), IsEmpty()) << c.knob;
    d.peer_sends(ack());
    ASSERT_TRUE(d.send(1460));
    EXPECT_EQ(lengths(d.sent()).front(), c.length) << c.knob;
  }
}

// ip_no_pmtu_disc=2: the messages are discarded.
TEST(PathMtuKnob, TwoDiscardsTheMessages) {
  DrillOptions options = wide(v4);
  options.set = {"ip_no_pmtu_disc=2"};
  Drill d = Drill::established(options);
  ASSERT_TRUE(d.send(1460));
  EXPECT_THAT(d.sent(), Each(Field(&Sent::dont_fragment, false)));
  d.wire_sends(too_big(d, 1, 1300));
  EXPECT_EQ(d.status().pmtu, 1500U);
}

// tcp_min_snd_mss: an attacker who could guess the numbers cannot have us send headers only.
TEST(PathMtuKnob, MinSndMssBoundsTheSegments) {
  DrillOptions options = wide(v4);
  options.set = {"tcp_min_snd_mss=1000"};
  Drill d = Drill::established(options);
  ASSERT_TRUE(d.send(1460));
  d.sent();
  d.wire_sends(too_big(d, 1, 600));
  EXPECT_EQ(lengths(d.sent()).front(), 1000U);
}

// IP_MTU_DISCOVER, as IP_PMTUDISC_DONT and IP_PMTUDISC_DO.
TEST(MtuDiscovery, IsTheApplicationsChoice) {
  DrillOptions options = wide(v4);
  options.socket.mtu_discovery = tcp::MtuDiscovery::dont;
  Drill d = Drill::established(options);
  ASSERT_TRUE(d.send(1460));
  EXPECT_THAT(d.sent(), Each(Field(&Sent::dont_fragment, false)));
  d.set_socket_options({.mtu_discovery = tcp::MtuDiscovery::always});
  d.peer_sends(ack());
  ASSERT_TRUE(d.send(1460));
  EXPECT_THAT(d.sent(), Each(Field(&Sent::dont_fragment, true)));
  d.wire_sends(too_big(d, 1461, 100));
  const std::vector<Sent> again = d.sent();
  EXPECT_EQ(lengths(again).front(), 512U);
  EXPECT_THAT(again, Each(Field(&Sent::dont_fragment, true)));
}

// The other values, as Linux 6.18 has them (measured): a SYN,ACK has DF in any case; what routers
// say is learned in any case, but not all send again what was too big.
struct MtuDiscoveryCase {
  tcp::MtuDiscovery value;
  bool has_dont_fragment;
  bool is_cut_anew;
};
class MtuDiscoveryValues : public testing::TestWithParam<MtuDiscoveryCase> {};
INSTANTIATE_TEST_SUITE_P(All, MtuDiscoveryValues,
                         testing::Values(MtuDiscoveryCase{tcp::MtuDiscovery::dont, false, false},
                                         MtuDiscoveryCase{tcp::MtuDiscovery::want, true, true},
                                         MtuDiscoveryCase{tcp::MtuDiscovery::always, true, true},
                                         MtuDiscoveryCase{tcp::MtuDiscovery::probe, false, true},
                                         MtuDiscoveryCase{tcp::MtuDiscovery::of_link, false, false},
                                         MtuDiscoveryCase{tcp::MtuDiscovery::of_link_loose, false,
                                                          false}));

TEST_P(MtuDiscoveryValues, DecideAboutDontFragmentAndSendingAgain) {
  const auto [value, has_dont_fragment, is_cut_anew] = GetParam();
  DrillOptions options = wide(v4);
  options.socket.mtu_discovery = value;
  Drill d = Drill::listen(options);
  d.peer_sends(syn({.mss = options.mss}));
  EXPECT_THAT(d.sent(), ElementsAre(Field(&Sent::dont_fragment, true)));
  d.peer_sends(ack());
  d.accept();
  ASSERT_TRUE(d.send(1460));
  EXPECT_THAT(d.sent(), ElementsAre(Field(&Sent::dont_fragment, has_dont_fragment)));
  d.wire_sends(too_big(d, 1, 1300));
  EXPECT_EQ(!d.sent().empty(), is_cut_anew);
  EXPECT_EQ(d.status().pmtu, 1300U);
}

// RFC 8201, 4 leaves no choice of sending larger packets; Linux leaves it to who asks for it.
TEST(MtuDiscoveryOfIpv6, OfTheLinkPassesOverTooBig) {
  for (const auto value : {tcp::MtuDiscovery::of_link, tcp::MtuDiscovery::of_link_loose}) {
    DrillOptions options = wide(v6);
    options.socket.mtu_discovery_v6 = value;
    Drill d = Drill::established(options);
    ASSERT_TRUE(d.send(1440));
    d.sent();
    d.wire_sends(too_big(d, 1, 1300));
    EXPECT_THAT(d.sent(), IsEmpty());
    EXPECT_EQ(d.status().pmtu, 1500U);
  }
}

// Routers of IPv6 cut nothing (RFC 8200, 4.5), so neither IP_MTU_DISCOVER nor ip_no_pmtu_disc say
// anything there (Linux).
TEST(MtuDiscoveryOfIpv6, IsNotThatOfIpv4) {
  DrillOptions options = wide(v6);
  options.set = {"ip_no_pmtu_disc=1"};
  options.socket.mtu_discovery = tcp::MtuDiscovery::dont;
  options.socket.mtu_discovery_v6 = tcp::MtuDiscovery::dont;
  Drill d = Drill::established(options);
  ASSERT_TRUE(d.send(1440));
  d.sent();
  d.wire_sends(too_big(d, 1, 1300));
  EXPECT_EQ(lengths(d.sent()).front(), 1240U);
}

// RFC 6437, 3: one label for all packets of a connection, and another for another.
TEST(FlowLabel, IsTheConnectionsOwn) {
  Drill d = Drill::established({.family = v6});
  ASSERT_TRUE(d.send(2000));
  const std::vector<Sent> sent = d.sent();
  const std::uint32_t label = sent.front().flow_label;
  EXPECT_NE(label, 0U);
  EXPECT_THAT(sent, Each(Field(&Sent::flow_label, label)));
  d.peer_sends(data({.len = 10}));
  d.advance(1_s);
  EXPECT_THAT(d.sent(), Each(Field(&Sent::flow_label, label)));

  Drill other = Drill::syn_sent({.role = Role::active, .family = v6, .peer_port = 81});
  other.advance(3_s);
  const std::vector<Sent> syns = other.sent();
  ASSERT_THAT(syns, Not(IsEmpty()));
  EXPECT_THAT(syns, Each(Field(&Sent::flow_label, syns.front().flow_label)));
  EXPECT_NE(syns.front().flow_label, label);
}

// A SYN,ACK, which no Tcb sends yet, has it too.
TEST(FlowLabel, IsTheSameBeforeAndAfterTheHandshake) {
  Drill d = Drill::listen({.family = v6});
  d.peer_sends(syn({.mss = 1000}));
  const std::vector<Sent> answer = d.sent();
  ASSERT_THAT(answer, ElementsAre(IsSynAck()));
  d.peer_sends(ack());
  d.peer_sends(data({.len = 10}));
  d.advance(1_s);
  EXPECT_THAT(d.sent(), Each(Field(&Sent::flow_label, answer.front().flow_label)));
}

}  // namespace
}  // namespace tuntcp::test
