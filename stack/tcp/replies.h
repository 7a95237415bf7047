// Segments that need no Tcb: resets, SYN,ACKs of half-open connections, ACKs from TIME-WAIT. They
// wait here until packets_out(), so that nothing is sent in the middle of a step.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "stack/base/address.h"
#include "stack/tcp/mib.h"
#include "stack/tcp/segment.h"
#include "stack/tcp/source_routes.h"

namespace tuntcp::tcp {

struct Reply {
  FourTuple tuple{};
  SeqNum seq{};
  SeqNum ack{};
  Flags flags{};
  std::uint16_t wnd = 0;
  std::uint8_t traffic_class = 0;           // DS field; the two bits of ECN are clear
  std::optional<std::uint8_t> hop_limit{};  // none: the sysctl
  wire::TcpOptions options{};
  std::optional<wire::SourceRoute> route{};
};

// Bounded: a flood of segments that deserve an answer gets at most so many per packets_out(). What
// there is no room for is counted like a packet that the device did not take.
inline constexpr std::size_t kMaxReplies = 4096;

class ReplyQueue {
 public:
  ReplyQueue(const SourceRoutes& routes, Mib& mib) : routes_(routes), mib_(mib) {}
  // Of a connection that has a source route it takes that.
  void push(const Reply& reply) {
    if (replies_.size() == kMaxReplies) {
      const bool v4 = reply.tuple.family() == Family::ipv4;
      return mib_.add(v4 ? Counter::ip_out_discards : Counter::ip6_out_discards);
    }
    replies_.push_back(reply);
    const wire::SourceRoute* const route = routes_.find(reply.tuple);
    if (route != nullptr) replies_.back().route = *route;
  }
  bool is_empty() const { return replies_.empty(); }
  const Reply& front() const { return replies_.front(); }
  void pop() { replies_.pop_front(); }

 private:
  const SourceRoutes& routes_;
  Mib& mib_;
  std::deque<Reply> replies_;
};

// RFC 9293, 3.10.7.1: the answer to a segment for which no connection exists. `tuple` is seen from
// this host. The segment must not be a RST itself. The answer takes the way that it came.
Reply reset_for(const FourTuple& tuple, const Segment& seg);

}  // namespace tuntcp::tcp
