#include "stack/bsd/attempt.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace tuntcp::bsd {
namespace {

std::size_t octets_of(const msghdr& message) {
  std::size_t octets = 0;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) octets += message.msg_iov[i].iov_len;
  return octets;
}

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

// Is an error the next thing to be told? It is left to the next call where something was
// transferred already.
bool only_an_error_is_left(Sockets& sockets, int fd) {
  pollfd entry{.fd = fd, .events = 0, .revents = 0};
  int unread = 0;
  return sockets.poll(&entry, 1) == 1 && (entry.revents & POLLERR) != 0 &&
         (sockets.ioctl(fd, FIONREAD, &unread) != 0 || unread == 0);
}

// As Linux's tcp_recvmsg: what waits for all that was asked for stops in front of urgent data.
bool is_at_urgent_mark(Sockets& sockets, int fd) {
  int is_there = 0;
  return sockets.ioctl(fd, SIOCATMARK, &is_there) == 0 && is_there != 0;
}

}  // namespace

Attempt Attempt::connect(int fd, const sockaddr* address, socklen_t length) {
  return Attempt(Kind::connect, fd, [fd, address, length](Sockets& sockets) {
    return std::int64_t{sockets.connect(fd, address, length)};
  });
}

Attempt Attempt::close(int fd) {
  return Attempt(Kind::close, fd,
                 [fd](Sockets& sockets) { return std::int64_t{sockets.close(fd)}; });
}

Attempt Attempt::of(int fd, std::function<std::int64_t(Sockets&)> call) {
  return Attempt(Kind::plain, fd, std::move(call));
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
  Attempt attempt(Kind::ready, -1, [descriptors, count](Sockets& sockets) {
    return std::int64_t{sockets.poll(descriptors, count)};
  });
  attempt.timeout_ms_ = timeout_ms;
  return attempt;
}

Attempt Attempt::epoll_wait(int epoll_fd, epoll_event* events, int events_max, int timeout_ms) {
  Attempt attempt(Kind::ready, epoll_fd, [epoll_fd, events, events_max](Sockets& sockets) {
    return std::int64_t{sockets.epoll_wait(epoll_fd, events, events_max)};
  });
  attempt.timeout_ms_ = timeout_ms;
  return attempt;
}

Duration Attempt::timeout(const Sockets& sockets) const {
  switch (kind_) {
    case Kind::plain:
    case Kind::recvmsg:
      return sockets.receive_timeout(fd_);
    case Kind::connect:
    case Kind::sendmsg:
      return sockets.send_timeout(fd_);
    case Kind::close:
      return sockets.linger_time(fd_);
    case Kind::ready:
      break;
  }
  return timeout_ms_ < 0 ? Duration::infinite() : Duration::milliseconds(timeout_ms_);
}

// How many octets Linux waits for. A receiver waits for some, unless told to for all.
std::size_t Attempt::wanted() const {
  if (kind_ == Kind::sendmsg) return octets_of(*sent_);
  const std::size_t all = octets_of(*received_);
  return flags_ & MSG_WAITALL ? all : std::min<std::size_t>(all, 1);
}

// One try at what is left. What was transferred before an error or the end is the result.
std::int64_t Attempt::transfer(Sockets& sockets) {
  if (transferred_ != 0 && only_an_error_is_left(sockets, fd_)) return std::int64_t(transferred_);
  if (transferred_ != 0 && kind_ == Kind::recvmsg && is_at_urgent_mark(sockets, fd_)) {
    return std::int64_t(transferred_);
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
  // Peeking takes nothing away: each look is a whole one.
  if (flags_ & MSG_PEEK && kind_ == Kind::recvmsg) {
    return result >= 0 && static_cast<std::size_t>(result) < wanted() && result != 0 ? -EAGAIN
                                                                                     : result;
  }
  if (result < 0)
    return result == -EAGAIN || transferred_ == 0 ? result : std::int64_t(transferred_);
  transferred_ += static_cast<std::size_t>(result);
  const bool is_over = result == 0 || transferred_ >= wanted() ||
                       (kind_ == Kind::recvmsg && is_at_urgent_mark(sockets, fd_));
  return is_over ? std::int64_t(transferred_) : -EAGAIN;
}

std::optional<std::int64_t> Attempt::repeat(Sockets& sockets) {
  if (!has_begun_) {
    has_begun_ = true;
    deadline_ = sockets.time() + timeout(sockets);
  }
  const bool is_ready_call = kind_ == Kind::ready;
  const bool is_transfer = kind_ == Kind::recvmsg || kind_ == Kind::sendmsg;
  const std::int64_t result = is_transfer ? transfer(sockets) : call_(sockets);
  if (is_ready_call) {
    if (result != 0 || sockets.time() >= deadline_) return result;
    return std::nullopt;
  }
  if (result != -EAGAIN) return result;
  if (kind_ == Kind::close) return std::nullopt;
  if (kind_ == Kind::recvmsg && (flags_ & MSG_OOB) != 0) return result;  // it never waits
  if (sockets.is_blocking(fd_, flags_) && sockets.time() < deadline_) return std::nullopt;
  if (kind_ == Kind::connect) return -EINPROGRESS;  // it goes on without us
  return transferred_ != 0 ? std::int64_t(transferred_) : result;
}

}  // namespace tuntcp::bsd
