// struct tcp_info of Linux 6.18, which is older in the C library's headers: the same layout and the
// kernel's names, so that getsockopt(TCP_INFO) fills a program's struct of any age.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tuntcp::bsd {

// Times are microseconds, except the tcpi_last_* ones, which are milliseconds; tcpi_snd_mss,
// tcpi_rcv_mss, windows and tcpi_bytes_* are octets, rates octets a second; the rest counts
// segments. Always 0 are what Linux has no more (tcpi_fackets, tcpi_last_ack_sent) and what is not
// done here (tcpi_rehash; all of Accurate ECN). Deviation:
// tcpi_total_rto_time ends with the handshake where a SYN had to be repeated. Linux counts on until
// the next recovery is over.
struct TcpInfo {
  std::uint8_t tcpi_state;
  std::uint8_t tcpi_ca_state;
  std::uint8_t tcpi_retransmits;
  std::uint8_t tcpi_probes;
  std::uint8_t tcpi_backoff;
  std::uint8_t tcpi_options;
  std::uint8_t tcpi_snd_wscale : 4;
  std::uint8_t tcpi_rcv_wscale : 4;
  std::uint8_t tcpi_delivery_rate_app_limited : 1;
  std::uint8_t tcpi_fastopen_client_fail : 2;
  std::uint32_t tcpi_rto;
  std::uint32_t tcpi_ato;
  std::uint32_t tcpi_snd_mss;
  std::uint32_t tcpi_rcv_mss;
  std::uint32_t tcpi_unacked;
  std::uint32_t tcpi_sacked;
  std::uint32_t tcpi_lost;
  std::uint32_t tcpi_retrans;
  std::uint32_t tcpi_fackets;
  std::uint32_t tcpi_last_data_sent;
  std::uint32_t tcpi_last_ack_sent;
  std::uint32_t tcpi_last_data_recv;
  std::uint32_t tcpi_last_ack_recv;
  std::uint32_t tcpi_pmtu;
  std::uint32_t tcpi_rcv_ssthresh;
  std::uint32_t tcpi_rtt;
  std::uint32_t tcpi_rttvar;
  std::uint32_t tcpi_snd_ssthresh;
  std::uint32_t tcpi_snd_cwnd;
  std::uint32_t tcpi_advmss;
  std::uint32_t tcpi_reordering;
  std::uint32_t tcpi_rcv_rtt;
  std::uint32_t tcpi_rcv_space;
  std::uint32_t tcpi_total_retrans;
  std::uint64_t tcpi_pacing_rate;
  std::uint64_t tcpi_max_pacing_rate;
  std::uint64_t tcpi_bytes_acked;
  std::uint64_t tcpi_bytes_received;
  std::uint32_t tcpi_segs_out;
  std::uint32_t tcpi_segs_in;
  std::uint32_t tcpi_notsent_bytes;
  std::uint32_t tcpi_min_rtt;
  std::uint32_t tcpi_data_segs_in;
  std::uint32_t tcpi_data_segs_out;
  std::uint64_t tcpi_delivery_rate;
  std::uint64_t tcpi_busy_time;
  std::uint64_t tcpi_rwnd_limited;
  std::uint64_t tcpi_sndbuf_limited;
  std::uint32_t tcpi_delivered;
  std::uint32_t tcpi_delivered_ce;
  std::uint64_t tcpi_bytes_sent;
  std::uint64_t tcpi_bytes_retrans;
  std::uint32_t tcpi_dsack_dups;
  std::uint32_t tcpi_reord_seen;
  std::uint32_t tcpi_rcv_ooopack;
  std::uint32_t tcpi_snd_wnd;
  std::uint32_t tcpi_rcv_wnd;
  std::uint32_t tcpi_rehash;
  std::uint16_t tcpi_total_rto;
  std::uint16_t tcpi_total_rto_recoveries;
  std::uint32_t tcpi_total_rto_time;
  std::uint32_t tcpi_received_ce;
  std::uint32_t tcpi_delivered_e1_bytes;
  std::uint32_t tcpi_delivered_e0_bytes;
  std::uint32_t tcpi_delivered_ce_bytes;
  std::uint32_t tcpi_received_e1_bytes;
  std::uint32_t tcpi_received_e0_bytes;
  std::uint32_t tcpi_received_ce_bytes;
  std::uint16_t tcpi_accecn_fail_mode;
  std::uint16_t tcpi_accecn_opt_seen;
};
static_assert(offsetof(TcpInfo, tcpi_rto) == 8);
static_assert(offsetof(TcpInfo, tcpi_total_retrans) == 100);
static_assert(offsetof(TcpInfo, tcpi_snd_wnd) == 228);
static_assert(offsetof(TcpInfo, tcpi_total_rto_time) == 244);
static_assert(sizeof(TcpInfo) == 280);

}  // namespace tuntcp::bsd
