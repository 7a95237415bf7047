// Host::describe(): every field of every connection that has a say in what happens next. Counters
// that only people read (Status, MIB) are not state, and neither is the wheel, which is derived
// from the deadlines.
#include "stack/base/canonical.h"

#include <array>

#include "stack/host/host.h"
#include "stack/host/tables.h"
#include "stack/tcp/syn_cookie.h"

namespace tuntcp {
namespace {

using tcp::State;
using tcp::Tcb;

// Ages beyond these decide nothing: no round trip counts for more than 500 s (rtt.cc), no
// back-off is longer than tcp_rto_max_ms.
constexpr Duration kLongAgo = 500_s;

void describe(const tcp::congestion::Controller& controller, Canonical& out) {
  class Numbers final : public tcp::congestion::Describer {
   public:
    explicit Numbers(Canonical& numbers) : numbers_(numbers) {}
    void value(const char*, std::uint64_t value) override { numbers_.number(value); }
    void since(const char*, Instant when) override { numbers_.age(when, kLongAgo); }

   private:
    Canonical& numbers_;
  };
  Numbers numbers(out);
  out.number(controller.window().cwnd);
  out.number(controller.window().ssthresh);
  controller.describe(numbers);
}

void describe(const buffer::Reassembly& reassembly, Canonical& out) {
  out.number(reassembly.octets());
  out.number(reassembly.memory());
  std::array<SeqRange, 4> blocks;
  const std::size_t count = reassembly.sack_blocks(blocks);
  for (std::size_t i = 0; i < count; ++i) {
    out.remote(blocks[i].begin);
    out.remote(blocks[i].end);
  }
}

void describe_sequence(const Tcb& tcb, Canonical& out) {
  for (const SeqNum seq : {tcb.snd.iss, tcb.snd.una, tcb.snd.nxt, tcb.snd.wl2, tcb.small_end}) {
    out.local(seq);
  }
  out.number(tcb.snd.wnd);
  out.number(tcb.snd.max_wnd);
  out.number(tcb.snd.wscale);
  out.local(tcb.send_buffer.end());
  if (tcb.sends_urgent()) out.local(tcb.snd.up);
  if (tcb.state == State::syn_sent) return;
  for (const SeqNum seq :
       {tcb.rcv.irs, tcb.rcv.nxt, tcb.rcv.edge, tcb.rcv.last_ack_sent, tcb.snd.wl1}) {
    out.remote(seq);
  }
  out.number(tcb.rcv.wscale);
  if (tcb.urgent_pending) out.remote(tcb.rcv.up);
  if (tcb.peer_fin) out.remote(*tcb.peer_fin);
}

void describe_ack(const Tcb& tcb, Canonical& out) {
  const tcp::AckState& ack = tcb.ack;
  out.number(ack.now | ack.is_challenge << 1 | ack.pushed << 2 | ack.is_interactive << 3);
  out.number(ack.quick);
  out.number(ack.rcv_mss);
  out.age(ack.last_received, kLongAgo);
  // Where RCV.NXT has moved on since, nothing of it counts.
  const bool is_gap = ack.gap_at == tcb.rcv.nxt;
  out.number(is_gap ? ack.gap_acks : std::uint8_t{0});
  out.number(ack.compressed);
  out.number(ack.dsack.has_value());
  if (ack.dsack) {
    out.remote(ack.dsack->begin);
    out.remote(ack.dsack->end);
  }
  const Duration limit = Duration::milliseconds(tcb.shared->sysctl.tcp_invalid_ratelimit);
  out.age(tcb.last_dubious_ack, limit);
}

void describe_space(const Tcb& tcb, Canonical& out) {
  const tcp::ReceiveSpace& space = tcb.space;
  for (const std::uint32_t value :
       {space.buffer, space.ssthresh, space.clamp, std::uint32_t{space.is_locked},
        std::uint32_t{space.share}, space.round_copied, space.best_round,
        tcb.receive_buffer.readable(), tcb.receive_buffer.memory(), tcb.send_limit,
        tcb.notsent_lowat, std::uint32_t{tcb.max_segment}, std::uint32_t{tcb.syn_retries},
        space.asked_clamp, std::uint32_t{tcb.offered.window_shift}}) {
    out.number(value);
  }
  out.duration(space.rtt);
  if (space.last_echo != 0) out.timestamp(space.last_echo);
  out.age(space.rtt_started, kLongAgo);
  if (space.rtt_started != Instant()) out.remote(space.rtt_seq);
  out.age(space.round_started, kLongAgo);
}

void describe_timeouts(const Tcb& tcb, Canonical& out) {
  for (std::size_t i = 0; i < kTimerCount; ++i) {
    out.deadline(tcb.deadlines[static_cast<Timer>(i)]);
  }
  out.number(tcb.retransmits);
  if (tcb.retransmits != 0) out.age(tcb.retransmitting_since);
  out.number(tcb.probes);
  out.age(tcb.probing_since);
  out.number(tcb.probe_back_off);
  out.age(tcb.last_sent, kLongAgo);
  out.number(tcb.linger.has_value());
  out.duration(tcb.rto_limits.least);
  out.duration(tcb.rto_limits.most);
  out.duration(tcb.user_timeout);
  out.duration(tcb.fin_timeout);
  out.number(tcb.keep_alive.is_on);
  out.number(tcb.keep_alive.probes);
  out.duration(tcb.keep_alive.idle);
  out.duration(tcb.keep_alive.interval);
  if (tcb.keep_alive.is_on) out.age(tcb.last_ack_received);
  tcb.rtt.describe(out);
}

void describe(const Tcb& tcb, Canonical& out) {
  std::uint64_t flags = 0;
  for (const bool flag : {tcb.is_passive,
                          tcb.fin_queued,
                          tcb.is_released,
                          tcb.is_orphan,
                          tcb.receiving_stopped,
                          tcb.peer_fin.has_value(),
                          tcb.urgent_pending,
                          tcb.in_table,
                          tcb.send_was_refused,
                          tcb.probe_due,
                          tcb.syn_due,
                          tcb.no_delay,
                          tcb.cork,
                          tcb.more_follows,
                          tcb.push_at_end,
                          tcb.sends_first,
                          tcb.push_now,
                          tcb.listener.is_set(),
                          tcb.ready.is_linked,
                          tcb.agreed.timestamps,
                          tcb.agreed.sack,
                          tcb.agreed.window_scaling,
                          tcb.offered.timestamps,
                          tcb.offered.sack,
                          tcb.offered.window_scaling,
                          tcb.agreed.ecn,
                          tcb.ecn.seen,
                          tcb.ecn.echo,
                          tcb.ecn.cwr_due,
                          tcb.tail_probe_due,
                          tcb.ts.has_recent,
                          tcb.sends_urgent(),
                          tcb.is_stalled}) {
    flags = flags << 1 | static_cast<std::uint64_t>(flag);
  }
  out.number(flags);
  out.number(tcb.state);
  out.number(tcb.error);
  out.number(tcb.soft_error);
  out.number(tcb.path.mtu);
  out.number(tcb.ip_option_octets);
  out.number(tcb.events);
  out.number(tcb.receive_buffer.readable());
  // Of one that is CLOSED only this is left.
  if (tcb.state == State::closed) return;
  out.number(tcb.agreed.peer_mss);
  if (tcb.ts.has_recent) {
    out.timestamp(tcb.ts.recent);
    out.age(tcb.ts.recent_at);
  }
  describe_sequence(tcb, out);
  describe_ack(tcb, out);
  describe_space(tcb, out);
  describe_timeouts(tcb, out);
  describe(tcb.reassembly, out);
  tcb.recovery.describe(out);
  tcb.prr.describe(out);
  tcb.window_use.describe(out);
  out.local(tcb.round_end);
  describe(*tcb.congestion, out);
}

template <Family family>
void describe(const tcp::HalfOpen<family>& half_open, const Sysctl& knobs, Canonical& out) {
  const tcp::HalfOpenState& state = half_open.state;
  out.remote(state.irs);
  out.local(state.iss);
  out.number(state.peer_mss);
  out.number(state.peer_window);
  out.number(state.window_shift);
  out.number(std::uint64_t{state.peer_shift} << 4 | state.retransmits);
  out.number(state.has_window_shift | state.has_timestamps << 1 | state.has_sack << 2 |
             state.was_answered << 3 | state.is_acknowledged << 4 | state.has_ecn << 5 |
             state.has_ts_offset << 6);
  if (state.has_timestamps) out.timestamp(state.ts_recent);
  if (state.was_answered) {
    const auto now_ms = static_cast<std::uint32_t>(out.origin().now.since_origin().count_ms());
    out.number(std::min(now_ms - state.last_answer_ms, knobs.tcp_invalid_ratelimit));
  }
  out.deadline(half_open.when);
}

template <Family family>
void describe(const tcp::TimeWait<family>& time_wait, const Sysctl& knobs, Canonical& out) {
  const tcp::TimeWaitState& state = time_wait.state;
  const auto now_ms = static_cast<std::uint32_t>(out.origin().now.since_origin().count_ms());
  out.local(state.snd_nxt);
  out.remote(state.rcv_nxt);
  out.number(state.wnd);
  out.number(state.has_timestamps | state.was_answered << 1 | state.has_ts_offset << 2);
  if (state.has_timestamps) {
    out.timestamp(state.ts_recent);
    out.number(now_ms - state.ts_recent_ms);
  }
  if (state.was_answered) {
    out.number(std::min(now_ms - state.last_answer_ms, knobs.tcp_invalid_ratelimit));
  }
  out.deadline(time_wait.when);
}

}  // namespace

void Host::describe(Canonical& out) const {
  HostTables& t = *tables_;
  const Sysctl& knobs = t.shared.sysctl;
  const auto count = [&](std::size_t objects) { out.number(objects); };
  count(t.listeners.size());
  t.listeners.for_each([&](const Listener& listener) {
    count(listener.accept_queue.size());
    count(listener.half_open);
    out.age(listener.last_overflow, tcp::kSynCookieLifetime);
  });
  count(t.tcbs.size());
  t.tcbs.for_each([&](const Tcb& tcb) { tuntcp::describe(tcb, out); });
  const auto each = [&](const auto& object) { tuntcp::describe(object, knobs, out); };
  count(t.half_opens.size());
  t.half_opens.v4.for_each(each);
  t.half_opens.v6.for_each(each);
  count(t.time_waits.size());
  t.time_waits.v4.for_each(each);
  t.time_waits.v6.for_each(each);
  // RFC 5961, 7. A budget as large as this does not run out in what a search can see.
  out.age(t.shared.challenges.second_began, 1_s);
  out.number(std::min(t.shared.challenges.left, 1000U));
  out.number(t.shared.orphans);
  t.shared.routes.for_each([&](const FourTuple&, const wire::SourceRoute& route) {
    out.number(std::uint64_t{route.count} << 1 | route.is_strict);
    for (const std::uint32_t hop : route.hops()) out.number(hop);
  });
  out.number(t.has_output());
}

}  // namespace tuntcp
