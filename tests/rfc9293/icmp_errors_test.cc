// ICMP errors: RFC 9293, 3.9.2.2 (MUST-54, MUST-55, MUST-56, SHLD-25, SHLD-26), RFC 5927, 4.1. What
// each means to an application is Linux's (ip(7), and the errors of connect(2)).
#include <gtest/gtest.h>

#include "tests/support/drill.h"
#include "tests/support/network.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Report {
  Family family;
  std::uint8_t type;
  std::uint8_t code;
  Error error;
  bool is_hard = false;
};
std::ostream& operator<<(std::ostream& out, const Report& report) {
  return out << (report.family == Family::ipv4 ? "v4" : "v6") << " type " << int{report.type}
             << " code " << int{report.code};
}

constexpr Family v4 = Family::ipv4;
constexpr Family v6 = Family::ipv6;

const Report kReports[] = {
    {v4, 3, 0, Error::network_unreachable},
    {v4, 3, 1, Error::host_unreachable},
    {v4, 3, 2, Error::protocol_unreachable, true},
    {v4, 3, 3, Error::connection_refused, true},
    {v4, 3, 5, Error::source_route_failed},
    {v4, 3, 6, Error::network_unreachable},
    {v4, 3, 7, Error::host_down},
    {v4, 3, 8, Error::host_isolated},
    {v4, 3, 9, Error::network_unreachable},
    {v4, 3, 10, Error::host_unreachable},
    {v4, 3, 11, Error::network_unreachable},
    {v4, 3, 12, Error::host_unreachable},
    {v4, 3, 13, Error::host_unreachable},
    {v4, 3, 14, Error::host_unreachable},
    {v4, 3, 15, Error::host_unreachable},
    {v4, 11, 0, Error::host_unreachable},
    {v4, 11, 1, Error::host_unreachable},
    {v4, 12, 0, Error::protocol_error},
    {v6, 1, 0, Error::network_unreachable},
    {v6, 1, 1, Error::access_denied, true},
    {v6, 1, 2, Error::host_unreachable},
    {v6, 1, 3, Error::host_unreachable},
    {v6, 1, 4, Error::connection_refused, true},
    {v6, 1, 5, Error::access_denied},
    {v6, 1, 6, Error::access_denied},
    {v6, 3, 0, Error::host_unreachable},
    {v6, 4, 1, Error::protocol_error},
};

class IcmpError : public testing::TestWithParam<Report> {
 protected:
  // What `d` hears, about its segment at `seq`.
  void report(Drill& d, std::int64_t seq) {
    d.wire_sends(icmp_about(d, {.type = GetParam().type, .code = GetParam().code, .seq = seq}));
  }
};
INSTANTIATE_TEST_SUITE_P(All, IcmpError, testing::ValuesIn(kReports));

// Linux: whatever ICMP says ends a connect() that waits.
TEST_P(IcmpError, EndsAnOpenThatIsUnderWay) {
  Drill d = Drill::syn_sent({.role = Role::active, .family = GetParam().family});
  report(d, 0);
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, GetParam().error);
  EXPECT_NE(d.events() & Event::failed, 0);
  EXPECT_THAT(d.sent(), IsEmpty());
}

// MUST-56: a soft one must not, in profile rfc; a hard one should (SHLD-26).
TEST_P(IcmpError, InProfileRfcEndsAnOpenOnlyIfItIsHard) {
  Drill d = Drill::syn_sent({.role = Role::active,
                             .family = GetParam().family,
                             .set = {"net.tuntcp.tcp_soft_errors_end_open=0"}});
  report(d, 0);
  EXPECT_EQ(d.state(), GetParam().is_hard ? State::closed : State::syn_sent);
  if (GetParam().is_hard) return;
  EXPECT_EQ(d.status().soft_error, GetParam().error);
  d.peer_sends(syn_ack({.seq = 0}));
  EXPECT_EQ(d.state(), State::established);
}

// MUST-47, MUST-56, SHLD-25; RFC 5927, 5.2: once synchronized no ICMP error ends a connection. The
// application can ask for it, once, until the peer acknowledges something.
TEST_P(IcmpError, IsSoftOnceSynchronized) {
  Drill d = Drill::established({.family = GetParam().family});
  ASSERT_TRUE(d.send(100));
  d.events();
  report(d, 1);
  EXPECT_EQ(d.state(), State::established);
  EXPECT_NE(d.events() & Event::error_report, 0);
  EXPECT_EQ(d.host().take_soft_error(d.id()), GetParam().error);
  EXPECT_EQ(d.host().take_soft_error(d.id()), Error::none);
  report(d, 1);
  EXPECT_EQ(d.status().soft_error, GetParam().error);
  d.sent();
  d.peer_sends(ack());
  EXPECT_EQ(d.status().soft_error, Error::none);
  EXPECT_THAT(d.sent(), IsEmpty());
}

