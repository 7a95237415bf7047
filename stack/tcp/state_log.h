// A bounded record of changes of state, for tests and for `--log-level debug`. Off by default;
// when it is full the oldest go and are counted.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "stack/base/address.h"
#include "stack/tcp/state.h"

namespace tuntcp::tcp {

struct StateChange {
  FourTuple tuple;
  State from = State::closed;
  State to = State::closed;
  Cause cause = Cause::delete_tcb;
};

class StateLog {
 public:
  static constexpr std::size_t kMost = 65'536;

  void turn_on() { is_on_ = true; }
  bool is_on() const { return is_on_; }
  void push(const StateChange& change) {
    if (changes_.size() == kMost) {
      changes_.pop_front();
      ++lost_;
    }
    changes_.push_back(change);
  }
  std::optional<StateChange> take() {
    if (changes_.empty()) return std::nullopt;
    const StateChange oldest = changes_.front();
    changes_.pop_front();
    return oldest;
  }
  std::uint64_t lost() const { return lost_; }

 private:
  std::deque<StateChange> changes_;
  std::uint64_t lost_ = 0;
  bool is_on_ = false;
};

}  // namespace tuntcp::tcp
