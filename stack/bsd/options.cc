// getsockopt and setsockopt of SOL_SOCKET and TCP, with Linux's checks in Linux's order; those of
// IP are in ip_options.cc. What is missing is listed in sockets.h.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string_view>

#include "stack/bsd/option_values.h"
#include "stack/bsd/tables.h"

namespace tuntcp::bsd {
namespace {

// Linux's bounds: TCP_MIN_MSS, MAX_TCP_WINDOW, MAX_TCP_SYNCNT, TCP_CA_NAME_MAX.
constexpr int kMinMss = 88;
constexpr int kMaxWindow = 32'767;
constexpr int kMaxSynCount = 127;
// MAX_TCP_KEEPIDLE and MAX_TCP_KEEPINTVL in s, MAX_TCP_KEEPCNT, TCP_FIN_TIMEOUT_MAX in s.
constexpr int kMaxKeepAliveTime = 32'767;
constexpr int kMaxKeepAliveCount = 127;
constexpr int kMaxFinTimeout = 120;
constexpr std::size_t kCongestionNameMax = 16;
// Half of SOCK_MIN_RCVBUF and SOCK_MIN_SNDBUF: the kernel doubles what is asked for.
constexpr std::uint32_t kMinReceiveBuffer = 1152;
constexpr std::uint32_t kMinSendBuffer = 2304;
constexpr std::uint32_t kDefaultMss = 536;

// Linux counts times to wait in ticks: HZ on the usual machines, and MAX_SCHEDULE_TIMEOUT.
constexpr int kTicksPerSecond = 250;
constexpr std::int64_t kMostTicks = std::numeric_limits<std::int64_t>::max();

// sock_set_timeout: a negative time is none to wait for, which a zero would not say.
int read_timeout(const Given& given, timeval& timeout) {
  timeval wanted{};
  if (given.length < sizeof wanted) return -EINVAL;
  std::memcpy(&wanted, given.value, sizeof wanted);
  if (wanted.tv_usec < 0 || wanted.tv_usec >= 1'000'000) return -EDOM;
  // More ticks than there are is without end.
  if (wanted.tv_sec >= kMostTicks / kTicksPerSecond - 1) wanted = {};
  constexpr int kTickUs = 1'000'000 / kTicksPerSecond;
  wanted.tv_usec = (wanted.tv_usec + kTickUs - 1) / kTickUs * kTickUs;
  if (wanted.tv_usec == 1'000'000) wanted = {.tv_sec = wanted.tv_sec + 1, .tv_usec = 0};
  timeout = wanted;
  return 0;
}

// One that is negative is told as none.
int put_timeout(const timeval& timeout, const Room& room) {
  const timeval told = timeout.tv_sec < 0 ? timeval{} : timeout;
  return room.put(&told, sizeof told);
}

Duration duration_of(const timeval& timeout) {
  if (timeout.tv_sec < 0) return Duration::zero();
  if (timeout.tv_sec == 0 && timeout.tv_usec == 0) return Duration::infinite();
  return Duration::seconds(timeout.tv_sec) + Duration::microseconds(timeout.tv_usec);
}

// Linux keeps TCP_DEFER_ACCEPT as a number of timeouts of the SYN,ACK, and tells the time that so
// many take: 1 s, doubled up to 120 s.
struct Timeouts {
  int period = 0;
  int next = 1;
  void add() {
    period += next;
    next = std::min(2 * next, 120);
  }
};
std::uint8_t timeouts_of(int seconds) {
  constexpr int kMost = 255;
  Timeouts timeouts;
  int count = 0;
  while (seconds > timeouts.period && count < kMost) {
    timeouts.add();
    ++count;
  }
  return static_cast<std::uint8_t>(count);
}
int seconds_of(std::uint8_t count) {
  Timeouts timeouts;
  for (unsigned i = 0; i < count; ++i) timeouts.add();
  return timeouts.period;
}

// Is it an option of the times after which a connection is given up? Then `result` is its answer.
bool set_timeout_option(SocketOptions& options, int option, int number, int& result) {
  const auto seconds_into = [&](Duration& time) {
    const bool is_valid = number >= 1 && number <= kMaxKeepAliveTime;
    if (is_valid) time = Duration::seconds(number);
    return is_valid ? 0 : -EINVAL;
  };
  switch (option) {
    case TCP_KEEPIDLE:
      result = seconds_into(options.keep_alive.idle);
      return true;
    case TCP_KEEPINTVL:
      result = seconds_into(options.keep_alive.interval);
      return true;
    case TCP_KEEPCNT: {
      const bool is_valid = number >= 1 && number <= kMaxKeepAliveCount;
      if (is_valid) options.keep_alive.probes = static_cast<std::uint8_t>(number);
      result = is_valid ? 0 : -EINVAL;
      return true;
    }
    case TCP_LINGER2:
      options.fin_timeout = Duration::seconds(std::clamp(number, -1, kMaxFinTimeout));
      result = 0;
      return true;
    case TCP_DEFER_ACCEPT:
      options.defer_accept = timeouts_of(number);
      result = 0;
      return true;
    default:
      return false;
  }
}

// Of the same options.
bool get_timeout_option(const SocketOptions& options, const Sysctl& sysctl, int option,
                        int& number) {
  const auto seconds = [&](Duration time, std::uint32_t otherwise) {
    return time != Duration::zero() ? static_cast<int>(time.count_ms() / 1000)
                                    : static_cast<int>(otherwise);
  };
  switch (option) {
    case TCP_KEEPIDLE:
      number = seconds(options.keep_alive.idle, sysctl.tcp_keepalive_time);
      return true;
    case TCP_KEEPINTVL:
      number = seconds(options.keep_alive.interval, sysctl.tcp_keepalive_intvl);
      return true;
    case TCP_KEEPCNT:
      number = options.keep_alive.probes != 0 ? options.keep_alive.probes
                                              : static_cast<int>(sysctl.tcp_keepalive_probes);
      return true;
    case TCP_LINGER2:
      number = seconds(options.fin_timeout, sysctl.tcp_fin_timeout);
      return true;
    case TCP_DEFER_ACCEPT:
      number = seconds_of(options.defer_accept);
      return true;
    default:
      return false;
  }
}

// What is switched off keeps its time; a negative time has no end.
int set_linger(Tables& tables, Socket& socket, const Given& given) {
  linger wanted{};
  if (given.length < sizeof wanted) return -EINVAL;
  std::memcpy(&wanted, given.value, sizeof wanted);
  const bool is_on = wanted.l_onoff != 0;
  const bool has_end = wanted.l_linger >= 0;
  socket.linger_value.l_onoff = is_on ? 1 : 0;
  socket.options.linger.reset();
  if (is_on) {
    socket.options.linger = has_end ? Duration::seconds(wanted.l_linger) : Duration::infinite();
    socket.linger_value.l_linger =
        has_end ? wanted.l_linger : static_cast<int>(kMostTicks / kTicksPerSecond);
  }
  tables.give_options(socket);
  return 0;
}

constexpr std::uint64_t kNoPacingBound = std::numeric_limits<std::uint64_t>::max();

// 32 bits or 64; the largest number of either is no bound, which begins no pacing.
void set_pacing(SocketOptions& options, const Given& given) {
  const auto narrow = static_cast<std::uint32_t>(given.number());
  std::uint64_t rate =
      narrow == std::numeric_limits<std::uint32_t>::max() ? kNoPacingBound : narrow;
  if (given.length >= sizeof rate) std::memcpy(&rate, given.value, sizeof rate);
  if (rate != kNoPacingBound || options.max_pacing_rate) options.max_pacing_rate = rate;
}

int put_pacing(const SocketOptions& options, const Room& room) {
  const std::uint64_t rate = options.max_pacing_rate.value_or(kNoPacingBound);
  if (*room.length >= sizeof rate) return room.put(&rate, sizeof rate);
  constexpr std::uint64_t kMostNarrow = std::numeric_limits<std::uint32_t>::max();
  return room.put(static_cast<std::uint32_t>(std::min(rate, kMostNarrow)));
}

int set_socket_level(Tables& tables, Socket& socket, int option, const Given& given) {
  if (given.length < sizeof(int)) return -EINVAL;
  if (given.value == nullptr) return -EFAULT;
  const int number = given.number();
  const auto octets = static_cast<std::uint32_t>(number);
  switch (option) {
    case SO_REUSEADDR:
      socket.reuse_address = number != 0;
      return 0;
    case SO_REUSEPORT:
      socket.reuse_port = number != 0;
      return 0;
    case SO_KEEPALIVE:
      socket.options.keep_alive.is_on = number != 0;
      tables.give_options(socket);
      return 0;
    case SO_OOBINLINE:
      socket.urgent_inline = number != 0;
      return 0;
    case SO_RCVBUF: {
      const std::uint32_t most = std::min(octets, tables.config.rmem_max);
      socket.options.receive_buffer = std::max(most, kMinReceiveBuffer);
      tables.give_options(socket);
      return 0;
    }
    case SO_SNDBUF: {
      const std::uint32_t most = std::min(octets, tables.config.wmem_max);
      socket.options.send_buffer = std::max(most, kMinSendBuffer);
      tables.give_options(socket);
      return 0;
    }
    case SO_RCVLOWAT: {
      // More than the window will ever be cannot be waited for.
      const std::uint32_t set = socket.options.receive_buffer;
      const std::uint32_t most = set != 0 ? set : tables.host.sysctl().tcp_rmem[2] / 2;
      socket.receive_low_water = static_cast<int>(std::clamp(octets, 1U, most));
      return 0;
    }
    case SO_LINGER:
      return set_linger(tables, socket, given);
    case SO_RCVTIMEO:
      return read_timeout(given, socket.receive_timeout);
    case SO_SNDTIMEO:
      return read_timeout(given, socket.send_timeout);
    case SO_MAX_PACING_RATE:
      set_pacing(socket.options, given);
      tables.give_options(socket);
      return 0;
    default:
      return -ENOPROTOOPT;
  }
}

// No less than half of SOCK_MIN_RCVBUF, which a negative number is, too.
std::uint32_t octets_of_clamp(int number) {
  return std::max(static_cast<std::uint32_t>(std::max(number, 0)), kMinReceiveBuffer);
}

// Of the host's controllers, by one name of the list.
bool is_known_congestion(const Sysctl& sysctl, std::string_view name) {
  const std::string list = ' ' + sysctl.tcp_available_congestion_control + ' ';
  return !name.empty() && list.contains(' ' + std::string(name) + ' ');
}

int set_congestion(Tables& tables, Socket& socket, const Given& given) {
  if (given.length < 1) return -EINVAL;
  if (given.value == nullptr) return -EFAULT;
  const auto* const text = static_cast<const char*>(given.value);
  const std::size_t most = std::min(given.length, kCongestionNameMax - 1);
  const std::string_view name(text, strnlen(text, most));
  if (!is_known_congestion(tables.host.sysctl(), name)) return -ENOENT;
  socket.options.congestion = name;
  tables.give_options(socket);
  return 0;
}

int set_tcp_level(Tables& tables, Socket& socket, int option, const Given& given) {
  if (option == TCP_CONGESTION) return set_congestion(tables, socket, given);
  if (given.length < sizeof(int)) return -EINVAL;
  if (given.value == nullptr) return -EFAULT;
  const int number = given.number();
  SocketOptions& options = socket.options;
  int result = 0;
  if (set_timeout_option(options, option, number, result)) {
    if (result == 0) tables.give_options(socket);
    return result;
  }
  switch (option) {
    case TCP_NODELAY:
      // Each time it is set what is held back leaves, even if it was set before (Linux).
      if (number != 0 && std::exchange(options.no_delay, false)) tables.give_options(socket);
      options.no_delay = number != 0;
      break;
    case TCP_CORK:
      options.cork = number != 0;
      break;
    case TCP_MAXSEG:
      if (number != 0 && (number < kMinMss || number > kMaxWindow)) return -EINVAL;
      options.max_segment = static_cast<std::uint16_t>(number);
      break;
    case TCP_SYNCNT:
      if (number < 1 || number > kMaxSynCount) return -EINVAL;
      options.syn_retries = static_cast<std::uint8_t>(number);
      break;
    case TCP_USER_TIMEOUT:
      if (number < 0) return -EINVAL;
      options.user_timeout = Duration::milliseconds(number);
      break;
    case TCP_WINDOW_CLAMP:
      if (number == 0 && tables.state(socket) != tcp::State::closed) return -EINVAL;
      options.window_clamp = number == 0 ? 0 : octets_of_clamp(number);
      break;
    case TCP_TIMESTAMP:
      return -EPERM;  // only while a connection is repaired
    case TCP_NOTSENT_LOWAT:
      options.notsent_lowat = static_cast<std::uint32_t>(number);
      break;
    case TCP_INQ:
      if (number != 0 && number != 1) return -EINVAL;
      socket.tells_inq = number != 0;
      return 0;
    case TCP_QUICKACK:
      socket.quick_ack = number != 0;
      if (socket.stage == Socket::Stage::connection) {
        static_cast<void>(tables.host.set_quick_ack(socket.connection, number != 0, tables.now));
      }
      return 0;
    default:
      return -ENOPROTOOPT;
  }
  tables.give_options(socket);
  return 0;
}

int get_socket_level(Tables& tables, Socket& socket, int option, const Room& room) {
  const Sysctl& sysctl = tables.host.sysctl();
  const Status status = tables.status(socket);
  const bool is_connection = socket.stage == Socket::Stage::connection;
  switch (option) {
    case SO_REUSEADDR:
      return room.put(socket.reuse_address);
    case SO_REUSEPORT:
      return room.put(socket.reuse_port);
    case SO_KEEPALIVE:
      return room.put(socket.options.keep_alive.is_on);
    case SO_OOBINLINE:
      return room.put(socket.urgent_inline);
    case SO_TYPE:
      return room.put(int{SOCK_STREAM});
    case SO_DOMAIN:
      return room.put(socket.domain);
    case SO_PROTOCOL:
      return room.put(int{IPPROTO_TCP});
    case SO_ERROR:
      if (const int error = Tables::take_error(socket)) return room.put(error);
      // What the network said while the connection goes on.
      return room.put(is_connection ? errno_of(tables.host.take_soft_error(socket.connection)) : 0);
    case SO_ACCEPTCONN:
      return room.put(socket.stage == Socket::Stage::listening);
    case SO_LINGER:
      return room.put(&socket.linger_value, sizeof(linger));
    case SO_RCVBUF:
      if (socket.options.receive_buffer != 0) return room.put(2 * socket.options.receive_buffer);
      return room.put(is_connection && status.rcvbuf != 0 ? status.rcvbuf : sysctl.tcp_rmem[1]);
    case SO_SNDBUF:
      if (socket.options.send_buffer != 0) return room.put(2 * socket.options.send_buffer);
      return room.put(is_connection && status.sndbuf != 0 ? status.sndbuf : sysctl.tcp_wmem[1]);
    case SO_RCVLOWAT:
      return room.put(socket.receive_low_water);
    case SO_SNDLOWAT:
      return room.put(1);
    case SO_RCVTIMEO:
      return put_timeout(socket.receive_timeout, room);
    case SO_SNDTIMEO:
      return put_timeout(socket.send_timeout, room);
    case SO_MAX_PACING_RATE:
      return put_pacing(socket.options, room);
    default:
      return -ENOPROTOOPT;
  }
}

int get_tcp_level(Tables& tables, Socket& socket, int option, const Room& room,
                  const TcpInfo& info) {
  const Sysctl& sysctl = tables.host.sysctl();
  const SocketOptions& options = socket.options;
  const bool is_connection = socket.stage == Socket::Stage::connection;
  int number = 0;
  if (get_timeout_option(options, sysctl, option, number)) return room.put(number);
  switch (option) {
    case TCP_NODELAY:
      return room.put(options.no_delay);
    case TCP_CORK:
      return room.put(options.cork);
    case TCP_MAXSEG: {
      if (is_connection) return room.put(tables.status(socket).snd_mss);
      return room.put(options.max_segment != 0 ? std::uint32_t{options.max_segment} : kDefaultMss);
    }
    case TCP_SYNCNT:
      return room.put(options.syn_retries != 0 ? std::uint32_t{options.syn_retries}
                                               : sysctl.tcp_syn_retries);
    case TCP_USER_TIMEOUT:
      return room.put(static_cast<int>(options.user_timeout.count_ms()));
    case TCP_WINDOW_CLAMP:
      return room.put(is_connection ? tables.status(socket).window_clamp : options.window_clamp);
    case TCP_TIMESTAMP:
      return room.put(is_connection
                          ? tables.status(socket).timestamp
                          : static_cast<std::uint32_t>(tables.now.since_origin().count_ms()));
    case TCP_NOTSENT_LOWAT:
      return room.put(options.notsent_lowat);
    case TCP_INQ:
      return room.put(socket.tells_inq);
    case TCP_QUICKACK:
      return room.put(is_connection ? tables.status(socket).acks_quickly : socket.quick_ack);
    case TCP_INFO:
      return room.put(&info, sizeof info);
    case TCP_CONGESTION: {
      const std::string is = is_connection                ? tables.status(socket).congestion
                             : options.congestion.empty() ? sysctl.tcp_congestion_control
                                                          : options.congestion;
      char name[kCongestionNameMax] = {};
      is.copy(name, sizeof name - 1);
      return room.put(name, sizeof name);
    }
    default:
      return -ENOPROTOOPT;
  }
}

}  // namespace

int Sockets::setsockopt(int fd, int level, int option, const void* value, socklen_t length) {
  Socket* socket = nullptr;
  if (const int error = tables_->socket_of(fd, socket)) return error;
  if (static_cast<std::int32_t>(length) < 0) return -EINVAL;
  const Given given{.value = value, .length = length};
  switch (level) {
    case SOL_SOCKET: {
      const int result = set_socket_level(*tables_, *socket, option, given);
      // What was too little to be read may be enough now.
      if (option == SO_RCVLOWAT) tables_->wake(tables_->index_of(fd), EPOLLIN | EPOLLRDNORM);
      return result;
    }
    case IPPROTO_TCP:
      return set_tcp_level(*tables_, *socket, option, given);
    case IPPROTO_IP:
      return set_ipv4_option(*tables_, *socket, option, given);
    case IPPROTO_IPV6:
      return set_ipv6_option(*tables_, *socket, option, given);
    default:
      return -ENOPROTOOPT;
  }
}

int Sockets::getsockopt(int fd, int level, int option, void* value, socklen_t* length) {
  Socket* socket = nullptr;
  if (const int error = tables_->socket_of(fd, socket)) return error;
  // IPv4 says so before it looks at anything.
  const bool is_known = level == SOL_SOCKET || level == IPPROTO_TCP || level == IPPROTO_IP;
  if (!is_known && socket->domain == AF_INET) return -EOPNOTSUPP;
  if (length == nullptr) return -EFAULT;
  // IPv6 takes a negative length for a large one.
  if (static_cast<std::int32_t>(*length) < 0 && level != IPPROTO_IPV6) return -EINVAL;
  const Room room{.value = value, .length = length};
  switch (level) {
    case SOL_SOCKET:
      return get_socket_level(*tables_, *socket, option, room);
    case IPPROTO_TCP:
      return get_tcp_level(*tables_, *socket, option, room, tcp_info(fd));
    case IPPROTO_IP:
      return get_ipv4_option(*tables_, *socket, option, room);
    case IPPROTO_IPV6:
      return get_ipv6_option(*tables_, *socket, option, room);
    default:
      return -ENOPROTOOPT;
  }
}

Duration Sockets::receive_timeout(int fd) const {
  const File* const file = tables_->file(fd);
  if (file == nullptr || !file->socket) return Duration::infinite();
  return duration_of(file->socket->receive_timeout);
}

Duration Sockets::linger_time(int fd) const {
  const File* const file = tables_->file(fd);
  if (file == nullptr || !file->socket) return Duration::zero();
  return file->socket->options.linger.value_or(Duration::zero());
}

Duration Sockets::send_timeout(int fd) const {
  const File* const file = tables_->file(fd);
  if (file == nullptr || !file->socket) return Duration::infinite();
  return duration_of(file->socket->send_timeout);
}

}  // namespace tuntcp::bsd