// Linux: what the network said is the reason once the retransmissions end (SHLD-9).
TEST_P(IcmpError, IsTheReasonWhenThePeerStaysSilent) {
  Drill d = Drill::established({.family = GetParam().family, .set = {"tcp_retries2=2"}});
  ASSERT_TRUE(d.send(100));
  report(d, 1);
  d.advance(10_s);
  EXPECT_EQ(d.state(), State::closed);
  EXPECT_EQ(d.status().error, GetParam().error);
}

class IcmpErrors : public testing::TestWithParam<Family> {
 protected:
  static IcmpAbout unreachable(std::int64_t seq) {
    const bool is_v4 = GetParam() == v4;
    return {.type = static_cast<std::uint8_t>(is_v4 ? 3 : 1),
            .code = static_cast<std::uint8_t>(is_v4 ? 1 : 3),
            .seq = seq};
  }
  static Counter errors() {
    return GetParam() == v4 ? Counter::icmp_in_errors : Counter::icmp6_in_errors;
  }
};
INSTANTIATE_TEST_SUITE_P(Families, IcmpErrors, testing::Values(v4, v6),
                         [](const auto& family) { return family.param == v4 ? "v4" : "v6"; });

// RFC 5927, 4.1: only a segment that may be in flight can have met a router, from SND.UNA to
// SND.NXT.
TEST_P(IcmpErrors, AboutNumbersThatAreNotInFlightAreCountedAndIgnored) {
  Drill d = Drill::established({.family = GetParam()});
  ASSERT_TRUE(d.send(100));
  d.peer_sends(ack({.ack = 51}));
  std::uint64_t ignored = 0;
  for (const std::int64_t seq : {-1000LL, 0LL, 50LL, 102LL, 100'000LL}) {
    d.wire_sends(icmp_about(d, unreachable(seq)));
    EXPECT_EQ(d.status().soft_error, Error::none) << seq;
    EXPECT_EQ(d.count(Counter::tcp_out_of_window_icmps), ++ignored) << seq;
  }
  for (const std::int64_t seq : {51LL, 75LL, 101LL}) {
    d.wire_sends(icmp_about(d, unreachable(seq)));
    EXPECT_EQ(d.host().take_soft_error(d.id()), Error::host_unreachable) << seq;
  }
  EXPECT_EQ(d.count(Counter::tcp_out_of_window_icmps), ignored);
}

// Linux's TUN: a super-packet left as segments, and one in its middle is what is quoted.
TEST_P(IcmpErrors, AboutTheInsideOfASuperPacketAreBelieved) {
  Drill d = Drill::established({.family = GetParam(), .link = {.gso_max_octets = 65'535}});
  ASSERT_TRUE(d.send(5000));
  EXPECT_THAT(d.sent(), ElementsAre(IsData({.seq = 1, .len = 5000})));
  d.wire_sends(icmp_about(d, unreachable(2001)));
  EXPECT_EQ(d.status().soft_error, Error::host_unreachable);
}

TEST_P(IcmpErrors, InSynSentMustQuoteTheSyn) {
  Drill d = Drill::syn_sent({.role = Role::active, .family = GetParam()});
  d.wire_sends(icmp_about(d, unreachable(2)));
  d.wire_sends(icmp_about(d, unreachable(-1)));
  EXPECT_EQ(d.state(), State::syn_sent);
  EXPECT_EQ(d.count(Counter::tcp_out_of_window_icmps), 2U);
}

// Linux counts them as errors (tcp_v4_err, tcp_v6_err).
TEST_P(IcmpErrors, AboutConnectionsThatDoNotExistAreCountedAndIgnored) {
  Drill d = Drill::established({.family = GetParam()});
  IcmpAbout about = unreachable(1);
  about.port = Port{9};
  d.wire_sends(icmp_about(d, about));
  EXPECT_EQ(d.count(errors()), 1U);
  EXPECT_EQ(d.status().soft_error, Error::none);
  EXPECT_THAT(d.sent(), IsEmpty());
}

TEST_P(IcmpErrors, WithADamagedChecksumOrQuoteAreCountedAndIgnored) {
  Drill d = Drill::established({.family = GetParam()});
  const Octets good = icmp_about(d, unreachable(1));
  Octets damaged = good;
  damaged.back() ^= 1;
  d.wire_sends(damaged);
  const std::size_t header = ip_header_octets(good);
  const IpAddress from = *IpAddress::parse(GetParam() == v4 ? "203.0.113.9" : "2001:db8:9::9");
  const Octets quote(good.begin() + static_cast<std::ptrdiff_t>(header) + 8, good.end());
  // Four octets of the segment say nothing, and neither does half a header.
  for (const std::size_t octets : {quote.size() - 4, std::size_t{12}, std::size_t{0}}) {
    d.wire_sends(make_icmp({.source = from,
                            .destination = d.tuple().local.address,
                            .type = good[header],
                            .code = good[header + 1],
                            .body = first_octets(quote, octets)}));
  }
  EXPECT_EQ(d.count(errors()), 4U);
  EXPECT_EQ(d.status().soft_error, Error::none);
}

// SYN-RECEIVED from LISTEN has nobody to tell: the attempt ends (Linux's tcp_req_err), if exactly
// the SYN,ACK is quoted.
TEST_P(IcmpErrors, EndAHalfOpenConnectionThatTheyQuoteExactly) {
  Drill d = Drill::syn_received({.family = GetParam()});
  const IcmpAbout ends{.type = static_cast<std::uint8_t>(GetParam() == v4 ? 3 : 1),
                       .code = static_cast<std::uint8_t>(GetParam() == v4 ? 1 : 4),
                       .seq = 0};
  IcmpAbout other = ends;
  other.seq = 1;
  d.wire_sends(icmp_about(d, other));
  EXPECT_EQ(d.count(Counter::tcp_out_of_window_icmps), 1U);
  EXPECT_EQ(d.state(), State::syn_received);
  d.wire_sends(icmp_about(d, ends));
  EXPECT_EQ(d.state(), State::listen);
  EXPECT_THAT(d.sent(), IsEmpty());
}

// MUST-56 in profile rfc.
TEST_P(IcmpErrors, LeaveAHalfOpenConnectionAloneInProfileRfc) {
  Drill d =
      Drill::syn_received({.family = GetParam(), .set = {"net.tuntcp.tcp_soft_errors_end_open=0"}});
  d.wire_sends(icmp_about(d, unreachable(0)));
  EXPECT_EQ(d.state(), State::syn_received);
  d.peer_sends(ack());
  EXPECT_TRUE(d.accept());
}

TEST_P(IcmpErrors, LeaveTimeWaitAlone) {
  Drill d = Drill::time_wait({.family = GetParam()});
  d.wire_sends(icmp_about(d, unreachable(1)));
  EXPECT_EQ(d.state(), State::time_wait);
}

// In each state of a connection: nothing is sent and nothing ends.
TEST_P(IcmpErrors, EndNoSynchronizedConnection) {
  for (const State state : kConnectedStates) {
    Drill d = Drill::in(state, {.family = GetParam()});
    d.wire_sends(icmp_about(d, unreachable(static_cast<std::int64_t>(d.status().numbers_acked +
                                                                     d.status().unacked_octets))));
    d.wire_sends(icmp_about(d, unreachable(1)));
    EXPECT_EQ(d.state(), state) << tcp::rfc_name(state);
    EXPECT_THAT(d.sent(), IsEmpty());
  }
}

// MUST-55, RFC 6633.
TEST(SourceQuench, IsDiscarded) {
  Drill d = Drill::established();
  ASSERT_TRUE(d.send(100));
  d.sent();
  const std::uint32_t cwnd = d.status().cwnd_segments;
  d.wire_sends(icmp_about(d, {.type = 4, .seq = 1}));
  EXPECT_EQ(d.count(Counter::icmp_in_src_quenchs), 1U);
  EXPECT_EQ(d.status().soft_error, Error::none);
  EXPECT_EQ(d.status().cwnd_segments, cwnd);
  EXPECT_THAT(d.sent(), IsEmpty());
}

TEST(IcmpCounters, TellTheKindsApart) {
  Drill d = Drill::established();
  d.wire_sends(icmp_about(d, {.type = 3, .code = 1}));
  d.wire_sends(icmp_about(d, {.type = 11}));
  d.wire_sends(icmp_about(d, {.type = 12}));
  EXPECT_EQ(d.count(Counter::icmp_in_msgs), 3U);
  EXPECT_EQ(d.count(Counter::icmp_in_dest_unreachs), 1U);
  EXPECT_EQ(d.count(Counter::icmp_in_time_excds), 1U);
  EXPECT_EQ(d.count(Counter::icmp_in_parm_probs), 1U);
  Drill six = Drill::established({.family = v6});
  six.wire_sends(icmp_about(six, {.type = 1, .code = 0}));
  six.wire_sends(icmp_about(six, {.type = 2, .rest = 1300}));
  six.wire_sends(icmp_about(six, {.type = 3}));
  six.wire_sends(icmp_about(six, {.type = 4}));
  EXPECT_EQ(six.count(Counter::icmp6_in_msgs), 4U);
  EXPECT_EQ(six.count(Counter::icmp6_in_dest_unreachs), 1U);
  EXPECT_EQ(six.count(Counter::icmp6_in_pkt_too_bigs), 1U);
  EXPECT_EQ(six.count(Counter::icmp6_in_time_excds), 1U);
  EXPECT_EQ(six.count(Counter::icmp6_in_parm_problems), 1U);
}

}  // namespace
}  // namespace tuntcp::test
