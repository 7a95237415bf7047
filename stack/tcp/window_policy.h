// The window we offer and the memory behind it: RFC 9293, 3.8.6.2.2 (receiver's silly-window
// avoidance, MUST-39), never shrinking (SHLD-14), and Linux's dynamic right-sizing (tcp_rmem,
// tcp_moderate_rcvbuf), without which the window bounds the speed of a path.
#pragma once

#include <cstdint>

#include "stack/tcp/segment.h"
#include "stack/tcp/shared.h"

namespace tuntcp::tcp {

// The shift to offer on a SYN: what the largest buffer that auto-tuning may reach needs, or that of
// SO_RCVBUF (`locked_buffer`, octets of memory) or TCP_WINDOW_CLAMP; 0: not set.
std::uint8_t window_shift(const Sysctl& sysctl, std::uint32_t locked_buffer = 0,
                          std::uint32_t clamp = 0);
// The window of a SYN or SYN,ACK, never scaled (RFC 7323, 2.2): whole segments of half the buffer,
// or of TCP_WINDOW_CLAMP (0: none).
std::uint16_t initial_window(std::uint32_t buffer_octets, std::uint32_t advertised_mss,
                             std::uint32_t clamp = 0);

// The window field that offers at least `window` octets: rounded up, because rounding down would
// move the right edge left (SHLD-14).
std::uint16_t window_field(std::uint32_t window, std::uint8_t shift);

// Before the SYN leaves or when a half-open connection is promoted.
void start_receive_space(Tcb& tcb, std::uint32_t so_rcvbuf, std::uint32_t advertised_mss);
// SO_RCVBUF while the connection lives.
void lock_receive_space(Tcb& tcb, std::uint32_t so_rcvbuf);

// When the connection is established: what tcp_app_win keeps of the window for the application.
void reserve_window(Tcb& tcb, std::uint32_t advertised_mss);
// TCP_WINDOW_CLAMP while the connection lives, octets; 0 leaves what was.
void clamp_window(Tcb& tcb, std::uint32_t octets);

// The value for the window field of the next segment; moves RCV.EDGE right, never left.
std::uint16_t window_to_advertise(Tcb& tcb);
// Would an ACK now tell the peer of at least twice the window it knows? Called after a read.
bool window_update_is_due(const Tcb& tcb);

// The peer's segments are larger than any before, so that packets cost less beside their text: more
// of the memory may be offered.
void on_larger_segment(Tcb& tcb);
// In-order text arrived: the window may open further (Linux's tcp_grow_window).
void on_text_arrived(Tcb& tcb, const Segment& seg, Instant now);
// Text arrived behind a gap, and is held.
void on_text_out_of_order(Tcb& tcb, const Segment& seg, Instant now);
// The application read: the buffer may grow to twice what it reads in a round trip.
void on_text_read(Tcb& tcb, std::uint32_t octets, Instant now);

}  // namespace tuntcp::tcp
