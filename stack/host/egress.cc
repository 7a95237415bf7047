// Packets go out: stateless replies first, then the connections that are ready, in turn. Packets to
// this host's own addresses come round again without leaving it.
#include <algorithm>

#include "stack/host/tables.h"
#include "stack/tcp/output.h"

namespace tuntcp {
namespace {

using wire::OutgoingPacket;
using wire::SendResult;

// Two connections of one host could keep each other busy for ever; a round is one way across.
constexpr int kMaxHairpinRounds = 64;
// What may wait between two rounds of the hairpin, in packets.
constexpr std::size_t kMaxHairpinPackets = 4096;
// How soon a device that was full is tried again.
constexpr Duration kRetryDevice = 1_ms;

// Counts what the device takes.
class CountingSink final : public wire::PacketSink {
 public:
  explicit CountingSink(wire::PacketSink& device) : device_(device) {}
  SendResult send(const OutgoingPacket& packet) override {
    const SendResult result = device_.send(packet);
    if (result == SendResult::sent) ++sent_;
    return result;
  }
  std::size_t sent() const { return sent_; }

 private:
  wire::PacketSink& device_;
  std::size_t sent_ = 0;
};

// Keeps a packet for this host itself.
class HairpinSink final : public wire::PacketSink {
 public:
  explicit HairpinSink(HostTables& host) : host_(host) {}
  SendResult send(const OutgoingPacket& packet) override {
    MutableBytes room =
        host_.hairpin.size() < kMaxHairpinPackets ? host_.arena.reserve() : MutableBytes();
    if (room.size() < packet.total_octets) return SendResult::down;
    std::uint8_t* at = std::copy(packet.headers.begin(), packet.headers.end(), room.data());
    for (const Bytes& piece : packet.payload) at = std::copy(piece.begin(), piece.end(), at);
    host_.hairpin.push_back({.packet = host_.arena.commit(packet.total_octets),
                             .offload = {.checksum = wire::ReceivedOffload::Checksum::partial,
                                         .gso_size = packet.gso_size}});
    host_.shared.mib.add(Counter::tcp_loopback);
    return SendResult::sent;
  }

 private:
  HostTables& host_;
};

bool send_raw_replies(HostTables& host, wire::PacketSink& device) {
  while (!host.raw_replies.empty()) {
    buffer::Slice& packet = host.raw_replies.front();
    const OutgoingPacket outgoing{.headers = packet.bytes(),
                                  .payload = {},
                                  .total_octets = packet.size(),
                                  .is_ipv6 = packet.data()[0] >> 4 == 6};
    const SendResult result = device.send(outgoing);
    if (result == SendResult::retry) return false;
    const bool v6 = outgoing.is_ipv6;
    host.shared.mib.add(v6 ? Counter::ip6_out_requests : Counter::ip_out_requests);
    if (result != SendResult::sent) {
      host.shared.mib.add(v6 ? Counter::ip6_out_discards : Counter::ip_out_discards);
    }
    host.raw_replies.pop_front();
  }
  return true;
}

bool send_replies(HostTables& host, wire::PacketSink& device, wire::PacketSink& hairpin) {
  while (!host.shared.replies.is_empty()) {
    const tcp::Reply& reply = host.shared.replies.front();
    const bool to_self = host.is_own(reply.tuple.remote.address);
    const SendResult result =
        tcp::send_reply(reply, host.shared, host.link_to(reply.tuple), to_self ? hairpin : device);
    if (result == SendResult::retry) return false;
    host.shared.replies.pop();
  }
  return true;
}

// Gives every connection that is ready now its turns. False when the device is full.
bool send_ready(HostTables& host, wire::PacketSink& device, wire::PacketSink& hairpin) {
  while (tcp::Tcb* tcb = host.shared.ready.pop()) {
    const tcp::OutputResult result =
        tcp::output(*tcb, host.now, tcb->is_hairpin ? hairpin : device);
    if (result != tcp::OutputResult::idle) tcp::mark_ready(*tcb);
    host.settle(*tcb);
    if (result == tcp::OutputResult::blocked) return false;
  }
  return true;
}

}  // namespace

bool HostTables::has_output() const {
  return !shared.ready.is_empty() || !shared.replies.is_empty() || !raw_replies.empty() ||
         !hairpin.empty();
}

std::size_t HostTables::packets_out(Instant at, wire::PacketSink& sink) {
  now = std::max(now, at);
  CountingSink device(sink);
  HairpinSink loop(*this);
  device_is_full = false;
  for (int round = 0; round < kMaxHairpinRounds && has_output(); ++round) {
    const bool everything = send_raw_replies(*this, device) && send_replies(*this, device, loop) &&
                            send_ready(*this, device, loop);
    if (!everything) {
      device_is_full = true;
      break;
    }
    for (std::size_t left = hairpin.size(); left != 0; --left) {
      Looped looped = std::move(hairpin.front());
      hairpin.pop_front();
      packet_in(std::move(looped.packet), looped.offload, /*from_self=*/true, now);
    }
  }
  return device.sent();
}

Instant HostTables::next_deadline() const {
  if (has_output()) return device_is_full ? now + kRetryDevice : now;
  return std::min({shared.wheel.next_deadline(), half_opens.v4_timers.next_deadline(),
                   half_opens.v6_timers.next_deadline(), time_waits.v4_timers.next_deadline(),
                   time_waits.v6_timers.next_deadline(), fragments.next_deadline()});
}

}  // namespace tuntcp
