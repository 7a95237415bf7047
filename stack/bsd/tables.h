// What Sockets is made of: descriptors, the open descriptions they name, and what of them is a
// socket or an epoll instance. See sockets.h for what it means.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "stack/base/address.h"
#include "stack/bsd/sockets.h"
#include "stack/host/host.h"

namespace tuntcp::bsd {

struct Socket {
  // What it is to the host. A fresh one is CLOSED, perhaps bound.
  enum class Stage : std::uint8_t { fresh, listening, connection };

  int domain = 0;  // AF_INET, AF_INET6
  Stage stage = Stage::fresh;
  ListenerId listener;
  ConnectionId connection;
  bool is_connecting = false;  // connect() began and nobody was told how it ended
  bool is_spent = false;       // it was shut down then: nothing but connect(AF_UNSPEC) is left
  bool is_bound = false;       // by bind(): the port outlives a connection that failed
  bool has_address = false;    // as well, not just a port
  bool holds_port = false;     // `local` is its name; else what the name last was
  Endpoint local;
  int error = 0;           // SO_ERROR, an errno
  bool shut_read = false;  // sk_shutdown's two bits, as far as the application set them
  bool shut_write = false;

  // Options. Those of the host are what it gets.
  SocketOptions options;
  std::uint32_t receive_buffer = 0;  // as getsockopt tells it; 0: the sysctl
  std::uint32_t send_buffer = 0;
  std::vector<std::uint8_t> ip_options{};  // IP_OPTIONS, as getsockopt tells them
  linger linger_value{};
  bool reuse_address = false;
  bool reuse_port = false;
  bool v6_only = false;
  bool tells_inq = false;      // TCP_INQ
  bool urgent_inline = false;  // SO_OOBINLINE
  bool quick_ack = true;       // TCP_QUICKACK, before there is a connection
  int receive_low_water = 1;
  // Of urgent data, as numbers of octets since the connection began: the octet that the peer's
  // urgent pointer marks, and the one that MSG_OOB took.
  std::optional<std::uint64_t> urgent_mark;
  std::optional<std::uint64_t> urgent_taken;
  Instant lingers_until;      // close() was called, and waits (SO_LINGER)
  timeval receive_timeout{};  // 0: none
  timeval send_timeout{};
};

// A file that an epoll instance watches.
struct Watch {
  int fd = -1;  // by which it was added; with the file it is the key
  std::uint32_t file = 0;
  epoll_event event{};
  bool is_ready = false;     // in the ready list
  bool is_disarmed = false;  // EPOLLONESHOT, reported
};

// A number may be in use again while a copy keeps the file open that had it before.
struct WatchKey {
  int fd;
  std::uint32_t file;
  friend bool operator==(const WatchKey&, const WatchKey&) = default;
};

struct Epoll {
  std::vector<Watch> watches;
  std::vector<WatchKey> ready;  // oldest first
};

// An open file description: what dup(2) shares.
struct File {
  unsigned references = 0;
  int status_flags = 0;  // O_NONBLOCK, O_APPEND, O_NOATIME
  std::unique_ptr<Socket> socket;
  std::unique_ptr<Epoll> epoll;
};

struct Descriptor {
  std::uint32_t file = 0;
  bool is_open = false;
  bool close_on_exec = false;
  bool is_lingering = false;  // close() waits; it names nothing any more
};

// What calls that wait go by, far from a program's own numbers.
constexpr int kFirstHeld = 1 << 30;

// Where the urgent octet is that Linux takes out of the stream.
struct UrgentOctet {
  std::uint32_t ahead = 0;   // octets to be read before it
  std::uint64_t number = 0;  // since the connection began
  bool has_arrived = false;
  bool is_taken = false;  // by MSG_OOB
};

struct Directions {
  bool read;
  bool write;
};

struct Tables {
  Tables(Host& host_, const SocketsConfig& config_) : host(host_), config(config_) {}

