// Packets that are wrong: dropped, counted by reason under Linux's MIB names, and the connection
// untouched. RFC 9293, 3.1 (MUST-3, MUST-7) and 3.9.2.3 (MUST-57, MUST-63); RFC 1122, 3.2.1.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::IsEmpty;

struct Fault {
  const char* name;
  Octets (*packet)(const Drill& d);
  Counter counter;
};
std::ostream& operator<<(std::ostream& out, const Fault& fault) {
  return out << fault.name;
}

// An honest segment of 10 octets, with a fault in its IPv4 header whose checksum is mended.
Octets with_header(const Drill& d, std::size_t at, std::uint8_t value) {
  Octets packet = d.packet_of(data({.len = 10}));
  packet[at] = value;
  packet[10] = packet[11] = 0;
  const auto sum =
      static_cast<std::uint16_t>(~sum_of_words(Octets(packet.begin(), packet.begin() + 20)));
  packet[10] = static_cast<std::uint8_t>(sum >> 8);
  packet[11] = static_cast<std::uint8_t>(sum & 0xff);
  return packet;
}

const Fault kFaults[] = {
    {"TcpChecksum",
     [](const Drill& d) { return d.packet_of(data({.len = 10, .bad_checksum = true})); },
     Counter::tcp_in_csum_errors},
    {"IpChecksum",
     [](const Drill& d) {
       Octets packet = d.packet_of(data({.len = 10}));
       packet[10] ^= 0x40;
       return packet;
     },
     Counter::ip_in_csum_errors},
    {"DataOffsetBelowFive",
     [](const Drill& d) {
       Octets packet = d.packet_of(data({.len = 10}));
       packet[32] = 0x40;
       return packet;
     },
     Counter::tcp_in_errs},
    {"DataOffsetPastTheEnd",
     [](const Drill& d) {
       Octets packet = d.packet_of(data({.len = 10}));
       packet[32] = 0xf0;
       return packet;
     },
     Counter::tcp_in_errs},
    {"ShorterThanItSays",
     [](const Drill& d) {
       Octets packet = d.packet_of(data({.len = 10}));
       packet.pop_back();
       return packet;
     },
     Counter::ip_in_truncated_pkts},
    {"OneOctet", [](const Drill&) { return Octets{0x45}; }, Counter::ip_in_truncated_pkts},
    {"HeaderLengthBelowFive", [](const Drill& d) { return with_header(d, 0, 0x44); },
     Counter::ip_in_hdr_errors},
    {"MoreFragments", [](const Drill& d) { return with_header(d, 6, 0x20); },
     Counter::ip_reasm_reqds},
    {"UnknownProtocol", [](const Drill& d) { return with_header(d, 9, 253); },
     Counter::ip_in_unknown_protos},
    {"MulticastSource", [](const Drill& d) { return with_header(d, 12, 224); },
     Counter::ip_in_addr_errors},
    {"MulticastDestination", [](const Drill& d) { return with_header(d, 16, 224); },
     Counter::ip_in_addr_errors},
    {"LoopbackDestination", [](const Drill& d) { return with_header(d, 16, 127); },
     Counter::ip_in_addr_errors},
};

class BadPacket : public testing::TestWithParam<Fault> {};
INSTANTIATE_TEST_SUITE_P(Faults, BadPacket, testing::ValuesIn(kFaults),
                         [](const testing::TestParamInfo<Fault>& fault) {
                           return std::string(fault.param.name);
                         });

TEST_P(BadPacket, IsDroppedCountedAndChangesNothing) {
  Drill d = Drill::established();
  const std::uint64_t before = d.count(GetParam().counter);
  d.wire_sends(GetParam().packet(d));
  EXPECT_EQ(d.count(GetParam().counter), before + 1);
  EXPECT_THAT(d.sent(), IsEmpty());
  EXPECT_EQ(d.state(), State::established);
  EXPECT_EQ(d.receive(), std::unexpected(Error::would_block));
  // The honest segment is taken as if nothing had been.
  d.peer_sends(data({.len = 10}));
  EXPECT_EQ(d.receive(), 10U);
}

// MUST-7: an option of length 0 ends the options, not the segment.
TEST(BadOption, OfLengthZeroLosesNothing) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 10, .raw_options = {8, 0, 1, 1}}));
  EXPECT_EQ(d.receive(), 10U);
}

}  // namespace
}  // namespace tuntcp::test
