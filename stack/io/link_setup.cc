#include "stack/io/link_setup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "stack/io/unique_fd.h"

namespace tuntcp::io {
namespace {

constexpr std::uint32_t kIpv6MinimumMtu = 1'280;  // RFC 8200, 5

Failure invalid(std::string text) {
  return {std::make_error_code(std::errc::invalid_argument), std::move(text)};
}

// What the kernel would take without complaint and then do something else with.
Outcome<void> check(const Link& link, const LinkSetup& setup) {
  for (const Prefix& host : setup.host_addresses) {
    for (const Prefix& stack : setup.stack_addresses) {
      if (host.address != stack.address) continue;
      return std::unexpected(invalid("address " + host.address.to_string() +
                                     " is given to both the stack and the kernel; "
                                     "choose two addresses of one network"));
    }
  }
  const std::uint32_t mtu = setup.mtu.value_or(link.mtu);
  const auto is_ipv6 = [](const Prefix& prefix) { return !prefix.address.is_v4(); };
  if (mtu < kIpv6MinimumMtu && (std::ranges::any_of(setup.host_addresses, is_ipv6) ||
                                std::ranges::any_of(setup.stack_addresses, is_ipv6))) {
    return std::unexpected(invalid("cannot use IPv6 on interface " + link.name +
                                   " with an MTU of " + std::to_string(mtu) +
                                   "; IPv6 needs at least " + std::to_string(kIpv6MinimumMtu)));
  }
  return {};
}

// Asks the kernel to keep IPv6 addresses while the link is down, as it does with IPv4's. Where that
// setting cannot be had (an old kernel, a read-only /proc) restore_addresses() alone must do.
void keep_addresses_on_down(const std::string& name) {
  const std::string path = "/proc/sys/net/ipv6/conf/" + name + "/keep_addr_on_down";
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file) static_cast<void>(!::write(file.get(), "1", 1));
}

}  // namespace

Outcome<void> set_up_link(Netlink& netlink, const Link& link, const LinkSetup& setup) {
  if (Outcome<void> checked = check(link, setup); !checked) return checked;
  LinkChange settings;
  settings.mtu = setup.mtu;
  settings.tx_queue_length = setup.tx_queue_length;
  if (Outcome<void> changed = netlink.change(link, settings); !changed) return changed;
  keep_addresses_on_down(link.name);
  LinkChange up;
  up.is_up = true;
  if (Outcome<void> changed = netlink.change(link, up); !changed) return changed;
  Link now = link;
  now.mtu = setup.mtu.value_or(link.mtu);
  if (Outcome<void> added = restore_addresses(netlink, now, setup); !added) return added;
  for (const Prefix& host : setup.host_addresses) {
    if (Outcome<void> done = netlink.wait_until_local(now, host.address); !done) return done;
  }
  return {};
}

Outcome<void> restore_addresses(Netlink& netlink, const Link& link, const LinkSetup& setup) {
  const auto is_possible = [&](const Prefix& prefix) {
    return prefix.address.is_v4() || link.mtu >= kIpv6MinimumMtu;
  };
  for (const Prefix& host : setup.host_addresses) {
    if (!is_possible(host)) continue;
    if (Outcome<void> added = netlink.add_address(link, host); !added) return added;
  }
  for (const Prefix& stack : setup.stack_addresses) {
    const bool is_covered = std::ranges::any_of(
        setup.host_addresses, [&](const Prefix& host) { return host.contains(stack.address); });
    if (is_covered || !is_possible(stack)) continue;
    if (Outcome<void> added = netlink.add_route(link, stack); !added) return added;
  }
  return {};
}

}  // namespace tuntcp::io
