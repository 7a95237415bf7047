// How packets are written in a script: parse_packet() of parser.h.
#include <array>
#include <limits>
#include <utility>

#include "tools/drill/parser.h"

namespace tuntcp::drill {
namespace {

constexpr std::uint64_t kMax32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kMax16 = std::numeric_limits<std::uint16_t>::max();

bool is_hex(const std::string& text) {
  return text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
}

class PacketParser {
 public:
  explicit PacketParser(Scanner& scanner) : scanner_(scanner) {}
  PacketSpec read(Direction direction);

 private:
  [[noreturn]] void unexpected(const std::string& wanted) const {
    scanner_.fail(scanner_.peek().at,
                  describe(scanner_.peek()) + " where " + wanted + " should be");
  }
  std::uint64_t number(std::uint64_t most) { return number_of(scanner_, scanner_.next(), most); }
  std::uint32_t number32() { return static_cast<std::uint32_t>(number(kMax32)); }
  std::uint16_t number16() { return static_cast<std::uint16_t>(number(kMax16)); }
  bool take_word(std::string_view word) {
    if (!scanner_.peek().is_word(word)) return false;
    scanner_.next();
    return true;
  }
  void expect(char character) {
    if (!scanner_.peek().is(character)) unexpected(std::string("'") + character + "'");
    scanner_.next();
  }
  [[noreturn]] void known_by_sight(const std::string& what) const {
    throw KnownBySight{.at = scanner_.peek().at, .what = what};
  }

  IpSpec read_ip();
  void read_ip_item(IpSpec& ip);
  SequenceSpec read_sequence();
  TcpSpec read_tcp();
  std::string read_flags();
  std::vector<OptionSpec> read_options();
  OptionSpec read_option();
  void read_octets(OptionSpec& option);
  IcmpSpec read_icmp();

