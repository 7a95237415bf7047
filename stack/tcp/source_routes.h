// Which IPv4 connections are reached over a source route: RFC 9293, 3.9.2.1. They are rare, so what
// they need beside their kind of connection lives here, whatever that kind is.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "stack/base/address.h"
#include "stack/wire/source_route.h"

namespace tuntcp::tcp {

struct Segment;
struct Tcb;

class SourceRoutes {
 public:
  // Beyond these no connection gets one.
  static constexpr std::size_t kMostRoutes = 1024;

  enum class Origin : std::uint8_t { received, application };

  // Null where there is none, which is the usual case and cheap.
  const wire::SourceRoute* find(const FourTuple& tuple) const;
  // What the application gave, if it did.
  std::optional<wire::SourceRoute> of_application(const FourTuple& tuple) const;
  // The connection takes `route` from now on. One that the application gave stays although another
  // is received (MUST-52), even an empty one, "none"; of those received the latest counts
  // (SHLD-24). False if there is no room.
  bool learn(const FourTuple& tuple, const wire::SourceRoute& route, Origin origin);
  // The application takes its route back.
  void forget_application(const FourTuple& tuple);
  // The connection is gone.
  void forget(const FourTuple& tuple);
  std::size_t size() const { return entries_.size(); }
  bool is_full() const { return entries_.size() == kMostRoutes; }

  template <class Use>
  void for_each(Use use) const {
    for (const Entry& entry : entries_) use(entry.tuple, entry.route);
  }

 private:
  struct Entry {
    FourTuple tuple{};
    wire::SourceRoute route{};
    Origin origin{};
  };
  std::vector<Entry> entries_;
};

// Gives the Tcb what the table has for it: its segments carry the route from now on, and less text.
void follow_source_route(Tcb& tcb);

// The return route of a segment that arrived. RFC 9293, 3.9.2.1 wants it of a passive OPEN; what is
// not acceptable (3.10.7.4, first and fifth) may be anyone's and turns no connection aside.
void check_return_route(Tcb& tcb, const Segment& seg);

}  // namespace tuntcp::tcp
