// SipHash-2-4, section 2 of "SipHash: a fast short-input PRF": the message is read as
// little-endian words of 64 bits, two rounds each, and its length sits in the last word.
#include "stack/base/siphash.h"

namespace tuntcp {
namespace {

std::uint64_t load_le64(const std::uint8_t* p) {
  std::uint64_t v = 0;
  std::memcpy(&v, p, sizeof v);
  return std::endian::native == std::endian::little ? v : __builtin_bswap64(v);
}

std::uint64_t load_le32(const std::uint8_t* p) {
  return __builtin_bswap32(load_be32(p));
}

// The last word of a message of `octets` octets, whose last octets % 8 ones are `rest`.
std::uint64_t final_word(std::uint64_t rest, std::size_t octets) {
  return static_cast<std::uint64_t>(octets & 0xff) << 56 | rest;
}

class State {
 public:
  explicit State(const SipKey& key)
      : v0_(key.k0 ^ 0x736f6d6570736575U),
        v1_(key.k1 ^ 0x646f72616e646f6dU),
        v2_(key.k0 ^ 0x6c7967656e657261U),
        v3_(key.k1 ^ 0x7465646279746573U) {}

  void absorb(std::uint64_t word) {
    v3_ ^= word;
    round();
    round();
    v0_ ^= word;
  }
  std::uint64_t finish() {
    v2_ ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void round() {
    v0_ += v1_;
    v2_ += v3_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v1_;
    v0_ += v3_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ = std::rotl(v2_, 32);
  }

  std::uint64_t v0_, v1_, v2_, v3_;
};

}  // namespace

std::uint64_t siphash(const SipKey& key, Bytes message) {
  State state(key);
  const std::uint8_t* p = message.data();
  std::size_t left = message.size();
  for (; left >= 8; p += 8, left -= 8) state.absorb(load_le64(p));

  std::uint64_t rest = 0;
  for (std::size_t i = 0; i < left; ++i) rest |= static_cast<std::uint64_t>(p[i]) << (8 * i);
  state.absorb(final_word(rest, message.size()));
  return state.finish();
}

// The message is local address, remote address, local port, remote port (both big-endian): 12
// octets or 36. It is absorbed straight from the tuple, because this runs for every packet.
std::uint64_t siphash(const SipKey& key, const FourTuple& tuple) {
  State state(key);
  const std::uint8_t* local = tuple.local.address.octets();
  const std::uint8_t* remote = tuple.remote.address.octets();
  const std::uint64_t ports =
      __builtin_bswap32(static_cast<std::uint32_t>(tuple.local.port) << 16 | tuple.remote.port);
  if (tuple.family() == Family::ipv4) {
    state.absorb(load_le32(local) | load_le32(remote) << 32);
    state.absorb(final_word(ports, 12));
  } else {
    state.absorb(load_le64(local));
    state.absorb(load_le64(local + 8));
    state.absorb(load_le64(remote));
    state.absorb(load_le64(remote + 8));
    state.absorb(final_word(ports, 36));
  }
  return state.finish();
}

}  // namespace tuntcp
