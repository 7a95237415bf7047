// A network namespace with this machine's kernel in it, and the wire to it: a TUN device "tun0"
// with the offloads that let the kernel send super-packets. Packets never leave it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "stack/io/unique_fd.h"
#include "tools/drill/backend.h"

namespace tuntcp::drill {

// Belongs to the thread that made it, which is in the namespace from then on; read_packet() and
// write_packet() may be called from any.
class KernelNetwork {
 public:
  // BackendFailure where the machine does not let us.
  explicit KernelNetwork(const BackendOptions& options);

  // Puts the calling thread, too, into the namespace.
  void enter() const;
  // Runs a line by the shell in `folder`; true if its exit status is 0. In a thread that is in the
  // namespace.
  bool run(std::string_view line, std::string_view folder);
  // The next packet of the kernel's TCP or ICMP errors, whole, without its time; nothing where none
  // comes within `wait_ms`.
  std::optional<SentPacket> read_packet(int wait_ms);
  void write_packet(const InjectedPacket& packet);

 private:
  void open_device();
  void configure(const BackendOptions& options);
  void use_congestion_control(const std::string& name);

  io::UniqueFd namespace_;
  io::UniqueFd device_;
  std::string default_congestion_control_;  // of the namespace, as last seen
  std::string route_;                       // `ip route replace` and what follows, but for congctl
};

}  // namespace tuntcp::drill
