// A pool of objects of one type at stable addresses, named by index and generation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "stack/base/check.h"

namespace tuntcp {

// Names one object of a Slab for as long as it lives; a handle to a dead one finds nothing.
struct SlabHandle {
  std::uint32_t index = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t generation = 0;

  constexpr bool is_set() const { return index != std::numeric_limits<std::uint32_t>::max(); }
  friend constexpr bool operator==(const SlabHandle&, const SlabHandle&) = default;
};

// Grows by whole chunks up to `limit` objects and gives memory back only when it is destroyed;
// freed places are reused last in, first out, because they are still in the cache.
template <class T>
class Slab {
 public:
  explicit Slab(std::size_t limit) : limit_(limit) {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    for_each([this](T& object) { erase(object); });
  }

  // Null when `limit` objects live already.
  template <class... Args>
  T* emplace(Args&&... args) {
    if (size_ == limit_) return nullptr;
    if (free_ == nullptr) grow();
    Place* place = std::exchange(free_, free_->next_free);
    T* object = ::new (static_cast<void*>(place->storage)) T(std::forward<Args>(args)...);
    place->is_live = true;
    ++size_;
    return object;
  }

  void erase(T& object) {
    Place* place = place_of(object);
    TUNTCP_CHECK(place->is_live);
    object.~T();
    place->is_live = false;
    ++place->generation;
    place->next_free = std::exchange(free_, place);
    --size_;
  }

  SlabHandle handle_of(const T& object) const {
    const Place* place = place_of(const_cast<T&>(object));
    return {.index = place->index, .generation = place->generation};
  }

  T* find(SlabHandle handle) {
    if (handle.index / kChunk >= chunks_.size()) return nullptr;
    Place& place = chunks_[handle.index / kChunk][handle.index % kChunk];
    if (!place.is_live || place.generation != handle.generation) return nullptr;
    return object_in(place);
  }

  // The object at an index known to be live.
  T& at(std::uint32_t index) { return *object_in(chunks_[index / kChunk][index % kChunk]); }

  // Visits every live object, in index order; the visitor may erase the one it is given.
  template <class Visitor>
  void for_each(Visitor visitor) {
    for (auto& chunk : chunks_) {
      for (std::size_t i = 0; i < kChunk; ++i) {
        if (chunk[i].is_live) visitor(*object_in(chunk[i]));
      }
    }
  }

  std::size_t size() const { return size_; }
  std::size_t limit() const { return limit_; }
  void set_limit(std::size_t limit) { limit_ = limit < size_ ? size_ : limit; }

 private:
  struct Place {
    alignas(T) std::byte storage[sizeof(T)];
    Place* next_free = nullptr;
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
    bool is_live = false;
  };
  static constexpr std::size_t kChunk = 64;

  static T* object_in(Place& place) { return std::launder(reinterpret_cast<T*>(place.storage)); }
  static Place* place_of(T& object) {
    static_assert(offsetof(Place, storage) == 0);
    return reinterpret_cast<Place*>(&object);
  }
  void grow() {
    const std::size_t first = chunks_.size() * kChunk;
    chunks_.push_back(std::make_unique<Place[]>(kChunk));
    auto& chunk = chunks_.back();
    for (std::size_t i = kChunk; i-- > 0;) {
      chunk[i].index = static_cast<std::uint32_t>(first + i);
      chunk[i].next_free = std::exchange(free_, &chunk[i]);
    }
  }

  std::size_t limit_;
  std::size_t size_ = 0;
  Place* free_ = nullptr;
  std::vector<std::unique_ptr<Place[]>> chunks_;
};

}  // namespace tuntcp
