// What of a packet script is understood, and where the parser says a mistake is. The language:
// packetdrill's syntax.md.
#include "tools/drill/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tuntcp::drill {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Event only_event(const std::string& text) {
  Script script = parse(text, "x.pkt");
  EXPECT_EQ(script.events.size(), 1U);
  return script.events.at(0);
}
const TcpSpec& tcp_of(const Event& event) {
  return std::get<TcpSpec>(std::get<PacketSpec>(event.action).body);
}
std::string error_of(const std::string& text) {
  try {
    parse(text, "x.pkt");
  } catch (const ScriptError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ScriptTimes, AreReadInAllForms) {
  EXPECT_EQ(only_event("0.25 close(3) = 0").when.start, 250_ms);
  EXPECT_EQ(only_event("+.000001 close(3) = 0").when.start, 1_us);
  EXPECT_EQ(only_event("+3 close(3) = 0").when.start, 3_s);
  EXPECT_EQ(only_event("* > . 1:1(0) ack 1").when.kind, When::Kind::any);
  const When range = only_event("+.1~+.2 > . 1:1(0) ack 1").when;
  EXPECT_EQ(range.kind, When::Kind::relative_range);
  EXPECT_EQ(range.end, 200_ms);
  EXPECT_EQ(only_event(".1~.2 > . 1:1(0) ack 1").when.kind, When::Kind::absolute_range);
}

// "+0...0.2": the three points are no part of either number.
TEST(ScriptTimes, BlockingCallHasAnEnd) {
  const Event event = only_event("+0...0.200 accept(3, ..., ...) = 4");
  EXPECT_EQ(event.when.start, 0_s);
  EXPECT_EQ(event.when.call_end, 200_ms);
  EXPECT_EQ(std::get<CallSpec>(event.action).arguments.size(), 3U);
}

TEST(ScriptTimes, OutOfOrderOrRangeAreMistakes) {
  EXPECT_THAT(error_of("+.2~+.1 > . 1:1(0)"), StartsWith("x.pkt:1:4: "));
  EXPECT_THAT(error_of("+.1~.2 > . 1:1(0)"), StartsWith("x.pkt:1:4: "));
  EXPECT_THAT(error_of("+.2...0.1 close(3) = 0"), StartsWith("x.pkt:1:4: "));
  EXPECT_THAT(error_of("+99999999999 close(3) = 0"), StartsWith("x.pkt:1:2: "));
  EXPECT_THAT(error_of("+0...1 > . 1:1(0)"), StartsWith("x.pkt:1:8: "));
}

TEST(ScriptPackets, HaveAllFields) {
  const Event event = only_event(
      "+0 < [ect0] FP. 1:1001(1000) ack 5 win 6 urg 7 <nop,mss 1,wscale 2,sackOK,TS val 3 ecr 4>");
  const auto& packet = std::get<PacketSpec>(event.action);
  EXPECT_EQ(packet.direction, Direction::inbound);
  EXPECT_EQ(packet.ip.ecn, Ecn::ect0);
  const TcpSpec& tcp = tcp_of(event);
  EXPECT_EQ(tcp.flags, "FP.");
  EXPECT_EQ(tcp.seq.begin, 1U);
  EXPECT_EQ(tcp.seq.length, 1000);
  EXPECT_EQ(tcp.ack, 5U);
  EXPECT_EQ(tcp.window, 6);
  EXPECT_EQ(tcp.urgent, 7);
  ASSERT_EQ(tcp.options.size(), 5U);
  EXPECT_EQ(tcp.options[4].value, 3U);
  EXPECT_EQ(tcp.options[4].echo, 4U);
}

TEST(ScriptPackets, OptionsMayBeLeftOpenOrHaveCookiesAndBlocks) {
  EXPECT_TRUE(tcp_of(only_event("+0 > S 0:0(0) <...>")).any_options);
  const Event sack = only_event("+0 < . 1:1(0) ack 1 win 9 <sack 1:2 3:4,nop,nop>");
  EXPECT_EQ(tcp_of(sack).options[0].blocks.size(), 2U);
  // Hex digits that begin like a number.
  const Event cookie = only_event("+0 > S 0:0(0) <FO 3021b9d889017eeb,nop,nop>");
  EXPECT_EQ(tcp_of(cookie).options[0].octets.size(), 8U);
  EXPECT_EQ(tcp_of(only_event("+0 > S 0:0(0) <FOEXP TFO_COOKIE>")).options[0].word, "TFO_COOKIE");
}

TEST(ScriptPackets, NoFlagsPortsAndIcmpAreRead) {
  EXPECT_EQ(tcp_of(only_event("+0 < - 1:1(0) win 1")).flags, "");
  const auto ports = std::get<PacketSpec>(only_event("+0 < 5 > 6 . 1:1(0) win 1").action).ports;
  EXPECT_EQ(ports, (std::pair<Port, Port>{5, 6}));
  const Event icmp = only_event("+0 < icmp unreachable frag_needed mtu 800 [1:11(10)]");
  const auto& message = std::get<IcmpSpec>(std::get<PacketSpec>(icmp.action).body);
  EXPECT_EQ(message.code, "frag_needed");
  EXPECT_EQ(message.mtu, 800U);
  EXPECT_EQ(message.quoted->length, 10);
}

TEST(ScriptPackets, MistakesAreNamedWhereTheyAre) {
  EXPECT_EQ(error_of("+0 < S 0:10(5) win 1"), "x.pkt:1:8: from 0 to 10 are not 5 octets");
  EXPECT_THAT(error_of("+0 < X 0:0(0)"), StartsWith("x.pkt:1:6: 'X' where flags"));
  EXPECT_THAT(error_of("+0 < S 0:0(0) win 70000"), HasSubstr(":19: 70000 is above 65535"));
  EXPECT_THAT(error_of("+0 < S 0:0(0) <mass 1>"), HasSubstr(":16: 'mass' where an option"));
  EXPECT_THAT(error_of("+0 < S 0:0(0) <mss 1"), HasSubstr("the end of the file"));
  EXPECT_THAT(error_of("+0 < . 1:1(0) <FO abc>"), HasSubstr(":19: half an octet"));
  EXPECT_THAT(error_of("+0 > [ect9] . 1:1(0)"), HasSubstr(":7: 'ect9'"));
}

// Of the dialect, but known only by sight: the script counts as skipped there.
TEST(ScriptPackets, SomeAreKnownBySight) {
  for (const char* text : {"+0 > gre : . 1:1(0)", "+0 < udp (100)", "+0 > SA. 0:0(0) ack 1",
                           "+0 < [ect0] .5 1:1(0) ack 1 win 9", "+0 < icmp echo_request id 1"}) {
    EXPECT_TRUE(std::holds_alternative<UnknownSpec>(only_event(text).action)) << text;
  }
}

TEST(ScriptCalls, TakeStructuresListsAndConstants) {
  const Event event = only_event(
      "+0 recvmsg(3, {msg_name(...)=..., msg_iov(2)=[{..., 10}, {..., 20}],\n"
      "   msg_flags=MSG_TRUNC|0x20}, 0) = -1 EAGAIN (Resource temporarily unavailable)");
  const auto& call = std::get<CallSpec>(event.action);
  EXPECT_EQ(call.error, "EAGAIN");
  EXPECT_EQ(call.result.number, -1);
  const Expression& message = call.arguments.at(1);
  EXPECT_EQ(message.fields, (std::vector<std::string>{"msg_name", "msg_iov", "msg_flags"}));
  EXPECT_EQ(message.items[1].items.size(), 2U);
  EXPECT_EQ(message.items[2].kind, Expression::Kind::bitwise_or);
}

TEST(ScriptCalls, MistakesAreNamedWhereTheyAre) {
  EXPECT_THAT(error_of("+0 close(3"), HasSubstr("the end of the file"));
  EXPECT_THAT(error_of("+0 close(3) 0"), StartsWith("x.pkt:1:13: '0' where '='"));
  EXPECT_THAT(error_of("+0 f(99999999999999999999) = 0"), StartsWith("x.pkt:1:6: "));
  EXPECT_THAT(error_of("+0 f(\"abc) = 0"), StartsWith("x.pkt:1:6: text without an end"));
  EXPECT_THAT(error_of("\n  +0 f(1.5) = 0"), StartsWith("x.pkt:2:8: "));
}

TEST(Scripts, HaveOptionsCommandsAndComments) {
  const Script script = parse(
      "--tolerance_usecs=10000 // why\n--strict_segments\n--define=A=\"b c\"\n"
      "/* a\n comment */ `first\n second`\n 0 `middle`\n+0 %{ assert 1 }%\n`last`\n",
      "x.pkt");
  ASSERT_EQ(script.options.size(), 3U);
  EXPECT_EQ(script.options[0].value, "10000");
  EXPECT_EQ(script.options[1].value, "");
  EXPECT_EQ(script.options[2].value, "A=b c");
  EXPECT_EQ(script.first_command->text, "first\n second");
  EXPECT_EQ(script.events.size(), 2U);
  EXPECT_EQ(script.last_command->text, "last");
}

TEST(Scripts, MistakesOutsideOfEventsAreNamed) {
  EXPECT_THAT(error_of("/* no end"), StartsWith("x.pkt:1:1: comment without an end"));
  EXPECT_THAT(error_of("`no end"), StartsWith("x.pkt:1:1: command without an end"));
  EXPECT_THAT(error_of("+0 %{ no end"), StartsWith("x.pkt:1:4: code without an end"));
  EXPECT_THAT(error_of("hello"), StartsWith("x.pkt:1:1: 'hello' where a time"));
  EXPECT_THAT(error_of("+0 close(3) = 0 `a` +0 close(3) = 0"), HasSubstr("the end of the file"));
  EXPECT_THAT(error_of(std::string("+0 \x01\0", 5)), HasSubstr("'\\x01'"));
}

// The bounds that keep any text from using up memory or the stack.
TEST(Scripts, BoundsAreMistakesToo) {
  EXPECT_THAT(error_of(std::string(kMaxFileOctets + 1, ' ')), HasSubstr("longer than"));
  EXPECT_THAT(error_of("+0 f(" + std::string(100'000, '[') + ") = 0"), HasSubstr("nest deeper"));
  EXPECT_THAT(error_of("+0 < . 1:1(0) <sack 1:2 1:2 1:2 1:2 1:2>"), HasSubstr("four blocks"));
  EXPECT_THAT(error_of("+0 f(" + std::string(100'000, '-') + "1) = 0"), HasSubstr("a number"));
}

}  // namespace
}  // namespace tuntcp::drill
