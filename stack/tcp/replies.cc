#include "stack/tcp/replies.h"

namespace tuntcp::tcp {

Reply reset_for(const FourTuple& tuple, const Segment& seg) {
  if (seg.has(Flag::ack)) return {.tuple = tuple, .seq = seg.ack, .flags = Flag::rst};
  return {.tuple = tuple, .seq = SeqNum(0), .ack = seg.end(), .flags = Flag::rst | Flag::ack};
}

}  // namespace tuntcp::tcp
