// How long things last: descriptors that are copies, epoll watches of what was closed, errors and
// shut directions of a connection that is gone, times that are waited.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <climits>

#include "tests/bsd/agreement.h"

namespace tuntcp::test {
namespace {

// A watch is of a descriptor's number and its file: what a copy keeps open is watched on, beside
// what has the number next.
void number_is_used_again(World& w) {
  Calls& c = w.calls();
  for (const std::uint32_t mode : {0U, static_cast<std::uint32_t>(EPOLLET)}) {
    const auto first = w.connected(mode == 0 ? 7000 : 7001);
    const auto second = w.connected(mode == 0 ? 7002 : 7003);
    const int epoll = c.epoll_create1(0);
    epoll_event event = event_of(EPOLLIN | mode, 1);
    const int number = first.server;
    w.note("add", c.epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event));
    const int copy = c.dup(first.server);
    c.close(first.server);
    w.note("modify what is closed", c.epoll_ctl(epoll, EPOLL_CTL_MOD, number, &event));
    w.note("the copy has another key", c.epoll_ctl(epoll, EPOLL_CTL_DEL, copy, nullptr));
    const int again = c.fcntl(second.server, F_DUPFD, number);
    w.note("same number", std::int64_t{again == number});
    event = event_of(EPOLLIN | mode, 2);
    w.note("modify", c.epoll_ctl(epoll, EPOLL_CTL_MOD, number, &event));
    w.note("add", c.epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event));
    w.note("again", c.epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event));
    w.send(second.client, "x");
    w.settle();
    w.epoll_wait(epoll);
    w.recv(number, 5);
    w.send(first.client, "y");
    w.settle();
    w.epoll_wait(epoll);
    w.send(second.client, "z");
    w.settle();
    w.epoll_wait(epoll);
    w.epoll_wait(epoll);
    w.send(first.client, "y");
    w.settle();
    w.send(second.client, "z");
    w.settle();
    w.note("delete", c.epoll_ctl(epoll, EPOLL_CTL_DEL, number, nullptr));
    w.epoll_wait(epoll);
    w.note("delete", c.epoll_ctl(epoll, EPOLL_CTL_DEL, number, nullptr));
    w.note("add", c.epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event));
    w.recv(copy, 1);
    w.send(first.client, "y");
    w.settle();
    w.epoll_wait(epoll);
    c.close(copy);  // the first file is gone with it
    w.send(second.client, "z");
    w.settle();
    w.epoll_wait(epoll);
    w.epoll_wait(epoll);
    w.note("delete", c.epoll_ctl(epoll, EPOLL_CTL_DEL, number, nullptr));
    c.close(epoll);
  }
}

void copies_are_watched_apart(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  const int copy = c.dup(pair.server);
  const int epoll = c.epoll_create1(0);
  epoll_event event = event_of(EPOLLIN, 1);
  w.note("add", c.epoll_ctl(epoll, EPOLL_CTL_ADD, pair.server, &event));
  event = event_of(EPOLLIN | EPOLLET, 2);
  w.note("add the copy", c.epoll_ctl(epoll, EPOLL_CTL_ADD, copy, &event));
  w.send(pair.client, "x");
  w.settle();
  w.epoll_wait(epoll);
  w.epoll_wait(epoll);
  w.note("delete", c.epoll_ctl(epoll, EPOLL_CTL_DEL, pair.server, nullptr));
  w.epoll_wait(epoll);
  w.send(pair.client, "y");
  w.settle();
  c.close(pair.server);
  w.epoll_wait(epoll);
  w.note("flags are the file's", c.fcntl(copy, F_SETFL, 0));
  const int third = c.dup(copy);
  w.note("flags", c.fcntl(third, F_GETFL, 0));
  w.close(copy);
  w.epoll_wait(epoll);
  w.close(third);
  w.epoll_wait(epoll);
  w.settle();
  w.recv(pair.client, 1);
}

void copies_of_epolls(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  const int epoll = c.epoll_create1(0);
  const int copy = c.dup(epoll);
  epoll_event event = event_of(EPOLLIN, 1);
  w.note("add", c.epoll_ctl(epoll, EPOLL_CTL_ADD, pair.server, &event));
  w.note("by the copy", c.epoll_ctl(copy, EPOLL_CTL_ADD, pair.server, &event));
  w.send(pair.client, "x");
  w.settle();
  w.close(epoll);
  w.epoll_wait(copy);
  w.epoll_wait(epoll);
  const int outer = c.epoll_create1(0);
  w.note("outer", c.epoll_ctl(outer, EPOLL_CTL_ADD, copy, &event));
  w.epoll_wait(outer);
  w.close(copy);
  w.epoll_wait(outer);
}

