// TIME-WAIT: RFC 9293, 3.6.1 and 3.10.7.4, RFC 6191 (reuse by timestamps), RFC 1337 (its hazards),
// in a struct of 64 octets. Everything it can do is the table of decide() below.
#pragma once

#include <cstdint>
#include <optional>

#include "stack/base/timer_wheel.h"
#include "stack/tcp/compact_tuple.h"
#include "stack/tcp/replies.h"
#include "stack/tcp/segment.h"
#include "stack/tcp/shared.h"

namespace tuntcp::tcp {

struct TimeWaitState {
  SeqNum snd_nxt;
  SeqNum rcv_nxt;
  std::uint32_t ts_recent = 0;
  std::uint32_t ts_recent_ms = 0;    // when it was taken: milliseconds of the driver's clock
  std::uint32_t last_answer_ms = 0;  // tcp_invalid_ratelimit
  std::uint16_t wnd = 0;             // as our last segment showed it
  bool has_timestamps : 1 = false;
  bool has_ts_offset : 1 = false;  // our timestamps have one (tcp_timestamps=1)
  bool was_answered : 1 = false;   // some answer's time is in last_answer_ms
};

template <Family family>
struct TimeWait : TimerNode {
  TimeWait(const FourTuple& tuple_, const TimeWaitState& state_) : tuple(tuple_), state(state_) {}
  CompactTuple<family> tuple;
  TimeWaitState state;
};
static_assert(sizeof(TimeWait<Family::ipv4>) <= 64);
static_assert(sizeof(TimeWait<Family::ipv6>) <= 88);

// What remains of a connection whose two FINs are acknowledged.
TimeWaitState start_time_wait(const Tcb& tcb);

// What a segment finds in TIME-WAIT. The order of the enumerators is the order of the checks.
enum class TimeWaitSituation : std::uint8_t {
  old_duplicate,  // PAWS says so
  exact_reset,    // RST at RCV.NXT
  bare_ack,       // no octets, at RCV.NXT
  new_syn,        // SYN above RCV.NXT, or with a newer timestamp (RFC 6191)
  other_reset,
  other_with_ack,     // above all the peer's FIN again
  other_without_ack,  // above all a SYN that is old, or a new one with a low sequence number
};
inline constexpr std::size_t kTimeWaitSituationCount = 7;

struct TimeWaitDecision {
  bool acknowledge = false;    // <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, rate-limited
  bool restart_timer = false;  // 2*MSL begin again
  bool end = false;            // the connection is deleted at once
  bool reopen = false;         // if somebody listens: a new incarnation; otherwise acknowledge
  friend constexpr bool operator==(const TimeWaitDecision&, const TimeWaitDecision&) = default;
};

TimeWaitSituation situation(const TimeWaitState& time_wait, const Segment& seg, Instant now);
// The decision table; `rfc1337` is tcp_rfc1337.
TimeWaitDecision decide(TimeWaitSituation situation, bool rfc1337);
const char* to_string(TimeWaitSituation situation);

// Does what the decision says of the struct itself, and makes the ACK if one is due.
std::optional<Reply> acknowledge(TimeWaitState& time_wait, const FourTuple& tuple,
                                 const Segment& seg, Shared& shared, Instant now);
void remember_timestamp(TimeWaitState& time_wait, const Segment& seg, Instant now);
// The ACK of the peer's FIN, without a limit.
Reply time_wait_ack(const TimeWaitState& time_wait, const FourTuple& tuple, const Shared& shared,
                    Instant now);

// When TS.Recent was taken.
Instant timestamp_taken_at(const TimeWaitState& time_wait, Instant now);

// May an outgoing connection take over the ports (tcp_tw_reuse, tcp_tw_reuse_delay)? It needs
// timestamps, so that PAWS protects the new incarnation from the old one's segments.
bool may_be_reused(const TimeWaitState& time_wait, const FourTuple& tuple, const Sysctl& sysctl,
                   Instant now);
// The ISN of the next incarnation: beyond every window the old one could have had.
SeqNum next_initial_sequence_number(const TimeWaitState& time_wait);

}  // namespace tuntcp::tcp
