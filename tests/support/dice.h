// The simulator's dice, for all tests that throw some.
#pragma once

#include "stack/sim/dice.h"

namespace tuntcp::test {

using sim::Dice;

}  // namespace tuntcp::test
