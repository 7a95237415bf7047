// The connection states and the moves between them: RFC 9293, 3.3.2 and Figure 5.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace tuntcp::tcp {

enum class State : std::uint8_t {
  closed,
  listen,
  syn_sent,
  syn_received,
  established,
  fin_wait_1,
  fin_wait_2,
  close_wait,
  closing,
  last_ack,
  time_wait,
};
inline constexpr std::size_t kStateCount = 11;

// RFC 9293's spelling, "SYN-SENT".
const char* rfc_name(State state);
// The spelling of ss(8), "SYN-SENT", "ESTAB", "UNCONN".
const char* ss_name(State state);

// A set of states, so that code reads like "in states A, B and C": one mask test.
class StateSet {
 public:
  constexpr StateSet(std::initializer_list<State> states) {
    for (State s : states) bits_ |= bit(s);
  }
  constexpr bool contains(State s) const { return (bits_ & bit(s)) != 0; }

 private:
  static constexpr std::uint32_t bit(State s) { return 1U << static_cast<unsigned>(s); }
  std::uint32_t bits_ = 0;
};

// "synchronized state": both sides know each other's sequence numbers (RFC 9293, 3.5.2).
inline constexpr StateSet kSynchronized{State::established, State::fin_wait_1, State::fin_wait_2,
                                        State::close_wait,  State::closing,    State::last_ack,
                                        State::time_wait};
// The handshake goes on. 3.10.2, SEND: "Queue the data for transmission after entering ESTABLISHED
// state."
inline constexpr StateSet kOpening{State::syn_sent, State::syn_received};
// 3.10.7.4, seventh: "Once in the ESTABLISHED state, it is possible to deliver segment data" and
// FIN-WAIT-1, FIN-WAIT-2.
inline constexpr StateSet kMayReceiveText{State::established, State::fin_wait_1, State::fin_wait_2};
// 3.10.2, SEND: ESTABLISHED and CLOSE-WAIT "segmentize the buffer and send it".
inline constexpr StateSet kMaySendText{State::established, State::close_wait};
// Our FIN is sent or queued to be sent behind the last octet.
inline constexpr StateSet kFinIsSent{State::fin_wait_1, State::fin_wait_2, State::closing,
                                     State::last_ack};
// Our FIN waits for its acknowledgment.
inline constexpr StateSet kAwaitsAckOfFin{State::fin_wait_1, State::closing, State::last_ack};
// The peer's FIN was received: 3.10.7.4, eighth.
inline constexpr StateSet kFinIsReceived{State::close_wait, State::closing, State::last_ack,
                                         State::time_wait};

// Why a state was left. Each is an arrow's label in RFC 9293, Figure 5, or in its notes.
enum class Cause : std::uint8_t {
  passive_open,        // OPEN, passive
  active_open,         // OPEN, active (also SEND from LISTEN)
  syn_received,        // rcv SYN
  syn_ack_received,    // rcv SYN,ACK
  ack_of_syn,          // rcv ACK of SYN
  close_call,          // CLOSE
  fin_received,        // rcv FIN
  ack_of_fin,          // rcv ACK of FIN
  fin_and_ack_of_fin,  // rcv FIN and ACK of our FIN in one segment
  abort_call,          // ABORT
  reset_received,      // rcv RST
  reset_to_listen,     // rcv RST in SYN-RECEIVED from a passive OPEN (note 1)
  timeout,             // USER TIMEOUT, R2 reached, FIN-WAIT-2 timer
  time_wait_over,      // 2*MSL
  reopened,            // new SYN in TIME-WAIT (3.6.1, MAY-2)
  delete_tcb,          // the resources are given up: memory, orphan limit, ICMP error while opening
};

inline constexpr std::size_t kCauseCount = 16;
// Short, as the label of an arrow: "rcv SYN,ACK".
const char* to_string(Cause cause);

struct Transition {
  State from;
  State to;
  Cause cause;
  friend constexpr bool operator==(const Transition&, const Transition&) = default;
};

