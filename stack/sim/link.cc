#include "stack/sim/link.h"

#include <algorithm>
#include <utility>

#include "stack/base/checksum.h"
#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"
#include "stack/wire/wire_packets.h"

namespace tuntcp::sim {
namespace {

// An error that every checksum finds: one aligned 16-bit word changes, and not to its complement.
// Octets that no checksum of IPv6 covers are spared.
void corrupt(std::vector<std::uint8_t>& octets, Dice& dice) {
  const bool is_v6 = octets[0] >> 4 == 6;
  const std::uint32_t first = is_v6 ? wire::kIpv6HeaderOctets : 0;
  const auto words = static_cast<std::uint32_t>(octets.size() - first) / 2;
  std::uint8_t* const word = octets.data() + first + std::size_t{2} * dice.below(words);
  store_be16(word, static_cast<std::uint16_t>(load_be16(word) ^ dice.between(1, 0xfffe)));
}

// RFC 3168, 5: ECT(0) and ECT(1) become CE. False for a transport that does not know ECN.
bool mark_congestion(std::vector<std::uint8_t>& octets) {
  const bool is_v6 = octets[0] >> 4 == 6;
  // IPv6 has the two bits half an octet further up.
  const unsigned shift = is_v6 ? 4 : 0;
  const unsigned codepoint = octets[1] >> shift & 3U;
  if (codepoint == 0) return false;
  octets[1] = static_cast<std::uint8_t>(octets[1] | 3U << shift);
  if (!is_v6) {
    const std::size_t header = std::size_t{4} * (octets[0] & 0xfU);
    store_be16(octets.data() + 10, 0);
    store_be16(octets.data() + 10, checksum(Bytes(octets).first(header)));
  }
  return codepoint != 3;
}

}  // namespace

std::vector<std::uint8_t> octets_of(const wire::OutgoingPacket& packet) {
  std::vector<std::uint8_t> octets;
  octets.reserve(packet.total_octets);
  octets.assign(packet.headers.begin(), packet.headers.end());
  for (const Bytes& piece : packet.payload) octets.insert(octets.end(), piece.begin(), piece.end());
  return octets;
}

std::vector<Arrival> Link::carry(const wire::OutgoingPacket& outgoing, Instant now) {
  Packet whole{.octets = octets_of(outgoing), .offload = {}};
  if (outgoing.needs_checksum) whole.offload.checksum = wire::ReceivedOffload::Checksum::partial;
  whole.offload.gso_size = outgoing.gso_size;
  return carry(std::move(whole), now);
}

std::vector<Arrival> Link::carry(Packet whole, Instant now) {
  using Checksum = wire::ReceivedOffload::Checksum;
  std::vector<Arrival> arrivals;
  if (settings_.passes_super_packets || whole.offload.checksum == Checksum::unknown) {
    carry_one(std::move(whole), now, arrivals);
  } else {
    wire::for_each_wire_packet(whole.octets, whole.offload, [&](Bytes octets) {
      carry_one({.octets = {octets.begin(), octets.end()}, .offload = {}}, now, arrivals);
    });
  }
  return arrivals;
}

bool Link::is_cut_off(Instant now) const {
  if (settings_.blackhole && now >= settings_.blackhole->from && now < settings_.blackhole->until) {
    return true;
  }
  if (!settings_.flap) return false;
  const Flap& flap = *settings_.flap;
  if (now < flap.from || now >= flap.until) return false;
  const std::int64_t period = (flap.down + flap.up).count_ns();
  return period > 0 && (now - flap.from).count_ns() % period < flap.down.count_ns();
}

bool Link::is_lost() {
  if (dice_.chance(settings_.loss)) return true;
  if (const std::uint32_t every = settings_.lose_about_every; every != 0) {
    if (until_loss_ == 0) until_loss_ = every / 2 + dice_.between(1, every);
    if (--until_loss_ == 0) return true;
  }
  if (!settings_.bursts) return false;
  const BurstLoss& bursts = *settings_.bursts;
  if (dice_.chance(is_in_bad_state_ ? bursts.to_good : bursts.to_bad)) {
    is_in_bad_state_ = !is_in_bad_state_;
  }
  return dice_.chance(is_in_bad_state_ ? bursts.loss_in_bad : bursts.loss_in_good);
}

bool Link::is_spared(const Packet& packet) const {
  if (!settings_.spares_bare_segments) return false;
  const auto ip = wire::parse_ip(packet.octets, true);
  if (!ip || ip->protocol != wire::kProtocolTcp || ip->fragment_offset != 0) return false;
  const std::uint32_t octets = ip->total_octets - ip->header_octets;
  const auto tcp = wire::parse_tcp(Bytes(packet.octets).subspan(ip->header_octets, octets));
  return tcp && tcp->header_octets == octets;
}

std::optional<Instant> Link::queue(Packet& packet, Instant now) {
  while (!queue_.empty() && queue_.front().leaves <= now) {
    queued_octets_ -= queue_.front().octets;
    queue_.pop_front();
  }
  if (settings_.bits_per_second == 0) return now;
  const auto octets = static_cast<std::uint32_t>(packet.octets.size());
  // The first one does not wait: it is on the link.
  const bool has_to_wait = !queue_.empty();
  const bool is_full =
      (settings_.queue_octets != 0 && queued_octets_ + octets > settings_.queue_octets) ||
      (settings_.queue_packets != 0 && queue_.size() > settings_.queue_packets);
  if (has_to_wait && is_full) {
    ++counts_.queue_was_full;
    return std::nullopt;
  }
  if (settings_.mark_above_octets != 0 && queued_octets_ > settings_.mark_above_octets &&
      mark_congestion(packet.octets)) {
    ++counts_.marked;
  }
  const auto rate = static_cast<std::int64_t>(settings_.bits_per_second);
  busy_until_ = std::max(busy_until_, now) +
                Duration::nanoseconds(std::int64_t{octets} * 8 * 1'000'000'000 / rate);
  queue_.push_back({.leaves = busy_until_, .octets = octets});
  queued_octets_ += octets;
  return busy_until_;
}

void Link::carry_one(Packet packet, Instant now, std::vector<Arrival>& arrivals) {
  ++counts_.offered;
  if (is_cut_off(now)) {
    ++counts_.cut_off;
    return;
  }
  const bool is_whole = packet.offload.gso_size != 0;
  if (settings_.mtu != 0 && !is_whole && packet.octets.size() > settings_.mtu) {
    ++counts_.too_long;
    return;
  }
  const bool spared = is_spared(packet);
  if (!spared && is_lost()) {
    ++counts_.lost;
    return;
  }
  const auto leaves = queue(packet, now);
  if (!leaves) return;
  Instant at = *leaves + settings_.delay + dice_.up_to(settings_.jitter);
  at = last_arrival_ = std::max(at, last_arrival_);
  if (!spared && dice_.chance(settings_.reorder)) {
    ++counts_.held_back;
    at += dice_.up_to(settings_.reorder_by);
  }
  if (dice_.chance(settings_.duplicate)) {
    ++counts_.duplicated;
    ++counts_.arrived;
    arrivals.push_back({.at = at + dice_.up_to(settings_.duplicate_by), .packet = packet});
  }
  // What the device vouches for never went over a wire.
  const bool is_checked = packet.offload.checksum == wire::ReceivedOffload::Checksum::unknown;
  if (is_checked && dice_.chance(settings_.corrupt)) {
    ++counts_.corrupted;
    corrupt(packet.octets, dice_);
    packet.is_corrupt = true;
  }
  ++counts_.arrived;
  arrivals.push_back({.at = at, .packet = std::move(packet)});
}

}  // namespace tuntcp::sim
