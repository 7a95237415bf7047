// Names and opening: bind, listen, accept, connect, shutdown, getsockname, getpeername.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "stack/bsd/socket_address.h"
#include "stack/bsd/tables.h"

namespace tuntcp::bsd {
namespace {

using tcp::State;
using tcp::StateSet;

// What Linux resets when the connection is taken apart under the application's hands.
constexpr StateSet kNeedsReset{State::established, State::close_wait, State::fin_wait_1,
                               State::fin_wait_2, State::syn_received};

// Is there an address that both would take?
bool overlaps(const IpAddress& a, bool a_is_v6_only, const IpAddress& b, bool b_is_v6_only) {
  if (a.family() == b.family()) return a.is_any() || b.is_any() || a == b;
  // "::" takes IPv4 too, unless told otherwise.
  const bool takes_both = a.is_v4() ? b.is_any() && !b_is_v6_only : a.is_any() && !a_is_v6_only;
  return takes_both;
}

sa_family_t family_of(const sockaddr* address) {
  sa_family_t family = 0;
  std::memcpy(&family, address, sizeof family);
  return family;
}

}  // namespace

tcp::State Tables::state(const Socket& socket) const {
  return status(socket).state;
}

Status Tables::status(const Socket& socket) const {
  Status status;
  if (socket.stage == Socket::Stage::listening) {
    status = host.status(socket.listener).value_or(Status{});
  } else if (socket.stage == Socket::Stage::connection) {
    status = host.status(socket.connection, now).value_or(Status{});
  }
  // To Linux's socket TIME-WAIT is over at once: a smaller struct keeps it.
  if (status.state == State::time_wait) status.state = State::closed;
  return status;
}

int Tables::take_error(Socket& socket) {
  return std::exchange(socket.error, 0);
}

bool Tables::has_port(const Socket& socket) const {
  const bool has_ended =
      socket.stage == Socket::Stage::connection && state(socket) == State::closed;
  return socket.holds_port && (socket.is_bound || !has_ended);
}

bool Tables::conflicts(const Socket& socket, const Endpoint& wanted) const {
  return std::ranges::any_of(files, [&](const std::unique_ptr<File>& file) {
    if (!file || !file->socket || file->socket.get() == &socket) return false;
    const Socket& other = *file->socket;
    if (!has_port(other) || other.local.port != wanted.port || wanted.port == 0) return false;
    const bool both_share =
        (socket.reuse_address && other.reuse_address && other.stage != Socket::Stage::listening) ||
        (socket.reuse_port && other.reuse_port);
    return !both_share &&
           overlaps(wanted.address, socket.v6_only, other.local.address, other.v6_only);
  });
}

int Tables::choose_port(Socket& socket, const Endpoint& wanted) {
  const ListenOptions options{.reuse_address = socket.reuse_address,
                              .v6_only = socket.v6_only,
                              .reuse_port = socket.reuse_port};
  if (conflicts(socket, wanted)) return -EADDRINUSE;
  // A port the host thinks is free may be bound here and not in use: as often as there are ports.
  for (int tries = 0; tries < std::numeric_limits<Port>::max(); ++tries) {
    const auto chosen = host.choose_local(wanted, options);
    if (!chosen) return -errno_of(chosen.error());
    if (conflicts(socket, *chosen)) continue;
    socket.local = *chosen;
    socket.holds_port = true;
    return 0;
  }
  return -EADDRINUSE;
}

void Tables::give_options(Socket& socket) {
  if (socket.stage == Socket::Stage::listening) {
    host.set_options(socket.listener, socket.options);
  } else if (socket.stage == Socket::Stage::connection) {
    static_cast<void>(host.set_options(socket.connection, socket.options, now));
  }
}

// What bind() chose stays. The number of a port that is given up is still shown, as Linux does.
void Tables::give_up_port(Socket& socket) {
  socket.holds_port = socket.is_bound;
  if (socket.is_bound && socket.has_address) return;
  socket.local.address = IpAddress::any(socket.domain == AF_INET ? Family::ipv4 : Family::ipv6);
}

void Tables::disconnect(Socket& socket) {
  const State before = state(socket);
  if (socket.stage == Socket::Stage::listening) host.close_listener(socket.listener, now);
  if (socket.stage == Socket::Stage::connection) {
    if (kNeedsReset.contains(before) || before == State::syn_sent) socket.error = ECONNRESET;
    static_cast<void>(host.abort(socket.connection, now));
    host.release(socket.connection, now);
  }
  socket.stage = Socket::Stage::fresh;
  socket.is_connecting = false;
  socket.is_spent = false;
  socket.shut_read = false;
  socket.shut_write = false;
  give_up_port(socket);
}

void Tables::shut(Socket& socket, const Directions& directions) {
  const State before = state(socket);
  socket.shut_read |= directions.read;
  socket.shut_write |= directions.write;
  // To Linux it is neither connecting now nor unconnected, and never will be.
  const bool is_open = before != State::closed && !tcp::kOpening.contains(before);
  if (socket.is_connecting && !is_open) socket.is_spent = true;
  if (before == State::closed) return;
  socket.is_connecting = false;
  if (directions.write) static_cast<void>(host.close(socket.connection, now));
  // With both directions shut octets that still come are lost, and the peer hears of it.
  if (socket.shut_read && socket.shut_write) {
    static_cast<void>(host.stop_receiving(socket.connection, now));
  }
}

int Tables::begin_connect(Socket& socket, const sockaddr* address, socklen_t length) {
  auto parsed = parse_socket_address(socket.domain, AddressUse::connect, address, length);
  if (!parsed) return -parsed.error();
  Endpoint remote = parsed->endpoint;
  if (parsed->is_mapped && socket.v6_only) return -ENETUNREACH;
  // From IPv4, by bind(), nothing of IPv6 is reached.
  const bool is_from_v4 = socket.domain == AF_INET6 && socket.local.address.is_v4();
  if (is_from_v4 && !remote.address.is_v4() && !remote.address.is_any()) return -EAFNOSUPPORT;
  if (remote.address.is_any()) {
    // BSD's meaning of 0.0.0.0 and "::": this host.
    const bool v4 = remote.address.is_v4() || socket.local.address.is_v4();
    const IpAddress loopback = v4 ? IpAddress::v4(0x7f000001)
                                  : IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
    const bool has_own = !socket.local.address.is_any() && remote.address.is_v4();
    remote.address = has_own ? socket.local.address : loopback;
  }
  OpenOptions options{.local = socket.local, .socket = socket.options};
  if (!socket.holds_port) options.local.port = 0;
  if (options.local.address.is_any()) {
    options.local.address = IpAddress::any(remote.address.family());
  }
  const auto opened = host.open(remote, options, now);
  if (!opened) {
    // Multicast and broadcast: Linux has no route to them for TCP.
    if (opened.error() == Error::invalid_argument && remote.port != 0) return -ENETUNREACH;
    if (opened.error() == Error::invalid_argument) return -EADDRNOTAVAIL;
    return opened.error() == Error::insufficient_resources ? -ENOBUFS : -errno_of(opened.error());
  }
  socket.stage = Socket::Stage::connection;
  socket.connection = *opened;
  socket.is_connecting = true;
  socket.error = 0;  // an earlier connection's
  socket.local = status(socket).tuple.local;
  socket.holds_port = true;
  if (!socket.quick_ack) static_cast<void>(host.set_quick_ack(socket.connection, false, now));
  return 0;
}

int Sockets::bind(int fd, const sockaddr* address, socklen_t length) {
  Socket* socket = nullptr;
  if (const int error = tables_->socket_of(fd, socket)) return error;
  const auto parsed = parse_socket_address(socket->domain, AddressUse::bind, address, length);
  if (!parsed) return -parsed.error();
  const IpAddress& ip = parsed->endpoint.address;
  if (parsed->is_mapped && socket->v6_only) return -EINVAL;
  if (!ip.is_v4() && ip.is_multicast()) return -EINVAL;
  const auto& own = tables_->host.addresses();
  const bool is_own = std::ranges::any_of(own, [&](const Prefix& p) { return p.address == ip; });
  if (!ip.is_any() && !ip.is_loopback() && !is_own) return -EADDRNOTAVAIL;
  const bool is_open =
      socket->stage != Socket::Stage::fresh && tables_->state(*socket) != State::closed;
  if (is_open || tables_->has_port(*socket)) return -EINVAL;
  if (const int error = tables_->choose_port(*socket, parsed->endpoint)) {
    // What it had of an earlier connection is not shown any more, as in Linux.
    socket->local.address = IpAddress::any(socket->domain == AF_INET ? Family::ipv4 : Family::ipv6);
    return error;
  }
  socket->is_bound = true;
  socket->has_address = !ip.is_any();
  // Who has an address of IPv6 has nothing to do with IPv4 any more.
  if (!ip.is_v4() && !ip.is_any()) socket->v6_only = true;
  return 0;
}

int Sockets::listen(int fd, int backlog) {
  Tables& t = *tables_;
  Socket* socket = nullptr;
  if (const int error = t.socket_of(fd, socket)) return error;
  // Linux compares it as an unsigned number: a negative backlog is a large one.
  const int wanted = backlog < 0 ? std::numeric_limits<int>::max() : backlog;
  if (socket->stage == Socket::Stage::connection) return -EINVAL;
  if (socket->stage == Socket::Stage::listening) {
    t.host.set_backlog(socket->listener, wanted);
    return 0;
  }
  if (!socket->holds_port) {
    const Endpoint any{.address = socket->local.address};
    if (const int error = t.choose_port(*socket, any)) return error;
  } else if (t.conflicts(*socket, socket->local)) {
    return -EADDRINUSE;
  }
  const ListenOptions options{.backlog = wanted,
                              .reuse_address = socket->reuse_address,
                              .v6_only = socket->v6_only,
                              .reuse_port = socket->reuse_port};
  const auto listener = t.host.listen(socket->local, options, socket->options);
  if (!listener) return -errno_of(listener.error());
  socket->stage = Socket::Stage::listening;
  socket->listener = *listener;
  t.host.set_cookie(*listener, std::uint64_t{t.index_of(fd)} + 1);
  return 0;
}

int Sockets::accept(int fd, sockaddr* address, socklen_t* length) {
  return accept4(fd, address, length, 0);
}

int Sockets::accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  Tables& t = *tables_;
  if (t.file(fd) == nullptr) return -EBADF;
  if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) return -EINVAL;
  Socket* listening = nullptr;
  if (const int error = t.socket_of(fd, listening)) return error;
  if (listening->stage != Socket::Stage::listening) return -EINVAL;
  auto child = std::make_unique<Socket>(*listening);
  child->listener = {};
  child->stage = Socket::Stage::connection;
  child->error = 0;
  child->ip_options.clear();  // it takes the way by which the peer came
  child->options.source_route.reset();
  child->is_bound = false;  // the port is the listener's
  child->holds_port = true;
  // The descriptor first: without one the connection must stay in the queue.
  const std::uint32_t index =
      t.add_file(std::move(child), nullptr, flags & SOCK_NONBLOCK ? O_NONBLOCK : 0);
  const int accepted_fd = t.add_descriptor(index, 0, (flags & SOCK_CLOEXEC) != 0);
  const auto id =
      accepted_fd < 0 ? std::unexpected(Error::none) : t.host.accept(listening->listener);
  if (!id) {
    if (accepted_fd < 0) {
      t.files[index].reset();
      return accepted_fd;
    }
    t.descriptors[static_cast<std::size_t>(accepted_fd - t.config.first_descriptor)] = {};
    t.files[index].reset();
    return -errno_of(id.error());
  }
  Socket& socket = *t.files[index]->socket;
  socket.connection = *id;
  t.host.set_cookie(*id, std::uint64_t{index} + 1);
  const Status status = t.status(socket);
  socket.local = status.tuple.local;
  t.take_events();
  if (address == nullptr) return accepted_fd;
  const int written = write_socket_address(socket.domain, status.tuple.remote, address, length);
  if (written == 0) return accepted_fd;
  close(accepted_fd);
  return written;
}

