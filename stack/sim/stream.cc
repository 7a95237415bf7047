#include "stack/sim/stream.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "stack/base/random.h"

namespace tuntcp::sim {
namespace {

// A prime, so that no shift by a segment's or a buffer's size looks like the right place.
constexpr std::size_t kPatternOctets = 65'521;

const std::vector<std::uint8_t>& pattern() {
  static const std::vector<std::uint8_t> octets = [] {
    SeededRandom random(0x7061747465726e);
    std::vector<std::uint8_t> made(kPatternOctets);
    for (std::uint8_t& octet : made) octet = static_cast<std::uint8_t>(random.next());
    return made;
  }();
  return octets;
}

}  // namespace

void Stream::fill_from(std::uint64_t offset, MutableBytes out) const {
  std::size_t at = (number_ * 7919 + offset) % kPatternOctets;
  while (!out.empty()) {
    const std::size_t octets = std::min(out.size(), kPatternOctets - at);
    std::memcpy(out.data(), pattern().data() + at, octets);
    out = out.subspan(octets);
    at = 0;
  }
}

void Stream::on_read(Bytes octets) {
  std::vector<std::uint8_t> expected(octets.size());
  fill_from(read_, expected);
  const auto at = static_cast<std::size_t>(
      std::mismatch(octets.begin(), octets.end(), expected.begin()).first - octets.begin());
  if (at != octets.size()) {
    faults_.add("stream " + std::to_string(number_) + ": other octets than were written, at " +
                std::to_string(read_ + at));
  }
  read_ += octets.size();
  if (read_ > written_) {
    faults_.add("stream " + std::to_string(number_) + ": " + std::to_string(read_) +
                " octets were read and only " + std::to_string(written_) + " written");
  }
}

}  // namespace tuntcp::sim
