#include "stack/io/reactor.h"

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "stack/base/check.h"
#include "stack/io/system_clock.h"

namespace tuntcp::io {

namespace asio = boost::asio;

namespace {

// steady_clock and monotonic_now() are both CLOCK_MONOTONIC.
std::chrono::steady_clock::time_point to_steady(Instant when) {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(when.ns()));
}

// A device that cannot be read is tried again after this, unless news of its link come first.
constexpr auto kFailingDeviceWait = std::chrono::milliseconds(100);
// How often a flush repeats while sending makes more to send (packets to the host itself).
constexpr unsigned kFlushRounds = 4;

std::string describe(const LinkState& link) {
  if (!link.exists) return "the device is gone";
  return std::string("the device is ") + (link.is_up ? "up" : "down") + ", MTU " +
         std::to_string(link.capabilities.mtu);
}

}  // namespace

// What is waited for. The descriptors belong to the device.
struct Reactor::Waits {
  explicit Waits(asio::io_context& io) : packets(io), link_news(io), timer(io), retry(io) {}
  ~Waits() {
    if (packets.is_open()) packets.release();
    if (link_news.is_open()) link_news.release();
  }
  asio::posix::stream_descriptor packets;
  asio::posix::stream_descriptor link_news;
  asio::steady_timer timer;  // the host's next deadline
  asio::steady_timer retry;  // reading a failing device again
  Instant armed_for = Instant::never();
  bool is_waiting_for_packets = false;
  bool is_waiting_for_room = false;
  bool is_waiting_to_retry = false;
};

// The device, and whether it refused a packet because its queue is full.
class Reactor::Sink final : public wire::PacketSink {
 public:
  explicit Sink(Device& device) : device_(device) {}
  wire::SendResult send(const wire::OutgoingPacket& packet) override {
    const wire::SendResult result = device_.send(packet);
    has_refused_ |= result == wire::SendResult::retry;
    return result;
  }
  bool has_refused() const { return has_refused_; }

 private:
  Device& device_;
  bool has_refused_ = false;
};

Reactor::Reactor(asio::io_context& io, Host& host, Device& device, Client& client,
                 const ReactorLimits& limits)
    : io_(io),
      host_(host),
      device_(device),
      client_(client),
      limits_(limits),
      waits_(std::make_unique<Waits>(io)),
      now_(monotonic_now()) {
  waits_->packets.assign(device.native_handle());
  if (device.link_handle() >= 0) waits_->link_news.assign(device.link_handle());
}

Reactor::~Reactor() = default;

void Reactor::start(std::weak_ptr<void> life) {
  life_ = std::move(life);
  follow_link();
  if (is_stopped_) return;
  wait_for_link_news();
  sleep();
}

void Reactor::stop() {
  if (is_stopped_) return;
  if (device_.link().exists) flush();
  is_stopped_ = true;
  waits_.reset();
}

Instant Reactor::now() const {
  return is_running_ ? now_ : monotonic_now();
}

bool Reactor::is_on_thread() const {
  const std::thread::id me = std::this_thread::get_id();
  if (owner_.load() == me) return true;
  if (!io_.get_executor().running_in_this_thread()) return false;
  owner_.store(me);
  return true;
}

void Reactor::request_flush() {
  if (!is_running_) resume_later();
}

void Reactor::resume_later() {
  if (is_resuming_ || is_stopped_) return;
  is_resuming_ = true;
  asio::post(io_, [this, life = life_] {
    const auto alive = life.lock();
    if (!alive || is_stopped_) return;
    is_resuming_ = false;
    run(std::exchange(resume_has_packets_, false));
  });
}

// ---- One run: batches until there is nothing left to do.

void Reactor::run(bool has_packets) {
  owner_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  if (is_running_) return;  // A handler runs the io_context itself.
  is_running_ = true;
  struct Leave {  // Also when a handler throws through io_context::run().
    Reactor& reactor;
    bool is_unfinished = true;
    ~Leave() {
      reactor.is_running_ = false;
      if (!is_unfinished) return;
      reactor.resume_has_packets_ = true;
      reactor.resume_later();
    }
  } leave{*this};

  for (unsigned batch = 0; batch < limits_.batches; ++batch) {
    now_ = monotonic_now();
    if (has_packets) has_packets = !read_batch();
    if (is_stopped_) break;
    expire_timers(!has_packets);
    deliver_events();
    run_application();
    if (is_stopped_) break;
    const bool is_all_sent = flush();
    if (!has_packets && is_all_sent && !client_.has_handlers()) {
      leave.is_unfinished = false;
      break;
    }
  }
  if (is_stopped_) {
    leave.is_unfinished = false;
  } else if (!leave.is_unfinished) {
    sleep();
  }
}

// Reads packets until the batch is full or the device has no more; true if it has no more.
bool Reactor::read_batch() {
  std::size_t octets = 0;
  for (unsigned packets = 0; packets < limits_.batch_packets; ++packets) {
    if (octets >= limits_.batch_octets) break;
    MutableBytes room = host_.arena().reserve();
    const bool has_memory = !room.empty();
    if (!has_memory) {
      // All memory is held by octets that the application has not read. The packet is dropped, as
      // a full queue would; leaving it in the device would wake us for ever.
      if (!spill_) spill_ = std::make_unique<std::uint8_t[]>(kReadRoomOctets);
      room = {spill_.get(), kReadRoomOctets};
    }
    wire::ReceivedOffload offload;
    const auto length = device_.read(room, offload);
    if (!length) {
      if (length.error() == std::errc::bad_message) continue;
      if (length.error() == std::errc::operation_would_block) return true;
      on_read_error(length.error());
      return true;
    }
    octets += *length;
    if (has_memory) {
      host_.packet_in(host_.arena().commit(static_cast<std::uint32_t>(*length), device_.headroom()),
                      offload, now_);
    } else {
      ++packets_without_memory_;
    }
  }
  return false;
}

