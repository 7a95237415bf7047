#include "stack/io/tun_device.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "stack/base/check.h"
#include "stack/base/checksum.h"
#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"

namespace tuntcp::io {
namespace {

// struct virtio_net_hdr of linux/virtio_net.h (which C++ cannot include: a member is called
// "class"), in the machine's own byte order.
struct VnetHeader {
  std::uint8_t flags = 0;
  std::uint8_t gso_type = 0;
  std::uint16_t header_octets = 0;
  std::uint16_t gso_size = 0;
  std::uint16_t checksum_start = 0;
  std::uint16_t checksum_offset = 0;  // from checksum_start
};
static_assert(sizeof(VnetHeader) == 10 && sizeof(VnetHeader) <= kMaxHeadroom);
constexpr std::uint8_t kFlagNeedsChecksum = 1;
constexpr std::uint8_t kFlagDataValid = 2;
constexpr std::uint8_t kGsoTcpv4 = 1;
constexpr std::uint8_t kGsoTcpv6 = 4;
constexpr std::uint8_t kGsoEcn = 0x80;  // the first segment alone carries CWR

constexpr std::size_t kMaxHeaderOctets = 256;  // IP with extensions, TCP with options

std::unexpected<Failure> failure(int error, std::string text) {
  return std::unexpected(Failure{std::error_code(error, std::system_category()), std::move(text)});
}

std::string words_of(int error) {
  return std::system_category().message(error);
}

// dev_valid_name() of the kernel, which would only say "Invalid argument".
Outcome<void> check_name(const std::string& name) {
  const auto bad = [&](const char* why) {
    return failure(EINVAL, "bad device name '" + name + "': " + why + "; choose another name");
  };
  if (name.size() >= IFNAMSIZ) return bad("longer than 15 octets");
  if (name == "." || name == "..") return bad("'.' and '..' are not allowed");
  if (name.find_first_of("/: \t\n\v\f\r") != std::string::npos || name.contains('\0')) {
    return bad("'/', ':' and blanks are not allowed");
  }
  const std::size_t percent = name.find('%');
  if (percent != std::string::npos &&
      (name.substr(percent, 2) != "%d" || name.find('%', percent + 1) != std::string::npos)) {
    return bad("'%' is only allowed in one '%d'");
  }
  return {};
}

Failure cannot_open_node(const std::string& node, int error) {
  std::string text = "cannot open " + node + ": " + words_of(error);
  if (error == EACCES || error == EPERM) {
    text +=
        "; run as root, or inside 'unshare -Urn' where the node may be opened by everybody, or ask "
        "for CAP_NET_ADMIN and access to the node";
  } else if (error == ENOENT || error == ENODEV || error == ENXIO) {
    text += "; load the driver with 'modprobe tun', or give the container the device " + node;
  }
  return {std::error_code(error, std::system_category()), std::move(text)};
}

// The kernel has one EINVAL for several mismatches; netlink tells them apart.
Failure cannot_attach(Netlink& netlink, const std::string& name, int error) {
  const Outcome<Link> link = netlink.link(name);
  const std::string shown = name.empty() ? "a TUN device" : "TUN device '" + name + "'";
  std::string text = "cannot " + std::string(link ? "attach to " : "make ") + shown + ": ";
  if (error == EBUSY) {
    text += "another program uses it; stop that program or choose another name";
  } else if (error == EPERM && link) {
    text += "it belongs to another user; run as root or as its owner";
  } else if (error == EPERM) {
    text +=
        "Operation not permitted; run as root or with CAP_NET_ADMIN in this network namespace (for "
        "instance inside 'unshare -Urn'), or attach to a device made for this user with 'ip tuntap "
        "add mode tun user NAME'";
  } else if (error == EINVAL && link && link->kind != "tun") {
    text += "it is " + (link->kind.empty() ? "no TUN device" : "a " + link->kind + " interface") +
            "; choose another name";
  } else if (error == EINVAL && link && link->is_tap) {
    text += "it is a TAP device; choose another name or make it with 'ip tuntap add mode tun'";
  } else if (error == EINVAL && link && link->is_multi_queue) {
    text += "it was made with multi_queue; make it again without";
  } else {
    text += words_of(error);
  }
  return {std::error_code(error, std::system_category()), std::move(text)};
}

// Asks for what `offload` means; false: refused, ask for less.
bool set_offload(int fd, Offload offload) {
  // A persistent device may still have what its last user set: everything is set again.
  if (offload == Offload::none) {
    ::ioctl(fd, TUNSETOFFLOAD, 0UL);
    return true;
  }
  const int header_octets = sizeof(VnetHeader);
  if (::ioctl(fd, TUNSETVNETHDRSZ, &header_octets) != 0) return false;
  if (offload == Offload::checksum) {
    return ::ioctl(fd, TUNSETOFFLOAD, static_cast<unsigned long>(TUN_F_CSUM)) == 0;
  }
  // Without TSO_ECN the kernel itself cuts the super-packets that carry CWR.
  const unsigned long tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
  return ::ioctl(fd, TUNSETOFFLOAD, tso | TUN_F_TSO_ECN) == 0 ||
         ::ioctl(fd, TUNSETOFFLOAD, tso) == 0;
}

struct Attached {
  UniqueFd fd;
  std::string name;
};

// One step of the fall-back; nothing where the kernel refuses this much offload.
Outcome<std::optional<Attached>> attach(const TunOptions& options, Offload offload,
                                        Netlink& netlink) {
  UniqueFd fd(::open(options.node.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return std::unexpected(cannot_open_node(options.node, errno));
  unsigned features = 0;
  if (::ioctl(fd.get(), TUNGETFEATURES, &features) != 0) {
    return failure(errno, "cannot use " + options.node + ": it is not the TUN driver's node");
  }
  if (offload != Offload::none && (features & IFF_VNET_HDR) == 0) return std::nullopt;

  ifreq request{};
  std::memcpy(request.ifr_name, options.name.data(), options.name.size());
  request.ifr_flags =
      static_cast<short>(IFF_TUN | IFF_NO_PI | (offload == Offload::none ? 0 : IFF_VNET_HDR));
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    return std::unexpected(cannot_attach(netlink, options.name, errno));
  }
  if (!set_offload(fd.get(), offload)) return std::nullopt;
  return Attached{std::move(fd), request.ifr_name};
}

}  // namespace

const char* to_string(Offload offload) {
  switch (offload) {
    case Offload::none:
      return "none";
    case Offload::checksum:
      return "csum";
    case Offload::full:
      return "full";
  }
  return "unknown";
}

Outcome<std::unique_ptr<TunDevice>> TunDevice::open(const TunOptions& options) {
  if (Outcome<void> checked = check_name(options.name); !checked) {
    return std::unexpected(checked.error());
  }
  Outcome<Netlink> netlink = Netlink::open();
  if (!netlink) return std::unexpected(netlink.error());

  Offload offload = options.offload;
  Outcome<std::optional<Attached>> attached = attach(options, offload, *netlink);
  while (attached && !*attached && offload != Offload::none) {
    offload = static_cast<Offload>(static_cast<int>(offload) - 1);
    attached = attach(options, offload, *netlink);
  }
  if (!attached) return std::unexpected(attached.error());

  Outcome<Link> link = netlink->link((*attached)->name);
  if (!link) return std::unexpected(link.error());
  // First the watch, then another look: no change falls between the two.
  Outcome<LinkMonitor> monitor = LinkMonitor::open(link->index);
  if (!monitor) return std::unexpected(monitor.error());
  link = netlink->link(link->index);
  if (!link) return std::unexpected(link.error());
  std::unique_ptr<TunDevice> device(new TunDevice(std::move((*attached)->fd), std::move(*netlink),
                                                  std::move(*monitor), *link, offload));
  if (!link->is_up) device->probe_super_packets();
  return device;
}

TunDevice::TunDevice(UniqueFd fd, Netlink netlink, LinkMonitor monitor, const Link& link,
                     Offload offload)
    : fd_(std::move(fd)),
      netlink_(std::move(netlink)),
      monitor_(std::move(monitor)),
      name_(link.name),
      index_(link.index),
      offload_(offload) {
  link_.is_up = link.is_up;
  link_.capabilities.mtu = link.mtu;
  link_.capabilities.checksum = offload != Offload::none;
  link_.capabilities.gso_max_octets = offload == Offload::full ? wire::kIpMaxOctets : 0;
}

// Some kernels take the offloads and then refuse super-packets (Linux 6.6.44). Writing one while
// the interface is down tells: a kernel that can cut it finds it well-formed and only then down.
void TunDevice::probe_super_packets() {
  if (offload_ != Offload::full) return;
  constexpr std::uint16_t kSegmentOctets = 100;
  const std::array<std::uint8_t, 2 * kSegmentOctets> payload{};
  std::array<std::uint8_t, wire::kIpv4HeaderOctets + wire::kTcpHeaderOctets> headers{};
  wire::IpFields ip;
  ip.source = IpAddress::v4(0xc6336401);       // 198.51.100.1, RFC 5737: nobody's
  ip.destination = IpAddress::v4(0xc6336402);  // 198.51.100.2
  ip.payload_octets = wire::kTcpHeaderOctets + payload.size();
  wire::write_ip(ip, headers.data());
  wire::TcpHeader tcp;
  tcp.flags = wire::Flag::ack;
  wire::write_tcp(tcp, headers.data() + wire::kIpv4HeaderOctets);

  const std::array<Bytes, 1> pieces{Bytes(payload)};
  wire::OutgoingPacket packet;
  packet.headers = headers;
  packet.payload = pieces;
  packet.total_octets = static_cast<std::uint32_t>(headers.size() + payload.size());
  packet.needs_checksum = true;
  packet.checksum_start = wire::kIpv4HeaderOctets;
  packet.gso_size = kSegmentOctets;
  write(packet, packet.headers);
}

Outcome<void> TunDevice::set_up(const LinkSetup& setup) {
  const Outcome<Link> link = netlink_.link(index_);
  if (!link) return std::unexpected(link.error());
  if (Outcome<void> done = set_up_link(netlink_, *link, setup); !done) return done;
  // The news are of our own changes: nothing of them need be restored.
  Outcome<void> taken = take_link_news();
  setup_ = setup;
  return taken;
}

std::uint32_t TunDevice::headroom() const {
  return offload_ == Offload::none ? 0 : sizeof(VnetHeader);
}

std::expected<std::size_t, std::error_code> TunDevice::read(MutableBytes room,
                                                            wire::ReceivedOffload& offload) {
  const ssize_t octets = ::read(fd_.get(), room.data(), room.size());
  if (octets < 0) {
    const int error = errno;
    if (error != EBADFD) return std::unexpected(std::error_code(error, std::system_category()));
    link_.exists = link_.is_up = false;
    return std::unexpected(std::make_error_code(std::errc::no_such_device));
  }
  offload = {};
  const std::size_t front = headroom();
  if (static_cast<std::size_t>(octets) <= front) {
    return std::unexpected(std::make_error_code(std::errc::bad_message));
  }
  if (front != 0) {
    VnetHeader header;
    std::memcpy(&header, room.data(), sizeof header);
    if ((header.flags & kFlagNeedsChecksum) != 0) {
      offload.checksum = wire::ReceivedOffload::Checksum::partial;
    } else if ((header.flags & kFlagDataValid) != 0) {
      offload.checksum = wire::ReceivedOffload::Checksum::valid;
    }
    if (header.gso_type != 0) offload.gso_size = header.gso_size;
  }
  return static_cast<std::size_t>(octets) - front;
}

wire::SendResult TunDevice::send(const wire::OutgoingPacket& packet) {
  const std::size_t header_octets = packet.headers.size();
  std::size_t longest = packet.total_octets;
  if (packet.gso_size != 0) {
    if (link_.capabilities.gso_max_octets == 0) return wire::SendResult::no_gso;
    longest = std::min(longest, header_octets + packet.gso_size);
  }
  // The kernel would take more, as no real link does.
  if (longest > link_.capabilities.mtu) return wire::SendResult::too_big;
  return offload_ == Offload::none ? send_bare(packet) : write(packet, packet.headers);
}

// Without a virtio_net header nothing can be left to the device.
wire::SendResult TunDevice::send_bare(const wire::OutgoingPacket& packet) {
  if (!packet.needs_checksum) return write(packet, packet.headers);
  std::array<std::uint8_t, kMaxHeaderOctets> headers;
  TUNTCP_CHECK(packet.headers.size() <= headers.size());
  std::ranges::copy(packet.headers, headers.begin());
  // The field holds the pseudo-header's sum already.
  ChecksumSum sum;
  sum.add(packet.headers.subspan(packet.checksum_start));
  for (const Bytes piece : packet.payload) sum.add(piece);
  store_be16(headers.data() + packet.checksum_start + wire::kTcpChecksumOffset, sum.checksum());
  return write(packet, Bytes(headers).first(packet.headers.size()));
}

wire::SendResult TunDevice::write(const wire::OutgoingPacket& packet, Bytes headers) {
  TUNTCP_DCHECK(packet.payload.size() <= wire::kMaxPayloadPieces);
  VnetHeader vnet;
  const bool is_super_packet =
      packet.gso_size != 0 && packet.total_octets > headers.size() + packet.gso_size;
  if (packet.needs_checksum) {
    vnet.flags = kFlagNeedsChecksum;
    vnet.checksum_start = packet.checksum_start;
    vnet.checksum_offset = wire::kTcpChecksumOffset;
  }
  if (is_super_packet) {
    vnet.gso_type = packet.is_ipv6 ? kGsoTcpv6 : kGsoTcpv4;
    const auto flags = wire::Flags::from_octet(headers[packet.checksum_start + 13U]);
    if (flags.has(wire::Flag::cwr)) vnet.gso_type |= kGsoEcn;
    vnet.gso_size = packet.gso_size;
    vnet.header_octets = static_cast<std::uint16_t>(headers.size());
  }

  // writev() takes pointers to what it will not write to.
  const auto piece_of = [](Bytes octets) {
    return iovec{const_cast<std::uint8_t*>(octets.data()), octets.size()};
  };
  std::array<iovec, 2 + wire::kMaxPayloadPieces> pieces;
  int count = 0;
  if (offload_ != Offload::none) pieces[0] = {&vnet, sizeof vnet}, count = 1;
  pieces[static_cast<std::size_t>(count++)] = piece_of(headers);
  for (const Bytes piece : packet.payload) {
    pieces[static_cast<std::size_t>(count++)] = piece_of(piece);
  }
  if (::writev(fd_.get(), pieces.data(), count) >= 0) return wire::SendResult::sent;
  return refused(errno, is_super_packet);
}

wire::SendResult TunDevice::refused(int error, bool is_super_packet) {
  switch (error) {
    case EAGAIN:
    case EINTR:
    case ENOBUFS:
    case ENOMEM:
      return wire::SendResult::retry;
    case EMSGSIZE:
      return wire::SendResult::too_big;
    case EINVAL:
      if (!is_super_packet) return wire::SendResult::down;
      link_.capabilities.gso_max_octets = 0;
      return wire::SendResult::no_gso;
    case EBADFD:
      link_.exists = link_.is_up = false;
      return wire::SendResult::down;
    case EIO:
    case ENETDOWN:
      link_.is_up = false;
      return wire::SendResult::down;
    default:
      return wire::SendResult::down;  // lost, as on any link
  }
}

bool TunDevice::is_attached() const {
  ifreq request{};
  return ::ioctl(fd_.get(), TUNGETIFF, &request) == 0;
}

Outcome<void> TunDevice::take_link_news() {
  auto news = monitor_.take();
  if (!news) {
    return std::unexpected(Failure{
        news.error(), "no news of interface " + name_ + " any more: " + news.error().message()});
  }
  if (news->has_gaps) {
    Outcome<Link> link = netlink_.link(index_);
    if (link) {
      news->link = *link;
      news->was_down = true;  // it may have been
    } else if (link.error().code == std::errc::no_such_device) {
      news->was_deleted = true;
    } else {
      return std::unexpected(link.error());
    }
  }
  if (news->was_deleted) {
    link_.is_up = false;
    link_.exists = is_attached();
    if (!link_.exists) return {};
    return failure(ENODEV, "interface " + name_ +
                               " was moved to another network namespace; packets still pass, but "
                               "changes of it are no longer seen");
  }
  if (!news->link) return {};
  const bool was_down = news->was_down || !link_.is_up;
  const bool mtu_changed = link_.capabilities.mtu != news->link->mtu;
  link_.capabilities.mtu = news->link->mtu;
  link_.is_up = news->link->is_up;
  // Below an MTU of 1,280 the kernel takes its IPv6 addresses away, as it may on going down.
  if (!setup_ || !link_.is_up || (!was_down && !mtu_changed)) return {};
  return restore_addresses(netlink_, *news->link, *setup_);
}

}  // namespace tuntcp::io
