// Sockets over a Host that talks to itself. Its network has one address, as the kernel's loopback.
#include <algorithm>

#include "stack/bsd/sockets.h"
#include "tests/bsd/world.h"

namespace tuntcp::test {
namespace {

// Nothing leaves this host.
class NoDevice final : public wire::PacketSink {
 public:
  wire::SendResult send(const wire::OutgoingPacket&) override { return wire::SendResult::down; }
};

class EngineCalls final : public Calls {
 public:
  EngineCalls() : random_(1), host_(HostConfig{}, random_), sockets_(host_) { pass(1_s); }
  int socket(int domain, int type, int protocol) override {
    return out(sockets_.socket(domain, type, protocol));
  }
  int dup(int fd) override { return out(sockets_.dup(fd)); }
  int close(int fd) override { return out(sockets_.close(fd)); }
  int shutdown(int fd, int how) override { return out(sockets_.shutdown(fd, how)); }
  int bind(int fd, const sockaddr* address, socklen_t length) override {
    return out(sockets_.bind(fd, address, length));
  }
  int listen(int fd, int backlog) override { return out(sockets_.listen(fd, backlog)); }
  int accept4(int fd, sockaddr* address, socklen_t* length, int flags) override {
    return out(sockets_.accept4(fd, address, length, flags));
  }
  int connect(int fd, const sockaddr* address, socklen_t length) override {
    return out(sockets_.connect(fd, address, length));
  }
  int getsockname(int fd, sockaddr* address, socklen_t* length) override {
    return out(sockets_.getsockname(fd, address, length));
  }
  int getpeername(int fd, sockaddr* address, socklen_t* length) override {
    return out(sockets_.getpeername(fd, address, length));
  }
  ssize_t read(int fd, void* octets, std::size_t size) override {
    return out(sockets_.read(fd, octets, size));
  }
  ssize_t readv(int fd, const iovec* pieces, int count) override {
    return out(sockets_.readv(fd, pieces, count));
  }
  ssize_t recvfrom(int fd, void* octets, std::size_t size, int flags, sockaddr* address,
                   socklen_t* length) override {
    return out(sockets_.recvfrom(fd, octets, size, flags, address, length));
  }
  ssize_t recvmsg(int fd, msghdr* message, int flags) override {
    return out(sockets_.recvmsg(fd, message, flags));
  }
  ssize_t write(int fd, const void* octets, std::size_t size) override {
    return out(sockets_.write(fd, octets, size));
  }
  ssize_t writev(int fd, const iovec* pieces, int count) override {
    return out(sockets_.writev(fd, pieces, count));
  }
  ssize_t sendto(int fd, const void* octets, std::size_t size, int flags, const sockaddr* address,
                 socklen_t length) override {
    return out(sockets_.sendto(fd, octets, size, flags, address, length));
  }
  ssize_t sendmsg(int fd, const msghdr* message, int flags) override {
    return out(sockets_.sendmsg(fd, message, flags));
  }
  ssize_t sendfile(int fd, std::string_view text, off_t* offset, std::size_t count) override {
    const auto read_at = [&](void* octets, std::size_t size, off_t at) {
      const auto from = std::min(static_cast<std::size_t>(at), text.size());
      return static_cast<ssize_t>(text.copy(static_cast<char*>(octets), size, from));
    };
    return out(sockets_.sendfile(fd, read_at, offset, count));
  }
  int select(int count, fd_set* read, fd_set* write, fd_set* urgent) override {
    return sockets_.select(count, read, write, urgent);
  }
  int poll(pollfd* descriptors, nfds_t count) override { return sockets_.poll(descriptors, count); }
  int epoll_create1(int flags) override { return sockets_.epoll_create1(flags); }
  int epoll_ctl(int epoll_fd, int operation, int fd, epoll_event* event) override {
    return sockets_.epoll_ctl(epoll_fd, operation, fd, event);
  }
  int epoll_wait(int epoll_fd, epoll_event* events, int events_max) override {
    return sockets_.epoll_wait(epoll_fd, events, events_max);
  }
  int setsockopt(int fd, int level, int option, const void* value, socklen_t length) override {
    return out(sockets_.setsockopt(fd, level, option, value, length));
  }
  int getsockopt(int fd, int level, int option, void* value, socklen_t* length) override {
    return sockets_.getsockopt(fd, level, option, value, length);
  }
  int fcntl(int fd, int command, long argument) override {
    return sockets_.fcntl(fd, command, argument);
  }
  int ioctl(int fd, unsigned long request, int* value) override {
    return sockets_.ioctl(fd, request, value);
  }
  void settle() override { pass(3_ms); }

 private:
  // The loopback device delivers within the call that sends.
  template <class T>
  T out(T result) {
    host_.packets_out(now_, device_);
    return result;
  }
  void pass(Duration duration) {
    now_ += duration;
    sockets_.set_time(now_);
    host_.advance_to(now_);
    host_.packets_out(now_, device_);
  }

  SeededRandom random_;
  Host host_;
  bsd::Sockets sockets_;
  NoDevice device_;
  Instant now_;
};

}  // namespace

std::unique_ptr<Calls> make_engine_calls() {
  return std::make_unique<EngineCalls>();
}

}  // namespace tuntcp::test
