#include "stack/host/reassembler.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tuntcp {
namespace {

// What is charged beyond the octets, so that small fragments pay for what they keep.
constexpr std::size_t kPacketCharge = 512;
constexpr std::size_t kPieceCharge = 128;
constexpr std::uint32_t kFragmentHeaderOctets = 8;

// RFC 3168, 5.3, by the codepoints that were seen (a bit each): the one of the whole packet, which
// is the first fragment's unless one was marked. Of a sender that both does and does not take part
// nothing is believed.
enum class Ecn : std::uint8_t { as_first, congested, contradiction };
Ecn ecn_of(std::uint8_t seen) {
  constexpr std::uint8_t kNotCapable = 1 << 0;
  constexpr std::uint8_t kCongested = 1 << 3;
  if ((seen & kNotCapable) != 0 && seen != kNotCapable) return Ecn::contradiction;
  return (seen & kCongested) != 0 ? Ecn::congested : Ecn::as_first;
}

}  // namespace

Reassembler::Key Reassembler::key_of(const wire::IpHeader& ip) {
  return {.source = ip.source,
          .destination = ip.destination,
          .identification = ip.identification,
          .protocol = ip.source.is_v4() ? ip.protocol : std::uint8_t{0}};
}

std::size_t Reassembler::bucket_of(const Key& key) const {
  std::array<std::uint8_t, 37> octets{};
  std::copy_n(key.source.octets(), 16, octets.begin());
  std::copy_n(key.destination.octets(), 16, octets.begin() + 16);
  store_be32(octets.data() + 32, key.identification);
  octets[36] = key.protocol;
  return siphash(key_, octets) % v4_.buckets.size();
}

Reassembler::Packet* Reassembler::find(PerVersion& version, const Key& key) {
  std::uint32_t next = version.buckets[bucket_of(key)];
  while (next != 0) {
    Packet& packet = version.slab.at(next - 1);
    if (packet.key == key) return &packet;
    next = packet.next_in_bucket;
  }
  return nullptr;
}

void Reassembler::forget(PerVersion& version, Packet& packet) {
  const std::uint32_t own = version.slab.handle_of(packet).index + 1;
  std::uint32_t* link = &version.buckets[bucket_of(packet.key)];
  while (*link != own) link = &version.slab.at(*link - 1).next_in_bucket;
  *link = packet.next_in_bucket;
  version.octets -= packet.charge;
  version.timers.cancel(packet);
  version.slab.erase(packet);
}

Reassembler::Verdict Reassembler::add(const wire::IpHeader& ip, Bytes packet, const Limits& limits,
                                      Instant now) {
  const bool v4 = ip.source.is_v4();
  PerVersion& version = of(ip.source.family());
  const std::uint32_t begin = ip.fragment_offset;
  const std::uint32_t headers = ip.header_octets - (v4 ? 0 : kFragmentHeaderOctets);
  std::uint32_t octets = ip.total_octets - ip.header_octets;
  if (ip.has_more_fragments && octets % 8 != 0) {
    // RFC 8200, 4.5 has the fragment discarded. Of IPv4 Linux takes the whole blocks.
    if (!v4) return Verdict::malformed;
    octets -= octets % 8;
  }
  // What a packet's length field cannot state.
  const std::uint32_t counted_headers = v4 ? headers : headers - wire::kIpv6HeaderOctets;
  if (octets == 0 || counted_headers + begin + octets > wire::kIpMaxOctets) {
    return Verdict::malformed;
  }
  if (!v4 && begin == 0 && !wire::has_whole_header_chain(ip, packet)) return Verdict::malformed;

  const Key key = key_of(ip);
  const std::size_t charge = kPieceCharge + octets + (begin == 0 ? headers : 0);
  Packet* found = find(version, key);
  if (version.octets + charge + (found == nullptr ? kPacketCharge : 0) > limits.octets) {
    return Verdict::refused;
  }
  if (found == nullptr) {
    found = version.slab.emplace();
    if (found == nullptr) return Verdict::refused;
    found->key = key;
    found->charge = kPacketCharge;
    version.octets += kPacketCharge;
    std::uint32_t& bucket = version.buckets[bucket_of(key)];
    found->next_in_bucket = std::exchange(bucket, version.slab.handle_of(*found).index + 1);
    version.timers.schedule(*found, now + limits.time);
  }
  const auto drop_all = [&](Verdict verdict) {
    forget(version, *found);
    return verdict;
  };
  const std::uint32_t end = begin + octets;
  const bool is_last = !ip.has_more_fragments;
  const std::uint32_t reach = found->pieces.empty() ? 0 : found->pieces.back().end();
  const bool contradicts = is_last ? (found->has_end && found->end != end) || reach > end
                                   : found->has_end && end > found->end;
  if (contradicts) return drop_all(Verdict::refused);

  const auto after =
      std::ranges::find_if(found->pieces, [&](const Piece& piece) { return piece.end() > begin; });
  if (after != found->pieces.end() && after->begin < end) {
    if (after->begin <= begin && end <= after->end()) return Verdict::duplicate;
    return drop_all(Verdict::overlap);
  }
  if (found->pieces.size() == kMostFragments) return drop_all(Verdict::refused);
  const std::uint8_t* const text = packet.data() + ip.header_octets;
  found->pieces.insert(after, {.begin = begin, .octets = {text, text + octets}});
  found->held += octets;
  found->charge += charge;
  version.octets += charge;
  found->ecn_seen |= static_cast<std::uint8_t>(1U << (ip.traffic_class & 3));
  if (is_last) {
    found->has_end = true;
    found->end = end;
  }
  if (begin == 0) {
    found->headers.assign(packet.data(), packet.data() + headers);
    found->protocol = ip.protocol;
  }
  return found->has_end && found->held == found->end ? Verdict::complete : Verdict::waits;
}

std::uint32_t Reassembler::take(const wire::IpHeader& ip, MutableBytes out) {
  PerVersion& version = of(ip.source.family());
  Packet* const packet = find(version, key_of(ip));
  if (packet == nullptr) return 0;
  const auto headers = static_cast<std::uint32_t>(packet->headers.size());
  std::uint32_t octets = headers + packet->held;
  const Ecn ecn = ecn_of(packet->ecn_seen);
  if (octets > out.size() || ecn == Ecn::contradiction) {
    octets = 0;
  } else {
    std::uint8_t* at = std::ranges::copy(packet->headers, out.data()).out;
    for (const Piece& piece : packet->pieces) at = std::ranges::copy(piece.octets, at).out;
    wire::finish_reassembled({.header_octets = headers,
                              .protocol = packet->protocol,
                              .is_congested = ecn == Ecn::congested},
                             out.first(octets));
  }
  forget(version, *packet);
  return octets;
}

std::size_t Reassembler::expire(Family family, Instant now) {
  PerVersion& version = of(family);
  std::size_t count = 0;
  while (TimerNode* const due = version.timers.pop_due(now)) {
    forget(version, static_cast<Packet&>(*due));
    ++count;
  }
  return count;
}

Instant Reassembler::next_deadline() const {
  return std::min(v4_.timers.next_deadline(), v6_.timers.next_deadline());
}

void Reassembler::clear() {
  for (PerVersion* const version : {&v4_, &v6_}) {
    version->slab.for_each([&](Packet& packet) { forget(*version, packet); });
  }
}

}  // namespace tuntcp