  Scanner& scanner_;
};

PacketSpec PacketParser::read(Direction direction) {
  PacketSpec packet{.at = scanner_.peek().at, .direction = direction};
  packet.ip = read_ip();
  for (const char* word : {"ipv4", "ipv6", "gre", "mpls", "udp", "IPV4", "IPV6", "GRE", "MPLS"}) {
    if (scanner_.peek().is_word(word)) known_by_sight(std::string(word) + " in a packet");
  }
  if (take_word("icmp")) {
    packet.body = read_icmp();
    return packet;
  }
  if (scanner_.peek().kind == Token::Kind::integer) {
    const Port source = number16();
    expect('>');
    packet.ports = {source, number16()};
  }
  if (scanner_.peek().is_word("udp")) known_by_sight("udp in a packet");
  packet.body = read_tcp();
  return packet;
}

// [ect0], (noecn), [tos 0x10], [ttl 64], [ce, flowlabel 0x1]
IpSpec PacketParser::read_ip() {
  IpSpec ip;
  const bool is_square = scanner_.peek().is('[');
  if (!is_square && !scanner_.peek().is('(')) return ip;
  scanner_.next();
  read_ip_item(ip);
  while (scanner_.peek().is(',')) {
    scanner_.next();
    read_ip_item(ip);
  }
  expect(is_square ? ']' : ')');
  return ip;
}

void PacketParser::read_ip_item(IpSpec& ip) {
  if (take_word("noecn")) {
    ip.ecn = Ecn::not_ect;
  } else if (take_word("ect0")) {
    ip.ecn = Ecn::ect0;
  } else if (take_word("ect1")) {
    ip.ecn = Ecn::ect1;
  } else if (take_word("ce")) {
    ip.ecn = Ecn::ce;
  } else if (take_word("ect01")) {
    ip.any_ect = true;
  } else if (take_word("tos")) {
    ip.tos = static_cast<std::uint8_t>(number(255));
  } else if (take_word("ttl")) {
    ip.ttl = static_cast<std::uint8_t>(number(255));
  } else if (take_word("flowlabel")) {
    ip.flow_label = static_cast<std::uint32_t>(number(0xfffff));
  } else {
    unexpected("an ECN codepoint, 'tos', 'ttl' or 'flowlabel'");
  }
}

// begin:end(length). Numbers wrap at 2^32.
SequenceSpec PacketParser::read_sequence() {
  const Position at = scanner_.peek().at;
  SequenceSpec seq;
  seq.begin = number32();
  expect(':');
  seq.end = number32();
  expect('(');
  seq.length = number16();
  expect(')');
  if (seq.end - seq.begin != seq.length) {
    scanner_.fail(at, "from " + std::to_string(seq.begin) + " to " + std::to_string(seq.end) +
                          " are not " + std::to_string(seq.length) + " octets");
  }
  return seq;
}

std::string PacketParser::read_flags() {
  const Token raw = scanner_.next_raw("");
  if (raw.text == "-") return {};
  if (raw.text.empty()) scanner_.fail(raw.at, "flags are missing");
  for (const char flag : raw.text) {
    if (flag == 'A' || (flag >= '0' && flag <= '9')) {
      throw KnownBySight{.at = raw.at, .what = "flags of accurate ECN (RFC 9768)"};
    }
    if (std::string_view("SFRP.UEW").find(flag) == std::string_view::npos) {
      Token shown = raw;
      scanner_.fail(raw.at, describe(shown) + " where flags (of SFRP.UEW) should be");
    }
  }
  return raw.text;
}

TcpSpec PacketParser::read_tcp() {
  TcpSpec tcp;
  tcp.flags = read_flags();
  tcp.seq = read_sequence();
  if (take_word("ack")) tcp.ack = number32();
  if (take_word("win")) tcp.window = number16();
  if (take_word("urg")) tcp.urgent = number16();
  // "<" may also begin the next event's packet, but that has a time before it.
  if (!scanner_.peek().is('<')) return tcp;
  scanner_.next();
  if (scanner_.peek().kind == Token::Kind::ellipsis) {
    scanner_.next();
    tcp.any_options = true;
    expect('>');
  } else {
    tcp.options = read_options();
  }
  return tcp;
}

std::vector<OptionSpec> PacketParser::read_options() {
  std::vector<OptionSpec> options;
  do {
    options.push_back(read_option());
    if (scanner_.peek().is('>')) break;
    if (!scanner_.peek().is(',')) unexpected("',' or '>'");
    scanner_.next();
  } while (true);
  expect('>');
  return options;
}

OptionSpec PacketParser::read_option() {
  using Kind = OptionSpec::Kind;
  OptionSpec option{.at = scanner_.peek().at};
  if (take_word("nop")) {
    option.kind = Kind::nop;
  } else if (take_word("eol")) {
    option.kind = Kind::eol;
  } else if (take_word("mss")) {
    option.kind = Kind::mss;
    option.value = number16();
  } else if (take_word("wscale")) {
    option.kind = Kind::wscale;
    option.value = static_cast<std::uint32_t>(number(255));
  } else if (take_word("sackOK")) {
    option.kind = Kind::sack_permitted;
  } else if (take_word("sack")) {
    option.kind = Kind::sack;
    while (scanner_.peek().kind == Token::Kind::integer) {
      // More cannot be in 40 octets.
      if (option.blocks.size() == 4) scanner_.fail(scanner_.peek().at, "more than four blocks");
      SackBlockSpec block;
      block.begin = number32();
      expect(':');
      block.end = number32();
      option.blocks.push_back(block);
    }
    if (option.blocks.empty()) unexpected("a block");
  } else if (take_word("TS")) {
    option.kind = Kind::timestamps;
    if (!take_word("val")) unexpected("'val'");
    option.value = number32();
    if (!take_word("ecr")) unexpected("'ecr'");
    option.echo = number32();
  } else if (take_word("FO")) {
    option.kind = Kind::fast_open;
    read_octets(option);
  } else if (take_word("FOEXP")) {
    option.kind = Kind::fast_open_experimental;
    read_octets(option);
  } else if (take_word("md5")) {
    option.kind = Kind::md5;
    read_octets(option);
    if (option.octets.size() != 16) scanner_.fail(option.at, "a digest of MD5 has 16 octets");
  } else if (scanner_.peek().is_word("ACCECN") || scanner_.peek().is_word("AccECN") ||
             scanner_.peek().is_word("accecn")) {
    known_by_sight("the option of accurate ECN (RFC 9768)");
  } else {
    unexpected("an option of TCP");
  }
  return option;
}

// Hex digits, or a word that stands for some; may be missing.
void PacketParser::read_octets(OptionSpec& option) {
  if (scanner_.peek().is(',') || scanner_.peek().is('>')) return;
  const Token raw = scanner_.next_raw(",>");
  if (raw.text.empty()) unexpected("hex digits");
  if (raw.text.size() > 2 * 38) scanner_.fail(raw.at, "more octets than an option can have");
  if (!is_hex(raw.text)) {
    option.word = raw.text;
    return;
  }
  if (raw.text.size() % 2 != 0) scanner_.fail(raw.at, "half an octet is missing");
  option.octets = *octets_of_hex(raw.text);
}

// icmp TYPE CODE mtu N [quoted segment]
IcmpSpec PacketParser::read_icmp() {
  IcmpSpec icmp;
  if (scanner_.peek().kind != Token::Kind::word) unexpected("a type of ICMP message");
  icmp.type = scanner_.next().text;
  if (scanner_.peek().kind == Token::Kind::word && !scanner_.peek().is_word("mtu") &&
      !scanner_.peek().is_word("id")) {
    icmp.code = scanner_.next().text;
  }
  if (take_word("mtu")) icmp.mtu = number32();
  if (scanner_.peek().is_word("id")) known_by_sight("an ICMP echo");
  if (!scanner_.peek().is('[')) return icmp;
  scanner_.next();
  if (scanner_.peek().kind == Token::Kind::word) known_by_sight("ICMP about something but TCP");
  icmp.quoted = read_sequence();
  expect(']');
  return icmp;
}

}  // namespace

std::optional<std::vector<std::uint8_t>> octets_of_hex(const std::string& text) {
  if (!is_hex(text) || text.size() % 2 != 0) return std::nullopt;
  std::vector<std::uint8_t> octets;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    octets.push_back(static_cast<std::uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
  }
  return octets;
}

PacketSpec parse_packet(Scanner& scanner, Direction direction) {
  return PacketParser(scanner).read(direction);
}

}  // namespace tuntcp::drill
