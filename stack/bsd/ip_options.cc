// getsockopt and setsockopt of IPv4 and IPv6, with Linux's checks in Linux's order. Those of IPv4
// are an AF_INET6 socket's, too: its connection may be one of IPv4.
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include "stack/bsd/option_values.h"
#include "stack/bsd/tables.h"

namespace tuntcp::bsd {
namespace {

// The two bits of ECN are TCP's own.
constexpr int kEcnBits = 3;
constexpr int kMinIpv6Mtu = 1280;

int hops_or_default(std::optional<std::uint8_t> hops, const Tables& tables) {
  return hops ? int{*hops} : static_cast<int>(tables.host.sysctl().ip_default_ttl);
}

// -1 is the default again. False: out of range.
bool read_hops(int number, int least, std::optional<std::uint8_t>& hops) {
  if (number != -1 && (number < least || number > 255)) return false;
  hops.reset();
  if (number != -1) hops = static_cast<std::uint8_t>(number);
  return true;
}

// That of the route, which outlives the connection.
int get_mtu(Tables& tables, const Socket& socket, const Room& room) {
  if (socket.stage != Socket::Stage::connection) return -ENOTCONN;
  return room.put(tables.status(socket).pmtu);
}

bool is_mtu_discovery(int number) {
  return number >= IP_PMTUDISC_DONT && number <= IP_PMTUDISC_OMIT;
}
static_assert(int{IP_PMTUDISC_PROBE} == static_cast<int>(tcp::MtuDiscovery::probe));
static_assert(int{IP_PMTUDISC_OMIT} == static_cast<int>(tcp::MtuDiscovery::of_link_loose));
static_assert(int{IPV6_PMTUDISC_OMIT} == int{IP_PMTUDISC_OMIT});

// ---- IP_OPTIONS. Deviation: of those that Linux sends only source routes, and what fills up.

// The routers, from the first one on; the destination is the connection's.
bool read_source_route(std::span<const std::uint8_t> option, wire::SourceRoute& route) {
  const auto read = wire::parse_source_route(option);
  if (!read || read->visited != 0 || read->entries.count == 0) return false;
  route = read->entries;
  return true;
}

// Reads them, and leaves in `octets` what Linux would tell of them.
bool read_ip_options(std::vector<std::uint8_t>& octets, wire::SourceRoute& route) {
  octets.resize((octets.size() + 3) / 4 * 4, wire::kEndOfIpOptions);
  std::span<std::uint8_t> rest(octets);
  while (!rest.empty() && rest[0] != wire::kEndOfIpOptions) {
    if (rest[0] == wire::kIpNoOperation) {
      rest = rest.subspan(1);
      continue;
    }
    const bool is_route = rest[0] == wire::kLooseSourceRoute || rest[0] == wire::kStrictSourceRoute;
    if (!is_route || route.count != 0 || rest.size() < 2 || rest[1] > rest.size()) return false;
    if (!read_source_route(rest.first(rest[1]), route)) return false;
    rest = rest.subspan(rest[1]);
  }
  std::ranges::fill(rest, wire::kEndOfIpOptions);
  return true;
}

std::vector<std::uint8_t> write_ip_options(const wire::SourceRoute& route) {
  std::vector<std::uint8_t> octets(route.option_octets(), wire::kEndOfIpOptions);
  octets[0] = route.is_strict ? wire::kStrictSourceRoute : wire::kLooseSourceRoute;
  octets[1] = static_cast<std::uint8_t>(octets.size() - 1);
  octets[2] = wire::kFirstSourceRoutePointer;
  std::size_t at = wire::kSourceRouteFixedOctets;
  for (const std::uint32_t hop : route.hops()) {
    store_be32(octets.data() + at, hop);
    at += 4;
  }
  return octets;
}

int set_ip_options(Tables& tables, Socket& socket, const Given& given) {
  const auto* const first = static_cast<const std::uint8_t*>(given.value);
  std::vector<std::uint8_t> octets(first, first + given.length);
  wire::SourceRoute route;
  if (!read_ip_options(octets, route)) return -EINVAL;
  const auto before = socket.options.source_route;
  socket.options.source_route = route;
  if (socket.stage == Socket::Stage::connection) {
    const auto set = tables.host.set_options(socket.connection, socket.options, tables.now);
    if (!set) {
      socket.options.source_route = before;
      return -errno_of(set.error());
    }
  }
  socket.ip_options = std::move(octets);
  return 0;
}

int get_ip_options(Tables& tables, const Socket& socket, const Room& room) {
  if (socket.stage == Socket::Stage::connection && !socket.options.source_route) {
    if (const auto route = tables.host.source_route(socket.connection)) {
      const std::vector<std::uint8_t> octets = write_ip_options(*route);
      return room.put(octets.data(), octets.size());
    }
  }
  return room.put(socket.ip_options.data(), socket.ip_options.size());
}

}  // namespace

int set_ipv4_option(Tables& tables, Socket& socket, int option, const Given& given) {
  const bool is_known =
      option == IP_TOS || option == IP_TTL || option == IP_OPTIONS || option == IP_MTU_DISCOVER;
  if (!is_known) return -ENOPROTOOPT;
  if (option == IP_OPTIONS && given.length > wire::kIpv4MaxOptionOctets) return -EINVAL;
  if (given.value == nullptr && given.length != 0) return -EFAULT;
  const int number = given.number_or_octet();
  switch (option) {
    case IP_TOS:
      socket.options.tos = static_cast<std::uint8_t>(number & ~kEcnBits);
      break;
    case IP_OPTIONS:
      return set_ip_options(tables, socket, given);
    case IP_TTL:
      if (given.length < 1 || !read_hops(number, 1, socket.options.ttl)) return -EINVAL;
      break;
    case IP_MTU_DISCOVER:
      if (!is_mtu_discovery(number)) return -EINVAL;
      socket.options.mtu_discovery = static_cast<tcp::MtuDiscovery>(number);
      break;
  }
  tables.give_options(socket);
  return 0;
}

int set_ipv6_option(Tables& tables, Socket& socket, int option, const Given& given) {
  if (socket.domain != AF_INET6) return -ENOPROTOOPT;
  const bool is_number = given.length >= sizeof(int);
  const int number = is_number ? given.number() : 0;
  switch (option) {
    case IPV6_UNICAST_HOPS:
      if (!is_number || !read_hops(number, 0, socket.options.hop_limit)) return -EINVAL;
      break;
    case IPV6_TCLASS:
      if (!is_number || number < -1 || number > 255) return -EINVAL;
      socket.options.traffic_class =
          number == -1 ? std::uint8_t{0} : static_cast<std::uint8_t>(number & ~kEcnBits);
      break;
    case IPV6_MTU:
      // What datagrams are cut into; of TCP it is only looked at.
      return !is_number || (number != 0 && number < kMinIpv6Mtu) ? -EINVAL : 0;
    case IPV6_MTU_DISCOVER:
      if (!is_number || !is_mtu_discovery(number)) return -EINVAL;
      socket.options.mtu_discovery_v6 = static_cast<tcp::MtuDiscovery>(number);
      break;
    case IPV6_V6ONLY:
      // A name that was given already was given to both families, or to one.
      if (!is_number || tables.has_port(socket)) return -EINVAL;
      socket.v6_only = number != 0;
      return 0;
    default:
      return -ENOPROTOOPT;
  }
  tables.give_options(socket);
  return 0;
}

int get_ipv4_option(Tables& tables, const Socket& socket, int option, const Room& room) {
  switch (option) {
    case IP_TOS:
      return room.put_number_or_octet(socket.options.tos);
    case IP_TTL:
      return room.put_number_or_octet(hops_or_default(socket.options.ttl, tables));
    case IP_OPTIONS:
      return get_ip_options(tables, socket, room);
    case IP_MTU:
      return get_mtu(tables, socket, room);
    case IP_MTU_DISCOVER:
      return room.put_number_or_octet(
          static_cast<int>(socket.options.mtu_discovery.value_or(tcp::MtuDiscovery::want)));
    default:
      return -ENOPROTOOPT;
  }
}

int get_ipv6_option(Tables& tables, const Socket& socket, int option, const Room& room) {
  switch (option) {
    case IPV6_UNICAST_HOPS:
      return room.put(hops_or_default(socket.options.hop_limit, tables));
    case IPV6_TCLASS:
      return room.put(int{socket.options.traffic_class});
    case IPV6_MTU:
      return get_mtu(tables, socket, room);
    case IPV6_MTU_DISCOVER:
      return room.put(static_cast<int>(socket.options.mtu_discovery_v6));
    case IPV6_V6ONLY:
      return room.put(socket.v6_only);
    default:
      return -ENOPROTOOPT;
  }
}

}  // namespace tuntcp::bsd
