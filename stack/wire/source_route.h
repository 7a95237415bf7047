// The source routes of IPv4 (RFC 791, 3.1; RFC 1122, 3.2.1.8): options 131, loose, and 137, strict.
// Not here: whose segments take which route (tcp/source_routes.h). Other IP options are skipped.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>

#include "stack/base/address.h"
#include "stack/base/bytes.h"
#include "stack/wire/drop_reason.h"

namespace tuntcp::wire {

inline constexpr std::uint32_t kIpv4MaxOptionOctets = 40;
inline constexpr std::uint8_t kEndOfIpOptions = 0;
inline constexpr std::uint8_t kIpNoOperation = 1;
inline constexpr std::uint8_t kLooseSourceRoute = 131;
inline constexpr std::uint8_t kStrictSourceRoute = 137;
// Of a source route before its addresses: kind, length and pointer. The pointer counts from 1 and
// is at the next entry to be visited.
inline constexpr std::size_t kSourceRouteFixedOctets = 3;
inline constexpr std::uint8_t kFirstSourceRoutePointer = 4;
// As many as the option space has room for.
inline constexpr std::size_t kMaxSourceRouteHops = 9;

// The routers that a packet is to pass, in that order, before it reaches its destination, which is
// not in the list.
struct SourceRoute {
  std::array<std::uint32_t, kMaxSourceRouteHops> addresses{};  // IPv4's, in host order
  std::uint8_t count = 0;
  bool is_strict = false;  // no other router in between

  std::span<const std::uint32_t> hops() const { return {addresses.data(), count}; }
  IpAddress first_hop() const { return IpAddress::v4(addresses[0]); }
  // Of the option and what fills it up to a multiple of four.
  std::uint32_t option_octets() const { return count == 0 ? 0 : 4U * (count + 1U); }
  friend bool operator==(const SourceRoute&, const SourceRoute&) = default;
};

// Writes route.option_octets() octets at `out`; the route must have a hop. The header's own
// destination is the first hop, and the option ends with the `destination` of the packet.
void write_source_route(const SourceRoute& route, const IpAddress& destination, std::uint8_t* out);

// What the option of a packet says: the addresses in it, and how many of them were visited.
struct SourceRouteOption {
  SourceRoute entries{};
  std::uint8_t visited = 0;

  bool is_complete() const { return visited == entries.count; }
  // The way back to `source`, which RFC 1122, 3.2.1.8, (c) wants right even where the first entry
  // is the source itself. Nothing if no router is on it, or the route is not complete.
  std::optional<SourceRoute> reversed(const IpAddress& source) const;
};

// One such option, from its kind on. Nothing if it makes no sense.
std::optional<SourceRouteOption> parse_source_route(Bytes option);

// Looks through the options of an IPv4 header. Nothing if there is no source route; ip_bad_header
// if there are two (RFC 1122, 3.2.1.8, (c)), or one makes no sense, or lengths do not fit.
std::expected<std::optional<SourceRouteOption>, DropReason> find_source_route(Bytes options);

}  // namespace tuntcp::wire
