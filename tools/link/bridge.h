// A path between two TUN devices in real time: what the kernel sends into one comes out of the
// other when and if the path lets it. Lines on standard input change the path and ask for counts.
//
// The devices are opened with all offloads. The kernel then hands over super-packets of 64 KB, one
// read for some 40 segments, and they are cut here, by the code that the simulator cuts with. If
// the kernel cut them it would do the same, RFC for RFC, but each segment would cost a read, and a
// burst could overflow the device's queue, where nobody counts it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stack/base/address.h"
#include "stack/io/failure.h"
#include "tools/link/path_words.h"

namespace tuntcp::link {

// DEVICE, DEVICE@NETNS or @NETNS.
struct End {
  std::string device;
  // As `ip netns` names it, or the path of its file; empty: this process's.
  std::string network_namespace;
  std::vector<Prefix> addresses;  // of the kernel, on the device

  // Nothing where the text is none of the forms. `device` is for @NETNS.
  static std::optional<End> parse(std::string_view text, const std::string& device);
  std::string to_text() const;
};

struct BridgeOptions {
  End a, b;
  PathSettings path = perfect_path();
  std::uint64_t seed = 1;  // of the chances from a to b; those of b to a follow from it
  std::uint32_t mtu = 1500;
};

// Runs until SIGINT or SIGTERM, which it blocks, and prints the counts at its end.
io::Outcome<void> run_bridge(const BridgeOptions& options);

}  // namespace tuntcp::link
