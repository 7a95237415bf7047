// From the tables to what can be asked: STATUS, RFC 9293, 3.10.6.
#pragma once

#include <vector>

#include "stack/base/time.h"
#include "stack/host/status.h"
#include "stack/host/tables.h"

namespace tuntcp {

Status status_of(const Listener& listener);
Status status_of(const tcp::Tcb& tcb, Instant now);
std::vector<Status> statuses_of(HostTables& tables, Instant now);

}  // namespace tuntcp
