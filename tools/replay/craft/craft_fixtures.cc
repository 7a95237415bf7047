// Writes the captures of pcap-fixtures/ that no kernel was needed for: the RFCs' own figures and
// examples, and files that are damaged. tools/capture-fixtures runs it and files what it prints,
// one line NAME: ABOUT for each.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tools/replay/craft/story.h"

namespace tuntcp::replay::craft {
namespace {

// ---- RFC 9293, 3.5 and 3.6. Side A is the client, side B the server.

Octets figure_6() {
  Story s;
  s.open(100, 300);
  s.client({.flags = kAck | kPsh, .seq = 101, .ack = 301, .len = 10});
  s.server({.seq = 301, .ack = 111});
  return file_of(s.frames());
}

Octets figure_8() {
  Story s;
  s.client({.flags = kSyn, .seq = 90, .mss = 1460});
  s.server({.flags = kSyn | kAck, .seq = 300, .ack = 91, .mss = 1460});
  s.client({.flags = kRst, .seq = 91, .window = 0});
  s.client({.flags = kSyn, .seq = 100, .mss = 1460});
  s.server({.flags = kSyn | kAck, .seq = 400, .ack = 101, .mss = 1460});
  s.client({.seq = 101, .ack = 401});
  return file_of(s.frames());
}

// A crashed and opens again. B is still ESTABLISHED; its ACK draws a RST from A.
Octets figure_9() {
  Story s;
  s.open(99, 299);
  s.wait(1'000'000);
  s.client({.flags = kSyn, .seq = 400, .mss = 1460});
  s.server({.seq = 300, .ack = 100});
  s.client({.flags = kRst, .seq = 100, .window = 0});
  s.client({.flags = kSyn, .seq = 400, .mss = 1460});
  s.server({.flags = kSyn | kAck, .seq = 900, .ack = 401, .mss = 1460});
  s.client({.seq = 401, .ack = 901});
  return file_of(s.frames());
}

// B's text finds no connection at A.
Octets figure_10() {
  Story s;
  s.client({.flags = kAck | kPsh, .seq = 300, .ack = 100, .len = 10});
  s.server({.flags = kRst, .seq = 100, .window = 0});
  return file_of(s.frames());
}

Octets figure_12() {
  Story s;
  s.open(99, 299);
  s.client({.flags = kFin | kAck, .seq = 100, .ack = 300});
  s.server({.seq = 300, .ack = 101});
  s.wait(50'000);
  s.server({.flags = kFin | kAck, .seq = 300, .ack = 101});
  s.client({.seq = 101, .ack = 301});
  return file_of(s.frames());
}

// ---- RFC 2018, 5: eight segments of 500 octets, the first at 5000.

void segment_5000(Story& s, std::uint32_t seq) {
  s.client({.flags = kAck | kPsh, .seq = seq, .ack = 301, .len = 500});
}

Octets rfc2018_case_2() {
  Story s;
  s.open(4999, 300, true);
  for (std::uint32_t seq = 5500; seq < 9000; seq += 500) {
    segment_5000(s, seq);
    s.server({.seq = 301, .ack = 5000, .sack = {5500, seq + 500}});
  }
  return file_of(s.frames());
}

Octets rfc2018_case_3() {
  Story s;
  s.open(4999, 300, true);
  const std::vector<std::pair<std::uint32_t, Told>> rows{
      {5000, {.seq = 301, .ack = 5500}},
      {6000, {.seq = 301, .ack = 5500, .sack = {6000, 6500}}},
      {7000, {.seq = 301, .ack = 5500, .sack = {7000, 7500, 6000, 6500}}},
      {8000, {.seq = 301, .ack = 5500, .sack = {8000, 8500, 7000, 7500, 6000, 6500}}},
      // The fourth is received late, then the second.
      {6500, {.seq = 301, .ack = 5500, .sack = {6000, 7500, 8000, 8500}}},
      {5500, {.seq = 301, .ack = 7500, .sack = {8000, 8500}}}};
  for (const auto& [seq, answer] : rows) {
    segment_5000(s, seq);
    s.server(answer);
  }
  return file_of(s.frames());
}

// ---- RFC 2883, 4.1 and 4.2.

Octets rfc2883_duplicate() {
  Story s;
  s.open(2999, 300, true);
  segment_5000(s, 3000);
  s.server({.seq = 301, .ack = 3500});
  segment_5000(s, 3500);
  s.server({.seq = 301, .ack = 4000});
  segment_5000(s, 3000);
  s.server({.seq = 301, .ack = 4000, .sack = {3000, 3500}});
  return file_of(s.frames());
}

// A duplicate of what lies behind a gap: the first block lies inside the second.
Octets rfc2883_out_of_order_duplicate() {
  Story s;
  s.open(2999, 300, true);
  segment_5000(s, 3000);
  s.server({.seq = 301, .ack = 3500});
  segment_5000(s, 4000);
  s.server({.seq = 301, .ack = 3500, .sack = {4000, 4500}});
  segment_5000(s, 4500);
  s.server({.seq = 301, .ack = 3500, .sack = {4000, 5000}});
  segment_5000(s, 4500);
  s.server({.seq = 301, .ack = 3500, .sack = {4500, 5000, 4000, 5000}});
  return file_of(s.frames());
}

// ---- Files of other kinds, the same conversation in each.

Story plain(bool is_v6 = false) {
  Story s(is_v6);
  s.open(1000, 2000);
  s.client({.flags = kAck | kPsh, .seq = 1001, .ack = 2001, .len = 200});
  s.server({.seq = 2001, .ack = 1201});
  s.client({.flags = kRst | kAck, .seq = 1201, .ack = 2001});
  return s;
}

Octets nanoseconds() {
  return file_of(plain().frames(), {.nanoseconds = true});
}

Octets linux_cooked() {
  Octets header(14, 0);
  header.insert(header.end(), {0x08, 0x00});
  return file_of(plain().frames(), {.link_type = 113, .link_header = header});
}

Octets vlan() {
  Octets header(12, 0x02);
  header.insert(header.end(), {0x81, 0x00, 0x00, 0x07, 0x08, 0x00});
  return file_of(plain().frames(), {.link_type = 1, .link_header = header});
}

Octets extension_header() {
  Story s(true);
  s.open(1000, 2000);
  s.client_behind_extension_header({.flags = kAck | kPsh, .seq = 1001, .ack = 2001, .len = 100});
  s.server({.seq = 2001, .ack = 1101, .window = 64'800});
  return file_of(s.frames());
}

// ---- Damaged.

Octets snapped() {
  Story s = plain();
  s.frames()[3].lost = 150;
  return file_of(s.frames());
}

Octets time_goes_back() {
  Story s = plain();
  s.frames()[4].microseconds -= 5'000;
  return file_of(s.frames());
}

Octets data_offset() {
  Story s = plain();
  // A copy of the text whose TCP header claims to have 4 words, then one that claims 15.
  Frame damaged = s.frames()[3];
  damaged.octets[32] = 0x40;
  Frame other = s.frames()[2];
  other.octets[32] = 0xf0;
  s.frames().insert(s.frames().begin() + 3, {other, damaged});
  s.frames()[3].microseconds = s.frames()[4].microseconds = s.frames()[5].microseconds - 100;
  return file_of(s.frames());
}

Octets total_length() {
  Story s = plain();
  Frame damaged = s.frames()[3];
  damaged.octets[2] = 0xff;  // more than there is
  damaged.microseconds -= 100;
  s.frames().insert(s.frames().begin() + 3, damaged);
  return file_of(s.frames());
}

Octets fragment() {
  Story s = plain();
  Frame damaged = s.frames()[3];
  damaged.octets[6] = 0x20;  // more fragments
  damaged.microseconds -= 100;
  s.frames().insert(s.frames().begin() + 3, damaged);
  return file_of(s.frames());
}

Octets cut_file() {
  Octets file = file_of(plain().frames());
  file.resize(file.size() - 17);
  return file;
}

Octets not_a_capture() {
  Octets file = file_of(plain().frames());
  file[0] ^= 0xff;
  return file;
}

Octets absurd_length() {
  Octets file = file_of(plain().frames());
  // The captured length of the first packet, little-endian at 24 + 8.
  file[35] = 0x7f;
  return file;
}

Octets unknown_link_type() {
  return file_of(plain().frames(), {.link_type = 105});
}

struct Fixture {
  const char* name;
  const char* about;
  std::function<Octets()> make;
};

const std::vector<Fixture> kFixtures{
    {"handshake/rfc9293-figure-6", "RFC 9293, 3.5, Figure 6 and a segment of text", figure_6},
    {"handshake/rfc9293-figure-8", "RFC 9293, 3.5, Figure 8: recovery from an old duplicate SYN",
     figure_8},
    {"handshake/rfc9293-figure-9", "RFC 9293, 3.5.1, Figure 9: half-open connection discovery",
     figure_9},
    {"handshake/rfc9293-figure-10",
     "RFC 9293, 3.5.1, Figure 10: text for a connection that is gone", figure_10},
    {"close/rfc9293-figure-12", "RFC 9293, 3.6, Figure 12: normal close sequence", figure_12},
    {"options/rfc2018-case-2", "RFC 2018, 5, case 2: the first of eight segments is lost",
     rfc2018_case_2},
    {"options/rfc2018-case-3", "RFC 2018, 5, case 3: each second of eight segments is lost",
     rfc2018_case_3},
    {"options/rfc2883-duplicate", "RFC 2883, 4.1.1: a duplicate segment is reported",
     rfc2883_duplicate},
    {"options/rfc2883-behind-a-gap", "RFC 2883, 4.1.2: a duplicate behind a gap is reported",
     rfc2883_out_of_order_duplicate},
    {"ipv6/extension-header", "text behind a hop-by-hop options header", extension_header},
    {"malformed/nanoseconds", "a pcap file of nanoseconds", nanoseconds},
    {"malformed/linux-cooked", "a pcap file of Linux cooked frames", linux_cooked},
    {"malformed/vlan", "Ethernet frames with an IEEE 802.1Q tag", vlan},
    {"malformed/snapped", "a packet of which 150 octets were not captured", snapped},
    {"malformed/time-goes-back", "a packet 5 ms before the one in front of it", time_goes_back},
    {"malformed/data-offset", "TCP headers that claim 4 words, and more than the packet has",
     data_offset},
    {"malformed/total-length", "an IPv4 packet that claims to be longer than it is", total_length},
    {"malformed/fragment", "a first fragment", fragment},
    {"malformed/cut-file", "a file that ends within its last packet", cut_file},
    {"malformed/not-a-capture", "a file whose magic number is wrong", not_a_capture},
    {"malformed/absurd-length", "a packet that claims 2 GB", absurd_length},
    {"malformed/unknown-link-type", "a file of IEEE 802.11 frames", unknown_link_type},
};

int write_all(const std::filesystem::path& folder) {
  for (const Fixture& fixture : kFixtures) {
    const std::filesystem::path path = folder / (std::string(fixture.name) + ".pcap");
    std::filesystem::create_directories(path.parent_path());
    const Octets octets = fixture.make();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(octets.data()),
               static_cast<std::streamsize>(octets.size()));
    file.close();
    if (!file) {
      std::fprintf(stderr, "craft_fixtures: %s cannot be written\n", path.c_str());
      return 1;
    }
    std::printf("%s: %s\n", fixture.name, fixture.about);
  }
  return 0;
}

}  // namespace
}  // namespace tuntcp::replay::craft

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: craft_fixtures FOLDER\n");
    return 2;
  }
  return tuntcp::replay::craft::write_all(argv[1]);
}
