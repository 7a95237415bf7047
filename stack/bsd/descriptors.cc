// Descriptors and the files they name: socket, dup, close, fcntl, ioctl. What happens in the host
// reaches sockets here.
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

#include "stack/base/check.h"
#include "stack/bsd/tables.h"
#include "stack/tcp/mtu_discovery.h"
#include "stack/tcp/rto_limits.h"

namespace tuntcp::bsd {

int errno_of(Error error) {
  switch (error) {
    case Error::none:
    case Error::end_of_stream:
      return 0;
    case Error::connection_reset:
      return ECONNRESET;
    case Error::connection_refused:
      return ECONNREFUSED;
    case Error::connection_aborted:
      return ECONNABORTED;
    case Error::timed_out:
      return ETIMEDOUT;
    case Error::connection_does_not_exist:
    case Error::not_connected:
      return ENOTCONN;
    case Error::connection_already_exists:
    case Error::address_not_available:
      return EADDRNOTAVAIL;
    case Error::connection_closing:
      return EPIPE;
    case Error::insufficient_resources:
      return ENOMEM;
    case Error::address_in_use:
      return EADDRINUSE;
    case Error::host_unreachable:
      return EHOSTUNREACH;
    case Error::network_unreachable:
      return ENETUNREACH;
    case Error::protocol_unreachable:
      return ENOPROTOOPT;
    case Error::source_route_failed:
      return EOPNOTSUPP;
    case Error::host_down:
      return EHOSTDOWN;
    case Error::host_isolated:
      return ENONET;
    case Error::access_denied:
      return EACCES;
    case Error::protocol_error:
      return EPROTO;
    case Error::invalid_argument:
      return EINVAL;
    case Error::would_block:
      return EAGAIN;
  }
  return EINVAL;
}

Descriptor* Tables::descriptor(int fd) {
  const bool is_held = fd >= kFirstHeld;
  std::vector<Descriptor>& table = is_held ? held : descriptors;
  const std::int64_t index = std::int64_t{fd} - (is_held ? kFirstHeld : config.first_descriptor);
  if (index < 0 || index >= static_cast<std::int64_t>(table.size())) return nullptr;
  return &table[static_cast<std::size_t>(index)];
}

File* Tables::file(int fd) {
  const Descriptor* const found = descriptor(fd);
  return found != nullptr && found->is_open ? files[found->file].get() : nullptr;
}

int Tables::socket_of(int fd, Socket*& socket) {
  take_events();
  File* const found = file(fd);
  if (found == nullptr) return -EBADF;
  if (!found->socket) return -ENOTSOCK;
  socket = found->socket.get();
  return 0;
}

int Tables::add_descriptor(std::uint32_t file_index, int at_least, bool close_on_exec) {
  const auto first = static_cast<std::size_t>(std::max(at_least - config.first_descriptor, 0));
  std::size_t at = first;
  const auto is_taken = [](const Descriptor& d) { return d.is_open || d.is_lingering; };
  while (at < descriptors.size() && is_taken(descriptors[at])) ++at;
  if (at >= static_cast<std::size_t>(config.descriptors_max)) return -EMFILE;
  if (at >= descriptors.size()) descriptors.resize(at + 1);
  descriptors[at] = {.file = file_index, .is_open = true, .close_on_exec = close_on_exec};
  ++files[file_index]->references;
  return config.first_descriptor + static_cast<int>(at);
}

std::uint32_t Tables::add_file(std::unique_ptr<Socket> socket, std::unique_ptr<Epoll> epoll,
                               int flags) {
  const auto free = std::ranges::find_if(files, [](const auto& f) { return f == nullptr; });
  const auto index = static_cast<std::uint32_t>(free - files.begin());
  if (free == files.end()) files.emplace_back();
  files[index] = std::make_unique<File>();
  files[index]->status_flags = flags;
  files[index]->socket = std::move(socket);
  files[index]->epoll = std::move(epoll);
  return index;
}

void Tables::close_file(std::uint32_t index) {
  forget_watches(index);
  if (files[index]->socket) {
    Socket& socket = *files[index]->socket;
    if (socket.stage == Socket::Stage::listening) host.close_listener(socket.listener, now);
    if (socket.stage == Socket::Stage::connection) host.release(socket.connection, now);
  }
  files[index].reset();
}

// As __tcp_close: what was not read, or a linger time of zero, resets at once and waits for
// nothing.
bool Tables::begins_to_linger(std::uint32_t index) {
  if (!files[index]->socket) return false;
  Socket& socket = *files[index]->socket;
  const Duration time = socket.options.linger.value_or(Duration::zero());
  if (socket.stage != Socket::Stage::connection || time <= Duration::zero()) return false;
  if (status(socket).recv_q != 0) return false;
  static_cast<void>(host.close(socket.connection, now));
  if (!lingers(socket)) return false;
  forget_watches(index);
  static_cast<void>(host.stop_receiving(socket.connection, now));
  socket.lingers_until = now + time;
  return true;
}

bool Tables::lingers(const Socket& socket) const {
  constexpr tcp::StateSet kWaits{tcp::State::fin_wait_1, tcp::State::closing, tcp::State::last_ack};
  return kWaits.contains(state(socket));
}

void Tables::take_events() {
  while (const auto event = host.next_event()) {
    const std::uint64_t index = event->cookie - 1;
    if (index >= files.size() || !files[index] || !files[index]->socket) continue;
    Socket& socket = *files[index]->socket;
    std::uint32_t woken = 0;
    if (event->bits & Event::acceptable) woken |= EPOLLIN | EPOLLRDNORM;
    if (event->bits & Event::readable) woken |= EPOLLIN | EPOLLRDNORM;
    if (event->bits & (Event::connected | Event::writable)) woken |= EPOLLOUT | EPOLLWRNORM;
    if (event->bits & Event::urgent) {
      woken |= EPOLLPRI;
      note_urgent(socket);
    }
    if (!event->is_listener) {
      const Status status = this->status(socket);
      if (event->bits & Event::failed) {
        // As Linux's tcp_reset in CLOSE-WAIT: whom the peer had finished with learns that nobody
        // reads any more.
        const bool waits = status.peer_has_finished && !socket.shut_write;
        const bool is_pipe = status.error == Error::connection_reset && waits;
        socket.error = is_pipe ? EPIPE : errno_of(status.error);
      }
      // A change of state wakes whoever waits, whatever for.
      const bool has_ended = status.state == tcp::State::closed ||
                             status.state == tcp::State::time_wait || status.peer_has_finished;
      if (has_ended) woken = kAnything;
    }
    wake(static_cast<std::uint32_t>(index), woken);
  }
}

Sockets::Sockets(Host& host, const SocketsConfig& config)
    : tables_(std::make_unique<Tables>(host, config)) {}
Sockets::~Sockets() = default;

void Sockets::set_time(Instant now) {
  TUNTCP_DCHECK(now >= tables_->now);
  tables_->now = now;
  tables_->take_events();
}
Instant Sockets::time() const {
  return tables_->now;
}

int Sockets::socket(int domain, int type, int protocol) {
  constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  constexpr int kTypeMask = 0xf;
  constexpr int kTypesEnd = 11;       // SOCK_MAX
  constexpr int kProtocolsEnd = 263;  // IPPROTO_MAX
  constexpr int kTcp = 6;
  if (type & ~kTypeMask & ~kFlags) return -EINVAL;
  if (domain < 0 || domain >= AF_MAX) return -EAFNOSUPPORT;
  if ((type & kTypeMask) >= kTypesEnd) return -EINVAL;
  if (domain != AF_INET && domain != AF_INET6) return -EAFNOSUPPORT;
  if (protocol < 0 || protocol >= kProtocolsEnd) return -EINVAL;
  if ((type & kTypeMask) != SOCK_STREAM) return -ESOCKTNOSUPPORT;
  if (protocol != 0 && protocol != kTcp) return -EPROTONOSUPPORT;
  auto socket = std::make_unique<Socket>();
  socket->domain = domain;
  socket->options.rto_limits = tcp::rto_limits(tables_->host.sysctl());
  socket->options.mtu_discovery = tcp::default_mtu_discovery(tables_->host.sysctl());
  socket->local.address = IpAddress::any(domain == AF_INET ? Family::ipv4 : Family::ipv6);
  const std::uint32_t index =
      tables_->add_file(std::move(socket), nullptr, type & SOCK_NONBLOCK ? O_NONBLOCK : 0);
  const int fd = tables_->add_descriptor(index, 0, (type & SOCK_CLOEXEC) != 0);
  if (fd < 0) tables_->files[index].reset();
  return fd;
}

int Sockets::dup(int fd) {
  return fcntl(fd, F_DUPFD, 0);
}

int Sockets::close(int fd) {
  Tables& t = *tables_;
  t.take_events();
  Descriptor* const found = t.descriptor(fd);
  if (found == nullptr) return -EBADF;
  Descriptor& descriptor = *found;
  if (descriptor.is_lingering) {
    const Socket& socket = *t.files[descriptor.file]->socket;
    if (t.lingers(socket) && t.now < socket.lingers_until) return -EAGAIN;
    descriptor.is_lingering = false;
    t.close_file(descriptor.file);
    return 0;
  }
  if (!descriptor.is_open) return -EBADF;
  descriptor.is_open = false;
  if (--t.files[descriptor.file]->references != 0) return 0;
  if (t.begins_to_linger(descriptor.file)) {
    descriptor.is_lingering = true;
    return -EAGAIN;
  }
  t.close_file(descriptor.file);
  return 0;
}

int Sockets::hold(int fd) {
  Tables& t = *tables_;
  if (t.file(fd) == nullptr) return -EBADF;
  auto free = std::ranges::find(t.held, false, &Descriptor::is_open);
  if (free == t.held.end()) free = t.held.emplace(free);
  *free = {.file = t.index_of(fd), .is_open = true};
  ++t.files[free->file]->references;
  return kFirstHeld + static_cast<int>(free - t.held.begin());
}

void Sockets::let_go(int held) {
  Descriptor* const found = tables_->descriptor(held);
  TUNTCP_CHECK(held >= kFirstHeld && found != nullptr && found->is_open);
  found->is_open = false;
  if (--tables_->files[found->file]->references == 0) tables_->close_file(found->file);
}

int Sockets::fcntl(int fd, int command, long argument) {
  Tables& t = *tables_;
  File* const file = t.file(fd);
  if (file == nullptr) return -EBADF;
  Descriptor& descriptor = *t.descriptor(fd);
  const auto number = static_cast<int>(argument);  // Linux's, too, is no longer
  switch (command) {
    case F_GETFL:
      return O_RDWR | file->status_flags;
    case F_SETFL:
      if (number & O_DIRECT) return -EINVAL;
      file->status_flags = number & (O_NONBLOCK | O_APPEND | O_NOATIME);
      return 0;
    case F_GETFD:
      return descriptor.close_on_exec ? FD_CLOEXEC : 0;
    case F_SETFD:
      descriptor.close_on_exec = (number & FD_CLOEXEC) != 0;
      return 0;
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
      if (number < 0 || number >= t.config.descriptors_max) return -EINVAL;
      return t.add_descriptor(descriptor.file, number, command == F_DUPFD_CLOEXEC);
    default:
      return -EINVAL;
  }
}

int Sockets::ioctl(int fd, unsigned long request, int* value) {
  Tables& t = *tables_;
  t.take_events();
  File* const file = t.file(fd);
  if (file == nullptr) return -EBADF;
  if (request == FIONBIO) {
    if (value == nullptr) return -EFAULT;
    file->status_flags &= ~O_NONBLOCK;
    if (*value != 0) file->status_flags |= O_NONBLOCK;
    return 0;
  }
  if (!file->socket) return -EINVAL;
  const Socket& socket = *file->socket;
  const bool is_listening = socket.stage == Socket::Stage::listening;
  const Status status = t.status(socket);
  const bool has_numbers = !tcp::kOpening.contains(status.state);
  // A SYN that nobody took is outstanding in Linux, until somebody is told.
  const bool has_failed = socket.is_connecting && status.state == tcp::State::closed;
  const int fin = status.fin_is_outstanding || has_failed ? 1 : 0;
  const auto urgent = Tables::urgent_octet(socket, status);
  int answer = 0;
  switch (request) {
    case SIOCINQ:  // FIONREAD
      if (is_listening) return -EINVAL;
      answer = has_numbers ? static_cast<int>(status.recv_q) : 0;
      // What one call can read at most.
      if (urgent && urgent->has_arrived && !socket.urgent_inline) {
        answer = static_cast<int>(urgent->ahead);
      }
      break;
    case SIOCOUTQ:
      if (is_listening) return -EINVAL;
      answer = has_numbers ? static_cast<int>(status.send_q) + fin : 0;
      break;
    case SIOCOUTQNSD:
      if (is_listening) return -EINVAL;
      answer = has_numbers ? static_cast<int>(status.unsent_octets) : 0;
      break;
    case SIOCATMARK:
      answer = urgent && urgent->ahead == 0 ? 1 : 0;
      break;
    default:
      return -ENOTTY;
  }
  if (value == nullptr) return -EFAULT;
  *value = answer;
  return 0;
}

bool Sockets::is_blocking(int fd, int flags) const {
  const File* const file = tables_->file(fd);
  return file != nullptr && (file->status_flags & O_NONBLOCK) == 0 && (flags & MSG_DONTWAIT) == 0;
}

}  // namespace tuntcp::bsd
