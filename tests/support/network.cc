#include "tests/support/network.h"

#include <algorithm>

namespace tuntcp::test {
namespace {

void put16(Octets& octets, std::uint32_t value) {
  octets.push_back(static_cast<std::uint8_t>(value >> 8 & 0xff));
  octets.push_back(static_cast<std::uint8_t>(value & 0xff));
}
void put32(Octets& octets, std::uint32_t value) {
  put16(octets, value >> 16);
  put16(octets, value & 0xffff);
}
void put_address(Octets& octets, const IpAddress& address) {
  octets.insert(octets.end(), address.octets(), address.octets() + address.size());
}
Octets part(const Octets& octets, std::size_t begin, std::size_t end) {
  return Octets(octets.begin() + static_cast<std::ptrdiff_t>(begin),
                octets.begin() + static_cast<std::ptrdiff_t>(end));
}

Octets header_v4(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                 std::size_t payload) {
  Octets ip = {0x45, 0};
  put16(ip, static_cast<std::uint32_t>(20 + payload));
  put32(ip, 0);
  ip.push_back(61);
  ip.push_back(protocol);
  put16(ip, 0);
  put_address(ip, source);
  put_address(ip, destination);
  mend_header_checksum(ip);
  return ip;
}
Octets header_v6(const IpAddress& source, const IpAddress& destination, std::uint8_t next,
                 std::size_t payload) {
  Octets ip;
  put32(ip, 0x60000000);
  put16(ip, static_cast<std::uint32_t>(payload));
  ip.push_back(next);
  ip.push_back(61);
  put_address(ip, source);
  put_address(ip, destination);
  return ip;
}

IpAddress router(Family family) {
  return *IpAddress::parse(family == Family::ipv4 ? "203.0.113.9" : "2001:db8:9::9");
}

}  // namespace

void mend_header_checksum(Octets& packet) {
  packet[10] = packet[11] = 0;
  const std::size_t header = std::size_t{packet[0] & 0x0fU} * 4;
  const auto sum = static_cast<std::uint16_t>(~sum_of_words(part(packet, 0, header)));
  packet[10] = static_cast<std::uint8_t>(sum >> 8);
  packet[11] = static_cast<std::uint8_t>(sum & 0xff);
}

std::size_t ip_header_octets(const Octets& packet) {
  return packet[0] >> 4 == 6 ? 40 : std::size_t{packet[0] & 0x0fU} * 4;
}

Octets make_icmp(const IcmpPacket& icmp) {
  const bool v4 = icmp.source.is_v4();
  Octets message = {icmp.type, icmp.code, 0, 0};
  put32(message, icmp.rest);
  message = message + icmp.body;
  Octets summed;
  if (!v4) {
    put_address(summed, icmp.source);
    put_address(summed, icmp.destination);
    put32(summed, static_cast<std::uint32_t>(message.size()));
    put32(summed, 58);
  }
  auto sum = static_cast<std::uint16_t>(~sum_of_words(summed + message));
  if (icmp.bad_checksum) sum ^= 0x0100;
  message[2] = static_cast<std::uint8_t>(sum >> 8);
  message[3] = static_cast<std::uint8_t>(sum & 0xff);
  const Octets ip = v4 ? header_v4(icmp.source, icmp.destination, 1, message.size())
                       : header_v6(icmp.source, icmp.destination, 58, message.size());
  return ip + message;
}

Octets icmp_about(const Drill& d, const IcmpAbout& about) {
  const FourTuple& tuple = d.tuple();
  const Octets segment =
      make_packet({.source = tuple.local.address,
                   .destination = tuple.remote.address,
                   .source_port = tuple.local.port,
                   .destination_port = about.port.value_or(tuple.remote.port),
                   .seq = d.iss().value() + static_cast<std::uint32_t>(about.seq),
                   .flags = 0x10,
                   .text = Octets(100)});
  // RFC 792: the header and 64 bits of what follows it.
  return make_icmp({.source = router(tuple.family()),
                    .destination = tuple.local.address,
                    .type = about.type,
                    .code = about.code,
                    .rest = about.rest,
                    .body = part(segment, 0, ip_header_octets(segment) + 8)});
}

Octets too_big(const Drill& d, std::int64_t seq, std::uint32_t mtu) {
  const bool v4 = d.tuple().family() == Family::ipv4;
  return icmp_about(d, {.type = static_cast<std::uint8_t>(v4 ? 3 : 2),
                        .code = static_cast<std::uint8_t>(v4 ? 4 : 0),
                        .seq = seq,
                        .rest = mtu});
}

Octets fragment_of(const Octets& packet, const Cut& cut) {
  const std::size_t header = ip_header_octets(packet);
  const Octets text = part(packet, header + cut.begin, header + cut.end);
  Octets ip = part(packet, 0, header);
  if (packet[0] >> 4 == 4) {
    const auto octets = static_cast<std::uint32_t>(header + text.size());
    ip[1] = static_cast<std::uint8_t>((ip[1] & 0xfc) | cut.ecn);
    ip[2] = static_cast<std::uint8_t>(octets >> 8);
    ip[3] = static_cast<std::uint8_t>(octets & 0xff);
    ip[4] = static_cast<std::uint8_t>(cut.id >> 8 & 0xff);
    ip[5] = static_cast<std::uint8_t>(cut.id & 0xff);
    ip[6] = static_cast<std::uint8_t>((cut.more ? 0x20 : 0) | cut.begin >> 11);
    ip[7] = static_cast<std::uint8_t>(cut.begin >> 3 & 0xff);
    mend_header_checksum(ip);
    return ip + text;
  }
  Octets extension = {ip[6], 0};
  put16(extension, cut.begin | (cut.more ? 1U : 0U));
  put32(extension, cut.id);
  const auto octets = static_cast<std::uint32_t>(8 + text.size());
  ip[1] = static_cast<std::uint8_t>((ip[1] & 0xcf) | cut.ecn << 4);
  ip[4] = static_cast<std::uint8_t>(octets >> 8);
  ip[5] = static_cast<std::uint8_t>(octets & 0xff);
  ip[6] = 44;
  return ip + extension + text;
}

std::vector<Octets> fragments_of(const Octets& packet, std::uint32_t octets, std::uint32_t id) {
  const auto whole = static_cast<std::uint32_t>(packet.size() - ip_header_octets(packet));
  std::vector<Octets> fragments;
  for (std::uint32_t begin = 0; begin < whole; begin += octets) {
    const std::uint32_t end = std::min(begin + octets, whole);
    fragments.push_back(
        fragment_of(packet, {.begin = begin, .end = end, .more = end < whole, .id = id}));
  }
  return fragments;
}

}  // namespace tuntcp::test
