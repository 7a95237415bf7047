// The world of a little program: BSD sockets, the kernel's or ours, and a record of what every call
// answered. The same program run in both must leave the same record.
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stack/bsd/tcp_info.h"

namespace tuntcp::test {

// The calls as they are: the value, or -errno.
class Calls {
 public:
  virtual ~Calls() = default;
  virtual int socket(int domain, int type, int protocol) = 0;
  virtual int dup(int fd) = 0;
  virtual int close(int fd) = 0;
  virtual int shutdown(int fd, int how) = 0;
  virtual int bind(int fd, const sockaddr* address, socklen_t length) = 0;
  virtual int listen(int fd, int backlog) = 0;
  virtual int accept4(int fd, sockaddr* address, socklen_t* length, int flags) = 0;
  virtual int connect(int fd, const sockaddr* address, socklen_t length) = 0;
  virtual int getsockname(int fd, sockaddr* address, socklen_t* length) = 0;
  virtual int getpeername(int fd, sockaddr* address, socklen_t* length) = 0;
  virtual ssize_t read(int fd, void* octets, std::size_t size) = 0;
  virtual ssize_t readv(int fd, const iovec* pieces, int count) = 0;
  virtual ssize_t recvfrom(int fd, void* octets, std::size_t size, int flags, sockaddr* address,
                           socklen_t* length) = 0;
  virtual ssize_t recvmsg(int fd, msghdr* message, int flags) = 0;
  virtual ssize_t write(int fd, const void* octets, std::size_t size) = 0;
  virtual ssize_t writev(int fd, const iovec* pieces, int count) = 0;
  virtual ssize_t sendto(int fd, const void* octets, std::size_t size, int flags,
                         const sockaddr* address, socklen_t length) = 0;
  virtual ssize_t sendmsg(int fd, const msghdr* message, int flags) = 0;
  // Of a file that holds `text`.
  virtual ssize_t sendfile(int fd, std::string_view text, off_t* offset, std::size_t count) = 0;
  virtual int select(int count, fd_set* read, fd_set* write, fd_set* urgent) = 0;
  virtual int poll(pollfd* descriptors, nfds_t count) = 0;
  virtual int epoll_create1(int flags) = 0;
  virtual int epoll_ctl(int epoll_fd, int operation, int fd, epoll_event* event) = 0;
  virtual int epoll_wait(int epoll_fd, epoll_event* events, int events_max) = 0;
  virtual int setsockopt(int fd, int level, int option, const void* value, socklen_t length) = 0;
  virtual int getsockopt(int fd, int level, int option, void* value, socklen_t* length) = 0;
  virtual int fcntl(int fd, int command, long argument) = 0;
  virtual int ioctl(int fd, unsigned long request, int* value) = 0;
  // Lets what is under way between the sockets arrive.
  virtual void settle() = 0;
};

// This machine's kernel; the caller's thread is in a network namespace of its own.
std::unique_ptr<Calls> make_kernel_calls();
// Sockets over a Host that talks to itself, in virtual time.
std::unique_ptr<Calls> make_engine_calls();

// What a program calls: descriptors are not recorded by number, results are.
class World {
 public:
  explicit World(Calls& calls) : calls_(calls) {}
  const std::vector<std::string>& record() const { return record_; }
  Calls& calls() { return calls_; }
  void note(std::string_view what, std::string_view result);
  // Records "what = result", errors by name; returns the result.
  std::int64_t note(std::string_view what, std::int64_t result);
  // As note(), of a call that returns a descriptor: it is recorded as "a descriptor".
  int note_fd(std::string_view what, int result);
  void settle() { calls_.settle(); }

  // ---- Calls with the usual arguments, recorded.
  int socket(int domain = AF_INET, int flags = SOCK_NONBLOCK);
  std::int64_t bind(int fd, std::string_view address, std::uint16_t port);
  std::int64_t listen(int fd, int backlog = 5);
  int accept(int fd);
  std::int64_t connect(int fd, std::string_view address, std::uint16_t port);
  std::int64_t send(int fd, std::string_view text, int flags = 0);
  std::int64_t recv(int fd, std::size_t size, int flags = 0);  // records the text, too
  std::int64_t shutdown(int fd, int how);
  std::int64_t close(int fd);
  std::int64_t set(int fd, int level, int option, int value);
  std::int64_t get(int fd, int level, int option);  // records the value and its length
  void names(int fd);                               // getsockname, getpeername
  std::int64_t poll(int fd, int events = 0x7fff);
  std::int64_t ioctl(int fd, unsigned long request);
  void epoll_wait(int epoll_fd, int events_max = 8);
  bsd::TcpInfo tcp_info(int fd);

  // ---- Beginnings, not recorded.
  struct Pair {
    int listener = -1;
    int client = -1;
    int server = -1;
  };
  // A connection over 127.0.0.1, both ends non-blocking.
  Pair connected(std::uint16_t port = 7000);
  int listening(std::uint16_t port, int domain = AF_INET, int backlog = 5);

 private:
  Calls& calls_;
  std::vector<std::string> record_;
};

// A struct sockaddr of this text.
struct Address {
  Address(std::string_view text, std::uint16_t port);
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr_storage storage{};
  socklen_t length = 0;
};
std::string text_of(const sockaddr_storage& storage, socklen_t length);
std::string error_name(std::int64_t result);  // "EPIPE" of -EPIPE
std::string poll_names(std::uint32_t events);
epoll_event event_of(std::uint32_t events, std::uint32_t name);

}  // namespace tuntcp::test
