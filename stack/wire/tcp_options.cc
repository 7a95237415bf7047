#include "stack/wire/tcp_options.h"

#include <algorithm>

namespace tuntcp::wire {
namespace {

// IANA's option kinds, and the whole length each must have.
constexpr std::uint8_t kEndOfOptions = 0;
constexpr std::uint8_t kNoOperation = 1;
constexpr std::uint8_t kMss = 2, kMssOctets = 4;
constexpr std::uint8_t kWindowScale = 3, kWindowScaleOctets = 3;
constexpr std::uint8_t kSackPermitted = 4, kSackPermittedOctets = 2;
constexpr std::uint8_t kSack = 5, kSackBaseOctets = 2, kSackBlockOctets = 8;
constexpr std::uint8_t kTimestamps = 8, kTimestampsOctets = 10;

// NOP, NOP, timestamps: what nearly every data segment carries (RFC 7323, appendix A).
constexpr std::uint32_t kAlignedTimestamps = 0x0101080a;
constexpr std::size_t kAlignedTimestampsOctets = 12;

Timestamps load_timestamps(const std::uint8_t* p) {
  return {.value = load_be32(p), .echo = load_be32(p + 4)};
}

// RFC 2018, 3: length 8*n + 2. No blocks at all say nothing, and more than four cannot fit.
bool load_sack(Bytes option, TcpOptions& options) {
  const std::size_t octets = option.size() - kSackBaseOctets;
  const std::size_t count = octets / kSackBlockOctets;
  if (octets % kSackBlockOctets != 0 || count == 0 || count > options.sack.size()) return false;
  const std::uint8_t* p = option.data() + kSackBaseOctets;
  for (std::size_t i = 0; i < count; ++i, p += kSackBlockOctets) {
    options.sack[i] = {.begin = SeqNum(load_be32(p)), .end = SeqNum(load_be32(p + 4))};
  }
  std::fill(options.sack.begin() + static_cast<std::ptrdiff_t>(count), options.sack.end(),
            SeqRange{});
  options.sack_count = static_cast<std::uint8_t>(count);
  return true;
}

// One option with its kind and length octets. False where its length is wrong for its kind.
bool load_option(Bytes option, TcpOptions& options) {
  const std::uint8_t* value = option.data() + 2;
  switch (option[0]) {
    case kMss:
      if (option.size() != kMssOctets) return false;
      options.mss = load_be16(value);
      return true;
    case kWindowScale:
      if (option.size() != kWindowScaleOctets) return false;
      options.window_shift = *value;
      return true;
    case kSackPermitted:
      if (option.size() != kSackPermittedOctets) return false;
      options.sack_permitted = true;
      return true;
    case kSack:
      return load_sack(option, options);
    case kTimestamps:
      if (option.size() != kTimestampsOctets) return false;
      options.timestamps = load_timestamps(value);
      return true;
    default:
      return true;
  }
}

std::uint8_t* store_word(std::uint8_t* out, std::uint8_t a, std::uint8_t b, std::uint8_t c,
                         std::uint8_t d) {
  out[0] = a;
  out[1] = b;
  out[2] = c;
  out[3] = d;
  return out + 4;
}

std::uint8_t* store_pair(std::uint8_t* out, std::uint32_t first, std::uint32_t second) {
  store_be32(out, first);
  store_be32(out + 4, second);
  return out + 8;
}

}  // namespace

TcpOptions parse_options(Bytes options) {
  TcpOptions result;
  const std::uint8_t* p = options.data();
  if (options.size() == kAlignedTimestampsOctets && load_be32(p) == kAlignedTimestamps) {
    result.timestamps = load_timestamps(p + 4);
    return result;
  }

  std::size_t left = options.size();
  while (left > 0 && *p != kEndOfOptions) {
    if (*p == kNoOperation) {
      ++p;
      --left;
      continue;
    }
    // MUST-7: a length that leads nowhere ends the parsing; what came before it counts.
    if (left < 2 || p[1] < 2 || p[1] > left) {
      result.malformed = true;
      break;
    }
    const std::size_t octets = p[1];
    if (!load_option({p, octets}, result)) result.malformed = true;
    p += octets;
    left -= octets;
  }
  return result;
}

std::uint32_t write_options(const TcpOptions& options, std::uint8_t* out) {
  std::uint8_t* p = out;
  if (options.mss) {
    p[0] = kMss;
    p[1] = kMssOctets;
    store_be16(p + 2, *options.mss);
    p += kMssOctets;
  }
  // "SACK permitted" takes the place of the timestamps' padding where there are both.
  if (options.timestamps) {
    p = options.sack_permitted
            ? store_word(p, kSackPermitted, kSackPermittedOctets, kTimestamps, kTimestampsOctets)
            : store_word(p, kNoOperation, kNoOperation, kTimestamps, kTimestampsOctets);
    p = store_pair(p, options.timestamps->value, options.timestamps->echo);
  } else if (options.sack_permitted) {
    p = store_word(p, kNoOperation, kNoOperation, kSackPermitted, kSackPermittedOctets);
  }
  if (options.window_shift) {
    p = store_word(p, kNoOperation, kWindowScale, kWindowScaleOctets, *options.window_shift);
  }
  // What stands so far is at most 20 octets, so there is always room for the padding and a block.
  const std::ptrdiff_t room = kMaxOptionOctets - (p - out) - 4;
  const std::size_t blocks =
      std::min({static_cast<std::size_t>(options.sack_count),
                static_cast<std::size_t>(room) / kSackBlockOctets, options.sack.size()});
  if (blocks > 0) {
    p = store_word(p, kNoOperation, kNoOperation, kSack,
                   static_cast<std::uint8_t>(kSackBaseOctets + blocks * kSackBlockOctets));
    for (std::size_t i = 0; i < blocks; ++i) {
      p = store_pair(p, options.sack[i].begin.value(), options.sack[i].end.value());
    }
  }
  return static_cast<std::uint32_t>(p - out);
}

}  // namespace tuntcp::wire
