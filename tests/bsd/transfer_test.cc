// Octets in and out, the end of the stream, resets, and what both sides are told then.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <cstring>

#include "tests/bsd/agreement.h"

namespace tuntcp::test {
namespace {

void there_and_back(World& w) {
  const auto pair = w.connected();
  w.recv(pair.server, 10);
  w.send(pair.client, "hello");
  w.settle();
  w.recv(pair.server, 2);
  w.recv(pair.server, 10);
  w.recv(pair.server, 10);
  w.send(pair.server, "back", MSG_DONTWAIT);
  w.settle();
  w.recv(pair.client, 10, MSG_DONTWAIT);
}

void looking_and_throwing_away(World& w) {
  const auto pair = w.connected();
  w.send(pair.client, "hello world");
  w.settle();
  w.recv(pair.server, 5, MSG_PEEK);
  w.recv(pair.server, 100, MSG_PEEK);
  w.recv(pair.server, 6, MSG_TRUNC);
  w.recv(pair.server, 5, MSG_PEEK | MSG_TRUNC);
  w.recv(pair.server, 100, MSG_TRUNC);
  w.recv(pair.server, 1, MSG_OOB);
  w.recv(pair.server, 1, MSG_ERRQUEUE);
}

void nothing_at_all(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  char octet = 0;
  w.note("read none", c.read(pair.server, &octet, 0));
  w.note("recv none", c.recvfrom(pair.server, &octet, 0, 0, nullptr, nullptr));
  w.send(pair.client, "");
  w.note("write none", c.write(pair.client, "", 0));
  w.send(pair.client, "x");
  w.settle();
  w.note("recv none of some", c.recvfrom(pair.server, &octet, 0, 0, nullptr, nullptr));
  w.recv(pair.server, 5);
  w.note("read none of a listener", c.read(pair.listener, &octet, 0));
  const int fresh = w.socket();
  w.note("read none of a fresh one", c.read(fresh, &octet, 0));
  w.note("write none to a fresh one", c.write(fresh, "", 0));
  w.recv(fresh, 5);
  w.send(fresh, "x");
}

void pieces(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  char first[] = "abc";
  char second[] = "defgh";
  std::array<iovec, 3> out{iovec{first, 3}, iovec{nullptr, 0}, iovec{second, 5}};
  w.note("writev", c.writev(pair.client, out.data(), 3));
  w.settle();
  char one[3] = {};
  char two[20] = {};
  std::array<iovec, 2> in{iovec{one, 2}, iovec{two, 19}};
  w.note("readv", c.readv(pair.server, in.data(), 2));
  w.note("first", one);
  w.note("second", two);
  w.note("count", c.readv(pair.server, in.data(), -1));
  w.note("too many", c.readv(pair.server, in.data(), 1025));
  in[1].iov_len = static_cast<std::size_t>(-1);
  w.note("negative length", c.readv(pair.server, in.data(), 2));
  w.note("empty", c.readv(pair.server, in.data(), 0));
}

void messages(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  char text[] = "message";
  iovec piece{text, 7};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  w.note("sendmsg", c.sendmsg(pair.client, &message, MSG_NOSIGNAL));
  w.settle();
  char name[32] = {};
  message.msg_name = name;
  message.msg_namelen = sizeof name;
  message.msg_flags = -1;
  w.note("recvmsg", c.recvmsg(pair.server, &message, 0));
  w.note("name", std::int64_t{message.msg_namelen});
  w.note("flags", std::int64_t{message.msg_flags});
  w.note("again", c.recvmsg(pair.server, &message, 0));
  message.msg_iovlen = 2000;
  w.note("too many", c.recvmsg(pair.server, &message, 0));
  w.note("too many", c.sendmsg(pair.server, &message, 0));
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  w.send(pair.client, "x");
  w.settle();
  w.note("recvfrom",
         c.recvfrom(pair.server, text, 7, 0, reinterpret_cast<sockaddr*>(&storage), &length));
  w.note("length", std::int64_t{length});
  const Address elsewhere("198.51.100.1", 9);
  w.note("sendto another", c.sendto(pair.client, "x", 1, MSG_NOSIGNAL, elsewhere.get(), 16));
}

void octets_waiting(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  w.set(pair.server, IPPROTO_TCP, TCP_INQ, 2);
  w.set(pair.server, IPPROTO_TCP, TCP_INQ, 1);
  w.get(pair.server, IPPROTO_TCP, TCP_INQ);
  w.send(pair.client, "0123456789");
  w.settle();
  std::array<char, 4> text{};
  iovec piece{text.data(), text.size()};
  for (const std::size_t room : {CMSG_SPACE(4), CMSG_LEN(2), std::size_t{8}}) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(4)> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = room;
    w.note("recvmsg", c.recvmsg(pair.server, &message, 0));
    w.note("flags", std::int64_t{message.msg_flags});
    w.note("control", static_cast<std::int64_t>(message.msg_controllen));
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header == nullptr) continue;
    w.note("length", static_cast<std::int64_t>(header->cmsg_len));
    w.note("level", std::int64_t{header->cmsg_level});
    w.note("type", std::int64_t{header->cmsg_type});
    if (header->cmsg_len < CMSG_LEN(4)) continue;
    int waiting = 0;
    std::memcpy(&waiting, CMSG_DATA(header), sizeof waiting);
    w.note("waiting", std::int64_t{waiting});
  }
}

