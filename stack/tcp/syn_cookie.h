// SYN cookies: RFC 4987, 3.6 and appendix A, as Linux makes them. A half-open connection that is
// not kept: its MSS, and a proof that this host sent it, are in the SYN,ACK's sequence number; what
// else the SYNs agreed on is in the low bits of the SYN,ACK's timestamp, if there is one.
//
// When a cookie is sent, and whether one that comes back may be believed, host/listening.cc
// decides.
#pragma once

#include <cstdint>
#include <optional>

#include "stack/tcp/half_open.h"

namespace tuntcp::tcp {

// After this long no cookie is accepted any more: Linux's MAX_SYNCOOKIE_AGE, two minutes of the
// counter, of which the first has begun already.
inline constexpr Duration kSynCookieLifetime = 120_s;

// Makes the half-open connection of a SYN one that can be had again from the ACK of its SYN,ACK:
// its ISS becomes the cookie, its MSS what a cookie can say, and without timestamps it loses its
// other options.
void become_cookie(HalfOpenState& half_open, const FourTuple& tuple, const Shared& shared,
                   Instant now);

// The TSval of that SYN,ACK: less than 128 ms behind the clock, because its low six bits, without
// the clock's offset, say what was agreed on.
std::uint32_t cookie_timestamp(const HalfOpenState& half_open, const FourTuple& tuple,
                               const Shared& shared, Instant now);

// What a segment with ACK, and neither SYN nor RST, shows of the cookie that it acknowledges.
struct CookieAnswer {
  HalfOpenState half_open;
  // When the SYN,ACK left, or up to 128 ms before that, and as far as the peer can be believed;
  // absent without timestamps.
  std::optional<Instant> sent_at;
};
// Counts SyncookiesRecv or SyncookiesFailed. Nothing if this host sent no such cookie of late, or
// if it says that something was agreed on that is switched off by now.
std::optional<CookieAnswer> read_cookie(const Segment& seg, const FourTuple& tuple, Shared& shared,
                                        Instant now, std::uint32_t listener);

}  // namespace tuntcp::tcp
