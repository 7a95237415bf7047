// STATUS (RFC 9293, 3.10.6) must make sense at any time, for it is what people look at.
#pragma once

#include "stack/host/status.h"

namespace tuntcp::sim {

// What of this status cannot be, in words; null if it can be.
const char* nonsense_in(const Status& status);

}  // namespace tuntcp::sim
