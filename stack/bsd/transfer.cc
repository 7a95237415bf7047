// Octets in and out: recvmsg and sendmsg, of which the others are short forms.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <span>
#include <utility>

#include "stack/bsd/tables.h"

namespace tuntcp::bsd {
namespace {

using tcp::State;

MutableBytes bytes_of(const iovec& piece) {
  return {static_cast<std::uint8_t*>(piece.iov_base), piece.iov_len};
}

constexpr std::size_t kMostOctets = INT_MAX & ~4095;  // MAX_RW_COUNT

// Is any of the first octets to be where nothing is? Then nothing is copied at all.
bool has_hole(const msghdr& message, std::size_t octets) {
  for (std::size_t i = 0; i < message.msg_iovlen && octets != 0; ++i) {
    const std::size_t size = std::min(message.msg_iov[i].iov_len, octets);
    if (size != 0 && message.msg_iov[i].iov_base == nullptr) return true;
    octets -= size;
  }
  return false;
}

// Which of the octets that were received a call may have.
struct Part {
  std::uint32_t from = 0;  // to be passed over, which only MSG_PEEK does
  std::uint32_t octets = 0;
};

// MSG_TRUNC: octets are thrown away instead of copied.
std::size_t discard(Host& host, ConnectionId id, std::size_t octets, Instant now) {
  std::array<std::uint8_t, 4096> nowhere;
  std::size_t discarded = 0;
  while (discarded < octets) {
    const MutableBytes room(nowhere.data(), std::min(nowhere.size(), octets - discarded));
    const auto read = host.receive(id, room, now);
    if (!read || *read == 0) break;
    discarded += *read;
  }
  return discarded;
}

std::size_t copy_out(Host& host, ConnectionId id, const Part& part, const msghdr& message,
                     int flags, Instant now) {
  const std::size_t octets = std::min<std::size_t>(octets_of(message), part.octets);
  if (flags & MSG_TRUNC) return flags & MSG_PEEK ? octets : discard(host, id, octets, now);
  std::size_t copied = 0;
  for (std::size_t i = 0; i < message.msg_iovlen && copied < octets; ++i) {
    const MutableBytes whole = bytes_of(message.msg_iov[i]);
    const MutableBytes room = whole.first(std::min(whole.size(), octets - copied));
    if (room.empty()) continue;
    const auto read = flags & MSG_PEEK
                          ? host.peek(id, room, part.from + static_cast<std::uint32_t>(copied))
                          : host.receive(id, room, now);
    copied += read.value_or(0);
    if (!read || *read < room.size()) break;
  }
  return copied;
}

// Of what can go with octets, TCP takes notice of SOL_SOCKET's only, and here there is nothing that
// it could ask for.
int check_control(const msghdr& message) {
  const auto* const first = static_cast<const std::uint8_t*>(message.msg_control);
  std::size_t left = message.msg_controllen;
  while (left >= sizeof(cmsghdr)) {
    cmsghdr header{};
    std::memcpy(&header, first + (message.msg_controllen - left), sizeof header);
    if (header.cmsg_len < sizeof header || header.cmsg_len > left) return -EINVAL;
    const bool is_passed_over = header.cmsg_level != SOL_SOCKET || header.cmsg_type == SCM_RIGHTS ||
                                header.cmsg_type == SCM_CREDENTIALS;
    if (!is_passed_over) return -EINVAL;
    left -= std::min(left, CMSG_ALIGN(header.cmsg_len));
  }
  return 0;
}

// One struct cmsghdr, or MSG_CTRUNC where there is no room for all of it.
void put_control(msghdr& message, int level, int type, int value) {
  constexpr std::size_t kWhole = CMSG_LEN(sizeof value);
  if (message.msg_control == nullptr || message.msg_controllen < sizeof(cmsghdr)) {
    message.msg_controllen = 0;
    message.msg_flags |= MSG_CTRUNC;
    return;
  }
  const std::size_t length = std::min(message.msg_controllen, kWhole);
  if (length < kWhole) message.msg_flags |= MSG_CTRUNC;
  const cmsghdr header{.cmsg_len = length, .cmsg_level = level, .cmsg_type = type};
  auto* const at = static_cast<std::uint8_t*>(message.msg_control);
  std::memcpy(at, &header, sizeof header);
  std::memcpy(at + CMSG_LEN(0), &value, length - CMSG_LEN(0));
  message.msg_controllen = std::min(message.msg_controllen, CMSG_SPACE(sizeof value));
}

}  // namespace

int check_pieces(const iovec* pieces, std::size_t count) {
  if (count > IOV_MAX) return -EMSGSIZE;
  if (pieces == nullptr && count != 0) return -EFAULT;
  const std::span<const iovec> all(pieces, count);
  const auto is_negative = [](const iovec& p) { return static_cast<ssize_t>(p.iov_len) < 0; };
  if (std::ranges::any_of(all, is_negative)) return -EINVAL;
  // One that is too long is cut; of several none may reach beyond a program's memory.
  constexpr std::uint64_t kEndOfMemory = (std::uint64_t{1} << 47) - 4096;
  const auto is_beyond = [](const iovec& p) {
    return reinterpret_cast<std::uintptr_t>(p.iov_base) + p.iov_len > kEndOfMemory;
  };
  return count > 1 && std::ranges::any_of(all, is_beyond) ? -EFAULT : 0;
}

std::size_t octets_of(const msghdr& message) {
  std::size_t octets = 0;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
    octets += std::min(message.msg_iov[i].iov_len, kMostOctets - octets);
  }
  return octets;
}

