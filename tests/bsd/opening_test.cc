// socket, bind, listen, accept, connect, names, shutdown, close: in the right order and in the
// wrong one.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "tests/bsd/agreement.h"

namespace tuntcp::test {
namespace {

void arguments_of_socket(World& w) {
  Calls& c = w.calls();
  w.note_fd("stream", c.socket(AF_INET, SOCK_STREAM, 0));
  w.note_fd("tcp", c.socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP));
  w.note_fd("udp as stream", c.socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
  w.note_fd("negative protocol", c.socket(AF_INET, SOCK_STREAM, -1));
  w.note_fd("no such domain", c.socket(999, SOCK_STREAM, 0));
  w.note_fd("no such type", c.socket(AF_INET, 9, 0));
  w.note_fd("no such flag", c.socket(AF_INET, SOCK_STREAM | 0x100, 0));
}

void no_such_descriptor(World& w) {
  Calls& c = w.calls();
  const Address a("127.0.0.1", 7000);
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  auto* const room = reinterpret_cast<sockaddr*>(&storage);
  char octets[4] = {};
  int value = 1;
  iovec piece{.iov_base = octets, .iov_len = 4};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  for (const int fd : {-1, 19'000}) {
    w.note("bind", c.bind(fd, a.get(), a.length));
    w.note("listen", c.listen(fd, 1));
    w.note("accept", c.accept4(fd, nullptr, nullptr, 0));
    w.note("connect", c.connect(fd, a.get(), a.length));
    w.note("getsockname", c.getsockname(fd, room, &length));
    w.note("getpeername", c.getpeername(fd, room, &length));
    w.note("read", c.read(fd, octets, 4));
    w.note("readv", c.readv(fd, &piece, 1));
    w.note("recv", c.recvfrom(fd, octets, 4, 0, nullptr, nullptr));
    w.note("recvmsg", c.recvmsg(fd, &message, 0));
    w.note("write", c.write(fd, octets, 4));
    w.note("writev", c.writev(fd, &piece, 1));
    w.note("send", c.sendto(fd, octets, 4, 0, nullptr, 0));
    w.note("sendmsg", c.sendmsg(fd, &message, 0));
    w.note("setsockopt", c.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 4));
    w.note("getsockopt", c.getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &length));
    w.note("fcntl", c.fcntl(fd, F_GETFL, 0));
    w.note("ioctl", c.ioctl(fd, 0x541b, &value));
    w.note("shutdown", c.shutdown(fd, SHUT_WR));
    w.note("dup", c.dup(fd));
    w.note("close", c.close(fd));
  }
}

void no_socket(World& w) {
  Calls& c = w.calls();
  const int fd = c.epoll_create1(0);
  const Address a("127.0.0.1", 7000);
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  char octets[4] = {};
  int value = 1;
  w.note("bind", c.bind(fd, a.get(), a.length));
  w.note("listen", c.listen(fd, 1));
  w.note("accept", c.accept4(fd, nullptr, nullptr, 0));
  w.note("accept flags", c.accept4(fd, nullptr, nullptr, 1));
  w.note("connect", c.connect(fd, a.get(), a.length));
  w.note("name", c.getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length));
  w.note("recv", c.recvfrom(fd, octets, 4, 0, nullptr, nullptr));
  w.note("send", c.sendto(fd, octets, 4, 0, nullptr, 0));
  w.note("read", c.read(fd, octets, 4));
  w.note("write", c.write(fd, octets, 4));
  w.note("setsockopt", c.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 4));
  w.note("getsockopt", c.getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &length));
  w.note("ioctl", c.ioctl(fd, 0x541b, &value));
  w.note("shutdown", c.shutdown(fd, SHUT_WR));
}

void addresses_to_bind(World& w) {
  Calls& c = w.calls();
  const int fd = w.socket();
  const Address good("127.0.0.1", 7000);
  w.note("short", c.bind(fd, good.get(), 15));
  w.note("none", c.bind(fd, good.get(), 0));
  w.note("huge", c.bind(fd, good.get(), 4096));
  w.note("null", c.bind(fd, nullptr, 16));
  const Address v6("::1", 7000);
  w.note("IPv6", c.bind(fd, v6.get(), v6.length));
  Address any("0.0.0.0", 7001);
  any.storage.ss_family = AF_UNSPEC;
  w.bind(fd, "198.51.100.1", 7000);
  w.names(fd);
  w.note("unspecified any", c.bind(fd, any.get(), any.length));
  w.names(fd);
  w.bind(fd, "127.0.0.1", 7002);
}

