// One system call of a script, made for real by the calling thread.
#pragma once

#include "tools/drill/backend.h"

namespace tuntcp::drill {

// As the script's program would make it; -1 and errno are in the reply. `returned_at` is left to
// the caller. Unmapped for a call that nobody knows.
CallReply make_call(const CallRequest& request, IpVersion version);

}  // namespace tuntcp::drill
