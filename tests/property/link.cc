#include "tests/property/link.h"

#include <algorithm>

#include "stack/base/checksum.h"
#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"

namespace tuntcp::test {
namespace {

using wire::Flag;

void complete_checksum(std::vector<std::uint8_t>& octets, const wire::IpHeader& ip) {
  const std::uint32_t tcp_octets = static_cast<std::uint32_t>(octets.size()) - ip.header_octets;
  std::uint8_t* const tcp = octets.data() + ip.header_octets;
  store_be16(tcp + wire::kTcpChecksumOffset, 0);
  ChecksumSum sum = pseudo_header_sum(ip.source, ip.destination, wire::kProtocolTcp, tcp_octets);
  sum.add({tcp, tcp_octets});
  store_be16(tcp + wire::kTcpChecksumOffset, sum.checksum());
}

// TCP segmentation as a network card does it.
std::vector<Packet> cut(const std::vector<std::uint8_t>& whole, const wire::IpHeader& ip,
                        std::uint32_t gso_size) {
  const auto tcp = wire::parse_tcp(Bytes(whole).subspan(ip.header_octets));
  const std::uint32_t headers = ip.header_octets + tcp->header_octets;
  const auto end = static_cast<std::uint32_t>(whole.size());
  std::vector<Packet> pieces;
  for (std::uint32_t at = headers; at < end; at += gso_size) {
    const std::uint32_t text = std::min(gso_size, end - at);
    Packet piece;
    piece.octets.assign(whole.begin(), whole.begin() + headers);
    piece.octets.insert(piece.octets.end(), whole.begin() + at, whole.begin() + at + text);
    wire::write_ip({.source = ip.source,
                    .destination = ip.destination,
                    .protocol = ip.protocol,
                    .hop_limit = ip.hop_limit,
                    .traffic_class = ip.traffic_class,
                    .payload_octets = tcp->header_octets + text},
                   piece.octets.data());
    std::uint8_t* const header = piece.octets.data() + ip.header_octets;
    store_be32(header + 4, tcp->seq.value() + (at - headers));
    // FIN and PSH belong to the last octet.
    const bool is_last = at + text == end;
    header[13] =
        is_last ? tcp->flags.octet() : tcp->flags.without(Flag::fin).without(Flag::psh).octet();
    complete_checksum(piece.octets, ip);
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

// An error that every checksum finds: one aligned 16-bit word changes, and not to its complement.
// Octets that no checksum of IPv6 covers are spared.
void corrupt(std::vector<std::uint8_t>& octets, Dice& dice) {
  const bool is_v6 = octets[0] >> 4 == 6;
  const std::uint32_t first = is_v6 ? wire::kIpv6HeaderOctets : 0;
  const auto words = static_cast<std::uint32_t>(octets.size() - first) / 2;
  std::uint8_t* const word = octets.data() + first + std::size_t{2} * dice.below(words);
  store_be16(word, static_cast<std::uint16_t>(load_be16(word) ^ dice.between(1, 0xfffe)));
}

}  // namespace

std::vector<std::uint8_t> octets_of(const wire::OutgoingPacket& packet) {
  std::vector<std::uint8_t> octets(packet.headers.begin(), packet.headers.end());
  octets.reserve(packet.total_octets);
  for (const Bytes& piece : packet.payload) octets.insert(octets.end(), piece.begin(), piece.end());
  return octets;
}

std::vector<Arrival> Link::carry(const wire::OutgoingPacket& outgoing, Instant now) {
  std::vector<Arrival> arrivals;
  Packet whole{.octets = octets_of(outgoing), .offload = {}};
  const auto ip = wire::parse_ip(whole.octets);
  if (impairments_.passes_super_packets) {
    if (outgoing.needs_checksum) whole.offload.checksum = wire::ReceivedOffload::Checksum::partial;
    whole.offload.gso_size = outgoing.gso_size;
    carry_one(std::move(whole), now, arrivals);
  } else if (outgoing.gso_size != 0) {
    for (Packet& piece : cut(whole.octets, *ip, outgoing.gso_size)) {
      carry_one(std::move(piece), now, arrivals);
    }
  } else {
    if (outgoing.needs_checksum) complete_checksum(whole.octets, *ip);
    carry_one(std::move(whole), now, arrivals);
  }
  return arrivals;
}

void Link::carry_one(Packet packet, Instant now, std::vector<Arrival>& arrivals) {
  const Impairments& path = impairments_;
  if (dice_.chance(path.loss)) return;
  Instant leaves = now;
  if (path.bits_per_second != 0) {
    const auto rate = static_cast<std::int64_t>(path.bits_per_second);
    busy_until_ = std::max(busy_until_, now);
    const std::int64_t queued = (busy_until_ - now).count_ns() / 1000 * rate / 8'000'000;
    if (path.queue_octets != 0 && queued > path.queue_octets) return;
    const auto bits = static_cast<std::int64_t>(packet.octets.size()) * 8;
    busy_until_ += Duration::nanoseconds(bits * 1'000'000'000 / rate);
    leaves = busy_until_;
  }
  Instant at = leaves + path.delay;
  if (dice_.chance(path.reorder)) at += dice_.up_to(path.reorder_by);
  if (dice_.chance(path.duplicate)) {
    arrivals.push_back({.at = at + dice_.up_to(Duration::milliseconds(5)), .packet = packet});
  }
  // What the device vouches for never went over a wire.
  const bool is_checked = packet.offload.checksum == wire::ReceivedOffload::Checksum::unknown;
  if (is_checked && dice_.chance(path.corrupt)) {
    corrupt(packet.octets, dice_);
    packet.is_corrupt = true;
  }
  arrivals.push_back({.at = at, .packet = std::move(packet)});
}

}  // namespace tuntcp::test
