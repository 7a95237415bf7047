// What is offered and agreed on SYNs: maximum segment size (RFC 9293, 3.7.1), window scale and
// timestamps (RFC 7323), SACK (RFC 2018), ECN (RFC 3168, 6.1.1).
#pragma once

#include <cstdint>
#include <optional>

#include "stack/base/address.h"
#include "stack/tcp/segment.h"
#include "stack/tcp/shared.h"
#include "stack/wire/tcp_options.h"

namespace tuntcp::tcp {

// The MSS to advertise: what the link carries less the fixed headers (MUST-67), and not more than
// the application wants (TCP_MAXSEG; 0: it did not say).
std::uint16_t advertised_mss(const wire::LinkCapabilities& link, Family family,
                             std::uint16_t max_segment = 0);
std::uint16_t advertised_mss(const Tcb& tcb);

// What the knobs let us offer now, but for the window's shift (window_policy.h).
Offered offered_by(const Sysctl& sysctl);

// The options of our own first SYN. `timestamp` is the TSval.
wire::TcpOptions offer(const Offered& offered, std::uint16_t mss, std::uint32_t timestamp);

// What the peer's SYN (or SYN,ACK) says, judged by what we would offer or did offer.
struct PeerOffer {
  std::uint16_t mss = 0;
  std::uint8_t window_shift = 0;
  bool has_window_shift = false;
  bool has_timestamps = false;
  bool has_sack = false;
  bool has_ecn = false;  // of its flags: read_offer() does not see these
};
PeerOffer read_offer(const wire::TcpOptions& options, const Offered& offered, const Sysctl& sysctl,
                     Family family);

// RFC 3168, 6.1.1. A SYN asks for ECN by ECE and CWR; a SYN,ACK agrees by ECE alone, for some TCPs
// reflect all flags. A SYN that is itself ECN-capable is not what the RFC describes (Linux: no).
inline bool asks_for_ecn(const Segment& seg) {
  return seg.has(Flag::ece) && seg.has(Flag::cwr) && seg.ecn == 0;
}
inline bool agrees_to_ecn(const Segment& seg) {
  return seg.has(Flag::ece) && !seg.has(Flag::cwr);
}

// The options of a SYN,ACK: the answer to `peer`, never more than it offered. `window_shift` is
// ours.
wire::TcpOptions answer(const PeerOffer& peer, std::uint8_t window_shift, std::uint16_t mss,
                        wire::Timestamps timestamps);

// The Tcb's own offer stands already.
void agree(Tcb& tcb, const PeerOffer& peer);

// RFC 9293, 3.7.1, Eff.snd.MSS (MUST-16): text that fits a segment with so many option octets,
// beside those of IP.
std::uint32_t effective_send_mss(const Tcb& tcb, std::uint32_t option_octets);
// The same of a segment that carries no SACK blocks: what congestion control counts in.
std::uint32_t plain_send_mss(const Tcb& tcb);

}  // namespace tuntcp::tcp