int Sockets::connect(int fd, const sockaddr* address, socklen_t length) {
  Tables& t = *tables_;
  Socket* socket = nullptr;
  if (const int error = t.socket_of(fd, socket)) return error;
  if (length > sizeof(sockaddr_storage)) return -EINVAL;
  if (address == nullptr && length != 0) return -EFAULT;
  if (length < sizeof(sa_family_t)) return -EINVAL;
  if (family_of(address) == AF_UNSPEC) {
    t.disconnect(*socket);
    t.wake(t.index_of(fd), Tables::kAnything);
    return 0;
  }
  const bool waits = is_blocking(fd);
  if (socket->is_spent) return -EINVAL;
  if (socket->stage == Socket::Stage::listening) return -EISCONN;
  if (socket->stage == Socket::Stage::connection && !socket->is_connecting) return -EISCONN;
  const bool is_new = socket->stage == Socket::Stage::fresh;
  if (is_new) {
    if (const int error = t.begin_connect(*socket, address, length)) return error;
    t.host.set_cookie(socket->connection, std::uint64_t{t.index_of(fd)} + 1);
  }
  const State state = t.state(*socket);
  if (tcp::kOpening.contains(state)) {
    if (waits) return -EAGAIN;
    return is_new ? -EINPROGRESS : -EALREADY;
  }
  socket->is_connecting = false;
  if (state != State::closed) return 0;
  // Nobody learned of the failure in between: the socket may be used again.
  const int error = Tables::take_error(*socket);
  t.disconnect(*socket);
  t.wake(t.index_of(fd), Tables::kAnything);
  return error != 0 ? -error : -ECONNABORTED;
}

