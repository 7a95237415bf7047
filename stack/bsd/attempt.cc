#include "stack/bsd/attempt.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "stack/bsd/tables.h"

namespace tuntcp::bsd {
namespace {

// The pieces without their first octets.
std::vector<iovec> after(const msghdr& message, std::size_t octets) {
  std::vector<iovec> rest;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
    iovec piece = message.msg_iov[i];
    const std::size_t skipped = std::min(octets, piece.iov_len);
    octets -= skipped;
    piece.iov_base = static_cast<char*>(piece.iov_base) + skipped;
    piece.iov_len -= skipped;
    if (piece.iov_len != 0) rest.push_back(piece);
  }
  return rest;
}

short events_of(Sockets& sockets, int fd, short asked) {
  pollfd entry{.fd = fd, .events = asked, .revents = 0};
  return sockets.poll(&entry, 1) == 1 ? entry.revents : short{0};
}

bool has_error(Sockets& sockets, int fd) {
  return (events_of(sockets, fd, 0) & POLLERR) != 0;
}

// Is an error the next thing that a reader is told?
bool only_an_error_is_left(Sockets& sockets, int fd) {
  int unread = 0;
  return has_error(sockets, fd) && (sockets.ioctl(fd, FIONREAD, &unread) != 0 || unread == 0);
}

// As Linux's tcp_recvmsg: what waits for all that was asked for stops in front of urgent data.
bool is_at_urgent_mark(Sockets& sockets, int fd) {
  return sockets.octets_before_urgent(fd) == 0U;
}

}  // namespace

Attempt Attempt::connect(int fd, const sockaddr* address, socklen_t length) {
  return Attempt(Kind::connect, fd, [address, length](Sockets& sockets, int held) {
    return std::int64_t{sockets.connect(held, address, length)};
  });
}

Attempt Attempt::close(int fd) {
  return Attempt(Kind::close, fd,
                 [](Sockets& sockets, int closed) { return std::int64_t{sockets.close(closed)}; });
}

Attempt Attempt::accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  return Attempt(Kind::accept, fd, [address, length, flags](Sockets& sockets, int held) {
    return std::int64_t{sockets.accept4(held, address, length, flags)};
  });
}

Attempt Attempt::of(int fd, std::function<std::int64_t(Sockets&)> call) {
  return Attempt(Kind::plain, fd,
                 [call = std::move(call)](Sockets& sockets, int) { return call(sockets); });
}

Attempt Attempt::recvmsg(int fd, msghdr* message, int flags) {
  Attempt attempt(Kind::recvmsg, fd, {});
  attempt.received_ = message;
  attempt.flags_ = flags;
  return attempt;
}

Attempt Attempt::sendmsg(int fd, const msghdr* message, int flags) {
  Attempt attempt(Kind::sendmsg, fd, {});
  attempt.sent_ = message;
  attempt.flags_ = flags;
  return attempt;
}

Attempt Attempt::poll(pollfd* descriptors, nfds_t count, int timeout_ms) {
  Attempt attempt(Kind::poll, -1, [descriptors, count](Sockets& sockets, int) {
    return std::int64_t{sockets.poll(descriptors, count)};
  });
  attempt.timeout_ms_ = timeout_ms;
  return attempt;
}

Attempt Attempt::epoll_wait(int epoll_fd, epoll_event* events, int events_max, int timeout_ms) {
  Attempt attempt(Kind::epoll, epoll_fd, [events, events_max](Sockets& sockets, int held) {
    return std::int64_t{sockets.epoll_wait(held, events, events_max)};
  });
  attempt.timeout_ms_ = timeout_ms;
  return attempt;
}

Duration Attempt::timeout(const Sockets& sockets) const {
  switch (kind_) {
    case Kind::plain:
    case Kind::accept:
    case Kind::recvmsg:
      return sockets.receive_timeout(fd_);
    case Kind::connect:
    case Kind::sendmsg:
      return sockets.send_timeout(fd_);
    case Kind::close:
      return sockets.linger_time(fd_);
    case Kind::poll:
    case Kind::epoll:
      break;
  }
  return timeout_ms_ < 0 ? Duration::infinite() : Duration::milliseconds(timeout_ms_);
}

// How many octets Linux waits for. A receiver waits for SO_RCVLOWAT, unless told to for all.
std::size_t Attempt::wanted(Sockets& sockets) const {
  if (kind_ == Kind::sendmsg) return octets_of(*sent_);
  const std::size_t all = octets_of(*received_);
  int low_water = 1;
  socklen_t length = sizeof low_water;
  static_cast<void>(sockets.getsockopt(fd_, SOL_SOCKET, SO_RCVLOWAT, &low_water, &length));
  return flags_ & MSG_WAITALL ? all : std::min(all, static_cast<std::size_t>(low_water));
}