void end_of_stream(World& w) {
  const auto pair = w.connected();
  w.send(pair.client, "last");
  w.shutdown(pair.client, SHUT_WR);
  w.send(pair.client, "more");
  w.poll(pair.client);
  w.settle();
  w.poll(pair.server);
  w.ioctl(pair.server, 0x541b);
  w.recv(pair.server, 10);
  w.ioctl(pair.server, 0x541b);
  w.recv(pair.server, 10);
  w.recv(pair.server, 10);
  w.poll(pair.server);
  w.send(pair.server, "answer");
  w.settle();
  w.recv(pair.client, 10);
  w.note("client", std::int64_t{w.tcp_info(pair.client).tcpi_state});
  w.note("server", std::int64_t{w.tcp_info(pair.server).tcpi_state});
  w.shutdown(pair.server, SHUT_WR);
  w.settle();
  w.poll(pair.client);
  w.poll(pair.server);
  w.note("client", std::int64_t{w.tcp_info(pair.client).tcpi_state});
  w.note("server", std::int64_t{w.tcp_info(pair.server).tcpi_state});
  w.names(pair.client);
  w.recv(pair.client, 10);
  w.send(pair.client, "x");
  w.shutdown(pair.client, SHUT_RDWR);
  w.connect(pair.client, "127.0.0.1", 7000);
}

void peer_closes(World& w) {
  const auto pair = w.connected();
  w.close(pair.client);
  w.settle();
  w.recv(pair.server, 1);
  w.send(pair.server, "x");  // answered by a reset
  w.settle();
  w.poll(pair.server);
  w.recv(pair.server, 1);
  w.send(pair.server, "x");
  w.send(pair.server, "x");
  w.get(pair.server, SOL_SOCKET, SO_ERROR);
}

void peer_resets(World& w) {
  const auto pair = w.connected();
  const linger now{.l_onoff = 1, .l_linger = 0};
  w.note("linger", w.calls().setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &now, sizeof now));
  w.send(pair.client, "before");
  w.settle();
  w.close(pair.client);
  w.settle();
  w.poll(pair.server);
  w.recv(pair.server, 10);
  w.recv(pair.server, 10);
  w.recv(pair.server, 10);
  w.poll(pair.server);
  w.send(pair.server, "x");
  w.names(pair.server);
  w.shutdown(pair.server, SHUT_WR);
  w.note("state", std::int64_t{w.tcp_info(pair.server).tcpi_state});
}

void peer_resets_and_we_write(World& w) {
  const auto pair = w.connected();
  w.send(pair.server, "unread");
  w.settle();
  w.close(pair.client);  // with octets unread
  w.settle();
  w.send(pair.server, "x");
  w.send(pair.server, "x");
  w.recv(pair.server, 10);
  w.get(pair.server, SOL_SOCKET, SO_ERROR);
}

void error_of_a_reset(World& w) {
  const auto pair = w.connected();
  w.send(pair.server, "unread");
  w.settle();
  w.close(pair.client);
  w.settle();
  w.get(pair.server, SOL_SOCKET, SO_ERROR);
  w.get(pair.server, SOL_SOCKET, SO_ERROR);
  w.recv(pair.server, 10);
  w.connect(pair.server, "127.0.0.1", 7000);
}

