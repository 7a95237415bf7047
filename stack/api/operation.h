// One asynchronous operation: what it waits for, what came of it, and the handler to tell.
//
// Handlers are kept as they are, without std::function, in memory that is reused: a connection that
// reads and writes allocates nothing. Not here: when an operation is finished (connection.cc,
// listener.cc), when its handler runs (engine.cc).
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/executor.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

#include "stack/base/bytes.h"

namespace tuntcp::api {

// Memory of finished operations for the next ones, last in, first out. One thread.
class OperationMemory {
 public:
  OperationMemory() = default;
  OperationMemory(const OperationMemory&) = delete;
  OperationMemory& operator=(const OperationMemory&) = delete;
  ~OperationMemory();
  void* allocate(std::size_t octets);
  void deallocate(void* memory, std::size_t octets) noexcept;

 private:
  struct Free {
    Free* next;
  };
  static constexpr std::size_t kStep = 64;  // octets between the sizes that are kept apart
  static constexpr std::size_t kSizes = 16;
  std::array<Free*, kSizes> free_{};
};

// Where operations get their memory, and the executor of handlers that have none of their own.
struct OperationHome {
  OperationMemory memory;
  boost::asio::any_io_executor executor;
};

class Operation {
 public:
  enum class Kind : std::uint8_t {
    connect,
    read,
    write,
    wait_read,
    wait_write,
    wait_error,
    accept,
    notice,  // of something about the whole stack
  };

  // Called when the handler's cancellation slot fires while the operation is parked.
  class Owner {
   public:
    virtual void cancel(std::uint64_t operation) = 0;

   protected:
    ~Owner() = default;
  };

  explicit Operation(Kind kind) : kind_(kind) {}
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // Both free the operation. The handler runs within finish() if it wants to run on the home
  // executor, which is the one that calls; after post() it never does.
  virtual void finish() = 0;
  virtual void post() = 0;
  // The operation is parked at `owner`, or no longer: listens to its cancellation slot.
  virtual void watch_slot(Owner& owner) = 0;
  virtual void leave_slot() = 0;

  Kind kind() const { return kind_; }
  std::uint64_t number() const { return number_; }

  Operation* next = nullptr;
  boost::system::error_code error;

  std::tuple<boost::system::error_code> result() { return {error}; }

 private:
  friend class OperationQueue;
  Kind kind_;
  std::uint64_t number_ = 0;  // given when it is parked
};

// The first pieces of a buffer sequence; "some" may always be less than all.
template <class Octet>
class Pieces {
 public:
  using Span = std::span<Octet>;

  template <class Buffers>
  explicit Pieces(const Buffers& buffers) {
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end; ++it) {
      using Buffer = std::conditional_t<std::is_const_v<Octet>, boost::asio::const_buffer,
                                        boost::asio::mutable_buffer>;
      const Buffer buffer(*it);
      if (buffer.size() == 0) continue;
      pieces_[size_++] = Span(static_cast<Octet*>(buffer.data()), buffer.size());
      if (size_ == kMost) break;
    }
  }
  const Span* begin() const { return pieces_.data(); }
  const Span* end() const { return pieces_.data() + size_; }
  bool is_empty() const { return size_ == 0; }

 private:
  static constexpr std::size_t kMost = 8;
  std::array<Span, kMost> pieces_;
  std::size_t size_ = 0;
};

template <class Octet>
class Transfer : public Operation {
 public:
  template <class Buffers>
  explicit Transfer(Kind kind, const Buffers& buffers) : Operation(kind), pieces(buffers) {}
  Pieces<Octet> pieces;
  std::size_t octets = 0;
  std::tuple<boost::system::error_code, std::size_t> result() { return {error, octets}; }
};
using Read = Transfer<std::uint8_t>;
using Write = Transfer<const std::uint8_t>;

// First in, first out.
class OperationQueue {
 public:
  OperationQueue() = default;
  OperationQueue(const OperationQueue&) = delete;
  OperationQueue& operator=(const OperationQueue&) = delete;

  bool is_empty() const { return first_ == nullptr; }
  std::size_t size() const { return size_; }
  Operation* front() const { return first_; }
  void push(Operation& operation);
  Operation* pop();  // null if there is none
  // For operations that wait: gives a number and watches the handler's cancellation slot.
  void park(Operation& operation, Operation::Owner& owner);
  Operation* unpark();  // the first one, or null
  Operation* unpark(std::uint64_t number);

 private:
  Operation* first_ = nullptr;
  Operation* last_ = nullptr;
  std::size_t size_ = 0;
};

