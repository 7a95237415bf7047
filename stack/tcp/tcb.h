// The transmission control block: RFC 9293, 3.3.1, and what later RFCs and Linux added to it.
// One flat struct for SYN-SENT to LAST-ACK; its state has one writer, enter() in transitions.h.
//
// SYN-RECEIVED from LISTEN is a HalfOpen and TIME-WAIT a TimeWait: see these headers.
#pragma once

#include <cstdint>
#include <optional>

#include "stack/base/address.h"
#include "stack/base/deadlines.h"
#include "stack/base/error.h"
#include "stack/base/seq_num.h"
#include "stack/base/slab.h"
#include "stack/base/time.h"
#include "stack/base/timer_wheel.h"
#include "stack/buffer/reassembly.h"
#include "stack/buffer/receive_buffer.h"
#include "stack/buffer/send_buffer.h"
#include "stack/tcp/busy_time.h"
#include "stack/tcp/congestion/any_controller.h"
#include "stack/tcp/congestion/window_use.h"
#include "stack/tcp/event_bits.h"
#include "stack/tcp/keep_alive.h"
#include "stack/tcp/min_filter.h"
#include "stack/tcp/mtu_discovery.h"
#include "stack/tcp/path_mtu.h"
#include "stack/tcp/recovery/prr.h"
#include "stack/tcp/recovery/recovery.h"
#include "stack/tcp/rtt.h"
#include "stack/tcp/state.h"

namespace tuntcp::tcp {

struct Shared;
struct Tcb;

// RFC 9293, 3.3.1, "send sequence variables".
struct SendSequence {
  SeqNum una;                 // SND.UNA, oldest unacknowledged
  SeqNum nxt;                 // SND.NXT, next to be sent; SYN and FIN are octets too
  SeqNum up;                  // SND.UP, the octet after the urgent data; SND.UNA if there is none
  std::uint32_t wnd = 0;      // SND.WND, octets (REC-1)
  SeqNum wl1;                 // SND.WL1, SEG.SEQ of the last window update
  SeqNum wl2;                 // SND.WL2, SEG.ACK of the last window update
  SeqNum iss;                 // ISS
  std::uint32_t max_wnd = 0;  // Max(SND.WND), largest window offered so far (3.8.6.2.1)
  std::uint8_t wscale = 0;    // Snd.Wind.Shift of RFC 7323: applied to SEG.WND
};

// "receive sequence variables".
struct ReceiveSequence {
  SeqNum nxt;               // RCV.NXT, next expected
  SeqNum edge;              // RCV.NXT + RCV.WND as advertised; never moves left (SHLD-14)
  SeqNum irs;               // IRS
  SeqNum up;                // RCV.UP, valid while urgent_pending
  SeqNum last_ack_sent;     // Last.ACK.sent of RFC 7323
  std::uint8_t wscale = 0;  // Rcv.Wind.Shift: applied to the windows we send
  std::uint32_t wnd() const { return edge > nxt ? octets_between(nxt, edge) : 0; }
};

// What our own SYN or SYN,ACK offers: decided once, so that a knob that changes during the
// handshake does not make the two ends believe different things.
struct Offered {
  bool timestamps = false;
  bool sack = false;
  bool window_scaling = false;
  std::uint8_t window_shift = 0;
};

// What the two SYNs agreed on.
struct Agreed {
  std::uint16_t peer_mss = 536;  // MUST-15, or what the peer's MSS option said
  bool timestamps = false;
  bool sack = false;
  bool window_scaling = false;
  bool ecn = false;  // in SYN-SENT: our SYN offers it
};

// RFC 3168, 6.1. See ecn.h.
struct EcnState {
  bool seen = false;     // the peer's text came with ECT or CE
  bool echo = false;     // CE came: ECE with every segment until CWR comes
  bool cwr_due = false;  // the window was reduced: CWR with the next new text
};

// RFC 9293, 3.8.6.3, with Linux's quick ACKs. See ack_policy.h.
struct AckState {
  bool now = false;             // an ACK is due with the next output
  bool is_challenge = false;    // ... as a challenge ACK
  bool pushed = false;          // PSH came since the last ACK
  bool is_interactive = false;  // the application answers (Linux: "pingpong"): ACKs may ride along
  std::uint8_t quick = 0;       // ACKs still to be sent at once
  std::uint32_t rcv_mss = 536;  // estimate of the peer's segment size
  Instant last_received;        // data
  // Segments behind a gap that begins here: how many were acknowledged one by one, and how many
  // wait for Timer::compressed_ack.
  SeqNum gap_at;
  std::uint8_t gap_acks = 0;
  std::uint32_t compressed = 0;
  std::optional<SeqRange> dsack;  // to be reported with the next ACK (RFC 2883)
};

// The receive buffer and how it grows: Linux's dynamic right-sizing. See window_policy.h.
struct ReceiveSpace {
  std::uint32_t buffer = 0;       // octets of memory; SO_RCVBUF or auto-tuned
  std::uint32_t ssthresh = 0;     // the window grows up to this while data flows (rcv_ssthresh)
  std::uint32_t clamp = 0;        // and never beyond this (window_clamp)
  std::uint32_t asked_clamp = 0;  // TCP_WINDOW_CLAMP; 0: none
  std::uint8_t share = 128;       // of 256 octets of memory, offered as window (scaling_ratio)
  bool is_locked = false;         // SO_RCVBUF was set: no auto-tuning
  Duration rtt;                   // as the receiver sees it
  std::uint32_t last_echo = 0;    // the timestamp it was last measured by
  SeqNum rtt_seq;                 // a window's worth from here ...
  Instant rtt_started;            // ... begun at this time
  Instant round_started;
  std::uint32_t round_copied = 0;  // octets the application read since then
  std::uint32_t best_round = 0;    // the most it read in a round
};

// RFC 7323.
struct TimestampState {
  std::uint32_t offset = 0;  // of our clock: a keyed hash of the connection
  std::uint32_t recent = 0;  // TS.Recent
  Instant recent_at;         // when it was taken
  bool has_recent = false;
};

// A pacing rate without a bound.
inline constexpr std::uint64_t kUnpaced = ~std::uint64_t{0};

struct ListLink {
  Tcb* previous = nullptr;
  Tcb* next = nullptr;
  bool is_linked = false;
};

// A field that decides anything must be known to host/canonical.cc, by which states are told apart.
struct Tcb : TimerNode {
  explicit Tcb(Shared& shared_) : shared(&shared_) {}
  Tcb(const Tcb&) = delete;
  Tcb& operator=(const Tcb&) = delete;

