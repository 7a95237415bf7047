// BSD sockets over a Host: the calls of socket(7), tcp(7) and epoll(7) as functions that never
// wait. Each answers what Linux 6.18 would: the value, or -errno; the conditions are checked in
// Linux's order. Constants and structs are the system's own headers'; no system call is made.
//
// Not here, so far, and answered as by a kernel without them (ENOPROTOOPT, EOPNOTSUPP, ENOTTY):
//   SOL_SOCKET   SO_ZEROCOPY SO_TIMESTAMPING
//                SO_BINDTODEVICE SO_ATTACH_*
//   IPPROTO_TCP  TCP_MD5SIG TCP_FASTOPEN*
//                TCP_THIN_* TCP_REPAIR* TCP_ULP TCP_SAVE_SYN TCP_ZEROCOPY_RECEIVE
//   IP, IPv6     everything but IP_TOS IP_TTL IP_MTU IP_MTU_DISCOVER, IPV6_TCLASS
//                IPV6_UNICAST_HOPS IPV6_MTU IPV6_MTU_DISCOVER IPV6_V6ONLY, and IP_OPTIONS with
//                source routes (other options: EINVAL)
//   sendmsg      control of SOL_SOCKET: SO_MARK SO_PRIORITY SO_TIMESTAMPING SCM_TXTIME (EINVAL)
//   flags        MSG_ZEROCOPY MSG_FASTOPEN MSG_ERRQUEUE MSG_CONFIRM
//   calls        splice
//
// How to drive it: the caller drives the host (packets, time, output), tells set_time() before it
// calls, and leaves next_event() to this class.
//
// Blocking: on a descriptor that blocks (no O_NONBLOCK) -EAGAIN says that Linux would wait now, and
// a transfer may come to less than Linux would return at once. Attempt (attempt.h) repeats a call
// until it has Linux's result. On others, and with MSG_DONTWAIT, each result is final.
//
// Thread rule: as its host, single-threaded.
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "stack/base/time.h"
#include "stack/bsd/tcp_info.h"
#include "stack/host/host.h"

namespace tuntcp::bsd {

struct Tables;

// Reads a file: up to `size` octets from `offset` on, as pread(2) does. Fewer, 0 at its end, or
// -errno.
using ReadAt = std::function<ssize_t(void* octets, std::size_t size, off_t offset)>;

struct SocketsConfig {
  int first_descriptor = 3;  // as after a program's standard streams
  int descriptors_max = 20'000;
  // net.core.rmem_max and wmem_max: what SO_RCVBUF and SO_SNDBUF may ask for, octets.
  std::uint32_t rmem_max = 4'194'304;
  std::uint32_t wmem_max = 4'194'304;
};

class Sockets {
 public:
  // The host outlives this. Nothing else takes its events or sets its cookies.
  explicit Sockets(Host& host, const SocketsConfig& config = {});
  ~Sockets();  // closes nothing: a host may go down with its connections
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  // When the calls that follow are made; takes note of what the host has to tell. Never goes back.
  void set_time(Instant now);
  Instant time() const;

  // ---- Making and ending.
  // AF_INET or AF_INET6, SOCK_STREAM, with SOCK_NONBLOCK and SOCK_CLOEXEC.
  int socket(int domain, int type, int protocol);
  int dup(int fd);
  // Linger (SO_LINGER above 0): -EAGAIN while Linux would wait for the ACK of the FIN, whatever the
  // descriptor's O_NONBLOCK. Repeat it then; meanwhile the descriptor is no other call's (and as a
  // number not free yet, which it would be in Linux).
  int close(int fd);
  // Bits as in Linux's SHUT_RD, SHUT_WR, SHUT_RDWR. Octets that come after SHUT_RD are still read.
  int shutdown(int fd, int how);

  // ---- Names and opening.
  int bind(int fd, const sockaddr* address, socklen_t length);
  int listen(int fd, int backlog);
  int accept(int fd, sockaddr* address, socklen_t* length);
  int accept4(int fd, sockaddr* address, socklen_t* length, int flags);
  int connect(int fd, const sockaddr* address, socklen_t length);
  int getsockname(int fd, sockaddr* address, socklen_t* length);
  int getpeername(int fd, sockaddr* address, socklen_t* length);

  // ---- Octets.
  ssize_t read(int fd, void* octets, std::size_t size);
  ssize_t readv(int fd, const iovec* pieces, int count);
  ssize_t recv(int fd, void* octets, std::size_t size, int flags);
  ssize_t recvfrom(int fd, void* octets, std::size_t size, int flags, sockaddr* address,
                   socklen_t* length);
  ssize_t recvmsg(int fd, msghdr* message, int flags);
  ssize_t write(int fd, const void* octets, std::size_t size);
  ssize_t writev(int fd, const iovec* pieces, int count);
  ssize_t send(int fd, const void* octets, std::size_t size, int flags);
  ssize_t sendto(int fd, const void* octets, std::size_t size, int flags, const sockaddr* address,
                 socklen_t length);
  ssize_t sendmsg(int fd, const msghdr* message, int flags);
  // The file is the caller's: what Linux has a second descriptor for. `offset` moves by the result.
  ssize_t sendfile(int fd, const ReadAt& file, off_t* offset, std::size_t count);

  // ---- Readiness. All answer for this moment: 0 where Linux would wait.
  // Descriptors below `count`, at most FD_SETSIZE; any set may be null.
  int select(int count, fd_set* read, fd_set* write, fd_set* urgent);
  int poll(pollfd* descriptors, nfds_t count);
  int epoll_create1(int flags);
  int epoll_ctl(int epoll_fd, int operation, int fd, epoll_event* event);
  int epoll_wait(int epoll_fd, epoll_event* events, int events_max);

  // ---- Settings.
  int setsockopt(int fd, int level, int option, const void* value, socklen_t length);
  int getsockopt(int fd, int level, int option, void* value, socklen_t* length);
  // F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD, F_DUPFD_CLOEXEC.
  int fcntl(int fd, int command, long argument);
  // FIONREAD (SIOCINQ), SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK, FIONBIO.
  int ioctl(int fd, unsigned long request, int* value);

  // ---- What C programs cannot ask so plainly.
  // A call with these flags waits on this descriptor where it cannot answer.
  bool is_blocking(int fd, int flags = 0) const;
  // SO_RCVTIMEO and SO_SNDTIMEO; infinite() where they are not set.
  Duration receive_timeout(int fd) const;
  Duration send_timeout(int fd) const;
  // SO_LINGER: for how long close() may wait.
  Duration linger_time(int fd) const;
  // Octets that are to be read before the peer's urgent one; nothing if there is none.
  std::optional<std::uint32_t> octets_before_urgent(int fd) const;
  // As getsockopt(TCP_INFO); zeros for what is no socket.
  TcpInfo tcp_info(int fd) const;
  // A call that waits keeps its file open, whoever closes the descriptor meanwhile: a number for
  // the same file until let_go(), or -EBADF.
  int hold(int fd);
  void let_go(int held);
  // Whose connection it is, for a look into the host; nothing unless there is one.
  std::optional<ConnectionId> connection(int fd) const;

 private:
  std::unique_ptr<Tables> tables_;
};

}  // namespace tuntcp::bsd