// Every legal move; docs/state-machine.md is drawn from this table by a test. Not here, because
// nothing of ours makes them: a RST or a user timeout in LISTEN (the one is ignored, 3.10.7.2, and
// nothing is outstanding for the other), and a user timeout in TIME-WAIT, which only waits.
inline constexpr auto kTransitions = [] {
  using enum State;
  using C = Cause;
  return std::to_array<Transition>({
      {closed, listen, C::passive_open},
      {closed, syn_sent, C::active_open},

      {listen, syn_received, C::syn_received},
      {listen, syn_sent, C::active_open},
      {listen, closed, C::close_call},
      {listen, closed, C::abort_call},
      {listen, closed, C::delete_tcb},

      {syn_sent, established, C::syn_ack_received},
      {syn_sent, syn_received, C::syn_received},  // simultaneous open (MUST-10)
      {syn_sent, closed, C::close_call},
      {syn_sent, closed, C::abort_call},
      {syn_sent, closed, C::reset_received},
      {syn_sent, closed, C::timeout},
      {syn_sent, closed, C::delete_tcb},

      {syn_received, established, C::ack_of_syn},
      // After a passive OPEN, a RST (note 1) or another SYN (3.10.7.4, fourth) sends it back to
      // LISTEN, which nobody left: the half-open connection vanishes.
      {syn_received, listen, C::reset_to_listen},
      {syn_received, listen, C::syn_received},
      {syn_received, fin_wait_1, C::close_call},
      // 3.10.7.4, eighth, names it, though the ACK such a FIN carries made it ESTABLISHED (fifth).
      {syn_received, close_wait, C::fin_received},
      {syn_received, closed, C::abort_call},
      {syn_received, closed, C::reset_received},
      {syn_received, closed, C::timeout},
      {syn_received, closed, C::delete_tcb},

      {established, fin_wait_1, C::close_call},
      {established, close_wait, C::fin_received},
      {established, closed, C::abort_call},
      {established, closed, C::reset_received},
      {established, closed, C::timeout},
      {established, closed, C::delete_tcb},

      {fin_wait_1, fin_wait_2, C::ack_of_fin},
      {fin_wait_1, closing, C::fin_received},  // simultaneous close
      {fin_wait_1, time_wait, C::fin_and_ack_of_fin},
      {fin_wait_1, closed, C::abort_call},
      {fin_wait_1, closed, C::reset_received},
      {fin_wait_1, closed, C::timeout},
      {fin_wait_1, closed, C::delete_tcb},

      {fin_wait_2, time_wait, C::fin_received},
      {fin_wait_2, closed, C::abort_call},
      {fin_wait_2, closed, C::reset_received},
      {fin_wait_2, closed, C::timeout},  // tcp_fin_timeout, of a connection nobody holds
      {fin_wait_2, closed, C::delete_tcb},

      {close_wait, last_ack, C::close_call},
      {close_wait, closed, C::abort_call},
      {close_wait, closed, C::reset_received},
      {close_wait, closed, C::timeout},
      {close_wait, closed, C::delete_tcb},

      {closing, time_wait, C::ack_of_fin},
      {closing, closed, C::abort_call},
      {closing, closed, C::reset_received},
      {closing, closed, C::timeout},
      {closing, closed, C::delete_tcb},

      {last_ack, closed, C::ack_of_fin},
      {last_ack, closed, C::abort_call},
      {last_ack, closed, C::reset_received},
      {last_ack, closed, C::timeout},
      {last_ack, closed, C::delete_tcb},

      {time_wait, closed, C::time_wait_over},
      {time_wait, syn_received, C::reopened},
      {time_wait, closed, C::abort_call},
      {time_wait, closed, C::reset_received},  // TIME-WAIT assassination, RFC 1337: tcp_rfc1337
      {time_wait, closed, C::delete_tcb},      // also: reused by our own OPEN, tcp_tw_reuse
  });
}();

// The same, for looking up: a bit per cause, by [from][to].
inline constexpr auto kLegalCauses = [] {
  std::array<std::array<std::uint16_t, kStateCount>, kStateCount> masks{};
  for (const Transition& t : kTransitions) {
    auto& mask = masks[static_cast<std::size_t>(t.from)][static_cast<std::size_t>(t.to)];
    mask = static_cast<std::uint16_t>(mask | 1U << static_cast<unsigned>(t.cause));
  }
  return masks;
}();

constexpr bool is_legal(State from, State to, Cause cause) {
  const unsigned mask = kLegalCauses[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
  return (mask >> static_cast<unsigned>(cause) & 1U) != 0;
}

}  // namespace tuntcp::tcp
