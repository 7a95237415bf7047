// What the checkers of a simulation found. A simulation with a fault stops and tells.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tuntcp::sim {

// All are counted, the first are kept: those that follow are mostly consequences.
class Faults {
 public:
  static constexpr std::size_t kMostKept = 20;

  void add(std::string text) {
    ++count_;
    if (texts_.size() < kMostKept) texts_.push_back(std::move(text));
  }
  bool is_empty() const { return count_ == 0; }
  std::uint64_t count() const { return count_; }
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  std::uint64_t count_ = 0;
  std::vector<std::string> texts_;
};

}  // namespace tuntcp::sim