// Packets that were already received go first: after a SIGSTOP, or a handler that took long, the
// network is not to blame.
void Reactor::expire_timers(bool is_drained) {
  if (host_.next_deadline() > now_) {
    overdue_since_ = Instant::never();
    return;
  }
  if (!is_drained && overdue_since_ == Instant::never()) overdue_since_ = now_;
  if (is_drained || now_ - overdue_since_ >= limits_.timer_patience) {
    host_.advance_to(now_);
    overdue_since_ = Instant::never();
  }
}

void Reactor::deliver_events() {
  while (const auto event = host_.next_event()) client_.on_event(*event);
}

// The application goes on until it waits, or has had its share: what it sends, and the room it
// makes by reading, leaves in as few packets as possible.
void Reactor::run_application() {
  for (std::size_t ran = 0; ran < limits_.handlers && !is_stopped_;) {
    const std::size_t now_ran = client_.run_handlers();
    if (now_ran == 0 || is_stopped_) return;
    ran += now_ran;
    deliver_events();
  }
}

// Sends; true if that left nothing that could be sent now.
bool Reactor::flush() {
  now_ = monotonic_now();
  Sink sink(device_);
  std::size_t packets = 1;
  for (unsigned round = 0; round < kFlushRounds && packets != 0 && !sink.has_refused(); ++round) {
    packets = host_.packets_out(now_, sink);
    deliver_events();
  }
  is_refused_ = sink.has_refused();
  follow_link();
  return packets == 0 || is_refused_;
}

// ---- Sleeping and waking.

void Reactor::sleep() {
  if (is_refused_) wait_for_room();
  if (!is_device_failing_) wait_for_packets();
  arm_timer();
}

void Reactor::wait_for_packets() {
  if (waits_->is_waiting_for_packets) return;
  waits_->is_waiting_for_packets = true;
  waits_->packets.async_wait(asio::posix::descriptor_base::wait_read,
                             [this, life = life_](const boost::system::error_code& error) {
                               const auto alive = life.lock();
                               if (!alive || is_stopped_) return;
                               waits_->is_waiting_for_packets = false;
                               if (!error) run(true);
                             });
}

void Reactor::wait_for_room() {
  if (waits_->is_waiting_for_room) return;
  waits_->is_waiting_for_room = true;
  waits_->packets.async_wait(asio::posix::descriptor_base::wait_write,
                             [this, life = life_](const boost::system::error_code& error) {
                               const auto alive = life.lock();
                               if (!alive || is_stopped_) return;
                               waits_->is_waiting_for_room = false;
                               if (!error) run(false);
                             });
}

// The timer is moved only to an earlier time. Deadlines mostly move later, so it usually fires once
// for nothing and is armed again; that is cheaper than moving it with every packet.
void Reactor::arm_timer() {
  Instant deadline = host_.next_deadline();
  // What cannot be sent is not due: it waits for room.
  if (is_refused_) deadline = std::max(deadline, now_ + Duration::milliseconds(1));
  if (deadline == Instant::never() || deadline >= waits_->armed_for) return;
  waits_->armed_for = deadline;
  waits_->timer.expires_at(to_steady(deadline));
  waits_->timer.async_wait([this, life = life_](const boost::system::error_code& error) {
    const auto alive = life.lock();
    if (error || !alive || is_stopped_) return;
    waits_->armed_for = Instant::never();
    run(true);
  });
}

// ---- The link.

void Reactor::wait_for_link_news() {
  if (!waits_->link_news.is_open()) return;
  waits_->link_news.async_wait(asio::posix::descriptor_base::wait_read,
                               [this, life = life_](const boost::system::error_code& error) {
                                 const auto alive = life.lock();
                                 if (error || !alive || is_stopped_) return;
                                 const LinkState before = device_.link();
                                 if (const auto result = device_.take_link_news(); !result) {
                                   client_.on_device_news(result.error().text);
                                 }
                                 if (device_.link() != before)
                                   client_.on_device_news(describe(device_.link()));
                                 follow_link();
                                 if (is_stopped_) return;
                                 wait_for_link_news();
                                 is_device_failing_ = false;
                                 run(true);
                               });
}

// Tells the host what the device can do now.
void Reactor::follow_link() {
  const LinkState& link = device_.link();
  if (!link.exists) {
    lose_device(std::make_error_code(std::errc::no_such_device));
  } else if (link.capabilities != host_.link()) {
    host_.set_link(link.capabilities);
  }
}

void Reactor::on_read_error(const std::error_code& error) {
  if (!device_.link().exists) {
    lose_device(error);
    return;
  }
  // The interface is down, most likely. epoll would report that over and over, so the device is
  // left alone until there is news of its link or some time has passed.
  is_device_failing_ = true;
  if (waits_->is_waiting_to_retry) return;
  waits_->is_waiting_to_retry = true;
  waits_->retry.expires_after(kFailingDeviceWait);
  waits_->retry.async_wait([this, life = life_](const boost::system::error_code& ended) {
    const auto alive = life.lock();
    if (ended || !alive || is_stopped_) return;
    waits_->is_waiting_to_retry = false;
    is_device_failing_ = false;
    run(true);
  });
}

void Reactor::lose_device(const std::error_code& reason) {
  if (is_stopped_) return;
  is_stopped_ = true;
  waits_.reset();
  client_.on_device_lost(reason);
}

}  // namespace tuntcp::io
