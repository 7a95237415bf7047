// Sends what a connection may send now: the one place that builds a segment for a Tcb. Input, user
// calls and timers only change the Tcb and mark it ready. RFC 9293, 3.7, 3.8 and 3.10.2.
#pragma once

#include "stack/tcp/shared.h"
#include "stack/wire/packet_sink.h"

namespace tuntcp::tcp {

enum class OutputResult : std::uint8_t {
  idle,     // nothing more may be sent until something happens
  more,     // the turn is over although more could be sent: others go first
  blocked,  // the device is full
};

OutputResult output(Tcb& tcb, Instant now, wire::PacketSink& sink);

// Sends one queued reply that belongs to no Tcb.
wire::SendResult send_reply(const Reply& reply, Shared& shared, const wire::LinkCapabilities& link,
                            wire::PacketSink& sink);

}  // namespace tuntcp::tcp
