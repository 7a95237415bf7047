// getsockopt, setsockopt, fcntl: values, lengths, levels, states.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <cstring>

#include "tests/bsd/agreement.h"

namespace tuntcp::test {
namespace {

struct Option {
  int level;
  int name;
};
constexpr Option kOptions[] = {{SOL_SOCKET, SO_REUSEADDR},
                               {SOL_SOCKET, SO_TYPE},
                               {SOL_SOCKET, SO_DOMAIN},
                               {SOL_SOCKET, SO_PROTOCOL},
                               {SOL_SOCKET, SO_ERROR},
                               {SOL_SOCKET, SO_ACCEPTCONN},
                               {SOL_SOCKET, SO_RCVLOWAT},
                               {SOL_SOCKET, SO_SNDLOWAT},
                               {SOL_SOCKET, SO_LINGER},
                               {IPPROTO_TCP, TCP_NODELAY},
                               {IPPROTO_TCP, TCP_CORK},
                               {IPPROTO_TCP, TCP_SYNCNT},
                               {IPPROTO_TCP, TCP_USER_TIMEOUT},
                               {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
                               {SOL_SOCKET, SO_KEEPALIVE},
                               {SOL_SOCKET, SO_OOBINLINE},
                               {IPPROTO_TCP, TCP_KEEPIDLE},
                               {IPPROTO_TCP, TCP_KEEPINTVL},
                               {IPPROTO_TCP, TCP_KEEPCNT},
                               {IPPROTO_TCP, TCP_LINGER2},
                               {IPPROTO_TCP, TCP_DEFER_ACCEPT},
                               {IPPROTO_TCP, TCP_INQ},
                               {IPPROTO_TCP, TCP_QUICKACK},
                               {IPPROTO_IPV6, IPV6_V6ONLY},
                               {IPPROTO_IP, IP_MTU}};

void fresh_values(World& w) {
  const int fd = w.socket();
  for (const Option& option : kOptions) w.get(fd, option.level, option.name);
  w.get(fd, IPPROTO_TCP, TCP_MAXSEG);
  const int six = w.socket(AF_INET6);
  for (const Option& option : kOptions) w.get(six, option.level, option.name);
}

void each_value(World& w) {
  const int fd = w.socket();
  for (const Option& option : kOptions) {
    for (const int value : {1, 0, 2, 5, 100, 127, 128, 1000, 70'000, -1}) {
      w.set(fd, option.level, option.name, value);
      w.get(fd, option.level, option.name);
    }
  }
}

void segment_sizes(World& w) {
  const int fd = w.socket();
  for (const int value : {1460, 0, 87, 88, 32'767, 32'768, -1}) {
    w.set(fd, IPPROTO_TCP, TCP_MAXSEG, value);
    w.get(fd, IPPROTO_TCP, TCP_MAXSEG);
  }
}

void lengths(World& w) {
  Calls& c = w.calls();
  const int fd = w.socket();
  std::array<char, 64> value{};
  for (const Option& option : kOptions) {
    const std::string name = std::to_string(option.level) + "/" + std::to_string(option.name);
    for (const int length : {0, 1, 3, 8, 64, -1}) {
      const auto size = static_cast<socklen_t>(length);
      // One octet is enough for some options of IP; none of those is here.
      if (option.level != IPPROTO_IP) {
        w.note("set " + name, c.setsockopt(fd, option.level, option.name, value.data(), size));
      }
      socklen_t room = size;
      const int result = c.getsockopt(fd, option.level, option.name, value.data(), &room);
      w.note("get " + name, result);
      if (result == 0) w.note("length", std::int64_t{room});
    }
  }
}

void strange_levels(World& w) {
  Calls& c = w.calls();
  const int fd = w.socket();
  const int six = w.socket(AF_INET6);
  w.set(fd, IPPROTO_UDP, 1, 1);
  w.get(fd, IPPROTO_UDP, 1);
  w.set(fd, 4711, 1, 1);
  w.get(fd, 4711, 1);
  w.set(fd, SOL_SOCKET, 9999, 1);
  w.get(fd, SOL_SOCKET, 9999);
  w.set(fd, IPPROTO_TCP, 9999, 1);
  w.get(fd, IPPROTO_TCP, 9999);
  w.set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  w.get(six, IPPROTO_IP, IP_MTU);
  w.get(six, IPPROTO_IPV6, IPV6_MTU);
  for (const int option : {SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ERROR, SO_ACCEPTCONN, SO_SNDLOWAT}) {
    w.set(fd, SOL_SOCKET, option, 1);
  }
  w.set(fd, IPPROTO_TCP, TCP_INFO, 1);
  w.note("null", c.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, nullptr, 4));
  socklen_t length = 4;
  w.note("null", c.getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, nullptr, &length));
  int value = 0;
  w.note("null", c.getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, nullptr));
}

void lingering(World& w) {
  Calls& c = w.calls();
  const int fd = w.socket();
  for (const linger wanted : {linger{1, 5}, linger{7, 0}, linger{0, 9}}) {
    w.note("set", c.setsockopt(fd, SOL_SOCKET, SO_LINGER, &wanted, sizeof wanted));
    linger got{};
    socklen_t length = sizeof got;
    w.note("get", c.getsockopt(fd, SOL_SOCKET, SO_LINGER, &got, &length));
    w.note("on", std::int64_t{got.l_onoff});
    w.note("length", std::int64_t{length});
  }
}

void waiting_times(World& w) {
  Calls& c = w.calls();
  const int fd = w.socket();
  for (const timeval wanted :
       {timeval{1, 500'000}, timeval{0, 1'000'000}, timeval{0, -1}, timeval{0, 0}}) {
    w.note("set", c.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wanted, sizeof wanted));
    w.note("short", c.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wanted, 8));
    timeval got{};
    socklen_t length = sizeof got;
    w.note("get", c.getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &got, &length));
    w.note("s", std::int64_t{got.tv_sec});
    w.note("us", std::int64_t{got.tv_usec});
  }
}

