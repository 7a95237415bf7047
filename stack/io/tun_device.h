// The Linux TUN device, driven with virtio_net headers so that the kernel leaves checksums and
// segmentation to us and we to it (Documentation/networking/tuntap.rst, linux/if_tun.h). One packet
// of 64 KB then costs what one of 1,500 octets does.
//
// A kernel or a device that refuses offloads is asked for less, down to bare packets.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "stack/io/device.h"
#include "stack/io/link_setup.h"
#include "stack/io/netlink.h"
#include "stack/io/unique_fd.h"

namespace tuntcp::io {

// How much work the kernel and we may leave to each other, in the order in which it is given up.
enum class Offload : std::uint8_t {
  none,      // bare packets, no virtio_net header, every checksum complete
  checksum,  // TCP checksums are left to the receiver
  full,      // and TCP super-packets of up to 64 KB, both ways
};
const char* to_string(Offload offload);  // "none", "csum", "full"

struct TunOptions {
  // 1 to 15 octets; "%d" in it, once, is a number the kernel chooses. Empty: "tun%d". An interface
  // of this name that exists is attached to; otherwise it is made, and goes away on close.
  std::string name;
  Offload offload = Offload::full;  // the most to ask for
  std::string node = "/dev/net/tun";
};

class TunDevice final : public Device {
 public:
  // Failures are told in one line with their mend: no permission, no such node, name in use, name
  // that cannot be, interface of another kind.
  static Outcome<std::unique_ptr<TunDevice>> open(const TunOptions& options);

  // Prepares the kernel's side and brings the interface up. What the kernel forgets while the
  // interface is down is given back when it comes up again (take_link_news).
  Outcome<void> set_up(const LinkSetup& setup);

  const std::string& name() const { return name_; }
  unsigned index() const { return index_; }
  Offload offload() const { return offload_; }  // what was granted at open

  int native_handle() const override { return fd_.get(); }
  std::expected<std::size_t, std::error_code> read(MutableBytes room,
                                                   wire::ReceivedOffload& offload) override;
  std::uint32_t headroom() const override;
  wire::SendResult send(const wire::OutgoingPacket& packet) override;
  const LinkState& link() const override { return link_; }
  int link_handle() const override { return monitor_.native_handle(); }
  Outcome<void> take_link_news() override;

 private:
  TunDevice(UniqueFd fd, Netlink netlink, LinkMonitor monitor, const Link& link, Offload offload);
  void probe_super_packets();
  wire::SendResult write(const wire::OutgoingPacket& packet, Bytes headers);
  wire::SendResult send_bare(const wire::OutgoingPacket& packet);
  wire::SendResult refused(int error, bool is_super_packet);
  bool is_attached() const;

  UniqueFd fd_;
  Netlink netlink_;
  LinkMonitor monitor_;
  std::string name_;
  unsigned index_;
  Offload offload_;
  LinkState link_;
  std::optional<LinkSetup> setup_;
};

}  // namespace tuntcp::io
