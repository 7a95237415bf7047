#include "stack/api/operation.h"

namespace tuntcp::api {

OperationMemory::~OperationMemory() {
  for (Free* free : free_) {
    while (free != nullptr) ::operator delete(std::exchange(free, free->next));
  }
}

void* OperationMemory::allocate(std::size_t octets) {
  const std::size_t size = (octets - 1) / kStep;
  if (size >= kSizes) return ::operator new(octets);
  if (Free* free = free_[size]) {
    free_[size] = free->next;
    return free;
  }
  return ::operator new((size + 1) * kStep);
}

void OperationMemory::deallocate(void* memory, std::size_t octets) noexcept {
  const std::size_t size = (octets - 1) / kStep;
  if (size >= kSizes) return ::operator delete(memory);
  free_[size] = ::new (memory) Free{free_[size]};
}

void OperationQueue::push(Operation& operation) {
  operation.next = nullptr;
  (first_ == nullptr ? first_ : last_->next) = &operation;
  last_ = &operation;
  ++size_;
}

Operation* OperationQueue::pop() {
  Operation* operation = first_;
  if (operation == nullptr) return nullptr;
  first_ = operation->next;
  --size_;
  return operation;
}

void OperationQueue::park(Operation& operation, Operation::Owner& owner) {
  // Never 0 and never the same within a process: a late cancellation finds nothing.
  static thread_local std::uint64_t last_number = 0;
  operation.number_ = ++last_number;
  push(operation);
  operation.watch_slot(owner);
}

Operation* OperationQueue::unpark() {
  Operation* operation = pop();
  if (operation != nullptr) operation->leave_slot();
  return operation;
}

Operation* OperationQueue::unpark(std::uint64_t number) {
  Operation* before = nullptr;
  for (Operation* it = first_; it != nullptr; before = std::exchange(it, it->next)) {
    if (it->number_ != number) continue;
    (before == nullptr ? first_ : before->next) = it->next;
    if (last_ == it) last_ = before;
    --size_;
    it->leave_slot();
    return it;
  }
  return nullptr;
}

}  // namespace tuntcp::api
