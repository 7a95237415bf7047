// IP addresses, ports and the pairs of them that name a connection.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "stack/base/bytes.h"

namespace tuntcp {

enum class Family : std::uint8_t { ipv4, ipv6 };

// An IPv4 or IPv6 address, without scope. IPv4 uses the first four octets; the rest are zero.
class IpAddress {
 public:
  constexpr IpAddress() = default;  // 0.0.0.0
  static constexpr IpAddress v4(std::uint32_t host_order) {
    IpAddress a;
    for (unsigned i = 0; i < 4; ++i) {
      a.octets_[i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
    }
    return a;
  }
  static constexpr IpAddress v6(const std::array<std::uint8_t, 16>& octets) {
    IpAddress a;
    a.octets_ = octets;
    a.family_ = Family::ipv6;
    return a;
  }
  // From network-order octets: 4 for ipv4, 16 for ipv6.
  static IpAddress from_octets(Family family, const std::uint8_t* octets) {
    // In whole words: parsers live by this, and an address that was stored in smaller pieces than
    // it is copied in makes the copy wait for the store.
    std::uint64_t words[2] = {};
    std::memcpy(words, octets, family == Family::ipv4 ? 4 : 16);
    IpAddress a;
    std::memcpy(a.octets_.data(), words, sizeof words);
    a.family_ = family;
    return a;
  }
  static constexpr IpAddress any(Family family) {
    IpAddress a;
    a.family_ = family;
    return a;
  }
  // "198.51.100.1", "2001:db8::1"; nothing where the text is not exactly one address.
  static std::optional<IpAddress> parse(std::string_view text);

  constexpr Family family() const { return family_; }
  constexpr bool is_v4() const { return family_ == Family::ipv4; }
  constexpr const std::uint8_t* octets() const { return octets_.data(); }
  constexpr unsigned size() const { return is_v4() ? 4 : 16; }
  std::uint32_t v4_host_order() const { return load_be32(octets_.data()); }

  // 0.0.0.0 or ::
  bool is_any() const { return octets_ == std::array<std::uint8_t, 16>{}; }
  bool is_loopback() const;  // 127/8 or ::1
  // 224/4 or ff00::/8
  bool is_multicast() const { return is_v4() ? (octets_[0] & 0xf0) == 0xe0 : octets_[0] == 0xff; }
  // 255.255.255.255
  bool is_limited_broadcast() const { return is_v4() && v4_host_order() == 0xffffffff; }
  // May a packet come from here, may a connection be opened to here? (MUST-46, MUST-57, MUST-63)
  bool is_unicast() const { return !is_any() && !is_multicast() && !is_limited_broadcast(); }

  std::string to_string() const;  // RFC 5952 for IPv6
  friend constexpr bool operator==(const IpAddress&, const IpAddress&) = default;

 private:
  std::array<std::uint8_t, 16> octets_{};
  Family family_ = Family::ipv4;
};

// An address and the length of its network's prefix.
struct Prefix {
  IpAddress address{};
  unsigned length = 0;

  // "198.51.100.2/24"; a length is required and must fit the family.
  static std::optional<Prefix> parse(std::string_view text);
  bool contains(const IpAddress& other) const;
  // IPv4: is `other` this network's directed broadcast address (prefix shorter than 31)?
  bool is_broadcast(const IpAddress& other) const;
  std::string to_string() const;
  friend bool operator==(const Prefix&, const Prefix&) = default;
};

// A TCP port; 0 means "not chosen".
using Port = std::uint16_t;

struct Endpoint {
  IpAddress address{};
  Port port = 0;

  std::string to_string() const;  // "198.51.100.1:80", "[2001:db8::1]:80"
  friend constexpr bool operator==(const Endpoint&, const Endpoint&) = default;
};

// What identifies a connection on this host. Never "source" and "destination": those belong to a
// single packet.
struct FourTuple {
  Endpoint local{};
  Endpoint remote{};

  Family family() const { return local.address.family(); }
  FourTuple reversed() const { return {.local = remote, .remote = local}; }
  friend constexpr bool operator==(const FourTuple&, const FourTuple&) = default;
};

}  // namespace tuntcp