int Sockets::getsockname(int fd, sockaddr* address, socklen_t* length) {
  Socket* socket = nullptr;
  if (const int error = tables_->socket_of(fd, socket)) return error;
  return write_socket_address(socket->domain, socket->local, address, length);
}

int Sockets::getpeername(int fd, sockaddr* address, socklen_t* length) {
  Socket* socket = nullptr;
  if (const int error = tables_->socket_of(fd, socket)) return error;
  if (socket->stage != Socket::Stage::connection) return -ENOTCONN;
  const Status status = tables_->status(*socket);
  if (status.state == State::closed || status.state == State::syn_sent) return -ENOTCONN;
  return write_socket_address(socket->domain, status.tuple.remote, address, length);
}

int Sockets::shutdown(int fd, int how) {
  Tables& t = *tables_;
  Socket* socket = nullptr;
  if (const int error = t.socket_of(fd, socket)) return error;
  if (how < SHUT_RD || how > SHUT_RDWR) return -EINVAL;
  const Directions directions{.read = how != SHUT_WR, .write = how != SHUT_RD};
  const State state = t.state(*socket);
  const int result = state == State::closed ? -ENOTCONN : 0;
  if (state == State::syn_sent || (state == State::listen && directions.read)) {
    t.disconnect(*socket);
  } else if (state != State::listen) {
    t.shut(*socket, directions);
  }
  // One's own call is news, too.
  t.wake(t.index_of(fd), Tables::kAnything);
  return result;
}

std::optional<ConnectionId> Sockets::connection(int fd) const {
  const File* const file = tables_->file(fd);
  if (file == nullptr || !file->socket) return std::nullopt;
  if (file->socket->stage != Socket::Stage::connection) return std::nullopt;
  return file->socket->connection;
}

}  // namespace tuntcp::bsd
