// RFC 9293, 3.10.1 and 3.9.1.1: OPEN, active and passive.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

IpAddress address(const char* text) {
  return *IpAddress::parse(text);
}

class OpenCall : public testing::Test {
 protected:
  Result<ConnectionId> open(const Endpoint& remote, const Endpoint& local = {}) {
    return d.host().open(remote, {.local = local, .socket = {}}, d.now());
  }
  Result<ListenerId> listen(const Endpoint& local, const ListenOptions& options = {}) {
    return d.host().listen(local, options);
  }
  FourTuple tuple_of(const Result<ConnectionId>& id) {
    return d.host().status(*id, d.now())->tuple;
  }
  Drill d = Drill::closed({.role = Role::active});
  const Endpoint peer{address("198.51.100.2"), 80};
};

// "An active OPEN ... a SYN segment of the form <SEQ=ISS><CTL=SYN> is sent. Set SND.UNA to ISS,
// SND.NXT to ISS+1, enter SYN-SENT state, and return."
TEST(ActiveOpen, SendsSynAndEntersSynSent) {
  Drill d = Drill::closed();
  ASSERT_TRUE(d.open().has_value());
  EXPECT_THAT(d.sent(), ElementsAre(IsSyn({.seq = 0, .len = 0, .window = 64'240})));
  EXPECT_EQ(d.state(), State::syn_sent);
}
TEST(ActiveOpen, Ipv6SendsSynToo) {
  Drill d = Drill::closed({.family = Family::ipv6});
  ASSERT_TRUE(d.open().has_value());
  EXPECT_THAT(d.sent(), ElementsAre(IsSyn({.seq = 0})));
}
// 3.10.1, "Error: connection already exists".
TEST(ActiveOpen, OfTheSamePairOfEndpointsFails) {
  Drill d = Drill::established({.role = Role::active});
  EXPECT_EQ(d.open().error(), Error::connection_already_exists);
  d.send(5);
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 5})));
}
// MUST-46: "reject as an error ... for an invalid remote IP address (e.g., a broadcast or multicast
// address)".
TEST_F(OpenCall, ToNobodyIsInvalid) {
  for (const char* text :
       {"224.0.0.1", "255.255.255.255", "0.0.0.0", "198.51.100.255", "ff02::1", "::"}) {
    EXPECT_EQ(open({address(text), 80}).error(), Error::invalid_argument) << text;
  }
  EXPECT_EQ(open({peer.address, 0}).error(), Error::invalid_argument);
}
// MUST-43: "it MUST be possible to specify the local IP address".
TEST_F(OpenCall, LocalAddressCanBeChosen) {
  const auto id = open(peer, {address("198.51.100.1"), 5000});
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(tuple_of(id).local, (Endpoint{address("198.51.100.1"), 5000}));
}
TEST_F(OpenCall, LocalAddressMustBeOurs) {
  EXPECT_EQ(open(peer, {address("203.0.113.9"), 0}).error(), Error::address_not_available);
}
TEST_F(OpenCall, FamiliesMustAgree) {
  EXPECT_EQ(open(peer, {address("2001:db8::1"), 0}).error(), Error::invalid_argument);
}
// MUST-44: "ask the IP layer to select a local IP address before the (first) SYN".
TEST_F(OpenCall, LocalAddressOfTheRightNetworkIsChosen) {
  EXPECT_EQ(tuple_of(open(peer)).local.address, address("198.51.100.1"));
  EXPECT_EQ(tuple_of(open({address("2001:db8::2"), 80})).local.address, address("2001:db8::1"));
  // What is not on the link is reached through it.
  EXPECT_EQ(tuple_of(open({address("203.0.113.9"), 80})).local.address, address("198.51.100.1"));
}
// RFC 6056: the port is one of the range, and each connection has its own.
TEST_F(OpenCall, LocalPortsAreOfTheRangeAndDiffer) {
  d.set("ip_local_port_range=40000 40003");
  std::vector<Port> ports;
  for (int i = 0; i < 4; ++i) ports.push_back(tuple_of(open(peer)).local.port);
  EXPECT_THAT(ports, testing::UnorderedElementsAre(40'000, 40'001, 40'002, 40'003));
  EXPECT_EQ(open(peer).error(), Error::address_not_available);
}
// The pair counts, not the port: another peer may have the same ports.
TEST_F(OpenCall, PortsAreFreeForAnotherPeer) {
  d.set("ip_local_port_range=40000 40000");
  ASSERT_TRUE(open(peer).has_value());
  EXPECT_FALSE(open(peer).has_value());
  EXPECT_TRUE(open({peer.address, 81}).has_value());
}
// 3.10.1, "Error: insufficient resources".
TEST(ActiveOpen, BeyondTheLimitOfConnectionsFails) {
  SeededRandom random(1);
  HostConfig config;
  config.addresses = {*Prefix::parse("198.51.100.1/24")};
  config.max_connections = 2;
  Host host(config, random);
  const Endpoint remote{address("198.51.100.2"), 80};
  const Instant now = Instant() + 1_s;
  EXPECT_TRUE(host.open(remote, {}, now).has_value());
  EXPECT_TRUE(host.open(remote, {}, now).has_value());
  EXPECT_EQ(host.open(remote, {}, now).error(), Error::insufficient_resources);
}

