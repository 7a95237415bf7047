// Every option against what may be wrong with it: lengths, values and states, to set and to get,
// and that it changes no other one. A program an option, and a family.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <climits>
#include <cstring>
#include <utility>

#include "tests/bsd/agreement.h"

namespace tuntcp::test {
namespace {

struct Option {
  const char* name;
  int level;
  int number;
  bool is_random = false;  // its value is not compared
};

#define TUNTCP_OPTION(level, number) {#number, level, number}
constexpr Option kOptions[] = {
    TUNTCP_OPTION(SOL_SOCKET, SO_REUSEADDR),
    TUNTCP_OPTION(SOL_SOCKET, SO_REUSEPORT),
    TUNTCP_OPTION(SOL_SOCKET, SO_KEEPALIVE),
    TUNTCP_OPTION(SOL_SOCKET, SO_OOBINLINE),
    TUNTCP_OPTION(SOL_SOCKET, SO_LINGER),
    TUNTCP_OPTION(SOL_SOCKET, SO_RCVBUF),
    TUNTCP_OPTION(SOL_SOCKET, SO_SNDBUF),
    TUNTCP_OPTION(SOL_SOCKET, SO_RCVLOWAT),
    TUNTCP_OPTION(SOL_SOCKET, SO_SNDLOWAT),
    TUNTCP_OPTION(SOL_SOCKET, SO_RCVTIMEO),
    TUNTCP_OPTION(SOL_SOCKET, SO_SNDTIMEO),
    TUNTCP_OPTION(SOL_SOCKET, SO_MAX_PACING_RATE),
    TUNTCP_OPTION(SOL_SOCKET, SO_TYPE),
    TUNTCP_OPTION(SOL_SOCKET, SO_DOMAIN),
    TUNTCP_OPTION(SOL_SOCKET, SO_PROTOCOL),
    TUNTCP_OPTION(SOL_SOCKET, SO_ERROR),
    TUNTCP_OPTION(SOL_SOCKET, SO_ACCEPTCONN),
    TUNTCP_OPTION(IPPROTO_TCP, TCP_NODELAY),
    TUNTCP_OPTION(IPPROTO_TCP, TCP_CORK),
    TUNTCP_OPTION(IPPROTO_TCP, TCP_MAXSEG),
    TUNTCP_OPTION(IPPROTO_TCP, TCP_SYNCNT),
    TUNTCP_OPTION(IPPROTO_TCP, TCP_WINDOW_CLAMP),
    TUNTCP_OPTION(IPPROTO_TCP, TCP_QUICKACK),
    TUNTCP_OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT),
    TUNTCP_OPTION(IPPROTO_TCP, TCP_KEEPIDLE),
    TUNTCP_OPTION(IPPROTO_TCP, TCP_KEEPINTVL),
    TUNTCP_OPTION(IPPROTO_TCP, TCP_KEEPCNT),
    TUNTCP_OPTION(IPPROTO_TCP, TCP_LINGER2),
    TUNTCP_OPTION(IPPROTO_TCP, TCP_DEFER_ACCEPT),
    {"TCP_TIMESTAMP", IPPROTO_TCP, TCP_TIMESTAMP, true},
    TUNTCP_OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT),
    TUNTCP_OPTION(IPPROTO_TCP, TCP_INQ),
    {"TCP_CONGESTION", IPPROTO_TCP, TCP_CONGESTION, true},  // the kernel has a choice
    {"TCP_INFO", IPPROTO_TCP, TCP_INFO, true},
    TUNTCP_OPTION(IPPROTO_IP, IP_TOS),
    TUNTCP_OPTION(IPPROTO_IP, IP_TTL),
    TUNTCP_OPTION(IPPROTO_IP, IP_MTU),
    TUNTCP_OPTION(IPPROTO_IP, IP_MTU_DISCOVER),
    TUNTCP_OPTION(IPPROTO_IPV6, IPV6_TCLASS),
    TUNTCP_OPTION(IPPROTO_IPV6, IPV6_UNICAST_HOPS),
    TUNTCP_OPTION(IPPROTO_IPV6, IPV6_MTU),
    TUNTCP_OPTION(IPPROTO_IPV6, IPV6_MTU_DISCOVER),
    TUNTCP_OPTION(IPPROTO_IPV6, IPV6_V6ONLY),
};
#undef TUNTCP_OPTION