// Linux keeps one octet apart, the last of the urgent data (SO_OOBINLINE says: in its place).
std::optional<UrgentOctet> Tables::urgent_octet(const Socket& socket, const Status& status) {
  if (status.urgent_left == 0) return std::nullopt;
  UrgentOctet octet;
  octet.ahead = status.urgent_left - 1;
  octet.number = status.octets_received - status.recv_q + octet.ahead;
  octet.has_arrived = octet.ahead < status.recv_q;
  octet.is_taken = socket.urgent_taken == octet.number;
  return octet;
}

void Tables::note_urgent(Socket& socket) {
  const Status status = this->status(socket);
  const auto octet = urgent_octet(socket, status);
  if (!octet) return;
  // As Linux's tcp_check_urg: one that is next to be read and gives way to another is gone, or an
  // application that takes all by MSG_OOB would read it a second time.
  const std::uint64_t next = status.octets_received - status.recv_q;
  if (socket.urgent_mark == next && next != octet->number && !socket.urgent_inline) {
    discard(host, socket.connection, 1, now);
  }
  socket.urgent_mark = octet->number;
}

// Linux's tcp_recv_urg. It never waits.
ssize_t Tables::receive_urgent(Socket& socket, const Status& status, msghdr& message, int flags) {
  const auto octet = urgent_octet(socket, status);
  if (socket.urgent_inline || !octet || octet->is_taken) return -EINVAL;
  if (status.state == State::closed && !status.peer_has_finished) return -ENOTCONN;
  if (!octet->has_arrived) {
    const bool is_over =
        socket.shut_read || status.peer_has_finished || status.state == State::closed;
    return is_over ? 0 : -EAGAIN;
  }
  message.msg_flags |= MSG_OOB;
  if ((flags & MSG_PEEK) == 0) socket.urgent_taken = octet->number;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
    const MutableBytes room = bytes_of(message.msg_iov[i]);
    if (room.empty()) continue;
    if (room.data() == nullptr) return -EFAULT;
    if ((flags & MSG_TRUNC) == 0) {
      static_cast<void>(host.peek(socket.connection, room.first(1), octet->ahead));
    }
    return 1;
  }
  message.msg_flags |= MSG_TRUNC;
  return 0;
}

// Linux's tcp_recvmsg: what was received goes first, then why there is no more, in its order.
ssize_t Tables::receive_text(Socket& socket, Status status, msghdr& message, int flags) {
  Part part{.from = 0, .octets = status.recv_q};
  const auto urgent = urgent_octet(socket, status);
  bool is_passed_over = false;
  if (urgent && urgent->has_arrived && urgent->ahead != 0) {
    part.octets = urgent->ahead;  // a read ends in front of the mark
  } else if (urgent && urgent->has_arrived && !socket.urgent_inline && octets_of(message) != 0) {
    --part.octets;
    is_passed_over = true;
  }
  if ((flags & MSG_TRUNC) == 0 && has_hole(message, part.octets)) return -EFAULT;
  if (is_passed_over && (flags & MSG_PEEK) != 0) {
    part.from = 1;
  } else if (is_passed_over) {
    discard(host, socket.connection, 1, now);
    status = this->status(socket);
  }
  if (socket.stage == Socket::Stage::connection && part.octets != 0) {
    return static_cast<ssize_t>(copy_out(host, socket.connection, part, message, flags, now));
  }
  if (status.peer_has_finished) return 0;
  if (const int error = take_error(socket)) return -error;
  if (socket.shut_read) return 0;
  if (status.state != State::closed) return -EAGAIN;
  // What was a connection has ended; what never was one cannot.
  return socket.stage == Socket::Stage::fresh ? -ENOTCONN : 0;
}