// ---- A host of two networks, seen from the wire: which address its packets come from.

class OpenOfTwoAddresses : public testing::Test, public wire::PacketSink {
 protected:
  static HostConfig two_addresses() {
    HostConfig config;
    config.addresses = {*Prefix::parse("198.51.100.1/24"), *Prefix::parse("203.0.113.1/24")};
    return config;
  }
  Result<ConnectionId> open(const char* remote, const char* local = "0.0.0.0") {
    auto id = host.open({address(remote), 80}, {.local = {address(local), 0}, .socket = {}}, now);
    host.packets_out(now, *this);
    return id;
  }
  // The source of each packet since this was last asked.
  std::vector<IpAddress> sources() {
    host.packets_out(now, *this);
    std::vector<IpAddress> found;
    for (const Octets& packet : std::exchange(packets, {})) {
      found.push_back(IpAddress::from_octets(Family::ipv4, &packet.at(12)));
    }
    return found;
  }
  // Answers the SYN, which is the only packet so far.
  void peer_accepts(ConnectionId id) {
    ASSERT_EQ(packets.size(), 1U);
    const FourTuple tuple = host.status(id, now)->tuple;
    const Octets packet = make_packet({.source = tuple.remote.address,
                                       .destination = tuple.local.address,
                                       .source_port = tuple.remote.port,
                                       .destination_port = tuple.local.port,
                                       .seq = 1000,
                                       .ack = load_be32(&packets[0].at(24)) + 1,
                                       .flags = (Flag::syn | Flag::ack).octet(),
                                       .window = 5000});
    std::ranges::copy(packet, host.arena().reserve().data());
    host.packet_in(host.arena().commit(static_cast<std::uint32_t>(packet.size())), {}, now);
    ASSERT_EQ(host.status(id, now)->state, State::established);
  }
  wire::SendResult send(const wire::OutgoingPacket& packet) override {
    packets.emplace_back(packet.headers.begin(), packet.headers.end());
    return wire::SendResult::sent;
  }

  SeededRandom random{1};
  Host host{two_addresses(), random};
  const Instant now = Instant() + 1_s;
  std::vector<Octets> packets;  // their headers
};
const IpAddress kFirst = address("198.51.100.1");
const IpAddress kSecond = address("203.0.113.1");

