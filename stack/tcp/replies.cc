#include "stack/tcp/replies.h"

namespace tuntcp::tcp {

Reply reset_for(const FourTuple& tuple, const Segment& seg) {
  Reply reset{.tuple = tuple, .flags = Flag::rst};
  if (seg.has(Flag::ack)) {
    reset.seq = seg.ack;
  } else {
    reset.ack = seg.end();
    reset.flags |= Flag::ack;
  }
  if (seg.return_route != nullptr) reset.route = *seg.return_route;
  return reset;
}

}  // namespace tuntcp::tcp
