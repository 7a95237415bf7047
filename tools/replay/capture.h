// Reads a capture file: pcap and pcapng as libpcap reads them, link layers taken off, so that what
// is left are IP packets with their number and time. Nothing is lost silently: what cannot be used
// is a Notice.
//
// Not here: what the packets mean (packet.h) and which connection they belong to (flow.h).
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "stack/base/time.h"

namespace tuntcp::replay {

// The file cannot be used at all. what() names the file, what is wrong and the offset in octets.
class CaptureError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Something about one packet that a reader of the result must know.
struct Notice {
  enum class Kind : std::uint8_t {
    malformed,  // by its headers or a checksum; fed to the engine all the same if it has addresses
    snapped,    // the capture holds a part only; lost text is replaced by zeros
    backwards,  // captured earlier than the packet before it: taken as simultaneous
    hole,       // text that was sent is not in the capture: replaced by zeros
    other,      // not of a TCP connection and no echo: ARP, UDP, ...; not replayed
  };
  Kind kind = Kind::other;
  std::uint32_t number = 0;
  std::string text;
};
const char* to_string(Notice::Kind kind);
// As an .expect names it, or nothing.
bool parse_notice_kind(std::string_view name, Notice::Kind& kind);

struct CapturedPacket {
  std::uint32_t number = 0;          // 1 for the file's first, as tcpdump and Wireshark count
  Duration at{};                     // since the file's first packet
  std::vector<std::uint8_t> octets;  // from the IP header on; lost ones are zero
  std::uint32_t lost_octets = 0;     // at the end, not in the capture
};

struct Capture {
  std::string name;
  std::vector<CapturedPacket> packets;
  std::vector<Notice> notices;
};

// Bounds on what one file may ask for. A file beyond them is refused, not cut.
struct CaptureLimits {
  std::uint32_t packets = 200'000;
  std::uint64_t octets = std::uint64_t{256} << 20;
  Duration length = Duration::seconds(30 * 86'400);  // from the first packet to the last
};

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

// Throws CaptureError. `name` is what messages call the file.
Capture read_capture(File file, const std::string& name, const CaptureLimits& limits = {});
Capture read_capture(const std::string& path, const CaptureLimits& limits = {});

}  // namespace tuntcp::replay
