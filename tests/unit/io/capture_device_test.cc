// CaptureDevice: what tshark, with checksum verification on, reads in its files.
#include "stack/io/capture_device.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdio>
#include <deque>
#include <sstream>

#include "stack/io/system_clock.h"
#include "stack/io/tun_device.h"
#include "tests/unit/io/peer.h"
#include "tests/unit/io/private_network.h"

namespace tuntcp::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// A device whose packets are written down beforehand.
class ScriptedDevice final : public Device {
 public:
  int native_handle() const override { return -1; }
  std::expected<std::size_t, std::error_code> read(MutableBytes room,
                                                   wire::ReceivedOffload& offload) override {
    if (arriving.empty()) {
      return std::unexpected(std::make_error_code(std::errc::operation_would_block));
    }
    const Arrived packet = std::move(arriving.front());
    arriving.pop_front();
    std::ranges::copy(packet.octets, room.begin() + headroom());
    offload = packet.offload;
    return packet.octets.size();
  }
  std::uint32_t headroom() const override { return 12; }
  wire::SendResult send(const wire::OutgoingPacket&) override { return answer; }
  const LinkState& link() const override { return state; }
  int link_handle() const override { return 77; }
  Outcome<void> take_link_news() override {
    state.capabilities.mtu = 1'280;
    return {};
  }

  std::deque<Arrived> arriving;
  wire::SendResult answer = wire::SendResult::sent;
  LinkState state;
};

bool has_tshark() {
  int status = 0;
  output_of("command -v tshark tcpdump", &status);
  return status == 0;
}

// One packet as tshark prints it: the fields asked for, separated by one blank.
std::vector<std::string> tshark(const std::string& path, const std::string& fields) {
  std::string command = "tshark -r " + path +
                        " -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE"
                        " -o udp.check_checksum:TRUE -T fields -E separator=/s";
  std::istringstream words(fields);
  for (std::string field; words >> field;) command += " -e " + field;
  std::istringstream output(output_of(command + " 2>/dev/null"));
  std::vector<std::string> lines;
  for (std::string line; std::getline(output, line);) lines.push_back(line);
  return lines;
}

class CaptureDeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_tshark()) GTEST_SKIP() << "needs tshark and tcpdump";
    path_ = testing::TempDir() + "/capture-" + std::to_string(::getpid()) + ".pcap";
  }
  void TearDown() override { std::remove(path_.c_str()); }

  std::unique_ptr<CaptureDevice> open(Device& device) {
    auto capture = CaptureDevice::open(
        device, path_, [this] { return now_; },
        [this](const Failure& failure) { reports_.push_back(failure.text); });
    EXPECT_TRUE(capture) << capture.error().text;
    return std::move(*capture);
  }
  void read_all(Device& device) {
    while (next_packet(device, 0)) continue;
  }

  std::string path_;
  Instant now_ = Instant::from_ns(1'700'000'000'123'456'789);
  std::vector<std::string> reports_;
};

