// The kernel's side of a device: its MTU and queue, the kernel's own addresses on it, the routes
// that lead to the stack's addresses.
//
// The stack's addresses themselves are never given to the kernel: it would answer for them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "stack/base/address.h"
#include "stack/io/failure.h"
#include "stack/io/netlink.h"

namespace tuntcp::io {

struct LinkSetup {
  std::optional<std::uint32_t> mtu;  // absent: as it is
  // Packets that wait to be read. Linux's own default for TUN, 500, overflows under load.
  std::uint32_t tx_queue_length = 10'000;
  std::vector<Prefix> host_addresses;   // the kernel's
  std::vector<Prefix> stack_addresses;  // the stack's; routed where no host address covers them
};

// Applies all of it and brings the link up; packets may pass when it returns. Nothing is undone on
// failure: the link of a device that is not persistent goes away with it.
Outcome<void> set_up_link(Netlink& netlink, const Link& link, const LinkSetup& setup);

// Gives back what the kernel took while the link was down: addresses and routes. Harmless for what
// is still there. IPv6 waits for an MTU that it can use (RFC 8200, 5).
Outcome<void> restore_addresses(Netlink& netlink, const Link& link, const LinkSetup& setup);

}  // namespace tuntcp::io
