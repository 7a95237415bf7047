#include "tests/unit/io/peer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "stack/base/checksum.h"
#include "stack/wire/ip.h"

namespace tuntcp::io {

IpAddress stack_address(Family family) {
  return *IpAddress::parse(family == Family::ipv4 ? "198.51.100.2" : "2001:db8::2");
}
IpAddress kernel_address(Family family) {
  return *IpAddress::parse(family == Family::ipv4 ? "198.51.100.1" : "2001:db8::1");
}
LinkSetup both_families() {
  LinkSetup setup;
  setup.host_addresses = {{kernel_address(Family::ipv4), 24}, {kernel_address(Family::ipv6), 64}};
  setup.stack_addresses = {{stack_address(Family::ipv4), 24}, {stack_address(Family::ipv6), 64}};
  return setup;
}

std::optional<Arrived> next_packet(Device& device, int wait_ms) {
  std::vector<std::uint8_t> room(kReadRoomOctets);
  while (true) {
    Arrived arrived;
    const auto octets = device.read(room, arrived.offload);
    if (octets) {
      const auto begin = room.begin() + device.headroom();
      arrived.octets.assign(begin, begin + static_cast<std::ptrdiff_t>(*octets));
      return arrived;
    }
    if (octets.error() != std::errc::operation_would_block) return std::nullopt;
    pollfd readable{device.native_handle(), POLLIN, 0};
    if (::poll(&readable, 1, wait_ms) <= 0) return std::nullopt;
  }
}

Outgoing::Outgoing(const FourTuple& tuple, wire::TcpHeader tcp, const std::string& text,
                   bool is_partial, std::uint16_t gso_size, std::size_t piece_octets,
                   const std::vector<std::uint8_t>& options)
    : text_(text) {
  const auto tcp_octets = static_cast<std::uint32_t>(wire::kTcpHeaderOctets + options.size());
  const auto segment_octets = static_cast<std::uint32_t>(tcp_octets + text.size());
  wire::IpFields ip;
  ip.source = tuple.local.address;
  ip.destination = tuple.remote.address;
  ip.identification = 0xfffe;  // wraps within a super-packet
  ip.payload_octets = segment_octets;
  const std::uint32_t ip_octets = wire::ip_header_octets(tuple.family());
  headers_.resize(ip_octets + tcp_octets);
  wire::write_ip(ip, headers_.data());
  tcp.source = tuple.local.port;
  tcp.destination = tuple.remote.port;
  tcp.header_octets = static_cast<std::uint8_t>(tcp_octets);
  wire::write_tcp(tcp, headers_.data() + ip_octets);
  std::ranges::copy(options, headers_.begin() + ip_octets + wire::kTcpHeaderOctets);

  const Bytes all(reinterpret_cast<const std::uint8_t*>(text_.data()), text_.size());
  for (std::size_t at = 0; at < all.size(); at += piece_octets) {
    pieces_.push_back(all.subspan(at, std::min(piece_octets, all.size() - at)));
  }
  ChecksumSum sum =
      pseudo_header_sum(ip.source, ip.destination, wire::kProtocolTcp, segment_octets);
  if (!is_partial) {
    sum.add(Bytes(headers_).subspan(ip_octets));
    sum.add(all);
  }
  store_be16(headers_.data() + ip_octets + wire::kTcpChecksumOffset,
             is_partial ? sum.folded() : sum.checksum());

  packet_.headers = headers_;
  packet_.payload = pieces_;
  packet_.total_octets = static_cast<std::uint32_t>(headers_.size() + text_.size());
  packet_.needs_checksum = is_partial;
  packet_.checksum_start = static_cast<std::uint16_t>(ip_octets);
  packet_.gso_size = gso_size;
  packet_.is_ipv6 = tuple.family() == Family::ipv6;
}

std::vector<std::uint8_t> Outgoing::octets() const {
  std::vector<std::uint8_t> all = headers_;
  all.insert(all.end(), text_.begin(), text_.end());
  return all;
}

Peer::Peer(Device& device, Family family, bool is_partial, Port local_port)
    : device_(device),
      tuple_{{stack_address(family), local_port}, {kernel_address(family), 0}},
      is_partial_(is_partial),
      mss_(static_cast<std::uint16_t>(device.link().capabilities.mtu -
                                      wire::ip_header_octets(family) - wire::kTcpHeaderOctets)),
      snd_nxt_(0xffff'f000) {}  // wraps early

UniqueFd Peer::listen(Family family, Port port) {
  UniqueFd fd(::socket(family == Family::ipv4 ? AF_INET : AF_INET6,
                       SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_storage storage{};
  socklen_t length = 0;
  const IpAddress address = kernel_address(family);
  if (family == Family::ipv4) {
    auto& local = reinterpret_cast<sockaddr_in&>(storage);
    local.sin_family = AF_INET;
    local.sin_port = htons(port);
    std::memcpy(&local.sin_addr, address.octets(), address.size());
    length = sizeof local;
  } else {
    auto& local = reinterpret_cast<sockaddr_in6&>(storage);
    local.sin6_family = AF_INET6;
    local.sin6_port = htons(port);
    std::memcpy(&local.sin6_addr, address.octets(), address.size());
    length = sizeof local;
  }
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), length), 0)
      << std::strerror(errno);
  // Always there and without a clock of its own: BBR would pace by how busy this machine is.
  EXPECT_EQ(::setsockopt(fd.get(), IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0)
      << std::strerror(errno);
  EXPECT_EQ(::listen(fd.get(), 4), 0) << std::strerror(errno);
  return fd;
}

UniqueFd Peer::connect(const UniqueFd& listener, Port port) {
  tuple_.remote.port = port;
  // Maximum segment size, and a window scale of 8 (RFC 9293, 3.2; RFC 7323, 2.2).
  const std::vector<std::uint8_t> options{
      2, 4, static_cast<std::uint8_t>(mss_ >> 8), static_cast<std::uint8_t>(mss_), 1, 3, 3, 8};
  EXPECT_EQ(emit(wire::Flag::syn, "", 0, options), wire::SendResult::sent);
  const auto answer = next_packet(device_, [](const Arrived& packet) {
    const auto tcp = tcp_of(packet);
    return tcp && tcp->flags == (wire::Flag::syn | wire::Flag::ack);
  });
  if (!answer) return {};
  rcv_nxt_ = tcp_of(*answer)->seq + 1;
  EXPECT_EQ(emit(wire::Flag::ack, "", 0), wire::SendResult::sent);
  return UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

wire::SendResult Peer::send(const std::string& text, std::uint16_t gso_size) {
  return emit(wire::Flag::ack | wire::Flag::psh, text, gso_size);
}

wire::SendResult Peer::emit(wire::Flags flags, const std::string& text, std::uint16_t gso_size,
                            const std::vector<std::uint8_t>& options) {
  wire::TcpHeader tcp;
  tcp.seq = snd_nxt_;
  tcp.ack = flags.has(wire::Flag::ack) ? rcv_nxt_ : SeqNum{};
  tcp.window = 0xffff;
  tcp.flags = flags;
  const Outgoing outgoing(tuple_, tcp, text, is_partial_, gso_size, 20'000, options);
  const wire::SendResult result = device_.send(outgoing.packet());
  if (result == wire::SendResult::sent) {
    const auto syn = flags.has(wire::Flag::syn) ? 1U : 0U;
    snd_nxt_ = snd_nxt_ + (static_cast<std::uint32_t>(text.size()) + syn);
  }
  return result;
}

std::optional<Arrived> Peer::receive(std::string& received) {
  auto packet = next_packet(device_, [&](const Arrived& candidate) {
    const auto tcp = tcp_of(candidate);
    return tcp && tcp->destination == tuple_.local.port && tcp->seq == rcv_nxt_ &&
           transport_of(candidate.octets).size() > tcp->header_octets;
  });
  if (!packet) return packet;
  const Bytes text = transport_of(packet->octets).subspan(tcp_of(*packet)->header_octets);
  received.append(text.begin(), text.end());
  rcv_nxt_ = rcv_nxt_ + static_cast<std::uint32_t>(text.size());
  EXPECT_EQ(emit(wire::Flag::ack, "", 0), wire::SendResult::sent);
  return packet;
}

Bytes transport_of(Bytes packet) {
  const auto ip = wire::parse_ip(packet);
  if (!ip) return {};
  return packet.subspan(ip->header_octets, ip->total_octets - ip->header_octets);
}

std::optional<wire::TcpHeader> tcp_of(const Arrived& packet) {
  const auto ip = wire::parse_ip(packet.octets);
  if (!ip || ip->protocol != wire::kProtocolTcp) return std::nullopt;
  const auto tcp = wire::parse_tcp(transport_of(packet.octets));
  if (!tcp) return std::nullopt;
  return *tcp;
}

std::string pattern(std::size_t octets) {
  std::string text(octets, '\0');
  for (std::size_t i = 0; i < octets; ++i) text[i] = static_cast<char>(i * 131 + i / 251);
  return text;
}

}  // namespace tuntcp::io
