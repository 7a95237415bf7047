// What ICMP errors do to one connection: RFC 9293, 3.9.2.2; RFC 5927; RFC 1191, 6.4.
//
// Not here: finding the connection and reading the message (host/icmp_errors.cc).
#pragma once

#include "stack/base/error.h"
#include "stack/base/seq_num.h"
#include "stack/base/time.h"

namespace tuntcp::tcp {

struct Tcb;

// RFC 5927, 4.1: was a segment that began here perhaps in flight? Anything else is old, or forged.
// The number may lie inside a super-packet, which left as several packets.
bool may_be_in_flight(const Tcb& tcb, SeqNum quoted);

// A router or the peer's host says that segments do not arrive. Once synchronized the connection
// goes on (MUST-56; RFC 5927, 5.2 for the hard ones): the error is kept for whoever asks, and
// becomes the reason if the peer stays silent until R2.
enum class ErrorKind : std::uint8_t { soft, hard };
void on_network_error(Tcb& tcb, Error error, ErrorKind kind);

// The path carries less than what was sent: what is in flight and too long is cut anew at once.
// Nothing is said about congestion (RFC 1191, 6.4).
void on_smaller_path(Tcb& tcb, Instant now);

// The soft error that was kept, and it is forgotten (Linux: SO_ERROR).
Error take_soft_error(Tcb& tcb);

}  // namespace tuntcp::tcp
