// Every call against what may be wrong with its descriptor, its state and its flags.
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <array>
#include <climits>
#include <cstring>

#include "tests/bsd/agreement.h"

namespace tuntcp::test {
namespace {

// Each call once, with arguments that are good for a socket that can take them.
void each_call(World& w, int fd) {
  Calls& c = w.calls();
  std::array<char, 16> octets{};
  const iovec piece{.iov_base = octets.data(), .iov_len = octets.size()};
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(&piece);
  message.msg_iovlen = 1;
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  auto* const address = reinterpret_cast<sockaddr*>(&name);
  int number = 0;
  pollfd entry{.fd = fd, .events = 0x7fff, .revents = 0};
  off_t offset = 0;
  epoll_event event{.events = EPOLLIN, .data = {.u64 = 1}};
  const int epoll = c.epoll_create1(0);

  w.note("getsockname", c.getsockname(fd, address, &length));
  length = sizeof name;
  w.note("getpeername", c.getpeername(fd, address, &length));
  w.note("read", c.read(fd, octets.data(), octets.size()));
  w.note("readv", c.readv(fd, &piece, 1));
  w.note("recvfrom", c.recvfrom(fd, octets.data(), octets.size(), 0, nullptr, nullptr));
  w.note("recvmsg", c.recvmsg(fd, &message, 0));
  w.note("write", c.write(fd, "x", 1));
  w.note("writev", c.writev(fd, &piece, 1));
  w.note("sendto", c.sendto(fd, "x", 1, MSG_NOSIGNAL, nullptr, 0));
  w.note("sendmsg", c.sendmsg(fd, &message, MSG_NOSIGNAL));
  w.note("sendfile", c.sendfile(fd, "a file", &offset, 6));
  w.note("offset", std::int64_t{offset});
  w.note("poll", c.poll(&entry, 1));
  w.note("found", poll_names(static_cast<std::uint16_t>(entry.revents)));
  // One epoll instance in another is not to be had here.
  const bool is_epoll = c.epoll_wait(fd, &event, 1) == 0;
  if (is_epoll) fd = -1;
  w.note("epoll_ctl", c.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
  w.note("epoll_ctl again", c.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
  w.note("epoll_ctl unknown", c.epoll_ctl(epoll, 17, fd, &event));
  w.epoll_wait(epoll);
  w.note("epoll_wait of it", c.epoll_wait(fd, &event, 1));
  w.note("F_GETFD", c.fcntl(fd, F_GETFD, 0));
  w.note("fcntl unknown", c.fcntl(fd, 4711, 0));
  for (const unsigned long request : {std::uint64_t{FIONREAD}, std::uint64_t{SIOCOUTQ},
                                      std::uint64_t{SIOCOUTQNSD}, std::uint64_t{SIOCATMARK}}) {
    const int result = c.ioctl(fd, request, &number);
    w.note("ioctl " + std::to_string(request), result);
    if (result == 0) w.note("value", std::int64_t{number});
  }
  w.note("accept", w.note_fd("accept4", c.accept4(fd, nullptr, nullptr, SOCK_NONBLOCK)) < 0);
  const int copy = w.note_fd("dup", c.dup(fd));
  if (copy >= 0) w.note("close the copy", c.close(copy));
  c.close(epoll);
}

// What changes the socket, last.
void each_change(World& w, int fd) {
  Calls& c = w.calls();
  w.bind(fd, "127.0.0.1", 7777);
  w.bind(fd, "127.0.0.1", 7778);
  w.note("shutdown 3", c.shutdown(fd, 3));
  w.note("shutdown -1", c.shutdown(fd, -1));
  w.connect(fd, "127.0.0.1", 9);
  w.listen(fd);
  w.shutdown(fd, SHUT_WR);
  w.shutdown(fd, SHUT_RD);
  w.close(fd);
  w.close(fd);
}

void on_no_descriptor(World& w) {
  for (const int fd : {-1, INT_MIN, INT_MAX, 900}) {
    each_call(w, fd);
    each_change(w, fd);
  }
}
void on_no_socket(World& w) {
  const int epoll = w.calls().epoll_create1(0);
  each_call(w, epoll);
  each_change(w, epoll);
}
void on_a_fresh_socket(World& w) {
  const int fd = w.socket();
  each_call(w, fd);
  each_change(w, fd);
}
void on_a_bound_socket(World& w) {
  const int fd = w.socket();
  w.bind(fd, "127.0.0.1", 7500);
  each_call(w, fd);
  each_change(w, fd);
}
void on_a_listener(World& w) {
  const int fd = w.listening(7000);
  each_call(w, fd);
  each_change(w, fd);
}
void on_a_connection(World& w) {
  const auto pair = w.connected();
  each_call(w, pair.client);
  each_change(w, pair.client);
}
void on_half_a_connection(World& w) {
  const auto pair = w.connected();
  w.shutdown(pair.client, SHUT_WR);
  for (int i = 0; i < 20; ++i) w.settle();  // Linux delays the ACK of a FIN
  each_call(w, pair.client);
  each_call(w, pair.server);
}
void on_an_ended_connection(World& w) {
  const auto pair = w.connected();
  w.close(pair.server);
  w.settle();
  w.recv(pair.client, 1);
  w.shutdown(pair.client, SHUT_WR);
  for (int i = 0; i < 20; ++i) w.settle();
  each_call(w, pair.client);
  each_change(w, pair.client);
}
void on_a_reset_connection(World& w) {
  const auto pair = w.connected();
  const linger none{.l_onoff = 1, .l_linger = 0};
  w.calls().setsockopt(pair.server, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  w.close(pair.server);
  w.settle();
  each_call(w, pair.client);
  each_change(w, pair.client);
}
void on_a_refused_connection(World& w) {
  const int fd = w.socket();
  w.connect(fd, "127.0.0.1", 9);
  w.settle();
  each_call(w, fd);
  each_change(w, fd);
}

// Each bit by itself: what is unknown is passed over, or refused.
void each_flag(World& w) {
  Calls& c = w.calls();
  constexpr int kErrorQueue = MSG_ERRQUEUE;
  for (int bit = 0; bit < 31; ++bit) {
    const int flag = 1 << bit;
    // Fast Open and zero copies are not here, and urgent data has its own programs.
    if (flag == MSG_FASTOPEN || flag == MSG_ZEROCOPY || flag == MSG_OOB) continue;
    if (flag == 0x8000000) continue;  // MSG_SPLICE_PAGES is the kernel's own
    const auto pair = w.connected(static_cast<std::uint16_t>(7000 + bit));
    const std::string name = std::to_string(flag);
    w.note("sendto " + name, c.sendto(pair.client, "hello", 5, flag | MSG_NOSIGNAL, nullptr, 0));
    w.settle();
    std::array<char, 8> octets{};
    w.note("recvfrom " + name,
           c.recvfrom(pair.server, octets.data(), 5, flag | MSG_DONTWAIT, nullptr, nullptr));
    if (flag != MSG_TRUNC && flag != kErrorQueue) w.note("text", std::string(octets.data(), 5));
    w.note("recvfrom again",
           c.recvfrom(pair.server, octets.data(), 5, MSG_DONTWAIT, nullptr, nullptr));
  }
  for (const int flags : {int{SOCK_NONBLOCK}, int{SOCK_CLOEXEC}, 1, 0x10, INT_MIN}) {
    const auto pair = w.connected(8000);
    const int fd = w.note_fd("accept4", c.accept4(pair.listener, nullptr, nullptr, flags));
    w.note("flags", std::int64_t{fd < 0 ? -1 : c.fcntl(fd, F_GETFL, 0)});
    w.note("epoll_create1", std::int64_t{c.epoll_create1(flags) < 0});
    w.note("socket", std::int64_t{c.socket(AF_INET, SOCK_STREAM | flags, 0) < 0});
    c.close(pair.listener);
  }
}

void addresses_of_sends(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  const Address other("127.0.0.1", 9);
  sockaddr_storage odd{};
  odd.ss_family = AF_UNIX;
  for (const int fd : {pair.client, w.socket(), pair.listener}) {
    w.note("with an address", c.sendto(fd, "x", 1, MSG_NOSIGNAL, other.get(), other.length));
    w.note("of another family",
           c.sendto(fd, "x", 1, MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&odd), sizeof odd));
    w.note("too long", c.sendto(fd, "x", 1, MSG_NOSIGNAL, other.get(), 4096));
    w.note("no octets", c.sendto(fd, nullptr, 5, MSG_NOSIGNAL, nullptr, 0));
    msghdr message{};
    iovec piece{.iov_base = const_cast<char*>("x"), .iov_len = 1};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_name = const_cast<sockaddr*>(other.get());
    message.msg_namelen = other.length;
    w.note("message", c.sendmsg(fd, &message, MSG_NOSIGNAL));
    message.msg_namelen = 4096;
    w.note("message with a long name", c.sendmsg(fd, &message, MSG_NOSIGNAL));
    message.msg_namelen = static_cast<socklen_t>(-1);
    w.note("message with a negative name", c.sendmsg(fd, &message, MSG_NOSIGNAL));
    message.msg_name = nullptr;
    message.msg_namelen = 16;
    w.note("message with no name", c.sendmsg(fd, &message, MSG_NOSIGNAL));
    message.msg_iovlen = 1025;
    w.note("too many pieces", c.sendmsg(fd, &message, MSG_NOSIGNAL));
    message.msg_iov = nullptr;
    message.msg_iovlen = 1;
    w.note("no pieces", c.sendmsg(fd, &message, MSG_NOSIGNAL));
    message.msg_iovlen = 0;
    w.note("zero pieces", c.sendmsg(fd, &message, MSG_NOSIGNAL));
    w.note("no message", c.sendmsg(fd, nullptr, MSG_NOSIGNAL));
    w.note("no message to receive", c.recvmsg(fd, nullptr, MSG_DONTWAIT));
    w.note("negative count", c.writev(fd, &piece, -1));
    w.note("too many", c.readv(fd, &piece, 1025));
    w.note("nowhere", c.readv(fd, nullptr, 1));
  }
}

void files_are_sent(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  const std::string text(40'000, 'f');
  off_t offset = 5;
  w.note("some", c.sendfile(pair.client, "0123456789", &offset, 3));
  w.note("offset", std::int64_t{offset});
  w.note("to the end", c.sendfile(pair.client, "0123456789", &offset, 100));
  w.note("offset", std::int64_t{offset});
  w.note("at the end", c.sendfile(pair.client, "0123456789", &offset, 100));
  w.note("none", c.sendfile(pair.client, "0123456789", &offset, 0));
  offset = -1;
  w.note("before the beginning", c.sendfile(pair.client, "0123456789", &offset, 1));
  w.settle();
  w.recv(pair.server, 20);
  offset = 0;
  w.note("much", c.sendfile(pair.client, text, &offset, text.size()));
  for (int i = 0; i < 5; ++i) w.settle();
  w.ioctl(pair.server, FIONREAD);
  w.shutdown(pair.client, SHUT_WR);
  offset = 0;
  w.note("after the end", c.sendfile(pair.client, text, &offset, 5));
  const int fresh = w.socket();
  w.note("fresh", c.sendfile(fresh, text, &offset, 5));
  w.note("fresh, nothing", c.sendfile(fresh, "", &offset, 5));
}

// The sets as text, after a call.
void note_select(World& w, int count, fd_set* read, fd_set* write, fd_set* urgent,
                 std::initializer_list<int> fds) {
  const int result = w.calls().select(count, read, write, urgent);
  w.note("select", std::int64_t{result});
  for (fd_set* set : {read, write, urgent}) {
    std::string found;
    for (const int fd : fds) found += set != nullptr && FD_ISSET(fd, set) ? "1" : "0";
    w.note("set", found);
  }
}

void selecting(World& w) {
  const auto pair = w.connected();
  const int fresh = w.socket();
  const auto ask = [&](int count) {
    fd_set read;
    fd_set write;
    fd_set urgent;
    for (fd_set* set : {&read, &write, &urgent}) {
      FD_ZERO(set);
      for (const int fd : {pair.client, pair.server, pair.listener, fresh}) FD_SET(fd, set);
    }
    note_select(w, count, &read, &write, &urgent, {pair.client, pair.server, pair.listener, fresh});
  };
  ask(FD_SETSIZE);
  w.send(pair.client, "hello");
  w.settle();
  ask(FD_SETSIZE);
  w.shutdown(pair.client, SHUT_WR);
  w.settle();
  ask(FD_SETSIZE);
  const int another = w.socket();
  w.connect(another, "127.0.0.1", 7000);
  w.settle();
  ask(FD_SETSIZE);
  ask(0);
  ask(-1);
  w.close(pair.server);
  ask(FD_SETSIZE);
  note_select(w, FD_SETSIZE, nullptr, nullptr, nullptr, {});
  note_select(w, INT_MIN, nullptr, nullptr, nullptr, {});
}

void sharing_a_port(World& w) {
  Calls& c = w.calls();
  const int one = 1;
  const int first = w.socket();
  const int second = w.socket();
  const int stranger = w.socket();
  for (const int fd : {first, second}) {
    w.note("share", c.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one));
  }
  for (const int fd : {first, second, stranger}) w.bind(fd, "0.0.0.0", 7000);
  w.listen(first, 64);
  w.listen(second, 64);
  const int late = w.socket();
  w.note("share", c.setsockopt(late, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one));
  w.bind(late, "127.0.0.1", 7000);
  w.close(late);
  constexpr int kClients = 40;
  for (int i = 0; i < kClients; ++i) {
    const int client = c.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const Address server("127.0.0.1", 7000);
    c.connect(client, server.get(), server.length);
  }
  for (int i = 0; i < 5; ++i) w.settle();
  int taken[2] = {};
  for (const int which : {0, 1}) {
    const int fd = which == 0 ? first : second;
    while (c.accept4(fd, nullptr, nullptr, SOCK_NONBLOCK) >= 0) ++taken[which];
  }
  w.note("all were accepted", std::int64_t{taken[0] + taken[1] == kClients});
  w.note("both got some", std::int64_t{taken[0] > 0 && taken[1] > 0});
}

TUNTCP_AGREEMENT(CallTable, {"OnNoDescriptor", on_no_descriptor}, {"OnNoSocket", on_no_socket},
                 {"OnAFreshSocket", on_a_fresh_socket}, {"OnABoundSocket", on_a_bound_socket},
                 {"OnAListener", on_a_listener}, {"OnAConnection", on_a_connection},
                 {"OnHalfAConnection", on_half_a_connection},
                 {"OnAnEndedConnection", on_an_ended_connection},
                 {"OnAResetConnection", on_a_reset_connection},
                 {"OnARefusedConnection", on_a_refused_connection}, {"EachFlag", each_flag},
                 {"AddressesOfSends", addresses_of_sends}, {"FilesAreSent", files_are_sent},
                 {"Selecting", selecting}, {"SharingAPort", sharing_a_port});

}  // namespace
}  // namespace tuntcp::test
