// Segments that arrive in fragments: RFC 1122, 3.3.2; RFC 8200, 4.5; RFC 5722; RFC 6946; RFC 3168,
// 5.3. And whom a host answers at all: RFC 1122, 3.2.1.3; RFC 9293, 3.9.2.3 (MUST-57, MUST-63).
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "stack/tcp/replies.h"
#include "stack/wire/ip.h"
#include "stack/wire/packet_sink.h"
#include "tests/support/drill.h"
#include "tests/support/network.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Family v4 = Family::ipv4;
constexpr Family v6 = Family::ipv6;

class Fragments : public testing::TestWithParam<Family> {
 protected:
  static DrillOptions options() { return {.family = GetParam()}; }
  static Counter counter(Counter of_v4, Counter of_v6) { return GetParam() == v4 ? of_v4 : of_v6; }
  static Counter fails() { return counter(Counter::ip_reasm_fails, Counter::ip6_reasm_fails); }
  static Counter oks() { return counter(Counter::ip_reasm_oks, Counter::ip6_reasm_oks); }
  static std::string knob(const std::string& name) {
    return (GetParam() == v4 ? "net.ipv4.ipfrag_" : "net.ipv6.ip6frag_") + name;
  }
};
INSTANTIATE_TEST_SUITE_P(Families, Fragments, testing::Values(v4, v6),
                         [](const auto& family) { return family.param == v4 ? "v4" : "v6"; });

TEST_P(Fragments, InOrderMakeOneSegment) {
  Drill d = Drill::established(options());
  for (const Octets& f : fragments_of(d.packet_of(data({.len = 900})), 400)) d.wire_sends(f);
  EXPECT_EQ(d.receive(), 900U);
  EXPECT_EQ(d.count(oks()), 1U);
  EXPECT_EQ(d.count(counter(Counter::ip_reasm_reqds, Counter::ip6_reasm_reqds)), 3U);
  EXPECT_EQ(d.count(fails()), 0U);
}

TEST_P(Fragments, InAnyOrderMakeOneSegment) {
  Drill d = Drill::established(options());
  std::vector<Octets> fragments = fragments_of(d.packet_of(data({.len = 300})), 104);
  ASSERT_EQ(fragments.size(), 4U);
  std::ranges::sort(fragments);
  std::uint64_t packets = 0;
  do {
    Drill one = Drill::established(options());
    for (const Octets& fragment : fragments) one.wire_sends(fragment);
    EXPECT_EQ(one.receive(), 300U);
    ++packets;
  } while (std::ranges::next_permutation(fragments).found);
  EXPECT_EQ(packets, 24U);
}

// RFC 5722, 4: "Duplicates" change nothing.
TEST_P(Fragments, ThatComeTwiceChangeNothing) {
  Drill d = Drill::established(options());
  const std::vector<Octets> fragments = fragments_of(d.packet_of(data({.len = 300})), 104);
  for (int twice = 0; twice < 2; ++twice) {
    for (std::size_t i = 0; i + 1 < fragments.size(); ++i) d.wire_sends(fragments[i]);
  }
  d.wire_sends(fragments.back());
  EXPECT_EQ(d.receive(), 300U);
  EXPECT_EQ(d.count(fails()), 0U);
}

// RFC 5722, 4: overlapping fragments are the end of the whole packet, and what comes later of it
// does not make it whole either.
TEST_P(Fragments, ThatOverlapEndTheWholePacket) {
  Drill d = Drill::established(options());
  const Octets packet = d.packet_of(data({.len = 300}));
  const std::uint32_t end = 320;
  d.wire_sends(fragment_of(packet, {.begin = 0, .end = 160, .more = true}));
  d.wire_sends(fragment_of(packet, {.begin = 152, .end = 240, .more = true}));
  EXPECT_EQ(d.count(fails()), 1U);
  // Linux counts these of IPv4 alone.
  EXPECT_EQ(d.count(Counter::ip_reasm_overlaps), GetParam() == v4 ? 1U : 0U);
  d.wire_sends(fragment_of(packet, {.begin = 160, .end = end, .more = false}));
  EXPECT_EQ(d.receive(), std::unexpected(Error::would_block));
  EXPECT_EQ(d.count(oks()), 0U);
  // The peer sends it again, with another identification.
  for (const Octets& f : fragments_of(packet, 104, 0x77)) d.wire_sends(f);
  EXPECT_EQ(d.receive(), 300U);
}

