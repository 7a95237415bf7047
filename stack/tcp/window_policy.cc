#include "stack/tcp/window_policy.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "stack/tcp/timestamps.h"

namespace tuntcp::tcp {
namespace {

constexpr std::uint32_t kShares = 256;  // of which ReceiveSpace::share are offered as window

// Before any text came.
constexpr std::uint32_t first_window_from_memory(std::uint32_t memory) {
  return memory / 2;
}
std::uint32_t window_from_memory(const ReceiveSpace& space, std::uint32_t memory) {
  return static_cast<std::uint32_t>(std::uint64_t{memory} * space.share / kShares);
}
std::uint64_t memory_from_window(const ReceiveSpace& space, std::uint64_t window) {
  return window * kShares / space.share;
}

// The largest window this buffer may have, TCP_WINDOW_CLAMP permitting.
std::uint32_t clamp_of(const ReceiveSpace& space) {
  const std::uint32_t most = window_from_memory(space, space.buffer);
  return space.asked_clamp != 0 ? std::min(most, space.asked_clamp) : most;
}

std::uint32_t memory_held(const Tcb& tcb) {
  return tcb.receive_buffer.memory() + tcb.reassembly.memory();
}

std::uint32_t free_window(const Tcb& tcb) {
  const std::uint32_t held = memory_held(tcb);
  return held >= tcb.space.buffer ? 0 : window_from_memory(tcb.space, tcb.space.buffer - held);
}

// What may be offered now, before rounding; 0 rather than a silly little.
std::uint32_t window_wanted(const Tcb& tcb) {
  const std::uint32_t whole =
      std::min(tcb.space.clamp, window_from_memory(tcb.space, tcb.space.buffer));
  const std::uint32_t mss = std::min(tcb.ack.rcv_mss, whole);
  const std::uint32_t free = std::min(free_window(tcb), tcb.space.clamp);
  // MUST-39: the edge moves by a full segment or not at all; and with less than a sixteenth of the
  // buffer left the window closes, so that the peer stops while there is still memory.
  if (free < whole / 2 && (free < whole / 16 || free < mss)) return 0;
  // A segment always fits: an application that lowered SO_RCVBUF and raised it again leaves an
  // ssthresh below that.
  return std::min(free, std::max(tcb.space.ssthresh, mss));
}

// RFC 7323, 4.2: the echo of our own clock gives a receiver round-trip times. On a path faster than
// that clock's tick what we measured ourselves, if only on the SYN, is better.
void measure_by_echo(Tcb& tcb, const Segment& seg, Instant now) {
  ReceiveSpace& space = tcb.space;
  if (!tcb.agreed.timestamps || !seg.options.timestamps) return;
  const std::uint32_t echo = seg.options.timestamps->echo;
  // Of what left together in answer to one ACK only the first came a round trip after it; and a
  // sender with little to say may have waited before it said it.
  if (echo == 0 || echo == space.last_echo) return;
  space.last_echo = echo;
  if (seg.text.size() < tcb.ack.rcv_mss) return;
  const auto ticks = static_cast<std::int32_t>(timestamp_clock(tcb.ts, now) - echo);
  if (ticks < 0) return;
  Duration sample = Duration::milliseconds(std::max(ticks, 1));
  if (ticks <= 1 && tcb.rtt.has_sample()) sample = std::min(sample, tcb.rtt.srtt());
  if (space.rtt == Duration::zero() || sample < space.rtt) {
    space.rtt = sample;
  } else if (tcb.receive_buffer.readable() <= seg.text.size()) {
    // Longer only while the application keeps up: else it is what the peer waits for.
    space.rtt = (space.rtt * 7 + sample) / 8;
  }
}

// With timestamps or without: the time that a window's worth takes to arrive is no less than a
// round trip, and so the least of such times counts.
void measure_by_window(Tcb& tcb, Instant now) {
  ReceiveSpace& space = tcb.space;
  if (space.rtt_started != Instant()) {
    if (tcb.rcv.nxt < space.rtt_seq) return;
    const Duration sample = std::max(now - space.rtt_started, 1_us);
    if (space.rtt == Duration::zero() || sample < space.rtt) space.rtt = sample;
  }
  space.rtt_seq = tcb.rcv.nxt + std::max(tcb.rcv.wnd(), 1U);
  space.rtt_started = now;
}

// Linux's tcp_grow_window: text of so many octets came that is worth its memory.
void open_window(Tcb& tcb, std::uint32_t octets) {
  ReceiveSpace& space = tcb.space;
  const std::uint32_t room = std::min(space.clamp, free_window(tcb));
  if (space.ssthresh >= room) return;
  const std::uint32_t step = 2 * std::max(tcb.ack.rcv_mss, octets);
  space.ssthresh += std::min(step, room - space.ssthresh);
  // What there is more to offer is told at once. As in Linux an even number of quick ACKs becomes
  // an odd one, so that as long as the window opens, none is used up.
  tcb.ack.quick |= 1;
}

// Linux's tcp_rcvbuf_grow: `copied` octets were read in a round trip.
void grow_buffer(Tcb& tcb, std::uint32_t copied) {
  ReceiveSpace& space = tcb.space;
  const std::uint32_t before = std::max(std::exchange(space.best_round, copied), 1U);
  if (space.is_locked || sysctl(tcb).tcp_moderate_rcvbuf == 0) return;
  // What is known is a round trip old: twice as much leaves room for the sender's slow start to
  // double, and the surplus follows the growth since. What lies behind a gap has to wait for a
  // retransmission, which must not stop the sender.
  std::uint64_t window = std::uint64_t{2} * copied;
  window += 2 * (window * (copied - std::min(before, copied)) / before);
  if (!tcb.reassembly.is_empty()) {
    window += octets_between(tcb.rcv.nxt, tcb.reassembly.right_edge());
  }
  const std::uint64_t memory =
      std::min<std::uint64_t>(memory_from_window(space, window), sysctl(tcb).tcp_rmem[2]);
  if (memory <= space.buffer) return;
  space.buffer = static_cast<std::uint32_t>(memory);
  space.clamp = clamp_of(space);
}

}  // namespace

std::uint8_t window_shift(const Sysctl& sysctl, std::uint32_t locked_buffer, std::uint32_t clamp) {
  std::uint32_t most = sysctl.tcp_rmem[2];
  if (locked_buffer != 0) most = std::min(most, first_window_from_memory(locked_buffer));
  if (clamp != 0) most = std::min(most, clamp);
  std::uint8_t shift = 0;
  while (shift < wire::kMaxWindowShift && (most >> shift) > 65'535) ++shift;
  return shift;
}

std::uint16_t initial_window(std::uint32_t buffer_octets, std::uint32_t advertised_mss,
                             std::uint32_t clamp) {
  std::uint32_t window = std::min(first_window_from_memory(buffer_octets), 65'535U);
  if (clamp != 0) window = std::min(window, clamp);
  if (window > advertised_mss) window -= window % advertised_mss;
  return static_cast<std::uint16_t>(window);
}

std::uint16_t window_field(std::uint32_t window, std::uint8_t shift) {
  const std::uint64_t rounded_up = (std::uint64_t{window} + (1U << shift) - 1) >> shift;
  return static_cast<std::uint16_t>(std::min<std::uint64_t>(rounded_up, 65'535));
}

void start_receive_space(Tcb& tcb, std::uint32_t so_rcvbuf, std::uint32_t advertised_mss) {
  ReceiveSpace& space = tcb.space;
  space.is_locked = so_rcvbuf != 0;
  space.buffer = so_rcvbuf != 0 ? so_rcvbuf : sysctl(tcb).tcp_rmem[1];
  space.clamp = clamp_of(space);
  space.ssthresh = std::min<std::uint32_t>(
      initial_window(space.buffer, advertised_mss, space.asked_clamp), space.clamp);
}

// As Linux's tcp_init_buffer_space. A window that is clamped further keeps what it has.
void reserve_window(Tcb& tcb, std::uint32_t advertised_mss) {
  ReceiveSpace& space = tcb.space;
  const std::uint32_t share = sysctl(tcb).tcp_app_win;
  const std::uint32_t whole = window_from_memory(space, space.buffer);
  if (share == 0) return;
  if (space.clamp >= whole && whole > 4 * advertised_mss) {
    space.clamp = std::max(whole - (whole >> share), 4 * advertised_mss);
  }
  if (space.clamp > 2 * advertised_mss && space.clamp + advertised_mss > whole) {
    space.clamp = std::max(2 * advertised_mss, whole - std::min(whole, advertised_mss));
  }
  space.ssthresh = std::min(space.ssthresh, space.clamp);
  // What is read in a round trip must be more than a sender's first window to let the buffer grow.
  constexpr std::uint32_t kInitialWindow = 10;
  space.best_round = std::min({space.ssthresh, tcb.rcv.wnd(), kInitialWindow * advertised_mss});
}

void clamp_window(Tcb& tcb, std::uint32_t octets) {
  ReceiveSpace& space = tcb.space;
  space.asked_clamp = octets;
  if (octets == 0) return;
  const std::uint32_t before = std::exchange(space.clamp, octets);
  // A higher clamp opens no more than was offered; from there the window grows as ever.
  space.ssthresh = octets < before ? std::min(space.ssthresh, octets)
                                   : std::max(space.ssthresh, std::min(tcb.rcv.wnd(), octets));
}

void lock_receive_space(Tcb& tcb, std::uint32_t so_rcvbuf) {
  tcb.space.is_locked = true;
  tcb.space.buffer = so_rcvbuf;
  tcb.space.clamp = clamp_of(tcb.space);
  tcb.space.ssthresh = std::min(tcb.space.ssthresh, tcb.space.clamp);
}

std::uint16_t window_to_advertise(Tcb& tcb) {
  const std::uint32_t current = tcb.rcv.wnd();
  const std::uint32_t wanted = window_wanted(tcb);
  const std::uint8_t shift = tcb.rcv.wscale;
  const std::uint16_t field = window_field(std::max(current, wanted), shift);
  // The last segment said where the edge is, and acknowledged up to here.
  const bool was_open = tcb.rcv.edge != tcb.rcv.last_ack_sent;
  tcb.rcv.edge = later_of(tcb.rcv.edge, tcb.rcv.nxt + (std::uint32_t{field} << shift));
  if (wanted == 0 && current != 0) mib(tcb).add(Counter::tcp_want_zero_window);
  if (was_open && field == 0) mib(tcb).add(Counter::tcp_to_zero_window);
  if (!was_open && field != 0) mib(tcb).add(Counter::tcp_from_zero_window);
  return field;
}

bool window_update_is_due(const Tcb& tcb) {
  // Linux's rule: worth a segment only if the peer's view at least doubles. While more than half of
  // the largest window is open the peer is in no need.
  const std::uint32_t current = tcb.rcv.wnd();
  if (std::uint64_t{2} * current > tcb.space.clamp) return false;
  const std::uint32_t wanted = window_wanted(tcb);
  return wanted != 0 && wanted >= std::uint64_t{2} * current;
}

void on_larger_segment(Tcb& tcb) {
  // What Linux's packets take (truesize): text, headers and what the driver adds in a block of a
  // power of two, and its description. 1448 octets of text take 2304.
  constexpr std::uint32_t kBesideTheText = 52 + 64 + 320;
  constexpr std::uint32_t kDescription = 256;
  ReceiveSpace& space = tcb.space;
  const std::uint32_t mss = tcb.ack.rcv_mss;
  const std::uint32_t packet = std::bit_ceil(mss + kBesideTheText) + kDescription;
  const auto share = static_cast<std::uint8_t>(mss * kShares / packet);
  // Deviation: Linux offers less where packets are small. Here small ones are packed together.
  if (share <= space.share) return;
  space.share = share;
  space.clamp = clamp_of(space);
}

void on_text_arrived(Tcb& tcb, const Segment& seg, Instant now) {
  measure_by_echo(tcb, seg, now);
  measure_by_window(tcb, now);
  // Small ones cost more memory than they are worth.
  constexpr std::uint32_t kWorthAWindow = 128;
  if (seg.text.size() >= kWorthAWindow) open_window(tcb, seg.text.size());
}

void on_text_out_of_order(Tcb& tcb, const Segment& seg, Instant now) {
  measure_by_echo(tcb, seg, now);
  grow_buffer(tcb, tcb.space.best_round);
  // A duplicate ACK is one that tells of the same window (RFC 5681, 2); to who knows SACK the
  // blocks tell enough.
  if (tcb.agreed.sack) open_window(tcb, seg.text.size());
}

void on_text_read(Tcb& tcb, std::uint32_t octets, Instant now) {
  ReceiveSpace& space = tcb.space;
  space.round_copied += std::min(octets, ~space.round_copied);
  if (space.rtt == Duration::zero() || now - space.round_started < space.rtt) return;
  // What waits to be read came in this round, too, and a slow reader needs no larger window.
  const std::uint32_t unread = tcb.receive_buffer.readable();
  const std::uint32_t read = std::exchange(space.round_copied, 0);
  const std::uint32_t copied = read - std::min(read, unread);
  space.round_started = now;
  if (copied > space.best_round) grow_buffer(tcb, copied);
}

}  // namespace tuntcp::tcp
