#include "stack/api/engine.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "stack/io/system_random.h"

namespace tuntcp::api {

namespace asio = boost::asio;

// Waiting for the last connections to end.
struct Engine::Shutdown {
  explicit Shutdown(asio::io_context& io) : timer(io) {}
  asio::steady_timer timer;
  OperationQueue waiters;
};

namespace {

HostConfig with_link(HostConfig config, const io::Device& device) {
  config.link = device.link().capabilities;
  return config;
}

}  // namespace

Engine::Engine(asio::io_context& io, std::shared_ptr<io::Device> device, stack_config config)
    : io_(io),
      home_{.memory = {}, .executor = io.get_executor()},
      random_(config.random ? std::move(config.random) : std::make_unique<io::SystemRandom>()),
      report_(std::move(config.report)),
      device_(std::move(device)),
      host_(std::in_place, with_link(config.host, *device_), *random_),
      reactor_(io, *host_, *device_, *this, config.reactor),
      targets_(1, nullptr) {}

Engine::~Engine() = default;

void Engine::start() {
  reactor_.start(weak_from_this());
}

void Engine::stop() {
  if (!error_) end(asio::error::operation_aborted);
  // Whoever waits for the device to be lost waits in vain.
  while (Operation* waiter = loss_waiters_.unpark()) {
    finish(*waiter, asio::error::operation_aborted);
  }
  device_.reset();
}

void Engine::on_device_lost(const std::error_code& reason) {
  device_loss_ = boost::system::error_code(reason.value(), boost::system::system_category());
  end(asio::error::network_down);
  while (Operation* waiter = loss_waiters_.unpark()) finish(*waiter, device_loss_);
}

// `error_` is set last: until then the targets may call the host.
void Engine::end(const boost::system::error_code& reason) {
  for (EventTarget*& target : targets_) {
    if (target != nullptr) std::exchange(target, nullptr)->on_stop(reason);
  }
  reactor_.stop();
  error_ = reason;
  if (shutdown_) {
    while (Operation* waiter = shutdown_->waiters.unpark()) finish(*waiter);
    shutdown_.reset();
  }
  // Nobody will call run_handlers() any more.
  while (Operation* operation = ready_.pop()) operation->post();
}

std::uint64_t Engine::add(EventTarget& target) {
  if (free_cookies_.empty()) {
    targets_.push_back(&target);
    return targets_.size() - 1;
  }
  const std::uint64_t cookie = free_cookies_.back();
  free_cookies_.pop_back();
  targets_[cookie] = &target;
  return cookie;
}

void Engine::remove(std::uint64_t cookie) {
  targets_[cookie] = nullptr;
  free_cookies_.push_back(cookie);
}

// Events of connections that were not accepted yet carry cookie 0; who accepts one looks for itself
// what it can do.
void Engine::on_event(const Event& event) {
  if (EventTarget* target = targets_[event.cookie]) target->on_event(event);
}

void Engine::finish(Operation& operation) {
  if (error_) {
    operation.post();
  } else {
    ready_.push(operation);
    reactor_.request_flush();
  }
}

std::size_t Engine::run_handlers() {
  if (shutdown_) check_shutdown();
  const std::size_t count = ready_.size();
  for (std::size_t i = 0; i < count; ++i) {
    Operation* operation = ready_.pop();
    if (operation == nullptr) return i;  // A handler stopped the engine.
    operation->finish();
  }
  return count;
}

void Engine::shut_down(Operation& operation, Duration at_most) {
  if (error_) return finish(operation);
  if (!shutdown_) {
    shutdown_ = std::make_unique<Shutdown>(io_);
    for (std::size_t cookie = 1; cookie < targets_.size(); ++cookie) {
      if (targets_[cookie] != nullptr) targets_[cookie]->close();
    }
  }
  shutdown_->waiters.park(operation, *this);
  shutdown_->timer.expires_after(std::chrono::nanoseconds(at_most.count_ns()));
  shutdown_->timer.async_wait([life = weak_from_this()](const boost::system::error_code& ended) {
    const auto engine = life.lock();
    if (ended || !engine || !engine->shutdown_) return;
    while (Operation* waiter = engine->shutdown_->waiters.unpark()) {
      engine->finish(*waiter, asio::error::timed_out);
    }
    engine->stop();
  });
  reactor_.request_flush();
}

// The last segments were sent before this batch: an ACK of our FIN is what ends most connections.
void Engine::check_shutdown() {
  const auto connections = host_->list(now());
  const bool is_over = std::all_of(connections.begin(), connections.end(), [](const Status& s) {
    return s.state == tcp::State::listen || s.state == tcp::State::time_wait;
  });
  if (is_over) stop();
}

void Engine::wait_device_lost(Operation& operation) {
  if (device_loss_) return finish(operation, device_loss_);
  if (error_) return finish(operation, error_);
  loss_waiters_.park(operation, *this);
}

void Engine::cancel(std::uint64_t number) {
  run_on_thread([self = shared_from_this(), number] {
    Operation* operation = self->loss_waiters_.unpark(number);
    if (operation == nullptr && self->shutdown_) {
      operation = self->shutdown_->waiters.unpark(number);
    }
    if (operation != nullptr) self->finish(*operation, asio::error::operation_aborted);
  });
}

}  // namespace tuntcp::api
