// struct sockaddr and what it means: between the system's structs and Endpoint, with IPv4 inside
// IPv6 (RFC 4291, 2.5.5.2).
#pragma once

#include <sys/socket.h>

#include <expected>

#include "stack/base/address.h"

namespace tuntcp::bsd {

// RFC 4291's ::ffff:a.b.c.d becomes the IPv4 address.
struct ParsedAddress {
  Endpoint endpoint;
  bool is_mapped = false;
};

enum class AddressUse : std::uint8_t { bind, connect };

// As Linux checks an address for a socket of `domain`; the error is an errno (EINVAL,
// EAFNOSUPPORT, EFAULT).
std::expected<ParsedAddress, int> parse_socket_address(int domain, AddressUse use,
                                                       const sockaddr* address, socklen_t length);

// Writes as much as *length has room for and sets it to what the whole takes. An AF_INET6 socket
// shows IPv4 addresses mapped. 0, or a negative errno (EFAULT, EINVAL).
int write_socket_address(int domain, const Endpoint& endpoint, sockaddr* address,
                         socklen_t* length);

}  // namespace tuntcp::bsd
