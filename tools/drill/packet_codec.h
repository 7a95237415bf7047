// Packets between their octets and their description in a script: build_packet() and read_packet().
// Numbers here are those of the wire; translating them is flow.h's.
#pragma once

#include <optional>
#include <string>

#include "stack/base/address.h"
#include "tools/drill/backend.h"
#include "tools/drill/script.h"

namespace tuntcp::drill {

// A packet that the stack sent, as a script would describe it.
struct ReadPacket {
  Endpoint source{};
  Endpoint destination{};
  PacketSpec spec{};     // with `ip` and `ports` filled; of ICMP the type and code as numbers
  std::string damage{};  // empty, or which checksum is wrong
};
// Nothing where it is neither TCP nor ICMP, or not a packet.
std::optional<ReadPacket> read_packet(const Octets& octets);

// The octets of a TCP segment; its text is zeros. Options go out as they are written, one behind
// the other. ScriptError-free: the caller has checked that they fit (option_octets()).
Octets build_tcp(const Endpoint& source, const Endpoint& destination, const IpSpec& ip,
                 const TcpSpec& tcp);
// How long the options are on the wire.
std::uint32_t option_octets(const std::vector<OptionSpec>& options);

// An ICMP error about a segment that `quoted_source` sent. Its type and code are names of Linux's
// headers, without their beginnings, or numbers; nothing where there is no such message.
struct IcmpError {
  IpAddress source{};  // of the message
  Endpoint quoted_source{};
  Endpoint quoted_destination{};
  std::uint32_t quoted_seq = 0;
  std::uint16_t quoted_length = 0;
};
std::optional<Octets> build_icmp(const IcmpSpec& icmp, const IcmpError& error);

// As in a script, without the time: "> S. 0:0(0) ack 1 win 65535 <mss 1460>".
std::string describe(const PacketSpec& packet);
std::string describe(const OptionSpec& option);

}  // namespace tuntcp::drill
