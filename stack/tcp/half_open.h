// SYN-RECEIVED from LISTEN: RFC 9293, 3.10.7.2 and the parts of 3.10.7.4 that concern it, in a
// struct small enough to be flooded with. Whether there is room in the queues the host decides.
#pragma once

#include <cstdint>
#include <optional>

#include "stack/base/timer_wheel.h"
#include "stack/tcp/compact_tuple.h"
#include "stack/tcp/negotiation.h"
#include "stack/tcp/replies.h"
#include "stack/tcp/segment.h"
#include "stack/tcp/shared.h"

namespace tuntcp::tcp {

// No host has so many listeners (HostConfig) that an index needs more bits than these.
constexpr std::uint32_t kListenerMask = (1U << 28) - 1;

// What both address families have in common.
struct HalfOpenState {
  SeqNum irs;
  SeqNum iss;
  std::uint32_t ts_recent = 0;
  std::uint32_t listener : 28 = 0;     // slab index; a listener that closes takes these along
  std::uint32_t window_shift : 4 = 0;  // ours, once there is a window
  std::uint32_t last_answer_ms = 0;    // of an ACK to something dubious: tcp_invalid_ratelimit
  std::uint16_t peer_mss = 536;
  std::uint16_t peer_window = 0;  // of its SYN, not scaled
  std::uint16_t window = 0;       // as our SYN,ACK states it, once there is one
  std::uint8_t peer_shift : 4 = 0;
  std::uint8_t retransmits : 4 = 0;  // of the SYN,ACK, which tcp_synack_retries limits to 15
  bool has_window_shift : 1 = false;
  bool has_timestamps : 1 = false;
  bool has_sack : 1 = false;
  bool has_ecn : 1 = false;
  bool has_ts_offset : 1 = false;    // our timestamps have one (tcp_timestamps=1)
  bool was_answered : 1 = false;     // some answer's time is in last_answer_ms
  bool is_acknowledged : 1 = false;  // the handshake is complete but nobody accepts
  bool offered_more : 1 = false;     // an ACK rounded the window up to its scale
};

template <Family family>
struct HalfOpen : TimerNode {
  HalfOpen(const FourTuple& tuple_, const HalfOpenState& state_) : tuple(tuple_), state(state_) {}
  CompactTuple<family> tuple;
  HalfOpenState state;
};
static_assert(sizeof(HalfOpen<Family::ipv4>) <= 64);
static_assert(sizeof(HalfOpen<Family::ipv6>) <= 88);

// 3.10.7.2, third: a SYN for a listener. `seg` has SYN and neither ACK nor RST.
HalfOpenState start_half_open(const Segment& seg, SeqNum iss, const Shared& shared,
                              const FourTuple& tuple, std::uint32_t listener);

// What the listener's options make of its SYN,ACKs.
struct SynAckTerms {
  std::uint32_t rcvbuf = 0;                 // octets of memory
  bool rcvbuf_is_locked = false;            // by SO_RCVBUF
  std::uint32_t window_clamp = 0;           // TCP_WINDOW_CLAMP; 0: none
  std::uint16_t max_segment = 0;            // TCP_MAXSEG; 0: the link's
  std::uint8_t traffic_class = 0;           // IP_TOS, IPV6_TCLASS
  std::optional<std::uint8_t> hop_limit{};  // IP_TTL, IPV6_UNICAST_HOPS; none: the sysctl
};

// The window of the SYN,ACK and its scale, unless there is one already.
void choose_window(HalfOpenState& half_open, Family family, const Sysctl& sysctl,
                   const wire::LinkCapabilities& link, const SynAckTerms& terms);

// <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>. The first one decides the window.
Reply syn_ack(HalfOpenState& half_open, const FourTuple& tuple, const Shared& shared,
              const wire::LinkCapabilities& link, const SynAckTerms& terms, Instant now);

// When the SYN,ACK that was just sent is to be repeated.
Duration syn_ack_timeout(const HalfOpenState& half_open, const RtoLimits& limits);

// What a segment does to a half-open connection.
struct HalfOpenAnswer {
  enum class Action : std::uint8_t {
    keep,       // nothing but perhaps `reply`
    repeat,     // the peer sent its SYN again: repeat the SYN,ACK
    remove,     // back to LISTEN, perhaps with `reply`
    establish,  // acknowledged: make a Tcb, if there is room, and give it the segment
  };
  Action action = Action::keep;
  std::optional<Reply> reply;
};
HalfOpenAnswer segment_arrives(HalfOpenState& half_open, const FourTuple& tuple, const Segment& seg,
                               Shared& shared, Instant now);

// Fills a new Tcb, whose `tuple` is set, so that it is in SYN-RECEIVED (MUST-11: from a passive
// OPEN) just as `half_open` was. `sent_at`: when the last SYN,ACK left.
void promote(const HalfOpenState& half_open, Tcb& tcb, std::uint32_t so_rcvbuf, Instant sent_at);

}  // namespace tuntcp::tcp
