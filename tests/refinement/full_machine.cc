#include "tests/refinement/full_machine.h"

#include <utility>

#include <gtest/gtest.h>

#include "stack/tcp/isn.h"
#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"

namespace tuntcp::test {
namespace {

// Reads back what output() builds.
class ParsingSink final : public wire::PacketSink {
 public:
  wire::SendResult send(const wire::OutgoingPacket& packet) override {
    const auto ip = wire::parse_ip(packet.headers);
    EXPECT_EQ(packet.total_octets, packet.headers.size()) << "text was not expected";
    if (!ip) return wire::SendResult::down;
    const Bytes segment = packet.headers.subspan(ip->header_octets);
    const auto tcp = wire::parse_tcp(segment);
    if (!tcp) return wire::SendResult::down;
    replies.push_back({.tuple = {.local = {ip->source, tcp->source},
                                 .remote = {ip->destination, tcp->destination}},
                       .seq = tcp->seq,
                       .ack = tcp->ack,
                       .flags = tcp->flags,
                       .wnd = tcp->window,
                       .options = wire::parse_options(segment.subspan(
                           wire::kTcpHeaderOctets, tcp->header_octets - wire::kTcpHeaderOctets))});
    return wire::SendResult::sent;
  }
  std::vector<tcp::Reply> replies;
};

}  // namespace

std::unique_ptr<tcp::Tcb> make_tcb(tcp::Shared& shared, const FourTuple& tuple) {
  auto tcb = std::make_unique<tcp::Tcb>(shared);
  tcb->tuple = tuple;
  tcb->send_buffer.use(shared.chunks);
  tcb->ts.offset = tcp::timestamp_offset(shared.timestamp_key, tuple);
  return tcb;
}

std::vector<tcp::Reply> take_replies(tcp::Shared& shared) {
  std::vector<tcp::Reply> replies;
  for (; !shared.replies.is_empty(); shared.replies.pop()) {
    replies.push_back(shared.replies.front());
  }
  return replies;
}

std::vector<tcp::Reply> take_output(tcp::Tcb& tcb, Instant now) {
  ParsingSink sink;
  tcp::output(tcb, now, sink);
  return std::move(sink.replies);
}

SeqNum near(Dice& dice, SeqNum origin, std::uint32_t window) {
  const SeqNum edge = origin + window;
  switch (dice.below(12)) {
    case 0:
      return origin - 2;
    case 1:
      return origin - 1;
    case 2:
    case 3:
    case 4:
    case 5:
      return origin;
    case 6:
      return origin + 1;
    case 7:
      return edge - 1;
    case 8:
      return edge;
    case 9:
      return origin + dice.below(window + 1);
    case 10:
      // Not quite: what is exactly half away is neither before nor after (RFC 9293, 3.4).
      return origin + (1U << 31) + (dice.chance(0.5) ? 2 + dice.below(2) : 0U - 2 - dice.below(2));
    default:
      return SeqNum(static_cast<std::uint32_t>(dice.next()));
  }
}

tcp::Segment copy_of(const tcp::Segment& seg, buffer::Arena& arena) {
  tcp::Segment copy = seg;
  if (!seg.text.is_empty()) copy.text = arena.copy(seg.text.bytes());
  return copy;
}

}  // namespace tuntcp::test