// One that both have finished with was reset, not broken.
void reset_after_both_ends(World& w) {
  for (const bool is_shut : {true, false}) {
    const auto pair = w.connected(is_shut ? 7000 : 7001);
    w.close(pair.client);
    w.settle();
    w.send(pair.server, "x", MSG_MORE);
    if (is_shut) w.shutdown(pair.server, SHUT_WR);
    if (!is_shut) w.send(pair.server, "y");
    w.settle();
    w.poll(pair.server);
    w.get(pair.server, SOL_SOCKET, SO_ERROR);
  }
}

void receiving_shut(World& w) {
  const auto pair = w.connected();
  w.send(pair.client, "early");
  w.settle();
  w.shutdown(pair.server, SHUT_RD);
  w.poll(pair.server);
  w.recv(pair.server, 3);
  w.recv(pair.server, 10);
  w.recv(pair.server, 10);
  w.send(pair.client, "late");
  w.settle();
  w.recv(pair.server, 10);
  w.recv(pair.server, 10);
  w.send(pair.server, "still");
  w.settle();
  w.recv(pair.client, 10);
}

void both_shut(World& w) {
  const auto pair = w.connected();
  w.shutdown(pair.server, SHUT_RDWR);
  w.poll(pair.server);
  w.recv(pair.server, 10);
  w.send(pair.server, "x");
  w.settle();
  w.send(pair.client, "nobody reads this");
  w.settle();
  w.recv(pair.client, 10);
  w.recv(pair.client, 10);
  w.send(pair.client, "x");
  w.poll(pair.client);
  w.poll(pair.server);
  w.get(pair.server, SOL_SOCKET, SO_ERROR);
}

void copies_share(World& w) {
  const auto pair = w.connected();
  const int copy = w.note_fd("dup", w.calls().dup(pair.client));
  w.close(pair.client);
  w.settle();
  w.recv(pair.server, 1);
  w.send(copy, "alive");
  w.settle();
  w.recv(pair.server, 10);
  w.close(copy);
  w.settle();
  w.recv(pair.server, 10);
}

void in_parts(World& w) {
  const auto pair = w.connected();
  w.send(pair.client, "one ", MSG_MORE);
  w.send(pair.client, "two", 0);
  w.settle();
  w.recv(pair.server, 20);
  w.set(pair.client, IPPROTO_TCP, TCP_CORK, 1);
  w.send(pair.client, "three");
  w.settle();
  w.recv(pair.server, 20);
  w.set(pair.client, IPPROTO_TCP, TCP_CORK, 0);
  w.settle();
  w.recv(pair.server, 20);
  w.send(pair.client, "four", MSG_EOR);
  w.settle();
  w.recv(pair.server, 20);
}

void unread_counts(World& w) {
  const auto pair = w.connected();
  w.ioctl(pair.server, 0x541b);
  w.ioctl(pair.client, 0x5411);
  w.set(pair.client, IPPROTO_TCP, TCP_CORK, 1);
  w.send(pair.client, "0123456789");
  w.ioctl(pair.client, 0x5411);
  w.ioctl(pair.client, 0x894b);
  w.set(pair.client, IPPROTO_TCP, TCP_CORK, 0);
  w.settle();
  w.ioctl(pair.client, 0x894b);
  w.ioctl(pair.server, 0x541b);
  w.ioctl(pair.server, 0x8905);
  w.ioctl(pair.listener, 0x541b);
  w.ioctl(pair.listener, 0x5411);
  w.ioctl(pair.server, 0x1234);
  const int fresh = w.socket();
  w.ioctl(fresh, 0x541b);
  w.ioctl(fresh, 0x5411);
}

TUNTCP_AGREEMENT(Transfer, {"ThereAndBack", there_and_back},
                 {"LookingAndThrowingAway", looking_and_throwing_away},
                 {"NothingAtAll", nothing_at_all}, {"Pieces", pieces}, {"Messages", messages},
                 {"OctetsWaiting", octets_waiting}, {"EndOfStream", end_of_stream},
                 {"PeerCloses", peer_closes}, {"PeerResets", peer_resets},
                 {"PeerResetsAndWeWrite", peer_resets_and_we_write},
                 {"ErrorOfAReset", error_of_a_reset}, {"ResetAfterBothEnds", reset_after_both_ends},
                 {"ReceivingShut", receiving_shut}, {"BothShut", both_shut},
                 {"CopiesShare", copies_share}, {"InParts", in_parts},
                 {"UnreadCounts", unread_counts});

}  // namespace
}  // namespace tuntcp::test