// shutdown() of one's own wakes who watches for edges.
void shutting_is_news(World& w) {
  Calls& c = w.calls();
  for (const int how : {SHUT_RD, SHUT_WR, SHUT_RDWR}) {
    const auto pair = w.connected(static_cast<std::uint16_t>(7000 + how));
    const int epoll = c.epoll_create1(0);
    epoll_event event = event_of(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, 1);
    c.epoll_ctl(epoll, EPOLL_CTL_ADD, pair.server, &event);
    w.epoll_wait(epoll);
    w.epoll_wait(epoll);
    w.shutdown(pair.server, how);
    w.epoll_wait(epoll);
    w.epoll_wait(epoll);
  }
  const int fresh = w.socket();
  const int epoll = c.epoll_create1(0);
  epoll_event event = event_of(EPOLLIN | EPOLLET, 2);
  c.epoll_ctl(epoll, EPOLL_CTL_ADD, fresh, &event);
  w.epoll_wait(epoll);
  w.shutdown(fresh, SHUT_RD);
  w.epoll_wait(epoll);
  const int listener = w.listening(7009);
  c.epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  w.epoll_wait(epoll);
  w.shutdown(listener, SHUT_RD);
  w.epoll_wait(epoll);
}

void low_water_is_news(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  w.set(pair.server, SOL_SOCKET, SO_RCVLOWAT, 4);
  const int epoll = c.epoll_create1(0);
  epoll_event event = event_of(EPOLLIN | EPOLLET, 1);
  c.epoll_ctl(epoll, EPOLL_CTL_ADD, pair.server, &event);
  w.send(pair.client, "abc");
  w.settle();
  w.epoll_wait(epoll);
  w.set(pair.server, SOL_SOCKET, SO_RCVLOWAT, 2);
  w.epoll_wait(epoll);
  w.epoll_wait(epoll);
}

// Both directions of a socket that never was a connection are shut, and then it becomes one.
void shut_and_connected(World& w) {
  w.listening(7000);
  for (const int how : {SHUT_RD, SHUT_WR, SHUT_RDWR}) {
    const int fd = w.socket();
    w.shutdown(fd, how);
    w.poll(fd);
    w.recv(fd, 1);
    w.send(fd, "x");
    w.connect(fd, "127.0.0.1", 7000);
    w.settle();
    w.connect(fd, "127.0.0.1", 7000);
    w.poll(fd);
    w.recv(fd, 1);
    w.send(fd, "x");
  }
}

void refused_and_shut(World& w) {
  for (const int how : {SHUT_RD, SHUT_WR, SHUT_RDWR}) {
    const int fd = w.socket();
    w.connect(fd, "127.0.0.1", 7999);
    w.settle();
    w.shutdown(fd, how);
    w.poll(fd);
    w.connect(fd, "127.0.0.1", 7999);
    w.get(fd, SOL_SOCKET, SO_ERROR);
    w.connect(fd, "127.0.0.1", 7999);
  }
}

// An error that nobody asked for does not outlast the connection.
void error_of_an_earlier_one(World& w) {
  Calls& c = w.calls();
  const sockaddr unspecified{.sa_family = AF_UNSPEC, .sa_data = {}};
  const auto pair = w.connected();
  w.note("disconnect", c.connect(pair.client, &unspecified, sizeof unspecified));
  w.poll(pair.client);
  w.connect(pair.client, "127.0.0.1", 7000);
  w.settle();
  w.poll(pair.client);
  w.get(pair.client, SOL_SOCKET, SO_ERROR);
  w.connect(pair.client, "127.0.0.1", 7000);
  w.send(pair.client, "x");
  // Of one that was disconnected, and listens.
  const auto second = w.connected(7001);
  w.note("disconnect", c.connect(second.client, &unspecified, sizeof unspecified));
  w.listen(second.client);
  w.poll(second.client);
  w.get(second.client, SOL_SOCKET, SO_ERROR);
  w.note("disconnect", c.connect(second.listener, &unspecified, sizeof unspecified));
  w.poll(second.listener);
  w.names(second.listener);
  w.listen(second.listener);
  // Bound by its program, the port stays.
  const int bound = w.socket();
  w.bind(bound, "127.0.0.1", 7077);
  w.connect(bound, "127.0.0.1", 7000);
  w.settle();
  w.note("disconnect", c.connect(bound, &unspecified, sizeof unspecified));
  w.names(bound);
  w.connect(bound, "127.0.0.1", 7000);
  // Of an address that bind() left open nothing stays.
  const int open = w.socket();
  w.bind(open, "0.0.0.0", 7078);
  w.connect(open, "127.0.0.1", 7999);
  w.settle();
  w.names(open);
  w.connect(open, "127.0.0.1", 7999);
  w.names(open);
  w.connect(open, "127.0.0.1", 7000);
  w.settle();
  w.names(open);
}

