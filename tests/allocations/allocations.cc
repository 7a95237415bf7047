// Counts on all threads: by replacing the global operator new and delete, or, where a sanitizer has
// replaced them already, by its own hooks.
#include "tests/allocations/allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> the_count = 0;
}

std::size_t tuntcp::test::allocations() {
  return the_count;
}

#ifdef TUNTCP_SANITIZED

// As <sanitizer/allocator_interface.h> has it, which Debian ships with clang only.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*,
                                                                           std::size_t),
                                                         void (*on_free)(const volatile void*));

namespace {
[[maybe_unused]] const int kInstalled = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { ++the_count; }, [](const volatile void*) {});
}  // namespace

#else

namespace {

void* allocate(std::size_t octets, std::size_t alignment) {
  ++the_count;
  const std::size_t rounded = (octets + alignment - 1) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) std::abort();
  return memory;
}

constexpr std::size_t kUsual = alignof(std::max_align_t);

std::size_t of(std::align_val_t alignment) {
  return static_cast<std::size_t>(alignment);
}

}  // namespace

void* operator new(std::size_t octets) {
  return allocate(octets, kUsual);
}
void* operator new[](std::size_t octets) {
  return allocate(octets, kUsual);
}
void* operator new(std::size_t octets, const std::nothrow_t&) noexcept {
  return allocate(octets, kUsual);
}
void* operator new[](std::size_t octets, const std::nothrow_t&) noexcept {
  return allocate(octets, kUsual);
}
void* operator new(std::size_t octets, std::align_val_t alignment) {
  return allocate(octets, of(alignment));
}
void* operator new[](std::size_t octets, std::align_val_t alignment) {
  return allocate(octets, of(alignment));
}
void* operator new(std::size_t octets, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(octets, of(alignment));
}
void* operator new[](std::size_t octets, std::align_val_t alignment,
                     const std::nothrow_t&) noexcept {
  return allocate(octets, of(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

#endif
