// The words of ss(8), nstat(8) and sysctl(8), checked against what iproute2 and procps print.
#include "stack/io/host_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "stack/wire/packet_sink.h"

namespace tuntcp::io {
namespace {

using testing::HasSubstr;
using testing::Not;

// A network without hosts.
class Nowhere final : public wire::PacketSink {
 public:
  wire::SendResult send(const wire::OutgoingPacket&) override { return wire::SendResult::sent; }
};

// A host that talks to itself, in virtual time.
class HostTextTest : public testing::Test {
 protected:
  void settle() {
    while (host.packets_out(now, nowhere) != 0) {
    }
    while (host.next_event()) {
    }
  }
  void pass(Duration time) {
    const Instant end = now + time;
    while (host.next_deadline() <= end) {
      now = std::max(now, host.next_deadline());
      host.advance_to(now);
      settle();
    }
    now = end;
    host.advance_to(now);
    settle();
  }
  void connect() {
    const Endpoint local{.address = *IpAddress::parse("127.0.0.1"), .port = 80};
    listener = *host.listen(local, {.backlog = 16});
    client = *host.open(
        local, {.local = {.address = *IpAddress::parse("127.0.0.1"), .port = 4000}, .socket = {}},
        now);
    settle();
    server = *host.accept(listener);
  }
  // The client first: its end is in TIME-WAIT then.
  void close_both() {
    ASSERT_TRUE(host.close(client, now));
    settle();
    ASSERT_TRUE(host.close(server, now));
    settle();
  }

