// A TCP/IP stack in this process: what tuntcp::tcp::socket and tuntcp::tcp::acceptor are made on.
//
//   boost::asio::io_context io;
//   auto tun = tuntcp::io::TunDevice::open({.name = "tun0"});
//   tuntcp::stack_config config;
//   config.host.addresses.push_back(*tuntcp::Prefix::parse("198.51.100.2/24"));
//   tuntcp::stack_context stack(io, std::move(*tun), std::move(config));
//   tuntcp::tcp::acceptor acceptor(stack, {boost::asio::ip::address_v4::any(), 7});
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <utility>

#include "stack/api/engine.h"
#include "stack/base/random.h"
#include "stack/host/host.h"
#include "stack/io/device.h"
#include "stack/io/reactor.h"

namespace tuntcp {

// Owns the device and every connection. While it is open the io_context has work, so run() returns
// after stop() or the destructor and not before.
//
// Thread rule: one thread at a time runs the io_context; the stack belongs to it, and before the
// first run to the thread that made the stack. Sockets and acceptors may be used from other threads
// (one at a time each) while the io_context runs; everything else here may not.
class stack_context {
 public:
  using executor_type = boost::asio::any_io_executor;

  stack_context(boost::asio::io_context& io, std::shared_ptr<io::Device> device,
                stack_config config = {});
  stack_context(const stack_context&) = delete;
  stack_context& operator=(const stack_context&) = delete;
  // As stop(). Sockets may outlive the stack; their operations end with operation_aborted.
  ~stack_context();

  executor_type get_executor() const { return engine_->executor(); }

  // Resets what is still open, closes the device and ends every operation with operation_aborted.
  void stop();

  // The polite end: closes every socket and acceptor as their close() does (what waits ends with
  // operation_aborted), waits until the peers have acknowledged that, and stops. There is no kernel
  // behind this process that would do it later. `void(error_code)`: timed_out if connections were
  // left after `at_most`.
  template <class CompletionToken>
  auto async_shut_down(Duration at_most, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code)>(
        [engine = engine_.get(), at_most]<class Handler>(Handler&& handler) {
          engine->shut_down(make_notice(*engine, std::move(handler)), at_most);
        },
        token);
  }

  // Waits until the device is gone for good, for example deleted: `void(error_code)` with the
  // reason. All sockets then fail with network_down.
  template <class CompletionToken>
  auto async_wait_device_lost(CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code)>(
        [engine = engine_.get()]<class Handler>(Handler&& handler) {
          engine->wait_device_lost(make_notice(*engine, std::move(handler)));
        },
        token);
  }

  // The core, to look at and to tune: connections, counters, knobs. Null once stopped or lost.
  Host* host() const { return engine_->host(); }
  // What the host wants as `now`.
  Instant now() const { return engine_->now(); }
  // After calls to the host that change something: sends what that made ready.
  void flush() { engine_->flush(); }

  // For socket and acceptor.
  const std::shared_ptr<api::Engine>& engine() const { return engine_; }

 private:
  template <class Handler>
  static api::Operation& make_notice(api::Engine& engine, Handler&& handler) {
    return api::make_operation<api::Operation>(engine.home(), std::move(handler),
                                               api::Operation::Kind::notice);
  }

  std::shared_ptr<api::Engine> engine_;
};

}  // namespace tuntcp