  // What every segment touches.
  Shared* shared;
  State state = State::closed;
  Error error = Error::none;
  Error soft_error = Error::none;  // of the network, since something was acknowledged
  bool is_passive = false;         // OPEN was passive (MUST-11)
  bool fin_queued = false;         // CLOSE was called; close() in user_calls.cc writes it
  bool is_released = false;        // no application
  bool is_orphan = false;          // ... and counted as such: tcp_max_orphans
  bool receiving_stopped = false;  // shutdown(SHUT_RD)
  bool urgent_pending = false;
  bool is_stalled = false;        // R1 was reached, and the application told
  bool is_hairpin = false;        // both ends are this host
  bool in_table = false;          // the demultiplexer knows it
  bool send_was_refused = false;  // the application waits for room
  bool probe_due = false;         // the persist timer ran out
  bool tail_probe_due = false;    // the tail loss probe's did
  bool syn_due = false;           // SYN or SYN,ACK is to be (re)sent
  bool no_delay = false;          // Nagle off
  bool cork = false;              // TCP_CORK: small segments wait
  bool more_follows = false;      // the last SEND said so, and no ACK came since
  bool push_at_end = false;       // the last SEND was whole: its last octet carries PSH
  bool sends_first = false;       // TCP_DEFER_ACCEPT of an active OPEN: its ACK can wait for text
  bool push_now = false;          // TCP_NODELAY was set: what is queued leaves, corked or not
  std::uint8_t events = 0;        // EventBits not yet taken
  // Of its packets: a source route, which Shared::routes has.
  std::uint8_t ip_option_octets = 0;
  SendSequence snd;
  ReceiveSequence rcv;
  Offered offered;
  Agreed agreed;
  AckState ack;
  TimestampState ts;
  EcnState ecn;
  Deadlines deadlines;
  buffer::SendBuffer send_buffer;  // the text between our SYN and our FIN
  buffer::ReceiveBuffer receive_buffer;
  buffer::Reassembly reassembly;
  recovery::Recovery recovery;
  recovery::Prr prr;
  congestion::AnyController congestion;
  congestion::WindowUse window_use;
  SeqNum round_end;                          // SND.NXT when the present round trip began
  std::uint64_t max_pacing_rate = kUnpaced;  // SO_MAX_PACING_RATE, octets a second
  bool is_pacing_asked = false;              // ... was set
  Instant paced_until;                       // no text leaves before, if packets are paced
  Rtt rtt;
  MinFilter min_rtt;  // over tcp_min_rtt_wlen
  ReceiveSpace space;
  PathMtu path;
  std::uint32_t path_generation = 0;  // of the cache, when `path` was looked up
  std::uint32_t flow_label = 0;       // IPv6: RFC 6437

