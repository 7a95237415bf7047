// From STATUS to TCP_INFO, in Linux's units.
#include "stack/bsd/tcp_info.h"

#include <algorithm>
#include <limits>

#include "stack/bsd/tables.h"

namespace tuntcp::bsd {
namespace {

using tcp::State;

// TCP_ESTABLISHED ... of the kernel's tcp_states.h.
std::uint8_t linux_state(State state) {
  switch (state) {
    case State::established:
      return 1;
    case State::syn_sent:
      return 2;
    case State::syn_received:
      return 3;
    case State::fin_wait_1:
      return 4;
    case State::fin_wait_2:
      return 5;
    case State::time_wait:
      return 6;
    case State::closed:
      return 7;
    case State::close_wait:
      return 8;
    case State::last_ack:
      return 9;
    case State::listen:
      return 10;
    case State::closing:
      return 11;
  }
  return 7;
}

// TCPI_OPT_*.
constexpr std::uint8_t kTimestamps = 1;
constexpr std::uint8_t kSack = 2;
constexpr std::uint8_t kWindowScale = 4;
constexpr std::uint8_t kEcn = 8;
constexpr std::uint8_t kEcnSeen = 16;

constexpr std::uint32_t kInfiniteSsthresh = 0x7fffffff;  // TCP_INFINITE_SSTHRESH
constexpr std::uint32_t kInitialCwnd = 10;
constexpr std::uint32_t kInitialRtoUs = 1'000'000;
constexpr std::uint32_t kInitialRttvarUs = 250'000;
constexpr auto kUnbounded = std::numeric_limits<std::uint64_t>::max();
constexpr auto kNeverMeasured = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t kDefaultMss = 536;
constexpr std::uint32_t kReordering = 3;

std::uint32_t microseconds(Duration duration) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(duration.count_us(), 0, std::numeric_limits<std::int32_t>::max()));
}
std::uint32_t milliseconds_ago(Duration duration) {
  if (duration == Duration::infinite()) return 0;
  return static_cast<std::uint32_t>(duration.count_ms());
}

void fill_sender(const Status& status, TcpInfo& info) {
  info.tcpi_ca_state = static_cast<std::uint8_t>(status.episode);  // TCP_CA_Open ... TCP_CA_Loss
  info.tcpi_retransmits = static_cast<std::uint8_t>(status.retransmits);
  info.tcpi_probes = static_cast<std::uint8_t>(status.probes);
  info.tcpi_backoff = static_cast<std::uint8_t>(status.back_off);
  info.tcpi_snd_wscale = status.snd_wscale & 0xf;
  info.tcpi_rto = microseconds(status.rto);
  info.tcpi_snd_mss = status.snd_mss;
  info.tcpi_unacked = status.unacked_segments;
  info.tcpi_sacked = status.sacked_segments;
  info.tcpi_lost = status.lost_segments;
  info.tcpi_retrans = status.retransmitted_outstanding;
  info.tcpi_pmtu = status.pmtu;
  info.tcpi_rtt = microseconds(status.srtt);
  info.tcpi_rttvar = microseconds(status.rttvar);
  info.tcpi_snd_ssthresh = status.ssthresh_octets > kInfiniteSsthresh
                               ? kInfiniteSsthresh
                               : status.ssthresh_octets / std::max(status.snd_mss, 1U);
  info.tcpi_snd_cwnd = status.cwnd_segments;
  info.tcpi_reordering = status.reordering;
  info.tcpi_reord_seen = status.reordering_seen;
  info.tcpi_delivery_rate = status.delivery_rate;
  info.tcpi_delivery_rate_app_limited = status.delivery_is_app_limited ? 1 : 0;
  info.tcpi_pacing_rate = status.pacing_rate;
  info.tcpi_max_pacing_rate = status.max_pacing_rate;
  info.tcpi_total_retrans = status.segments_retransmitted;
  info.tcpi_bytes_acked = status.numbers_acked;
  info.tcpi_segs_out = status.segments_out;
  info.tcpi_notsent_bytes = status.unsent_octets;
  info.tcpi_min_rtt =
      status.min_rtt == Duration::zero() ? kNeverMeasured : microseconds(status.min_rtt);
  info.tcpi_data_segs_out = status.data_segments_out;
  info.tcpi_delivered = status.segments_delivered;
  info.tcpi_delivered_ce = status.segments_delivered_ce;
  info.tcpi_bytes_sent = status.octets_sent + status.octets_retransmitted;
  info.tcpi_bytes_retrans = status.octets_retransmitted;
  info.tcpi_snd_wnd = status.snd_wnd;
  info.tcpi_total_rto = static_cast<std::uint16_t>(status.timeouts);
  info.tcpi_total_rto_recoveries = static_cast<std::uint16_t>(status.rows_of_timeouts);
  info.tcpi_total_rto_time = static_cast<std::uint32_t>(status.recovering.count_ms());
  info.tcpi_dsack_dups = status.dsacks_received;
  info.tcpi_busy_time = static_cast<std::uint64_t>(status.busy.count_us());
  info.tcpi_rwnd_limited = static_cast<std::uint64_t>(status.limited_by_window.count_us());
  info.tcpi_sndbuf_limited = static_cast<std::uint64_t>(status.limited_by_buffer.count_us());
}

