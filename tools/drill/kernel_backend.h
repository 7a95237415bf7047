// The kernel of this machine in real time, as a backend: calls are system calls, made by threads
// that may wait in them; packets go through a TUN device in a namespace of the backend's own.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "tools/drill/kernel_network.h"

namespace tuntcp::drill {

class KernelBackend final : public Backend {
 public:
  // BackendFailure where a namespace or the device cannot be had. Ignores SIGPIPE and takes SIGUSR2
  // for the whole process, to call threads back.
  explicit KernelBackend(const BackendOptions& options);
  ~KernelBackend() override;

  Duration now() override;
  void sleep_until(Duration until) override;
  CallId begin_call(const CallRequest& request) override;
  std::optional<CallReply> take_reply(CallId call, Duration until) override;
  std::map<std::string, std::int64_t> tcp_info(int fd) override;
  void inject(const InjectedPacket& packet) override;
  std::optional<SentPacket> take_packet(Duration until) override;
  bool run_command(std::string_view line, std::string_view folder) override;

 private:
  using Clock = std::chrono::steady_clock;
  // A thread of the application: idle, or in a call.
  struct Worker {
    std::thread thread;
    std::function<void()> task;  // none: idle
    bool is_over = false;
  };

  Clock::time_point at(Duration since_begin) const;
  // Runs it in an idle thread of the namespace; a new one where all wait in calls.
  void start(std::function<void()> task);
  // As start(), and waits for its end; what it throws is thrown here.
  void run_in_namespace(const std::function<void()>& task);
  void work(Worker& worker);
  void read_packets();
  void note_descriptors(const CallRequest& request, const CallReply& reply);

  const BackendOptions options_;
  Clock::time_point begin_;
  std::unique_ptr<KernelNetwork> network_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::map<std::uint64_t, std::optional<CallReply>> calls_;
  std::optional<std::string> unmapped_;  // by a call that was begun
  std::uint64_t next_call_ = 1;
  std::set<int> descriptors_;  // of the script, open
  std::deque<SentPacket> packets_;
  std::atomic<bool> is_ending_ = false;
  std::thread reader_;
};

}  // namespace tuntcp::drill
