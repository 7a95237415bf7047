// One packet, of a capture or of the engine, parsed by stack/wire: RFC 9293, 3.1 for the segment.
// Not here: the file it came from (capture.h) and how packets are compared (compare.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stack/base/address.h"
#include "stack/base/bytes.h"
#include "stack/base/time.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"
#include "stack/wire/tcp_options.h"
#include "tools/replay/capture.h"

namespace tuntcp::replay {

struct Packet {
  enum class Kind : std::uint8_t {
    tcp,
    echo,        // ICMP echo request or reply
    icmp_error,  // about a packet of a TCP connection
  };
  enum class Checksum : std::uint8_t {
    valid,
    partial,  // the field holds the pseudo-header's sum: a device was to complete it
    wrong,
  };

  std::uint32_t number = 0;  // 0: of the engine
  Duration at{};             // since the capture's first packet
  std::vector<std::uint8_t> octets;
  std::uint32_t lost_octets = 0;  // of these, at the end: zeros that stand for unknown ones
  Kind kind = Kind::tcp;
  wire::IpHeader ip;
  Endpoint source;  // port 0 where there is none
  Endpoint destination;
  std::string fault;  // why the engine must not take it, or empty
  Checksum checksum = Checksum::valid;

  // Kind::tcp, unless `fault` says that there is no header to read.
  bool has_segment = false;
  wire::TcpHeader tcp;
  wire::TcpOptions options;
  std::uint32_t text_octets = 0;

  // Kind::icmp_error: whom the quoted packet was from and to. Kind::echo: type and code.
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  wire::QuotedTcp quoted;

  bool has(wire::Flag flag) const { return has_segment && tcp.flags.has(flag); }
  bool is_syn() const { return has(wire::Flag::syn); }
  std::uint32_t text_at() const { return ip.header_octets + tcp.header_octets; }
  Bytes text() const { return Bytes(octets).subspan(text_at(), text_octets); }
  // The first number after this segment's.
  SeqNum end() const {
    return tcp.seq + text_octets + (is_syn() ? 1 : 0) + (has(wire::Flag::fin) ? 1 : 0);
  }
};

// What became of octets: a packet, or the reason why it is not replayed (then `is_replayable` is
// false and `why` is not empty).
struct ParsedPacket {
  bool is_replayable = false;
  Notice::Kind why_kind = Notice::Kind::other;
  std::string why;
  Packet packet;
};
ParsedPacket parse_packet(CapturedPacket captured);

// One line in tcpdump's and packetdrill's notation. `seq_base` and `ack_base` are subtracted.
struct Bases {
  SeqNum seq;
  SeqNum ack;
};
std::string describe(const Packet& packet, const Bases& bases);

}  // namespace tuntcp::replay
