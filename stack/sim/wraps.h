// Numbers modulo 2^32 go wrong where they wrap, and signed ones at 2^31. A run finds such places
// only if it is made to begin just before one.
#pragma once

#include "stack/base/time.h"
#include "stack/sim/dice.h"

namespace tuntcp::sim {

struct Scenario;

// A start for the scenario's world so that of one connection, in one direction, the initial
// sequence number or else the timestamp clock is a little below 2^31 or 2^32 when it is opened.
// Both are a hash of the endpoints plus a clock (RFC 9293, 3.4.1; RFC 7323, 5.4): a SYN that is
// sent at another time tells the hash, so only the time needs to be chosen.
Instant start_before_a_wrap(const Scenario& scenario, Dice& dice);

}  // namespace tuntcp::sim
