// RFC 9293, 3.9.2.1 (MUST-51, MUST-52, MUST-53, SHLD-24): source routes of IPv4, RFC 791, 3.1 and
// RFC 1122, 3.2.1.8. Octets that are expected follow these, and are what Linux 6.18 sends for the
// same routes, where it sends any (measured).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stack/base/random.h"
#include "stack/host/host.h"
#include "tests/support/segment.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const IpAddress kHost = *IpAddress::parse("198.51.100.1");
const IpAddress kPeer = *IpAddress::parse("203.0.113.9");
const IpAddress kRouterA = *IpAddress::parse("192.0.2.1");
const IpAddress kRouterB = *IpAddress::parse("192.0.2.2");
const IpAddress kRouterC = *IpAddress::parse("192.0.2.7");
constexpr Port kHostPort = 80;
constexpr Port kPeerPort = 1000;
constexpr std::uint32_t kIrs = 5000;

// Routes as they stand in packets. To the host: over A and B, at its end; what is expected of the
// host then is B first, and A and the peer in the option.
const Octets kOverAAndB = from_hex("830b0c c0000201 c0000202 00");
const Octets kBackOverBAndA = from_hex("830b04 c0000201 cb007109 00");
const Octets kOverC = from_hex("830708 c0000207 00");
const Octets kBackOverC = from_hex("830704 cb007109 00");
// And with the application's route A, B.
const Octets kToPeerOverAAndB = from_hex("830b04 c0000202 cb007109 00");

wire::SourceRoute route_over(std::initializer_list<IpAddress> hops) {
  wire::SourceRoute route;
  for (const IpAddress& hop : hops) route.addresses[route.count++] = hop.v4_host_order();
  return route;
}

void put_checksum(Octets& packet, std::size_t header_octets) {
  packet[10] = packet[11] = 0;
  const auto sum = static_cast<std::uint16_t>(~sum_of_words(first_octets(packet, header_octets)));
  packet[10] = static_cast<std::uint8_t>(sum >> 8);
  packet[11] = static_cast<std::uint8_t>(sum & 0xff);
}

// What a packet of the host says.
struct Packet {
  IpAddress destination{};  // of the IP header
  Octets options{};         // of IP
  Flags flags{};
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::size_t text = 0;
  std::size_t total = 0;
  std::uint16_t gso_size = 0;
};

// What the peer says, beside the flags.
struct FromPeer {
  std::optional<std::uint32_t> seq{};  // else what follows the last one
  std::size_t text = 0;
  Octets ip_options{};
  std::optional<std::uint32_t> ack{};
};

MATCHER_P2(Goes, first_hop, options, "") {
  *result_listener << arg.destination.to_string() << " " << testing::PrintToString(arg.options);
  return arg.destination == first_hop && arg.options == options;
}
MATCHER_P(Directly, to, "") {
  return arg.destination == to && arg.options.empty();
}

class SourceRoute : public testing::Test, protected wire::PacketSink {
 protected:
  void make_host(const std::vector<std::string>& set = {},
                 const wire::LinkCapabilities& link = {}) {
    HostConfig config;
    config.sysctl = *Sysctl::profile("rfc");
    config.addresses = {*Prefix::parse("198.51.100.1/24")};
    config.link = link;
    host_.emplace(config, random_);
    for (const std::string& line : set) {
      const std::size_t at = line.find('=');
      ASSERT_TRUE(host_->set_sysctl(line.substr(0, at), line.substr(at + 1)));
    }
  }
  void SetUp() override { make_host(); }
  void TearDown() override { EXPECT_EQ(host_->inconsistency(), std::nullopt); }

  void listen() { listener_ = *host_->listen({kHost, kHostPort}, {}); }
  void accept() { id_ = host_->accept(*listener_).value(); }
  Result<ConnectionId> open(const SocketOptions& socket, Port local_port = kHostPort) {
    auto id =
        host_->open({kPeer, kPeerPort}, {.local = {kHost, local_port}, .socket = socket}, now_);
    if (id) id_ = *id;
    return id;
  }

