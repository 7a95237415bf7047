// The full machine beside the small structs: a Tcb of its own, outside of any host, and what it
// answers to one segment.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "stack/buffer/arena.h"
#include "stack/tcp/output.h"
#include "stack/tcp/replies.h"
#include "stack/tcp/segment.h"
#include "stack/tcp/shared.h"
#include "stack/tcp/tcb.h"
#include "tests/support/dice.h"

namespace tuntcp::test {

// What the connections of one host share, with an arena for the segments' text.
struct Surroundings {
  explicit Surroundings(std::uint64_t seed)
      : random(seed), shared(Sysctl(), std::size_t{1} << 24, random) {}

  SeededRandom random;
  buffer::Arena arena{512 * 1024, 65'600, std::size_t{1} << 26};
  tcp::Shared shared;
};

// A Tcb in CLOSED with these endpoints.
std::unique_ptr<tcp::Tcb> make_tcb(tcp::Shared& shared, const FourTuple& tuple);

// Everything that waits to be sent: queued replies, then what output() makes of `tcb`, if given.
std::vector<tcp::Reply> take_replies(tcp::Shared& shared);
std::vector<tcp::Reply> take_output(tcp::Tcb& tcb, Instant now);

// Numbers around every place where a decision changes: `origin` itself, one beside, the far end of
// a window, half of the number space away, and anything.
SeqNum near(Dice& dice, SeqNum origin, std::uint32_t window);

// A copy of the segment that shares no text.
tcp::Segment copy_of(const tcp::Segment& seg, buffer::Arena& arena);

}  // namespace tuntcp::test
