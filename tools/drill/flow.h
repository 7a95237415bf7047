// One connection of a script and the translation of its numbers. In a script a segment with SYN has
// the numbers that are written; in all others they count from the initial sequence numbers, so that
// the first octet of text is 1 in either direction. The remote side is the script itself: its
// numbers go on the wire as they are. The stack's own initial number and clock are learned from
// what it sends.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "stack/base/address.h"
#include "stack/base/seq_num.h"
#include "tools/drill/script.h"

namespace tuntcp::drill {

struct Flow {
  Port local_port = 0;  // 0: the stack has not told it yet
  Port remote_port = 0;
  int fd = -1;  // the backend's; -1: not accepted
  bool is_passive = false;
  bool is_over = false;  // closed by the application, or reset by either side

  // Initial sequence numbers, on the wire and in the script.
  std::optional<std::uint32_t> local_isn{};
  std::uint32_t local_script_isn = 0;
  std::uint32_t remote_isn = 0;

  // TSval of the stack: the first one on the wire and in the script, and all that were seen since,
  // by their numbers in the script.
  std::optional<std::uint32_t> first_tsval{};
  std::uint32_t first_script_tsval = 0;
  std::map<std::uint32_t, std::uint32_t> tsvals{};

  // For ICMP errors that do not say what they quote.
  std::uint32_t last_sent_seq = 0;
  std::uint16_t last_sent_length = 0;

  // An inbound segment as it goes on the wire.
  TcpSpec to_wire(const TcpSpec& written);
  // A sequence number of the stack, as ICMP errors quote it, on the wire.
  std::uint32_t local_to_wire(std::uint32_t written) const {
    return local_isn.value_or(0) + written;
  }
  // An outbound segment in the script's numbers; `expected` is what the script says comes now,
  // from which an initial number is taken.
  TcpSpec to_script(const TcpSpec& live, const TcpSpec* expected);
  // Remembers that the script calls this TSval of the stack `written`.
  void learn_tsval(std::uint32_t live, std::uint32_t written);
};

}  // namespace tuntcp::drill