  void peer_sends(Flags flags, const FromPeer& seg = {}) {
    const std::uint32_t seq = seg.seq.value_or(peer_next_);
    const Octets mss = flags.has(Flag::syn) ? from_hex("020403e8") : Octets();  // 1000
    Octets packet = make_packet({.source = kPeer,
                                 .destination = kHost,
                                 .source_port = kPeerPort,
                                 .destination_port = kHostPort,
                                 .seq = seq,
                                 .ack = flags.has(Flag::ack) ? seg.ack.value_or(host_next_) : 0,
                                 .flags = flags.octet(),
                                 .window = 65'535,
                                 .options = mss,
                                 .text = Octets(seg.text, 'x')});
    packet.insert(packet.begin() + 20, seg.ip_options.begin(), seg.ip_options.end());
    packet[0] = static_cast<std::uint8_t>(0x45 + seg.ip_options.size() / 4);
    packet[2] = static_cast<std::uint8_t>(packet.size() >> 8);
    packet[3] = static_cast<std::uint8_t>(packet.size() & 0xff);
    put_checksum(packet, 20 + seg.ip_options.size());
    if (!seg.seq) {
      peer_next_ +=
          static_cast<std::uint32_t>(seg.text) + flags.has(Flag::syn) + flags.has(Flag::fin);
    }
    arrives(packet);
  }
  void arrives(const Octets& packet) {
    std::ranges::copy(packet, host_->arena().reserve().begin());
    host_->packet_in(host_->arena().commit(static_cast<std::uint32_t>(packet.size())), {}, now_);
  }
  // What the host has to send, by now.
  std::vector<Packet> sent() {
    host_->packets_out(now_, *this);
    while (host_->next_event()) {
    }
    return std::exchange(sent_, {});
  }
  void advance(Duration time) {
    now_ = now_ + time;
    host_->advance_to(now_);
  }

  // A passive OPEN that was reached over A and B.
  void establish(const Octets& route = kOverAAndB) {
    listen();
    peer_sends(Flag::syn, {.ip_options = route});
    EXPECT_THAT(sent(), SizeIs(1));
    peer_sends(Flag::ack, {.ip_options = route});
    EXPECT_THAT(sent(), IsEmpty());
    accept();
  }
  std::size_t send(std::size_t octets) {
    return host_->send(id_, Octets(octets, 'y'), now_).value_or(0);
  }

  wire::SendResult send(const wire::OutgoingPacket& packet) override {
    Octets octets(packet.headers.begin(), packet.headers.end());
    for (const Bytes& piece : packet.payload) {
      octets.insert(octets.end(), piece.begin(), piece.end());
    }
    EXPECT_EQ(octets.size(), packet.total_octets);
    const std::size_t header = std::size_t{octets[0]} % 16 * 4;
    EXPECT_EQ(sum_of_words(first_octets(octets, header)), 0xffff);
    EXPECT_EQ(load_be16(&octets[2]), octets.size());
    const Octets tcp(octets.begin() + static_cast<std::ptrdiff_t>(header), octets.end());
    const std::size_t tcp_header = std::size_t{tcp[12]} / 16 * 4;
    // RFC 9293, 3.1: the pseudo-header has the ultimate destination, the peer.
    Octets summed(kHost.octets(), kHost.octets() + 4);
    summed.insert(summed.end(), kPeer.octets(), kPeer.octets() + 4);
    summed = summed + Octets{0, 6, static_cast<std::uint8_t>(tcp.size() >> 8),
                             static_cast<std::uint8_t>(tcp.size() & 0xff)};
    if (packet.needs_checksum) {
      EXPECT_EQ(packet.checksum_start, header);
      EXPECT_EQ(load_be16(&tcp[16]), sum_of_words(summed));
    } else {
      EXPECT_EQ(sum_of_words(summed + tcp), 0xffff);
    }
    const Packet one{.destination = IpAddress::from_octets(Family::ipv4, &octets[16]),
                     .options = Octets(octets.begin() + 20,
                                       octets.begin() + static_cast<std::ptrdiff_t>(header)),
                     .flags = Flags::from_octet(tcp[13]),
                     .seq = load_be32(&tcp[4]),
                     .ack = load_be32(&tcp[8]),
                     .text = tcp.size() - tcp_header,
                     .total = octets.size(),
                     .gso_size = packet.gso_size};
    const bool takes_one = one.flags.has(Flag::syn) || one.flags.has(Flag::fin);
    if (!one.flags.has(Flag::rst)) {
      host_next_ = one.seq + static_cast<std::uint32_t>(one.text) + takes_one;
    }
    sent_.push_back(one);
    last_octets_ = octets;
    return wire::SendResult::sent;
  }

