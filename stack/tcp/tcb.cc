#include "stack/tcp/tcb.h"

namespace tuntcp::tcp {

void TcbList::push(Tcb& tcb) {
  ListLink& link = tcb.*link_;
  link = {.previous = last_, .next = nullptr, .is_linked = true};
  if (last_ != nullptr) {
    (last_->*link_).next = &tcb;
  } else {
    first_ = &tcb;
  }
  last_ = &tcb;
}

void TcbList::remove(Tcb& tcb) {
  ListLink& link = tcb.*link_;
  if (!link.is_linked) return;
  if (link.previous != nullptr) {
    (link.previous->*link_).next = link.next;
  } else {
    first_ = link.next;
  }
  if (link.next != nullptr) {
    (link.next->*link_).previous = link.previous;
  } else {
    last_ = link.previous;
  }
  link = {};
}

Tcb* TcbList::pop() {
  Tcb* const tcb = first_;
  if (tcb != nullptr) remove(*tcb);
  return tcb;
}

void start_sequence_space(Tcb& tcb, SeqNum iss) {
  tcb.snd.iss = tcb.snd.una = tcb.snd.up = iss;
  tcb.snd.nxt = iss + 1;
  tcb.send_buffer.start_at(tcb.snd.nxt);
}

bool is_consistent(const Tcb& tcb) {
  if (tcb.state == State::closed) {
    return tcb.deadlines.earliest() == Instant::never() && tcb.send_buffer.size() == 0 &&
           tcb.reassembly.is_empty() && !tcb.recovery.has_outstanding();
  }
  if (tcb.state == State::listen || tcb.snd.una > tcb.snd.nxt) return false;
  // Until our SYN is acknowledged it is SND.UNA, and the send buffer begins behind it.
  const bool is_opening = kOpening.contains(tcb.state);
  if (is_opening && tcb.snd.una != tcb.snd.iss) return false;
  const SeqNum first = is_opening ? tcb.snd.iss + 1 : tcb.snd.una;
  const SeqNum end = tcb.send_buffer.end();
  if (tcb.send_buffer.begin() != earlier_of(first, end)) return false;
  // Nothing was sent that is not of our sequence space.
  if (tcb.snd.nxt < first || tcb.snd.nxt > end + (tcb.fin_queued ? 1 : 0)) return false;
  // What is outstanding has a record, and a timer that will send it again. (The SYN has its own.)
  const std::uint32_t outstanding = octets_between(first, tcb.snd.nxt);
  if (tcb.recovery.has_outstanding() != (outstanding != 0)) return false;
  // A retransmission may be in flight beside the original that it repeats.
  if (tcb.recovery.in_flight() > std::uint64_t{2} * outstanding) return false;
  // In SYN-RECEIVED a CLOSE waits; in TIME-WAIT it is long past.
  const bool is_either = tcb.state == State::syn_received || tcb.state == State::time_wait;
  if (!is_either && kFinIsSent.contains(tcb.state) != tcb.fin_queued) return false;
  if (is_opening) return true;
  if (kFinIsReceived.contains(tcb.state) != tcb.fin_is_received()) return false;
  if (kAwaitsAckOfFin.contains(tcb.state) && tcb.fin_is_acked()) return false;
  if (tcb.state == State::fin_wait_2 && !tcb.fin_is_acked()) return false;
  // Out-of-order data lies above RCV.NXT and was offered.
  if (!tcb.reassembly.is_empty() &&
      (tcb.reassembly.right_edge() <= tcb.rcv.nxt || tcb.reassembly.right_edge() > tcb.rcv.edge)) {
    return false;
  }
  return tcb.rcv.last_ack_sent <= tcb.rcv.nxt;
}

}  // namespace tuntcp::tcp