void times_to_wait(World& w) {
  Calls& c = w.calls();
  const int fd = w.socket();
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    for (const timeval wanted :
         {timeval{0, 1}, timeval{0, 4000}, timeval{0, 4001}, timeval{0, 999'999},
          timeval{1, 1'000'000}, timeval{1, -1}, timeval{-1, 0}, timeval{-1, 5}, timeval{5, 0},
          timeval{-5, 2'000'000}, timeval{INT_MAX, 0}, timeval{36'893'488'147'419'101, 0},
          timeval{36'893'488'147'419'102, 0}, timeval{36'893'488'147'419'103, 0},
          timeval{36'893'488'147'419'102, 999'999}, timeval{LONG_MAX, 999'999},
          timeval{LONG_MIN, 0}, timeval{0, LONG_MAX}, timeval{0, LONG_MIN}}) {
      for (const socklen_t length : {socklen_t{15}, socklen_t{16}, socklen_t{100}}) {
        w.note("set " + std::to_string(wanted.tv_sec) + "." + std::to_string(wanted.tv_usec),
               c.setsockopt(fd, SOL_SOCKET, option, &wanted, length));
        timeval got{};
        socklen_t room = sizeof got;
        w.note("get", c.getsockopt(fd, SOL_SOCKET, option, &got, &room));
        w.note("s", std::int64_t{got.tv_sec});
        w.note("us", std::int64_t{got.tv_usec});
      }
    }
  }
}

void times_to_linger(World& w) {
  Calls& c = w.calls();
  const int fd = w.socket();
  for (const linger wanted : {linger{1, 5}, linger{0, 9}, linger{7, 0}, linger{0, 3}, linger{1, -1},
                              linger{1, INT_MIN}, linger{1, INT_MAX}, linger{0, 0}}) {
    for (const socklen_t length : {socklen_t{4}, socklen_t{7}, socklen_t{8}, socklen_t{100}}) {
      w.note("set", c.setsockopt(fd, SOL_SOCKET, SO_LINGER, &wanted, length));
      linger got{};
      socklen_t room = sizeof got;
      w.note("get", c.getsockopt(fd, SOL_SOCKET, SO_LINGER, &got, &room));
      w.note("on", std::int64_t{got.l_onoff});
      w.note("time", std::int64_t{got.l_linger});
    }
  }
}

void odd_addresses(World& w) {
  Calls& c = w.calls();
  for (const char* const text : {"127.255.255.255", "240.0.0.1", "198.51.100.1"}) {
    const int fd = w.socket();
    w.bind(fd, text, 7000);
    w.names(fd);
    c.close(fd);
  }
  for (const char* const text :
       {"fe80::1", "ff02::1", "::ffff:198.51.100.1", "::ffff:0.0.0.0", "::127.0.0.1"}) {
    const int fd = w.socket(AF_INET6);
    w.bind(fd, text, 7000);
    w.names(fd);
    c.close(fd);
    const int other = w.socket(AF_INET6);
    w.connect(other, text, 7999);
    w.settle();
    w.connect(other, text, 7999);
    c.close(other);
  }
  // Who has an address of IPv6 reaches nobody by IPv4 any more.
  w.listening(7003);
  for (const char* const text : {"::1", "::", "::ffff:127.0.0.1"}) {
    const int fd = w.socket(AF_INET6);
    w.bind(fd, text, 0);
    w.get(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    w.connect(fd, "::ffff:127.0.0.1", 7003);
    w.settle();
    w.connect(fd, "::ffff:127.0.0.1", 7003);
  }
  for (const char* const text : {"::ffff:127.0.0.1", "::ffff:0.0.0.0"}) {
    const int fd = w.socket(AF_INET6);
    w.bind(fd, text, 0);
    w.connect(fd, "::1", 7003);
    w.names(fd);
    w.connect(fd, "::", 7003);
    w.settle();
    w.names(fd);
  }
}

// A bind() that fails leaves no name, not even that of an earlier connection.
void name_after_a_failed_bind(World& w) {
  const auto pair = w.connected();
  const linger none{.l_onoff = 1, .l_linger = 0};
  w.calls().setsockopt(pair.server, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  w.close(pair.server);
  w.settle();
  w.names(pair.client);
  w.bind(pair.client, "127.0.0.1", 7000);
  w.names(pair.client);
  const int fresh = w.socket(AF_INET6);
  w.bind(fresh, "::", 7000);
  w.names(fresh);
}

TUNTCP_AGREEMENT(Lifetime, {"NumberIsUsedAgain", number_is_used_again},
                 {"CopiesAreWatchedApart", copies_are_watched_apart},
                 {"CopiesOfEpolls", copies_of_epolls}, {"ShuttingIsNews", shutting_is_news},
                 {"LowWaterIsNews", low_water_is_news}, {"ShutAndConnected", shut_and_connected},
                 {"RefusedAndShut", refused_and_shut},
                 {"ErrorOfAnEarlierOne", error_of_an_earlier_one}, {"TimesToWait", times_to_wait},
                 {"TimesToLinger", times_to_linger}, {"OddAddresses", odd_addresses},
                 {"NameAfterAFailedBind", name_after_a_failed_bind});

}  // namespace
}  // namespace tuntcp::test
