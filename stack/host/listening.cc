// What arrives at a listener: RFC 9293, 3.10.7.1, 3.10.7.2, and SYN-RECEIVED from LISTEN; what
// happens when a queue is full, as Linux does it, SYN cookies (RFC 4987) included.
#include <algorithm>

#include "stack/host/tables.h"
#include "stack/tcp/isn.h"
#include "stack/tcp/segment_arrives.h"
#include "stack/tcp/syn_cookie.h"

namespace tuntcp {

using tcp::Flag;
using tcp::Segment;

namespace {

// RFC 9293, 3.9.2.1 (MUST-53, SHLD-24): the latest route by which the peer came is the way back.
void note_return_route(tcp::Shared& shared, const FourTuple& tuple, const Segment& seg) {
  if (seg.return_route == nullptr) return;
  shared.routes.learn(tuple, *seg.return_route, tcp::SourceRoutes::Origin::received);
}

}  // namespace

void HostTables::arrives_without_connection(const FourTuple& tuple, Segment& seg,
                                            std::optional<SeqNum> iss, Instant at) {
  Listener* const listener = listener_for(tuple);
  // 3.10.7.1, CLOSED: a RST is ignored, everything else answered with one.
  if (listener == nullptr) {
    if (!seg.has(Flag::rst)) shared.replies.push(tcp::reset_for(tuple, seg));
    return;
  }
  // 3.10.7.2, LISTEN. First: RST is ignored; second: an ACK is for no one, unless it brings back a
  // cookie.
  if (seg.has(Flag::rst)) return;
  if (seg.has(Flag::ack)) {
    if (!seg.has(Flag::syn) && cookie_arrives(*listener, tuple, seg, at)) return;
    return shared.replies.push(tcp::reset_for(tuple, seg));
  }
  // Third: SYN. With FIN it is no honest opening (Linux drops it as well).
  if (!seg.has(Flag::syn) || seg.has(Flag::fin)) return;
  syn_arrives(*listener, tuple, seg, iss, at);
}

// `iss` is set where the SYN reopens a TIME-WAIT: there a connection goes for the one that comes,
// so the SYN queue is not asked (Linux).
void HostTables::syn_arrives(Listener& listener, const FourTuple& tuple, const Segment& seg,
                             std::optional<SeqNum> iss, Instant at) {
  const Sysctl& knobs = shared.sysctl;
  bool wants_cookie = false;
  if (!iss && (knobs.tcp_syncookies == 2 || listener.syn_queue_is_full())) {
    wants_cookie = knobs.tcp_syncookies != 0;
    shared.mib.add(wants_cookie ? Counter::tcp_req_qfull_docookies : Counter::tcp_req_qfull_drop);
    if (!wants_cookie) return shared.mib.add(Counter::tcp_listen_drops);
  }
  if (listener.accept_queue_is_full()) {
    shared.mib.add(Counter::tcp_listen_overflows);
    return shared.mib.add(Counter::tcp_listen_drops);
  }
  const bool is_late =
      !wants_cookie && !iss && knobs.tcp_syncookies == 0 && listener.syn_backlog_is_used_up(knobs);
  if (is_late) return shared.mib.add(Counter::tcp_listen_drops);

  const SeqNum isn = iss ? *iss : tcp::initial_sequence_number(shared.isn_key, tuple, at);
  tcp::HalfOpenState state =
      tcp::start_half_open(seg, isn, shared, tuple, listeners.handle_of(listener).index);
  if (wants_cookie) return send_cookie(listener, state, tuple, seg, at);
  if (seg.return_route != nullptr && shared.routes.is_full()) {
    return shared.mib.add(Counter::tcp_listen_drops);
  }
  const auto add = [&](auto& slab, TimerWheel& timers) {
    auto* const half_open = slab.emplace(tuple, state);
    if (half_open == nullptr) return shared.mib.add(Counter::tcp_listen_drops);
    demux.insert(tuple, {Demux::Kind::half_open, slab.handle_of(*half_open).index});
    timers.schedule(*half_open, at + tcp::syn_ack_timeout(state, *listener.inherited.rto_limits));
    ++listener.half_open;
    note_return_route(shared, tuple, seg);
    shared.mib.add(Counter::tcp_passive_opens);
    shared.replies.push(tcp::syn_ack(half_open->state, tuple, shared, link_to(tuple),
                                     terms_of(listener, tuple.family()), at));
  };
  if (tuple.family() == Family::ipv4) {
    add(half_opens.v4, half_opens.v4_timers);
  } else {
    add(half_opens.v6, half_opens.v6_timers);
  }
}

void HostTables::send_cookie(Listener& listener, tcp::HalfOpenState& half_open,
                             const FourTuple& tuple, const Segment& syn, Instant at) {
  tcp::become_cookie(half_open, tuple, shared, at);
  tcp::Reply reply = tcp::syn_ack(half_open, tuple, shared, link_to(tuple),
                                  terms_of(listener, tuple.family()), at);
  if (auto& timestamps = reply.options.timestamps) {
    timestamps->value = tcp::cookie_timestamp(half_open, tuple, shared, at);
  }
  // Nothing is kept, so the route counts for this answer alone; the ACK brings its own.
  if (syn.return_route != nullptr) reply.route = *syn.return_route;
  listener.last_overflow = at;
  shared.mib.add(Counter::syncookies_sent);
  shared.replies.push(reply);
}

bool HostTables::cookie_arrives(Listener& listener, const FourTuple& tuple, Segment& seg,
                                Instant at) {
  // RFC 4987, 3.6: as long as none was sent every ACK is one that was guessed.
  const bool may_be_one = shared.sysctl.tcp_syncookies != 0 &&
                          listener.last_overflow != Instant() &&
                          at - listener.last_overflow <= tcp::kSynCookieLifetime;
  if (!may_be_one) return false;
  auto answer = tcp::read_cookie(seg, tuple, shared, at, listeners.handle_of(listener).index);
  if (!answer) return false;
  if (listener.accept_queue_is_full()) {
    shared.mib.add(Counter::tcp_listen_overflows);
    shared.mib.add(Counter::tcp_listen_drops);
    return true;
  }
  const bool has_room = seg.return_route == nullptr || !shared.routes.is_full();
  tcp::Tcb* const tcb = has_room ? make_tcb(tuple, listener.inherited) : nullptr;
  if (tcb == nullptr) {
    shared.mib.add(Counter::tcp_listen_drops);
    return true;
  }
  note_return_route(shared, tuple, seg);
  shared.mib.add(Counter::tcp_passive_opens);
  tcp::choose_window(answer->half_open, tuple.family(), shared.sysctl, link_to(tuple),
                     terms_of(listener, tuple.family()));
  tcp::promote(answer->half_open, *tcb, socket_buffer_memory(listener.inherited.receive_buffer),
               at);
  // RFC 6298, 5.7: without a sample the timeout is 3 s (Linux), because the SYN,ACK may have been
  // the second one.
  tcb->last_sent = answer->sent_at.value_or(Instant());
  if (!answer->sent_at) tcb->rtt.on_syn_was_retransmitted();
  demux.insert(tuple, {Demux::Kind::tcb, tcbs.handle_of(*tcb).index});
  establish(listener, *tcb, seg, at);
  return true;
}

void HostTables::arrives_at_half_open(const FourTuple& tuple, std::uint32_t index, Segment& seg,
                                      Instant at) {
  using Action = tcp::HalfOpenAnswer::Action;
  with_object(
      half_opens, tuple.family(), index, [&](auto& half_open, auto& slab, TimerWheel& timers) {
        tcp::HalfOpenState& state = half_open.state;
        Listener& listener = listeners.at(state.listener);
        const tcp::SynAckTerms terms = terms_of(listener, tuple.family());
        const auto answer = tcp::segment_arrives(state, tuple, seg, shared, at);
        if (answer.reply) shared.replies.push(*answer.reply);
        if (answer.action == Action::repeat || answer.action == Action::establish) {
          note_return_route(shared, tuple, seg);
        }
        switch (answer.action) {
          case Action::keep:
            return;
          case Action::remove:
            return remove_half_open(tuple, index);
          case Action::repeat:
            shared.mib.add(Counter::tcp_syn_retrans);
            return shared.replies.push(
                tcp::syn_ack(state, tuple, shared, link_to(tuple), terms, at));
          case Action::establish:
            break;
        }
        // TCP_DEFER_ACCEPT: the application wants to hear of it only when there is something to
        // read.
        if (state.retransmits < listener.inherited.defer_accept && seg.len == 0) {
          shared.mib.add(Counter::tcp_defer_accept_drop);
          state.is_acknowledged = true;
          return;
        }
        if (listener.accept_queue_is_full()) {
          shared.mib.add(Counter::tcp_listen_overflows);
          shared.mib.add(Counter::tcp_listen_drops);
          if (shared.sysctl.tcp_abort_on_overflow == 0) {
            // Nothing was lost: the SYN,ACK is sent again, and its ACK asks once more.
            state.is_acknowledged = true;
            return;
          }
          shared.replies.push(tcp::reset_for(tuple, seg));
          return remove_half_open(tuple, index);
        }
        tcp::Tcb* const tcb = make_tcb(tuple, listener.inherited);
        if (tcb == nullptr) return shared.mib.add(Counter::tcp_listen_drops);
        const Instant sent_at =
            half_open.when - tcp::syn_ack_timeout(state, *listener.inherited.rto_limits);
        tcp::promote(state, *tcb, socket_buffer_memory(listener.inherited.receive_buffer), sent_at);
        timers.cancel(half_open);
        --listener.half_open;
        demux.replace(tuple, {Demux::Kind::half_open, index},
                      {Demux::Kind::tcb, tcbs.handle_of(*tcb).index});
        slab.erase(half_open);
        establish(listener, *tcb, seg, at);
      });
}

// A connection in SYN-RECEIVED, which the demultiplexer knows, gets the segment that completes it.
void HostTables::establish(Listener& listener, tcp::Tcb& tcb, Segment& seg, Instant at) {
  tcb.in_table = true;
  tcb.listener = listeners.handle_of(listener);
  listener.accept_queue.push_back(tcbs.handle_of(tcb));
  tcp::follow_source_route(tcb);
  tcp::segment_arrives(tcb, seg, at);
  add_event(listener);
  settle(tcb);
}

}  // namespace tuntcp
