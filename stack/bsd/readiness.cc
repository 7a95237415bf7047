// Readiness: what poll(2) and epoll(7) see, after Linux's tcp_poll and eventpoll. An epoll instance
// may watch others, in chains that are short and never closed.
#include <algorithm>
#include <cerrno>
#include <ranges>

#include "stack/bsd/tables.h"

namespace tuntcp::bsd {
namespace {

using tcp::State;

constexpr std::uint32_t kIn = EPOLLIN | EPOLLRDNORM;
constexpr std::uint32_t kOut = EPOLLOUT | EPOLLWRNORM;
constexpr std::uint32_t kAlways = EPOLLERR | EPOLLHUP;
// How to be told, not what of.
constexpr std::uint32_t kMode =
    EPOLLET | static_cast<std::uint32_t>(EPOLLONESHOT) | EPOLLWAKEUP | EPOLLEXCLUSIVE;
// What may be asked for beside EPOLLEXCLUSIVE.
constexpr std::uint32_t kExclusive = EPOLLIN | EPOLLOUT | kAlways | EPOLLWAKEUP |
                                     static_cast<std::uint32_t>(EPOLLET) | EPOLLEXCLUSIVE;
// Linux's EP_MAX_NESTS: so many instances watch one another in a row, beside the first.
constexpr int kMostNested = 4;

// As sk_stream_is_writeable: a third of the send buffer is free, and not too much is unsent.
bool may_write(const Socket& socket, const Status& status, const Sysctl& sysctl) {
  if (status.send_q > status.sndbuf / 3 * 2) return false;
  const std::uint32_t own = socket.options.notsent_lowat;
  const std::uint32_t mark = own != 0 ? own : sysctl.tcp_notsent_lowat;
  return std::uint64_t{2} * status.unsent_octets < mark;
}

std::uint32_t wanted(const Watch& watch) {
  if (watch.is_disarmed) return 0;
  return (watch.event.events & ~kMode) | kAlways;
}

WatchKey key_of(const Watch& watch) {
  return {.fd = watch.fd, .file = watch.file};
}

void mark_ready(Epoll& epoll, Watch& watch) {
  if (watch.is_ready) return;
  watch.is_ready = true;
  epoll.ready.push_back(key_of(watch));
}

Watch* find(Epoll& epoll, const WatchKey& key) {
  const auto found = std::ranges::find(epoll.watches, key, key_of);
  return found == epoll.watches.end() ? nullptr : &*found;
}

void forget(Epoll& epoll, const WatchKey& key) {
  std::erase_if(epoll.watches, [&](const Watch& w) { return key_of(w) == key; });
  std::erase(epoll.ready, key);
}

}  // namespace

bool Tables::may_read(const Socket& socket, const Status& status) const {
  auto least = static_cast<std::uint32_t>(std::max(socket.receive_low_water, 1));
  // The urgent octet is not among what a read returns.
  const auto urgent = urgent_octet(socket, status);
  if (urgent && urgent->ahead == 0 && !socket.urgent_inline) ++least;
  if (status.recv_q == 0) return false;
  // With the window all but closed the mark can never be reached.
  return status.recv_q >= least || status.rcv_wnd <= status.rcv_mss;
}

// What of the things a watch asks for is the case.
std::uint32_t Tables::found_by(const Watch& watch) const {
  return readiness(*files[watch.file]) & wanted(watch);
}

std::uint32_t Tables::readiness(const File& of) const {
  if (of.epoll) {
    // What is level-triggered needs no news.
    const bool is_ready = std::ranges::any_of(of.epoll->watches, [this](const Watch& watch) {
      const bool is_told = watch.is_ready || (watch.event.events & EPOLLET) == 0;
      return is_told && found_by(watch) != 0;
    });
    return is_ready ? kIn : 0;
  }
  const Socket& socket = *of.socket;
  const Status status = this->status(socket);
  if (status.state == State::listen) return status.recv_q != 0 ? kIn : 0;
  const bool has_ended = status.state == State::closed && socket.stage == Socket::Stage::connection;
  const bool read_is_shut = socket.shut_read || status.peer_has_finished || has_ended;
  const bool write_is_shut = socket.shut_write || has_ended;
  std::uint32_t ready = 0;
  if ((read_is_shut && write_is_shut) || status.state == State::closed) ready |= EPOLLHUP;
  if (read_is_shut) ready |= kIn | EPOLLRDHUP;
  if (!tcp::kOpening.contains(status.state)) {
    if (may_read(socket, status)) ready |= kIn;
    if (write_is_shut || may_write(socket, status, host.sysctl())) ready |= kOut;
    const auto urgent = urgent_octet(socket, status);
    if (urgent && urgent->has_arrived && !urgent->is_taken) ready |= EPOLLPRI;
  }
  if (socket.error != 0) ready |= EPOLLERR;
  return ready;
}

void Tables::wake(std::uint32_t file_index, std::uint32_t events) {
  for (std::uint32_t i = 0; i < files.size(); ++i) {
    if (!files[i] || !files[i]->epoll) continue;
    Epoll& epoll = *files[i]->epoll;
    // The latest is woken first.
    for (Watch& watch : std::views::reverse(epoll.watches)) {
      if (watch.file != file_index || (wanted(watch) & events) == 0) continue;
      mark_ready(epoll, watch);
      wake(i, kIn);
    }
  }
}

// How many instances are below this one, in the longest row; more than may be if `end` is there.
int Tables::depth_below(std::uint32_t file_index, std::uint32_t end) const {
  if (file_index == end) return kMostNested + 1;
  int most = 0;
  for (const Watch& watch : files[file_index]->epoll->watches) {
    if (files[watch.file]->epoll) most = std::max(most, 1 + depth_below(watch.file, end));
  }
  return most;
}

int Tables::depth_above(std::uint32_t file_index) const {
  int most = 0;
  for (std::uint32_t i = 0; i < files.size(); ++i) {
    if (!files[i] || !files[i]->epoll) continue;
    const auto& watches = files[i]->epoll->watches;
    const bool watches_it = std::ranges::find(watches, file_index, &Watch::file) != watches.end();
    if (watches_it) most = std::max(most, 1 + depth_above(i));
  }
  return most;
}

void Tables::forget_watches(std::uint32_t file_index) {
  for (const std::unique_ptr<File>& file : files) {
    if (!file || !file->epoll) continue;
    Epoll& epoll = *file->epoll;
    std::erase_if(epoll.ready, [&](const WatchKey& key) { return key.file == file_index; });
    std::erase_if(epoll.watches, [&](const Watch& w) { return w.file == file_index; });
  }
}

int Sockets::poll(pollfd* descriptors, nfds_t count) {
  Tables& t = *tables_;
  t.take_events();
  if (count > static_cast<nfds_t>(t.config.descriptors_max)) return -EINVAL;
  if (descriptors == nullptr && count != 0) return -EFAULT;
  int found = 0;
  for (nfds_t i = 0; i < count; ++i) {
    pollfd& entry = descriptors[i];
    entry.revents = 0;
    if (entry.fd < 0) continue;
    const File* const file = t.file(entry.fd);
    const std::uint32_t asked = static_cast<std::uint16_t>(entry.events) | kAlways;
    entry.revents =
        file == nullptr ? short{POLLNVAL} : static_cast<short>(t.readiness(*file) & asked);
    if (entry.revents != 0) ++found;
  }
  return found;
}

// As core_sys_select: nothing is written unless all descriptors are open, and then whole words.
int Sockets::select(int count, fd_set* read, fd_set* write, fd_set* urgent) {
  Tables& t = *tables_;
  t.take_events();
  if (count < 0) return -EINVAL;
  constexpr std::uint32_t kSelectIn = EPOLLRDNORM | EPOLLRDBAND | EPOLLIN | EPOLLHUP | EPOLLERR;
  constexpr std::uint32_t kSelectOut = EPOLLWRBAND | EPOLLWRNORM | EPOLLOUT | EPOLLERR;
  struct Asked {
    fd_set* set;
    std::uint32_t events;
    fd_set found;
  };
  Asked all[] = {{.set = read, .events = kSelectIn, .found = {}},
                 {.set = write, .events = kSelectOut, .found = {}},
                 {.set = urgent, .events = EPOLLPRI, .found = {}}};
  int total = 0;
  const int most = std::min(count, FD_SETSIZE);
  for (Asked& asked : all) {
    FD_ZERO(&asked.found);
    for (int fd = 0; asked.set != nullptr && fd < most; ++fd) {
      if (!FD_ISSET(fd, asked.set)) continue;
      const File* const file = t.file(fd);
      if (file == nullptr) return -EBADF;
      if ((t.readiness(*file) & asked.events) == 0) continue;
      FD_SET(fd, &asked.found);
      ++total;
    }
  }
  constexpr int kWordBits = 64;
  const int touched = std::min((most + kWordBits - 1) / kWordBits * kWordBits, FD_SETSIZE);
  for (const Asked& asked : all) {
    for (int fd = 0; asked.set != nullptr && fd < touched; ++fd) {
      FD_CLR(fd, asked.set);
      if (FD_ISSET(fd, &asked.found)) FD_SET(fd, asked.set);
    }
  }
  return total;
}

int Sockets::epoll_create1(int flags) {
  Tables& t = *tables_;
  if (flags & ~EPOLL_CLOEXEC) return -EINVAL;
  const std::uint32_t index = t.add_file(nullptr, std::make_unique<Epoll>(), 0);
  const int fd = t.add_descriptor(index, 0, flags != 0);
  if (fd < 0) t.files[index].reset();
  return fd;
}

int Sockets::epoll_ctl(int epoll_fd, int operation, int fd, epoll_event* event) {
  Tables& t = *tables_;
  t.take_events();
  if (operation != EPOLL_CTL_DEL && event == nullptr) return -EFAULT;
  File* const epoll_file = t.file(epoll_fd);
  File* const file = t.file(fd);
  if (epoll_file == nullptr || file == nullptr) return -EBADF;
  if (!epoll_file->epoll || epoll_file == file) return -EINVAL;
  Epoll& epoll = *epoll_file->epoll;
  const std::uint32_t own = t.index_of(epoll_fd);
  const std::uint32_t index = t.index_of(fd);
  const bool is_exclusive = operation != EPOLL_CTL_DEL && (event->events & EPOLLEXCLUSIVE) != 0;
  if (is_exclusive && operation == EPOLL_CTL_MOD) return -EINVAL;
  if (is_exclusive && (file->epoll || (event->events & ~kExclusive) != 0)) return -EINVAL;
  if (operation == EPOLL_CTL_ADD && file->epoll &&
      t.depth_below(index, own) + 1 + t.depth_above(own) > kMostNested) {
    return -ELOOP;
  }
  const WatchKey key{.fd = fd, .file = index};
  Watch* watch = find(epoll, key);
  switch (operation) {
    case EPOLL_CTL_ADD:
      if (watch != nullptr) return -EEXIST;
      watch = &epoll.watches.emplace_back(Watch{.fd = fd, .file = index, .event = *event});
      break;
    case EPOLL_CTL_MOD:
      if (watch == nullptr) return -ENOENT;
      if (watch->event.events & EPOLLEXCLUSIVE) return -EINVAL;
      watch->event = *event;
      watch->is_disarmed = false;
      break;
    case EPOLL_CTL_DEL:
      if (watch == nullptr) return -ENOENT;
      forget(epoll, key);
      return 0;
    default:
      return -EINVAL;
  }
  if (t.found_by(*watch) == 0) return 0;
  mark_ready(epoll, *watch);
  t.wake(own, kIn);
  return 0;
}

int Sockets::epoll_wait(int epoll_fd, epoll_event* events, int events_max) {
  Tables& t = *tables_;
  t.take_events();
  File* const epoll_file = t.file(epoll_fd);
  if (epoll_file == nullptr) return -EBADF;
  if (events_max <= 0 || events_max > 0x7fffffff / static_cast<int>(sizeof(epoll_event))) {
    return -EINVAL;
  }
  if (!epoll_file->epoll) return -EINVAL;
  Epoll& epoll = *epoll_file->epoll;
  // What is level-triggered needs no news.
  for (Watch& watch : epoll.watches) {
    if ((watch.event.events & EPOLLET) == 0 && t.found_by(watch) != 0) mark_ready(epoll, watch);
  }
  int found = 0;
  for (std::size_t left = epoll.ready.size(); left != 0 && found < events_max; --left) {
    Watch& watch = *find(epoll, epoll.ready.front());
    const std::uint32_t ready = t.found_by(watch);
    if (ready != 0 && events == nullptr) return -EFAULT;
    epoll.ready.erase(epoll.ready.begin());
    watch.is_ready = false;
    if (ready == 0) continue;
    events[found++] = {.events = ready, .data = watch.event.data};
    if (watch.event.events & EPOLLONESHOT) {
      watch.is_disarmed = true;
    } else if ((watch.event.events & EPOLLET) == 0) {
      mark_ready(epoll, watch);
    }
  }
  return found;
}

}  // namespace tuntcp::bsd
