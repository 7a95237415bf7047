// State as a row of numbers that is the same for two states exactly if both will act alike: what is
// absolute in them (times, sequence numbers, timestamps) is written relative to something. For
// searches that must know a state again: stack/sim/explore.h.
#pragma once

#include <cstdint>
#include <vector>

#include "stack/base/seq_num.h"
#include "stack/base/time.h"

namespace tuntcp {

// Thread rule: none of its own; use one from one thread.
class Canonical {
 public:
  // `now`, and where the numbers of the two ends are counted from: usually the two ISS.
  struct Origin {
    Instant now;
    SeqNum local;
    SeqNum remote;
  };
  explicit Canonical(const Origin& origin) : origin_(origin) {}

  template <class Integer>
  void number(Integer value) {
    add(static_cast<std::uint64_t>(value));
  }
  void duration(Duration value) { number(value.count_ns()); }
  // Of octets that this end sends, and of those that the other does.
  void local(SeqNum value) { number(value.value() - origin_.local.value()); }
  void remote(SeqNum value) { number(value.value() - origin_.remote.value()); }
  // A timestamp of RFC 7323, of either end: its clock's offset is a constant of the connection.
  void timestamp(std::uint32_t value) {
    number(value - static_cast<std::uint32_t>(origin_.now.since_origin().count_ms()));
  }
  // When something will happen; also kept as earliest_deadline().
  void deadline(Instant when);
  // How long ago something happened; from `most` on it makes no difference. Instant() is "never".
  void age(Instant since, Duration most = Duration::infinite());

  const std::vector<std::uint64_t>& numbers() const { return numbers_; }
  Instant earliest_deadline() const { return earliest_; }
  const Origin& origin() const { return origin_; }

 private:
  void add(std::uint64_t number);

  Origin origin_;
  Instant earliest_ = Instant::never();
  std::vector<std::uint64_t> numbers_;
};

}  // namespace tuntcp
