#include "tests/bsd/world.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace tuntcp::test {

Address::Address(std::string_view text, std::uint16_t port) {
  const std::string word(text);
  auto& in = reinterpret_cast<sockaddr_in&>(storage);
  auto& in6 = reinterpret_cast<sockaddr_in6&>(storage);
  if (inet_pton(AF_INET, word.c_str(), &in.sin_addr) == 1) {
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    length = sizeof in;
  } else if (inet_pton(AF_INET6, word.c_str(), &in6.sin6_addr) == 1) {
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(port);
    length = sizeof in6;
  }
}

std::string text_of(const sockaddr_storage& storage, socklen_t length) {
  char text[INET6_ADDRSTRLEN] = "?";
  std::uint16_t port = 0;
  if (storage.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(storage);
    inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
    port = ntohs(in.sin_port);
  } else if (storage.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(storage);
    inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
    port = ntohs(in6.sin6_port);
  }
  // Which of the many ephemeral ports it is, is chance.
  const std::string port_text = port >= 32'768 ? "ephemeral" : std::to_string(port);
  return std::string(text) + " port " + port_text + " in " + std::to_string(length);
}

std::string error_name(std::int64_t result) {
  const char* const name = strerrorname_np(static_cast<int>(-result));
  return name != nullptr ? name : std::to_string(result);
}

std::string poll_names(std::uint32_t events) {
  constexpr std::pair<std::uint32_t, const char*> kNames[] = {
      {POLLIN, "IN"},          {POLLPRI, "PRI"},        {POLLOUT, "OUT"},
      {POLLERR, "ERR"},        {POLLHUP, "HUP"},        {POLLNVAL, "NVAL"},
      {EPOLLRDNORM, "RDNORM"}, {EPOLLWRNORM, "WRNORM"}, {EPOLLRDHUP, "RDHUP"}};
  std::string names;
  for (const auto& [bit, name] : kNames) {
    if (events & bit) names += (names.empty() ? "" : "|") + std::string(name);
  }
  return names.empty() ? "nothing" : names;
}

void World::note(std::string_view what, std::string_view result) {
  record_.push_back(std::string(what) + " = " + std::string(result));
}

std::int64_t World::note(std::string_view what, std::int64_t result) {
  note(what, result < 0 ? error_name(result) : std::to_string(result));
  return result;
}

int World::note_fd(std::string_view what, int result) {
  note(what, result < 0 ? error_name(result) : "a descriptor");
  return result;
}

int World::socket(int domain, int flags) {
  return note_fd("socket", calls_.socket(domain, SOCK_STREAM | flags, 0));
}

std::int64_t World::bind(int fd, std::string_view address, std::uint16_t port) {
  const Address a(address, port);
  return note("bind " + std::string(address), calls_.bind(fd, a.get(), a.length));
}

std::int64_t World::listen(int fd, int backlog) {
  return note("listen", calls_.listen(fd, backlog));
}

int World::accept(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  const int accepted =
      calls_.accept4(fd, reinterpret_cast<sockaddr*>(&storage), &length, SOCK_NONBLOCK);
  note_fd("accept", accepted);
  if (accepted >= 0) note("accepted from", text_of(storage, length));
  return accepted;
}

std::int64_t World::connect(int fd, std::string_view address, std::uint16_t port) {
  const Address a(address, port);
  return note("connect " + std::string(address), calls_.connect(fd, a.get(), a.length));
}

std::int64_t World::send(int fd, std::string_view text, int flags) {
  return note("send",
              calls_.sendto(fd, text.data(), text.size(), flags | MSG_NOSIGNAL, nullptr, 0));
}

std::int64_t World::recv(int fd, std::size_t size, int flags) {
  std::string text(size, '.');
  const std::int64_t result = calls_.recvfrom(fd, text.data(), size, flags, nullptr, nullptr);
  note("recv", result);
  if (result > 0) note("text", text);
  return result;
}

std::int64_t World::shutdown(int fd, int how) {
  return note("shutdown " + std::to_string(how), calls_.shutdown(fd, how));
}

std::int64_t World::close(int fd) {
  return note("close", calls_.close(fd));
}

std::int64_t World::set(int fd, int level, int option, int value) {
  const std::string what = "set " + std::to_string(level) + "/" + std::to_string(option) + " to " +
                           std::to_string(value);
  return note(what, calls_.setsockopt(fd, level, option, &value, sizeof value));
}

std::int64_t World::get(int fd, int level, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  const std::int64_t result = calls_.getsockopt(fd, level, option, &value, &length);
  const std::string what = "get " + std::to_string(level) + "/" + std::to_string(option);
  note(what, result);
  if (result == 0) note(what + " value", std::to_string(value) + " in " + std::to_string(length));
  return result == 0 ? value : result;
}

void World::names(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  const int own = calls_.getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length);
  note("getsockname", own < 0 ? error_name(own) : text_of(storage, length));
  storage = {};
  length = sizeof storage;
  const int peer = calls_.getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &length);
  note("getpeername", peer < 0 ? error_name(peer) : text_of(storage, length));
}

std::int64_t World::poll(int fd, int events) {
  pollfd entry{.fd = fd, .events = static_cast<short>(events), .revents = 0};
  const std::int64_t result = calls_.poll(&entry, 1);
  note("poll",
       result < 0 ? error_name(result) : poll_names(static_cast<std::uint16_t>(entry.revents)));
  return result;
}

std::int64_t World::ioctl(int fd, unsigned long request) {
  int value = -1;
  const std::int64_t result = calls_.ioctl(fd, request, &value);
  note("ioctl " + std::to_string(request), result);
  if (result == 0) note("ioctl value", std::int64_t{value});
  return result;
}

void World::epoll_wait(int epoll_fd, int events_max) {
  std::vector<epoll_event> events(16);
  const std::int64_t found = calls_.epoll_wait(epoll_fd, events.data(), events_max);
  note("epoll_wait", found);
  for (std::int64_t i = 0; i < found; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    note("event of " + std::to_string(event.data.u32), poll_names(event.events));
  }
}

bsd::TcpInfo World::tcp_info(int fd) {
  bsd::TcpInfo info{};
  socklen_t length = sizeof info;
  note("get TCP_INFO", calls_.getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length));
  return info;
}

int World::listening(std::uint16_t port, int domain, int backlog) {
  const int fd = calls_.socket(domain, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const Address any(domain == AF_INET ? "0.0.0.0" : "::", port);
  calls_.bind(fd, any.get(), any.length);
  calls_.listen(fd, backlog);
  return fd;
}

World::Pair World::connected(std::uint16_t port) {
  Pair pair;
  pair.listener = listening(port);
  pair.client = calls_.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const Address server("127.0.0.1", port);
  calls_.connect(pair.client, server.get(), server.length);
  settle();
  calls_.connect(pair.client, server.get(), server.length);
  pair.server = calls_.accept4(pair.listener, nullptr, nullptr, SOCK_NONBLOCK);
  return pair;
}

epoll_event event_of(std::uint32_t events, std::uint32_t name) {
  epoll_event event{};
  event.events = events;
  event.data.u32 = name;
  return event;
}

}  // namespace tuntcp::test
