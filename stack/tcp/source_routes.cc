#include "stack/tcp/source_routes.h"

#include <algorithm>

#include "stack/tcp/acceptance.h"
#include "stack/tcp/negotiation.h"
#include "stack/tcp/shared.h"

namespace tuntcp::tcp {

const wire::SourceRoute* SourceRoutes::find(const FourTuple& tuple) const {
  const auto found = std::ranges::find(entries_, tuple, &Entry::tuple);
  return found != entries_.end() && found->route.count != 0 ? &found->route : nullptr;
}

std::optional<wire::SourceRoute> SourceRoutes::of_application(const FourTuple& tuple) const {
  const auto found = std::ranges::find(entries_, tuple, &Entry::tuple);
  if (found == entries_.end() || found->origin != Origin::application) return std::nullopt;
  return found->route;
}

bool SourceRoutes::learn(const FourTuple& tuple, const wire::SourceRoute& route, Origin origin) {
  const auto found = std::ranges::find(entries_, tuple, &Entry::tuple);
  if (found == entries_.end()) {
    if (is_full()) return false;
    entries_.push_back({.tuple = tuple, .route = route, .origin = origin});
    return true;
  }
  // MUST-52.
  if (found->origin == Origin::application && origin == Origin::received) return true;
  *found = {.tuple = tuple, .route = route, .origin = origin};
  return true;
}

void SourceRoutes::forget_application(const FourTuple& tuple) {
  std::erase_if(entries_, [&](const Entry& entry) {
    return entry.origin == Origin::application && entry.tuple == tuple;
  });
}

void SourceRoutes::forget(const FourTuple& tuple) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.tuple == tuple; });
}

void follow_source_route(Tcb& tcb) {
  const wire::SourceRoute* const route = tcb.shared->routes.find(tcb.tuple);
  const std::uint32_t octets = route != nullptr ? route->option_octets() : 0;
  if (octets == tcb.ip_option_octets) return;
  tcb.ip_option_octets = static_cast<std::uint8_t>(octets);
  if (!kSynchronized.contains(tcb.state)) return;
  tcb.congestion->on_mss_change(plain_send_mss(tcb));
}

void check_return_route(Tcb& tcb, const Segment& seg) {
  if (seg.return_route == nullptr || !tcb.is_passive || !kSynchronized.contains(tcb.state)) return;
  if (!seg.has(Flag::ack) || seg.has(Flag::rst) || seg.has(Flag::syn)) return;
  if (!is_acceptable(seg.seq, seg.len, tcb.rcv.nxt, tcb.rcv.wnd())) return;
  const AckVerdict verdict = judge_ack(seg.ack, tcb.snd.una, tcb.snd.nxt, tcb.snd.max_wnd);
  if (verdict == AckVerdict::too_old || verdict == AckVerdict::not_yet_sent) return;
  if (tcb.shared->routes.learn(tcb.tuple, *seg.return_route, SourceRoutes::Origin::received)) {
    follow_source_route(tcb);
  }
}

}  // namespace tuntcp::tcp
