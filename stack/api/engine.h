// One running stack behind the public classes of api/: its host, device and reactor, and the
// handlers that are due.
//
// It stays in memory as long as a socket refers to it, so that sockets may be destroyed after their
// stack_context; once stopped it has no host any more and every operation ends with an error.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include "stack/api/operation.h"
#include "stack/host/host.h"
#include "stack/io/device.h"
#include "stack/io/reactor.h"

namespace tuntcp {

struct stack_config {
  HostConfig host;  // addresses, knobs, bounds; `link` is what the device says
  io::ReactorLimits reactor;
  // Null: the operating system's. A seeded one makes a stack predictable: for tests only.
  std::unique_ptr<RandomSource> random;
  // Called on the stack's thread with one line for the log: the link went down, its MTU changed.
  std::function<void(const std::string&)> report;
};

}  // namespace tuntcp

namespace tuntcp::api {

// Whatever events are about. Registered at the engine from the moment the host knows it.
class EventTarget {
 public:
  virtual void on_event(const Event& event) = 0;
  // The engine stops: everything parked ends with `reason`. The host is still there.
  virtual void on_stop(const boost::system::error_code& reason) = 0;
  virtual void close() = 0;

 protected:
  ~EventTarget() = default;
};

// Thread rule: that of io::Reactor. Functions marked "any thread" may be called from others too.
class Engine final : public std::enable_shared_from_this<Engine>,
                     private io::Reactor::Client,
                     private Operation::Owner {
 public:
  Engine(boost::asio::io_context& io, std::shared_ptr<io::Device> device, stack_config config);
  ~Engine() override;
  void start();
  // Resets every connection, closes the device, ends every operation. For good.
  void stop();

  bool is_on_thread() const { return reactor_.is_on_thread(); }                    // any thread
  const boost::asio::any_io_executor& executor() const { return home_.executor; }  // any thread
  OperationHome& home() { return home_; }

  // Null after stop() or when the device was lost; error() then says which.
  Host* host() { return error_ ? nullptr : &*host_; }
  const boost::system::error_code& error() const { return error_; }
  Instant now() const { return reactor_.now(); }
  // After every call to the host that may make it send or arm a timer.
  void flush() { reactor_.request_flush(); }

  // What the host is to give back as Event::cookie. The target must be removed before it dies.
  std::uint64_t add(EventTarget& target);
  void remove(std::uint64_t cookie);

  // The operation's handler is due.
  void finish(Operation& operation);
  void finish(Operation& operation, const boost::system::error_code& error) {
    operation.error = error;
    finish(operation);
  }

  // Closes everything as its owner would, waits until no connection is left but in TIME-WAIT, and
  // stops. After `at_most` it stops all the same: timed_out.
  void shut_down(Operation& operation, Duration at_most);
  // No new connections and listeners.
  bool is_shutting_down() const { return shutdown_ != nullptr; }
  // Ends when the device was lost, with the reason.
  void wait_device_lost(Operation& operation);

  // Runs `call` on the engine's thread: now if this is it, otherwise later. Any thread.
  template <class Call>
  void run_on_thread(Call&& call) {
    if (is_on_thread() || io_.stopped()) {
      call();
    } else {
      boost::asio::post(io_, std::forward<Call>(call));
    }
  }
  // The same, and waits for the result; from another thread only while the io_context runs.
  template <class Call>
  auto call_on_thread(Call&& call) -> decltype(call()) {
    if (is_on_thread() || io_.stopped()) return call();
    std::packaged_task<decltype(call())()> task(std::forward<Call>(call));
    auto result = task.get_future();
    boost::asio::post(io_, std::move(task));
    return result.get();
  }

 private:
  struct Shutdown;

  void on_event(const Event& event) override;
  std::size_t run_handlers() override;
  bool has_handlers() const override { return !ready_.is_empty(); }
  void on_device_news(const std::string& line) override {
    if (report_) report_(line);
  }
  void on_device_lost(const std::error_code& reason) override;
  void cancel(std::uint64_t operation) override;
  void end(const boost::system::error_code& reason);
  void check_shutdown();

  boost::asio::io_context& io_;
  OperationHome home_;
  std::unique_ptr<RandomSource> random_;
  std::function<void(const std::string&)> report_;
  std::shared_ptr<io::Device> device_;
  std::optional<Host> host_;
  io::Reactor reactor_;
  boost::system::error_code error_;  // why there is no host any more

  std::vector<EventTarget*> targets_;  // by cookie; place 0 stays empty
  std::vector<std::uint64_t> free_cookies_;
  OperationQueue ready_;
  OperationQueue loss_waiters_;
  boost::system::error_code device_loss_;
  std::unique_ptr<Shutdown> shutdown_;
};

}  // namespace tuntcp::api
