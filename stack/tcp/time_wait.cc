#include "stack/tcp/time_wait.h"

#include "stack/tcp/acceptance.h"
#include "stack/tcp/timestamps.h"
#include "stack/tcp/window_policy.h"

namespace tuntcp::tcp {
namespace {

std::uint32_t milliseconds(Instant now) {
  return static_cast<std::uint32_t>(now.since_origin().count_ms());
}

Duration age_of_timestamp(const TimeWaitState& time_wait, Instant now) {
  return Duration::milliseconds(milliseconds(now) - time_wait.ts_recent_ms);
}

}  // namespace

TimeWaitState start_time_wait(const Tcb& tcb) {
  TimeWaitState time_wait;
  time_wait.snd_nxt = tcb.snd.nxt;
  time_wait.rcv_nxt = tcb.rcv.nxt;
  time_wait.wnd = window_field(tcb.rcv.wnd(), tcb.rcv.wscale);
  time_wait.has_timestamps = tcb.agreed.timestamps && tcb.ts.has_recent;
  time_wait.has_ts_offset = tcb.ts.offset != 0;
  time_wait.ts_recent = tcb.ts.recent;
  time_wait.ts_recent_ms = milliseconds(tcb.ts.recent_at);
  return time_wait;
}

TimeWaitSituation situation(const TimeWaitState& time_wait, const Segment& seg, Instant now) {
  using enum TimeWaitSituation;
  const bool both_have_timestamps = time_wait.has_timestamps && seg.options.timestamps.has_value();
  // No tick is forgiven: RFC 6191, 2 reopens for a timestamp that is "greater", never for an older.
  if (both_have_timestamps && !seg.has(Flag::rst) &&
      fails_paws(seg.options.timestamps->value, time_wait.ts_recent,
                 age_of_timestamp(time_wait, now), 0)) {
    return old_duplicate;
  }
  if (seg.seq == time_wait.rcv_nxt) {
    if (seg.has(Flag::rst)) return exact_reset;
    if (seg.len == 0) return bare_ack;
  }
  if (seg.has(Flag::syn) && !seg.has(Flag::rst) && !seg.has(Flag::ack)) {
    const bool is_newer =
        both_have_timestamps &&
        static_cast<std::int32_t>(time_wait.ts_recent - seg.options.timestamps->value) < 0;
    if (seg.seq > time_wait.rcv_nxt || is_newer) return new_syn;
  }
  if (seg.has(Flag::rst)) return other_reset;
  return seg.has(Flag::ack) ? other_with_ack : other_without_ack;
}

TimeWaitDecision decide(TimeWaitSituation situation, bool rfc1337) {
  using enum TimeWaitSituation;
  switch (situation) {
    // Whoever sent it still believes in the connection: told where we are, and the wait goes on.
    case old_duplicate:
      return {.acknowledge = true, .restart_timer = true};
    // RFC 1337, "assassination": obeying a RST here ends the protection early.
    case exact_reset:
      return {.end = !rfc1337};
    case bare_ack:
      return {.restart_timer = true};
    // RFC 9293, 3.6.1 (MAY-2) and RFC 6191, 2.
    case new_syn:
      return {.reopen = true};
    case other_reset:
      return {};
    // 3.10.7.4, eighth: "TIME-WAIT: Remain ... Restart the 2 MSL time-wait timeout".
    case other_with_ack:
      return {.acknowledge = true, .restart_timer = true};
    // The ACK makes an honest peer that reuses the ports answer with a RST (RFC 5961, 4). A SYN
    // may be new although its number is low, so it must not prolong the wait.
    case other_without_ack:
      return {.acknowledge = true};
  }
  return {};
}

const char* to_string(TimeWaitSituation situation) {
  using enum TimeWaitSituation;
  switch (situation) {
    case old_duplicate:
      return "old duplicate by PAWS";
    case exact_reset:
      return "RST at RCV.NXT";
    case bare_ack:
      return "no octets, at RCV.NXT";
    case new_syn:
      return "SYN above RCV.NXT, or with a newer timestamp";
    case other_reset:
      return "any other RST";
    case other_with_ack:
      return "anything else with ACK (the FIN again)";
    case other_without_ack:
      return "anything else without ACK (an old SYN)";
  }
  return "?";
}

std::optional<Reply> acknowledge(TimeWaitState& time_wait, const FourTuple& tuple,
                                 const Segment& seg, Shared& shared, Instant now) {
  const std::uint32_t now_ms = milliseconds(now);
  const bool may_loop = seg.text.is_empty() || seg.has(Flag::syn);
  if (may_loop && time_wait.was_answered &&
      now_ms - time_wait.last_answer_ms < shared.sysctl.tcp_invalid_ratelimit) {
    shared.mib.add(Counter::tcp_ack_skipped_tw);
    return std::nullopt;
  }
  if (may_loop) {
    time_wait.was_answered = true;
    time_wait.last_answer_ms = now_ms;
  }
  return time_wait_ack(time_wait, tuple, shared, now);
}

void remember_timestamp(TimeWaitState& time_wait, const Segment& seg, Instant now) {
  if (!time_wait.has_timestamps || !seg.options.timestamps) return;
  time_wait.ts_recent = seg.options.timestamps->value;
  time_wait.ts_recent_ms = milliseconds(now);
}

Reply time_wait_ack(const TimeWaitState& time_wait, const FourTuple& tuple, const Shared& shared,
                    Instant now) {
  Reply reply{.tuple = tuple,
              .seq = time_wait.snd_nxt,
              .ack = time_wait.rcv_nxt,
              .flags = Flag::ack,
              .wnd = time_wait.wnd};
  if (time_wait.has_timestamps) {
    TimestampState ts;
    ts.offset = timestamp_offset(time_wait, tuple, shared);
    reply.options.timestamps = {.value = timestamp_clock(ts, now), .echo = time_wait.ts_recent};
  }
  return reply;
}

Instant timestamp_taken_at(const TimeWaitState& time_wait, Instant now) {
  return now - age_of_timestamp(time_wait, now);
}

bool may_be_reused(const TimeWaitState& time_wait, const FourTuple& tuple, const Sysctl& sysctl,
                   Instant now) {
  if (sysctl.tcp_tw_reuse == 0 || !time_wait.has_timestamps || sysctl.tcp_timestamps == 0) {
    return false;
  }
  const bool is_loopback = tuple.remote.address.is_loopback() || tuple.local.address.is_loopback();
  if (sysctl.tcp_tw_reuse == 2 && !is_loopback) return false;
  return age_of_timestamp(time_wait, now) >= Duration::milliseconds(sysctl.tcp_tw_reuse_delay);
}

SeqNum next_initial_sequence_number(const TimeWaitState& time_wait) {
  return time_wait.snd_nxt + (65'535 + 2);
}

}  // namespace tuntcp::tcp
