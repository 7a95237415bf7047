// A checker that cannot fail checks nothing: each is shown a violation, and what is right beside
// it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "stack/sim/status_check.h"
#include "stack/sim/stream.h"
#include "stack/sim/wire_monitor.h"
#include "stack/sim/world.h"
#include "tests/support/segment.h"

namespace tuntcp::sim {
namespace {

using test::Octets;
using test::RawSegment;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// ---- Stream: once, in order, unchanged, and nothing that was not written.

class StreamTest : public testing::Test {
 protected:
  // `octets` are written; returns them.
  std::vector<std::uint8_t> write(std::size_t octets) {
    std::vector<std::uint8_t> text(octets);
    stream_.fill(text);
    stream_.on_written(octets);
    return text;
  }
  Faults faults_;
  Stream stream_{1, faults_};
};

TEST_F(StreamTest, TakesWhatWasWrittenInPieces) {
  const auto text = write(70'000);
  stream_.on_read(Bytes(text).first(3));
  stream_.on_read(Bytes(text).subspan(3));
  EXPECT_TRUE(faults_.is_empty());
  EXPECT_EQ(stream_.read(), 70'000U);
}
TEST_F(StreamTest, ReportsAnOctetThatChanged) {
  auto text = write(100);
  text[57] ^= 1;
  stream_.on_read(text);
  EXPECT_THAT(faults_.texts(), ElementsAre(HasSubstr("at 57")));
}
TEST_F(StreamTest, ReportsOctetsThatComeTwice) {
  const auto text = write(100);
  stream_.on_read(Bytes(text).first(50));
  stream_.on_read(Bytes(text).first(50));
  EXPECT_THAT(faults_.texts(), ElementsAre(HasSubstr("at 50")));
}
TEST_F(StreamTest, ReportsAGap) {
  const auto text = write(3'000);
  stream_.on_read(Bytes(text).first(1'000));
  stream_.on_read(Bytes(text).subspan(2'000));
  EXPECT_THAT(faults_.texts(), ElementsAre(HasSubstr("at 1000")));
}
TEST_F(StreamTest, ReportsMoreThanWasWritten) {
  std::vector<std::uint8_t> text(100);
  stream_.fill(text);
  stream_.on_written(99);
  stream_.on_read(text);
  EXPECT_THAT(faults_.texts(), ElementsAre(HasSubstr("only 99 written")));
}

// ---- WireMonitor.

class WireMonitorTest : public testing::Test {
 protected:
  WireMonitorTest() {
    // The handshake: the peer offers 5,000 octets and an MSS of 1,000, this host 3,000.
    own({.seq = 100, .flags = 0x02, .window = 3'000, .options = {2, 4, 5, 180}});
    peer({.seq = 900, .ack = 101, .flags = 0x12, .window = 5'000, .options = {2, 4, 3, 232}});
    own({.seq = 101, .ack = 901, .flags = 0x10, .window = 3'000});
  }
  static Octets from_to(RawSegment segment, const char* from, const char* to, Port source,
                        Port destination) {
    segment.source = *IpAddress::parse(from);
    segment.destination = *IpAddress::parse(to);
    segment.source_port = source;
    segment.destination_port = destination;
    return test::make_packet(segment);
  }
  void own(const RawSegment& segment) {
    send(from_to(segment, "198.51.100.1", "198.51.100.2", 1'000, 80));
  }
  void send(const Octets& octets) {
    monitor_.on_sent({.headers = octets,
                      .payload = {},
                      .total_octets = static_cast<std::uint32_t>(octets.size())},
                     octets);
  }
  void peer(const RawSegment& segment) {
    monitor_.on_delivered(from_to(segment, "198.51.100.2", "198.51.100.1", 80, 1'000));
  }
  static Octets text(std::size_t octets) { return Octets(octets, 'x'); }

  Faults faults_;
  WireMonitor monitor_{"host 0", {.mtu = 1'500}, false, faults_};
};

TEST_F(WireMonitorTest, HasNothingAgainstAnHonestConnection) {
  for (std::uint32_t i = 0; i < 5; ++i) {
    own({.seq = 101 + 1'000 * i, .ack = 901, .flags = 0x10, .window = 3'000, .text = text(1'000)});
  }
  peer({.seq = 901, .ack = 5'101, .flags = 0x10, .window = 5'000, .text = text(500)});
  own({.seq = 5'101, .ack = 1'401, .flags = 0x10, .window = 2'500});
  EXPECT_THAT(faults_.texts(), IsEmpty());
}
TEST_F(WireMonitorTest, ReportsAWindowThatShrinks) {
  own({.seq = 101, .ack = 901, .flags = 0x10, .window = 2'999});
  EXPECT_THAT(faults_.texts(),
              ElementsAre(HasSubstr("right edge of the window left, by octets (1")));
}
TEST_F(WireMonitorTest, LetsOnlyAHostWithCookiesForgetWhatItsSynAckOffered) {
  for (const bool has_cookies : {false, true}) {
    Faults faults;
    WireMonitor monitor("host 0", {.mtu = 1'500}, has_cookies, faults);
    const auto says = [&](std::uint8_t flags, std::uint16_t window) {
      const RawSegment segment{.seq = 100, .ack = 901, .flags = flags, .window = window};
      const Octets octets = from_to(segment, "198.51.100.1", "198.51.100.2", 80, 1'000);
      const auto size = static_cast<std::uint32_t>(octets.size());
      monitor.on_sent({.headers = octets, .payload = {}, .total_octets = size}, octets);
    };
    says(0x12, 3'000);
    says(0x12, 2'999);
    EXPECT_EQ(faults.is_empty(), has_cookies);
    says(0x14, 0);
    says(0x10, 2'998);
    EXPECT_EQ(faults.is_empty(), has_cookies);
  }
}
TEST_F(WireMonitorTest, ReportsTextBeyondTheWindow) {
  own({.seq = 4'102, .ack = 901, .flags = 0x10, .window = 3'000, .text = text(1'000)});
  EXPECT_THAT(faults_.texts(), ElementsAre(HasSubstr("beyond the window, by octets (1,")));
}
TEST_F(WireMonitorTest, ReportsTextLongerThanTheMss) {
  own({.seq = 101, .ack = 901, .flags = 0x10, .window = 3'000, .text = text(1'001)});
  EXPECT_THAT(faults_.texts(), ElementsAre(HasSubstr("longer than the peer's MSS (1001, 1000)")));
}
TEST_F(WireMonitorTest, ReportsAnAcknowledgmentOfWhatDidNotArrive) {
  peer({.seq = 901, .ack = 101, .flags = 0x10, .window = 5'000, .text = text(10)});
  own({.seq = 101, .ack = 911, .flags = 0x10, .window = 3'000});
  EXPECT_THAT(faults_.texts(), IsEmpty());
  own({.seq = 101, .ack = 912, .flags = 0x10, .window = 3'000});
  EXPECT_THAT(faults_.texts(), ElementsAre(HasSubstr("acknowledges what did not arrive")));
}
TEST_F(WireMonitorTest, ReportsABadChecksum) {
  own({.seq = 101, .ack = 901, .flags = 0x10, .window = 3'000, .bad_checksum = true});
  EXPECT_THAT(faults_.texts(), ElementsAre(HasSubstr("bad checksum")));
}
TEST_F(WireMonitorTest, ReportsAPacketLongerThanTheMtu) {
  monitor_.set_link({.mtu = 1'000});
  own({.seq = 101, .ack = 901, .flags = 0x10, .window = 3'000, .text = text(961)});
  EXPECT_THAT(faults_.texts(), ElementsAre(HasSubstr("longer than the MTU (1001, 1000)")));
}
TEST_F(WireMonitorTest, ReportsASegmentWithoutASyn) {
  send(from_to({.seq = 1, .ack = 1, .flags = 0x10}, "198.51.100.1", "198.51.100.2", 1'001, 80));
  EXPECT_THAT(faults_.texts(), ElementsAre(HasSubstr("before a SYN")));
}
TEST_F(WireMonitorTest, ReportsWhatIsNoPacket) {
  send(Octets(60, 0));
  EXPECT_THAT(faults_.texts(), ElementsAre(HasSubstr("no valid TCP over IP")));
}
// An old SYN that comes late is not a new connection.
TEST_F(WireMonitorTest, IsNotMisledByAnOldDuplicateSyn) {
  peer({.seq = 5, .flags = 0x02, .window = 1});
  own({.seq = 101, .ack = 901, .flags = 0x10, .window = 3'000, .text = text(1'000)});
  EXPECT_THAT(faults_.texts(), IsEmpty());
}

// ---- STATUS.

Status sound_status() {
  Status status;
  status.state = tcp::State::established;
  status.snd_mss = 1'000;
  status.cwnd_segments = 10;
  status.ssthresh_octets = 2'000;
  status.unacked_octets = 500;
  status.send_q = 500;
  status.octets_sent = 500;
  status.rto = 1_s;
  return status;
}

TEST(StatusCheck, HasNothingAgainstASoundOne) {
  EXPECT_EQ(nonsense_in(sound_status()), nullptr);
  EXPECT_EQ(nonsense_in(Status{}), nullptr);  // CLOSED has nothing
}
TEST(StatusCheck, ReportsEachNonsense) {
  const auto nonsense = [](auto change) {
    Status status = sound_status();
    change(status);
    const char* const found = nonsense_in(status);
    return std::string(found == nullptr ? "" : found);
  };
  EXPECT_THAT(nonsense([](Status& s) { s.timer_left = 200_s; }), HasSubstr("timer"));
  EXPECT_THAT(nonsense([](Status& s) { s.snd_mss = 7; }), HasSubstr("hardly any text"));
  EXPECT_THAT(nonsense([](Status& s) { s.cwnd_segments = 0; }), HasSubstr("less than a segment"));
  EXPECT_THAT(nonsense([](Status& s) { s.cwnd_segments = 1U << 22; }), HasSubstr("beyond"));
  EXPECT_THAT(nonsense([](Status& s) { s.ssthresh_octets = 999; }), HasSubstr("ssthresh"));
  EXPECT_THAT(nonsense([](Status& s) { s.unacked_octets = 502; }), HasSubstr("in flight"));
  EXPECT_THAT(nonsense([](Status& s) { s.octets_acked = 501; }), HasSubstr("acknowledged"));
  EXPECT_THAT(nonsense([](Status& s) { s.rto = 121_s; }), HasSubstr("timeout"));
}

// ---- World: what is left, what makes no progress.

WorldConfig two_hosts() {
  return {.hosts = {host_config(0), host_config(1)}, .link = {}};
}
Endpoint at_host(HostIndex host, Port port) {
  return {.address = address_of(host, Family::ipv4), .port = port};
}

TEST(World, ReportsNothingOfHostsThatDidNothing) {
  World world(two_hosts());
  EXPECT_TRUE(world.run(world.now() + 1_s));
  world.check_nothing_is_left();
  world.check_wakeups();
  EXPECT_THAT(world.faults().texts(), IsEmpty());
}
TEST(World, ReportsAConnectionItsTimerAndItsCount) {
  World world(two_hosts());
  ASSERT_TRUE(world.host(1).listen(at_host(1, 80), {}));
  const auto id = world.host(0).open(at_host(1, 80), {}, world.now());
  ASSERT_TRUE(id);
  // The handshake takes two crossings of 10 ms; at 15 ms one end is half-open.
  world.run(world.now() + 15_ms);
  world.check_nothing_is_left();
  EXPECT_THAT(world.faults().texts(),
              testing::IsSupersetOf({HasSubstr("SYN-SENT"), HasSubstr("SYN-RECEIVED"),
                                     HasSubstr("timer that is armed"), HasSubstr("is not idle")}));
}
TEST(World, ReportsReceivedOctetsThatNobodyGaveBack) {
  World world(two_hosts());
  ASSERT_TRUE(world.host(1).listen(at_host(1, 80), {}));
  const auto id = world.host(0).open(at_host(1, 80), {}, world.now());
  world.run(world.now() + 100_ms);
  const std::vector<std::uint8_t> text(5'000, 'x');
  ASSERT_TRUE(world.host(0).send(*id, text, world.now()));
  world.run(world.now() + 100_ms);
  world.check_nothing_is_left();
  EXPECT_THAT(world.faults().texts(),
              testing::IsSupersetOf({HasSubstr("counts connections"), HasSubstr("keeps octets")}));
}
// An application that opens a connection whenever one failed never lets its host rest: nobody
// listens, so a host that talks to itself is refused without a packet that takes time.
TEST(World, ReportsAHostThatNeverRests) {
  World world(two_hosts());
  const auto open = [&] {
    const auto id = world.host(0).open(at_host(0, 80), {}, world.now());
    if (id) world.host(0).set_cookie(*id, 1);
  };
  world.on_event = [&](HostIndex, const Event& event) {
    world.host(0).release(event.connection, world.now());
    open();
  };
  open();
  world.run(world.now() + 1_s);
  EXPECT_THAT(world.faults().texts(), testing::IsSupersetOf({HasSubstr("always has something more"),
                                                             HasSubstr("makes no progress")}));
}
TEST(World, EndsAtTheFirstFault) {
  World world(two_hosts());
  bool goes_on = false;
  world.at(world.now() + 1_s, [&] { world.faults().add("planted"); });
  world.at(world.now() + 2_s, [&] { goes_on = true; });
  EXPECT_FALSE(world.run(world.now() + 10_s));
  EXPECT_FALSE(goes_on);
}

}  // namespace
}  // namespace tuntcp::sim