const FourTuple kTuple4{{stack_address(Family::ipv4), 7}, {kernel_address(Family::ipv4), 2'000}};
const FourTuple kTuple6{{stack_address(Family::ipv6), 7}, {kernel_address(Family::ipv6), 2'000}};

wire::TcpHeader header(std::uint32_t seq, wire::Flags flags) {
  wire::TcpHeader tcp;
  tcp.seq = SeqNum(seq);
  tcp.flags = flags;
  return tcp;
}

TEST_F(CaptureDeviceTest, EverythingPassesUnchanged) {
  ScriptedDevice inner;
  const Outgoing packet(kTuple4, header(1, wire::Flag::ack), "text", false);
  inner.arriving.push_back({packet.octets(), {wire::ReceivedOffload::Checksum::valid, 0}});
  const auto capture = open(inner);
  EXPECT_EQ(capture->headroom(), 12U);
  EXPECT_EQ(capture->link_handle(), 77);
  EXPECT_EQ(capture->native_handle(), -1);
  EXPECT_EQ(&capture->link(), &inner.link());
  EXPECT_TRUE(capture->take_link_news());
  EXPECT_EQ(capture->link().capabilities.mtu, 1'280U);

  const auto arrived = next_packet(*capture, 0);
  ASSERT_TRUE(arrived);
  EXPECT_EQ(arrived->octets, packet.octets());
  EXPECT_EQ(arrived->offload.checksum, wire::ReceivedOffload::Checksum::valid);
  for (const auto result :
       {wire::SendResult::sent, wire::SendResult::retry, wire::SendResult::too_big,
        wire::SendResult::no_gso, wire::SendResult::down}) {
    inner.answer = result;
    EXPECT_EQ(capture->send(packet.packet()), result);
  }
  // The one read and the one sent; what was refused never was on the wire.
  EXPECT_EQ(capture->packets_captured(), 2U);
}

TEST_F(CaptureDeviceTest, TimesAreTheClocksToTheNanosecond) {
  ScriptedDevice inner;
  const auto capture = open(inner);
  const Outgoing packet(kTuple6, header(1, wire::Flag::ack), "text", true);
  capture->send(packet.packet());
  now_ += 1_s + 1_ns;
  capture->send(packet.packet());
  // The capture is still open: each packet is in the file when send() returns.
  EXPECT_THAT(tshark(path_, "frame.time_epoch frame.encap_type frame.len"),
              ElementsAre("1700000000.123456789 7 64", "1700000001.123456790 7 64"));
  EXPECT_THAT(output_of("tcpdump -nr " + path_ + " 2>&1"),
              AllOf(HasSubstr("link-type RAW (Raw IP)"),
                    HasSubstr("IP6 2001:db8::2.7 > 2001:db8::1.2000: Flags [.]")));
}

TEST_F(CaptureDeviceTest, ASuperPacketIsWrittenAsItsSegments) {
  ScriptedDevice inner;
  const auto capture = open(inner);
  using enum wire::Flag;
  const auto flags = ack | psh | fin | cwr;
  for (const FourTuple& tuple : {kTuple4, kTuple6}) {
    capture->send(Outgoing(tuple, header(1'000, flags), pattern(2'500), true, 1'000).packet());
  }
  EXPECT_EQ(capture->packets_captured(), 6U);
  EXPECT_THAT(tshark(path_,
                     "ip.len ip.id ip.checksum.status tcp.seq_raw tcp.len tcp.flags "
                     "tcp.checksum.status"),
              ElementsAre("1040 0xfffe 1 1000 1000 0x0090 1", "1040 0xffff 1 2000 1000 0x0010 1",
                          "540 0x0000 1 3000 500 0x0019 1", "   1000 1000 0x0090 1",
                          "   2000 1000 0x0010 1", "   3000 500 0x0019 1"));
  EXPECT_THAT(tshark(path_, "ipv6.plen"), ElementsAre("", "", "", "1020", "1020", "520"));
}

// That "checksum.status 1" above says something.
TEST_F(CaptureDeviceTest, AWrongChecksumStaysWrong) {
  ScriptedDevice inner;
  std::vector<std::uint8_t> bad =
      Outgoing(kTuple4, header(1, wire::Flag::ack), "text", false).octets();
  bad.back() ^= 1;
  inner.arriving.push_back({bad, {}});
  bad[10] ^= 1;
  inner.arriving.push_back({bad, {}});
  const auto capture = open(inner);
  read_all(*capture);
  EXPECT_THAT(tshark(path_, "ip.checksum.status tcp.checksum.status"), ElementsAre("1 0", "0 0"));
}

TEST_F(CaptureDeviceTest, OctetsThatAreNoPacketAreKept) {
  ScriptedDevice inner;
  inner.arriving.push_back({{0x45, 0, 0}, {wire::ReceivedOffload::Checksum::partial, 5}});
  const auto capture = open(inner);
  read_all(*capture);
  EXPECT_THAT(tshark(path_, "frame.len"), ElementsAre("3"));
}

TEST_F(CaptureDeviceTest, AFileThatCannotBeMadeIsNamed) {
  ScriptedDevice inner;
  const auto open_at = [&](const std::string& path) {
    const auto capture = CaptureDevice::open(inner, path, wall_clock_now, [](const Failure&) {});
    return capture ? "opened" : capture.error().text;
  };
  EXPECT_EQ(open_at("/no/such/folder/x.pcap"),
            "cannot write a capture to '/no/such/folder/x.pcap': No such file or directory; choose "
            "another file");
  EXPECT_EQ(open_at("/dev/full"),
            "cannot write a capture to '/dev/full': No space left on device; choose another file");
}

TEST_F(CaptureDeviceTest, AFullDiskEndsTheCaptureOnceAndNothingElse) {
  ScriptedDevice inner;
  const auto capture = open(inner);
  const Outgoing packet(kTuple4, header(1, wire::Flag::ack), pattern(1'000), true);
  EXPECT_EQ(capture->send(packet.packet()), wire::SendResult::sent);

  // No more than 2,000 octets a file: as on a full disk, but without one.
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 2'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(capture->send(packet.packet()), wire::SendResult::sent);
    inner.arriving.push_back({packet.octets(), {wire::ReceivedOffload::Checksum::partial, 0}});
    EXPECT_TRUE(next_packet(*capture, 0));
  }
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, previous);

  EXPECT_THAT(reports_, ElementsAre("capture to '" + path_ +
                                    "' stopped after 1 packets: File too large; everything else "
                                    "goes on"));
  EXPECT_EQ(capture->packets_captured(), 1U);
  // The file does not grow again when there is room.
  capture->send(packet.packet());
  EXPECT_THAT(tshark(path_, "frame.len"), testing::SizeIs(1));
  EXPECT_EQ(reports_.size(), 1U);
}

// Real traffic with a kernel that leaves everything to the device.
class CaptureTrafficTest : public PrivateNetwork, public testing::WithParamInterface<Family> {
 protected:
  void SetUp() override {
    PrivateNetwork::SetUp();
    if (!IsSkipped() && !has_tshark()) GTEST_SKIP() << "needs tshark and tcpdump";
  }
};

TEST_P(CaptureTrafficTest, SuperPacketsOfTheKernelAreWrittenWithValidChecksums) {
  const Family family = GetParam();
  auto tun = TunDevice::open({});
  ASSERT_TRUE(tun) << tun.error().text;
  ASSERT_TRUE((*tun)->set_up(both_families()));
  const std::string path = testing::TempDir() + "/traffic-" + std::to_string(::getpid()) + ".pcap";
  auto capture = CaptureDevice::open(**tun, path, wall_clock_now,
                                     [](const Failure& failure) { FAIL() << failure.text; });
  ASSERT_TRUE(capture) << capture.error().text;

  const UniqueFd listener = Peer::listen(family, 5'001);
  Peer peer(**capture, family, true);
  const UniqueFd socket = peer.connect(listener, 5'001);
  ASSERT_TRUE(socket);
  const std::string up = pattern(30'000);
  ASSERT_EQ(peer.send(up, peer.mss()), wire::SendResult::sent);
  const std::string down = pattern(500'000);
  std::string received;
  std::size_t written = 0;
  std::size_t largest = 0;
  while (received.size() < down.size()) {
    const ssize_t octets = ::send(socket.get(), down.data() + written, down.size() - written, 0);
    if (octets > 0) written += static_cast<std::size_t>(octets);
    const auto packet = peer.receive(received);
    ASSERT_TRUE(packet);
    largest = std::max(largest, packet->octets.size());
  }
  EXPECT_GT(largest, 10'000U);  // there were super-packets to cut
  EXPECT_EQ(received, down);

  std::size_t text_up = 0;
  std::size_t text_down = 0;
  std::size_t segments = 0;
  for (const std::string& line :
       tshark(path, "frame.len tcp.srcport tcp.len tcp.checksum.status ip.checksum.status")) {
    std::istringstream words(line);
    std::size_t octets = 0;
    std::size_t port = 0;
    std::size_t text = 0;
    int tcp_status = -1;
    int ip_status = 1;                                               // IPv6 has none
    if (!(words >> octets >> port >> text >> tcp_status)) continue;  // MLD and the like
    words >> ip_status;
    EXPECT_LE(octets, 1'500U);
    ASSERT_EQ(tcp_status, 1) << line;
    ASSERT_EQ(ip_status, 1) << line;
    (port == 5'001 ? text_down : text_up) += text;
    ++segments;
  }
  EXPECT_EQ(text_up, up.size());
  EXPECT_EQ(text_down, down.size());
  EXPECT_GE(segments, (up.size() + down.size()) / peer.mss());
  EXPECT_LE(segments, (*capture)->packets_captured());
  // Sequence numbers go on from one cut segment to the next, and nothing is there twice.
  EXPECT_EQ(output_of("tshark -r " + path +
                      " -Y 'tcp.analysis.lost_segment || tcp.analysis.retransmission || "
                      "tcp.analysis.out_of_order' 2>/dev/null"),
            "");
  std::remove(path.c_str());
}

INSTANTIATE_TEST_SUITE_P(Both, CaptureTrafficTest, testing::Values(Family::ipv4, Family::ipv6),
                         [](const auto& tested) {
                           return tested.param == Family::ipv4 ? "ipv4" : "ipv6";
                         });

}  // namespace
}  // namespace tuntcp::io
