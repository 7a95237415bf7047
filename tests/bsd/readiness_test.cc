// poll and epoll: which events, when, how often.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>

#include "tests/bsd/agreement.h"

namespace tuntcp::test {
namespace {

void many_at_once(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  w.send(pair.client, "x");
  w.settle();
  std::array<pollfd, 5> entries{pollfd{pair.client, POLLIN | POLLOUT, 7},
                                pollfd{pair.server, POLLIN | POLLOUT, 7}, pollfd{-1, POLLIN, 7},
                                pollfd{19'000, POLLIN, 7}, pollfd{pair.server, POLLOUT, 7}};
  w.note("poll", c.poll(entries.data(), entries.size()));
  for (const pollfd& entry : entries) {
    w.note("entry", poll_names(static_cast<std::uint16_t>(entry.revents)));
  }
  w.note("none", c.poll(nullptr, 0));
}

void low_water(World& w) {
  const auto pair = w.connected();
  w.set(pair.server, SOL_SOCKET, SO_RCVLOWAT, 4);
  w.send(pair.client, "abc");
  w.settle();
  w.poll(pair.server);
  w.send(pair.client, "d");
  w.settle();
  w.poll(pair.server);
  w.recv(pair.server, 2);
  w.poll(pair.server);
  w.recv(pair.server, 10);
}

void arguments_of_epoll(World& w) {
  Calls& c = w.calls();
  w.note_fd("flags", c.epoll_create1(1));
  const int ep = w.note_fd("create", c.epoll_create1(EPOLL_CLOEXEC));
  const int fd = w.socket();
  epoll_event event = event_of(EPOLLIN, 1);
  w.note("modify", c.epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event));
  w.note("remove", c.epoll_ctl(ep, EPOLL_CTL_DEL, fd, nullptr));
  w.note("unknown", c.epoll_ctl(ep, 99, fd, &event));
  w.note("no event", c.epoll_ctl(ep, EPOLL_CTL_ADD, fd, nullptr));
  w.note("no fd", c.epoll_ctl(ep, EPOLL_CTL_ADD, 19'000, &event));
  w.note("no epoll", c.epoll_ctl(fd, EPOLL_CTL_ADD, fd, &event));
  w.note("itself", c.epoll_ctl(ep, EPOLL_CTL_ADD, ep, &event));
  w.note("no such epoll", c.epoll_ctl(19'000, EPOLL_CTL_ADD, fd, &event));
  w.note("add", c.epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
  w.note("again", c.epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
  w.epoll_wait(ep);
  w.epoll_wait(ep, 0);
  w.epoll_wait(ep, -1);
  w.epoll_wait(fd);
  w.epoll_wait(19'000);
  w.note("remove", c.epoll_ctl(ep, EPOLL_CTL_DEL, fd, &event));
  w.epoll_wait(ep);
}

void level_triggered(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  const int ep = c.epoll_create1(0);
  epoll_event event = event_of(EPOLLIN | EPOLLRDHUP, 7);
  w.note("add", c.epoll_ctl(ep, EPOLL_CTL_ADD, pair.server, &event));
  w.epoll_wait(ep);
  w.send(pair.client, "abc");
  w.settle();
  w.epoll_wait(ep);
  w.epoll_wait(ep);
  w.recv(pair.server, 10);
  w.epoll_wait(ep);
  event = event_of(EPOLLIN | EPOLLOUT, 8);
  w.note("modify", c.epoll_ctl(ep, EPOLL_CTL_MOD, pair.server, &event));
  w.epoll_wait(ep);
  w.shutdown(pair.client, SHUT_WR);
  w.settle();
  w.epoll_wait(ep);
  w.close(pair.server);
  w.epoll_wait(ep);
}

void edge_triggered(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  const int ep = c.epoll_create1(0);
  epoll_event event = event_of(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, 7);
  w.note("add", c.epoll_ctl(ep, EPOLL_CTL_ADD, pair.server, &event));
  w.epoll_wait(ep);
  w.epoll_wait(ep);
  w.send(pair.client, "abc");
  w.settle();
  w.epoll_wait(ep);
  w.epoll_wait(ep);
  w.send(pair.client, "def");  // news, though nothing was read
  w.settle();
  w.epoll_wait(ep);
  w.recv(pair.server, 10);
  w.epoll_wait(ep);
  w.close(pair.client);
  w.settle();
  w.epoll_wait(ep);
  w.epoll_wait(ep);
}

void one_shot(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  const int ep = c.epoll_create1(0);
  epoll_event event = event_of(EPOLLIN | static_cast<std::uint32_t>(EPOLLONESHOT), 7);
  w.note("add", c.epoll_ctl(ep, EPOLL_CTL_ADD, pair.server, &event));
  w.send(pair.client, "abc");
  w.settle();
  w.epoll_wait(ep);
  w.epoll_wait(ep);
  w.send(pair.client, "def");
  w.settle();
  w.epoll_wait(ep);
  w.note("again", c.epoll_ctl(ep, EPOLL_CTL_MOD, pair.server, &event));
  w.epoll_wait(ep);
}

void listener_and_others(World& w) {
  Calls& c = w.calls();
  const int listener = w.listening(7000);
  const int ep = c.epoll_create1(0);
  epoll_event event = event_of(EPOLLIN, 1);
  c.epoll_ctl(ep, EPOLL_CTL_ADD, listener, &event);
  w.epoll_wait(ep);
  const int first = w.socket();
  event = event_of(EPOLLOUT | EPOLLET, 2);
  w.connect(first, "127.0.0.1", 7000);
  c.epoll_ctl(ep, EPOLL_CTL_ADD, first, &event);
  w.settle();
  w.epoll_wait(ep, 1);
  w.epoll_wait(ep, 1);
  w.epoll_wait(ep);
  const int accepted = w.accept(listener);
  w.epoll_wait(ep);
  const int refused = w.socket();
  event = event_of(EPOLLOUT | EPOLLET, 3);
  w.connect(refused, "127.0.0.1", 7999);
  w.settle();
  c.epoll_ctl(ep, EPOLL_CTL_ADD, refused, &event);
  w.epoll_wait(ep);
  w.close(accepted);
  w.settle();
  w.epoll_wait(ep);
}

void epoll_is_pollable(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  const int ep = c.epoll_create1(0);
  epoll_event event = event_of(EPOLLIN, 1);
  c.epoll_ctl(ep, EPOLL_CTL_ADD, pair.server, &event);
  w.poll(ep);
  w.send(pair.client, "x");
  w.settle();
  w.poll(ep);
}

// What was read is ready no more, and one that is edge-triggered is until it was told.
void epoll_tells_what_is_so_now(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  const int ep = c.epoll_create1(0);
  epoll_event event = event_of(EPOLLIN | EPOLLET, 1);
  c.epoll_ctl(ep, EPOLL_CTL_ADD, pair.server, &event);
  w.send(pair.client, "x");
  w.settle();
  w.poll(ep);
  w.recv(pair.server, 10);
  w.poll(ep);
  w.send(pair.client, "y");
  w.settle();
  w.poll(ep);
  w.epoll_wait(ep);
  w.poll(ep);
}

// inner watches a socket, outer inner, and one more outer, edge-triggered.
void epoll_in_epoll(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  const int inner = c.epoll_create1(0);
  const int outer = c.epoll_create1(0);
  const int edges = c.epoll_create1(0);
  epoll_event event = event_of(EPOLLIN, 1);
  w.note("inner", c.epoll_ctl(inner, EPOLL_CTL_ADD, pair.server, &event));
  event = event_of(EPOLLIN, 2);
  w.note("outer", c.epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event));
  w.note("again", c.epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event));
  event = event_of(EPOLLIN | EPOLLET, 3);
  w.note("edges", c.epoll_ctl(edges, EPOLL_CTL_ADD, inner, &event));
  for (const char* const text : {"x", "y"}) {
    w.epoll_wait(outer);
    w.epoll_wait(edges);
    w.send(pair.client, text);
    w.settle();
    w.epoll_wait(outer);
    w.epoll_wait(outer);
    w.epoll_wait(edges);
    w.epoll_wait(edges);
    w.poll(outer);
    w.poll(inner);
    w.epoll_wait(inner);
    w.recv(pair.server, 10);
    w.poll(outer);
    w.poll(inner);
    w.epoll_wait(outer);
    w.epoll_wait(inner);
  }
  w.note("what was ready before", c.epoll_ctl(inner, EPOLL_CTL_DEL, pair.server, &event));
  event = event_of(EPOLLOUT, 4);
  w.note("inner", c.epoll_ctl(inner, EPOLL_CTL_ADD, pair.server, &event));
  w.epoll_wait(edges);
  w.epoll_wait(outer);
  w.close(inner);
  w.epoll_wait(outer);
  w.poll(outer);
}

void rows_of_epolls(World& w) {
  Calls& c = w.calls();
  std::array<int, 10> row;
  for (int& fd : row) fd = c.epoll_create1(0);
  epoll_event event = event_of(EPOLLIN, 1);
  const auto watch = [&](std::size_t from, std::size_t to) {
    w.note(std::to_string(from) + " watches " + std::to_string(to),
           c.epoll_ctl(row[from], EPOLL_CTL_ADD, row[to], &event));
  };
  watch(0, 0);
  watch(0, 1);
  watch(1, 0);
  for (std::size_t i = 1; i < 9; ++i) watch(i, i + 1);
  watch(4, 0);
  watch(9, 0);
  w.note("itself", c.epoll_ctl(row[0], EPOLL_CTL_ADD, c.dup(row[0]), &event));
  for (int& fd : row) {
    w.close(fd);
    fd = c.epoll_create1(0);
  }
  for (std::size_t i = 9; i > 0; --i) watch(i - 1, i);
  watch(9, 6);
  watch(9, 0);
}

void exclusive(World& w) {
  Calls& c = w.calls();
  const int ep = c.epoll_create1(0);
  const int fd = w.socket();
  for (const std::uint32_t events :
       {EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, EPOLLIN | EPOLLEXCLUSIVE | EPOLLPRI,
        EPOLLIN | EPOLLEXCLUSIVE | EPOLLET}) {
    epoll_event event = event_of(events, 1);
    w.note("add", c.epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
    w.note("modify", c.epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event));
    event.events = EPOLLIN;
    w.note("modify", c.epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event));
    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    w.note("an epoll", c.epoll_ctl(ep, EPOLL_CTL_ADD, c.epoll_create1(0), &event));
    w.note("itself", c.epoll_ctl(ep, EPOLL_CTL_ADD, ep, &event));
  }
}

void full_buffer(World& w) {
  const auto pair = w.connected();
  std::string much(100'000, 'x');
  const std::string_view text = much;
  std::int64_t sent = 0;
  for (int i = 0; i < 1000 && sent >= 0; ++i) {
    sent = w.calls().sendto(pair.client, text.data(), text.size(), MSG_NOSIGNAL, nullptr, 0);
  }
  w.note("at last", sent);
  w.poll(pair.client);
  std::int64_t received = 1;
  for (int i = 0; i < 10'000 && received > 0; ++i) {
    received = w.calls().recvfrom(pair.server, much.data(), much.size(), 0, nullptr, nullptr);
    w.settle();
  }
  w.note("emptied", received);
  w.poll(pair.client);
}

TUNTCP_AGREEMENT(Readiness, {"ManyAtOnce", many_at_once}, {"LowWater", low_water},
                 {"ArgumentsOfEpoll", arguments_of_epoll}, {"LevelTriggered", level_triggered},
                 {"EdgeTriggered", edge_triggered}, {"OneShot", one_shot},
                 {"ListenerAndOthers", listener_and_others}, {"EpollIsPollable", epoll_is_pollable},
                 {"EpollTellsWhatIsSoNow", epoll_tells_what_is_so_now},
                 {"EpollInEpoll", epoll_in_epoll}, {"RowsOfEpolls", rows_of_epolls},
                 {"Exclusive", exclusive}, {"FullBuffer", full_buffer});

}  // namespace
}  // namespace tuntcp::test