  // ---- descriptors.cc
  // -EBADF, -EMFILE, -ENOTSOCK where there is none.
  File* file(int fd);
  Descriptor* descriptor(int fd);
  std::uint32_t index_of(int fd) { return descriptor(fd)->file; }  // of one that is open
  int socket_of(int fd, Socket*& socket);
  int add_descriptor(std::uint32_t file, int at_least, bool close_on_exec);
  std::uint32_t add_file(std::unique_ptr<Socket> socket, std::unique_ptr<Epoll> epoll, int flags);
  void close_file(std::uint32_t index);
  // SO_LINGER: has close() to wait, and still?
  bool begins_to_linger(std::uint32_t index);
  bool lingers(const Socket& socket) const;
  // What happened in the host since.
  void take_events();

  // ---- opening.cc
  tcp::State state(const Socket& socket) const;
  // Nothing to report, unless there is a connection.
  Status status(const Socket& socket) const;
  // Is the port another socket's, in a way that forbids this one?
  bool conflicts(const Socket& socket, const Endpoint& wanted) const;
  // It has one, by bind() or for its connection; one that bind() did not give ends with that.
  bool has_port(const Socket& socket) const;
  int choose_port(Socket& socket, const Endpoint& wanted);
  int begin_connect(Socket& socket, const sockaddr* address, socklen_t length);
  // Back to a fresh socket, whatever it was.
  void disconnect(Socket& socket);
  void shut(Socket& socket, const Directions& directions);
  // The error of the socket, once: 0 or a positive errno.
  static int take_error(Socket& socket);
  void give_options(Socket& socket);
  void give_up_port(Socket& socket);

  // ---- transfer.cc
  ssize_t receive(int fd, msghdr& message, int flags);
  ssize_t send(int fd, const msghdr& message, int flags);
  // Nothing if the peer sent none, or the application read beyond it.
  static std::optional<UrgentOctet> urgent_octet(const Socket& socket, const Status& status);
  ssize_t receive_text(Socket& socket, Status status, msghdr& message, int flags);
  ssize_t receive_urgent(Socket& socket, const Status& status, msghdr& message, int flags);
  // The peer's urgent pointer came or advanced.
  void note_urgent(Socket& socket);

  // ---- readiness.cc
  std::uint32_t readiness(const File& of) const;  // EPOLLIN ...
  std::uint32_t found_by(const Watch& watch) const;
  bool may_read(const Socket& socket, const Status& status) const;
  void wake(std::uint32_t file, std::uint32_t events);
  static constexpr std::uint32_t kAnything = ~std::uint32_t{0};  // whoever waits, whatever for
  void forget_watches(std::uint32_t file);
  int depth_below(std::uint32_t file, std::uint32_t end) const;
  int depth_above(std::uint32_t file) const;

  Host& host;
  const SocketsConfig config;
  Instant now;
  std::vector<Descriptor> descriptors;       // by fd - first_descriptor
  std::vector<Descriptor> held;              // by fd - kFirstHeld
  std::vector<std::unique_ptr<File>> files;  // a host's cookie is the index, plus one
};

// errno's number for why a connection ended or could not be made.
int errno_of(Error error);
// ---- ip_options.cc: levels IPPROTO_IP and IPPROTO_IPV6.
struct Given;
struct Room;
int set_ipv4_option(Tables& tables, Socket& socket, int option, const Given& given);
int set_ipv6_option(Tables& tables, Socket& socket, int option, const Given& given);
int get_ipv4_option(Tables& tables, const Socket& socket, int option, const Room& room);
int get_ipv6_option(Tables& tables, const Socket& socket, int option, const Room& room);

// EFAULT, EINVAL, EMSGSIZE or 0.
int check_pieces(const iovec* pieces, std::size_t count);
// Of all pieces, but no more than one call may be about.
std::size_t octets_of(const msghdr& message);

}  // namespace tuntcp::bsd
