// A connection's controller, whichever it is, without an allocation.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "stack/tcp/congestion/reno.h"

namespace tuntcp::tcp::congestion {

// Owns exactly one Controller, in place; larger state belongs into a slab of the algorithm's own.
// Starts as Reno.
class AnyController {
 public:
  static constexpr std::size_t kMostOctets = 160;

  AnyController() { construct<Reno>(); }
  ~AnyController() { controller_->~Controller(); }
  AnyController(const AnyController&) = delete;
  AnyController& operator=(const AnyController&) = delete;

  // Replaces the controller; the new one has to be told init() again.
  template <class T, class... Args>
  T& emplace(Args&&... args) {
    controller_->~Controller();
    return construct<T>(std::forward<Args>(args)...);
  }

  Controller& operator*() { return *controller_; }
  const Controller& operator*() const { return *controller_; }
  Controller* operator->() { return controller_; }
  const Controller* operator->() const { return controller_; }

 private:
  template <class T, class... Args>
  T& construct(Args&&... args) {
    static_assert(std::is_base_of_v<Controller, T>);
    static_assert(sizeof(T) <= kMostOctets && alignof(T) <= alignof(std::max_align_t));
    static_assert(std::is_nothrow_constructible_v<T, Args...>,
                  "a throwing constructor would leave no controller behind");
    T* object = ::new (static_cast<void*>(storage_)) T(std::forward<Args>(args)...);
    controller_ = object;
    return *object;
  }

  alignas(std::max_align_t) std::byte storage_[kMostOctets];
  Controller* controller_;
};

}  // namespace tuntcp::tcp::congestion
