// IPv4 (RFC 791) and IPv6 (RFC 8200) headers: validity, a view that copies no payload, writers.
// Not here: which fragments belong together (host/reassembler.h).
#pragma once

#include <cstdint>
#include <expected>

#include "stack/base/address.h"
#include "stack/base/bytes.h"
#include "stack/wire/drop_reason.h"

namespace tuntcp::wire {

inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;
inline constexpr std::uint32_t kIpv4HeaderOctets = 20;  // without options
inline constexpr std::uint32_t kIpv6HeaderOctets = 40;
inline constexpr std::uint32_t kIpv4MaxHeaderOctets = 60;
constexpr std::uint32_t ip_header_octets(Family family) {
  return family == Family::ipv4 ? kIpv4HeaderOctets : kIpv6HeaderOctets;
}
// The longest packet IP can state: 65,535 octets; for IPv6 that bounds the payload alone.
inline constexpr std::uint32_t kIpMaxOctets = 65'535;

// One IP packet as parsed. `header_octets` includes IPv4 options and IPv6 extension headers: the
// transport's octets are [header_octets, total_octets) of the packet.
struct IpHeader {
  IpAddress source{};
  IpAddress destination{};
  std::uint32_t header_octets = 0;
  std::uint32_t total_octets = 0;  // what the header states; octets after it are padding
  std::uint8_t protocol = 0;       // of what follows the last header
  std::uint8_t hop_limit = 0;      // TTL
  std::uint8_t traffic_class = 0;  // DS field and ECN
  bool is_fragment = false;        // an atomic fragment (RFC 6946) is none
  // Of a fragment. The header of one of IPv6 ends with its fragment header.
  bool has_more_fragments = false;
  std::uint32_t identification = 0;
  // In octets. Above 0 no transport header follows the IP header.
  std::uint16_t fragment_offset = 0;
};

// Total: every byte string gives a header or a reason. IPv4's checksum is verified unless
// `checksum_is_valid`. IPv4 options are skipped (RFC 9293, 3.9.2, MUST-50), and so are IPv6
// hop-by-hop, routing, destination options and atomic fragment headers; any other next header is
// the `protocol`, for the caller to know or not. An IPv4 packet that is longer than IP can state
// (Linux, "BIG TCP") states 0 and is taken whole; IPv6 jumbograms (RFC 2675) are not accepted.
std::expected<IpHeader, DropReason> parse_ip(Bytes packet, bool checksum_is_valid = false);

// The IP header that an ICMP error quotes. The packet is cut short anywhere behind its headers and
// routers on the way have changed it, so neither its length nor its checksum is held against it.
// `total_octets` is what is there.
std::expected<IpHeader, DropReason> parse_quoted_ip(Bytes quoted_packet);

// May the rest of the headers be read in this first fragment of IPv6, TCP's, UDP's or ICMP's
// included? One that is cut before that end is to be discarded (RFC 8200, 4.5; RFC 7112).
bool has_whole_header_chain(const IpHeader& first_fragment, Bytes packet);

// Makes a whole packet of one that begins with the headers of a first fragment (without IPv6's
// fragment header) and goes on with the octets of all of them. `protocol` is what the fragment
// header named as next; with `is_congested` the ECN field becomes CE.
struct Reassembled {
  std::uint32_t header_octets = 0;
  std::uint8_t protocol = 0;
  bool is_congested = false;
};
void finish_reassembled(const Reassembled& what, MutableBytes packet);

// What a writer of a whole IP header needs.
struct IpFields {
  IpAddress source{};
  IpAddress destination{};
  std::uint8_t protocol = kProtocolTcp;
  std::uint8_t hop_limit = 64;
  std::uint8_t traffic_class = 0;
  std::uint32_t flow_label = 0;      // IPv6 only, 20 bits
  std::uint16_t identification = 0;  // IPv4 only; RFC 6864: any value will do when DF is set
  bool dont_fragment = true;         // IPv4 only
  Bytes options{};                   // IPv4 only, a multiple of four octets, at most 40
  std::uint32_t payload_octets = 0;  // transport header and data
};

// Writes the header at `out` (IPv4's checksum included) and returns how many octets it has: 20 and
// the options, or 40.
std::uint32_t write_ip(const IpFields& fields, std::uint8_t* out);

}  // namespace tuntcp::wire
