#include "tools/drill/tcp_info_names.h"

namespace tuntcp::drill {

std::map<std::string, std::int64_t> tcp_info_by_name(const bsd::TcpInfo& info) {
  std::map<std::string, std::int64_t> values;
#define VALUE(name) values[#name] = static_cast<std::int64_t>(info.name)
  VALUE(tcpi_state);
  VALUE(tcpi_ca_state);
  VALUE(tcpi_retransmits);
  VALUE(tcpi_probes);
  VALUE(tcpi_backoff);
  VALUE(tcpi_options);
  VALUE(tcpi_snd_wscale);
  VALUE(tcpi_rcv_wscale);
  VALUE(tcpi_delivery_rate_app_limited);
  VALUE(tcpi_fastopen_client_fail);
  VALUE(tcpi_rto);
  VALUE(tcpi_ato);
  VALUE(tcpi_snd_mss);
  VALUE(tcpi_rcv_mss);
  VALUE(tcpi_unacked);
  VALUE(tcpi_sacked);
  VALUE(tcpi_lost);
  VALUE(tcpi_retrans);
  VALUE(tcpi_fackets);
  VALUE(tcpi_last_data_sent);
  VALUE(tcpi_last_ack_sent);
  VALUE(tcpi_last_data_recv);
  VALUE(tcpi_last_ack_recv);
  VALUE(tcpi_pmtu);
  VALUE(tcpi_rcv_ssthresh);
  VALUE(tcpi_rtt);
  VALUE(tcpi_rttvar);
  VALUE(tcpi_snd_ssthresh);
  VALUE(tcpi_snd_cwnd);
  VALUE(tcpi_advmss);
  VALUE(tcpi_reordering);
  VALUE(tcpi_rcv_rtt);
  VALUE(tcpi_rcv_space);
  VALUE(tcpi_total_retrans);
  VALUE(tcpi_pacing_rate);
  VALUE(tcpi_max_pacing_rate);
  VALUE(tcpi_bytes_acked);
  VALUE(tcpi_bytes_received);
  VALUE(tcpi_segs_out);
  VALUE(tcpi_segs_in);
  VALUE(tcpi_notsent_bytes);
  VALUE(tcpi_min_rtt);
  VALUE(tcpi_data_segs_in);
  VALUE(tcpi_data_segs_out);
  VALUE(tcpi_delivery_rate);
  VALUE(tcpi_busy_time);
  VALUE(tcpi_rwnd_limited);
  VALUE(tcpi_sndbuf_limited);
  VALUE(tcpi_delivered);
  VALUE(tcpi_delivered_ce);
  VALUE(tcpi_bytes_sent);
  VALUE(tcpi_bytes_retrans);
  VALUE(tcpi_dsack_dups);
  VALUE(tcpi_reord_seen);
  VALUE(tcpi_rcv_ooopack);
  VALUE(tcpi_snd_wnd);
  VALUE(tcpi_rcv_wnd);
  VALUE(tcpi_rehash);
  VALUE(tcpi_total_rto);
  VALUE(tcpi_total_rto_recoveries);
  VALUE(tcpi_total_rto_time);
#undef VALUE
  return values;
}

}  // namespace tuntcp::drill
