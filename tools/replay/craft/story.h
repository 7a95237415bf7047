// A conversation told segment by segment and written as a capture: libtins makes the packets,
// libpcap the file. Nothing of the stack is used. For craft_fixtures.cc alone.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tuntcp::replay::craft {

using Octets = std::vector<std::uint8_t>;

inline constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16;

// One segment. Numbers are those on the wire.
struct Told {
  std::uint8_t flags = kAck;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint32_t len = 0;  // octets of text
  std::uint16_t window = 64'240;
  std::uint16_t mss = 0;  // 0: no option
  bool sack_permitted = false;
  std::vector<std::uint32_t> sack{};  // begin, end, begin, end ...
};

struct Frame {
  std::int64_t microseconds = 0;
  Octets octets;
  std::uint32_t lost = 0;  // at the end, not in the file
};

// What a file says about itself.
struct Format {
  int link_type = 12;  // DLT_RAW
  Octets link_header{};
  bool nanoseconds = false;
};

class Story {
 public:
  explicit Story(bool is_v6 = false) : is_v6_(is_v6) {}

  // A client speaks 10 ms after what was said last, a server answers it in 20 us.
  void client(const Told& told);
  void server(const Told& told);
  void wait(std::int64_t microseconds) { now_ += microseconds; }
  // The octets of the next packet are changed by hand, after the checksums were made.
  std::vector<Frame>& frames() { return frames_; }
  // From the client, a hop-by-hop options header between IPv6 and TCP.
  void client_behind_extension_header(const Told& told);

  // The three segments that every connection begins with.
  void open(std::uint32_t client_iss, std::uint32_t server_iss, bool sack = false);

 private:
  Octets packet(bool from_client, const Told& told, bool with_extension_header) const;

  bool is_v6_;
  std::int64_t now_ = 0;
  std::vector<Frame> frames_;
};

// The whole file.
Octets file_of(const std::vector<Frame>& frames, const Format& format = {});

}  // namespace tuntcp::replay::craft
