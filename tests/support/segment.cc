#include "tests/support/segment.h"

#include <sstream>

namespace tuntcp::test {
namespace {

Seg with(Seg seg, Flags flags) {
  seg.flags |= flags;
  return seg;
}

void put16(Octets& out, std::uint32_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8 & 0xff));
  out.push_back(static_cast<std::uint8_t>(value & 0xff));
}
void put32(Octets& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}
void put_address(Octets& out, const IpAddress& address) {
  out.insert(out.end(), address.octets(), address.octets() + address.size());
}

struct Kind {
  const char* name;
  std::uint8_t must;
  std::uint8_t must_not;
  bool text_must_be;
  bool text_must_not_be;
};

constexpr std::uint8_t octet(Flag flag) {
  return static_cast<std::uint8_t>(flag);
}
constexpr std::uint8_t kSyn = octet(Flag::syn), kAck = octet(Flag::ack), kFin = octet(Flag::fin),
                       kRst = octet(Flag::rst);

class SegmentMatcher {
 public:
  using is_gtest_matcher = void;
  SegmentMatcher(const Kind& kind, const Want& want) : kind_(kind), want_(want) {}

  bool MatchAndExplain(const Sent& sent, std::ostream*) const {
    const std::uint8_t flags = sent.flags.octet();
    return (flags & kind_.must) == kind_.must && (flags & kind_.must_not) == 0 &&
           (!kind_.text_must_be || sent.len != 0) && (!kind_.text_must_not_be || sent.len == 0) &&
           (!want_.seq || *want_.seq == sent.seq) && (!want_.ack || *want_.ack == sent.ack) &&
           (!want_.len || *want_.len == sent.len) &&
           (!want_.window || *want_.window == sent.window) &&
           (!want_.sack || *want_.sack == sent.sack) && (!want_.at || *want_.at == sent.at);
  }
  void DescribeTo(std::ostream* out) const {
    *out << kind_.name;
    if (want_.seq) *out << " seq " << *want_.seq;
    if (want_.len) *out << " len " << *want_.len;
    if (want_.ack) *out << " ack " << *want_.ack;
    if (want_.window) *out << " win " << *want_.window;
    if (want_.sack) *out << " sack " << testing::PrintToString(*want_.sack);
    if (want_.at) *out << " at " << want_.at->count_s();
  }
  void DescribeNegationTo(std::ostream* out) const {
    *out << "not ";
    DescribeTo(out);
  }

 private:
  Kind kind_;
  Want want_;
};

}  // namespace

Seg syn(Seg seg) {
  return with(std::move(seg), Flag::syn);
}
Seg syn_ack(Seg seg) {
  return with(std::move(seg), Flag::syn | Flag::ack);
}
Seg ack(Seg seg) {
  return with(std::move(seg), Flag::ack);
}
Seg data(Seg seg) {
  return with(std::move(seg), Flag::ack);
}
Seg fin(Seg seg) {
  return with(std::move(seg), Flag::fin | Flag::ack);
}
Seg rst(Seg seg) {
  return with(std::move(seg), Flag::rst);
}
Seg rst_ack(Seg seg) {
  return with(std::move(seg), Flag::rst | Flag::ack);
}
Seg bare(Seg seg) {
  return seg;
}

