// A layer-3 device: whole IP packets in and out, one per call, never blocking.
//
// What it can do, and whether it is there at all, may change at any time: see link(). Not here: who
// waits for the descriptors (the reactor), where packets are kept (buffer::Arena), what they mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <system_error>

#include "stack/base/bytes.h"
#include "stack/io/failure.h"
#include "stack/wire/ip.h"
#include "stack/wire/offload.h"
#include "stack/wire/packet_sink.h"

namespace tuntcp::io {

// What is known about the link now.
struct LinkState {
  wire::LinkCapabilities capabilities;
  bool is_up = true;   // false: packets sent now are lost (SendResult::down)
  bool exists = true;  // false: deleted for good; close the device
  friend constexpr bool operator==(const LinkState&, const LinkState&) = default;
};

// The longest header that a device may put in front of a packet (see Device::headroom).
inline constexpr std::uint32_t kMaxHeadroom = 16;
// Room that holds any packet a device can deliver: the longest of IPv6, and the device's header.
// Arenas for Device::read offer at least this; less cuts super-packets short.
inline constexpr std::uint32_t kReadRoomOctets =
    wire::kIpv6HeaderOctets + wire::kIpMaxOctets + kMaxHeadroom;

// Use from one thread at a time. The usual loop, when native_handle() is readable:
//
//   MutableBytes room = arena.reserve();
//   auto octets = device.read(room, offload);
//   if (octets) host.packet_in(arena.commit(*octets, device.headroom()), offload, now);
//
// and after every batch of reads or sends, if device.link() is not what the host was told last,
// tell it (Host keeps a copy of the LinkCapabilities).
class Device : public wire::PacketSink {
 public:
  // The descriptor to wait on for packets. Owned by the device, the same for its whole life.
  virtual int native_handle() const = 0;

  // Reads one packet to `room`, without a copy: headroom() octets of the device's own header, then
  // the packet. Returns the packet's octets without that header; `offload` is set on success.
  // errc::operation_would_block: nothing to read. errc::no_such_device: it was deleted (link() says
  // so too). errc::bad_message: not a packet of this device; skip it. Others are the operating
  // system's own.
  virtual std::expected<std::size_t, std::error_code> read(MutableBytes room,
                                                           wire::ReceivedOffload& offload) = 0;
  // How many octets in front of a packet read are the device's. Constant for its whole life.
  virtual std::uint32_t headroom() const = 0;

  // send() of PacketSink: one packet, not copied before the call returns. The results:
  //   sent     the operating system has it;
  //   retry    its queue is full;
  //   too_big  longer than the MTU, which link() now states;
  //   no_gso   super-packets are refused from now on: link() has been lowered, send it in pieces;
  //   down     the interface is down, or deleted: link() says which. The packet is lost.
  // An OutgoingPacket that asks for more than link().capabilities offers is the caller's error: it
  // gets no_gso (gso_size) or is completed in software at the price of a copy (needs_checksum).

  // What the link is like now; costs nothing. Changed by take_link_news(), and by read() and send()
  // where these meet a refusal.
  virtual const LinkState& link() const = 0;
  // A second descriptor to wait on: readable when the operating system has news of the link (MTU,
  // up, down, deleted). -1: there never is any.
  virtual int link_handle() const = 0;
  // Call when link_handle() is readable: takes in all the news, then link() is current. Never
  // blocks. A failure is a line for the log, not an end: something the device wanted to do about
  // the news did not succeed, such as giving an address back to the kernel.
  virtual Outcome<void> take_link_news() = 0;
};

}  // namespace tuntcp::io
