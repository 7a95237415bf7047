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

bool is_consistent(const Tcb& tcb) {
  if (tcb.state == State::closed) {
    return tcb.deadlines.earliest() == Instant::never() && tcb.send_buffer.size() == 0 &&
           tcb.reassembly.is_empty() && !tcb.recovery.has_outstanding();
  }
  if (tcb.state == State::listen || tcb.snd.una > tcb.snd.nxt) return false;
  // Before our SYN is acknowledged nothing else was sent.
  if (tcb.state == State::syn_sent || tcb.state == State::syn_received) {
    return tcb.snd.una == tcb.snd.iss && tcb.snd.nxt == tcb.snd.iss + 1 &&
           !tcb.recovery.has_outstanding();
  }
  const std::uint32_t outstanding = octets_between(tcb.snd.una, tcb.snd.nxt);
  const std::uint32_t fin = tcb.fin_sent && !tcb.fin_is_acked() ? 1 : 0;
  if (outstanding > tcb.send_buffer.size() + fin) return false;
  // What is outstanding has a record, and a timer that will send it again.
  if (tcb.recovery.has_outstanding() != (outstanding != 0)) return false;
  // A retransmission may be in flight beside the original that it repeats.
  if (tcb.recovery.in_flight() > std::uint64_t{2} * outstanding) return false;
  if (tcb.fin_sent && !tcb.fin_queued) return false;
  if (kFinIsSent.contains(tcb.state) != tcb.fin_queued && tcb.state != State::time_wait)
    return false;
  if (kFinIsReceived.contains(tcb.state) != tcb.fin_received) return false;
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
