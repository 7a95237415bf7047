// The controllers of a host by their names, Linux's tcp_available_congestion_control: "reno" and
// "cubic", and what an application adds before it makes its host. A value, part of HostConfig.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "stack/base/check.h"
#include "stack/tcp/congestion/any_controller.h"

namespace tuntcp::tcp::congestion {

class Registry {
 public:
  Registry();

  // `Type` is a Controller that can be made without arguments; its name() is what it is chosen by.
  // One of that name that was there before is replaced.
  template <class Type>
  void add();

  const Algorithm* find(std::string_view name) const;  // null: there is none
  std::string names() const;                           // "reno cubic", oldest first

 private:
  void add(const Algorithm& algorithm);

  std::vector<Algorithm> algorithms_;
};

template <class Type>
void Registry::add() {
  const Type any;
  add(Algorithm{.name = any.name(),
                .become = [](AnyController& controller, ControllerBlocks& blocks) {
                  controller.become<Type>(blocks);
                }});
}

}  // namespace tuntcp::tcp::congestion