  std::uint64_t count(Counter counter) const { return host_->mib()[counter]; }

  SeededRandom random_{7};
  std::optional<Host> host_;
  Instant now_ = Instant() + 1000_s;
  std::optional<ListenerId> listener_;
  ConnectionId id_{};
  std::uint32_t peer_next_ = kIrs;
  std::uint32_t host_next_ = 0;
  std::vector<Packet> sent_;
  Octets last_octets_;
};

// ---- MUST-51: "an application MUST be able to specify a source route when it actively opens".

TEST_F(SourceRoute, GivenToAnOpenIsTakenByEverySegment) {
  ASSERT_TRUE(open({.source_route = route_over({kRouterA, kRouterB})}));
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterA, kToPeerOverAAndB)));  // SYN
  advance(1_s);
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterA, kToPeerOverAAndB)));  // again
  peer_sends(Flag::syn | Flag::ack);
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterA, kToPeerOverAAndB)));  // ACK
  ASSERT_EQ(send(500), 500U);
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterA, kToPeerOverAAndB)));
  ASSERT_TRUE(host_->abort(id_, now_));
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterA, kToPeerOverAAndB)));  // RST
}

TEST_F(SourceRoute, GivenToAnOpenMayBeStrictAndAsLongAsTheOptionSpace) {
  wire::SourceRoute route;
  route.is_strict = true;
  Octets expected = {137, 39, 4};
  for (std::uint32_t i = 0; i < 9; ++i) {
    route.addresses[route.count++] = kRouterA.v4_host_order() + i;
    if (i != 0) expected = expected + Octets{192, 0, 2, static_cast<std::uint8_t>(1 + i)};
  }
  ASSERT_TRUE(open({.source_route = route}));
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterA, expected + from_hex("cb007109 00"))));
  EXPECT_EQ(host_->source_route(id_), route);
}

// MUST-46 counts for each address to which packets are sent.
TEST_F(SourceRoute, OverWhatIsNoRouterIsRefused) {
  for (const char* hop :
       {"224.0.0.1", "255.255.255.255", "0.0.0.0", "198.51.100.255", "198.51.100.1", "127.0.0.1"}) {
    const auto route = route_over({kRouterA, *IpAddress::parse(hop)});
    EXPECT_EQ(open({.source_route = route}), std::unexpected(Error::invalid_argument)) << hop;
  }
  EXPECT_THAT(sent(), IsEmpty());
}

TEST_F(SourceRoute, IsRefusedWhenTheTableIsFull) {
  const SocketOptions routed{.source_route = route_over({kRouterA})};
  for (Port port = 2000; port < 2000 + 1024; ++port) ASSERT_TRUE(open(routed, port));
  EXPECT_EQ(open(routed), std::unexpected(Error::insufficient_resources));
  host_->release(id_, now_);
  EXPECT_TRUE(open(routed));
  EXPECT_EQ(sent().size(), 1024U);
}

// ---- MUST-52: "this MUST take precedence over a source route received in a datagram".

TEST_F(SourceRoute, OfTheApplicationWinsOverOneReceived) {
  ASSERT_TRUE(open({.source_route = route_over({kRouterA, kRouterB})}));
  sent();
  peer_sends(Flag::syn | Flag::ack, {.ip_options = kOverC});
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterA, kToPeerOverAAndB)));
  ASSERT_TRUE(host_->abort(id_, now_));
  host_->release(id_, now_);
  sent();

  peer_next_ = kIrs + 1'000'000;
  establish(kOverC);
  ASSERT_TRUE(host_->set_options(id_, {.source_route = route_over({kRouterA, kRouterB})}, now_));
  peer_sends(Flag::ack, {.text = 10, .ip_options = kOverC});
  ASSERT_EQ(send(10), 10U);
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterA, kToPeerOverAAndB)));
  EXPECT_EQ(host_->options(id_)->source_route, route_over({kRouterA, kRouterB}));
}

