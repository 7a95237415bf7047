#include "stack/host/inconsistency.h"

#include <algorithm>

#include "stack/base/address.h"

namespace tuntcp {
namespace {

using tcp::State;
using tcp::Tcb;
using Found = std::optional<std::string>;

// Beyond a buffer's size: two chunks or packets that are charged whole, and a super-packet that
// came when there was still an octet of room.
constexpr std::uint64_t kMemorySlack = 2 * 65'536;

bool is_found(HostTables& tables, const FourTuple& tuple, Demux::Kind kind, std::uint32_t index) {
  const auto entry = tables.find(tuple);
  return entry && *entry == Demux::Entry{kind, index};
}

const char* wrong_in_timers(const Tcb& tcb) {
  const Instant earliest = tcb.deadlines.earliest();
  if (!tcb.is_scheduled() && tcb.when != Instant::never()) return "a time without a timer";
  if (earliest < tcb.when) return "a deadline that the wheel does not have";
  if (tcb.shared->wheel.next_deadline() > tcb.when) return "a deadline that the wheel oversleeps";
  if (!tcb.in_table || tcb.ready.is_linked) return nullptr;
  // Nothing will be sent now, so a timer must see to what is outstanding or waits.
  if (tcp::kOpening.contains(tcb.state)) {
    return tcb.deadlines.is_set(Timer::retransmit) ? nullptr : "a SYN without a timer";
  }
  if (tcb.recovery.has_outstanding()) {
    const bool has_timer = tcb.deadlines.is_set(Timer::retransmit) ||
                           tcb.deadlines.is_set(Timer::reorder) ||
                           tcb.deadlines.is_set(Timer::tail_probe);
    return has_timer ? nullptr : "octets in flight without a timer";
  }
  if (tcb.has_unsent() && !tcb.deadlines.is_set(Timer::persist))
    return "unsent octets without a timer";
  return nullptr;
}

const char* wrong_in_queues(const Tcb& tcb) {
  const bool is_due = tcb.ack.now || tcb.syn_due || tcb.probe_due;
  if (is_due && !tcb.ready.is_linked) return "something due that nobody will send";
  const bool has_news = tcb.events != 0 && !tcb.is_released && !tcb.listener.is_set();
  if (has_news && !tcb.eventful.is_linked) return "an event that nobody will hear of";
  return nullptr;
}

// RFC 9293, 3.7.4 and MUST-38: buffers are finite. One that SO_RCVBUF or SO_SNDBUF made smaller
// than what it held is expected to be read or acknowledged first.
const char* wrong_in_buffers(const Tcb& tcb) {
  const std::uint64_t held = std::uint64_t{tcb.receive_buffer.memory()} + tcb.reassembly.memory();
  if (held > std::uint64_t{2} * tcb.space.buffer + kMemorySlack) return "too much received memory";
  const auto& wmem = tcb.shared->sysctl.tcp_wmem;
  if (tcb.send_buffer.size() > std::max({tcb.send_limit, wmem[1], wmem[2]})) {
    return "too many octets to send";
  }
  return nullptr;
}

const char* wrong_in(HostTables& tables, const Tcb& tcb) {
  if (!tcp::is_consistent(tcb)) return "contradicting variables";
  const std::uint32_t index = tables.tcbs.handle_of(tcb).index;
  if (tcb.in_table != is_found(tables, tcb.tuple, Demux::Kind::tcb, index)) {
    return "endpoints under which it is not found, or still is";
  }
  if (tcb.in_table && (tcb.state == State::closed || tcb.state == State::time_wait)) {
    return "a place in the table that it should have left";
  }
  if (!tcb.in_table && tcb.is_released) return "neither a peer nor an application";
  if (const char* const found = wrong_in_timers(tcb)) return found;
  if (const char* const found = wrong_in_queues(tcb)) return found;
  return wrong_in_buffers(tcb);
}

// Half-open or TIME-WAIT entries of one family: each is found, and each has a timer.
template <class Object>
const char* wrong_in(HostTables& tables, Slab<Object>& slab, const TimerWheel& wheel,
                     Demux::Kind kind) {
  const char* found = nullptr;
  slab.for_each([&](const Object& object) {
    if (!is_found(tables, object.tuple.whole(), kind, slab.handle_of(object).index)) {
      found = "an entry that is not found under its endpoints";
    }
    if (!object.is_scheduled() || wheel.next_deadline() > object.when) {
      found = "an entry without a timer";
    }
  });
  if (found == nullptr && wheel.size() != slab.size()) found = "timers without an entry";
  return found;
}

const char* wrong_in(HostTables& tables, const Listener& listener) {
  if (listener.accept_queue.size() > listener.backlog + std::size_t{1}) {
    return "more connections to accept than its backlog allows";
  }
  const SlabHandle own = tables.listeners.handle_of(listener);
  for (const SlabHandle handle : listener.accept_queue) {
    const Tcb* const tcb = tables.tcbs.find(handle);
    if (tcb == nullptr || tcb->listener != own) return "a connection to accept that is gone";
  }
  std::uint32_t half_open = 0;
  const auto count = [&](const auto& object) { half_open += object.state.listener == own.index; };
  tables.half_opens.v4.for_each(count);
  tables.half_opens.v6.for_each(count);
  return half_open == listener.half_open ? nullptr : "a wrong number of half-open connections";
}

const char* wrong_in_counts(HostTables& tables) {
  const tcp::Shared& shared = tables.shared;
  std::uint64_t established = 0;
  std::uint32_t orphans = 0;
  std::size_t in_table = tables.half_opens.size() + tables.time_waits.size();
  std::size_t timers = 0;
  tables.tcbs.for_each([&](const Tcb& tcb) {
    established += tcb.state == State::established || tcb.state == State::close_wait;
    orphans += tcb.is_orphan;
    in_table += tcb.in_table;
    timers += tcb.is_scheduled();
  });
  if (established != shared.current_established) return "a wrong count of established connections";
  if (orphans != shared.orphans) return "a wrong count of orphans";
  if (in_table != tables.demux.size()) return "endpoints in the table that are nobody's";
  bool is_stray = false;
  shared.routes.for_each([&](const FourTuple& tuple, const wire::SourceRoute&) {
    is_stray |= !tables.find(tuple).has_value();
  });
  if (is_stray) return "a source route that is nobody's";
  if (timers != shared.wheel.size()) return "timers that are nobody's";
  if (tables.arena.octets_allocated() > tables.arena.limit_octets()) return "too large an arena";
  return nullptr;
}

}  // namespace

std::optional<std::string> inconsistency_of(HostTables& tables) {
  Found found;
  const auto note = [&](const char* wrong, const std::string& whose) {
    if (wrong != nullptr && !found) found = whose + " has " + wrong;
  };
  tables.tcbs.for_each([&](const Tcb& tcb) {
    const char* const wrong = wrong_in(tables, tcb);
    if (wrong == nullptr) return;
    note(wrong, "the connection " + tcb.tuple.local.to_string() + " to " +
                    tcb.tuple.remote.to_string() + " in " + tcp::rfc_name(tcb.state));
  });
  const auto look = [&](auto& all, Demux::Kind kind, const char* whose) {
    note(wrong_in(tables, all.v4, all.v4_timers, kind), whose);
    note(wrong_in(tables, all.v6, all.v6_timers, kind), whose);
  };
  look(tables.half_opens, Demux::Kind::half_open, "SYN-RECEIVED");
  look(tables.time_waits, Demux::Kind::time_wait, "TIME-WAIT");
  tables.listeners.for_each([&](const Listener& listener) {
    if (const char* const wrong = wrong_in(tables, listener)) {
      note(wrong, "the listener on " + listener.local.to_string());
    }
  });
  note(wrong_in_counts(tables), "the host");
  return found;
}

}  // namespace tuntcp
