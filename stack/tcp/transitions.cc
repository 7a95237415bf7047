#include "stack/tcp/transitions.h"

#include "stack/base/check.h"
#include "stack/tcp/timestamps.h"

namespace tuntcp::tcp {
namespace {

// RFC 4022, tcpCurrEstab.
constexpr StateSet kCountsAsEstablished{State::established, State::close_wait};
// 3.10.5, ABORT: in these states the peer is told by a RST; in the others the FINs crossed already.
constexpr StateSet kResetTellsPeer{State::syn_received, State::established, State::fin_wait_1,
                                   State::fin_wait_2, State::close_wait};

}  // namespace

void enter(Tcb& tcb, State next, Cause cause) {
  TUNTCP_CHECK(is_legal(tcb.state, next, cause));
  Shared& shared = *tcb.shared;
  const bool was_counted = kCountsAsEstablished.contains(tcb.state);
  const bool is_counted = kCountsAsEstablished.contains(next);
  if (was_counted && !is_counted) --shared.current_established;
  if (!was_counted && is_counted) ++shared.current_established;
  if (shared.state_log.is_on()) shared.state_log.push({tcb.tuple, tcb.state, next, cause});
  tcb.state = next;
}

void end(Tcb& tcb, Error error, Cause cause) {
  const bool was_opening = kOpening.contains(tcb.state);
  if (was_opening) mib(tcb).add(Counter::tcp_attempt_fails);
  if (cause == Cause::reset_received && kCountsAsEstablished.contains(tcb.state)) {
    mib(tcb).add(Counter::tcp_estab_resets);
  }
  enter(tcb, State::closed, cause);
  tcb.deadlines.cancel_all();
  tcb.send_buffer.clear();
  tcb.reassembly.clear();
  tcb.recovery.end();
  tcb.prr.end();
  tcb.ack = {};
  tcb.syn_due = false;
  tcb.probe_due = false;
  tcb.tail_probe_due = false;
  if (error == Error::none) {
    tcb.events |= EventBits::send_done;
  } else {
    tcb.error = error;
    tcb.events |= EventBits::failed | EventBits::readable | EventBits::writable;
  }
}

void abort(Tcb& tcb, Error error, Cause cause, Instant now) {
  if (kResetTellsPeer.contains(tcb.state)) {
    Reply reset{
        .tuple = tcb.tuple, .seq = tcb.snd.nxt, .ack = tcb.rcv.nxt, .flags = Flag::rst | Flag::ack};
    // RFC 7323, 3.2: TSopt "SHOULD be sent in an <RST> segment".
    if (tcb.agreed.timestamps) {
      reset.options.timestamps = {.value = timestamp_clock(tcb.ts, now), .echo = tcb.ts.recent};
    }
    tcb.shared->replies.push(reset);
    if (kCountsAsEstablished.contains(tcb.state)) mib(tcb).add(Counter::tcp_estab_resets);
  }
  end(tcb, error, cause);
}

}  // namespace tuntcp::tcp
