// From values to octets: the only place that builds an outgoing TCP segment.
#pragma once

#include <cstdint>
#include <span>

#include "stack/base/address.h"
#include "stack/base/bytes.h"
#include "stack/tcp/segment.h"
#include "stack/wire/offload.h"
#include "stack/wire/packet_sink.h"

namespace tuntcp::tcp {

struct OutgoingSegment {
  FourTuple tuple{};
  SeqNum seq{};
  SeqNum ack{};  // ignored without the ACK bit
  Flags flags{};
  std::uint16_t wnd = 0;  // as on the wire
  std::uint16_t urgent_pointer = 0;
  std::uint8_t hop_limit = 64;
  std::uint8_t traffic_class = 0;
  std::uint32_t flow_label = 0;              // IPv6
  bool dont_fragment = true;                 // IPv4
  std::uint16_t identification = 0;          // IPv4, without DF
  const wire::SourceRoute* route = nullptr;  // IPv4
  wire::TcpOptions options{};
  std::span<const Bytes> text{};
  std::uint32_t text_octets = 0;
  std::uint32_t mss = 0;  // longer text is a super-packet, cut into pieces of this size

  bool has_ack() const { return flags.has(Flag::ack); }
};

// How many wire segments the device makes of it.
constexpr std::uint32_t wire_segments(std::uint32_t text_octets, std::uint32_t mss) {
  return mss == 0 || text_octets <= mss ? 1 : (text_octets + mss - 1) / mss;
}

wire::SendResult send_segment(const OutgoingSegment& segment, const wire::LinkCapabilities& link,
                              wire::PacketSink& sink);

}  // namespace tuntcp::tcp