// getsockopt with `room` octets: the result, the length and the octets.
void get(World& w, const Option& option, int fd, socklen_t room) {
  std::array<std::uint8_t, 32> value;
  value.fill(0xee);
  socklen_t length = room;
  const int result = w.calls().getsockopt(fd, option.level, option.number, value.data(), &length);
  w.note("get with room for " + std::to_string(room), std::int64_t{result});
  if (result != 0) return;
  std::string octets;
  const auto shown = std::min<std::size_t>(room, value.size());
  for (std::size_t i = 0; i < shown && !option.is_random; ++i) {
    octets += std::to_string(value[i]) + " ";
  }
  w.note("length and octets", std::to_string(length) + ": " + octets);
}

void set(World& w, const Option& option, int fd, const void* value, socklen_t length,
         const std::string& what) {
  w.note("set " + what,
         std::int64_t{w.calls().setsockopt(fd, option.level, option.number, value, length)});
}

void wrong_lengths(World& w, const Option& option, int fd) {
  const std::array<std::uint8_t, 32> ones{1, 0, 0, 0, 1, 0, 0, 0, 1};
  for (const socklen_t length : {0U, 1U, 2U, 3U, 4U, 5U, 7U, 8U, 15U, 16U, 17U, 20U}) {
    set(w, option, fd, ones.data(), length, "of length " + std::to_string(length));
    get(w, option, fd, length);
  }
  set(w, option, fd, ones.data(), static_cast<socklen_t>(-1), "of length -1");
  set(w, option, fd, nullptr, 4, "nothing");
  std::array<std::uint8_t, 32> value;
  socklen_t negative = static_cast<socklen_t>(-1);
  w.note("get -1", std::int64_t{w.calls().getsockopt(fd, option.level, option.number, value.data(),
                                                     &negative)});
  w.note("get with no length", std::int64_t{w.calls().getsockopt(fd, option.level, option.number,
                                                                 value.data(), nullptr)});
}

constexpr int kValues[] = {
    INT_MIN, -129, -2,   -1,   0,      1,      2,      3,      4,         5,         6,
    60,      87,   88,   120,  121,    127,    128,    255,    256,       1151,      1152,
    1279,    1280, 2303, 2304, 32'767, 32'768, 65'535, 65'536, 4'194'304, 4'194'305, INT_MAX};

void each_value(World& w, const Option& option, int fd) {
  for (const int value : kValues) {
    set(w, option, fd, &value, sizeof value, std::to_string(value));
    get(w, option, fd, sizeof value);
  }
}

// The values of all options, which none but its own setting changes. (Linux enlarges the buffer for
// a low-water mark that does not fit into it; here the mark is reached when the window is full.)
void tell_all(World& w, const Option& changed, int fd) {
  const bool is_low_water = changed.level == SOL_SOCKET && changed.number == SO_RCVLOWAT;
  std::string values;
  for (const Option& option : kOptions) {
    const bool is_buffer = option.level == SOL_SOCKET && option.number == SO_RCVBUF;
    if (is_low_water && is_buffer) continue;
    std::array<int, 4> value{};
    socklen_t length = sizeof value;
    const int result = w.calls().getsockopt(fd, option.level, option.number, value.data(), &length);
    if (option.is_random) continue;
    values += std::string(option.name) + " " + std::to_string(result) + ":";
    for (const int number : value) values += std::to_string(number) + " ";
  }
  w.note("all", values);
}

void each_value_and_others(World& w, const Option& option, int fd) {
  tell_all(w, option, fd);
  for (const int value : kValues) {
    set(w, option, fd, &value, sizeof value, std::to_string(value));
    tell_all(w, option, fd);
  }
}

// Packets of IPv6 over our loopback are an octet shorter.
bool is_mtu_of_loopback(const Option& option, int domain) {
  return domain == AF_INET6 && ((option.level == IPPROTO_IP && option.number == IP_MTU) ||
                                (option.level == IPPROTO_IPV6 && option.number == IPV6_MTU));
}

// What segments really hold depends on the windows of the loopback device.
Option of_connection(Option option) {
  option.is_random |= option.level == IPPROTO_TCP && option.number == TCP_MAXSEG;
  return option;
}

// The value of a connection that nobody set is measured, not chosen; of buffers it is tuned.
bool is_tuned(const Option& option) {
  const bool is_buffer = option.number == SO_RCVBUF || option.number == SO_SNDBUF;
  return (option.level == SOL_SOCKET && is_buffer) || of_connection(option).is_random;
}

