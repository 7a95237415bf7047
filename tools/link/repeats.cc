#include "tools/link/repeats.h"

#include <algorithm>

#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"

namespace tuntcp::link {
namespace {

std::string key_of(const wire::IpHeader& ip, const std::uint8_t* ports) {
  std::string key;
  key.append(reinterpret_cast<const char*>(ip.source.octets()), ip.source.size());
  key.append(reinterpret_cast<const char*>(ip.destination.octets()), ip.destination.size());
  key.append(reinterpret_cast<const char*>(ports), 4);
  return key;
}

}  // namespace

void Repeats::look_at(Bytes packet) {
  const auto ip = wire::parse_ip(packet, true);
  if (!ip || ip->protocol != wire::kProtocolTcp || ip->is_fragment) return;
  const Bytes segment = packet.subspan(ip->header_octets, ip->total_octets - ip->header_octets);
  const auto tcp = wire::parse_tcp(segment);
  if (!tcp) return;
  const auto text = static_cast<std::uint32_t>(segment.size()) - tcp->header_octets;
  const bool is_syn = tcp->flags.has(wire::Flag::syn);
  if (text == 0 && !is_syn) return;

  const SeqNum begin = is_syn ? tcp->seq + 1 : tcp->seq;
  const SeqNum end = begin + text;
  counts_.octets += text;
  const std::string key = key_of(*ip, segment.data());
  const auto found = connections_.find(key);
  if (found == connections_.end()) {
    if (connections_.size() < kMostConnections) connections_[key] = {.first = begin, .end = end};
    return;
  }
  Seen& seen = found->second;
  // A SYN that does not repeat the last one begins a new connection with the same ports.
  if (is_syn && begin != seen.first) seen = {.first = begin, .end = begin};
  if (begin < seen.end) counts_.repeated += std::min(text, octets_between(begin, seen.end));
  seen.end = later_of(seen.end, end);
}

}  // namespace tuntcp::link