// MUST-43.
TEST_F(OpenOfTwoAddresses, LeavesFromTheOneThatWasNamed) {
  ASSERT_TRUE(open("198.51.100.9", "203.0.113.1").has_value());
  EXPECT_THAT(sources(), ElementsAre(kSecond));
}
// MUST-44.
TEST_F(OpenOfTwoAddresses, LeavesFromTheOneOfThatNetwork) {
  ASSERT_TRUE(open("203.0.113.9").has_value());
  ASSERT_TRUE(open("198.51.100.9").has_value());
  EXPECT_THAT(sources(), ElementsAre(kSecond, kFirst));
}
// Both are of IPv4: to IPv6 there is no way, and that is counted.
TEST_F(OpenOfTwoAddresses, ReachesNobodyOfTheOtherFamily) {
  EXPECT_EQ(open("2001:db8::2", "::").error(), Error::network_unreachable);
  EXPECT_EQ(host.mib()[Counter::ip6_out_no_routes], 1U);
  EXPECT_EQ(host.mib()[Counter::ip_out_no_routes], 0U);
}
// MUST-45: "In all other cases, a previous segment has either been sent or received on this
// connection, and TCP implementations MUST use the same local address that was used in those
// previous segments." Here IP would have chosen the other one.
TEST_F(OpenOfTwoAddresses, KeepsItsAddress) {
  const auto id = open("198.51.100.9", "203.0.113.1");
  ASSERT_TRUE(id.has_value());
  peer_accepts(*id);
  EXPECT_THAT(sources(), ElementsAre(kSecond, kSecond));  // the SYN and the ACK of the SYN,ACK
  ASSERT_TRUE(host.send(*id, Octets(10, 0), now).has_value());
  EXPECT_THAT(sources(), ElementsAre(kSecond));
  ASSERT_TRUE(host.abort(*id, now).has_value());
  EXPECT_THAT(sources(), ElementsAre(kSecond));
}

// MUST-48: "The application layer MUST be able to specify the Differentiated Services field for
// segments that are sent on a connection"; it may change (SHLD-21) and arrives as it was given
// (SHLD-22). Here Expedited Forwarding, then AF11.
class DsField : public OpenOfTwoAddresses {};
TEST_F(DsField, IsTheApplicationsAndMayChange) {
  SocketOptions options{.tos = 46 << 2};
  const auto id = host.open({address("198.51.100.9"), 80}, {.local = {}, .socket = options}, now);
  ASSERT_TRUE(id.has_value());
  host.packets_out(now, *this);
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(packets[0].at(1), 46 << 2);
  options.tos = 10 << 2;
  ASSERT_TRUE(host.set_options(*id, options, now).has_value());
  peer_accepts(*id);
  host.packets_out(now, *this);
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[1].at(1), 10 << 2);
}

// ---- Passive.