void addresses_to_bind_in_ipv6(World& w) {
  Calls& c = w.calls();
  const int fd = w.socket(AF_INET6);
  const Address good("::1", 7000);
  w.note("short", c.bind(fd, good.get(), 23));
  const Address v4("127.0.0.1", 7000);
  w.note("IPv4", c.bind(fd, v4.get(), v4.length));
  const Address v4_long("127.0.0.1", 7000);
  w.note("IPv4 in a long one", c.bind(fd, v4_long.get(), sizeof(sockaddr_in6)));
  w.bind(fd, "2001:db8::1", 7000);
  w.bind(fd, "ff02::1", 7000);
  w.note("without scope", c.bind(fd, good.get(), 24));
  w.names(fd);
}

void ports_in_use(World& w) {
  const int first = w.socket();
  w.bind(first, "127.0.0.1", 7000);
  const int second = w.socket();
  w.bind(second, "127.0.0.1", 7000);
  w.bind(second, "0.0.0.0", 7000);
  w.bind(second, "127.0.0.2", 7000);
  const int third = w.socket();
  w.set(third, SOL_SOCKET, SO_REUSEADDR, 1);
  w.bind(third, "127.0.0.1", 7000);
  w.set(first, SOL_SOCKET, SO_REUSEADDR, 1);
  w.bind(third, "127.0.0.1", 7000);
  w.listen(third);
  w.listen(first);
  const int fourth = w.socket();
  w.set(fourth, SOL_SOCKET, SO_REUSEADDR, 1);
  w.bind(fourth, "127.0.0.1", 7000);
  w.close(third);
  w.bind(fourth, "127.0.0.1", 7000);
  w.listen(first);
}

