// Octets of TCP text that one direction of a link is given, and how many of them it was given
// before: what a sender sent again, counted at one place for every kind of sender, and before
// anything can be lost.
//
// A sender sends its text in order the first time. So what is below the highest sequence number
// that was seen of a connection has been seen.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "stack/base/bytes.h"
#include "stack/base/seq_num.h"

namespace tuntcp::link {

struct TextCounts {
  std::uint64_t octets = 0;
  std::uint64_t repeated = 0;
};

class Repeats {
 public:
  // Connections that are told apart; the text of more counts as not repeated.
  static constexpr std::size_t kMostConnections = 65'536;

  // A packet as a device gives it, super-packet or not; what is not TCP is not looked at.
  void look_at(Bytes packet);
  const TextCounts& counts() const { return counts_; }

 private:
  struct Seen {
    SeqNum first;  // of the text
    SeqNum end;    // beyond the highest
  };
  // By addresses and ports as they are in the packet.
  std::unordered_map<std::string, Seen> connections_;
  TextCounts counts_;
};

}  // namespace tuntcp::link
