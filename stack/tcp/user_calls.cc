#include "stack/tcp/user_calls.h"

#include <algorithm>
#include <bit>

#include "stack/tcp/ack_policy.h"
#include "stack/tcp/congestion_events.h"
#include "stack/tcp/negotiation.h"
#include "stack/tcp/timeouts.h"
#include "stack/tcp/transitions.h"
#include "stack/tcp/window_policy.h"

namespace tuntcp::tcp {

void open(Tcb& tcb, std::uint32_t so_rcvbuf, Instant now) {
  start_sequence_space(tcb, tcb.snd.iss);
  const std::uint16_t mss = advertised_mss(tcb);
  start_receive_space(tcb, so_rcvbuf, mss);
  tcb.offered = offered_by(sysctl(tcb));
  tcb.offered.window_shift = window_shift(sysctl(tcb), so_rcvbuf, tcb.space.asked_clamp);
  enter(tcb, State::syn_sent, Cause::active_open);
  tcb.agreed.ecn = sysctl(tcb).tcp_ecn == 1;
  tcb.syn_due = true;
  tcb.last_sent = now;
  mib(tcb).add(Counter::tcp_active_opens);
  mark_ready(tcb);
}

namespace {

// UINT32_MAX: as much as may be queued at all.
constexpr std::uint32_t kNoMark = 0xffffffff;

std::uint32_t notsent_lowat(const Tcb& tcb) {
  return tcb.notsent_lowat != 0 ? tcb.notsent_lowat : sysctl(tcb).tcp_notsent_lowat;
}

// TCP_NOTSENT_LOWAT, tcp_notsent_lowat: how much a SEND may add to what is unsent. As in Linux one
// that is below the mark fills whole super-packets until it is not.
std::size_t notsent_room(const Tcb& tcb) {
  constexpr std::uint32_t kSuperPacket = 65'536;
  const std::uint32_t unsent = tcb.unsent();
  const std::uint32_t mark = notsent_lowat(tcb);
  if (mark == kNoMark) return SIZE_MAX;
  if (unsent >= mark) return 0;
  const std::uint32_t missing = mark - unsent;
  return std::size_t{missing / kSuperPacket + (missing % kSuperPacket != 0 ? 1 : 0)} * kSuperPacket;
}

// As Linux: two windows of packets, each as large as that counts it: what is in flight, and as much
// behind it. In a recovery the window is smaller, and all that was sent since the hole is still
// here: that must not keep back what the window lets out.
std::uint64_t wanted_memory(const Tcb& tcb) {
  if (!kMaySendText.contains(tcb.state)) return 0;
  constexpr std::uint32_t kFewestSegments = 10;  // of an initial window
  constexpr std::uint32_t kHeaders = 512;        // room for headers and what describes a packet
  constexpr std::uint32_t kDescription = 256;    // of a packet's octets
  const std::uint32_t mss = plain_send_mss(tcb);
  const std::uint32_t cwnd = congestion_window(tcb);
  const std::uint64_t packet = std::bit_ceil(mss + kHeaders) + kDescription;
  const std::uint64_t kept = octets_between(tcb.snd.una, tcb.snd.nxt);
  return std::max(2 * packet * std::max(cwnd / mss, kFewestSegments),
                  kept + std::uint64_t{2} * cwnd);
}

}  // namespace

Result<std::size_t> send(Tcb& tcb, Bytes octets, SendFlags flags) {
  if (tcb.error != Error::none) return std::unexpected(tcb.error);
  if (tcb.fin_queued || tcb.state == State::closed) {
    return std::unexpected(Error::connection_closing);
  }
  // 3.10.2, SYN-SENT and SYN-RECEIVED: "Queue the data for transmission after entering ESTABLISHED
  // state." Nothing more is to be done for that: output() sends no text before.
  const std::uint32_t limit = send_limit(tcb);
  const std::size_t free = limit > tcb.send_buffer.size() ? limit - tcb.send_buffer.size() : 0;
  const std::size_t room = std::min(free, notsent_room(tcb));
  const std::size_t taken = tcb.send_buffer.append(octets.first(std::min(octets.size(), room)));
  if (taken < octets.size()) tcb.send_was_refused = true;
  if (taken != 0) {
    tcb.more_follows = flags.more_follows;
    tcb.push_at_end = !flags.more_follows;
    tcb.push_now = false;
    if (flags.is_urgent) {
      // 3.10.2 and MUST-62: the octet after the last urgent one.
      tcb.snd.up = tcb.send_buffer.end();
    }
    mark_ready(tcb);
  }
  if (taken == 0 && !octets.empty()) return std::unexpected(Error::would_block);
  return taken;
}

std::uint32_t urgent_left(const Tcb& tcb) {
  const SeqNum read_to =
      tcb.rcv.nxt - tcb.receive_buffer.readable() - (tcb.fin_is_received() ? 1 : 0);
  return tcb.urgent_pending && tcb.rcv.up > read_to ? octets_between(read_to, tcb.rcv.up) : 0;
}

Result<std::size_t> receive(Tcb& tcb, MutableBytes out, Instant now) {
  const std::size_t octets = tcb.receive_buffer.read(out);
  if (octets != 0) {
    // MUST-33 ends here: the application has read past the urgent data.
    if (tcb.urgent_pending && urgent_left(tcb) == 0) tcb.urgent_pending = false;
    // After the peer's FIN no window is of use to it, and in TIME-WAIT the TimeWait speaks.
    if (kMayReceiveText.contains(tcb.state)) {
      on_text_read(tcb, static_cast<std::uint32_t>(octets), now);
      on_read(tcb);
    }
    return octets;
  }
  if (out.empty()) return std::size_t{0};
  if (tcb.error != Error::none) return std::unexpected(tcb.error);
  if (tcb.fin_is_received() || tcb.receiving_stopped || tcb.state == State::closed) {
    return std::unexpected(Error::end_of_stream);
  }
  if (!kMayReceiveText.contains(tcb.state)) return std::unexpected(Error::not_connected);
  return std::unexpected(Error::would_block);
}

Result<void> close(Tcb& tcb) {
  if (tcb.error != Error::none) return std::unexpected(tcb.error);
  switch (tcb.state) {
    case State::closed:
      return std::unexpected(Error::connection_does_not_exist);
    case State::syn_sent:
      end(tcb, Error::connection_closing, Cause::close_call);
      return {};
    case State::syn_received:
      break;  // "queue for processing after entering ESTABLISHED state"
    case State::established:
      enter(tcb, State::fin_wait_1, Cause::close_call);
      break;
    case State::close_wait:
      enter(tcb, State::last_ack, Cause::close_call);
      break;
    default:
      return std::unexpected(Error::connection_closing);
  }
  tcb.fin_queued = true;
  mark_ready(tcb);
  return {};
}

void release(Tcb& tcb, Instant now) {
  const bool linger_zero = tcb.linger == Duration::zero();
  const bool has_unread = tcb.receive_buffer.readable() != 0;
  tcb.receive_buffer.clear();
  tcb.is_released = true;
  if (tcb.state == State::closed) return;
  tcb.is_orphan = true;
  ++tcb.shared->orphans;
  if (linger_zero || has_unread) {
    // SHLD-3: octets the application never saw were acknowledged; the peer must hear of it.
    mib(tcb).add(linger_zero ? Counter::tcp_abort_on_data : Counter::tcp_abort_on_close);
    return abort(tcb, Error::connection_aborted, Cause::abort_call, now);
  }
  if (tcb.state == State::fin_wait_2 && tcb.fin_timeout < Duration::zero()) {
    mib(tcb).add(Counter::tcp_abort_on_linger);  // TCP_LINGER2
    return abort(tcb, Error::connection_aborted, Cause::abort_call, now);
  }
  if (tcb.shared->orphans > sysctl(tcb).tcp_max_orphans) {
    mib(tcb).add(Counter::tcp_abort_on_memory);
    return abort(tcb, Error::insufficient_resources, Cause::delete_tcb, now);
  }
  if (!tcb.fin_queued) static_cast<void>(close(tcb));
  arm_fin_wait_2_timer(tcb, now);
}

std::uint32_t send_limit(const Tcb& tcb) {
  if (tcb.send_limit != 0) return tcb.send_limit;
  const auto& wmem = sysctl(tcb).tcp_wmem;
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(wanted_memory(tcb), wmem[1], std::max(wmem[1], wmem[2])));
}

void set_quick_ack(Tcb& tcb, bool is_on) {
  tcb.ack.is_interactive = !is_on;
  if (!is_on || !tcb.deadlines.is_set(Timer::delayed_ack)) return;
  // The third segment of a handshake, of which nothing is to be read.
  if (tcb.ack.last_received == Instant()) return acknowledge_now(tcb);
  // As Linux's __tcp_sock_set_quickack: what waits is acknowledged as if it had been pushed and
  // were being read now, so not while some of it is unread.
  tcb.ack.pushed = true;
  on_read(tcb);
}

bool is_writable(const Tcb& tcb) {
  if (tcb.send_buffer.size() > send_limit(tcb) / 3 * 2) return false;
  const std::uint32_t mark = notsent_lowat(tcb);
  return mark == kNoMark || std::uint64_t{2} * tcb.unsent() < mark;
}

void tell_if_writable(Tcb& tcb) {
  if (!tcb.send_was_refused || !is_writable(tcb)) return;
  tcb.send_was_refused = false;
  tcb.events |= EventBits::writable;
}

}  // namespace tuntcp::tcp
