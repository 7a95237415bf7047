#include "stack/tcp/network_errors.h"

#include <utility>

#include "stack/tcp/negotiation.h"
#include "stack/tcp/path_mtu.h"
#include "stack/tcp/shared.h"
#include "stack/tcp/timeouts.h"
#include "stack/tcp/transitions.h"

namespace tuntcp::tcp {

bool may_be_in_flight(const Tcb& tcb, SeqNum quoted) {
  return tcb.snd.una <= quoted && quoted <= tcb.snd.nxt;
}

void on_network_error(Tcb& tcb, Error error, ErrorKind kind) {
  const bool is_opening = kOpening.contains(tcb.state);
  const bool ends =
      is_opening && (kind == ErrorKind::hard || sysctl(tcb).tcp_soft_errors_end_open != 0);
  if (ends) return end(tcb, error, Cause::delete_tcb);
  tcb.soft_error = error;
  tcb.events |= EventBits::error_report;
}

void on_smaller_path(Tcb& tcb, Instant now) {
  const std::uint32_t before = plain_send_mss(tcb);
  follow_path(tcb, now);
  const std::uint32_t mss = plain_send_mss(tcb);
  if (mss >= before || !cuts_anew(tcb)) return;
  if (tcb.recovery.on_smaller_path(mss) == 0) return;
  restart_retransmission_timer(tcb, now);
  mark_ready(tcb);
}

Error take_soft_error(Tcb& tcb) {
  return std::exchange(tcb.soft_error, Error::none);
}

}  // namespace tuntcp::tcp
