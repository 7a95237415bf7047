// What must hold of a host whenever none of its doors is being passed.
#pragma once

#include <optional>
#include <string>

#include "stack/host/tables.h"

namespace tuntcp {

// The first thing found that must not be, or nothing. Walks over everything: for tests, which ask
// after every step. Changes nothing.
//  - Each connection is consistent in itself (tcp::is_consistent), is found under its endpoints
//    exactly if it is in the tables, and owns no more memory than its buffers allow.
//  - Its earliest deadline is in the wheel, not later than it is due; what is outstanding or waits
//    has a timer; what is due to be sent or said is in the queue for that.
//  - Half-open and TIME-WAIT entries each have a timer, and the counters agree with the tables.
std::optional<std::string> inconsistency_of(HostTables& tables);

}  // namespace tuntcp