  // What timeouts touch.
  std::uint16_t retransmits = 0;     // timer expiries in a row: R1, R2
  std::uint16_t probes = 0;          // unanswered window probes in a row
  std::uint16_t probe_back_off = 0;  // probes since the window closed, answered or not
  Instant retransmitting_since;      // the first retransmission of the current row
  Instant probing_since;             // the first probe since the window closed; Instant() if none
  Instant last_sent;                 // data
  std::optional<Duration> linger;    // SO_LINGER; zero: release() resets
  RtoLimits rto_limits;
  Duration user_timeout;  // zero: tcp_retries2 decides
  Duration fin_timeout;   // TCP_LINGER2; zero: the knob decides, negative: none
  KeepAlive keep_alive;
  Instant last_dubious_ack;  // ACK of an unacceptable segment: tcp_invalid_ratelimit
  // The number of the peer's FIN, which may wait for text before it; check_fin() in
  // segment_arrives.cc writes it.
  std::optional<SeqNum> peer_fin;
  SeqNum small_end;                 // end of the last segment below MSS (Minshall's Nagle)
  std::uint32_t send_limit = 0;     // octets of the send buffer; 0: auto-tuned
  std::uint32_t notsent_lowat = 0;  // octets of it that may be unsent; 0: the sysctl
  std::uint16_t max_segment = 0;    // TCP_MAXSEG; 0: the link's
  std::uint16_t ip_id = 0;          // of the next packet without DF: RFC 6864, 4.1
  MtuDiscovery mtu_discovery = MtuDiscovery::want;
  std::uint8_t syn_retries = 0;           // TCP_SYNCNT; 0: the sysctls
  std::uint8_t traffic_class = 0;         // DS field: IP_TOS, IPV6_TCLASS
  std::optional<std::uint8_t> hop_limit;  // IP_TTL, IPV6_UNICAST_HOPS; none: the sysctl

  // Who it is.
  FourTuple tuple;
  SlabHandle listener;  // it was accepted from, until accept() takes it
  std::uint64_t cookie = 0;
  ListLink ready;
  ListLink eventful;

  std::uint64_t octets_sent = 0;
  std::uint64_t octets_acked = 0;
  std::uint64_t octets_received = 0;
  std::uint64_t octets_retransmitted = 0;
  // Of the wire.
  std::uint32_t segments_in = 0;
  std::uint32_t segments_out = 0;
  std::uint32_t data_segments_in = 0;
  std::uint32_t data_segments_out = 0;
  std::uint32_t segments_retransmitted = 0;
  std::uint32_t segments_delivered = 0;
  std::uint32_t segments_delivered_ce = 0;
  std::uint32_t out_of_order_segments = 0;
  std::uint32_t timeouts = 0;
  std::uint32_t rows_of_timeouts = 0;  // a row ends with an ACK of something new
  Instant recovering_since;            // from a timeout; Instant() if not
  Duration recovering;                 // in all before that
  std::uint32_t dsacks_received = 0;
  BusyTime busy_time;
  Instant established_at;
  Instant last_ack_received;

  // Our sequence space (RFC 9293, 3.4): the SYN is the octet ISS, then comes the send buffer, and
  // once CLOSE was called its end is the number of the FIN. What of it is sent lies before SND.NXT,
  // what is acknowledged before SND.UNA.
  bool fin_is_unsent() const { return fin_queued && snd.nxt <= send_buffer.end(); }
  bool fin_is_acked() const { return snd.una > send_buffer.end(); }
  std::uint32_t unsent() const {  // octets of text
    const SeqNum end = send_buffer.end();
    return end > snd.nxt ? octets_between(snd.nxt, end) : 0;
  }
  bool has_unsent() const { return snd.nxt < send_buffer.end() + (fin_queued ? 1 : 0); }
  bool sends_urgent() const { return snd.up > snd.una; }
  // The peer's: RCV.NXT is past its FIN.
  bool fin_is_received() const { return peer_fin && rcv.nxt > *peer_fin; }
};

// Our sequence space begins at `iss`, where the SYN is; nothing is acknowledged.
void start_sequence_space(Tcb& tcb, SeqNum iss);

// What must hold whenever no door of the host is being passed.
bool is_consistent(const Tcb& tcb);

// An intrusive queue of connections, first in, first out.
class TcbList {
 public:
  explicit TcbList(ListLink Tcb::* link) : link_(link) {}
  void push(Tcb& tcb);
  void remove(Tcb& tcb);
  Tcb* pop();
  bool is_empty() const { return first_ == nullptr; }

 private:
  ListLink Tcb::* link_;
  Tcb* first_ = nullptr;
  Tcb* last_ = nullptr;
};

}  // namespace tuntcp::tcp
