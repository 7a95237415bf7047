// Reassembly against libtins: packets that libtins wrote, cut at random and shuffled; what comes
// out must be the packet that went in, and for IPv4 what libtins itself puts together.
#include <gtest/gtest.h>
#include <tins/ip_reassembler.h>
#include <tins/tins.h>

#include <algorithm>

#include "stack/base/random.h"
#include "stack/host/reassembler.h"
#include "tests/oracle/sample.h"
#include "tests/support/seeds.h"

namespace tuntcp::oracle {
namespace {

using Verdict = Reassembler::Verdict;

constexpr Reassembler::Limits kLimits{.octets = 1 << 20, .time = Duration::seconds(30)};
const Instant kNow = Instant::from_ns(1'000'000'000);

Octets text_of(SeededRandom& random, std::size_t count) {
  Octets text(count);
  for (std::uint8_t& octet : text) octet = static_cast<std::uint8_t>(random.next());
  return text;
}

// Cuts at multiples of eight, at least the first at 24 octets (a TCP header), in random order.
std::vector<std::pair<std::uint32_t, std::uint32_t>> random_cuts(SeededRandom& random,
                                                                 std::uint32_t octets) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> cuts;
  for (std::uint32_t begin = 0; begin < octets;) {
    const auto length = static_cast<std::uint32_t>(24 + random.next() % 60 * 8);
    const std::uint32_t end = std::min(begin + length, octets);
    cuts.emplace_back(begin, end);
    begin = end;
  }
  for (std::size_t i = cuts.size(); i > 1; --i) std::swap(cuts[i - 1], cuts[random.next() % i]);
  return cuts;
}

// The reassembled packet, or nothing.
Octets reassembled(Reassembler& reassembler, const std::vector<Octets>& fragments) {
  for (std::size_t i = 0; i < fragments.size(); ++i) {
    const auto ip = wire::parse_ip(fragments[i]);
    EXPECT_TRUE(ip && ip->is_fragment);
    if (!ip) return {};
    const Verdict verdict = reassembler.add(*ip, fragments[i], kLimits, kNow);
    const bool is_last = i + 1 == fragments.size();
    EXPECT_EQ(verdict, is_last ? Verdict::complete : Verdict::waits);
    if (!is_last) continue;
    Octets out(70'000);
    out.resize(reassembler.take(*ip, out));
    return out;
  }
  return {};
}

TEST(ReassemblyOracle, OfIpv4AgreesWithLibtins) {
  test::for_seeds(200, [](std::uint64_t seed) {
    SeededRandom random(seed);
    const Octets text = text_of(random, 100 + random.next() % 8000);
    Tins::IP whole("203.0.113.2", "198.51.100.1");
    whole.id(static_cast<std::uint16_t>(random.next()));
    whole.inner_pdu(Tins::TCP(80, 1234) / Tins::RawPDU(text));
    const Octets packet = whole.serialize();

    Tins::IPv4Reassembler theirs;
    std::unique_ptr<Tins::PDU> theirs_whole;
    std::vector<Octets> fragments;
    const auto octets = static_cast<std::uint32_t>(packet.size() - 20);
    for (const auto& [begin, end] : random_cuts(random, octets)) {
      Tins::IP fragment("203.0.113.2", "198.51.100.1");
      fragment.id(whole.id());
      fragment.fragment_offset(static_cast<std::uint16_t>(begin / 8));
      if (end != octets) fragment.flags(Tins::IP::MORE_FRAGMENTS);
      fragment.protocol(6);
      fragment.inner_pdu(Tins::RawPDU(packet.data() + 20 + begin, end - begin));
      fragments.push_back(fragment.serialize());
      fragments.back()[9] = 6;
      Tins::IP again(fragments.back().data(), static_cast<std::uint32_t>(fragments.back().size()));
      if (theirs.process(again) == Tins::IPv4Reassembler::REASSEMBLED) {
        theirs_whole.reset(again.clone());
      }
      // libtins may have cleared the protocol of a payload that it does not know.
      fragments.back() = [&] {
        Octets mended = fragments.back();
        mended[10] = mended[11] = 0;
        std::uint32_t sum = 0;
        for (std::size_t i = 0; i < 20; i += 2) sum += mended[i] * 256U + mended[i + 1];
        while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
        mended[10] = static_cast<std::uint8_t>(~sum >> 8);
        mended[11] = static_cast<std::uint8_t>(~sum);
        return mended;
      }();
    }
    if (fragments.size() < 2) return;
    Reassembler reassembler{SipKey{}};
    const Octets ours = reassembled(reassembler, fragments);
    ASSERT_EQ(ours.size(), packet.size());
    EXPECT_TRUE(std::equal(ours.begin() + 20, ours.end(), packet.begin() + 20));
    EXPECT_TRUE(wire::parse_ip(ours).has_value());  // and its checksum
    EXPECT_EQ(reassembler.octets(Family::ipv4), 0U);
    ASSERT_NE(theirs_whole, nullptr);
    const auto* const payload = theirs_whole->find_pdu<Tins::RawPDU>();
    ASSERT_NE(payload, nullptr);
    EXPECT_EQ(payload->payload(), text);
  });
}

TEST(ReassemblyOracle, OfIpv6GivesBackThePacketOfLibtins) {
  test::for_seeds(200, [](std::uint64_t seed) {
    SeededRandom random(seed);
    const Octets text = text_of(random, 100 + random.next() % 8000);
    Tins::IPv6 whole("2001:db8::2", "2001:db8::1");
    whole.inner_pdu(Tins::TCP(80, 1234) / Tins::RawPDU(text));
    const Octets packet = whole.serialize();
    const auto octets = static_cast<std::uint32_t>(packet.size() - 40);
    const auto id = static_cast<std::uint32_t>(random.next());
    std::vector<Octets> fragments;
    for (const auto& [begin, end] : random_cuts(random, octets)) {
      // libtins knows no fragment header by itself: an extension header of eight octets.
      const std::uint32_t field = begin | (end != octets ? 1U : 0U);
      Octets extension = {static_cast<std::uint8_t>(field >> 8), static_cast<std::uint8_t>(field)};
      for (int shift = 24; shift >= 0; shift -= 8) {
        extension.push_back(static_cast<std::uint8_t>(id >> shift));
      }
      Tins::IPv6 fragment("2001:db8::2", "2001:db8::1");
      fragment.add_header(
          Tins::IPv6::ext_header(Tins::IPv6::FRAGMENT, extension.begin(), extension.end()));
      fragment.inner_pdu(Tins::RawPDU(packet.data() + 40 + begin, end - begin));
      fragments.push_back(fragment.serialize());
      fragments.back()[40] = 6;
    }
    if (fragments.size() < 2) return;
    Reassembler reassembler{SipKey{}};
    EXPECT_EQ(reassembled(reassembler, fragments), packet);
    EXPECT_EQ(reassembler.waiting(), 0U);
  });
}

}  // namespace
}  // namespace tuntcp::oracle
