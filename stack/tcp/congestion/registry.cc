#include "stack/tcp/congestion/registry.h"

#include <algorithm>

#include "stack/tcp/congestion/cubic.h"

namespace tuntcp::tcp::congestion {

Registry::Registry() {
  add<Reno>();
  add<Cubic>();
}

void Registry::add(const Algorithm& algorithm) {
  constexpr std::size_t kMostName = 15;  // TCP_CA_NAME_MAX without the NUL
  TUNTCP_CHECK(!algorithm.name.empty() && algorithm.name.size() <= kMostName);
  TUNTCP_CHECK(!algorithm.name.contains(' '));
  const auto same = std::ranges::find(algorithms_, algorithm.name, &Algorithm::name);
  if (same != algorithms_.end()) {
    *same = algorithm;
  } else {
    algorithms_.push_back(algorithm);
  }
}

const Algorithm* Registry::find(std::string_view name) const {
  const auto found = std::ranges::find(algorithms_, name, &Algorithm::name);
  return found != algorithms_.end() ? &*found : nullptr;
}

std::string Registry::names() const {
  std::string names;
  for (const Algorithm& algorithm : algorithms_) {
    if (!names.empty()) names += ' ';
    names += algorithm.name;
  }
  return names;
}

}  // namespace tuntcp::tcp::congestion
