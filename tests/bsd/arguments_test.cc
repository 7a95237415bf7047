// What calls are given: pointers to nothing, lengths that are negative or more than there is,
// counts of pieces, flags that nobody knows.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include <array>
#include <climits>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "tests/bsd/agreement.h"

namespace tuntcp::test {
namespace {

constexpr auto kNegative = static_cast<socklen_t>(-1);

void types_and_protocols(World& w) {
  Calls& c = w.calls();
  for (const int domain : {AF_INET, AF_INET6, AF_UNSPEC, -1, 46, INT_MAX}) {
    for (const int type : {int{SOCK_STREAM}, 0, 8, 9, 11, 15, -1}) {
      for (const int protocol : {0, int{IPPROTO_TCP}, int{IPPROTO_UDP}, 200, 263, INT_MAX, -1}) {
        const int fd = c.socket(domain, type, protocol);
        w.note_fd(
            std::to_string(domain) + " " + std::to_string(type) + " " + std::to_string(protocol),
            fd);
        if (fd >= 0) c.close(fd);
      }
    }
  }
}

// What is wrong with the descriptor is said before what is wrong with the length.
void lengths_of_options(World& w) {
  Calls& c = w.calls();
  const int epoll = c.epoll_create1(0);
  int value = 1;
  const std::pair<int, std::vector<int>> kOptions[] = {
      {SOL_SOCKET, {SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_LINGER, SO_RCVTIMEO, 9999}},
      {IPPROTO_TCP, {TCP_NODELAY, TCP_MAXSEG, TCP_CONGESTION, TCP_INFO, TCP_TIMESTAMP, 9999}},
      {IPPROTO_IP, {IP_TOS, IP_TTL, IP_OPTIONS, IP_MTU, IP_MTU_DISCOVER, 9999}},
      {IPPROTO_IPV6, {IPV6_V6ONLY, IPV6_TCLASS, IPV6_UNICAST_HOPS, IPV6_MTU, 9999}},
      {4711, {1}}};
  for (const int fd : {-1, epoll, w.socket(), w.socket(AF_INET6)}) {
    for (const auto& [level, options] : kOptions) {
      for (const int option : options) {
        const std::string name = std::to_string(level) + "/" + std::to_string(option);
        w.note("negative " + name, c.setsockopt(fd, level, option, &value, kNegative));
        w.note("nothing, negative " + name, c.setsockopt(fd, level, option, nullptr, kNegative));
        for (const socklen_t length : {0U, 2U, 4U, 41U}) {
          w.note("nothing of " + std::to_string(length) + " for " + name,
                 c.setsockopt(fd, level, option, nullptr, length));
          socklen_t room = length;
          w.note("into nothing", c.getsockopt(fd, level, option, nullptr, &room));
        }
      }
    }
  }
}

void room_for_addresses(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  sockaddr_storage storage{};
  auto* const room = reinterpret_cast<sockaddr*>(&storage);
  for (const socklen_t length : {0U, 1U, kNegative}) {
    socklen_t given = length;
    w.note("no name", c.getsockname(pair.client, nullptr, &given));
    w.note("no peer", c.getpeername(pair.client, nullptr, &given));
    given = length;
    w.note("peer", c.getpeername(pair.client, room, &given));
  }
  w.note("no length", c.getsockname(pair.client, room, nullptr));
  w.note("nothing", c.getpeername(pair.client, nullptr, nullptr));
  w.note("fresh", c.getpeername(w.socket(), nullptr, nullptr));
  w.note("no socket", c.getpeername(c.epoll_create1(0), nullptr, nullptr));
  w.send(pair.client, "0123456789");
  w.settle();
  char octet = 0;
  socklen_t length = kNegative;
  w.note("from, negative", c.recvfrom(pair.server, &octet, 1, 0, room, &length));
  w.note("from, no length", c.recvfrom(pair.server, &octet, 1, 0, room, nullptr));
  length = 77;
  w.note("from nowhere", c.recvfrom(pair.server, &octet, 1, 0, nullptr, &length));
  w.note("length", std::int64_t{length});
  // The octets are gone.
  w.recv(pair.server, 10);
  w.note("again", c.recvfrom(pair.server, &octet, 1, 0, room, nullptr));
}

void room_for_peers(World& w) {
  Calls& c = w.calls();
  sockaddr_storage storage{};
  auto* const room = reinterpret_cast<sockaddr*>(&storage);
  const int listener = w.listening(7000);
  for (const bool has_length : {false, true}) {
    const int client = w.socket();
    w.connect(client, "127.0.0.1", 7000);
    w.settle();
    socklen_t length = kNegative;
    w.note_fd("accept", c.accept4(listener, room, has_length ? &length : nullptr, SOCK_NONBLOCK));
    w.settle();
    w.recv(client, 1);  // it was accepted, and closed
    w.note_fd("accept", c.accept4(listener, room, has_length ? &length : nullptr, SOCK_NONBLOCK));
  }
  const int client = w.socket();
  w.connect(client, "127.0.0.1", 7000);
  w.settle();
  socklen_t length = 4711;
  w.note_fd("for nobody", c.accept4(listener, nullptr, &length, SOCK_NONBLOCK));
  w.note("length", std::int64_t{length});
}

// What is nowhere is found out before anything is taken away.
void pieces_of_nothing(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  std::array<char, 8> octets{};
  w.send(pair.client, "0123456789");
  w.settle();
  for (const std::size_t first : {4U, 0U}) {
    const std::array<iovec, 2> pieces{iovec{octets.data(), first}, iovec{nullptr, 4}};
    w.note("readv", c.readv(pair.server, pieces.data(), 2));
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = 2;
    w.note("recvmsg", c.recvmsg(pair.server, &message, 0));
    w.note("peek", c.recvmsg(pair.server, &message, MSG_PEEK));
    w.note("trunc", c.recvmsg(pair.server, &message, MSG_TRUNC | MSG_PEEK));
    w.note("writev", c.writev(pair.server, pieces.data(), 2));
    w.note("sendmsg", c.sendmsg(pair.server, &message, MSG_NOSIGNAL));
    w.note("oob", c.sendmsg(pair.server, &message, MSG_NOSIGNAL | MSG_OOB));
  }
  const std::array<iovec, 2> enough{iovec{octets.data(), 8}, iovec{nullptr, 4}};
  w.note("recv none", c.recvfrom(pair.server, nullptr, 5, 0, nullptr, nullptr));
  w.note("read none", c.read(pair.server, nullptr, 5));
  w.recv(pair.server, 2);
  w.note("enough for 8", c.readv(pair.server, enough.data(), 2));
  w.recv(pair.server, 10);
  w.settle();
  w.recv(pair.client, 10);
}

void last_piece_is_empty(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  char text[] = "hello";
  const std::array<iovec, 3> pieces{iovec{text, 5}, iovec{text, 0}, iovec{nullptr, 0}};
  w.note("writev", c.writev(pair.client, pieces.data(), 3));
  w.settle();
  w.recv(pair.server, 10);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = 3;
  w.note("urgent", c.sendmsg(pair.client, &message, MSG_OOB | MSG_NOSIGNAL));
  w.settle();
  w.recv(pair.server, 10, MSG_OOB);
  w.recv(pair.server, 10);
}

// More than 2^31 octets in all are as many as one call may be about.
void much_in_pieces(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  std::vector<char> octets(8);  // not at the end of memory, where stacks are
  constexpr std::size_t kMuch = 0x7ffff000;
  constexpr std::size_t kMost = SSIZE_MAX;
  w.send(pair.client, "0123456789");
  w.settle();
  const std::vector<std::vector<std::size_t>> rows = {
      {kMost},           {kMost + 1},    {SIZE_MAX},     {kMost, 1},       {1, kMost},
      {kMost, kMost, 2}, {1, kMost + 1}, {kMuch, kMuch}, {kMost - 1, 1, 1}};
  for (const auto& row : rows) {
    // Nothing is there to be read by now, so that nothing is written anywhere.
    std::vector<iovec> pieces;
    for (const std::size_t size : row) pieces.push_back({octets.data(), size});
    const int count = static_cast<int>(pieces.size());
    const std::string name = std::to_string(row[0]) + "... " + std::to_string(count);
    w.note("readv " + name, c.readv(pair.client, pieces.data(), count));
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    w.note("recvmsg " + name, c.recvmsg(pair.client, &message, 0));
    const int fresh = c.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    w.note("writev " + name, c.writev(fresh, pieces.data(), count));
    w.note("sendmsg " + name, c.sendmsg(fresh, &message, MSG_NOSIGNAL));
    w.note("readv fresh " + name, c.readv(fresh, pieces.data(), count));
    c.close(fresh);
  }
  w.note("recv much", c.recvfrom(pair.client, octets.data(), SIZE_MAX, 0, nullptr, nullptr));
  const int fresh = w.socket();
  w.note("send much", c.sendto(fresh, octets.data(), SIZE_MAX, MSG_NOSIGNAL, nullptr, 0));
  w.note("read much", c.read(pair.client, octets.data(), 0x7fffffff));
  const iovec none{nullptr, 0};
  w.note("no pieces", c.writev(pair.client, nullptr, 0));
  w.note("no pieces, to a fresh one", c.writev(fresh, nullptr, 0));
  w.note("no pieces, from a fresh one", c.readv(fresh, &none, 0));
  std::vector<iovec> most(1025, iovec{octets.data(), 0});
  for (const int count : {1024, 1025, INT_MIN}) {
    w.note("count", c.writev(pair.client, most.data(), count));
    w.note("count", c.readv(pair.client, most.data(), count));
  }
  msghdr message{};
  message.msg_iov = most.data();
  for (const std::size_t count : {std::size_t{1024}, std::size_t{1025}, SIZE_MAX}) {
    message.msg_iovlen = count;
    w.note("count", c.sendmsg(pair.client, &message, MSG_NOSIGNAL));
    w.note("count", c.recvmsg(pair.client, &message, 0));
  }
}

void names_of_messages(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  std::array<char, 4> octets{};
  sockaddr_storage storage{};
  for (const bool has_name : {true, false}) {
    for (const socklen_t length : {0U, 7U, 4096U, kNegative}) {
      w.send(pair.client, "0123");
      w.settle();
      iovec piece{octets.data(), octets.size()};
      msghdr message{};
      message.msg_iov = &piece;
      message.msg_iovlen = 1;
      message.msg_name = has_name ? &storage : nullptr;
      message.msg_namelen = length;
      w.note("recvmsg", c.recvmsg(pair.server, &message, MSG_CMSG_CLOEXEC));
      w.note("name", std::int64_t{static_cast<int>(message.msg_namelen)});
      w.note("flags", std::int64_t{message.msg_flags});
      w.note("again", c.recvmsg(pair.server, &message, 0));
      w.note("name", std::int64_t{static_cast<int>(message.msg_namelen)});
    }
  }
  // TCP_INQ is told of urgent data, too.
  w.set(pair.server, IPPROTO_TCP, TCP_INQ, 1);
  w.send(pair.client, "abc", MSG_OOB);
  w.settle();
  alignas(cmsghdr) std::array<char, CMSG_SPACE(4)> control{};
  iovec piece{octets.data(), octets.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  w.note("recvmsg", c.recvmsg(pair.server, &message, MSG_OOB));
  w.note("control", static_cast<std::int64_t>(message.msg_controllen));
  w.note("flags", std::int64_t{message.msg_flags});
}

// sendmsg() with what belongs to it, well-formed and not, on sockets that can send and cannot.
void control_of_messages(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  const auto shut = w.connected(7001);
  w.shutdown(shut.client, SHUT_WR);
  struct Part {
    std::size_t length;
    int level;
    int type;
  };
  const std::vector<std::vector<Part>> rows = {
      {{CMSG_LEN(4), SOL_SOCKET, 999}},
      {{CMSG_LEN(4), IPPROTO_TCP, 999}},
      {{CMSG_LEN(4), IPPROTO_IP, IP_TOS}},
      {{CMSG_LEN(4), SOL_SOCKET, SCM_RIGHTS}},
      {{CMSG_LEN(12), SOL_SOCKET, SCM_CREDENTIALS}},
      {{3, IPPROTO_TCP, 1}},
      {{0, SOL_SOCKET, 1}},
      {{4096, IPPROTO_TCP, 1}},
      {{CMSG_LEN(4), IPPROTO_TCP, 1}, {CMSG_LEN(4), SOL_SOCKET, 999}},
      {{CMSG_LEN(4), IPPROTO_TCP, 1}, {CMSG_LEN(5), IPPROTO_IP, 999}}};
  for (const int fd : {pair.client, shut.client, w.socket(), pair.listener}) {
    iovec piece{const_cast<char*>("x"), 1};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    for (const auto& row : rows) {
      alignas(cmsghdr) std::array<char, 64> control{};
      std::size_t at = 0;
      for (const Part& part : row) {
        const cmsghdr header{
            .cmsg_len = part.length, .cmsg_level = part.level, .cmsg_type = part.type};
        std::memcpy(control.data() + at, &header, sizeof header);
        at += CMSG_SPACE(4);
      }
      message.msg_control = control.data();
      for (const std::size_t length : {at, at - 4, at - 9, std::size_t{7}}) {
        message.msg_controllen = length;
        w.note("control of " + std::to_string(length), c.sendmsg(fd, &message, MSG_NOSIGNAL));
      }
    }
    message.msg_controllen = std::size_t{INT_MAX} + 1;
    w.note("too long", c.sendmsg(fd, &message, MSG_NOSIGNAL));
    message.msg_control = nullptr;
    message.msg_controllen = 16;
    w.note("nothing", c.sendmsg(fd, &message, MSG_NOSIGNAL));
    message.msg_controllen = 7;
    w.note("a little of nothing", c.sendmsg(fd, &message, MSG_NOSIGNAL));
  }
}

void wrong_numbers(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  int value = 0;
  for (const unsigned long request : {0x1234UL, std::uint64_t{FIONREAD}, std::uint64_t{FIONBIO}}) {
    w.note("into nothing", c.ioctl(pair.client, request, nullptr));
    w.note("of no descriptor", c.ioctl(-1, request, nullptr));
  }
  w.note("of a listener", c.ioctl(pair.listener, FIONREAD, nullptr));
  w.note("unknown", c.ioctl(pair.client, 0xffff'ffff, &value));
  for (const int flags :
       {0, O_APPEND, O_APPEND | O_NONBLOCK, O_NOATIME, O_DIRECT, O_RDONLY, O_CREAT}) {
    w.note("F_SETFL", c.fcntl(pair.client, F_SETFL, flags));
    w.note("F_GETFL", c.fcntl(pair.client, F_GETFL, 0));
    int on = 1;
    w.note("FIONBIO", c.ioctl(pair.client, FIONBIO, &on));
    w.note("F_GETFL", c.fcntl(pair.client, F_GETFL, 0));
  }
  for (const long from : {-1L, long{INT_MIN}, long{INT_MAX}, 1L << 32}) {
    const int fd = w.note_fd("F_DUPFD", c.fcntl(pair.client, F_DUPFD, from));
    if (fd >= 0) c.close(fd);
  }
  off_t offset = 0;
  w.note("negative count", c.sendfile(pair.client, "text", &offset, SIZE_MAX));
  offset = 5;
  w.note("negative count", c.sendfile(pair.client, "text", &offset, std::size_t{1} << 63));
  w.note("behind the end", c.sendfile(pair.client, "text", &offset, SSIZE_MAX / 2));
  w.note("offset", std::int64_t{offset});
}

void calls_of_epoll(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  const int epoll = c.epoll_create1(0);
  epoll_event event{.events = EPOLLIN, .data = {.u32 = 1}};
  for (const int fd : {epoll, pair.client, -1}) {
    for (const int most : {0, -1, INT_MIN, INT_MAX, INT_MAX / 12, INT_MAX / 12 + 1}) {
      w.note("wait for " + std::to_string(most), c.epoll_wait(fd, &event, most));
    }
    w.note("wait into nothing", c.epoll_wait(fd, nullptr, 1));
    for (const int operation : {EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL, 0, 4, -1}) {
      w.note("nothing " + std::to_string(operation),
             c.epoll_ctl(fd, operation, pair.server, nullptr));
      w.note("of nobody " + std::to_string(operation), c.epoll_ctl(fd, operation, -1, &event));
    }
  }
  w.note("add", c.epoll_ctl(epoll, EPOLL_CTL_ADD, pair.server, &event));
  w.send(pair.client, "x");
  w.settle();
  w.note("wait into nothing", c.epoll_wait(epoll, nullptr, 1));
  w.epoll_wait(epoll);
  for (const nfds_t count : {nfds_t{1}, nfds_t{100'000'000}}) {
    w.note("poll", c.poll(nullptr, count));
  }
}

TUNTCP_AGREEMENT(Arguments, {"TypesAndProtocols", types_and_protocols},
                 {"LengthsOfOptions", lengths_of_options}, {"RoomForAddresses", room_for_addresses},
                 {"RoomForPeers", room_for_peers}, {"PiecesOfNothing", pieces_of_nothing},
                 {"LastPieceIsEmpty", last_piece_is_empty}, {"MuchInPieces", much_in_pieces},
                 {"NamesOfMessages", names_of_messages}, {"ControlOfMessages", control_of_messages},
                 {"WrongNumbers", wrong_numbers}, {"CallsOfEpoll", calls_of_epoll});

}  // namespace
}  // namespace tuntcp::test
