// A connection's controller, whichever it is, without an allocation: small ones live in the
// connection, larger ones in a slab of the host.
#pragma once

#include <cstddef>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "stack/base/slab.h"
#include "stack/tcp/congestion/reno.h"

namespace tuntcp::tcp::congestion {

// Room for the state of one controller that does not fit into a connection.
struct ControllerBlock {
  static constexpr std::size_t kMostOctets = 1024;
  alignas(std::max_align_t) std::byte octets[kMostOctets];
};
using ControllerBlocks = Slab<ControllerBlock>;

// Owns exactly one Controller. Starts as Reno.
class AnyController {
 public:
  static constexpr std::size_t kMostOctets = 160;

  AnyController() { construct<Reno>(octets_); }
  ~AnyController() { destroy(); }
  AnyController(const AnyController&) = delete;
  AnyController& operator=(const AnyController&) = delete;

  // Replaces the controller by one that fits; it has to be told init() again.
  template <class T, class... Args>
  T& emplace(Args&&... args) {
    static_assert(sizeof(T) <= kMostOctets);
    destroy();
    return construct<T>(octets_, std::forward<Args>(args)...);
  }
  // The same, and what does not fit goes into `blocks`, which must have room: a host's have as many
  // places as it has connections.
  template <class T>
  void become(ControllerBlocks& blocks) {
    if constexpr (sizeof(T) <= kMostOctets) {
      emplace<T>();
    } else {
      static_assert(sizeof(T) <= ControllerBlock::kMostOctets);
      destroy();
      block_ = blocks.emplace();
      TUNTCP_CHECK(block_ != nullptr);
      blocks_ = &blocks;
      construct<T>(block_->octets);
    }
  }

  Controller& operator*() { return *controller_; }
  const Controller& operator*() const { return *controller_; }
  Controller* operator->() { return controller_; }
  const Controller* operator->() const { return controller_; }

 private:
  template <class T, class... Args>
  T& construct(std::byte* place, Args&&... args) {
    static_assert(std::is_base_of_v<Controller, T>);
    static_assert(alignof(T) <= alignof(std::max_align_t));
    static_assert(std::is_nothrow_constructible_v<T, Args...>,
                  "a throwing constructor would leave no controller behind");
    T* object = ::new (static_cast<void*>(place)) T(std::forward<Args>(args)...);
    controller_ = object;
    return *object;
  }
  void destroy() {
    controller_->~Controller();
    if (block_ == nullptr) return;
    blocks_->erase(*block_);
    block_ = nullptr;
  }

  alignas(std::max_align_t) std::byte octets_[kMostOctets];
  Controller* controller_;
  ControllerBlock* block_ = nullptr;  // where the controller is, if not here
  ControllerBlocks* blocks_ = nullptr;
};

// A controller as it is known by its name.
struct Algorithm {
  std::string_view name;  // of Controller::name()
  void (*become)(AnyController&, ControllerBlocks&) = nullptr;
};

}  // namespace tuntcp::tcp::congestion
