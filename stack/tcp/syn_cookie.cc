#include "stack/tcp/syn_cookie.h"

#include <algorithm>
#include <array>
#include <span>

#include "stack/base/bytes.h"
#include "stack/tcp/timestamps.h"

namespace tuntcp::tcp {
namespace {

// ISS = hash(addresses, ports) + IRS + minute * 2^24 + (hash(..., minute, IRS) + MSS index) mod
// 2^24. The first hash hides the minute, and IRS makes the numbers rise with the peer's, so that
// one incarnation's are not taken for another's. The second can be known only by who got the
// SYN,ACK. Deviation: Linux's second hash is not of IRS. There a segment behind one to three lost
// octets passes for the first one, with another MSS, and nobody is told that they are missing.
constexpr unsigned kCounterShift = 24;
constexpr std::uint32_t kDataMask = (1U << kCounterShift) - 1;
constexpr std::uint32_t kCounterMask = 0xff;
constexpr Duration kCounterPeriod = 60_s;
constexpr auto kMostAge =
    static_cast<std::uint32_t>(kSynCookieLifetime.count_ns() / kCounterPeriod.count_ns());

// What an MSS is rounded down to: Linux's four for each family, and smaller ones, because a peer
// must not be sent more than it said (MUST-16), and Linux sends 536 octets to one that said 300.
constexpr std::array<std::uint16_t, 6> kMssOfV4{48, 256, 536, 1300, 1440, 1460};
constexpr std::array<std::uint16_t, 7> kMssOfV6{48, 256, 536, 1220, 1420, 1440, 8940};

std::span<const std::uint16_t> known_mss(Family family) {
  if (family == Family::ipv4) return kMssOfV4;
  return kMssOfV6;
}

// The six bits: the peer's window shift, 15 for none, and two switches.
constexpr std::uint32_t kOptionBits = 6;
constexpr std::uint32_t kOptionMask = (1U << kOptionBits) - 1;
constexpr std::uint32_t kNoWindowShift = 0xf;
constexpr std::uint32_t kSackBit = 0x10;
constexpr std::uint32_t kEcnBit = 0x20;

std::uint32_t counter_at(Instant now) {
  return static_cast<std::uint32_t>(now.ns() / kCounterPeriod.count_ns());
}

class Hashes {
 public:
  Hashes(const Shared& shared, const FourTuple& tuple)
      : key_(shared.cookie_key), base_(siphash(shared.cookie_key, tuple)) {}
  std::uint32_t constant() const { return static_cast<std::uint32_t>(base_); }
  std::uint32_t of(std::uint32_t counter, SeqNum irs) const {
    // Of 16 octets: no tuple has as many, so the one key does for both hashes.
    std::array<std::uint8_t, 16> message{};
    store_be32(message.data(), static_cast<std::uint32_t>(base_ >> 32));
    store_be32(message.data() + 4, static_cast<std::uint32_t>(base_));
    store_be32(message.data() + 8, counter);
    store_be32(message.data() + 12, irs.value());
    return static_cast<std::uint32_t>(siphash(key_, message));
  }

