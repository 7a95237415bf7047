// The connection states and the moves between them: RFC 9293, 3.3.2 and Figure 5.
#pragma once

#include <array>
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
  delete_tcb,          // the resources are given up: memory, orphan limit, interface gone
};

struct Transition {
  State from;
  State to;
  Cause cause;
  friend constexpr bool operator==(const Transition&, const Transition&) = default;
};

// Every legal move. docs/state-machine.md is drawn from this table by a test.
extern const std::array<Transition, 51> kTransitions;

bool is_legal(State from, State to, Cause cause);
const char* to_string(Cause cause);

}  // namespace tuntcp::tcp
