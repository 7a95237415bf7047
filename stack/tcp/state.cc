#include "stack/tcp/state.h"

namespace tuntcp::tcp {

const char* rfc_name(State state) {
  switch (state) {
    case State::closed:
      return "CLOSED";
    case State::listen:
      return "LISTEN";
    case State::syn_sent:
      return "SYN-SENT";
    case State::syn_received:
      return "SYN-RECEIVED";
    case State::established:
      return "ESTABLISHED";
    case State::fin_wait_1:
      return "FIN-WAIT-1";
    case State::fin_wait_2:
      return "FIN-WAIT-2";
    case State::close_wait:
      return "CLOSE-WAIT";
    case State::closing:
      return "CLOSING";
    case State::last_ack:
      return "LAST-ACK";
    case State::time_wait:
      return "TIME-WAIT";
  }
  return "?";
}

const char* ss_name(State state) {
  switch (state) {
    case State::closed:
      return "UNCONN";
    case State::syn_received:
      return "SYN-RECV";
    case State::established:
      return "ESTAB";
    default:
      return rfc_name(state);
  }
}

const char* to_string(Cause cause) {
  switch (cause) {
    case Cause::passive_open:
      return "passive OPEN";
    case Cause::active_open:
      return "active OPEN";
    case Cause::syn_received:
      return "rcv SYN";
    case Cause::syn_ack_received:
      return "rcv SYN,ACK";
    case Cause::ack_of_syn:
      return "rcv ACK of SYN";
    case Cause::close_call:
      return "CLOSE";
    case Cause::fin_received:
      return "rcv FIN";
    case Cause::ack_of_fin:
      return "rcv ACK of FIN";
    case Cause::fin_and_ack_of_fin:
      return "rcv FIN, ACK of FIN";
    case Cause::abort_call:
      return "ABORT";
    case Cause::reset_received:
      return "rcv RST";
    case Cause::reset_to_listen:
      return "rcv RST, passive OPEN";
    case Cause::timeout:
      return "timeout";
    case Cause::time_wait_over:
      return "2*MSL over";
    case Cause::reopened:
      return "rcv new SYN";
    case Cause::delete_tcb:
      return "delete TCB";
  }
  return "?";
}

}  // namespace tuntcp::tcp
