#include "stack/tcp/ecn.h"

#include "stack/tcp/ack_policy.h"

namespace tuntcp::tcp {
namespace {

// The ECN field of the IP header, RFC 3168, 5.
constexpr std::uint8_t kNotEct = 0;
constexpr std::uint8_t kCe = 3;

}  // namespace

void note_codepoint(Tcb& tcb, const Segment& seg) {
  if (!tcb.agreed.ecn) return;
  EcnState& ecn = tcb.ecn;
  if (seg.has(Flag::cwr)) {
    ecn.echo = false;
    // The peer's window may be a single segment now, which must not wait for a second one (Linux).
    acknowledge_now(tcb);
  }
  if (seg.ecn == kNotEct) {
    // Where text is usually ECT this is a retransmission (6.1.5), and the peer waits for its ACK.
    if (ecn.seen) acknowledge_quickly(tcb);
    return;
  }
  ecn.seen = true;
  if (seg.ecn != kCe || ecn.echo) return;
  ecn.echo = true;
  acknowledge_quickly(tcb);
}

void note_reduction(Tcb& tcb) {
  if (tcb.agreed.ecn) tcb.ecn.cwr_due = true;
}

void obey_echo(Tcb& tcb, const Segment& seg, std::uint32_t flight, Instant now) {
  EcnState& ecn = tcb.ecn;
  // Something above the mark must be acknowledged, so that the CWR that follows it has arrived.
  if (ecn.is_reduced && tcb.snd.una > ecn.reduced_until) {
    ecn.is_reduced = false;
    tcb.congestion->on_recovery_exit(now);
  }
  const bool is_echo = tcb.agreed.ecn && seg.has(Flag::ece) && !seg.had_syn;
  const bool has_paid = ecn.is_reduced || tcb.recovery.in_recovery() || tcb.recovery.in_loss();
  if (!is_echo || flight == 0 || has_paid) return;
  ecn.is_reduced = true;
  ecn.reduced_until = tcb.snd.nxt;
  tcb.congestion->on_congestion_mark({.now = now, .lost = 0, .in_flight = flight});
  note_reduction(tcb);
}

}  // namespace tuntcp::tcp