void fill_receiver(const Status& status, TcpInfo& info) {
  info.tcpi_rcv_wscale = status.rcv_wscale & 0xf;
  info.tcpi_ato = microseconds(status.delayed_ack);
  info.tcpi_rcv_mss = status.rcv_mss;
  info.tcpi_last_data_sent = milliseconds_ago(status.data_sent_ago);
  info.tcpi_last_data_recv = milliseconds_ago(status.data_received_ago);
  info.tcpi_last_ack_recv = milliseconds_ago(status.ack_received_ago);
  info.tcpi_rcv_ssthresh = status.rcv_ssthresh;
  info.tcpi_advmss = status.advertised_mss;
  info.tcpi_rcv_rtt = microseconds(status.receiver_rtt);
  info.tcpi_bytes_received = status.numbers_received;
  info.tcpi_segs_in = status.segments_in;
  info.tcpi_data_segs_in = status.data_segments_in;
  info.tcpi_rcv_ooopack = status.out_of_order_segments;
  info.tcpi_rcv_wnd = status.rcv_wnd;
  info.tcpi_rcv_space = status.receive_space;
}

}  // namespace

TcpInfo Sockets::tcp_info(int fd) const {
  TcpInfo info{};
  const File* const file = tables_->file(fd);
  if (file == nullptr || !file->socket) return info;
  const Socket& socket = *file->socket;
  const Status status = tables_->status(socket);
  info.tcpi_state = linux_state(status.state);
  info.tcpi_pacing_rate = kUnbounded;
  info.tcpi_max_pacing_rate = kUnbounded;
  switch (socket.stage) {
    case Socket::Stage::listening:
      // The accept queue and its limit, in fields that a listener does not need.
      info.tcpi_unacked = status.recv_q;
      info.tcpi_sacked = status.send_q;
      info.tcpi_snd_cwnd = kInitialCwnd;
      info.tcpi_reordering = kReordering;
      return info;
    case Socket::Stage::fresh:
      info.tcpi_delivery_rate_app_limited = 1;
      info.tcpi_rto = kInitialRtoUs;
      info.tcpi_rttvar = kInitialRttvarUs;
      info.tcpi_min_rtt = kNeverMeasured;
      info.tcpi_snd_mss = kDefaultMss;
      info.tcpi_snd_ssthresh = kInfiniteSsthresh;
      info.tcpi_snd_cwnd = kInitialCwnd;
      info.tcpi_reordering = kReordering;
      return info;
    case Socket::Stage::connection:
      break;
  }
  if (status.has_timestamps) info.tcpi_options |= kTimestamps;
  if (status.has_sack) info.tcpi_options |= kSack;
  if (status.has_window_scaling) info.tcpi_options |= kWindowScale;
  if (status.has_ecn) info.tcpi_options |= kEcn;
  if (status.ecn_was_seen) info.tcpi_options |= kEcnSeen;
  fill_sender(status, info);
  fill_receiver(status, info);
  return info;
}

}  // namespace tuntcp::bsd
