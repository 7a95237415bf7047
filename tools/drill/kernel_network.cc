#include "tools/drill/kernel_network.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include "stack/base/bytes.h"
#include "stack/base/checksum.h"

namespace tuntcp::drill {
namespace {

constexpr const char* kDevice = "tun0";  // scripts know it by this name
constexpr const char* kCongestionFile = "/proc/sys/net/ipv4/tcp_congestion_control";
// What scripts take for granted; a namespace may not set it by sysctl where the machine does not
// allow it, but a route may.
constexpr const char* kUsualCongestionControl = "cubic";
constexpr std::size_t kMaxPacketOctets = 65'536;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kIcmpv6 = 58;

// struct virtio_net_hdr of linux/virtio_net.h, which C++ cannot include (a member of another struct
// there is called "class").
struct OffloadHeader {
  std::uint8_t flags;
  std::uint8_t gso_type;
  std::uint16_t hdr_len;
  std::uint16_t gso_size;
  std::uint16_t csum_start;
  std::uint16_t csum_offset;
};
constexpr std::uint8_t kNeedsChecksum = 1;
constexpr std::uint8_t kGsoTcp4 = 1;
constexpr std::uint8_t kGsoTcp6 = 4;

[[noreturn]] void fail(const std::string& what) {
  throw BackendFailure(what + ": " + std::strerror(errno));
}

std::string first_word_of(const char* path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

// Is this address one's own by now? The kernel takes over an IPv6 address in its own time, and
// until then drops what is sent to it.
bool is_taken_over(const IpAddress& address) {
  std::string digits;
  for (unsigned i = 0; i < address.size(); ++i) {
    constexpr const char* kDigits = "0123456789abcdef";
    digits += kDigits[address.octets()[i] >> 4];
    digits += kDigits[address.octets()[i] & 0xf];
  }
  std::ifstream routes("/proc/thread-self/net/ipv6_route");
  for (std::string line; std::getline(routes, line);) {
    if (line.starts_with(digits + " 80")) return true;
  }
  return false;
}

// The kernel talks to an IPv6 network by itself (router solicitations, multicast listeners): that
// is not of the script.
bool is_of_interest(const Octets& octets) {
  if (octets.size() < 20) return false;
  if (octets[0] >> 4 == 4) return octets[9] == kTcp || octets[9] == kIcmp;
  if (octets[0] >> 4 != 6 || octets.size() < 44) return false;
  constexpr std::uint8_t kFirstNotError = 128;
  return octets[6] == kTcp || (octets[6] == kIcmpv6 && octets[40] < kFirstNotError);
}

// Where TCP begins, and how long its header is.
struct Headers {
  std::uint16_t ip = 0;
  std::uint16_t tcp = 0;
};
Headers headers_of(const Octets& octets) {
  const bool is_v4 = octets[0] >> 4 == 4;
  const auto ip = static_cast<std::uint16_t>(is_v4 ? (octets[0] & 0xf) * 4 : 40);
  if (octets.size() < ip + std::size_t{20}) throw BackendFailure("a super-packet without TCP");
  return {.ip = ip, .tcp = static_cast<std::uint16_t>((octets[ip + 12U] >> 4) * 4)};
}

}  // namespace

KernelNetwork::KernelNetwork(const BackendOptions& options) {
  if (::unshare(CLONE_NEWNET) != 0) fail("a network namespace needs root (CAP_SYS_ADMIN)");
  namespace_ = io::UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (namespace_.get() < 0) fail("/proc/thread-self/ns/net");
  open_device();
  configure(options);
}

void KernelNetwork::enter() const {
  if (::setns(namespace_.get(), CLONE_NEWNET) != 0) fail("setns");
}

void KernelNetwork::open_device() {
  device_ = io::UniqueFd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (device_.get() < 0) fail("/dev/net/tun");
  ifreq request{};
  std::strncpy(request.ifr_name, kDevice, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  if (::ioctl(device_.get(), TUNSETIFF, &request) != 0) fail("TUNSETIFF");
  // As a device whose hardware cuts segments: scripts are written for that.
  const unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  if (::ioctl(device_.get(), TUNSETOFFLOAD, offloads) != 0) fail("TUNSETOFFLOAD");
}

void KernelNetwork::configure(const BackendOptions& options) {
  const bool is_v4 = options.local.is_v4();
  const std::string family = is_v4 ? "-4" : "-6";
  const std::string device = kDevice;
  const std::string address =
      options.local.to_string() + "/" + std::to_string(options.local_prefix);
  // Nothing that the kernel says by itself, and no waiting for addresses to be found unique.
  run("sysctl -q -w net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 "
      "net.ipv6.conf.default.router_solicitations=0 net.ipv6.conf.all.router_solicitations=0 "
      "net.ipv6.conf.default.accept_ra=0",
      "/");
  const bool is_made =
      run("ip link set lo up", "/") &&
      run("ip link set " + device + " mtu " + std::to_string(options.mtu) +
              " multicast off txqueuelen 10000 up",
          "/") &&
      run("ip " + family + " addr add " + address + " dev " + device + (is_v4 ? "" : " nodad"),
          "/");
  if (!is_made) throw BackendFailure("the namespace cannot be configured (ip link, ip addr)");
  route_ = "ip " + family + " route replace default via " + options.gateway.to_string() + " dev " +
           device;
  constexpr int kTries = 2000;
  for (int i = 0; !is_v4 && i < kTries && !is_taken_over(options.local); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  default_congestion_control_ = first_word_of(kCongestionFile);
  use_congestion_control(kUsualCongestionControl);
}

void KernelNetwork::use_congestion_control(const std::string& name) {
  const bool is_set = run(route_ + " congctl " + name, "/");
  if (!is_set) throw BackendFailure("no route with congestion control " + name);
}

bool KernelNetwork::run(std::string_view line, std::string_view folder) {
  const std::string script(line);
  const std::string place(folder.empty() ? "." : folder);
  // Scripts call the file that undoes their settings by the number of who plays them.
  const std::string player = std::to_string(::getpid());
  const pid_t child = ::fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    ::setenv("PACKETDRILL_PID", player.c_str(), 1);
    if (::chdir(place.c_str()) == 0) {
      ::execl("/bin/sh", "sh", "-c", script.c_str(), static_cast<char*>(nullptr));
    }
    ::_exit(127);
  }
  int status = -1;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const std::string chosen = first_word_of(kCongestionFile);
  if (!default_congestion_control_.empty() && chosen != default_congestion_control_) {
    // The route's choice is stronger than the sysctl's, so it follows.
    default_congestion_control_ = chosen;
    use_congestion_control(chosen);
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::optional<SentPacket> KernelNetwork::read_packet(int wait_ms) {
  pollfd entry{.fd = device_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&entry, 1, wait_ms) <= 0) return std::nullopt;
  OffloadHeader offload{};
  SentPacket packet;
  packet.octets.resize(kMaxPacketOctets);
  std::array<iovec, 2> pieces{iovec{&offload, sizeof offload},
                              iovec{packet.octets.data(), packet.octets.size()}};
  const ssize_t octets = ::readv(device_.get(), pieces.data(), 2);
  if (octets < static_cast<ssize_t>(sizeof offload)) return std::nullopt;
  packet.octets.resize(static_cast<std::size_t>(octets) - sizeof offload);
  if (!is_of_interest(packet.octets)) return std::nullopt;
  packet.gso_size = offload.gso_size;
  if (offload.flags & kNeedsChecksum) {
    // The field holds the sum of the pseudo-header; RFC 1071 lets it stand among what is added.
    const std::size_t start = offload.csum_start;
    const std::size_t field = start + offload.csum_offset;
    if (field + 2 > packet.octets.size()) return std::nullopt;
    ChecksumSum sum;
    sum.add(Bytes(packet.octets).subspan(start));
    store_be16(packet.octets.data() + field, sum.checksum());
  }
  return packet;
}

void KernelNetwork::write_packet(const InjectedPacket& packet) {
  OffloadHeader offload{};
  Octets octets = packet.octets;
  if (packet.gso_size != 0) {
    const Headers headers = headers_of(octets);
    const bool is_v4 = octets[0] >> 4 == 4;
    offload.gso_type = is_v4 ? kGsoTcp4 : kGsoTcp6;
    offload.gso_size = packet.gso_size;
    offload.hdr_len = static_cast<std::uint16_t>(headers.ip + headers.tcp);
  }
  std::array<iovec, 2> pieces{iovec{&offload, sizeof offload}, iovec{octets.data(), octets.size()}};
  // A device that is down, or a packet the kernel will not have: as lost as on a wire.
  static_cast<void>(::writev(device_.get(), pieces.data(), 2));
}

}  // namespace tuntcp::drill