ssize_t Tables::receive(int fd, msghdr& message, int flags) {
  Socket* socket = nullptr;
  if (const int error = socket_of(fd, socket)) return error;
  if (flags & MSG_ERRQUEUE) return -EAGAIN;
  const Status status = this->status(*socket);
  if (status.state == State::listen) return -ENOTCONN;
  const int flags_before = std::exchange(message.msg_flags, flags & MSG_CMSG_CLOEXEC);
  const ssize_t result = flags & MSG_OOB ? receive_urgent(*socket, status, message, flags)
                                         : receive_text(*socket, status, message, flags);
  if (result < 0) {
    message.msg_flags = flags_before;
    return result;
  }
  if (message.msg_name != nullptr) message.msg_namelen = 0;
  if (!socket->tells_inq) {
    message.msg_controllen = 0;
    return result;
  }
  int waiting = static_cast<int>(this->status(*socket).recv_q);
  if (waiting == 0 && status.peer_has_finished) waiting = 1;  // the end of the stream
  put_control(message, IPPROTO_TCP, TCP_CM_INQ, waiting);
  return result;
}

std::optional<std::uint32_t> Sockets::octets_before_urgent(int fd) const {
  const File* const file = tables_->file(fd);
  if (file == nullptr || !file->socket) return std::nullopt;
  const auto octet = Tables::urgent_octet(*file->socket, tables_->status(*file->socket));
  return octet ? std::optional(octet->ahead) : std::nullopt;
}

// Linux's tcp_sendmsg.
ssize_t Tables::send(int fd, const msghdr& message, int flags) {
  Socket* socket = nullptr;
  if (const int error = socket_of(fd, socket)) return error;
  constexpr int kFastOpen = 0x20000000;
  if (flags & kFastOpen) return -EOPNOTSUPP;
  const State state = this->state(*socket);
  if (tcp::kOpening.contains(state)) return -EAGAIN;
  const bool is_open = tcp::kMaySendText.contains(state);
  if (const int error = is_open ? check_control(message) : 0) return error;
  if (!is_open || socket->shut_write || socket->error != 0) {
    const int error = take_error(*socket);
    return error != 0 ? -error : -EPIPE;
  }
  std::size_t left = octets_of(message);
  if (has_hole(message, left)) return -EFAULT;
  std::size_t sent = 0;
  for (std::size_t i = 0; i < message.msg_iovlen && left != 0; ++i) {
    const Bytes whole = bytes_of(message.msg_iov[i]);
    const Bytes octets = whole.first(std::min(whole.size(), left));
    if (octets.empty()) continue;
    left -= octets.size();
    const bool is_last = left == 0;
    const auto taken = host.send(socket->connection, octets, now,
                                 {.more_follows = !is_last || (flags & MSG_MORE) != 0,
                                  .urgent = is_last && (flags & MSG_OOB) != 0});
    if (!taken && sent == 0) return -errno_of(taken.error());
    sent += taken.value_or(0);
    if (!taken || *taken < octets.size()) break;
  }
  return static_cast<ssize_t>(sent);
}

// ---- Receiving.

namespace {

int check_message(const msghdr& message) {
  if (message.msg_name != nullptr && static_cast<std::int32_t>(message.msg_namelen) < 0) {
    return -EINVAL;
  }
  return check_pieces(message.msg_iov, message.msg_iovlen);
}

}  // namespace

ssize_t Sockets::recvmsg(int fd, msghdr* message, int flags) {
  if (tables_->file(fd) == nullptr) return -EBADF;
  if (message == nullptr) return -EFAULT;
  if (const int error = check_message(*message)) return error;
  return tables_->receive(fd, *message, flags);
}

ssize_t Sockets::recvfrom(int fd, void* octets, std::size_t size, int flags, sockaddr* address,
                          socklen_t* length) {
  if (tables_->file(fd) == nullptr) return -EBADF;
  iovec piece{.iov_base = octets, .iov_len = std::min(size, kMostOctets)};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  const ssize_t received = tables_->receive(fd, message, flags);
  if (received < 0 || address == nullptr) return received;
  if (length == nullptr) return -EFAULT;
  if (static_cast<std::int32_t>(*length) < 0) return -EINVAL;
  *length = 0;  // a connection has one other end; Linux says nothing about it here
  return received;
}

