// The kernel's sockets, inside the network namespace of the calling thread.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include "tests/bsd/world.h"

namespace tuntcp::test {
namespace {

template <class T>
T answer(T result) {
  return result < 0 ? static_cast<T>(-errno) : result;
}

// Where what the program says of its memory may be untrue, the system is called directly: in the C
// library's functions the address sanitizer would believe it, and look.
class KernelCalls final : public Calls {
 public:
  // EPIPE says it well enough.
  KernelCalls() { std::signal(SIGPIPE, SIG_IGN); }
  ~KernelCalls() override {
    for (const int fd : opened_) ::close(fd);
  }
  int socket(int domain, int type, int protocol) override {
    return keep(::socket(domain, type, protocol));
  }
  int dup(int fd) override { return keep(::dup(fd)); }
  int close(int fd) override {
    std::erase(opened_, fd);
    return answer(::close(fd));
  }
  int shutdown(int fd, int how) override { return answer(::shutdown(fd, how)); }
  int bind(int fd, const sockaddr* address, socklen_t length) override {
    return answer(::bind(fd, address, length));
  }
  int listen(int fd, int backlog) override { return answer(::listen(fd, backlog)); }
  int accept4(int fd, sockaddr* address, socklen_t* length, int flags) override {
    return keep(static_cast<int>(::syscall(SYS_accept4, fd, address, length, flags)));
  }
  int connect(int fd, const sockaddr* address, socklen_t length) override {
    return answer(::connect(fd, address, length));
  }
  int getsockname(int fd, sockaddr* address, socklen_t* length) override {
    return answer(static_cast<int>(::syscall(SYS_getsockname, fd, address, length)));
  }
  int getpeername(int fd, sockaddr* address, socklen_t* length) override {
    return answer(static_cast<int>(::syscall(SYS_getpeername, fd, address, length)));
  }
  ssize_t read(int fd, void* octets, std::size_t size) override {
    return answer(::read(fd, octets, size));
  }
  ssize_t readv(int fd, const iovec* pieces, int count) override {
    return answer(::syscall(SYS_readv, fd, pieces, count));
  }
  ssize_t recvfrom(int fd, void* octets, std::size_t size, int flags, sockaddr* address,
                   socklen_t* length) override {
    return answer(::syscall(SYS_recvfrom, fd, octets, size, flags, address, length));
  }
  ssize_t recvmsg(int fd, msghdr* message, int flags) override {
    return answer(::syscall(SYS_recvmsg, fd, message, flags));
  }
  ssize_t write(int fd, const void* octets, std::size_t size) override {
    return answer(::write(fd, octets, size));
  }
  ssize_t writev(int fd, const iovec* pieces, int count) override {
    return answer(::syscall(SYS_writev, fd, pieces, count));
  }
  ssize_t sendto(int fd, const void* octets, std::size_t size, int flags, const sockaddr* address,
                 socklen_t length) override {
    return answer(::sendto(fd, octets, size, flags, address, length));
  }
  ssize_t sendmsg(int fd, const msghdr* message, int flags) override {
    return answer(::syscall(SYS_sendmsg, fd, message, flags));
  }
  ssize_t sendfile(int fd, std::string_view text, off_t* offset, std::size_t count) override {
    const int file = ::memfd_create("text", MFD_CLOEXEC);
    if (::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) return -EIO;
    const ssize_t result = answer(::sendfile(fd, file, offset, count));
    ::close(file);
    return result;
  }
  int select(int count, fd_set* read, fd_set* write, fd_set* urgent) override {
    timeval none{};
    return answer(::select(count, read, write, urgent, &none));
  }
  int poll(pollfd* descriptors, nfds_t count) override {
    return answer(::poll(descriptors, count, 0));
  }
  int epoll_create1(int flags) override { return keep(::epoll_create1(flags)); }
  int epoll_ctl(int epoll_fd, int operation, int fd, epoll_event* event) override {
    return answer(::epoll_ctl(epoll_fd, operation, fd, event));
  }
  int epoll_wait(int epoll_fd, epoll_event* events, int events_max) override {
    return answer(::epoll_wait(epoll_fd, events, events_max, 0));
  }
  int setsockopt(int fd, int level, int option, const void* value, socklen_t length) override {
    return answer(::setsockopt(fd, level, option, value, length));
  }
  int getsockopt(int fd, int level, int option, void* value, socklen_t* length) override {
    return answer(::getsockopt(fd, level, option, value, length));
  }
  int fcntl(int fd, int command, long argument) override {
    return answer(::fcntl(fd, command, argument));
  }
  int ioctl(int fd, unsigned long request, int* value) override {
    return answer(static_cast<int>(::syscall(SYS_ioctl, fd, request, value)));
  }
  // The loopback device delivers at once, unless the machine is busy. The one place where a test
  // waits: the kernel has no other clock.
  void settle() override { std::this_thread::sleep_for(std::chrono::milliseconds(3)); }

 private:
  int keep(int fd) {
    if (fd < 0) return -errno;
    opened_.push_back(fd);
    return fd;
  }
  std::vector<int> opened_;
};

}  // namespace

std::unique_ptr<Calls> make_kernel_calls() {
  return std::make_unique<KernelCalls>();
}

}  // namespace tuntcp::test
