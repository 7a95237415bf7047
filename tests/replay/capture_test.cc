// Files that are damaged, hostile or of a kind nobody thought of: a clear refusal with the place, a
// named packet, or a replay; never silence. The files are written here octet by octet.
#include "tools/replay/capture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "tools/replay/replay.h"

namespace tuntcp::replay {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Octets = std::vector<std::uint8_t>;

constexpr std::uint32_t kEthernet = 1;
constexpr std::uint32_t kRaw = 101;
constexpr std::uint32_t kCooked = 113;

void append32(Octets& to, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) {
    to.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

Octets file_header(std::uint32_t link_type, std::uint32_t magic = 0xa1b2c3d4) {
  Octets octets;
  append32(octets, magic);
  append32(octets, 0x0004'0002);  // version 2.4
  append32(octets, 0);
  append32(octets, 0);
  append32(octets, 65'535);
  append32(octets, link_type);
  return octets;
}

struct Record {
  std::uint32_t seconds = 0;
  std::uint32_t microseconds = 0;
  Octets octets{};
  std::uint32_t lost = 0;
};
void append(Octets& file, const Record& record) {
  append32(file, record.seconds);
  append32(file, record.microseconds);
  append32(file, static_cast<std::uint32_t>(record.octets.size()));
  append32(file, static_cast<std::uint32_t>(record.octets.size()) + record.lost);
  file.insert(file.end(), record.octets.begin(), record.octets.end());
}

// A SYN of 40 octets without options, checksums right: 198.51.100.1:1024 to 198.51.100.2:80.
Octets syn() {
  return {0x45, 0x00, 0x00, 0x28, 0x00, 0x00, 0x40, 0x00, 0x40, 0x06, 0xe6, 0x65, 0xc6, 0x33,
          0x64, 0x01, 0xc6, 0x33, 0x64, 0x02, 0x04, 0x00, 0x00, 0x50, 0x00, 0x00, 0x00, 0x07,
          0x00, 0x00, 0x00, 0x00, 0x50, 0x02, 0xfa, 0xf0, 0x5c, 0x30, 0x00, 0x00};
}

Capture read(Octets octets, const CaptureLimits& limits = {}) {
  if (octets.empty()) octets.push_back(0);
  return read_capture(File(::fmemopen(octets.data(), octets.size(), "rb")), "x.pcap", limits);
}

std::string refusal_of(const Octets& octets, const CaptureLimits& limits = {}) {
  try {
    read(octets, limits);
    return "it was read";
  } catch (const CaptureError& error) {
    return error.what();
  }
}

TEST(CaptureFile, IsReadWithNumbersAndTimes) {
  Octets file = file_header(kRaw);
  append(file, {.seconds = 1'000'000'000, .microseconds = 900'000, .octets = syn()});
  append(file, {.seconds = 1'000'000'001, .microseconds = 100'001, .octets = syn()});
  const Capture capture = read(file);
  ASSERT_THAT(capture.packets, SizeIs(2));
  EXPECT_EQ(capture.packets[0].number, 1U);
  EXPECT_EQ(capture.packets[0].at, 0_s);
  EXPECT_EQ(capture.packets[1].at, 200'001_us);
  EXPECT_EQ(capture.packets[1].octets, syn());
  EXPECT_THAT(capture.notices, IsEmpty());
}

TEST(CaptureFile, LinkLayersAreTakenOff) {
  Octets ethernet(12, 0x02);
  const Octets vlan{0x81, 0x00, 0x00, 0x07, 0x08, 0x00};
  Octets with_vlan = ethernet;
  with_vlan.insert(with_vlan.end(), vlan.begin(), vlan.end());
  ethernet.insert(ethernet.end(), {0x08, 0x00});
  Octets cooked(14, 0);
  cooked.insert(cooked.end(), {0x08, 0x00});
  const std::vector<std::pair<std::uint32_t, Octets>> headers{
      {kRaw, {}}, {kEthernet, ethernet}, {kEthernet, with_vlan}, {kCooked, cooked}};
  for (const auto& [link_type, header] : headers) {
    Octets frame = header;
    const Octets packet = syn();
    frame.insert(frame.end(), packet.begin(), packet.end());
    Octets file = file_header(link_type);
    append(file, {.octets = frame});
    const Capture capture = read(file);
    ASSERT_THAT(capture.packets, SizeIs(1)) << link_type;
    EXPECT_EQ(capture.packets[0].octets, packet) << link_type;
  }
}

TEST(CaptureFile, OtherFramesAreNamed) {
  Octets arp(12, 0x02);
  arp.insert(arp.end(), {0x08, 0x06, 0, 1});
  Octets file = file_header(kEthernet);
  append(file, {.octets = arp});
  append(file, {.octets = Octets(5, 0)});
  const Capture capture = read(file);
  EXPECT_THAT(capture.packets, IsEmpty());
  EXPECT_THAT(capture.notices, ElementsAre(Field(&Notice::text, "ARP"),
                                           Field(&Notice::text, "an Ethernet frame of 5 octets")));
}

TEST(CaptureFile, SnappedPacketGetsItsLengthBack) {
  Octets file = file_header(kRaw);
  Octets packet = syn();
  packet[3] = 0x8c;  // a total length of 140
  append(file, {.octets = packet, .lost = 100});
  const Capture capture = read(file);
  ASSERT_THAT(capture.packets, SizeIs(1));
  EXPECT_THAT(capture.packets[0].octets, SizeIs(140));
  EXPECT_EQ(capture.packets[0].lost_octets, 100U);
  EXPECT_THAT(capture.notices, ElementsAre(Field(&Notice::text, "40 of 140 octets captured")));
}

TEST(CaptureFile, TimeThatGoesBackIsNamedAndStops) {
  Octets file = file_header(kRaw);
  append(file, {.seconds = 5, .octets = syn()});
  append(file, {.seconds = 4, .octets = syn()});
  const Capture capture = read(file);
  ASSERT_THAT(capture.packets, SizeIs(2));
  EXPECT_EQ(capture.packets[1].at, 0_s);
  EXPECT_THAT(capture.notices, ElementsAre(Field(&Notice::kind, Notice::Kind::backwards)));
}

// ---- Refused, with the place.

TEST(BadCaptureFile, ThatIsNoneIsRefused) {
  EXPECT_THAT(refusal_of({}), HasSubstr("x.pcap: "));
  EXPECT_THAT(refusal_of(Octets(100, 'a')), HasSubstr("unknown file format"));
  EXPECT_THAT(refusal_of(Octets(3, 0xd4)), HasSubstr("offset 3"));
}

TEST(BadCaptureFile, CutInAPacketIsRefusedWithTheOffset) {
  Octets file = file_header(kRaw);
  append(file, {.octets = syn()});
  append(file, {.octets = syn()});
  file.resize(file.size() - 10);
  EXPECT_THAT(refusal_of(file), HasSubstr("packet 2, offset " + std::to_string(file.size())));
}

TEST(BadCaptureFile, PacketOfAbsurdLengthIsRefused) {
  Octets file = file_header(kRaw);
  append32(file, 0);
  append32(file, 0);
  append32(file, 0xffff'fff0);
  append32(file, 0xffff'fff0);
  EXPECT_THAT(refusal_of(file), HasSubstr("packet 1, offset 40"));
}

TEST(BadCaptureFile, LinkTypeNobodyKnowsIsRefusedByName) {
  EXPECT_THAT(refusal_of(file_header(105)), HasSubstr("IEEE802_11 (105) is not known"));
}

TEST(BadCaptureFile, BeyondTheLimitsIsRefused) {
  Octets file = file_header(kRaw);
  append(file, {.octets = syn()});
  append(file, {.seconds = 40 * 86'400, .octets = syn()});
  EXPECT_THAT(refusal_of(file), HasSubstr("a capture may last 2592000 s"));
  EXPECT_THAT(refusal_of(file, {.packets = 1}), HasSubstr("more than 1 packets"));
  EXPECT_THAT(refusal_of(file, {.octets = 50, .length = 100 * 86'400_s}),
              HasSubstr("more than 50 octets"));
}

TEST(BadCaptureFile, ThatIsNotThereIsRefused) {
  EXPECT_THROW(read_capture("/nonexistent.pcap"), CaptureError);
}

TEST(BadCaptureFile, WithoutAConnectionIsRefused) {
  EXPECT_THROW(replay(read(file_header(kRaw)), {}), CaptureError);
}

// ---- Replayed or named, whatever it says.

TEST(HostileCapture, MiddleOfAConnectionIsNamed) {
  Octets file = file_header(kRaw);
  Octets packet = syn();
  packet[33] = 0x10;  // ACK,
  packet[37] = 0x22;  // and the checksum with it
  append(file, {.octets = packet});
  EXPECT_THAT(replay(read(file), {}).faults, ElementsAre(HasSubstr("begins in the middle")));
}

TEST(HostileCapture, SynWithManyInitialNumbersIsRefused) {
  Octets file = file_header(kRaw);
  for (std::uint32_t i = 0; i < 400; ++i) {
    Octets packet = syn();
    packet[25] = static_cast<std::uint8_t>(i >> 8);
    packet[26] = static_cast<std::uint8_t>(i);
    append(file, {.octets = packet});
  }
  EXPECT_THROW(replay(read(file), {}), CaptureError);
}

// Each input that the fuzzer found worth keeping: none may crash, hang or go unanswered.
TEST(HostileCapture, CorpusIsAnsweredOneWayOrAnother) {
  const std::filesystem::path corpus =
      std::filesystem::path(TUNTCP_SOURCE_DIR) / "tests" / "fuzz" / "corpus" / "replay";
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    std::ifstream stream(entry.path(), std::ios::binary);
    const Octets octets{std::istreambuf_iterator<char>(stream), {}};
    ++count;
    try {
      const Report report = replay(read(octets), {});
      EXPECT_FALSE(report.text.empty() && report.faults.empty()) << entry.path();
    } catch (const CaptureError& error) {
      EXPECT_STRNE(error.what(), "") << entry.path();
    }
  }
  EXPECT_GT(count, 0U);
}

}  // namespace
}  // namespace tuntcp::replay
