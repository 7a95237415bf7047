// The timers of a connection: RFC 9293, 3.10.8 (USER, RETRANSMISSION, TIME-WAIT timeouts), 3.8.3
// (R1 and R2), 3.8.4 (keep-alives), 3.8.6.1 (persist), RFC 6298. How they are armed and what their
// expiry does.
//
// TIME-WAIT's own timer is in time_wait.h, SYN-RECEIVED's in half_open.h.
#pragma once

#include "stack/tcp/shared.h"

namespace tuntcp::tcp {

// Everything that is due at `now`, in the order of `Timer`. May end the connection.
void run_timers(Tcb& tcb, Instant now);

// The retransmission timeout with the present back-off.
Duration retransmission_timeout(const Tcb& tcb);

void arm_syn_timer(Tcb& tcb, Instant now);
// After sending: while something is outstanding a timer that will see to it (RFC 6298, 5.1; the
// tail loss probe of RFC 8985, 7.2, if new text left); otherwise, if text waits for the peer's
// window, the persist timer; otherwise none.
void arm_send_timers(Tcb& tcb, Instant now, bool sent_new);
// The device does not take what may leave, and nothing is outstanding that a timer would see to:
// who asked for a limit (TCP_USER_TIMEOUT) hears of it all the same.
void arm_device_timer(Tcb& tcb, Instant now);
// The whole retransmission timeout from now on, in place of the reorder and probe timers.
void restart_retransmission_timer(Tcb& tcb, Instant now);
// RFC 6298, 5.3: new octets were acknowledged: the tail loss probe, or the retransmission timer.
void restart_recovery_timer(Tcb& tcb, Instant now);
// RFC 8985, 6.3. Until `when`, in place of the retransmission timer.
void arm_reorder_timer(Tcb& tcb, Instant when);
// The peer may have dropped what it SACKed: the retransmission timer decides, soon.
void expect_reneging(Tcb& tcb, Instant now);
// Nothing is outstanding.
void cancel_recovery_timers(Tcb& tcb);
// The connection is established: keep-alives begin, if they are on (3.8.4).
void start_keep_alive_timer(Tcb& tcb, Instant now);
// The application turned them on or off, or wants other times.
void set_keep_alive(Tcb& tcb, const KeepAlive& wanted, Instant now);
// An orphan in FIN-WAIT-2 does not wait for ever (tcp_fin_timeout, TCP_LINGER2).
void arm_fin_wait_2_timer(Tcb& tcb, Instant now);
// Before the first text after a pause: the congestion window shrinks (tcp_slow_start_after_idle).
void end_idle_period(Tcb& tcb, Instant now);

// How long Linux keeps retransmitting when it promises `retries` retransmissions: R2 as a time
// (3.8.3), from an imagined RTO of `limits.least`, so that it does not depend on the path.
Duration retries_as_time(const RtoLimits& limits, std::uint32_t retries);

}  // namespace tuntcp::tcp