void both_families(World& w) {
  const int six = w.socket(AF_INET6);
  w.bind(six, "::", 7000);
  const int four = w.socket();
  w.bind(four, "0.0.0.0", 7000);
  w.bind(four, "127.0.0.1", 7000);
  w.set(six, IPPROTO_IPV6, IPV6_V6ONLY, 1);  // too late
  w.close(six);
  const int only = w.socket(AF_INET6);
  w.set(only, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  w.bind(only, "::ffff:127.0.0.1", 7000);
  w.bind(only, "::", 7000);
  w.bind(four, "0.0.0.0", 7000);
  w.connect(only, "::ffff:127.0.0.1", 7001);
}

void port_after_its_connections(World& w) {
  const auto [listener, client, server] = w.connected();
  w.close(listener);
  const int next = w.socket();
  w.bind(next, "0.0.0.0", 7000);
  w.close(server);
  w.settle();
  w.close(client);
  w.settle();
  w.bind(next, "0.0.0.0", 7000);  // TIME-WAIT is left
}

void listening_states(World& w) {
  const int fd = w.socket();
  w.listen(fd);  // without a name: it gets a port
  w.names(fd);
  w.listen(fd, -1);
  w.get(fd, SOL_SOCKET, SO_ACCEPTCONN);
  w.connect(fd, "127.0.0.1", 7001);
  w.send(fd, "x");
  w.recv(fd, 1);
  w.poll(fd);
  w.accept(fd);
  w.shutdown(fd, SHUT_WR);
  w.accept(fd);
  w.shutdown(fd, SHUT_RD);
  w.accept(fd);
  w.poll(fd);
  w.get(fd, SOL_SOCKET, SO_ACCEPTCONN);
}

void listening_when_connected(World& w) {
  const auto pair = w.connected();
  w.listen(pair.client);
  w.note_fd("accept", w.calls().accept4(pair.client, nullptr, nullptr, 0));
  const Address a("127.0.0.1", 7009);
  w.note("bind", w.calls().bind(pair.client, a.get(), a.length));
}

void accepting(World& w) {
  Calls& c = w.calls();
  const int listener = w.listening(7000);
  w.accept(listener);
  w.poll(listener);
  const int fresh = w.socket();
  w.accept(fresh);
  w.note_fd("flags", c.accept4(listener, nullptr, nullptr, 1));
  const int client = w.socket();
  w.connect(client, "127.0.0.1", 7000);
  w.settle();
  w.poll(listener);
  const int server = w.accept(listener);
  w.note("client name is server's peer", std::int64_t{server >= 0});
  w.note("flags of it", c.fcntl(server, F_GETFL, 0));
  w.accept(listener);
}

void room_for_names(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  sockaddr_storage storage{};
  auto* const room = reinterpret_cast<sockaddr*>(&storage);
  socklen_t length = 4;
  w.note("short", c.getsockname(pair.server, room, &length));
  w.note("length", std::int64_t{length});
  length = static_cast<socklen_t>(-1);
  w.note("negative", c.getsockname(pair.server, room, &length));
  length = 0;
  w.note("none", c.getpeername(pair.server, room, &length));
  w.note("length", std::int64_t{length});
  w.names(pair.client);
  w.names(pair.server);
  w.names(pair.listener);
}

void refused(World& w) {
  const int fd = w.socket();
  w.connect(fd, "127.0.0.1", 7999);
  w.settle();
  w.poll(fd);
  w.names(fd);
  w.connect(fd, "127.0.0.1", 7999);
  w.poll(fd);
  w.connect(fd, "127.0.0.1", 7999);
  w.settle();
  w.get(fd, SOL_SOCKET, SO_ERROR);
  w.get(fd, SOL_SOCKET, SO_ERROR);
  w.recv(fd, 1);
  w.send(fd, "x");
  w.connect(fd, "127.0.0.1", 7999);
  w.recv(fd, 1);
}

void refused_and_read(World& w) {
  const int fd = w.socket();
  w.connect(fd, "127.0.0.1", 7999);
  w.settle();
  w.recv(fd, 1);
  w.recv(fd, 1);
  w.send(fd, "x");
}

void connecting(World& w) {
  const int listener = w.listening(7000);
  const int fd = w.socket();
  w.connect(fd, "127.0.0.1", 7000);
  w.settle();
  w.poll(fd);
  w.get(fd, SOL_SOCKET, SO_ERROR);
  w.connect(fd, "127.0.0.1", 7000);
  w.connect(fd, "127.0.0.1", 7000);
  w.close(listener);
  w.settle();
  w.recv(fd, 1);
  w.connect(fd, "127.0.0.1", 7000);
}

// With the accept queue full the SYN is not answered.
void connecting_for_long(World& w) {
  w.listening(7000, AF_INET, 0);
  const int first = w.socket();
  w.connect(first, "127.0.0.1", 7000);
  w.settle();
  const int fd = w.socket();
  w.connect(fd, "127.0.0.1", 7000);
  w.settle();
  w.connect(fd, "127.0.0.1", 7000);
  w.poll(fd);
  w.send(fd, "x");
  w.recv(fd, 1);
  w.names(fd);
  w.listen(fd);
  w.ioctl(fd, 0x541b);
  w.ioctl(fd, 0x5411);
  w.note("state", std::int64_t{w.tcp_info(fd).tcpi_state});
  w.shutdown(fd, SHUT_WR);
  w.poll(fd);
  w.get(fd, SOL_SOCKET, SO_ERROR);
  w.names(fd);
  w.recv(fd, 1);
}

void addresses_to_connect(World& w) {
  Calls& c = w.calls();
  const int fd = w.socket();
  const Address a("127.0.0.1", 7999);
  w.note("short", c.connect(fd, a.get(), 15));
  w.note("one octet", c.connect(fd, a.get(), 1));
  w.note("huge", c.connect(fd, a.get(), 4096));
  w.note("null", c.connect(fd, nullptr, 16));
  const Address v6("::1", 7999);
  w.note("IPv6", c.connect(fd, v6.get(), v6.length));
  w.connect(fd, "224.0.0.1", 7999);
  w.connect(fd, "255.255.255.255", 7999);
  w.connect(fd, "198.51.100.1", 7999);
  w.connect(fd, "0.0.0.0", 7999);
  w.settle();
  w.connect(fd, "0.0.0.0", 7999);
  const int six = w.socket(AF_INET6);
  w.note("IPv4 by IPv6", c.connect(six, a.get(), a.length));
  w.note("short IPv6", c.connect(six, v6.get(), 23));
  w.connect(six, "ff02::1", 7999);
  w.connect(six, "2001:db8::1", 7999);
  w.connect(six, "::", 7999);
  w.settle();
  w.connect(six, "::", 7999);
}

void unspecified_undoes(World& w) {
  Calls& c = w.calls();
  const auto pair = w.connected();
  const sockaddr unspecified{.sa_family = AF_UNSPEC, .sa_data = {}};
  w.note("disconnect", c.connect(pair.client, &unspecified, sizeof unspecified));
  w.settle();
  w.names(pair.client);
  w.recv(pair.server, 1);
  w.recv(pair.server, 1);
  w.get(pair.client, SOL_SOCKET, SO_ERROR);
  w.connect(pair.client, "127.0.0.1", 7000);
  w.settle();
  w.connect(pair.client, "127.0.0.1", 7000);
  const int fresh = w.socket();
  w.note("of a fresh one", c.connect(fresh, &unspecified, sizeof unspecified));
}

void mapped_addresses(World& w) {
  const int listener = w.listening(7000, AF_INET6);
  const int four = w.socket();
  w.connect(four, "127.0.0.1", 7000);
  w.settle();
  const int server = w.accept(listener);
  w.names(server);
  const int six = w.socket(AF_INET6);
  w.connect(six, "::ffff:127.0.0.1", 7000);
  w.settle();
  const int second = w.accept(listener);
  w.names(six);
  w.names(second);
  const int pure = w.socket(AF_INET6);
  w.connect(pure, "::1", 7000);
  w.settle();
  w.accept(listener);
  w.names(pure);
}

void bound_client(World& w) {
  const int listener = w.listening(7000);
  const int client = w.socket();
  w.bind(client, "127.0.0.3", 7777);
  w.connect(client, "127.0.0.1", 7000);
  w.settle();
  w.accept(listener);
  w.names(client);
  const int other = w.socket();
  w.bind(other, "127.0.0.3", 7777);
  w.bind(other, "127.0.0.3", 0);
  w.names(other);
}

void shutting_fresh_ones(World& w) {
  const int fd = w.socket();
  w.poll(fd);
  w.shutdown(fd, SHUT_RD);
  w.shutdown(fd, 3);
  w.shutdown(fd, -1);
  w.names(fd);
  w.note("state", std::int64_t{w.tcp_info(fd).tcpi_state});
}

void closing_twice(World& w) {
  const int fd = w.socket();
  const int copy = w.calls().dup(fd);
  w.close(fd);
  w.close(fd);
  w.bind(copy, "127.0.0.1", 7000);
  w.close(copy);
  w.bind(copy, "127.0.0.1", 7000);
}

TUNTCP_AGREEMENT(
    Opening, {"ArgumentsOfSocket", arguments_of_socket}, {"NoSuchDescriptor", no_such_descriptor},
    {"NoSocket", no_socket}, {"AddressesToBind", addresses_to_bind},
    {"AddressesToBindInIpv6", addresses_to_bind_in_ipv6}, {"PortsInUse", ports_in_use},
    {"BothFamilies", both_families}, {"PortAfterItsConnections", port_after_its_connections},
    {"ListeningStates", listening_states}, {"ListeningWhenConnected", listening_when_connected},
    {"Accepting", accepting}, {"RoomForNames", room_for_names}, {"Refused", refused},
    {"RefusedAndRead", refused_and_read}, {"Connecting", connecting},
    {"ConnectingForLong", connecting_for_long}, {"AddressesToConnect", addresses_to_connect},
    {"UnspecifiedUndoes", unspecified_undoes}, {"MappedAddresses", mapped_addresses},
    {"BoundClient", bound_client}, {"ShuttingFreshOnes", shutting_fresh_ones},
    {"ClosingTwice", closing_twice});

}  // namespace
}  // namespace tuntcp::test