// "MUST-41: a passive OPEN call either creates a new connection record in LISTEN state or returns
// an error; it MUST NOT affect any previously created connection record."
TEST_F(OpenCall, SecondPassiveOpenOfAPortFails) {
  ASSERT_TRUE(listen({address("198.51.100.1"), 80}).has_value());
  EXPECT_EQ(listen({address("198.51.100.1"), 80}).error(), Error::address_in_use);
  EXPECT_EQ(listen({address("0.0.0.0"), 80}).error(), Error::address_in_use);
  EXPECT_EQ(listen({address("::"), 80}).error(), Error::address_in_use);
  EXPECT_TRUE(listen({address("2001:db8::1"), 80}).has_value());
  EXPECT_TRUE(listen({address("198.51.100.1"), 81}).has_value());
}
TEST(PassiveOpen, LeavesAConnectionOfThatPortAlone) {
  Drill d = Drill::established({.role = Role::active});
  EXPECT_EQ(d.host().listen(d.tuple().local, {}).error(), Error::address_in_use);
  EXPECT_TRUE(d.host().listen(d.tuple().local, {.reuse_address = true}).has_value());
  d.peer_sends(data({.len = 10}));
  EXPECT_EQ(d.receive(), 10U);
}
// MUST-42: "it MUST be possible to OPEN a LISTEN while another connection block with the same
// local port is in SYN-SENT or SYN-RECEIVED."
TEST(PassiveOpen, WhileTheSamePortIsOpening) {
  Drill d = Drill::syn_sent({.role = Role::active});
  EXPECT_TRUE(d.host().listen(d.tuple().local, {.reuse_address = true}).has_value());
  Drill other = Drill::beside(d, {.irs = 1, .peer_port = 9});
  other.peer_sends(syn());
  EXPECT_THAT(other.sent(), ElementsAre(IsSynAck()));
  d.peer_sends(syn_ack());
  EXPECT_EQ(d.state(), State::established);
}
TEST_F(OpenCall, PassiveLocalAddressMustBeOurs) {
  for (const char* text : {"203.0.113.9", "198.51.100.255", "224.0.0.1", "ff02::1"}) {
    EXPECT_EQ(listen({address(text), 80}).error(), Error::address_not_available) << text;
  }
}
TEST_F(OpenCall, PassivePortZeroChoosesOne) {
  const auto id = listen({address("0.0.0.0"), 0});
  ASSERT_TRUE(id.has_value());
  const Port port = d.host().local_endpoint(*id)->port;
  EXPECT_GE(port, 32'768);
  EXPECT_LE(port, 60'999);
}
// 3.9.1.1: the more exact LISTEN gets the connection.
TEST_F(OpenCall, ExactAddressIsServedBeforeAny) {
  const auto v6_any = listen({address("::"), 80}, {.v6_only = true});
  const auto any = listen({address("0.0.0.0"), 80});
  ASSERT_TRUE(any.has_value() && v6_any.has_value());
  Drill other = Drill::beside(d, {});
  other.peer_sends(syn());
  other.peer_sends(ack());
  EXPECT_TRUE(d.host().accept(*any).has_value());
  EXPECT_FALSE(d.host().accept(*v6_any).has_value());
}
// An IPv6 "any" serves IPv4 too, unless told otherwise.
TEST_F(OpenCall, Ipv6AnyTakesIpv4) {
  ASSERT_TRUE(listen({address("::"), 80}).has_value());
  Drill v4 = Drill::beside(d, {});
  Drill v6 = Drill::beside(d, {.family = Family::ipv6});
  v4.peer_sends(syn());
  v6.peer_sends(syn());
  EXPECT_THAT(v4.sent(), ElementsAre(IsSynAck()));
  EXPECT_THAT(v6.sent(), ElementsAre(IsSynAck()));
}
TEST_F(OpenCall, Ipv6OnlyDoesNot) {
  ASSERT_TRUE(listen({address("::"), 80}, {.v6_only = true}).has_value());
  Drill v4 = Drill::beside(d, {});
  v4.peer_sends(syn());
  EXPECT_THAT(v4.sent(), ElementsAre(IsRstAck()));
}

// ---- ISN: 3.4.1.

// MUST-8: the clock of about 4 microseconds is in it.
TEST(InitialSequenceNumber, FollowsTheClock) {
  Drill d = Drill::syn_sent({.role = Role::active});
  const SeqNum first = d.iss();
  d.peer_sends(rst_ack({.ack = 1}));
  d.advance(1_s);
  ASSERT_TRUE(d.open().has_value());
  EXPECT_EQ(octets_between(first, d.iss()), 250'000U);
}
// MUST-9, SHLD-1: a keyed hash of the endpoints separates connections of the same moment.
TEST(InitialSequenceNumber, DiffersByEndpoints) {
  Drill d = Drill::syn_sent({.role = Role::active});
  Drill other = Drill::beside(d, {.role = Role::active, .peer_port = 34'568});
  ASSERT_TRUE(other.open().has_value());
  EXPECT_GT(octets_between(earlier_of(d.iss(), other.iss()), later_of(d.iss(), other.iss())),
            100'000U);
}
// What the drill itself relies on elsewhere.
TEST(InitialSequenceNumber, CanBeForcedByTheMomentOfTheOpen) {
  Drill d = Drill::syn_sent({.role = Role::active, .iss = 0xffff'fff0});
  EXPECT_EQ(d.iss(), SeqNum(0xffff'fff0));
}

}  // namespace
}  // namespace tuntcp::test
