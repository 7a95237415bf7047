// One TCP segment as plain values, random or at the boundaries of its fields, and the packet that
// each of the two codecs makes of it.
#pragma once

#include <cstdint>

#include "stack/base/random.h"
#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"
#include "stack/wire/tcp_options.h"
#include "tests/support/hex.h"

namespace Tins {
class TCP;
}

namespace tuntcp::oracle {

using test::Octets;

struct Sample {
  wire::IpFields ip;  // payload_octets is what the codec works out
  wire::TcpHeader tcp;
  wire::TcpOptions options;
  Octets payload;
};

// Which options a sample has. All 80 combinations are numbered.
struct OptionChoice {
  bool mss = false;
  bool window_shift = false;
  bool timestamps = false;
  bool sack_permitted = false;
  std::uint8_t sack_count = 0;

  static constexpr unsigned kCount = 16 * 5;
  static OptionChoice number(unsigned n) {
    return {.mss = (n & 1) != 0,
            .window_shift = (n & 2) != 0,
            .timestamps = (n & 4) != 0,
            .sack_permitted = (n & 8) != 0,
            .sack_count = static_cast<std::uint8_t>(n / 16)};
  }
  // With the padding that write_options() uses.
  // As Linux pads them, and without any padding.
  unsigned octets() const;
  unsigned octets_unpadded() const;
};

// Every integer is random, or (every second one) among the smallest and largest of its type.
class SampleSource {
 public:
  explicit SampleSource(std::uint64_t seed) : random_(seed) {}

  Sample draw(Family family, const OptionChoice& choice, std::size_t payload_octets);
  IpAddress address(Family family);
  Octets octets(std::size_t count);
  // From 0 to `limit`, ends included.
  std::size_t at_most(std::size_t limit) { return random_.next() % (limit + 1); }
  template <class Integer>
  Integer integer() {
    return static_cast<Integer>(bits(sizeof(Integer) * 8));
  }

 private:
  std::uint64_t bits(unsigned width);
  SeededRandom random_;
};

// The whole packet, checksums included, by our writers.
Octets written_by_us(const Sample& sample);

// The same by libtins, which computes lengths and checksums itself. The options' order, NOPs among
// them and an option of an unknown kind are drawn from `source`.
Octets written_by_libtins(const Sample& sample, SampleSource& source);

// The options of a segment that libtins has read. Throws where it finds one malformed.
wire::TcpOptions options_read_by_libtins(const Tins::TCP& tcp);

}  // namespace tuntcp::oracle
