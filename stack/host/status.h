// What can be asked about a connection: STATUS, RFC 9293, 3.10.6, in the words of ss(8).
#pragma once

#include <cstdint>

#include "stack/base/address.h"
#include "stack/base/error.h"
#include "stack/base/time.h"
#include "stack/tcp/congestion/episode.h"
#include "stack/tcp/state.h"

namespace tuntcp {

enum class TimerKind : std::uint8_t {
  none,
  retransmit,
  persist,
  time_wait,
  fin_wait_2,
  syn_ack,
  keep_alive
};
const char* to_string(TimerKind kind);  // ss(8): "on", "persist", "timewait", ...

// A snapshot; LISTEN, SYN-RECEIVED and TIME-WAIT fill only what they have.
struct Status {
  FourTuple tuple;
  tcp::State state = tcp::State::closed;
  Error error = Error::none;       // why it is CLOSED
  Error soft_error = Error::none;  // what ICMP said last, if nothing was acknowledged since
  // ss's Recv-Q and Send-Q: octets unread and octets not acknowledged; for LISTEN connections
  // waiting for accept, and the backlog.
  std::uint32_t recv_q = 0;
  std::uint32_t send_q = 0;
  TimerKind timer = TimerKind::none;
  Duration timer_left;            // until `timer` expires; for TIME-WAIT the time it is left
  std::uint32_t retransmits = 0;  // in a row
  bool is_orphan = false;         // the application released it
  bool is_stalled = false;        // R1 was reached: EventBits::stalled
  // Octets of the peer's urgent data not read yet, received or still to come (MUST-33).
  std::uint32_t urgent_left = 0;

  std::uint32_t snd_mss = 0, rcv_mss = 0, pmtu = 0;
  std::uint8_t snd_wscale = 0, rcv_wscale = 0;
  bool has_timestamps = false, has_sack = false, has_window_scaling = false;
  bool has_ecn = false, ecn_was_seen = false;  // agreed on; text with ECT or CE came
  const char* congestion = "";                 // the controller's name
  std::uint32_t cwnd_segments = 0, ssthresh_octets = 0;
  std::uint32_t snd_wnd = 0, rcv_wnd = 0, unacked_octets = 0;
  std::uint32_t sndbuf = 0, rcvbuf = 0;
  Duration srtt, rttvar, rto, min_rtt;
  std::uint64_t octets_sent = 0, octets_acked = 0, octets_received = 0, octets_retransmitted = 0;

  // More of what TCP_INFO tells. Segments are those of the wire.
  bool peer_has_finished = false;  // its FIN was received
  // As Linux counts octets: the peer's FIN and ours are some, and so is the SYN of an active OPEN.
  std::uint64_t numbers_acked = 0, numbers_received = 0;
  bool fin_is_outstanding = false;            // ours is queued or sent, and not acknowledged
  bool acks_quickly = false;                  // the application does not answer: TCP_QUICKACK
  tcp::Episode episode = tcp::Episode::open;  // tcpi_ca_state
  std::uint32_t timestamp = 0;                // what its clock of RFC 7323 says
  std::uint32_t reordering = 3;  // segments by which packets are expected to be overtaken
  std::uint32_t reordering_seen = 0;
  // Octets a second. The rate of delivery is the latest that was measured; 0: none. Of pacing:
  // what it is or would be, and SO_MAX_PACING_RATE; the largest number where there is no bound.
  std::uint64_t delivery_rate = 0, pacing_rate = 0, max_pacing_rate = 0;
  bool delivery_is_app_limited = false;
  std::uint32_t window_clamp = 0;  // octets of window at most
  std::uint32_t probes = 0, back_off = 0;
  std::uint32_t unsent_octets = 0;
  std::uint32_t unacked_segments = 0, sacked_segments = 0, lost_segments = 0;
  std::uint32_t retransmitted_outstanding = 0;  // segments
  std::uint32_t advertised_mss = 0, rcv_ssthresh = 0;
  std::uint32_t segments_in = 0, segments_out = 0, data_segments_in = 0, data_segments_out = 0;
  std::uint32_t segments_retransmitted = 0, segments_delivered = 0;
  std::uint32_t segments_delivered_ce = 0;
  std::uint32_t out_of_order_segments = 0, timeouts = 0, rows_of_timeouts = 0;
  std::uint32_t dsacks_received = 0;
  // The most that the application read in a round trip, octets: what lets the buffer grow.
  std::uint32_t receive_space = 0;
  // Recovering from timeouts; with something to send; held back by the peer's window; by SO_SNDBUF.
  Duration recovering, busy, limited_by_window, limited_by_buffer;
  Duration receiver_rtt, delayed_ack;
  // Since the latest data left and came and the latest ACK came.
  Duration data_sent_ago, data_received_ago, ack_received_ago;
};

}  // namespace tuntcp