// A last fragment that ends before others, or another end: contradictions.
TEST_P(Fragments, ThatContradictEachOtherAboutTheEndAreDropped) {
  const Octets packet = Drill::established(options()).packet_of(data({.len = 300}));
  const Cut beyond{.begin = 240, .end = 320, .more = true};
  const Cut early{.begin = 80, .end = 160, .more = false};
  const Cut last{.begin = 240, .end = 320, .more = false};
  const std::vector<std::vector<Cut>> contradictions = {
      {beyond, early}, {early, beyond}, {last, early}, {early, last}};
  for (const auto& cuts : contradictions) {
    Drill d = Drill::established(options());
    for (const Cut& cut : cuts) d.wire_sends(fragment_of(packet, cut));
    EXPECT_EQ(d.count(fails()), 1U);
    EXPECT_EQ(d.host().next_deadline(), Instant::never());  // nothing is kept
  }
}

// RFC 1122, 3.3.2 and RFC 8200, 4.5: 60 s; Linux has 30 s for IPv4 (ipfrag_time).
TEST_P(Fragments, AreForgottenWhenTheRestDoesNotCome) {
  Drill d = Drill::established(options());
  const std::vector<Octets> fragments = fragments_of(d.packet_of(data({.len = 300})), 160);
  const Duration time = GetParam() == v4 ? 30_s : 60_s;
  d.wire_sends(fragments[0]);
  d.advance(time - 1_ms);
  EXPECT_EQ(d.count(fails()), 0U);
  d.advance(2_ms);
  EXPECT_EQ(d.count(fails()), 1U);
  EXPECT_EQ(d.count(counter(Counter::ip_reasm_timeout, Counter::ip6_reasm_timeout)), 1U);
  d.wire_sends(fragments[1]);
  EXPECT_EQ(d.receive(), std::unexpected(Error::would_block));
}

TEST_P(Fragments, WaitAsLongAsTheKnobSays) {
  Drill d = Drill::established(options());
  d.set(knob("time=5"));
  d.wire_sends(fragments_of(d.packet_of(data({.len = 300})), 160)[0]);
  d.advance(5001_ms);
  EXPECT_EQ(d.count(fails()), 1U);
}

TEST_P(Fragments, WaitLongerThanUsualIfTheKnobSays) {
  Drill d = Drill::established(options());
  d.set(knob("time=100"));
  const std::vector<Octets> fragments = fragments_of(d.packet_of(data({.len = 300})), 160);
  ASSERT_EQ(fragments.size(), 2U);
  d.wire_sends(fragments[0]);
  d.advance(99_s);
  d.wire_sends(fragments[1]);
  EXPECT_EQ(d.receive(), 300U);
  EXPECT_EQ(d.count(fails()), 0U);
}

// ipfrag_high_thresh: a flood of first fragments takes no more memory than that.
TEST_P(Fragments, TakeNoMoreMemoryThanTheKnobSays) {
  Drill d = Drill::established(options());
  d.set(knob("low_thresh=0"));
  d.set(knob("high_thresh=20000"));
  const Octets packet = d.packet_of(data({.len = 900}));
  for (std::uint32_t id = 0; id < 1000; ++id) {
    d.wire_sends(fragment_of(packet, {.begin = 0, .end = 800, .more = true, .id = id}));
  }
  // More than ten and fewer than twenty-five of 800 octets fit.
  EXPECT_GT(d.count(fails()), 1000U - 25);
  EXPECT_LT(d.count(fails()), 1000U - 10);
}