// Peeking takes nothing away: each look is a whole one.
std::int64_t Attempt::look(Sockets& sockets) {
  const std::int64_t result = sockets.recvmsg(fd_, received_, flags_);
  transferred_ = result > 0 ? static_cast<std::size_t>(result) : 0;
  if (result <= 0) return result;
  const bool ends = events_of(sockets, fd_, POLLRDHUP) != 0;
  const bool is_at_mark = sockets.octets_before_urgent(fd_) == static_cast<std::uint32_t>(result);
  return transferred_ >= wanted(sockets) || ends || is_at_mark ? result : -EAGAIN;
}

// One try at what is left. What was transferred before an error or the end is the result.
std::int64_t Attempt::transfer(Sockets& sockets) {
  // Who sleeps is not woken by less than the low-water mark, however little he wants.
  constexpr short kWakes = POLLIN | POLLPRI | POLLRDHUP;
  if (is_asleep_ && kind_ == Kind::recvmsg && events_of(sockets, fd_, kWakes) == 0) return -EAGAIN;
  if (flags_ & MSG_PEEK && kind_ == Kind::recvmsg) return look(sockets);
  if (transferred_ != 0) {
    const bool is_over = kind_ == Kind::sendmsg ? has_error(sockets, fd_)
                                                : only_an_error_is_left(sockets, fd_) ||
                                                      is_at_urgent_mark(sockets, fd_);
    if (is_over) return std::int64_t(transferred_);  // the error is left to the next call
  }
  std::int64_t result = 0;
  if (kind_ == Kind::sendmsg) {
    std::vector<iovec> rest = after(*sent_, transferred_);
    msghdr message = *sent_;
    message.msg_iov = rest.data();
    message.msg_iovlen = rest.size();
    result = sockets.sendmsg(fd_, &message, flags_);
  } else if (transferred_ == 0) {
    result = sockets.recvmsg(fd_, received_, flags_);
  } else {
    std::vector<iovec> rest = after(*received_, transferred_);
    msghdr message = *received_;
    message.msg_iov = rest.data();
    message.msg_iovlen = rest.size();
    result = sockets.recvmsg(fd_, &message, flags_);
  }
  if (result < 0)
    return result == -EAGAIN || transferred_ == 0 ? result : std::int64_t(transferred_);
  transferred_ += static_cast<std::size_t>(result);
  const bool ends = kind_ == Kind::recvmsg &&
                    (is_at_urgent_mark(sockets, fd_) || events_of(sockets, fd_, POLLRDHUP) != 0);
  const bool is_over = result == 0 || transferred_ >= wanted(sockets) || ends;
  return is_over ? std::int64_t(transferred_) : -EAGAIN;
}

void Attempt::begin(Sockets& sockets) {
  has_begun_ = true;
  deadline_ = sockets.time() + timeout(sockets);
  if (kind_ == Kind::plain || kind_ == Kind::close || kind_ == Kind::poll) return;
  const int held = sockets.hold(fd_);
  if (held < 0) return;  // which the call will tell
  fd_ = held;
  held_ = std::shared_ptr<const int>(new int(held), [&sockets](const int* number) {
    sockets.let_go(*number);
    delete number;
  });
}

std::optional<std::int64_t> Attempt::repeat(Sockets& sockets) {
  if (!has_begun_) begin(sockets);
  const auto result = try_again(sockets);
  if (result) held_.reset();
  return result;
}

std::optional<std::int64_t> Attempt::try_again(Sockets& sockets) {
  const bool is_transfer = kind_ == Kind::recvmsg || kind_ == Kind::sendmsg;
  const std::int64_t result = is_transfer ? transfer(sockets) : call_(sockets, fd_);
  if (kind_ == Kind::poll || kind_ == Kind::epoll) {
    if (result != 0 || sockets.time() >= deadline_) return result;
    return std::nullopt;
  }
  if (result != -EAGAIN || kind_ == Kind::plain) return result;
  if (kind_ == Kind::close) return std::nullopt;
  // These never wait.
  if (kind_ == Kind::recvmsg && (flags_ & (MSG_OOB | MSG_ERRQUEUE)) != 0) return result;
  is_asleep_ = sockets.is_blocking(fd_, flags_) && sockets.time() < deadline_;
  if (is_asleep_) return std::nullopt;
  if (kind_ == Kind::connect) return -EINPROGRESS;  // it goes on without us
  return transferred_ != 0 ? std::int64_t(transferred_) : result;
}

}  // namespace tuntcp::bsd
