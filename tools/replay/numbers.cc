#include "tools/replay/numbers.h"

#include <algorithm>
#include <utility>

#include "stack/base/checksum.h"

namespace tuntcp::replay {
namespace {

// Of one connection; every number is compared with each of them.
constexpr std::size_t kMostIncarnations = 256;
constexpr std::size_t kAckAt = 8;
constexpr std::uint8_t kOptionEnd = 0;
constexpr std::uint8_t kOptionNop = 1;
constexpr std::uint8_t kOptionSack = 5;
constexpr std::uint8_t kOptionTimestamps = 8;
constexpr std::uint32_t kIcmpHeaderOctets = 8;

std::uint32_t milliseconds_at(Duration at) {
  return static_cast<std::uint32_t>((kStart + at).since_origin().count_ms());
}

void rewrite(std::uint8_t* at, auto&& change) {
  store_be32(at, change(load_be32(at)));
}

// What a checksum over `message` should be, given that its field holds zero.
std::uint16_t sum_of(const wire::IpHeader& ip, Bytes message, bool with_pseudo_header) {
  ChecksumSum sum;
  if (with_pseudo_header) {
    sum = pseudo_header_sum(ip.source, ip.destination, ip.protocol,
                            static_cast<std::uint32_t>(message.size()));
  }
  sum.add(message);
  return sum.checksum();
}

void set_checksum(const Packet& packet, MutableBytes message, std::size_t field) {
  const bool with_pseudo_header = packet.kind == Packet::Kind::tcp || !packet.ip.source.is_v4();
  store_be16(message.data() + field, 0);
  std::uint16_t value = sum_of(packet.ip, message, with_pseudo_header);
  if (packet.checksum == Packet::Checksum::wrong) value ^= 0x5555;
  store_be16(message.data() + field, value);
}

}  // namespace

void InitialNumbers::add(SeqNum iss) {
  if (std::ranges::find(all_, iss) != all_.end()) return;
  if (all_.size() == kMostIncarnations) {
    throw CaptureError("a connection with more than " + std::to_string(kMostIncarnations) +
                       " initial sequence numbers");
  }
  all_.push_back(iss);
}

std::size_t InitialNumbers::incarnation_of(SeqNum value, std::size_t count) const {
  std::size_t best = 0;
  for (std::size_t i = 1; i < count; ++i) {
    if (octets_between(all_[i], value) < octets_between(all_[best], value)) best = i;
  }
  return best;
}

SeqNum InitialNumbers::base_of(SeqNum value) const {
  return all_.empty() ? SeqNum() : all_[incarnation_of(value, all_.size())];
}

Numbers::Numbers(const Flow& flow, Side played) : played_(played) {
  for (const Packet& packet : flow.packets) {
    if (packet.kind != Packet::Kind::tcp || !packet.has_segment) continue;
    const bool is_played = flow.sender(packet) == played;
    if (packet.is_syn()) (is_played ? captured_ : remote_).add(packet.tcp.seq);
    if (!is_played || !packet.options.timestamps) continue;
    const std::uint32_t value = packet.options.timestamps->value;
    sent_at_.try_emplace(value, packet.at);
    if (!first_tsval_) {
      first_tsval_ = value;
      first_tsval_at_ = packet.at;
    }
  }
}

void Numbers::learn(const Packet& of_engine) {
  if (!of_engine.has_segment) return;
  if (of_engine.is_syn()) engine_.add(of_engine.tcp.seq);
  if (of_engine.options.timestamps && !engine_offset_) {
    engine_offset_ = of_engine.options.timestamps->value - milliseconds_at(of_engine.at);
  }
}

SeqNum Numbers::to_engine(SeqNum captured) const {
  const std::size_t known = std::min(captured_.size(), engine_.size());
  if (known == 0) return captured;
  const std::size_t i = captured_.incarnation_of(captured, known);
  return engine_[i] + octets_between(captured_[i], captured);
}

SeqNum Numbers::to_captured(SeqNum engine) const {
  const std::size_t known = std::min(captured_.size(), engine_.size());
  if (known == 0) return engine;
  const std::size_t i = engine_.incarnation_of(engine, known);
  return captured_[i] + octets_between(engine_[i], engine);
}

// The echo names a moment: that at which the captured side sent this TSval. The engine's clock at
// that moment is what its peer would have echoed, whatever the captured clock's tick is.
std::uint32_t Numbers::echo_to_engine(std::uint32_t echo) const {
  if (echo == 0 || !engine_offset_ || !first_tsval_) return echo;
  const auto sent = sent_at_.find(echo);
  if (sent != sent_at_.end()) return *engine_offset_ + milliseconds_at(sent->second);
  return *engine_offset_ + milliseconds_at(first_tsval_at_) + (echo - *first_tsval_);
}

std::vector<std::uint8_t> Numbers::to_engine(const Packet& of_remote) const {
  std::vector<std::uint8_t> octets = of_remote.octets;
  const MutableBytes message = MutableBytes(octets).subspan(of_remote.ip.header_octets);
  const auto number = [this](std::uint32_t value) { return to_engine(SeqNum(value)).value(); };
  if (of_remote.kind == Packet::Kind::icmp_error) {
    const MutableBytes quoted = message.subspan(kIcmpHeaderOctets);
    const auto ip = wire::parse_quoted_ip(quoted);
    if (ip) rewrite(quoted.data() + ip->header_octets + 4, number);
    set_checksum(of_remote, message, 2);
    return octets;
  }
  if (of_remote.kind != Packet::Kind::tcp || !of_remote.has_segment) return octets;
  // The field of a segment without ACK means nothing and stays what it is.
  if (of_remote.has(wire::Flag::ack)) rewrite(message.data() + kAckAt, number);
  const MutableBytes options =
      message.subspan(wire::kTcpHeaderOctets, of_remote.tcp.header_octets - wire::kTcpHeaderOctets);
  for (std::size_t i = 0; i < options.size() && options[i] != kOptionEnd;) {
    if (options[i] == kOptionNop) {
      ++i;
      continue;
    }
    const std::size_t length = i + 1 < options.size() ? options[i + 1] : 0;
    if (length < 2 || i + length > options.size()) break;
    if (options[i] == kOptionSack) {
      for (std::size_t at = i + 2; at + 4 <= i + length; at += 4) {
        rewrite(options.data() + at, number);
      }
    } else if (options[i] == kOptionTimestamps && length == 10) {
      rewrite(options.data() + i + 6,
              [this](std::uint32_t value) { return echo_to_engine(value); });
    }
    i += length;
  }
  set_checksum(of_remote, message, wire::kTcpChecksumOffset);
  return octets;
}

Packet Numbers::to_captured(Packet of_engine) const {
  if (!of_engine.has_segment) return of_engine;
  of_engine.tcp.seq = to_captured(of_engine.tcp.seq);
  if (of_engine.options.timestamps && engine_offset_ && first_tsval_) {
    const std::uint32_t since_first =
        of_engine.options.timestamps->value - *engine_offset_ - milliseconds_at(first_tsval_at_);
    of_engine.options.timestamps->value = *first_tsval_ + since_first;
  }
  return of_engine;
}

Bases Numbers::bases_of(const Packet& captured, Side sender) const {
  const bool is_played = sender == played_;
  return {.seq = (is_played ? captured_ : remote_).base_of(captured.tcp.seq),
          .ack = (is_played ? remote_ : captured_).base_of(captured.tcp.ack)};
}

}  // namespace tuntcp::replay
