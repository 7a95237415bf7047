#include "stack/io/ss_info.h"

#include <cinttypes>
#include <cstdint>
#include <limits>

#include "stack/io/print.h"

namespace tuntcp::io {
namespace {

constexpr auto kUnbounded = std::numeric_limits<std::uint64_t>::max();
// ss takes a larger one for "not known yet".
constexpr std::uint32_t kMostSsthresh = 0xFFFE;
constexpr std::uint32_t kReordering = 3;  // tcp_reordering's default, which ss does not mention

double ms(Duration duration) {
  return static_cast<double>(duration.count_us()) / 1e3;
}

// Where ss prints a field only if it is not zero.
void field(std::string& out, const char* name, std::uint64_t value) {
  if (value != 0) print(out, " %s:%" PRIu64, name, value);
}
void field(std::string& out, const char* name, Duration value) {
  if (value.count_us() > 0) print(out, " %s:%g", name, ms(value));
}
void ago(std::string& out, const char* name, Duration value) {
  if (value != Duration::infinite()) field(out, name, static_cast<std::uint64_t>(value.count_ms()));
}

void print_agreed(std::string& out, const Status& s) {
  if (s.has_timestamps) out += " ts";
  if (s.has_sack) out += " sack";
  if (s.has_ecn) out += " ecn";
  if (s.ecn_was_seen) out += " ecnseen";
  if (*s.congestion != '\0') print(out, " %s", s.congestion);
  if (s.has_window_scaling) print(out, " wscale:%u,%u", s.snd_wscale, s.rcv_wscale);
}

void print_path(std::string& out, const Status& s) {
  field(out, "rto", s.rto);
  field(out, "backoff", s.back_off);
  if (s.srtt > Duration::zero()) print(out, " rtt:%g/%g", ms(s.srtt), ms(s.rttvar));
  field(out, "ato", s.delayed_ack);
  field(out, "mss", s.snd_mss);
  field(out, "pmtu", s.pmtu);
  field(out, "rcvmss", s.rcv_mss);
  field(out, "advmss", s.advertised_mss);
  field(out, "cwnd", s.cwnd_segments);
  const std::uint32_t ssthresh = s.ssthresh_octets / s.snd_mss;
  if (ssthresh <= kMostSsthresh) field(out, "ssthresh", ssthresh);
}

void print_counts(std::string& out, const Status& s) {
  field(out, "bytes_sent", s.octets_sent + s.octets_retransmitted);
  field(out, "bytes_retrans", s.octets_retransmitted);
  field(out, "bytes_acked", s.numbers_acked);
  field(out, "bytes_received", s.numbers_received);
  field(out, "segs_out", s.segments_out);
  field(out, "segs_in", s.segments_in);
  field(out, "data_segs_out", s.data_segments_out);
  field(out, "data_segs_in", s.data_segments_in);
}

void print_rates(std::string& out, const Status& s) {
  if (s.srtt.count_us() > 0 && s.cwnd_segments != 0) {
    const double window = double{8} * s.snd_mss * s.cwnd_segments;
    print(out, " send %.0fbps", window * 1e6 / static_cast<double>(s.srtt.count_us()));
  }
  ago(out, "lastsnd", s.data_sent_ago);
  ago(out, "lastrcv", s.data_received_ago);
  ago(out, "lastack", s.ack_received_ago);
  if (s.pacing_rate != 0 && s.pacing_rate != kUnbounded) {
    print(out, " pacing_rate %.0fbps", 8 * static_cast<double>(s.pacing_rate));
    if (s.max_pacing_rate != 0 && s.max_pacing_rate != kUnbounded) {
      print(out, "/%.0fbps", 8 * static_cast<double>(s.max_pacing_rate));
    }
  }
  if (s.delivery_rate != 0) {
    print(out, " delivery_rate %.0fbps", 8 * static_cast<double>(s.delivery_rate));
  }
  field(out, "delivered", s.segments_delivered);
  field(out, "delivered_ce", s.segments_delivered_ce);
  if (s.delivery_is_app_limited) out += " app_limited";
}

// For how long there was something to send, and for which part of that it was held back.
void print_busy_time(std::string& out, const Status& s) {
  if (s.busy.count_ms() == 0) return;
  print(out, " busy:%" PRId64 "ms", s.busy.count_ms());
  const auto part = [&](const char* name, Duration limited) {
    if (limited == Duration::zero()) return;
    print(out, " %s:%" PRId64 "ms(%.1f%%)", name, limited.count_ms(),
          100 * limited.count_s() / s.busy.count_s());
  };
  part("rwnd_limited", s.limited_by_window);
  part("sndbuf_limited", s.limited_by_buffer);
}

void print_recovery(std::string& out, const Status& s) {
  field(out, "unacked", s.unacked_segments);
  if (s.retransmitted_outstanding != 0 || s.segments_retransmitted != 0) {
    print(out, " retrans:%u/%u", s.retransmitted_outstanding, s.segments_retransmitted);
  }
  field(out, "lost", s.lost_segments);
  field(out, "sacked", s.sacked_segments);
  field(out, "dsack_dups", s.dsacks_received);
  if (s.reordering != kReordering) field(out, "reordering", s.reordering);
  field(out, "reord_seen", s.reordering_seen);
}

void print_receiver(std::string& out, const Status& s) {
  field(out, "rcv_rtt", s.receiver_rtt);
  field(out, "rcv_space", s.receive_space);
  field(out, "rcv_ssthresh", s.rcv_ssthresh);
  field(out, "notsent", s.unsent_octets);
  field(out, "minrtt", s.min_rtt);
  field(out, "rcv_ooopack", s.out_of_order_segments);
  field(out, "snd_wnd", s.snd_wnd);
  field(out, "rcv_wnd", s.rcv_wnd);
}

}  // namespace

std::string ss_info(const Status& status) {
  std::string out;
  if (status.snd_mss == 0) return out;
  print_agreed(out, status);
  print_path(out, status);
  print_counts(out, status);
  print_rates(out, status);
  print_busy_time(out, status);
  print_recovery(out, status);
  print_receiver(out, status);
  if (!out.empty()) out.erase(0, 1);
  return out;
}

}  // namespace tuntcp::io