 private:
  const SipKey& key_;
  std::uint64_t base_;
};

// The MSS that a cookie says, if it is one of ours and not too old.
std::optional<std::uint16_t> mss_of(SeqNum cookie, SeqNum irs, const FourTuple& tuple,
                                    const Shared& shared, Instant now) {
  const Hashes hashes(shared, tuple);
  const std::uint32_t rest = cookie.value() - hashes.constant() - irs.value();
  const std::uint32_t counter = counter_at(now);
  const std::uint32_t age = (counter - (rest >> kCounterShift)) & kCounterMask;
  if (age >= kMostAge) return std::nullopt;
  const std::uint32_t index = (rest - hashes.of(counter - age, irs)) & kDataMask;
  const auto known = known_mss(tuple.family());
  if (index >= known.size()) return std::nullopt;
  return known[index];
}

// The options of the six bits; false if they are not allowed any more.
bool take_options(HalfOpenState& half_open, std::uint32_t bits, const Sysctl& sysctl) {
  const std::uint32_t shift = bits & kNoWindowShift;
  half_open.has_timestamps = true;
  half_open.has_sack = (bits & kSackBit) != 0;
  half_open.has_window_shift = shift != kNoWindowShift;
  half_open.peer_shift = half_open.has_window_shift ? shift & 0xf : 0;
  half_open.has_ecn = (bits & kEcnBit) != 0 && sysctl.tcp_ecn != 0;
  return sysctl.tcp_timestamps != 0 && (!half_open.has_sack || sysctl.tcp_sack != 0) &&
         (!half_open.has_window_shift || sysctl.tcp_window_scaling != 0);
}

}  // namespace

void become_cookie(HalfOpenState& half_open, const FourTuple& tuple, const Shared& shared,
                   Instant now) {
  if (!half_open.has_timestamps) {
    half_open.has_sack = half_open.has_window_shift = half_open.has_ecn = false;
    half_open.peer_shift = 0;
  }
  const auto known = known_mss(tuple.family());
  std::uint32_t index = static_cast<std::uint32_t>(known.size()) - 1;
  while (index != 0 && known[index] > half_open.peer_mss) --index;
  half_open.peer_mss = known[index];
  const Hashes hashes(shared, tuple);
  const std::uint32_t counter = counter_at(now);
  const std::uint32_t proof = (hashes.of(counter, half_open.irs) + index) & kDataMask;
  half_open.iss = half_open.irs + (hashes.constant() + (counter << kCounterShift) + proof);
}

std::uint32_t cookie_timestamp(const HalfOpenState& half_open, const FourTuple& tuple,
                               const Shared& shared, Instant now) {
  std::uint32_t bits = half_open.has_window_shift ? half_open.peer_shift : kNoWindowShift;
  if (half_open.has_sack) bits |= kSackBit;
  if (half_open.has_ecn) bits |= kEcnBit;
  const std::uint32_t clock = timestamp_clock({}, now);
  std::uint32_t value = (clock & ~kOptionMask) | bits;
  // Never ahead of the clock: what is echoed must not be from the future (RFC 7323, 5.3).
  if ((clock & kOptionMask) < bits) value -= 1U << kOptionBits;
  return value + timestamp_offset(half_open, tuple, shared);
}

std::optional<CookieAnswer> read_cookie(const Segment& seg, const FourTuple& tuple, Shared& shared,
                                        Instant now, std::uint32_t listener) {
  CookieAnswer answer;
  HalfOpenState& half_open = answer.half_open;
  half_open.irs = seg.seq - 1;
  half_open.iss = seg.ack - 1;
  half_open.listener = listener & kListenerMask;
  const auto mss = mss_of(half_open.iss, half_open.irs, tuple, shared, now);
  if (!mss) {
    shared.mib.add(Counter::syncookies_failed);
    return std::nullopt;
  }
  shared.mib.add(Counter::syncookies_recv);
  half_open.peer_mss = std::max(*mss, static_cast<std::uint16_t>(shared.sysctl.tcp_min_snd_mss));
  if (!seg.options.timestamps) return answer;

  half_open.has_ts_offset = wants_timestamp_offset(shared.sysctl);
  half_open.ts_recent = seg.options.timestamps->value;
  const std::uint32_t clock = timestamp_clock({}, now);
  const std::uint32_t sent_at =
      seg.options.timestamps->echo - timestamp_offset(half_open, tuple, shared);
  if (!take_options(half_open, sent_at, shared.sysctl)) return std::nullopt;
  // Anyone who echoes something else than the timestamp he got deceives himself, but within reason.
  const Duration ago = Duration::milliseconds(clock - sent_at);
  if (ago <= kSynCookieLifetime) answer.sent_at = now - ago;
  return answer;
}

}  // namespace tuntcp::tcp