void buffers(World& w) {
  const int fd = w.socket();
  for (const int value : {50'000, 100, 0, 200'000}) {
    w.set(fd, SOL_SOCKET, SO_RCVBUF, value);
    w.get(fd, SOL_SOCKET, SO_RCVBUF);
    w.set(fd, SOL_SOCKET, SO_SNDBUF, value);
    w.get(fd, SOL_SOCKET, SO_SNDBUF);
  }
}

void congestion_control(World& w) {
  Calls& c = w.calls();
  const int fd = w.socket();
  w.note("unknown", c.setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "nothing", 7));
  w.note("none", c.setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "", 0));
  w.note("reno", c.setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
  for (const socklen_t room : {socklen_t{64}, socklen_t{16}, socklen_t{2}, socklen_t{0}}) {
    char name[64] = {};
    socklen_t length = room;
    w.note("get", c.getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length));
    w.note("name", name);
    w.note("length", std::int64_t{length});
  }
}

// Of the kernel only reno is sure to be there.
void congestion_control_of_connections(World& w) {
  Calls& c = w.calls();
  const auto name_of = [&](int fd) {
    char name[16] = {};
    socklen_t length = sizeof name;
    w.note("get", c.getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length));
    w.note("name", name);
  };
  const int listener = w.listening(7000);
  w.note("set", c.setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
  name_of(listener);
  const int client = w.socket();
  w.connect(client, "127.0.0.1", 7000);
  w.settle();
  name_of(w.accept(listener));
  w.note("set", c.setsockopt(client, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
  name_of(client);
  w.note("unknown", c.setsockopt(client, IPPROTO_TCP, TCP_CONGESTION, "nothing", 7));
  name_of(client);
}

void children_inherit(World& w) {
  const int listener = w.listening(7000);
  w.set(listener, IPPROTO_TCP, TCP_NODELAY, 1);
  w.set(listener, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000);
  w.set(listener, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 999);
  w.set(listener, SOL_SOCKET, SO_RCVLOWAT, 3);
  w.set(listener, SOL_SOCKET, SO_REUSEADDR, 1);
  w.set(listener, SOL_SOCKET, SO_RCVBUF, 40'000);
  const int client = w.socket();
  w.connect(client, "127.0.0.1", 7000);
  w.settle();
  const int server = w.accept(listener);
  w.get(server, IPPROTO_TCP, TCP_NODELAY);
  w.get(server, IPPROTO_TCP, TCP_USER_TIMEOUT);
  w.get(server, IPPROTO_TCP, TCP_NOTSENT_LOWAT);
  w.get(server, SOL_SOCKET, SO_RCVLOWAT);
  w.get(server, SOL_SOCKET, SO_REUSEADDR);
  w.get(server, SOL_SOCKET, SO_RCVBUF);
  w.get(server, SOL_SOCKET, SO_ACCEPTCONN);
  w.get(client, IPPROTO_TCP, TCP_NODELAY);
}

void flags_of_files(World& w) {
  Calls& c = w.calls();
  const int fd = c.socket(AF_INET, SOCK_STREAM, 0);
  w.note("flags", c.fcntl(fd, F_GETFL, 0));
  w.note("set", c.fcntl(fd, F_SETFL, O_NONBLOCK));
  w.note("flags", c.fcntl(fd, F_GETFL, 0));
  w.note("descriptor's", c.fcntl(fd, F_GETFD, 0));
  w.note("set", c.fcntl(fd, F_SETFD, FD_CLOEXEC));
  w.note("descriptor's", c.fcntl(fd, F_GETFD, 0));
  const int copy = c.fcntl(fd, F_DUPFD, 500);
  w.note("copy", std::int64_t{copy});
  w.note("flags of the copy", c.fcntl(copy, F_GETFL, 0));
  w.note("descriptor's of the copy", c.fcntl(copy, F_GETFD, 0));
  w.note("close", c.close(copy));
  w.note("negative", c.fcntl(fd, F_DUPFD, -1));
  w.note("unknown", c.fcntl(fd, 9999, 0));
  int off = 0;
  w.note("FIONBIO", c.ioctl(fd, 0x5421, &off));
  w.note("flags", c.fcntl(fd, F_GETFL, 0));
}

void information(World& w) {
  const auto pair = w.connected();
  const auto tell = [&](const char* who, int fd) {
    const bsd::TcpInfo info = w.tcp_info(fd);
    w.note(std::string(who) + " state", std::int64_t{info.tcpi_state});
    w.note("ca_state", std::int64_t{info.tcpi_ca_state});
    w.note("retransmits", std::int64_t{info.tcpi_retransmits});
    w.note("probes", std::int64_t{info.tcpi_probes});
    w.note("backoff", std::int64_t{info.tcpi_backoff});
    w.note("options", std::int64_t{info.tcpi_options & 7});
    w.note("unacked", std::int64_t{info.tcpi_unacked});
    w.note("sacked", std::int64_t{info.tcpi_sacked});
    w.note("lost", std::int64_t{info.tcpi_lost});
    w.note("retrans", std::int64_t{info.tcpi_retrans});
    w.note("ssthresh", std::int64_t{info.tcpi_snd_ssthresh});
    w.note("reordering", std::int64_t{info.tcpi_reordering});
    w.note("total_retrans", std::int64_t{info.tcpi_total_retrans});
    w.note("acked", static_cast<std::int64_t>(info.tcpi_bytes_acked));
    w.note("received", static_cast<std::int64_t>(info.tcpi_bytes_received));
    w.note("sent", static_cast<std::int64_t>(info.tcpi_bytes_sent));
    w.note("notsent", std::int64_t{info.tcpi_notsent_bytes});
    w.note("data in", std::int64_t{info.tcpi_data_segs_in});
    w.note("data out", std::int64_t{info.tcpi_data_segs_out});
    w.note("delivered", std::int64_t{info.tcpi_delivered});
    w.note("last_ack_sent", std::int64_t{info.tcpi_last_ack_sent});
    w.note("ooopack", std::int64_t{info.tcpi_rcv_ooopack});
  };
  const int fresh = w.socket();
  tell("fresh", fresh);
  w.note("fresh mss", std::int64_t{w.tcp_info(fresh).tcpi_snd_mss});
  w.note("fresh cwnd", std::int64_t{w.tcp_info(fresh).tcpi_snd_cwnd});
  w.note("fresh rto", std::int64_t{w.tcp_info(fresh).tcpi_rto});
  w.note("fresh rttvar", std::int64_t{w.tcp_info(fresh).tcpi_rttvar});
  w.note("fresh min_rtt", std::int64_t{w.tcp_info(fresh).tcpi_min_rtt});
  w.note("fresh app_limited", std::int64_t{w.tcp_info(fresh).tcpi_delivery_rate_app_limited});
  w.note("fresh pacing", static_cast<std::int64_t>(w.tcp_info(fresh).tcpi_pacing_rate));
  w.note("max_pacing", static_cast<std::int64_t>(w.tcp_info(pair.client).tcpi_max_pacing_rate));
  w.note("listener cwnd", std::int64_t{w.tcp_info(pair.listener).tcpi_snd_cwnd});
  w.note("listener reordering", std::int64_t{w.tcp_info(pair.listener).tcpi_reordering});
  std::array<char, 512> room{};
  socklen_t length = room.size();
  w.note("get", w.calls().getsockopt(fresh, IPPROTO_TCP, TCP_INFO, room.data(), &length));
  w.note("length", std::int64_t{length});
  tell("client", pair.client);
  tell("server", pair.server);
  w.send(pair.client, "0123456789");
  w.settle();
  tell("client", pair.client);
  tell("server", pair.server);
  w.recv(pair.server, 4);
  w.shutdown(pair.client, SHUT_WR);
  for (int i = 0; i < 20; ++i) w.settle();  // Linux delays the ACK of a FIN
  tell("client", pair.client);
  tell("server", pair.server);
  w.note("listener", std::int64_t{w.tcp_info(pair.listener).tcpi_state});
  w.note("queue limit", std::int64_t{w.tcp_info(pair.listener).tcpi_sacked});
  const int waiting = w.socket();
  w.connect(waiting, "127.0.0.1", 7000);
  w.settle();
  w.note("queue", std::int64_t{w.tcp_info(pair.listener).tcpi_unacked});
}

// IP_OPTIONS (RFC 9293, MUST-51): source routes, right and wrong, and what fills up.
std::vector<std::uint8_t> route_of(std::uint8_t kind, std::uint8_t pointer, int hops) {
  std::vector<std::uint8_t> octets = {kind, static_cast<std::uint8_t>(3 + 4 * hops), pointer};
  for (int i = 1; i <= hops; ++i) {
    octets.insert(octets.end(), {192, 0, 2, static_cast<std::uint8_t>(i)});
  }
  return octets;
}
void tell_ip_options(World& w, int fd, socklen_t room = 40) {
  std::array<std::uint8_t, 64> value{};
  w.note("get",
         std::int64_t{w.calls().getsockopt(fd, IPPROTO_IP, IP_OPTIONS, value.data(), &room)});
  std::string octets;
  for (std::size_t i = 0; i < std::min<std::size_t>(room, value.size()); ++i) {
    octets += std::to_string(value[i]) + " ";
  }
  w.note("octets", octets);
}
void set_ip_options(World& w, int fd, const std::vector<std::uint8_t>& octets) {
  w.note("set", std::int64_t{w.calls().setsockopt(fd, IPPROTO_IP, IP_OPTIONS, octets.data(),
                                                  static_cast<socklen_t>(octets.size()))});
}

void ip_options(World& w) {
  using Octets = std::vector<std::uint8_t>;
  constexpr std::uint8_t kLoose = 131;
  constexpr std::uint8_t kStrict = 137;
  std::vector<Octets> values = {{},
                                {0},
                                {1},
                                {1, 1, 1, 1, 1},
                                {0, kLoose, 7, 4, 1, 2, 3, 4},
                                {kLoose},
                                {kLoose, 7},
                                {kLoose, 0},
                                {kLoose, 1, 4},
                                {kLoose, 3, 4},
                                {kLoose, 9, 4, 192, 0, 2, 1, 5, 6},
                                {kLoose, 2, 4, 0},
                                {7, 1, 0, 0},
                                Octets(40, 1),
                                Octets(41, 1),
                                Octets(40, 0)};
  for (const std::uint8_t kind : {kLoose, kStrict}) {
    for (int hops = 0; hops <= 10; ++hops) values.push_back(route_of(kind, 4, hops));
    for (const int pointer : {0, 3, 5, 8, 12, 255}) {
      values.push_back(route_of(kind, static_cast<std::uint8_t>(pointer), 2));
    }
  }
  Octets after_nop = route_of(kLoose, 4, 2);
  after_nop.insert(after_nop.begin(), 1);
  values.push_back(after_nop);
  Octets two = route_of(kLoose, 4, 1);
  two.insert(two.end(), {kStrict, 7, 4, 192, 0, 2, 9});
  values.push_back(two);
  Octets rubbish = route_of(kLoose, 4, 1);
  rubbish.insert(rubbish.end(), {0, 5, 6, 7});
  values.push_back(rubbish);
  for (const int domain : {AF_INET, AF_INET6}) {
    const int fd = w.socket(domain);
    tell_ip_options(w, fd);
    for (const Octets& value : values) {
      set_ip_options(w, fd, value);
      tell_ip_options(w, fd);
    }
    set_ip_options(w, fd, after_nop);
    for (const socklen_t room : {0U, 1U, 5U, 12U, 40U, 64U}) tell_ip_options(w, fd, room);
    set_ip_options(w, fd, {});
    tell_ip_options(w, fd);
  }
  // Of a listener: its own, and no child's.
  const int listener = w.socket();
  set_ip_options(w, listener, after_nop);
  w.bind(listener, "127.0.0.1", 7100);
  w.listen(listener);
  tell_ip_options(w, listener);
  const int client = w.socket();
  w.connect(client, "127.0.0.1", 7100);
  w.settle();
  tell_ip_options(w, w.accept(listener));
}

TUNTCP_AGREEMENT(Options, {"FreshValues", fresh_values}, {"EachValue", each_value},
                 {"SegmentSizes", segment_sizes}, {"Lengths", lengths},
                 {"StrangeLevels", strange_levels}, {"Lingering", lingering},
                 {"WaitingTimes", waiting_times}, {"Buffers", buffers},
                 {"CongestionControl", congestion_control},
                 {"CongestionControlOfConnections", congestion_control_of_connections},
                 {"ChildrenInherit", children_inherit}, {"FlagsOfFiles", flags_of_files},
                 {"IpOptions", ip_options}, {"Information", information});

}  // namespace
}  // namespace tuntcp::test
