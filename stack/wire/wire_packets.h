// What a packet that devices exchange would look like on a wire: super-packets cut into segments,
// checksums that were left to a device completed. For those who look on, such as a capture; the
// stack and the kernel never need it of each other.
#pragma once

#include <functional>

#include "stack/base/bytes.h"
#include "stack/wire/offload.h"

namespace tuntcp::wire {

// Calls visit(octets) for each wire packet, in order; valid during the call only. A packet that
// needs no change is handed on as it is, and so is one that is not understood.
void for_each_wire_packet(Bytes packet, const ReceivedOffload& offload,
                          const std::function<void(Bytes)>& visit);

}  // namespace tuntcp::wire
