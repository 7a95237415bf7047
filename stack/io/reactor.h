// The loop between a Device and a Host on Boost.Asio: packets in, application, packets out, sleep.
//
// Everything happens in batches. A batch reads packets up to a limit, tells the application what
// they made possible, lets it run, and only then sends, so that one ACK answers many segments and
// answers ride on ACKs. Batches follow each other without a trip through epoll while the device has
// packets. Not here: what a packet means (Host), what an application is (Reactor::Client).
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <thread>

#include "stack/base/time.h"
#include "stack/host/host.h"
#include "stack/io/device.h"

namespace tuntcp::io {

struct ReactorLimits {
  // A batch ends with whichever is reached first. 512 KB are about 8 super-packets: few enough to
  // be still in the CPU's cache when the application copies them, enough for one ACK to pay.
  unsigned batch_packets = 64;
  std::size_t batch_octets = 512 * 1024;
  // How many of the application's handlers may run within one batch, before the batch sends. A
  // batch of 64 packets is at most 32 connections that are opened and speak at once: each is
  // accepted, read and written to, one accept after the other, and its first ACK should carry the
  // answer.
  unsigned handlers = 128;
  // Batches in a row before the io_context's other handlers get their turn.
  unsigned batches = 16;
  // While packets keep coming, timers are held back for at most this long: after a SIGSTOP the ACK
  // may already be waiting in the device.
  Duration timer_patience = Duration::milliseconds(20);
};

// Thread rule: one thread at a time runs the io_context, and the host and the reactor belong to it.
// Until that thread first asks for something they belong to the thread that made the reactor.
class Reactor {
 public:
  // What runs on top of the host. Called on the reactor's thread only.
  class Client {
   public:
    virtual ~Client() = default;
    // Something became possible. May call the host, must not run application handlers.
    virtual void on_event(const Event& event) = 0;
    // Runs the handlers that are due now; what becomes due meanwhile waits for the next call.
    // Returns how many ran. A handler may stop or destroy everything, see start().
    virtual std::size_t run_handlers() = 0;
    virtual bool has_handlers() const = 0;
    // One line for people: the link changed, or something the device wanted to do about it failed.
    virtual void on_device_news(const std::string& line) = 0;
    // The device is gone for good; the reactor has stopped reading and sending.
    virtual void on_device_lost(const std::error_code& reason) = 0;
  };

  Reactor(boost::asio::io_context& io, Host& host, Device& device, Client& client,
          const ReactorLimits& limits);
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;
  ~Reactor();

  // Starts waiting for packets. `life` owns everything that the constructor was given: the reactor
  // keeps it alive while it runs and does nothing any more once it is gone.
  void start(std::weak_ptr<void> life);
  // Sends what can be sent now and ends for good. May be called from a handler.
  void stop();

  // The time of the batch that runs, or of the clock between batches. Never goes back.
  Instant now() const;
  // The application called the host: what that made ready to send is sent at the end of the batch
  // that runs, or soon.
  void request_flush();
  // Whether this thread may touch the host. Any thread may ask; one that is inside the io_context's
  // run() takes the reactor over from the thread that made it.
  bool is_on_thread() const;

  // Packets that were read and dropped because the host had no memory for them.
  std::uint64_t packets_without_memory() const { return packets_without_memory_; }

 private:
  struct Waits;
  class Sink;

  void run(bool has_packets);
  void resume_later();
  bool read_batch();
  void expire_timers(bool is_drained);
  void deliver_events();
  void run_application();
  bool flush();
  void sleep();
  void wait_for_packets();
  void wait_for_room();
  void wait_for_link_news();
  void arm_timer();
  void follow_link();
  void on_read_error(const std::error_code& error);
  void lose_device(const std::error_code& reason);

  boost::asio::io_context& io_;
  Host& host_;
  Device& device_;
  Client& client_;
  ReactorLimits limits_;
  mutable std::atomic<std::thread::id> owner_ = std::this_thread::get_id();
  std::weak_ptr<void> life_;
  std::unique_ptr<Waits> waits_;

  Instant now_;
  Instant overdue_since_ = Instant::never();  // when timers were first held back
  bool is_stopped_ = false;
  bool is_running_ = false;
  bool is_resuming_ = false;         // a run is posted
  bool resume_has_packets_ = false;  // and is to read the device
  bool is_device_failing_ = false;   // reading gave an error; tried again later
  bool is_refused_ = false;          // the device's queue is full
  std::uint64_t packets_without_memory_ = 0;
  std::unique_ptr<std::uint8_t[]> spill_;  // to read packets into that are dropped
};

}  // namespace tuntcp::io