TEST_P(Fragments, AreNotKeptWithoutMemory) {
  Drill d = Drill::established(options());
  d.set(knob("low_thresh=0"));
  d.set(knob("high_thresh=0"));
  for (const Octets& f : fragments_of(d.packet_of(data({.len = 900})), 400)) d.wire_sends(f);
  EXPECT_EQ(d.count(fails()), 3U);
  EXPECT_EQ(d.receive(), std::unexpected(Error::would_block));
}

// The ping of death: what no length field can state.
TEST_P(Fragments, BeyondTheLongestPacketAreDropped) {
  Drill d = Drill::established(options());
  const Octets packet = d.packet_of(data({.len = 900}));
  Octets fragment = fragment_of(packet, {.begin = 0, .end = 800});
  const std::size_t at = GetParam() == v4 ? 6 : 42;
  fragment[at] = GetParam() == v4 ? 0x1f : 0xff;
  fragment[at + 1] = GetParam() == v4 ? 0xff : 0xf8;
  if (GetParam() == v4) mend_header_checksum(fragment);
  d.wire_sends(fragment);
  EXPECT_EQ(d.count(counter(Counter::ip_in_hdr_errors, Counter::ip6_in_hdr_errors)), 1U);
  EXPECT_EQ(d.host().next_deadline(), Instant::never());
}

TEST_P(Fragments, OfTwoPacketsAreKeptApart) {
  Drill d = Drill::established(options());
  const auto first = fragments_of(d.packet_of(data({.len = 300})), 160, 1);
  const auto second = fragments_of(d.packet_of(data({.seq = 301, .len = 300})), 160, 2);
  for (std::size_t i = 0; i < first.size(); ++i) {
    d.wire_sends(second[i]);
    d.wire_sends(first[i]);
  }
  EXPECT_EQ(d.receive(), 600U);
}

// RFC 3168, 5.3: one that was marked marks the whole; one of a sender that takes part and one that
// does not cannot belong together.
TEST_P(Fragments, WithContradictingEcnAreDropped) {
  Drill d = Drill::established(options());
  const Octets packet = d.packet_of(data({.len = 300}));
  d.wire_sends(fragment_of(packet, {.begin = 0, .end = 160, .more = true, .ecn = 0}));
  d.wire_sends(fragment_of(packet, {.begin = 160, .end = 320, .more = false, .ecn = 3}));
  EXPECT_EQ(d.count(fails()), 1U);
  EXPECT_EQ(d.receive(), std::unexpected(Error::would_block));
  d.wire_sends(fragment_of(packet, {.begin = 0, .end = 160, .more = true, .id = 8, .ecn = 2}));
  d.wire_sends(fragment_of(packet, {.begin = 160, .end = 320, .more = false, .id = 8, .ecn = 3}));
  EXPECT_EQ(d.receive(), 300U);
}

// A damaged whole is noticed by TCP (MUST-3).
TEST_P(Fragments, OfADamagedSegmentAreDropped) {
  Drill d = Drill::established(options());
  for (const Octets& f : fragments_of(d.packet_of(data({.len = 300, .bad_checksum = true})), 160)) {
    d.wire_sends(f);
  }
  EXPECT_EQ(d.count(Counter::tcp_in_csum_errors), 1U);
  EXPECT_EQ(d.count(oks()), 1U);
}

// Keeps what a host sends.
struct Keeper : wire::PacketSink {
  wire::SendResult send(const wire::OutgoingPacket& packet) override {
    EXPECT_TRUE(packet.payload.empty());
    packets.emplace_back(packet.headers.begin(), packet.headers.end());
    return wire::SendResult::sent;
  }
  std::vector<Octets> packets{};
};

