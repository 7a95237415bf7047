// What one ACK showed, gathered before anything is concluded from it.
#pragma once

#include <optional>

#include "stack/tcp/recovery/recovery.h"

namespace tuntcp::tcp::recovery {

struct Recovery::Evidence {
  SeqNum prior_una;
  SeqNum prior_highest_sacked;
  bool una_advanced = false;
  bool data_sacked = false;         // something was SACKed that had not been
  bool original_delivered = false;  // ... or acknowledged, that left once and before the episode
  bool repeated_acked = false;      // something acknowledged had been sent again
  bool dsack_counts = false;        // a D-SACK came for something that had been sent again
  bool dsack_of_probe = false;      // ... which was the tail loss probe
  bool retransmission_lost = false;
  bool is_duplicate = false;  // RFC 5681, 2
  bool finds_reneging = false;
  std::uint32_t acked_segments = 0;
  // The lowest octet that arrived behind others although it was sent once, before them.
  std::optional<SeqNum> lowest_late;
  // When what is delivered now and had been sent once left: by the cumulative ACK, and by SACK.
  std::optional<Instant> first_acked_at;
  Instant last_acked_at;
  std::optional<Instant> first_sacked_at;
  Instant last_sacked_at;
};

}  // namespace tuntcp::tcp::recovery
