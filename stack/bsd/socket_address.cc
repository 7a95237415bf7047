#include "stack/bsd/socket_address.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace tuntcp::bsd {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
// RFC 2133's struct, without the scope: Linux still takes it.
constexpr socklen_t kShortSockaddrIn6 = 24;

ParsedAddress from_in6(const sockaddr_in6& in6) {
  const auto* octets = reinterpret_cast<const std::uint8_t*>(&in6.sin6_addr);
  ParsedAddress parsed;
  parsed.endpoint.port = ntohs(in6.sin6_port);
  parsed.is_mapped = std::memcmp(octets, kMappedPrefix.data(), kMappedPrefix.size()) == 0;
  parsed.endpoint.address = parsed.is_mapped ? IpAddress::from_octets(Family::ipv4, octets + 12)
                                             : IpAddress::from_octets(Family::ipv6, octets);
  return parsed;
}

}  // namespace

std::expected<ParsedAddress, int> parse_socket_address(int domain, AddressUse use,
                                                       const sockaddr* address, socklen_t length) {
  if (length > sizeof(sockaddr_storage)) return std::unexpected(EINVAL);
  if (address == nullptr && length != 0) return std::unexpected(EFAULT);
  const socklen_t least = domain == AF_INET ? socklen_t{sizeof(sockaddr_in)} : kShortSockaddrIn6;
  if (length < least) return std::unexpected(EINVAL);
  sa_family_t family = 0;
  std::memcpy(&family, address, sizeof family);
  if (domain == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    // Old programs bind 0.0.0.0 without saying the family.
    const bool is_old_any =
        use == AddressUse::bind && family == AF_UNSPEC && in.sin_addr.s_addr == 0;
    if (family != AF_INET && !is_old_any) return std::unexpected(EAFNOSUPPORT);
    return ParsedAddress{.endpoint = {.address = IpAddress::v4(ntohl(in.sin_addr.s_addr)),
                                      .port = ntohs(in.sin_port)}};
  }
  if (family != AF_INET6) return std::unexpected(EAFNOSUPPORT);
  sockaddr_in6 in6{};
  std::memcpy(&in6, address, std::min<std::size_t>(length, sizeof in6));
  // Of which link, has to be said.
  if (IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr) && in6.sin6_scope_id == 0) {
    return std::unexpected(EINVAL);
  }
  return from_in6(in6);
}

int write_socket_address(int domain, const Endpoint& endpoint, sockaddr* address,
                         socklen_t* length) {
  if (length == nullptr) return -EFAULT;
  if (static_cast<std::int32_t>(*length) < 0) return -EINVAL;
  if (address == nullptr && *length != 0) return -EFAULT;
  if (domain == AF_INET) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    std::memcpy(&in.sin_addr, endpoint.address.octets(), 4);
    if (*length != 0) std::memcpy(address, &in, std::min<std::size_t>(*length, sizeof in));
    *length = sizeof in;
    return 0;
  }
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(endpoint.port);
  auto* octets = reinterpret_cast<std::uint8_t*>(&in6.sin6_addr);
  const IpAddress& ip = endpoint.address;
  if (!ip.is_v4()) {
    std::memcpy(octets, ip.octets(), 16);
  } else {
    std::memcpy(octets, kMappedPrefix.data(), kMappedPrefix.size());
    std::memcpy(octets + 12, ip.octets(), 4);
  }
  if (*length != 0) std::memcpy(address, &in6, std::min<std::size_t>(*length, sizeof in6));
  *length = sizeof in6;
  return 0;
}

}  // namespace tuntcp::bsd
