// How scripts are played: what passes, how a failure looks, and what counts as skipped. The stack
// is the engine; that it is right is what tests/scripts and the other folders are about.
#include "tools/drill/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/drill/parser.h"
#include "tools/drill/suite.h"

namespace tuntcp::drill {
namespace {

using testing::Contains;
using testing::HasSubstr;
using Verdict = Outcome::Verdict;

// A connection on descriptor 4 at 0.1 s: nine lines.
const std::string kEstablished =
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
    "+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0\n"
    "+0 bind(3, ..., ...) = 0\n"
    "+0 listen(3, 1) = 0\n"
    "+0 < S 0:0(0) win 65535 <mss 1000>\n"
    "+0 > S. 0:0(0) ack 1 <mss 1460>\n"
    "+.1 < . 1:1(0) ack 1 win 65535\n"
    "+0 accept(3, ..., ...) = 4\n\n";

Outcome play(const std::string& text, const RunOptions& options = {}) {
  return run(parse(text, "x.pkt"), options, make_engine_backend);
}
Outcome play_established(const std::string& text) {
  return play(kEstablished + text);
}

TEST(DrillRun, ConnectionPassesInAllIpVersions) {
  for (const IpVersion version : {IpVersion::ipv4, IpVersion::ipv4_mapped_ipv6, IpVersion::ipv6}) {
    const Outcome outcome = play(kEstablished, {.ip_version = version});
    EXPECT_EQ(outcome.verdict, Verdict::passed) << outcome.actual;
  }
}

TEST(DrillRun, WrongFieldShowsExpectedAndActual) {
  const Outcome outcome = play_established("+0 < P. 1:11(10) ack 1 win 9\n+0 > . 1:1(0) ack 12\n");
  EXPECT_EQ(outcome.verdict, Verdict::failed);
  EXPECT_EQ(outcome.at, (Position{.line = 11, .column = 6}));
  EXPECT_EQ(outcome.expected, "> . 1:1(0) ack 12 at 0.100000");
  EXPECT_THAT(outcome.actual, HasSubstr("> . 1:1(0) ack 11"));
  EXPECT_THAT(outcome.actual, HasSubstr("(ack: 12, not 11)"));
  EXPECT_THAT(outcome.transcript, Contains("0.100000 < P. 1:11(10) ack 1 win 9"));
}

// --define: in packets to the stack and from it. The engine has no Fast Open, so what it says to
// the option is to leave it out.
TEST(DrillRun, WordsOfPacketsAreDefined) {
  const std::string text = kEstablished + "+0 < P. 1:11(10) ack 1 win 9 <FO COOKIE,nop,nop>\n";
  const Outcome unknown = play(text);
  EXPECT_EQ(unknown.verdict, Verdict::skipped);
  EXPECT_EQ(unknown.actual, "the cookie COOKIE");
  const Outcome known =
      play(text + "+0 > . 1:1(0) ack 11\n", {.definitions = {{"COOKIE", "3021b9d889017eeb"}}});
  EXPECT_EQ(known.verdict, Verdict::passed) << known.actual;
  EXPECT_THAT(known.transcript, Contains(HasSubstr("<FO 3021b9d889017eeb,nop,nop>")));
  EXPECT_THROW(static_cast<void>(play(text, {.definitions = {{"COOKIE", "302"}}})), ScriptError);
  const Outcome expected = play(kEstablished + "+0 > . 1:1(0) ack 1 <FO COOKIE,nop,nop>\n",
                                {.definitions = {{"COOKIE", "3021b9d889017eeb"}}});
  EXPECT_THAT(expected.expected, HasSubstr("<FO 3021b9d889017eeb,nop,nop>"));
}

TEST(DrillRun, CodesOfIcmpMessagesAreDefined) {
  const std::string text = kEstablished +
                           "+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n"
                           "+0 < icmp unreachable CODE [1:101(100)]\n";
  EXPECT_EQ(play(text).verdict, Verdict::skipped);
  const Outcome known = play(text + "+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [113], [4]) = 0\n",
                             {.definitions = {{"CODE", "host_unreachable"}}});
  EXPECT_EQ(known.verdict, Verdict::passed) << known.actual;
}

// As sendto(), a connected socket's sendmsg() looks at the address only for being one.
TEST(DrillRun, AddressOfSendmsgIsPassedOn) {
  const Outcome outcome = play_established(
      "+0 sendmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 100}], msg_flags=0}, 0) = 100\n"
      "+0 > P. 1:101(100) ack 1\n");
  EXPECT_EQ(outcome.verdict, Verdict::passed) << outcome.actual;
}

TEST(DrillRun, PacketThatNeverComesFails) {
  const Outcome outcome = play_established("+.5 > . 1:1(0) ack 1\n");
  EXPECT_EQ(outcome.verdict, Verdict::failed);
  EXPECT_THAT(outcome.actual, HasSubstr("nothing was sent"));
}

TEST(DrillRun, EachFieldIsHeldAgainstTheScript) {
  const std::string sends = "+0 write(4, ..., 100) = 100\n";
  EXPECT_EQ(play_established(sends + "+0 > P. 1:101(100) ack 1\n").verdict, Verdict::passed);
  for (const auto& [packet, what] : std::vector<std::pair<std::string, std::string>>{
           {"> . 1:101(100) ack 1", "flags: ., not P."},
           {"> FP. 1:101(100) ack 1", "flags"},
           {"> P. 2:102(100) ack 1", "sequence number: 2, not 1"},
           {"> P. 1:100(99) ack 1", "octets: 99, not 100"},
           {"> P. 1:101(100) ack 1 win 1", "win: 1, not"},
           {"> P. 1:101(100) ack 1 urg 5", "urg: 5, not 0"},
           {"> P. 1:101(100) ack 1 <nop,nop,nop,nop>", "the options"},
           {"> [ce] P. 1:101(100) ack 1", "the ECN codepoint"},
           {"> [ttl 3] P. 1:101(100) ack 1", "ttl: 3, not 64"},
       }) {
    const Outcome outcome = play_established(sends + "+0 " + packet + "\n");
    EXPECT_EQ(outcome.verdict, Verdict::failed) << packet;
    EXPECT_THAT(outcome.actual, HasSubstr(what)) << packet;
  }
}

// 4 ms, or an eighth of the time since the event before.
TEST(DrillRun, TimeIsHeldAgainstTheScriptWithTolerance) {
  // The first timeout is at 0.3 (RTO of an SRTT of 100 ms) after the write.
  const std::string sends = "+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n";
  EXPECT_EQ(play_established(sends + "+.3 > P. 1:101(100) ack 1\n").verdict, Verdict::passed);
  EXPECT_EQ(play_established(sends + "+.28 > P. 1:101(100) ack 1\n").verdict, Verdict::passed);
  const Outcome late = play_established(sends + "+.25 > P. 1:101(100) ack 1\n");
  EXPECT_EQ(late.verdict, Verdict::failed);
  EXPECT_THAT(late.actual, HasSubstr("at 0.400000 (tolerance 0.031250)"));
  EXPECT_EQ(play_established(sends + "+.35 > P. 1:101(100) ack 1\n").verdict, Verdict::failed);
  EXPECT_EQ(
      play("--tolerance_usecs=60000\n" + kEstablished + sends + "+.25 > P. 1:101(100) ack 1\n")
          .verdict,
      Verdict::passed);
  EXPECT_EQ(play_established(sends + "+.2~+.4 > P. 1:101(100) ack 1\n").verdict, Verdict::passed);
  EXPECT_EQ(play_established(sends + "+.4~+.5 > P. 1:101(100) ack 1\n").verdict, Verdict::failed);
  EXPECT_EQ(play_established(sends + "* > P. 1:101(100) ack 1\n").verdict, Verdict::passed);
}

TEST(DrillRun, SuperPacketMatchesItsPartsAndTheOtherWayRound) {
  const std::string sends = "+0 write(4, ..., 3000) = 3000\n";
  EXPECT_EQ(play_established(sends + "+0 > P. 1:3001(3000) ack 1\n").verdict, Verdict::passed);
  EXPECT_EQ(play_established(sends + "+0 > . 1:1001(1000) ack 1\n+0 > P. 1001:3001(2000) ack 1\n")
                .verdict,
            Verdict::passed);
  // Where PSH stands in a super-packet says nothing, not in the rest of one that was cut either.
  EXPECT_EQ(
      play_established(sends + "+0 > . 1:2001(2000) ack 1\n+0 > . 2001:3001(1000) ack 1\n").verdict,
      Verdict::passed);
  const std::string cut = "`ethtool -K tun0 gso off tso off`\n" + kEstablished + sends;
  EXPECT_EQ(play(cut + "+0 > P. 1:3001(3000) ack 1\n").verdict, Verdict::passed);
  EXPECT_EQ(play("--strict_segments\n" + cut + "+0 > P. 1:3001(3000) ack 1\n").verdict,
            Verdict::failed);
  EXPECT_EQ(play("--strict_segments\n" + cut + "+0 > . 1:1001(1000) ack 1\n").verdict,
            Verdict::passed);
}

// Linux sets PSH where its packet buffers end, which is the business of offloads; behind the last
// text it belongs to the protocol (RFC 9293, 3.9.1, MUST-61).
TEST(DrillRun, PushInTheMiddleOfTextIsNotHeldAgainstTheStack) {
  const std::string sends = "`ethtool -K tun0 gso off tso off`\n" + kEstablished +
                            "+0 setsockopt(4, SOL_SOCKET, SO_SNDBUF, [60000], 4) = 0\n"
                            "+0 write(4, ..., 30000) = 30000\n";
  EXPECT_EQ(play(sends + "+0 > P. 1:1001(1000) ack 1\n").verdict, Verdict::passed);
  EXPECT_EQ(play("--strict_segments\n" + sends + "+0 > P. 1:1001(1000) ack 1\n").verdict,
            Verdict::failed);
  EXPECT_EQ(play_established("+0 write(4, ..., 10) = 10\n+0 > . 1:11(10) ack 1\n").verdict,
            Verdict::failed);
}

// A device that cuts a super-packet leaves CWR in the first segment.
TEST(DrillRun, WindowReducedIsWithTheFirstOfASuperPacket) {
  const std::string text =
      "`sysctl -q net.ipv4.tcp_ecn=1`\n"
      "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n"
      "+0 listen(3, 1) = 0\n+0 < SEW 0:0(0) win 65535 <mss 1000>\n"
      "+0 > SE. 0:0(0) ack 1 <mss 1460>\n+.1 < . 1:1(0) ack 1 win 65535\n"
      "+0 accept(3, ..., ...) = 4\n+0 write(4, ..., 4000) = 4000\n"
      "+0 > [ect0] P. 1:4001(4000) ack 1\n+.1 < E. 1:1(0) ack 4001 win 65535\n"
      "+0 write(4, ..., 3000) = 3000\n+0 > [ect0] W. 4001:5001(1000) ack 1\n";
  EXPECT_EQ(play(text + "+0 > [ect0] P. 5001:7001(2000) ack 1\n").verdict, Verdict::passed);
}

TEST(DrillRun, CallWithAnotherResultFails) {
  const Outcome outcome = play_established(
      "+0 fcntl(4, F_SETFL, O_NONBLOCK) = 0\n"
      "+0 read(4, ..., 10) = 10\n");
  EXPECT_EQ(outcome.verdict, Verdict::failed);
  EXPECT_EQ(outcome.expected, "read(4, ..., 10) = 10");
  EXPECT_EQ(outcome.actual, "= -1 EAGAIN (Resource temporarily unavailable)");
  const std::string errors = "+0 fcntl(4, F_SETFL, O_NONBLOCK) = 0\n+0 read(4, ..., 10) = -1 ";
  EXPECT_EQ(play_established(errors + "EAGAIN (whatever)\n").verdict, Verdict::passed);
  EXPECT_EQ(play_established(errors + "EPIPE (whatever)\n").verdict, Verdict::failed);
}

TEST(DrillRun, BlockingCallReturnsWhenTheScriptSays) {
  const std::string text = "+.1 < P. 1:11(10) ack 1 win 9\n+0 > . 1:1(0) ack 11\n";
  EXPECT_EQ(play_established("+0...0.1 read(4, ..., 10) = 10\n" + text).verdict, Verdict::passed);
  const Outcome late = play_established("+0...0.3 read(4, ..., 10) = 10\n" + text);
  EXPECT_EQ(late.verdict, Verdict::failed);
  EXPECT_THAT(late.actual, HasSubstr("returned at 0.2"));
  const Outcome never = play_established("+0...0.3 read(4, ..., 10) = 10\n");
  EXPECT_THAT(never.actual, HasSubstr("still blocks"));
  const Outcome unmarked = play_established("+0 read(4, ..., 10) = 10\n" + text);
  EXPECT_THAT(unmarked.actual, HasSubstr("it blocks"));
}

TEST(DrillRun, AssertionThatDoesNotHoldFails) {
  EXPECT_EQ(play_established("+0 %{ assert tcpi_state == TCP_ESTABLISHED }%\n").verdict,
            Verdict::passed);
  const Outcome outcome = play_established("+0 %{\nassert tcpi_state == TCP_LISTEN }%\n");
  EXPECT_EQ(outcome.verdict, Verdict::failed);
  EXPECT_EQ(outcome.at.line, 11);
  EXPECT_EQ(outcome.actual, "tcpi_state is 1");
}

TEST(DrillRun, WhatNobodyMappedIsSkippedWithItsPlace) {
  for (const char* line :
       {"+0 `rm -rf something`", "+0 `sysctl -q net.ipv4.tcp_unheard_of=1`",
        "+0 `sysctl -q net.ipv4.tcp_no_metrics_save=0`",
        "+0 setsockopt(4, SOL_SOCKET, SO_ZEROCOPY, [1], 4) = 0", "+0 tee(3, 4, 5, 0) = 0",
        "+0 send(4, ..., 10, MSG_EOR) = 10", "+0 write(4, ..., NOBODY) = 0", "+0 < udp (10)",
        "+0 %{ assert tcpi_fackets == 1 }%", "+0 `tc qdisc add dev tun0 root pfifo limit 10`",
        "+0 `echo 2 > /sys/module/tcp_cubic/parameters/hystart_detect`"}) {
    const Outcome outcome = play_established(std::string(line) + "\n");
    EXPECT_EQ(outcome.verdict, Verdict::skipped) << line;
    EXPECT_EQ(outcome.at.line, 10) << line;
    EXPECT_FALSE(outcome.actual.empty());
  }
  EXPECT_EQ(play("--unheard_of=1\n" + kEstablished).verdict, Verdict::skipped);
}

TEST(DrillRun, CommandsAreMappedToTheEngine) {
  EXPECT_EQ(play_established("+0 `true; sysctl -q net.ipv4.tcp_sack=0 net/ipv4/tcp_dsack=0`\n"
                             "+0 `sysctl -q net.ipv4.tcp_no_metrics_save=1`\n"
                             "+0 `tc qdisc replace dev tun0 root pfifo > /dev/null 2>&1`\n"
                             "+0 `nstat > /dev/null`\n+0 < R 5:5(0) win 0\n+0 > . 1:1(0) ack 1\n"
                             "+0 `nstat | grep TcpExtTCPChallengeACK > /dev/null`\n"
                             "+0 `echo 3 > /sys/module/tcp_cubic/parameters/hystart_detect`\n"
                             "+0 `ss -t | grep ESTAB && sleep 0.001`\n")
                .verdict,
            Verdict::passed);
  EXPECT_EQ(play_established("+0 `false`\n").verdict, Verdict::failed);
  EXPECT_EQ(play_established("+0 `nstat > /dev/null`\n+0 `nstat | grep TcpOutRsts`\n").verdict,
            Verdict::failed);
}

// A queue of no packets is a device that is full: what it did not take leaves when it may.
TEST(DrillRun, QueueOfNoneIsAFullDevice) {
  const std::string text =
      "+0 `tc qdisc add dev tun0 root pfifo limit 0`\n"
      "+0 write(4, ..., 100) = 100\n";
  const Outcome full = play_established(text + "+0 > P. 1:101(100) ack 1\n");
  EXPECT_EQ(full.verdict, Verdict::failed);
  EXPECT_EQ(full.actual.find("> P. 1:101"), std::string::npos) << full.actual;
  EXPECT_EQ(play_established(text + "+.1 `tc qdisc replace dev tun0 root pfifo`\n"
                                    "+0~+.01 > P. 1:101(100) ack 1\n")
                .verdict,
            Verdict::passed);
}

TEST(DrillRun, ArgumentsThatMakeNoSenseAreMistakes) {
  for (const char* line :
       {"+0 write(4) = 0", "+0 write(4, ..., \"ten\") = 0", "+0 write(4, ..., -5) = 0",
        "+0 poll([4], 1, 0) = 0", "+0 < . 1:1(0) ack 1 win 1 <nop>", "+0 < . 1:1(0) win 1 <...>",
        "+0 < . 1:65501(65500) ack 1 win 1"}) {
    EXPECT_THROW(play_established(std::string(line) + "\n"), ScriptError) << line;
  }
}

TEST(DrillRun, TimestampsOfTheScriptAreTranslated) {
  const std::string begin =
      "--tcp_ts_tick_usecs=1000\n"
      "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n"
      "+0 listen(3, 1) = 0\n+0 < S 0:0(0) win 9000 <mss 1000,nop,nop,TS val 5 ecr 0>\n"
      "+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,TS val 100 ecr 5>\n"
      "+.1 < . 1:1(0) ack 1 win 9000 <nop,nop,TS val 6 ecr 100>\n+0 accept(3, ..., ...) = 4\n"
      "+.4 write(4, ..., 10) = 10\n";
  EXPECT_EQ(play(begin + "+0 > P. 1:11(10) ack 1 <nop,nop,TS val 600 ecr 6>\n").verdict,
            Verdict::passed);
  EXPECT_EQ(play(begin + "+0 > P. 1:11(10) ack 1 <nop,nop,TS val 700 ecr 6>\n").verdict,
            Verdict::failed);
  EXPECT_EQ(play(begin + "+0 > P. 1:11(10) ack 1 <nop,nop,TS val 600 ecr 7>\n").verdict,
            Verdict::failed);
}

TEST(DrillReport, FailureShowsPlaceLineExpectedActualAndTranscript) {
  const Script script = parse(kEstablished + "+0 write(4, ..., 10) = 9\n", "x.pkt");
  const std::string text =
      report(script, "ipv4", run(script, {}, make_engine_backend), /*with_transcript=*/false);
  EXPECT_THAT(text, HasSubstr("FAIL x.pkt:10:4 (ipv4)\n  line:     +0 write(4, ..., 10) = 9\n"
                              "  expected: write(4, ..., 10) = 9\n  actual:   = 10\n  so far:\n"));
  EXPECT_THAT(text, HasSubstr("    0.000000 < S 0:0(0) win 65535 <mss 1000>\n"));
}

TEST(DrillReport, ScriptsForOneIpVersionAreLeftOutElsewhere) {
  EXPECT_FALSE(is_for(parse("", "mtu-v4.pkt"), IpVersion::ipv6));
  EXPECT_TRUE(is_for(parse("", "mtu-v4.pkt"), IpVersion::ipv4));
  EXPECT_FALSE(is_for(parse("--ip_version=ipv6\n", "x.pkt"), IpVersion::ipv4));
}

}  // namespace
}  // namespace tuntcp::drill
