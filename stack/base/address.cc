#include "stack/base/address.h"

#include <arpa/inet.h>

#include <charconv>

namespace tuntcp {

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  // inet_pton wants a terminated string, and would not see what follows a zero octet.
  char terminated[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof terminated || text.contains('\0')) return std::nullopt;
  terminated[text.copy(terminated, text.size())] = '\0';

  std::uint8_t octets[16];
  if (inet_pton(AF_INET, terminated, octets) == 1) return from_octets(Family::ipv4, octets);
  if (inet_pton(AF_INET6, terminated, octets) == 1) return from_octets(Family::ipv6, octets);
  return std::nullopt;
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return octets_[0] == 127;
  constexpr std::array<std::uint8_t, 16> kLoopback = {0, 0, 0, 0, 0, 0, 0, 0,
                                                      0, 0, 0, 0, 0, 0, 0, 1};
  return octets_ == kLoopback;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(is_v4() ? AF_INET : AF_INET6, octets_.data(), text, sizeof text);
  return text;
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::optional<IpAddress> address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;

  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  if (length > address->size() * 8) return std::nullopt;
  return Prefix{.address = *address, .length = length};
}

bool Prefix::contains(const IpAddress& other) const {
  if (other.family() != address.family()) return false;
  const unsigned whole_octets = length / 8;
  if (std::memcmp(address.octets(), other.octets(), whole_octets) != 0) return false;
  const unsigned bits = length % 8;
  if (bits == 0) return true;
  const unsigned differing = address.octets()[whole_octets] ^ other.octets()[whole_octets];
  return differing >> (8 - bits) == 0;
}

bool Prefix::is_broadcast(const IpAddress& other) const {
  // RFC 3021: a point-to-point network of two addresses has no broadcast address.
  if (!address.is_v4() || length >= 31 || !contains(other)) return false;
  const std::uint32_t host_bits = 0xffffffffU >> length;
  return (other.v4_host_order() & host_bits) == host_bits;
}

std::string Prefix::to_string() const {
  std::string text = address.to_string();
  text += '/';
  text += std::to_string(length);
  return text;
}

std::string Endpoint::to_string() const {
  std::string text = address.to_string();
  if (!address.is_v4()) {
    text.insert(text.begin(), '[');
    text += ']';
  }
  text += ':';
  text += std::to_string(port);
  return text;
}

}  // namespace tuntcp
