// What a packet script is played on: a TCP with descriptors, a wire and a clock. Two exist, the
// engine in virtual time (engine_backend.h) and this machine's kernel in real time
// (kernel_backend.h); the executor cannot tell them apart.
//
// Everything here is live: descriptors, ports, sequence numbers and timestamps are the backend's
// own; the executor translates to and from the script's. Times count from the backend's creation.
// What a backend does not have is said by Unmapped: the script then counts as skipped.
//
// Thread rule: one thread at a time (a backend may have threads of its own behind this).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "stack/base/address.h"
#include "stack/base/time.h"

namespace tuntcp::drill {

using Octets = std::vector<std::uint8_t>;

// Thrown where a script asks for something that the backend knows nothing about: an option, a
// sysctl, a command, a call. What it says is one line.
class Unmapped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
// Thrown where the backend itself does not work (no permission, no device): the run ends.
class BackendFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// ---- System calls.

enum class IpVersion : std::uint8_t {
  ipv4,
  ipv4_mapped_ipv6,  // sockets are AF_INET6, packets IPv4
  ipv6,
};

// A part of a struct msghdr: what has no octets to read but a length, in readv, writev, sendmsg.
struct Buffer {
  std::uint32_t length = 0;
  bool is_null = false;
};

struct PollEntry {
  int fd = -1;
  int events = 0;
  int returned = 0;
};

// Of epoll_wait: as epoll_ctl was given it.
struct EpollEntry {
  std::uint32_t events = 0;
  std::uint64_t data = 0;
};

// One struct cmsghdr.
struct ControlMessage {
  int level = 0;
  int type = 0;
  Octets data{};
};

// A call and its arguments: numbers are this machine's (<sys/socket.h>). Each name of a call uses
// some of the fields, the others keep their defaults.
//
//   socket(domain, type, protocol)      bind, connect(fd, address)       listen(fd, backlog)
//   accept(fd)                          read, readv(fd, buffers)         write, writev(fd, buffers)
//   recv, recvfrom, recvmsg(fd, buffers, flags)
//   send, sendto, sendmsg(fd, buffers, flags, address)
//   close(fd)    shutdown(fd, number)   fcntl(fd, command, number)       ioctl(fd, command)
//   getsockopt(fd, level, option; value: its length is the room)         setsockopt(..., value)
//   poll(polled, timeout_ms)            epoll_create()                   pipe()
//   epoll_ctl(fd, command, other_fd, epoll)                              epoll_wait(fd, number,
//   timeout_ms) splice(fd, other_fd, number, flags) sendfile(fd, other_fd, offset, number)
//   open(path, flags)
struct CallRequest {
  std::string name{};
  int fd = -1;
  int other_fd = -1;
  int domain = 0, type = 0, protocol = 0;
  // Nothing: a null pointer. Of family AF_INET6 it is mapped by the backend (ipv4_mapped_ipv6).
  std::optional<Endpoint> address{};
  bool address_is_unspecified = false;  // AF_UNSPEC
  int backlog = 0;
  std::vector<Buffer> buffers{};  // octets written are all zero
  int flags = 0;
  int level = 0, option = 0;
  Octets value{};
  int command = 0;
  std::int64_t number = 0;
  std::int64_t offset = 0;
  std::vector<PollEntry> polled{};
  std::int64_t timeout_ms = 0;
  EpollEntry epoll{};
  std::string path{};
};

// What a call came to. `result` is -1 where it failed, and `error` then errno.
struct CallReply {
  std::int64_t result = 0;
  int error = 0;
  std::optional<Endpoint> address{};  // accept, recvfrom, recvmsg: the other end's
  Octets value{};                     // getsockopt: the octets written; ioctl: an int
  std::vector<PollEntry> polled{};
  std::vector<EpollEntry> epoll{};
  int message_flags = 0;  // recvmsg
  std::vector<ControlMessage> control{};
  std::vector<int> fds{};   // pipe
  std::int64_t offset = 0;  // sendfile
  Duration returned_at{};
};

struct CallId {
  std::uint64_t number = 0;
};

// ---- Packets.

// An IP packet that the stack sent, whole, with checksums completed.
struct SentPacket {
  Duration at{};
  Octets octets{};
  std::uint16_t gso_size = 0;  // 0, or the text of each segment of which this one is made
};

// An IP packet for the stack, with right checksums.
struct InjectedPacket {
  Octets octets{};
  std::uint16_t gso_size = 0;  // a super-packet (as GRO makes them), or 0
};

// ---- The whole.

struct BackendOptions {
  IpVersion ip_version = IpVersion::ipv4;
  IpAddress local{};  // the stack's
  unsigned local_prefix = 24;
  IpAddress gateway{};  // on the same network; `remote` is behind it
  IpAddress remote{};
  std::uint32_t mtu = 1500;
};

class Backend {
 public:
  virtual ~Backend() = default;
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  // ---- Time.
  virtual Duration now() = 0;
  // Returns at once where `until` has passed. Packets sent meanwhile are kept for take_packet().
  virtual void sleep_until(Duration until) = 0;

  // ---- Calls.
  // Begins a call; at most one thread of the application waits in one, so what it returned is
  // taken before the next call that may block begins.
  virtual CallId begin_call(const CallRequest& request) = 0;
  // Lets time pass until the call returned, or it is `until`: then nothing.
  virtual std::optional<CallReply> take_reply(CallId call, Duration until) = 0;
  // The values of getsockopt(TCP_INFO) by the kernel's names, "tcpi_unacked", as far as there are
  // any; numbers as the kernel gives them (microseconds, octets, segments).
  virtual std::map<std::string, std::int64_t> tcp_info(int fd) = 0;

  // ---- Packets.
  virtual void inject(const InjectedPacket& packet) = 0;
  // The oldest packet not taken; lets time pass until there is one, or it is `until`: then nothing.
  // Whatever the stack sends, whomever it is for.
  virtual std::optional<SentPacket> take_packet(Duration until) = 0;

  // ---- Around the stack.
  // One line as a shell would read it, from `folder` (that of the script): sysctl, set_sysctls.py,
  // tc, ip, nstat, sleep ... False: it ran, and its exit status was not 0.
  virtual bool run_command(std::string_view line, std::string_view folder) = 0;
};

// The engine in virtual time. Never fails.
std::unique_ptr<Backend> make_engine_backend(const BackendOptions& options);
// This machine's kernel over a TUN device in a network namespace of its own, in real time.
// BackendFailure: no permission, no device.
std::unique_ptr<Backend> make_kernel_backend(const BackendOptions& options);

}  // namespace tuntcp::drill