// One without routers is none at all.
TEST_F(SourceRoute, OfTheApplicationMayBeNone) {
  establish();
  ASSERT_TRUE(host_->set_options(id_, {.source_route = wire::SourceRoute()}, now_));
  peer_sends(Flag::ack, {.text = 10, .ip_options = kOverC});
  ASSERT_EQ(send(10), 10U);
  EXPECT_THAT(sent(), ElementsAre(Directly(kPeer)));
  EXPECT_EQ(host_->source_route(id_), std::nullopt);
}

// ---- MUST-53: "When a TCP connection is OPENed passively and a packet arrives with a completed IP
// Source Route Option (containing a return route), TCP implementations MUST save the return route
// and use it for all segments sent on this connection."

TEST_F(SourceRoute, OfAPassiveOpenIsAnsweredInReverse) {
  listen();
  peer_sends(Flag::syn, {.ip_options = kOverAAndB});
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterB, kBackOverBAndA)));  // SYN,ACK
  advance(1_s);
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterB, kBackOverBAndA)));  // again
  peer_sends(Flag::ack);
  accept();
  ASSERT_EQ(send(10), 10U);
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterB, kBackOverBAndA)));  // text
  ASSERT_TRUE(host_->close(id_, now_));
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterB, kBackOverBAndA)));  // FIN
  peer_sends(Flag::fin | Flag::ack);
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterB, kBackOverBAndA)));  // ACK of its FIN
  host_->release(id_, now_);
  advance(2_s);
  peer_sends(Flag::fin | Flag::ack, {.seq = peer_next_ - 1});
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterB, kBackOverBAndA)));  // ACK in TIME-WAIT
}

TEST_F(SourceRoute, ThatIsStrictIsAnsweredByAStrictOne) {
  listen();
  peer_sends(Flag::syn, {.ip_options = from_hex("01 890708 c0000201")});
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterA, from_hex("890704 cb007109 00"))));
}

TEST_F(SourceRoute, IsTakenByTheResetOfAConnection) {
  establish();
  ASSERT_TRUE(host_->abort(id_, now_));
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterB, kBackOverBAndA)));
}

TEST_F(SourceRoute, IsTakenByTheResetOfNoConnection) {
  peer_sends(Flag::syn, {.ip_options = kOverAAndB});
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterB, kBackOverBAndA)));
}

TEST_F(SourceRoute, IsTakenByASynCookieAndTheConnectionMadeOfIt) {
  make_host({"tcp_syncookies=2"});
  establish();
  EXPECT_EQ(count(Counter::syncookies_recv), 1U);
  ASSERT_EQ(send(10), 10U);
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterB, kBackOverBAndA)));
}

// RFC 1122, 3.2.1.8, (c): "it MUST be correctly formed even if the recorded route included the
// source host".
TEST_F(SourceRoute, WithTheSourceInItIsReversedWithoutIt) {
  listen();
  peer_sends(Flag::syn, {.ip_options = from_hex("830b0c cb007109 c0000202 00")});
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterB, from_hex("830704 cb007109 00"))));
}

TEST_F(SourceRoute, WithNobodyElseInItIsNone) {
  listen();
  peer_sends(Flag::syn, {.ip_options = from_hex("830708 cb007109 00")});
  EXPECT_THAT(sent(), ElementsAre(Directly(kPeer)));
}

// ---- SHLD-24: "If a different source route arrives in a later segment, the later definition
// SHOULD override the earlier one."

TEST_F(SourceRoute, ThatArrivesLaterReplacesTheEarlier) {
  establish();
  peer_sends(Flag::ack, {.text = 10, .ip_options = kOverC});
  ASSERT_EQ(send(10), 10U);
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterC, kBackOverC)));
  peer_sends(Flag::ack, {.text = 10});  // no route at all is no other one
  ASSERT_EQ(send(10), 10U);
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterC, kBackOverC)));
}

