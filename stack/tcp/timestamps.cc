#include "stack/tcp/timestamps.h"

#include "stack/tcp/acceptance.h"

namespace tuntcp::tcp {

bool is_rejected_by_paws(const Tcb& tcb, const Segment& seg, Instant now) {
  // Deviation: RFC 7323, 3.2 would drop a segment without the option; Linux takes it, because
  // middleboxes that strip options from single segments exist.
  if (!tcb.agreed.timestamps || !seg.options.timestamps || !tcb.ts.has_recent) return false;
  return fails_paws(seg.options.timestamps->value, tcb.ts.recent, now - tcb.ts.recent_at,
                    kForgivenTicks);
}

void update_ts_recent(Tcb& tcb, const Segment& seg, Instant now) {
  if (!tcb.agreed.timestamps || !seg.options.timestamps) return;
  if (seg.seq > tcb.rcv.last_ack_sent) return;
  const std::uint32_t value = seg.options.timestamps->value;
  if (tcb.ts.has_recent && fails_paws(value, tcb.ts.recent, now - tcb.ts.recent_at, 0)) return;
  tcb.ts.recent = value;
  tcb.ts.recent_at = now;
  tcb.ts.has_recent = true;
}

}  // namespace tuntcp::tcp