std::uint16_t sum_of_words(const Octets& octets) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < octets.size(); i += 2) {
    sum += static_cast<std::uint64_t>(octets[i]) << 8;
    if (i + 1 < octets.size()) sum += octets[i + 1];
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

Octets make_packet(const RawSegment& segment) {
  Octets tcp;
  put16(tcp, segment.source_port);
  put16(tcp, segment.destination_port);
  put32(tcp, segment.seq);
  put32(tcp, segment.ack);
  tcp.push_back(static_cast<std::uint8_t>((20 + segment.options.size()) / 4 << 4));
  tcp.push_back(segment.flags);
  put16(tcp, segment.window);
  put16(tcp, 0);
  put16(tcp, segment.urgent);
  tcp = tcp + segment.options + segment.text;
  const auto octets = static_cast<std::uint32_t>(tcp.size());

  Octets summed;
  put_address(summed, segment.source);
  put_address(summed, segment.destination);
  put32(summed, octets);
  put32(summed, 6);
  const auto checksum = static_cast<std::uint16_t>(~sum_of_words(summed + tcp));
  tcp[16] = static_cast<std::uint8_t>((checksum >> 8) ^ (segment.bad_checksum ? 0x10 : 0));
  tcp[17] = static_cast<std::uint8_t>(checksum & 0xff);

  Octets ip;
  if (segment.source.is_v4()) {
    ip = {0x45, segment.traffic_class};
    put16(ip, 20 + octets);
    put32(ip, 0x12344000);  // identification; DF
    ip.push_back(64);
    ip.push_back(6);
    put16(ip, 0);
    put_address(ip, segment.source);
    put_address(ip, segment.destination);
    const auto header_checksum = static_cast<std::uint16_t>(~sum_of_words(ip));
    ip[10] = static_cast<std::uint8_t>(header_checksum >> 8);
    ip[11] = static_cast<std::uint8_t>(header_checksum & 0xff);
  } else {
    put32(ip, 0x60000000 | std::uint32_t{segment.traffic_class} << 20);
    put16(ip, octets);
    ip.push_back(6);
    ip.push_back(64);
    put_address(ip, segment.source);
    put_address(ip, segment.destination);
  }
  return ip + tcp;
}

std::ostream& operator<<(std::ostream& out, const Block& block) {
  return out << block.begin << ':' << block.end;
}

std::string describe(Flags flags, std::int64_t seq, std::int64_t ack, std::uint32_t len,
                     std::uint16_t window, const wire::TcpOptions& options,
                     const std::vector<Block>& sack) {
  std::ostringstream out;
  const struct {
    Flag flag;
    char letter;
  } letters[] = {{Flag::syn, 'S'}, {Flag::fin, 'F'}, {Flag::psh, 'P'}, {Flag::rst, 'R'},
                 {Flag::urg, 'U'}, {Flag::ece, 'E'}, {Flag::cwr, 'W'}, {Flag::ack, '.'}};
  for (const auto& [flag, letter] : letters) {
    if (flags.has(flag)) out << letter;
  }
  if (flags.octet() == 0) out << '-';
  out << ' ' << seq << ':' << seq + len << '(' << len << ')';
  if (flags.has(Flag::ack)) out << " ack " << ack;
  out << " win " << window;
  if (options.mss) out << " mss " << *options.mss;
  if (options.sack_permitted) out << " sackOK";
  if (options.window_shift) out << " wscale " << unsigned{*options.window_shift};
  if (options.timestamps) {
    out << " ts " << options.timestamps->value << '/' << options.timestamps->echo;
  }
  for (const Block& block : sack) out << " sack " << block;
  return out.str();
}

std::ostream& operator<<(std::ostream& out, const Sent& sent) {
  out << sent.at.count_s() << " > "
      << describe(sent.flags, sent.seq, sent.ack, sent.len, sent.window, sent.options, sent.sack);
  if (sent.gso_size != 0) out << " gso " << sent.gso_size;
  return out;
}

SentMatcher IsSyn(const Want& want) {
  return SegmentMatcher({"SYN", kSyn, kAck | kFin | kRst, false, false}, want);
}
SentMatcher IsSynAck(const Want& want) {
  return SegmentMatcher({"SYN,ACK", kSyn | kAck, kFin | kRst, false, false}, want);
}
SentMatcher IsAck(const Want& want) {
  return SegmentMatcher({"ACK", kAck, kSyn | kFin | kRst, false, true}, want);
}
SentMatcher IsData(const Want& want) {
  return SegmentMatcher({"text", kAck, kSyn | kFin | kRst, true, false}, want);
}
SentMatcher IsFin(const Want& want) {
  return SegmentMatcher({"FIN,ACK", kFin | kAck, kSyn | kRst, false, false}, want);
}
SentMatcher IsRst(const Want& want) {
  return SegmentMatcher({"RST", kRst, kSyn | kFin | kAck, false, true}, want);
}
SentMatcher IsRstAck(const Want& want) {
  return SegmentMatcher({"RST,ACK", kRst | kAck, kSyn | kFin, false, true}, want);
}

}  // namespace tuntcp::test
