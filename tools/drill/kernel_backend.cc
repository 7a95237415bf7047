#include "tools/drill/kernel_backend.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <exception>

#include "tools/drill/kernel_calls.h"
#include "tools/drill/tcp_info_names.h"

namespace tuntcp::drill {
namespace {

// How long the reader waits for a packet before it looks whether it is to end.
constexpr int kReadWaitMs = 20;

// A signal that does nothing but end a system call with EINTR.
void take_signals() {
  struct sigaction nothing{};
  nothing.sa_handler = [](int) {};
  ::sigaction(SIGUSR2, &nothing, nullptr);
  // A script's write to a closed connection is answered by EPIPE.
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

KernelBackend::KernelBackend(const BackendOptions& options) : options_(options) {
  take_signals();
  begin_ = Clock::now();
  std::exception_ptr failure;
  start([&] {
    try {
      network_ = std::make_unique<KernelNetwork>(options_);
    } catch (...) {
      failure = std::current_exception();
    }
  });
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !workers_.front()->task; });
  }
  if (failure) {
    {
      const std::lock_guard lock(mutex_);
      workers_.front()->is_over = true;
    }
    changed_.notify_all();
    workers_.front()->thread.join();
    std::rethrow_exception(failure);
  }
  reader_ = std::thread([this] { read_packets(); });
  begin_ = Clock::now();
}

KernelBackend::~KernelBackend() {
  is_ending_ = true;
  reader_.join();
  // Who waits in a call is called back until he hears it.
  for (const int fd : descriptors_) ::shutdown(fd, SHUT_RDWR);
  for (const auto& worker : workers_) {
    std::unique_lock lock(mutex_);
    worker->is_over = true;
    changed_.notify_all();
    while (worker->task) {
      ::pthread_kill(worker->thread.native_handle(), SIGUSR2);
      changed_.wait_for(lock, std::chrono::milliseconds(1));
    }
  }
  for (const auto& worker : workers_) worker->thread.join();
  for (const int fd : descriptors_) ::close(fd);
}

// ---- Threads.

void KernelBackend::start(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  auto idle = std::ranges::find_if(workers_, [](const auto& worker) { return !worker->task; });
  if (idle == workers_.end()) {
    idle = workers_.insert(workers_.end(), std::make_unique<Worker>());
    Worker& worker = **idle;
    worker.task = std::move(task);
    worker.thread = std::thread([this, &worker] { work(worker); });
    return;
  }
  (*idle)->task = std::move(task);
  changed_.notify_all();
}

void KernelBackend::work(Worker& worker) {
  // The first thread makes the namespace; the others come into it.
  if (network_) network_->enter();
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return worker.task || worker.is_over; });
    if (!worker.task) return;
    lock.unlock();
    worker.task();
    lock.lock();
    worker.task = nullptr;
    changed_.notify_all();
  }
}

void KernelBackend::run_in_namespace(const std::function<void()>& task) {
  std::exception_ptr failure;
  bool is_done = false;
  start([&] {
    try {
      task();
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    is_done = true;
    changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return is_done; });
  lock.unlock();
  if (failure) std::rethrow_exception(failure);
}

// ---- Time.

KernelBackend::Clock::time_point KernelBackend::at(Duration since_begin) const {
  return begin_ + std::chrono::nanoseconds(since_begin.count_ns());
}

Duration KernelBackend::now() {
  const auto passed = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin_);
  return Duration::nanoseconds(passed.count());
}

void KernelBackend::sleep_until(Duration until) {
  std::this_thread::sleep_until(at(until));
}

// ---- Calls.

void KernelBackend::note_descriptors(const CallRequest& request, const CallReply& reply) {
  if (reply.result < 0) return;
  const bool makes_one = request.name == "socket" || request.name == "accept" ||
                         request.name == "epoll_create" || request.name == "open";
  if (makes_one) descriptors_.insert(static_cast<int>(reply.result));
  for (const int fd : reply.fds) descriptors_.insert(fd);
  if (request.name == "close") descriptors_.erase(request.fd);
}

CallId KernelBackend::begin_call(const CallRequest& request) {
  CallId id;
  {
    const std::lock_guard lock(mutex_);
    id.number = next_call_++;
    calls_[id.number] = std::nullopt;
  }
  start([this, request, id] {
    CallReply reply;
    std::optional<std::string> unmapped;
    try {
      reply = make_call(request, options_.ip_version);
    } catch (const Unmapped& error) {
      unmapped = error.what();
    }
    reply.returned_at = now();
    const std::lock_guard lock(mutex_);
    note_descriptors(request, reply);
    if (unmapped) unmapped_ = unmapped;
    calls_[id.number] = std::move(reply);
    changed_.notify_all();
  });
  return id;
}

std::optional<CallReply> KernelBackend::take_reply(CallId call, Duration until) {
  std::unique_lock lock(mutex_);
  const auto is_there = [&] { return calls_[call.number].has_value(); };
  if (!changed_.wait_until(lock, at(until), is_there)) return std::nullopt;
  if (unmapped_) throw Unmapped(*std::exchange(unmapped_, std::nullopt));
  CallReply reply = *calls_[call.number];
  calls_.erase(call.number);
  return reply;
}

std::map<std::string, std::int64_t> KernelBackend::tcp_info(int fd) {
  bsd::TcpInfo info{};
  socklen_t length = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return {};
  return tcp_info_by_name(info);
}

// ---- Packets.

void KernelBackend::read_packets() {
  while (!is_ending_) {
    auto packet = network_->read_packet(kReadWaitMs);
    if (!packet) continue;
    packet->at = now();
    const std::lock_guard lock(mutex_);
    packets_.push_back(std::move(*packet));
    changed_.notify_all();
  }
}

void KernelBackend::inject(const InjectedPacket& packet) {
  network_->write_packet(packet);
}

std::optional<SentPacket> KernelBackend::take_packet(Duration until) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_until(lock, at(until), [&] { return !packets_.empty(); })) return std::nullopt;
  SentPacket packet = std::move(packets_.front());
  packets_.pop_front();
  return packet;
}

bool KernelBackend::run_command(std::string_view line, std::string_view folder) {
  bool ok = false;
  run_in_namespace([&] { ok = network_->run(line, folder); });
  return ok;
}

std::unique_ptr<Backend> make_kernel_backend(const BackendOptions& options) {
  return std::make_unique<KernelBackend>(options);
}

}  // namespace tuntcp::drill
