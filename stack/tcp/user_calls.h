// The application's side of a connection: RFC 9293, 3.10.1 to 3.10.5, and what close(2) means.
#pragma once

#include <cstdint>

#include "stack/base/bytes.h"
#include "stack/base/error.h"
#include "stack/tcp/shared.h"

namespace tuntcp::tcp {

// Active OPEN (3.10.1): the SYN leaves with the next output. `tuple`, `snd.iss` and the timestamp
// offset are set.
void open(Tcb& tcb, std::uint32_t so_rcvbuf, Instant now);
struct SendFlags {
  bool more_follows = false;  // MSG_MORE
  bool is_urgent = false;     // the URGENT flag, of the last octet
};
// SEND (3.10.2).
Result<std::size_t> send(Tcb& tcb, Bytes octets, SendFlags flags = {});
// RECEIVE (3.10.3).
Result<std::size_t> receive(Tcb& tcb, MutableBytes out, Instant now);
// Octets of urgent data that the application has not read: received, or still to come (MUST-33).
std::uint32_t urgent_left(const Tcb& tcb);
// CLOSE (3.10.4).
Result<void> close(Tcb& tcb);
// The application forgets the connection. Afterwards the Tcb is an orphan, or CLOSED.
void release(Tcb& tcb, Instant now);

// Octets that the send buffer may hold: SO_SNDBUF, or what the congestion window asks for within
// tcp_wmem.
std::uint32_t send_limit(const Tcb& tcb);
// TCP_QUICKACK, on or off.
void set_quick_ack(Tcb& tcb, bool is_on);
// May the application be told to write: a third of the send buffer is free, and not too much of it
// is unsent (TCP_NOTSENT_LOWAT)?
bool is_writable(const Tcb& tcb);
// Wakes an application that was refused, once that is so.
void tell_if_writable(Tcb& tcb);

}  // namespace tuntcp::tcp
