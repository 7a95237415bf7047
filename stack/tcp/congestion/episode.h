// The congestion episode of a connection, in Linux's five words (TCP_INFO's tcpi_ca_state). It is
// decided where losses are found; controllers are only told of it.
#pragma once

#include <cstdint>

namespace tuntcp::tcp {

enum class Episode : std::uint8_t {
  open,      // nothing hints at a loss
  disorder,  // SACK blocks or duplicate ACKs, not yet enough of them for a loss
  cwr,       // ECE, not a loss, reduced the window (RFC 3168, 6.1.2)
  recovery,  // fast recovery (RFC 5681, 3.2; RFC 6675)
  loss,      // after a retransmission timeout
};

// Proportional Rate Reduction (RFC 9937) decides what leaves, on its way to ssthresh.
constexpr bool is_reducing(Episode episode) {
  return episode == Episode::cwr || episode == Episode::recovery;
}

}  // namespace tuntcp::tcp