// RFC 1122, 3.2.2.6, RFC 4443, 4.2: a ping in fragments is answered with all of its octets, in
// fragments if they are too many for the link.
TEST_P(Fragments, OfAnEchoRequestAreAnswered) {
  Drill d = Drill::closed(options());
  d.device_says(wire::SendResult::retry);
  const auto message = [&](std::uint8_t type_v4, std::uint8_t type_v6, std::size_t octets) {
    return make_icmp({.source = d.tuple().remote.address,
                      .destination = d.tuple().local.address,
                      .type = GetParam() == v4 ? type_v4 : type_v6,
                      .rest = 0x12345678,
                      .body = Octets(octets, 0xa5)});
  };
  std::uint32_t id = 0;
  for (const std::size_t octets : {1000U, 3000U}) {
    for (const Octets& f : fragments_of(message(8, 128, octets), 400, ++id)) d.wire_sends(f);
    Keeper device;
    d.host().packets_out(d.now(), device);
    ASSERT_EQ(device.packets.size(), octets == 1000 ? 1U : 3U);
    const Octets answer = message(0, 129, octets);
    Octets text;
    for (std::size_t i = 0; i < device.packets.size(); ++i) {
      const Octets& packet = device.packets[i];
      EXPECT_LE(packet.size(), 1500U);
      const auto ip = wire::parse_ip(packet);
      ASSERT_TRUE(ip);
      if (octets == 3000) {
        EXPECT_TRUE(ip->is_fragment);
        EXPECT_EQ(ip->identification, id);
        EXPECT_EQ(ip->fragment_offset, text.size());
        EXPECT_EQ(ip->has_more_fragments, i < 2);
      }
      text.insert(text.end(), packet.begin() + ip->header_octets, packet.end());
    }
    EXPECT_EQ(text, Octets(answer.begin() + (GetParam() == v4 ? 20 : 40), answer.end()));
  }
  EXPECT_EQ(d.count(counter(Counter::icmp_out_echo_reps, Counter::icmp6_out_echo_replies)), 2U);
  EXPECT_EQ(d.count(counter(Counter::ip_out_discards, Counter::ip6_out_discards)), 0U);
}

