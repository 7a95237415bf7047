// When to acknowledge: RFC 9293, 3.8.6.3 (delayed ACKs, MUST-40, SHLD-18, SHLD-19), with Linux's
// quick ACKs at the start, so that the peer's slow start is not held back.
#pragma once

#include "stack/tcp/segment.h"
#include "stack/tcp/shared.h"

namespace tuntcp::tcp {

// MUST-40 allows less than 500 ms; Linux waits 40 ms (TCP_ATO_MIN).
inline constexpr Duration kDelayedAck = 40_ms;
// Linux's TCP_DELACK_MAX, for the third segment of a handshake.
inline constexpr Duration kDelayedAckMax = 200_ms;

// An ACK leaves with the next output. Several reasons in one batch make one ACK (MUST-58).
void acknowledge_now(Tcb& tcb);

// The first text came, or the first after a pause: the next ACKs are sent at once.
void start_quick_acks(Tcb& tcb);

// What came was sent in vain: our ACKs are lost or late, and the peer has to be told (Linux's
// tcp_enter_quickack_mode).
void acknowledge_duplicate(Tcb& tcb);

// The next two ACKs are sent at once, for the peer's window may be as small (Linux, on CE).
void acknowledge_quickly(Tcb& tcb);

// The SYN,ACK was received: at once, unless text that will carry the ACK is to be expected.
void acknowledge_syn_ack(Tcb& tcb, Instant now);

// In-order text was received: how large the peer's segments are, and whether it starts slowly.
void note_text(Tcb& tcb, const Segment& seg, Instant now);

// ... and is acknowledged: at once, or within 40 ms?
void acknowledge_text(Tcb& tcb, const Segment& seg, Instant now);

// Text was received behind a gap: at once (RFC 5681, 4.2), or with others a little later, as Linux
// does to spare a peer that knows SACK one ACK a segment.
void acknowledge_out_of_order(Tcb& tcb, Instant now);

// Timer::compressed_ack.
void on_compressed_ack_timeout(Tcb& tcb);

// The peer's FIN was received while ESTABLISHED: the same choice.
void acknowledge_fin(Tcb& tcb, Instant now);

// The application read: what it read need not wait for more.
void on_read(Tcb& tcb);

// A segment with the ACK bit left: nothing is owed any more.
void on_ack_sent(Tcb& tcb);

// Text left: an application that answers soon after it received is interactive.
void on_text_sent(Tcb& tcb, Instant now);

// A segment was unacceptable, or must be challenged (RFC 5961): an ACK, unless the last such ACK is
// less than tcp_invalid_ratelimit ago and the segment carries no text (an ACK loop has none), or
// the host's budget for challenges is used up.
enum class DubiousSegment : std::uint8_t { out_of_window, paws, challenge, syn_challenge };
void acknowledge_dubious(Tcb& tcb, const Segment& seg, DubiousSegment what, Instant now);

}  // namespace tuntcp::tcp
