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

}  // namespace tuntcp::tcp
