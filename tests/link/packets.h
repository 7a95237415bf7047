// TCP packets over IPv4 for the tests of a link.
#pragma once

#include <cstdint>
#include <vector>

#include "stack/base/seq_num.h"
#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"

namespace tuntcp::link {

struct PacketFields {
  Port from = 1;
  SeqNum seq{};
  std::uint32_t text = 0;
  wire::Flags flags = wire::Flag::ack;
};

inline std::vector<std::uint8_t> packet_of(const PacketFields& fields) {
  std::vector<std::uint8_t> octets(40 + fields.text, 0x5a);
  wire::write_ip({.source = *IpAddress::parse("198.51.100.1"),
                  .destination = *IpAddress::parse("198.51.100.2"),
                  .payload_octets = 20 + fields.text},
                 octets.data());
  wire::write_tcp(
      {.source = fields.from, .destination = 2, .seq = fields.seq, .flags = fields.flags},
      octets.data() + 20);
  return octets;
}

}  // namespace tuntcp::link