TEST_F(SourceRoute, OfALaterSynReplacesTheEarlier) {
  listen();
  peer_sends(Flag::syn, {.ip_options = kOverAAndB});
  sent();
  advance(600_ms);
  peer_sends(Flag::syn, {.seq = kIrs, .ip_options = kOverC});
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterC, kBackOverC)));
}

// Who only guesses the endpoints must not turn a connection aside.
TEST_F(SourceRoute, OfASegmentThatIsNotAcceptableChangesNothing) {
  establish();
  peer_sends(Flag::ack, {.seq = peer_next_ - 100'000, .ip_options = kOverC});
  peer_sends(Flag::ack, {.seq = peer_next_ + 500'000, .text = 10, .ip_options = kOverC});
  peer_sends(Flag::ack, {.seq = peer_next_, .ip_options = kOverC, .ack = host_next_ + 100});
  peer_sends(Flag::syn, {.seq = peer_next_, .ip_options = kOverC});
  peer_sends(Flag::rst, {.seq = peer_next_ + 1, .ip_options = kOverC});
  ASSERT_EQ(send(10), 10U);
  for (const Packet& packet : sent()) EXPECT_THAT(packet, Goes(kRouterB, kBackOverBAndA));
}

// ---- What is not taken.

TEST_F(SourceRoute, ThatIsNotAcceptedIsDroppedAndCounted) {
  make_host({"net.ipv4.conf.all.accept_source_route=0"});
  listen();
  peer_sends(Flag::syn, {.ip_options = kOverAAndB});
  EXPECT_THAT(sent(), IsEmpty());
  EXPECT_EQ(count(Counter::ip_in_hdr_errors), 1U);
  EXPECT_EQ(count(Counter::ip_in_delivers), 0U);
}

TEST_F(SourceRoute, IsAcceptedOnceTheKnobSaysSo) {
  make_host({"net.ipv4.conf.all.accept_source_route=0"});
  listen();
  peer_sends(Flag::syn, {.ip_options = kOverAAndB});
  EXPECT_THAT(sent(), IsEmpty());
  ASSERT_TRUE(host_->set_sysctl("net.ipv4.conf.all.accept_source_route", "1"));
  peer_sends(Flag::syn, {.seq = kIrs, .ip_options = kOverAAndB});
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterB, kBackOverBAndA)));
}

TEST_F(SourceRoute, IsNotAcceptedInProfileLinux) {
  EXPECT_EQ(Sysctl::profile("linux")->accept_source_route, 0U);
  EXPECT_EQ(Sysctl::profile("rfc")->accept_source_route, 1U);
}

// Whatever the knob says of others' routes, the application's own is taken.
TEST_F(SourceRoute, OfTheApplicationIsTakenWhereNoneIsAccepted) {
  make_host({"net.ipv4.conf.all.accept_source_route=0"});
  ASSERT_TRUE(open({.source_route = route_over({kRouterA, kRouterB})}));
  EXPECT_THAT(sent(), ElementsAre(Goes(kRouterA, kToPeerOverAAndB)));
}

// RFC 1122, 3.3.5: a host need not pass packets on.
TEST_F(SourceRoute, ThatIsNotAtItsEndIsDropped) {
  listen();
  peer_sends(Flag::syn, {.ip_options = from_hex("830b08 c0000201 c0000202 00")});
  EXPECT_THAT(sent(), IsEmpty());
  EXPECT_EQ(count(Counter::ip_in_addr_errors), 1U);
}

// MUST-63 for those who are said to have passed it on: they would get the answer.
TEST_F(SourceRoute, OverWhatIsNoRouterIsDropped) {
  listen();
  const std::vector<const char*> wrong = {"e0000001", "ffffffff", "00000000",
                                          "c63364ff", "c6336401", "7f000001"};
  for (const std::string hop : wrong) {
    peer_sends(Flag::syn, {.ip_options = from_hex("830b0c c0000201" + hop + "00")});
    peer_sends(Flag::syn, {.ip_options = from_hex("830b0c" + hop + "c0000201 00")});
  }
  EXPECT_THAT(sent(), IsEmpty());
  EXPECT_EQ(count(Counter::ip_in_addr_errors), 2 * wrong.size());
}

// Linux counts these so; two routes in a packet RFC 1122, 3.2.1.8, (c) forbids.
TEST_F(SourceRoute, ThatMakesNoSenseIsDropped) {
  listen();
  const std::vector<const char*> wrong = {
      "830b03 c0000201 c0000202 00",            // a pointer into the option's own head
      "830b0d c0000201 c0000202 00",            // between two addresses
      "830d0c c0000201 c0000202 00",            // longer than the header
      "830200 01",                              // no pointer
      "830a0c c0000201 c00002 0000",            // half an address
      "830708 c0000201 890708 c0000202 01 00",  // two
      "0701 0400",                              // some other option's length
  };
  for (const char* options : wrong) peer_sends(Flag::syn, {.ip_options = from_hex(options)});
  EXPECT_THAT(sent(), IsEmpty());
  EXPECT_EQ(count(Counter::ip_in_hdr_errors), wrong.size());
}

// ---- What else depends on it.

// MUST-16, 3.7.1: "Eff.snd.MSS = min(SendMSS+20, MMS_S) - TCPhdrsize - IPoptionsize".
TEST_F(SourceRoute, TakesItsOctetsFromTheText) {
  establish();
  ASSERT_EQ(send(3000), 3000U);
  const std::vector<Packet> all = sent();
  ASSERT_THAT(all, SizeIs(4));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(all[i].text, 1000U - 12U);
  EXPECT_EQ(host_->status(id_, now_)->snd_mss, 988U);
  peer_sends(Flag::ack, {.ip_options = kOverC});  // a shorter route
  ASSERT_EQ(send(992), 992U);
  EXPECT_EQ(sent().at(0).text, 992U);
}

// What a device makes of options of IP when it cuts is not known.
TEST_F(SourceRoute, IsNotForSuperPackets) {
  make_host({}, {.mtu = 1500, .checksum = true, .gso_max_octets = 65'535});
  establish();
  ASSERT_EQ(send(3000), 3000U);
  for (const Packet& packet : sent()) {
    EXPECT_EQ(packet.gso_size, 0);
    EXPECT_LE(packet.total, 20U + 12U + 20U + 988U);
  }
}

TEST_F(SourceRoute, IsForgottenWithTheConnection) {
  establish();
  ASSERT_TRUE(host_->abort(id_, now_));
  host_->release(id_, now_);
  sent();
  peer_next_ = kIrs + 1'000'000;
  peer_sends(Flag::syn);
  EXPECT_THAT(sent(), ElementsAre(Directly(kPeer)));
}

// And of TIME-WAIT; inconsistency() says in TearDown that nothing is left.
TEST_F(SourceRoute, IsForgottenWithTimeWait) {
  establish();
  ASSERT_TRUE(host_->close(id_, now_));
  sent();
  peer_sends(Flag::fin | Flag::ack);
  sent();
  host_->release(id_, now_);
  advance(240_s);
  EXPECT_TRUE(host_->is_idle());
}

// MUST-54 and RFC 1122, 3.2.2.1: what is quoted names a router, and the host only in the option.
TEST_F(SourceRoute, IsSeenInWhatAnErrorQuotes) {
  ASSERT_TRUE(open({.source_route = route_over({kRouterA, kRouterB})}));
  sent();
  const Octets quoted = first_octets(last_octets_, 32 + 8);
  // Destination unreachable, source route failed (code 5), from router A.
  Octets icmp = from_hex("0305 0000 0000 0000") + quoted;
  const auto sum = static_cast<std::uint16_t>(~sum_of_words(icmp));
  icmp[2] = static_cast<std::uint8_t>(sum >> 8);
  icmp[3] = static_cast<std::uint8_t>(sum & 0xff);
  Octets packet = from_hex("4500 0000 0000 4000 4001 0000 c0000201 c6336401") + icmp;
  packet[3] = static_cast<std::uint8_t>(packet.size());
  put_checksum(packet, 20);
  arrives(packet);
  EXPECT_EQ(count(Counter::icmp_in_errors), 0U);
  EXPECT_EQ(host_->take_soft_error(id_), Error::source_route_failed);
}

}  // namespace
}  // namespace tuntcp::test
