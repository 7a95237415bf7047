// A call made by a thread that may wait: repeated after whatever happens, until Linux would have
// returned from it. It waits for nothing itself.
//
//   Attempt call = Attempt::write(fd, text, size);
//   while (!(result = call.repeat(sockets))) { ... let something happen, or time pass ... }
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "stack/bsd/sockets.h"

namespace tuntcp::bsd {

// What the arguments point to outlives the Attempt, and so do the sockets of its first repeat().
// From then on the file that the descriptor names stays open, as it does in Linux while a thread is
// in the call, whoever closes the descriptor. Timeouts (SO_RCVTIMEO, SO_SNDTIMEO, and of
// poll) count from the first repeat().
class Attempt {
 public:
  static Attempt connect(int fd, const sockaddr* address, socklen_t length);
  // Waits for the ACK of the FIN where SO_LINGER says so.
  static Attempt close(int fd);
  static Attempt accept4(int fd, sockaddr* address, socklen_t* length, int flags);
  // Any call that does not wait.
  static Attempt of(int fd, std::function<std::int64_t(Sockets&)> call);
  // recvmsg and sendmsg, and thereby the others of their kind. The octets of all pieces are waited
  // for when sending, and with MSG_WAITALL.
  static Attempt recvmsg(int fd, msghdr* message, int flags);
  static Attempt sendmsg(int fd, const msghdr* message, int flags);
  // timeout_ms as of poll(2): -1 waits for ever.
  static Attempt poll(pollfd* descriptors, nfds_t count, int timeout_ms);
  static Attempt epoll_wait(int epoll_fd, epoll_event* events, int events_max, int timeout_ms);

  // The value or -errno, if Linux would return now.
  std::optional<std::int64_t> repeat(Sockets& sockets);
  // Call repeat() then, even if nothing happened; never() if it waits without limit.
  Instant deadline() const { return deadline_; }

 private:
  enum class Kind : std::uint8_t { plain, accept, connect, close, recvmsg, sendmsg, poll, epoll };
  // What to do with the descriptor, or with what is held of it.
  using Call = std::function<std::int64_t(Sockets&, int fd)>;
  Attempt(Kind kind, int fd, Call call) : kind_(kind), fd_(fd), call_(std::move(call)) {}

  Duration timeout(const Sockets& sockets) const;
  void begin(Sockets& sockets);
  std::optional<std::int64_t> try_again(Sockets& sockets);
  std::int64_t transfer(Sockets& sockets);
  std::int64_t look(Sockets& sockets);
  std::size_t wanted(Sockets& sockets) const;

  Kind kind_;
  int fd_;
  int flags_ = 0;
  std::shared_ptr<const int> held_;  // lets go of it
  Call call_;
  msghdr* received_ = nullptr;
  const msghdr* sent_ = nullptr;
  int timeout_ms_ = -1;
  std::size_t transferred_ = 0;
  bool has_begun_ = false;
  bool is_asleep_ = false;
  Instant deadline_ = Instant::never();
};

}  // namespace tuntcp::bsd