// What waits for the device is bounded, and an answer leaves whole or not at all.
TEST_P(Fragments, OfTheLongestEchoRequestsAreNotAllAnsweredAtOnce) {
  Drill d = Drill::closed(options());
  d.device_says(wire::SendResult::retry);
  const Octets ping = make_icmp({.source = d.tuple().remote.address,
                                 .destination = d.tuple().local.address,
                                 .type = static_cast<std::uint8_t>(GetParam() == v4 ? 8 : 128),
                                 .body = Octets(60'000)});
  for (std::uint32_t id = 0; id < 10; ++id) {
    for (const Octets& f : fragments_of(ping, 1400, id)) d.wire_sends(f);
  }
  EXPECT_EQ(d.count(oks()), 10U);
  Keeper device;
  d.host().packets_out(d.now(), device);
  // 60,008 octets are 41 fragments of 1,480, or 42 of 1,448.
  EXPECT_EQ(device.packets.size(), 6U * (GetParam() == v4 ? 41U : 42U));
  EXPECT_EQ(d.count(counter(Counter::ip_out_discards, Counter::ip6_out_discards)), 4U);
}

// A device that takes nothing makes nobody keep answers without end: what there is no room for is
// counted, of pings and of segments, as is what the device lost.
TEST_P(Fragments, AnswersThatFindNoRoomAreCounted) {
  Drill d = Drill::closed(options());
  const Counter discards = counter(Counter::ip_out_discards, Counter::ip6_out_discards);
  const Counter requests = counter(Counter::ip_out_requests, Counter::ip6_out_requests);
  const Octets ping = make_icmp({.source = d.tuple().remote.address,
                                 .destination = d.tuple().local.address,
                                 .type = static_cast<std::uint8_t>(GetParam() == v4 ? 8 : 128),
                                 .body = Octets(16)});
  d.device_says(wire::SendResult::retry);
  for (int i = 0; i < 256 + 3; ++i) d.wire_sends(ping);
  EXPECT_EQ(d.count(discards), 3U);
  EXPECT_EQ(d.count(counter(Counter::icmp_in_echos, Counter::icmp6_in_echos)), 259U);
  for (std::size_t i = 0; i < tcp::kMaxReplies + 5; ++i) d.peer_sends(syn());
  EXPECT_EQ(d.count(discards), 8U);
  EXPECT_EQ(d.count(requests), 0U);
  d.device_says(wire::SendResult::down);
  d.advance(10_ms);
  EXPECT_EQ(d.count(requests), 256U + tcp::kMaxReplies);
  EXPECT_EQ(d.count(discards), 8U + 256U + tcp::kMaxReplies);
  EXPECT_EQ(d.count(counter(Counter::ip_in_delivers, Counter::ip6_in_delivers)),
            259U + tcp::kMaxReplies + 5);
}

// A SYN in fragments opens a connection like any.
TEST_P(Fragments, OfASynAreAnswered) {
  Drill d = Drill::listen(options());
  for (const Octets& f : fragments_of(d.packet_of(syn({.mss = 1000})), 16)) {
    if (GetParam() == v6) break;  // 16 octets are no whole header chain
    d.wire_sends(f);
  }
  if (GetParam() == v4) {
    EXPECT_THAT(d.sent(), ElementsAre(IsSynAck()));
  }
}

// RFC 8200, 4.5 (RFC 7112): a first fragment that ends before TCP's header does is discarded.
TEST(FragmentsV6, WithoutAWholeHeaderChainAreDropped) {
  Drill d = Drill::listen({.family = v6});
  for (const Octets& f : fragments_of(d.packet_of(syn({.mss = 1000})), 16)) d.wire_sends(f);
  EXPECT_EQ(d.count(Counter::ip6_in_hdr_errors), 1U);
  EXPECT_THAT(d.sent(), IsEmpty());
}

// RFC 8200, 4.5: fragments but the last are multiples of eight octets long.
TEST(FragmentsV6, OfOddLengthAreDropped) {
  Drill d = Drill::established({.family = v6});
  const Octets packet = d.packet_of(data({.len = 300}));
  d.wire_sends(fragment_of(packet, {.begin = 0, .end = 161, .more = true}));
  EXPECT_EQ(d.count(Counter::ip6_in_hdr_errors), 1U);
  EXPECT_EQ(d.host().next_deadline(), Instant::never());
}

// RFC 6946, 4: an atomic fragment is a packet by itself, also while fragments of the same
// identification wait.
TEST(FragmentsV6, AtomicOnesAreWholePackets) {
  Drill d = Drill::established({.family = v6});
  const Octets packet = d.packet_of(data({.seq = 301, .len = 300}));
  const Octets first = d.packet_of(data({.len = 300}));
  d.wire_sends(fragment_of(packet, {.begin = 0, .end = 160, .more = true, .id = 5}));
  d.wire_sends(fragment_of(first, {.begin = 0, .end = 320, .more = false, .id = 5}));
  EXPECT_EQ(d.receive(), 300U);
  EXPECT_EQ(d.count(Counter::ip6_reasm_reqds), 1U);
  d.wire_sends(fragment_of(packet, {.begin = 160, .end = 320, .more = false, .id = 5}));
  EXPECT_EQ(d.receive(), 300U);
}

// A fragment inside a fragment is nothing that anybody sends.
TEST(FragmentsV6, OfFragmentsAreDropped) {
  Drill d = Drill::established({.family = v6});
  const Octets inner =
      fragment_of(d.packet_of(data({.len = 300})), {.begin = 0, .end = 160, .more = true, .id = 1});
  d.wire_sends(fragment_of(inner, {.begin = 0, .end = 80, .more = true, .id = 2}));
  d.wire_sends(fragment_of(inner, {.begin = 80, .end = 168, .more = false, .id = 2}));
  EXPECT_EQ(d.count(Counter::ip6_in_hdr_errors), 1U);
  EXPECT_EQ(d.host().next_deadline(), Instant::never());
}

// ---- Whom a host answers.

struct Stranger {
  const char* name;
  const char* source;
  const char* destination;
};
std::ostream& operator<<(std::ostream& out, const Stranger& stranger) {
  return out << stranger.name;
}
class NotAnswered : public testing::TestWithParam<Stranger> {};
INSTANTIATE_TEST_SUITE_P(
    Addresses, NotAnswered,
    testing::Values(Stranger{"ToDirectedBroadcast", "198.51.100.2", "198.51.100.255"},
                    Stranger{"ToLimitedBroadcast", "198.51.100.2", "255.255.255.255"},
                    Stranger{"ToMulticast", "198.51.100.2", "224.0.0.1"},
                    Stranger{"ToLoopback", "198.51.100.2", "127.0.0.1"},
                    Stranger{"ToSomebodyElse", "198.51.100.2", "198.51.100.77"},
                    Stranger{"FromDirectedBroadcast", "198.51.100.255", "198.51.100.1"},
                    Stranger{"FromLimitedBroadcast", "255.255.255.255", "198.51.100.1"},
                    Stranger{"FromMulticast", "224.0.0.1", "198.51.100.1"},
                    Stranger{"FromLoopback", "127.0.0.1", "198.51.100.1"},
                    Stranger{"FromAny", "0.0.0.0", "198.51.100.1"},
                    Stranger{"FromThisNetwork", "0.1.2.3", "198.51.100.1"},
                    Stranger{"FromItself", "198.51.100.1", "198.51.100.1"},
                    Stranger{"ToMulticastV6", "2001:db8::2", "ff02::1"},
                    Stranger{"ToLoopbackV6", "2001:db8::2", "::1"},
                    Stranger{"FromMulticastV6", "ff02::1", "2001:db8::1"},
                    Stranger{"FromLoopbackV6", "::1", "2001:db8::1"},
                    Stranger{"FromAnyV6", "::", "2001:db8::1"},
                    Stranger{"FromMappedV6", "::ffff:198.51.100.2", "2001:db8::1"},
                    Stranger{"FromItselfV6", "2001:db8::1", "2001:db8::1"}),
    [](const auto& row) { return row.param.name; });

// MUST-57, MUST-63: neither a listener, nor CLOSED with a RST, nor an echo (RFC 1122, 3.2.2.6).
TEST_P(NotAnswered, SynAckAndEcho) {
  const IpAddress source = *IpAddress::parse(GetParam().source);
  const IpAddress destination = *IpAddress::parse(GetParam().destination);
  const Family family = source.family();
  Drill d = Drill::listen({.family = family});
  RawSegment segment{.source = source,
                     .destination = destination,
                     .source_port = 1234,
                     .destination_port = 80,
                     .seq = 100,
                     .flags = 0x02,
                     .window = 1000};
  d.wire_sends(make_packet(segment));
  segment.destination_port = 81;
  d.wire_sends(make_packet(segment));
  segment.flags = 0x10;
  d.wire_sends(make_packet(segment));
  d.wire_sends(make_icmp({.source = source,
                          .destination = destination,
                          .type = static_cast<std::uint8_t>(family == v4 ? 8 : 128),
                          .body = Octets(16)}));
  EXPECT_EQ(d.count(family == v4 ? Counter::ip_in_addr_errors : Counter::ip6_in_addr_errors), 4U);
  EXPECT_EQ(d.count(Counter::tcp_in_segs), 0U);
  EXPECT_EQ(d.count(Counter::tcp_out_segs), 0U);
  EXPECT_EQ(d.count(Counter::icmp_out_echo_reps), 0U);
  EXPECT_EQ(d.count(Counter::icmp6_out_echo_replies), 0U);
  EXPECT_EQ(d.host().next_deadline(), Instant::never());
}

}  // namespace
}  // namespace tuntcp::test
