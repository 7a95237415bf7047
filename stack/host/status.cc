#include "stack/host/status.h"

namespace tuntcp {

// ss(8) has five words for timers. It prints "on" for anything that retransmits, SYN,ACKs included,
// and "timewait" for a FIN-WAIT-2 that nobody holds any more, because Linux keeps both alike.
const char* to_string(TimerKind kind) {
  switch (kind) {
    case TimerKind::none:
      return "off";
    case TimerKind::retransmit:
    case TimerKind::syn_ack:
      return "on";
    case TimerKind::persist:
      return "persist";
    case TimerKind::time_wait:
    case TimerKind::fin_wait_2:
      return "timewait";
    case TimerKind::keep_alive:
      return "keepalive";
  }
  return "?";
}

}  // namespace tuntcp
