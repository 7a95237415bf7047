// What a connection has to tell its application; Event in host.h carries these bits.
#pragma once

#include <cstdint>

namespace tuntcp::tcp {

// What an application can learn. Bits accumulate until it takes them.
struct EventBits {
  enum : std::uint8_t {
    connected = 1,    // OPEN completed
    readable = 2,     // octets, the end of the stream, or an error can be received
    writable = 4,     // room after a send that was refused or cut short
    failed = 8,       // the connection is CLOSED by an error; see status().error
    acceptable = 16,  // a listener's queue went from empty to not empty
    send_done = 32,   // everything sent, FIN included, was acknowledged
    urgent = 64,      // the peer's urgent pointer came or advanced (MUST-32)
    // ERROR_REPORT (3.9.1.8): ICMP told of trouble (status().soft_error, SHLD-25), or R1 was
    // reached (status().is_stalled). The connection goes on; who does not care ignores it (MUST-47,
    // SHLD-20).
    error_report = 128,
  };
};

}  // namespace tuntcp::tcp
