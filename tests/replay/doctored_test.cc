// That a replay can fail: a capture of the kernel, which matches, is changed in one place, and the
// difference is reported by its name and at its packet; and that an .expect keeps its word.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tools/replay/replay.h"

namespace tuntcp::replay {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::size_t kTcpAt = 20;  // the link layer is gone, IPv4 has no options
constexpr std::size_t kAckAt = kTcpAt + 8;
constexpr std::size_t kFlagsAt = kTcpAt + 13;
constexpr std::size_t kWindowAt = kTcpAt + 14;

// A request and an answer, the server beside which it was captured: packets 2, 5, 6 ... are its.
Capture sample() {
  return read_capture(std::string(TUNTCP_SOURCE_DIR) +
                      "/pcap-fixtures/handshake/open-and-close.pcap");
}

Expect as_server() {
  Expect expect;
  expect.sides = {Side::server};
  return expect;
}

std::vector<std::string> faults_after(const std::function<void(Capture&)>& change,
                                      const Expect& expect = as_server()) {
  Capture capture = sample();
  change(capture);
  return replay(std::move(capture), expect).faults;
}

// A checksum that no longer fits makes the packet malformed; these tests are about other things.
void forget_text(CapturedPacket& packet) {
  packet.lost_octets = 1;
}

TEST(Doctored, NothingChangedIsAMatch) {
  EXPECT_THAT(faults_after([](Capture&) {}), IsEmpty());
}

TEST(Doctored, ChangedFlagIsReported) {
  const auto faults = faults_after([](Capture& capture) {
    capture.packets[1].octets[kFlagsAt] |= 0x40;  // ECE
    forget_text(capture.packets[1]);
  });
  EXPECT_THAT(faults, ElementsAre(StartsWith("differs flags server 2: ")));
}

TEST(Doctored, ChangedAcknowledgmentIsReported) {
  const auto faults = faults_after([](Capture& capture) {
    capture.packets[4].octets[kAckAt + 3] ^= 1;
    forget_text(capture.packets[4]);
  });
  EXPECT_THAT(faults, ElementsAre(StartsWith("differs ack server 5: ")));
}

TEST(Doctored, ChangedWindowOfTheSynIsReported) {
  const auto faults = faults_after([](Capture& capture) {
    capture.packets[1].octets[kWindowAt + 1] ^= 1;
    forget_text(capture.packets[1]);
  });
  EXPECT_THAT(faults, Contains(StartsWith("differs window server 2: ")));
}

TEST(Doctored, ClosedWindowIsReported) {
  const auto faults = faults_after([](Capture& capture) {
    capture.packets[4].octets[kWindowAt] = capture.packets[4].octets[kWindowAt + 1] = 0;
    forget_text(capture.packets[4]);
  });
  EXPECT_THAT(faults, Contains(StartsWith("differs window server 5: ")));
}

TEST(Doctored, PacketThatIsLeftOutIsReportedAsExtra) {
  const auto faults =
      faults_after([](Capture& capture) { capture.packets.erase(capture.packets.begin() + 4); });
  EXPECT_THAT(faults, ElementsAre(StartsWith("differs extra server 4: ")));
}

TEST(Doctored, PacketThatIsThereTwiceIsReportedAsMissing) {
  const auto faults = faults_after([](Capture& capture) {
    capture.packets.insert(capture.packets.begin() + 5, capture.packets[4]);
  });
  EXPECT_THAT(faults, ElementsAre(StartsWith("differs missing server 5: ")));
}

TEST(Doctored, LaterPacketIsReported) {
  const auto faults = faults_after([](Capture& capture) {
    // The SYN,ACK, and what came after it.
    for (std::size_t i = 1; i < capture.packets.size(); ++i) capture.packets[i].at += 100_ms;
  });
  EXPECT_THAT(faults, Contains(StartsWith("differs time server 2: ours is 100.")));
}

TEST(Doctored, ChangedOptionIsReported) {
  // What the SYN,ACK says is what the engine is set to; so the engine is changed instead.
  Expect expect = as_server();
  expect.settings = {"net.ipv4.tcp_sack=0"};
  EXPECT_THAT(faults_after([](Capture&) {}, expect),
              Contains(StartsWith("differs options server 2: ")));
}

TEST(Doctored, DamagedPacketIsNamed) {
  const auto faults =
      faults_after([](Capture& capture) { capture.packets[3].octets.back() ^= 0x10; });
  EXPECT_THAT(faults, Contains("notice malformed 4: TCP checksum wrong"));
}

TEST(Doctored, UnansweredTextIsReported) {
  const auto faults =
      faults_after([](Capture& capture) { capture.packets.erase(capture.packets.begin() + 3); });
  EXPECT_THAT(faults, Contains(HasSubstr(" server 5: ")));
}

// ---- An .expect.

TEST(Expectation, KnownDifferenceIsNoFault) {
  Expect expect = parse_expect(
      "as server\ndiffers extra server 4: the packet after it was taken out of the capture\n",
      "x.expect");
  const auto faults = faults_after(
      [](Capture& capture) { capture.packets.erase(capture.packets.begin() + 4); }, expect);
  EXPECT_THAT(faults, IsEmpty());
}

TEST(Expectation, DifferenceThatDoesNotOccurIsAFault) {
  const Expect expect = parse_expect(
      "as server\ndiffers time server 2: it was late on the day of the capture\n", "x.expect");
  EXPECT_THAT(faults_after([](Capture&) {}, expect),
              ElementsAre("x.expect:2: stale: no difference 'time' at packet 2"));
}

TEST(Expectation, RangeMustBeTrueAtBothEnds) {
  const Expect expect = parse_expect(
      "as server\ndiffers extra server 4-6: the packets were taken out of the capture\n",
      "x.expect");
  const auto faults = faults_after(
      [](Capture& capture) { capture.packets.erase(capture.packets.begin() + 4); }, expect);
  EXPECT_THAT(faults, ElementsAre(HasSubstr("stale")));
}

TEST(Expectation, NoticeThatDoesNotOccurIsAFault) {
  const Expect expect =
      parse_expect("as server\nnotice snapped 3: tcpdump was told to keep 64 octets\n", "x.expect");
  EXPECT_THAT(faults_after([](Capture&) {}, expect),
              ElementsAre("x.expect:2: stale: no notice 'snapped' at packet 3"));
}

struct BadLine {
  const char* text;
  const char* says;
};
class BadExpect : public testing::TestWithParam<BadLine> {};
INSTANTIATE_TEST_SUITE_P(
    Lines, BadExpect,
    testing::Values(BadLine{"as clinet", "no side"}, BadLine{"as", "not complete"},
                    BadLine{"as client server", "too much"}, BadLine{"connection x", "no number"},
                    BadLine{"connection 99999999999", "no number"},
                    BadLine{"hello", "is not one of"}, BadLine{"set mtu", "not KEY=VALUE"},
                    BadLine{"set tcp_sack=x", "whole number"},
                    BadLine{"set tcp_nonsense=1", "no such knob"}, BadLine{"refused", "message"},
                    BadLine{"differs", "not complete"},
                    BadLine{"differs strange client 1: because of the moon", "no kind"},
                    BadLine{"differs time client 1", "expected N:"},
                    BadLine{"differs time client 9-3: because of the moon", "before it begins"},
                    BadLine{"differs time client 3:", "needs its reason"},
                    BadLine{"differs time client 3: so", "needs its reason"},
                    BadLine{"notice strange 3: because of the moon", "no kind"}));
TEST_P(BadExpect, IsRefusedWithItsLine) {
  try {
    parse_expect("# A comment.\n" + std::string(GetParam().text) + "\n", "x.expect");
    FAIL() << "it was taken";
  } catch (const ExpectError& error) {
    EXPECT_THAT(error.what(), StartsWith("x.expect:2: "));
    EXPECT_THAT(error.what(), HasSubstr(GetParam().says));
  }
}

}  // namespace
}  // namespace tuntcp::replay