ssize_t Sockets::recv(int fd, void* octets, std::size_t size, int flags) {
  return recvfrom(fd, octets, size, flags, nullptr, nullptr);
}

ssize_t Sockets::readv(int fd, const iovec* pieces, int count) {
  File* const file = tables_->file(fd);
  if (file == nullptr) return -EBADF;
  if (count < 0 || count > IOV_MAX) return -EINVAL;
  if (const int error = check_pieces(pieces, static_cast<std::size_t>(count))) return error;
  if (!file->socket) return -EINVAL;  // an epoll instance cannot be read
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);  // not written to
  message.msg_iovlen = static_cast<std::size_t>(count);
  if (octets_of(message) == 0) return 0;
  return tables_->receive(fd, message, 0);
}

ssize_t Sockets::read(int fd, void* octets, std::size_t size) {
  const iovec piece{.iov_base = octets, .iov_len = std::min(size, kMostOctets)};
  return readv(fd, &piece, 1);
}

// ---- Sending.

ssize_t Sockets::sendmsg(int fd, const msghdr* message, int flags) {
  if (tables_->file(fd) == nullptr) return -EBADF;
  if (message == nullptr) return -EFAULT;
  if (const int error = check_message(*message)) return error;
  if (message->msg_controllen > INT_MAX) return -ENOBUFS;
  if (message->msg_control == nullptr && message->msg_controllen != 0) return -EFAULT;
  return tables_->send(fd, *message, flags);
}

ssize_t Sockets::sendto(int fd, const void* octets, std::size_t size, int flags,
                        const sockaddr* address, socklen_t length) {
  if (tables_->file(fd) == nullptr) return -EBADF;
  // A connection knows where to: the address is only looked at for being one.
  if (address != nullptr && length > sizeof(sockaddr_storage)) return -EINVAL;
  iovec piece{.iov_base = const_cast<void*>(octets),  // not written to
              .iov_len = std::min(size, kMostOctets)};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  return tables_->send(fd, message, flags);
}

ssize_t Sockets::send(int fd, const void* octets, std::size_t size, int flags) {
  return sendto(fd, octets, size, flags, nullptr, 0);
}

ssize_t Sockets::writev(int fd, const iovec* pieces, int count) {
  File* const file = tables_->file(fd);
  if (file == nullptr) return -EBADF;
  if (count < 0 || count > IOV_MAX) return -EINVAL;
  if (const int error = check_pieces(pieces, static_cast<std::size_t>(count))) return error;
  if (!file->socket) return -EINVAL;
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);  // not written to
  message.msg_iovlen = static_cast<std::size_t>(count);
  if (octets_of(message) == 0) return 0;  // unlike write() of nothing
  return tables_->send(fd, message, 0);
}

ssize_t Sockets::sendfile(int fd, const ReadAt& file, off_t* offset, std::size_t count) {
  if (offset == nullptr) return -EFAULT;
  if (*offset < 0 || static_cast<ssize_t>(count) < 0) return -EINVAL;
  const File* const to = tables_->file(fd);
  if (to == nullptr) return -EBADF;
  if (!to->socket) return -EINVAL;
  std::array<std::uint8_t, 16384> octets;
  std::size_t sent = 0;
  while (sent < count) {
    const std::size_t wanted = std::min(octets.size(), count - sent);
    const ssize_t size = file(octets.data(), wanted, *offset);
    if (size <= 0) return sent != 0 ? static_cast<ssize_t>(sent) : size;
    const auto read = static_cast<std::size_t>(size);
    const bool is_last = read < wanted || sent + read == count;
    const ssize_t taken = send(fd, octets.data(), read, is_last ? 0 : MSG_MORE);
    if (taken < 0) return sent != 0 ? static_cast<ssize_t>(sent) : taken;
    sent += static_cast<std::size_t>(taken);
    *offset += taken;
    if (static_cast<std::size_t>(taken) < read) break;
  }
  return static_cast<ssize_t>(sent);
}

ssize_t Sockets::write(int fd, const void* octets, std::size_t size) {
  const File* const file = tables_->file(fd);
  if (file == nullptr) return -EBADF;
  return file->socket ? send(fd, octets, size, 0) : -EINVAL;
}

}  // namespace tuntcp::bsd