  SeededRandom random{1};
  Host host{HostConfig{}, random};
  Nowhere nowhere;
  Instant now = Instant::from_ns(1'000'000'000);
  ListenerId listener;
  ConnectionId client, server;
};

TEST_F(HostTextTest, ListsListenersAndConnections) {
  connect();
  EXPECT_EQ(connection_table(host, now),
            "State      Recv-Q Send-Q       Local Address:Port        Peer Address:Port\n"
            "LISTEN     0      16                 127.0.0.1:80                0.0.0.0:*\n"
            "ESTAB      0      0                127.0.0.1:4000             127.0.0.1:80\n"
            "ESTAB      0      0                  127.0.0.1:80           127.0.0.1:4000\n");
}

TEST_F(HostTextTest, LeavesOutWhatWasNotAskedFor) {
  connect();
  EXPECT_THAT(*answer_request(host, now, "ss"), Not(HasSubstr("LISTEN")));
  EXPECT_THAT(*answer_request(host, now, "ss -l"), Not(HasSubstr("ESTAB")));
  EXPECT_THAT(*answer_request(host, now, "ss -a"), HasSubstr("LISTEN"));
}

TEST_F(HostTextTest, CountsWhatWaits) {
  connect();
  const std::string text = "twelve octets";
  ASSERT_TRUE(
      host.send(client, Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), 12), now));
  settle();
  EXPECT_THAT(connection_table(host, now),
              HasSubstr("ESTAB      12     0                  127.0.0.1:80 "));
}

// ss -o prints whole seconds from ten on, and below "9.500ms" for nine and a half.
TEST_F(HostTextTest, ShowsTheTimeWaitTimerAsSsDoes) {
  connect();
  close_both();
  EXPECT_THAT(connection_table(host, now), HasSubstr("timer:(timewait,1min,0)"));
  pass(Duration::milliseconds(1500));
  EXPECT_THAT(connection_table(host, now), HasSubstr("timer:(timewait,58sec,0)"));
  pass(Duration::seconds(49));
  EXPECT_THAT(connection_table(host, now), HasSubstr("timer:(timewait,9.500ms,0)"));
  pass(Duration::milliseconds(9300));
  EXPECT_THAT(connection_table(host, now), HasSubstr("timer:(timewait,200ms,0)"));
}

TEST_F(HostTextTest, ShowsDetailsWhenAsked) {
  connect();
  const std::string table = *answer_request(host, now, "ss -i");
  EXPECT_THAT(table, HasSubstr("\t ts sack cubic wscale:10,10 rto:"));
  // Half of the window that the SYN offered, which is the largest so far (tcp_bound_to_half_wnd).
  EXPECT_THAT(table, HasSubstr(" pmtu:65535 "));
  EXPECT_THAT(table, HasSubstr(" cwnd:10 "));       // Linux's, whatever the size of the segments
  EXPECT_THAT(table, Not(HasSubstr(" ssthresh")));  // Not known yet, and ss leaves it out too.
}

// As with ss: TIME-WAIT keeps the addresses, and nothing of what TCP_INFO tells.
TEST_F(HostTextTest, ShowsNoDetailsOfTimeWait) {
  connect();
  close_both();
  const std::string table = *answer_request(host, now, "ss -i");
  EXPECT_THAT(table, HasSubstr("TIME-WAIT"));
  EXPECT_THAT(table, Not(HasSubstr("\t")));
}

// The receiver reads nothing until its window is closed; then two seconds pass. As ss -i shows it.
TEST_F(HostTextTest, ShowsWhatHeldASenderBack) {
  connect();
  const std::vector<std::uint8_t> text(1'000'000);
  ASSERT_TRUE(host.send(client, text, now).has_value());
  settle();
  pass(2000_ms);
  const std::string table = *answer_request(host, now, "ss -i");
  EXPECT_THAT(table, HasSubstr(" busy:2000ms rwnd_limited:2000ms(100.0%) "));
  EXPECT_THAT(table, Not(HasSubstr("sndbuf_limited")));
}

TEST_F(HostTextTest, PrintsCountersUnderLinuxNames) {
  connect();
  const std::string table = *answer_request(host, now, "nstat");
  EXPECT_THAT(table, HasSubstr("TcpActiveOpens                  1\n"));
  EXPECT_THAT(table, HasSubstr("TcpPassiveOpens                 1\n"));
  EXPECT_THAT(table, HasSubstr("TcpCurrEstab                    2\n"));
  EXPECT_THAT(table, Not(HasSubstr("TcpInErrs")));
  EXPECT_THAT(*answer_request(host, now, "nstat -z"),
              HasSubstr("TcpInErrs                       0\n"));
}

TEST_F(HostTextTest, ReadsAndSetsKnobs) {
  EXPECT_EQ(answer_request(host, now, "sysctl net.ipv4.tcp_fin_timeout"),
            "net.ipv4.tcp_fin_timeout = 60\n");
  EXPECT_EQ(answer_request(host, now, "sysctl net.ipv4.tcp_fin_timeout=30 net.ipv4.tcp_sack"),
            "net.ipv4.tcp_fin_timeout = 30\nnet.ipv4.tcp_sack = 1\n");
  EXPECT_EQ(host.sysctl().tcp_fin_timeout, 30U);
  EXPECT_THAT(*answer_request(host, now, "sysctl -a"),
              HasSubstr("net.ipv4.tcp_fin_timeout = 30\n"));
}

// sysctl(8) prints a tab between the numbers, as /proc does.
TEST_F(HostTextTest, SetsKnobsOfSeveralNumbers) {
  EXPECT_EQ(answer_request(host, now, "sysctl net.ipv4.tcp_rmem=4096,65536,1000000"),
            "net.ipv4.tcp_rmem = 4096\t65536\t1000000\n");
}

TEST_F(HostTextTest, SaysWhatIsWrongWithARequest) {
  EXPECT_FALSE(answer_request(host, now, ""));
  EXPECT_FALSE(answer_request(host, now, "sysctl"));
  EXPECT_FALSE(answer_request(host, now, "sysctl net.ipv4.tcp_no_such_knob"));
  EXPECT_FALSE(answer_request(host, now, "sysctl net.ipv4.tcp_fin_timeout=-1"));
  EXPECT_EQ(answer_request(host, now, "ss -q").error(), "unknown word '-q' in the request");
  EXPECT_EQ(answer_request(host, now, "reboot").error(),
            "unknown request 'reboot'; known are ss, nstat and sysctl");
}

}  // namespace
}  // namespace tuntcp::io