void play(World& w, Option option, int domain) {
  option.is_random |= is_mtu_of_loopback(option, domain);
  Calls& c = w.calls();
  const char* const own = domain == AF_INET ? "127.0.0.1" : "::1";
  const int fresh = c.socket(domain, SOCK_STREAM | SOCK_NONBLOCK, 0);
  wrong_lengths(w, option, fresh);
  tell_all(w, option, fresh);
  const int second_fresh = c.socket(domain, SOCK_STREAM | SOCK_NONBLOCK, 0);
  each_value_and_others(w, option, second_fresh);
  w.note("state", "bound");
  const int bound = c.socket(domain, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const Address name(own, 7010);
  c.bind(bound, name.get(), name.length);
  each_value_and_others(w, option, bound);

  w.note("state", "listening");
  const int listener = w.listening(7000, domain);
  get(w, option, listener, 4);
  each_value(w, option, listener);
  c.close(listener);

  w.note("state", "connecting");
  const int full = w.listening(7002, domain, 0);
  int connecting = -1;
  for (int i = 0; i < 2; ++i) {
    connecting = c.socket(domain, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const Address nobody(own, 7002);
    c.connect(connecting, nobody.get(), nobody.length);
    w.settle();
  }
  w.note("TCP state", std::int64_t{w.tcp_info(connecting).tcpi_state});
  each_value(w, of_connection(option), connecting);
  c.close(connecting);
  c.close(full);

  w.note("state", "connected");
  const int second = w.listening(7001, domain);
  const int client = c.socket(domain, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const Address server(own, 7001);
  c.connect(client, server.get(), server.length);
  w.settle();
  c.connect(client, server.get(), server.length);
  const int accepted = c.accept4(second, nullptr, nullptr, SOCK_NONBLOCK);
  if (!is_tuned(option)) get(w, option, client, 4);
  if (!is_tuned(option)) get(w, option, accepted, 4);
  each_value(w, of_connection(option), accepted);

  w.note("state", "shut");
  c.shutdown(accepted, SHUT_RDWR);
  w.settle();
  each_value(w, of_connection(option), accepted);

  w.note("state", "reset by its peer");
  const linger none{.l_onoff = 1, .l_linger = 0};
  c.setsockopt(client, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  c.close(client);
  w.settle();
  get(w, of_connection(option), accepted, 4);
  const int one = 1;
  set(w, option, accepted, &one, sizeof one, "1");
  get(w, of_connection(option), accepted, 4);

  w.note("state", "closed");
  c.close(accepted);
  set(w, option, accepted, &one, sizeof one, "1");
  get(w, option, accepted, 4);
  set(w, option, -1, &one, sizeof one, "1");
  get(w, option, -1, 4);
  const int epoll = c.epoll_create1(0);
  set(w, option, epoll, &one, sizeof one, "1");
  get(w, option, epoll, 4);
}

template <std::size_t index, int domain>
void play_one(World& w) {
  play(w, kOptions[index], domain);
}

template <int domain, std::size_t... indices>
std::vector<Case> cases_of(std::index_sequence<indices...>) {
  return {Case{.name = kOptions[indices].name, .run = play_one<indices, domain>}...};
}

constexpr auto kAll = std::make_index_sequence<std::size(kOptions)>{};
INSTANTIATE_TEST_SUITE_P(OptionTableV4, Agreement, testing::ValuesIn(cases_of<AF_INET>(kAll)),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(OptionTableV6, Agreement, testing::ValuesIn(cases_of<AF_INET6>(kAll)),
                         name_of_case);

// No option is known at another level.
void wrong_levels(World& w) {
  Calls& c = w.calls();
  const int fd = w.socket();
  for (const int level : {-1, 2, int{IPPROTO_UDP}, int{IPPROTO_RAW}, 132, 4711, INT_MAX}) {
    for (const int number : {-1, 0, 1, 10, 9999}) {
      int value = 1;
      socklen_t length = sizeof value;
      const std::string what = std::to_string(level) + "/" + std::to_string(number);
      w.note("set " + what, c.setsockopt(fd, level, number, &value, length));
      w.note("get " + what, c.getsockopt(fd, level, number, &value, &length));
    }
  }
}
TUNTCP_AGREEMENT(OptionLevels, {"WrongOnes", wrong_levels});

}  // namespace
}  // namespace tuntcp::test
