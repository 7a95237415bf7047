#include "stack/wire/source_route.h"

#include <algorithm>

#include "stack/base/check.h"

namespace tuntcp::wire {

std::optional<SourceRouteOption> parse_source_route(Bytes option) {
  if (option.size() < kSourceRouteFixedOctets || (option.size() - kSourceRouteFixedOctets) % 4 != 0)
    return std::nullopt;
  const std::size_t pointer = option[2];
  if (pointer < kFirstSourceRoutePointer || pointer % 4 != 0) return std::nullopt;
  SourceRouteOption route;
  route.entries.is_strict = option[0] == kStrictSourceRoute;
  route.entries.count = static_cast<std::uint8_t>((option.size() - kSourceRouteFixedOctets) / 4);
  for (std::size_t i = 0; i < route.entries.count; ++i) {
    route.entries.addresses[i] = load_be32(option.data() + kSourceRouteFixedOctets + 4 * i);
  }
  // "If the pointer is greater than the length, the source route is empty."
  const std::size_t visited = (pointer - kFirstSourceRoutePointer) / 4;
  route.visited = std::min(static_cast<std::uint8_t>(visited), route.entries.count);
  return route;
}

void write_source_route(const SourceRoute& route, const IpAddress& destination, std::uint8_t* out) {
  TUNTCP_DCHECK(route.count != 0 && route.count <= kMaxSourceRouteHops && destination.is_v4());
  *out++ = route.is_strict ? kStrictSourceRoute : kLooseSourceRoute;
  *out++ = static_cast<std::uint8_t>(kSourceRouteFixedOctets + std::size_t{4} * route.count);
  *out++ = kFirstSourceRoutePointer;
  for (const std::uint32_t hop : route.hops().subspan(1)) {
    store_be32(out, hop);
    out += 4;
  }
  out = std::copy_n(destination.octets(), 4, out);
  *out = kEndOfIpOptions;
}

std::optional<SourceRoute> SourceRouteOption::reversed(const IpAddress& source) const {
  if (!is_complete()) return std::nullopt;
  std::span<const std::uint32_t> hops = entries.hops();
  if (!hops.empty() && IpAddress::v4(hops.front()) == source) hops = hops.subspan(1);
  if (hops.empty()) return std::nullopt;
  SourceRoute back{.count = static_cast<std::uint8_t>(hops.size()), .is_strict = entries.is_strict};
  std::reverse_copy(hops.begin(), hops.end(), back.addresses.begin());
  return back;
}

std::expected<std::optional<SourceRouteOption>, DropReason> find_source_route(Bytes options) {
  std::optional<SourceRouteOption> found;
  while (!options.empty() && options[0] != kEndOfIpOptions) {
    if (options[0] == kIpNoOperation) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) {
      return std::unexpected(DropReason::ip_bad_header);
    }
    const Bytes option = options.first(options[1]);
    if (option[0] == kLooseSourceRoute || option[0] == kStrictSourceRoute) {
      if (found) return std::unexpected(DropReason::ip_bad_header);
      found = parse_source_route(option);
      if (!found) return std::unexpected(DropReason::ip_bad_header);
    }
    options = options.subspan(option.size());
  }
  return found;
}

}  // namespace tuntcp::wire
