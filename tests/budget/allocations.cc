// Replaces the global operator new and delete of this program by ones that count. Not thread-safe:
// the budgets are those of one thread.
#include "tests/budget/allocations.h"

#include <cstdlib>
#include <new>

namespace tuntcp::budget {
namespace {

std::size_t the_count = 0;

void* allocate(std::size_t octets, std::size_t alignment) {
  ++the_count;
  const std::size_t rounded = (octets + alignment - 1) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

std::size_t allocations() {
  return the_count;
}

}  // namespace tuntcp::budget

// The forms for arrays and the ones that do not throw come to these by the library's own.
void* operator new(std::size_t octets) {
  return tuntcp::budget::allocate(octets, alignof(std::max_align_t));
}
void* operator new(std::size_t octets, std::align_val_t alignment) {
  return tuntcp::budget::allocate(octets, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