// Keeps a handler's own executor from running out of work: Asio has two kinds of executors.
template <class Executor, bool = boost::asio::execution::is_executor<Executor>::value>
class Work {
 public:
  explicit Work(const Executor& executor)
      : tracked_(boost::asio::prefer(executor, boost::asio::execution::outstanding_work.tracked)) {}

 private:
  std::decay_t<typename boost::asio::prefer_result<
      const Executor&, boost::asio::execution::outstanding_work_t::tracked_t>::type>
      tracked_;
};
template <class Executor>
class Work<Executor, false> {
 public:
  explicit Work(const Executor& executor) : guard_(executor) {}

 private:
  boost::asio::executor_work_guard<Executor> guard_;
};

// Base: Operation, Read, Write or another class with a result() whose elements the handler takes.
template <class Base, class Handler>
class HandlerOperation final : public Base {
 public:
  template <class... Arguments>
  static Base& make(OperationHome& home, Handler&& handler, Arguments&&... arguments) {
    void* memory = nullptr;
    if constexpr (kUsesPool) {
      memory = home.memory.allocate(sizeof(HandlerOperation));
    } else {
      Allocator allocator(boost::asio::get_associated_allocator(handler));
      memory = std::allocator_traits<Allocator>::allocate(allocator, 1);
    }
    return *::new (memory)
        HandlerOperation(home, std::move(handler), std::forward<Arguments>(arguments)...);
  }

  void finish() override {
    if constexpr (std::is_same_v<Executor, boost::asio::any_io_executor>) {
      if (!work_) {
        auto values = this->result();
        Handler handler = take_apart();
        std::apply([&handler](auto&... value) { std::move(handler)(std::move(value)...); }, values);
        return;
      }
    }
    leave([](auto&& call) { boost::asio::dispatch(std::forward<decltype(call)>(call)); });
  }

  void post() override {
    const boost::asio::any_io_executor home = home_.executor;
    leave([&home](auto&& call) { boost::asio::post(home, std::forward<decltype(call)>(call)); });
  }

  void watch_slot(Operation::Owner& owner) override {
    auto slot = boost::asio::get_associated_cancellation_slot(handler_);
    if (!slot.is_connected()) return;
    slot.assign([&owner, number = this->number()](boost::asio::cancellation_type type) {
      if (type != boost::asio::cancellation_type::none) owner.cancel(number);
    });
  }

  void leave_slot() override {
    auto slot = boost::asio::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) slot.clear();
  }

 private:
  using Executor = boost::asio::associated_executor_t<Handler, boost::asio::any_io_executor>;
  using HandlerAllocator = boost::asio::associated_allocator_t<Handler>;
  using Allocator =
      typename std::allocator_traits<HandlerAllocator>::template rebind_alloc<HandlerOperation>;
  static constexpr bool kUsesPool = std::is_same_v<HandlerAllocator, std::allocator<void>>;

  template <class... Arguments>
  explicit HandlerOperation(OperationHome& home, Handler&& handler, Arguments&&... arguments)
      : Base(std::forward<Arguments>(arguments)...), home_(home), handler_(std::move(handler)) {
    const auto executor = boost::asio::get_associated_executor(handler_, home.executor);
    // The home executor has work of its own; another one must not run out of it meanwhile.
    if constexpr (std::is_same_v<Executor, boost::asio::any_io_executor>) {
      if (executor == home.executor) return;
    }
    work_.emplace(executor);
  }

  // The memory is free before the handler runs, which will want it for the next operation.
  Handler take_apart() {
    Handler handler(std::move(handler_));
    if constexpr (kUsesPool) {
      OperationMemory& memory = home_.memory;
      this->~HandlerOperation();
      memory.deallocate(this, sizeof(HandlerOperation));
    } else {
      Allocator allocator(boost::asio::get_associated_allocator(handler));
      this->~HandlerOperation();
      std::allocator_traits<Allocator>::deallocate(allocator, this, 1);
    }
    return handler;
  }

  template <class Submit>
  void leave(Submit submit) {
    auto values = this->result();
    const auto work = std::move(work_);
    Handler handler = take_apart();
    std::apply(
        [&](auto&... value) {
          submit(boost::asio::append(std::move(handler), std::move(value)...));
        },
        values);
  }

  ~HandlerOperation() override = default;

  OperationHome& home_;
  Handler handler_;
  std::optional<Work<Executor>> work_;
};

template <class Base, class Handler, class... Arguments>
Base& make_operation(OperationHome& home, Handler&& handler, Arguments&&... arguments) {
  static_assert(!std::is_lvalue_reference_v<Handler>);
  return HandlerOperation<Base, std::decay_t<Handler>>::make(home, std::move(handler),
                                                             std::forward<Arguments>(arguments)...);
}

}  // namespace tuntcp::api
