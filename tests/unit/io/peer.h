// The least of a TCP at the device's side of the link: enough to exchange text with a socket of the
// kernel and to look at every packet of it. Not a model of anything; losses fail the test.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stack/base/address.h"
#include "stack/io/device.h"
#include "stack/io/link_setup.h"
#include "stack/io/unique_fd.h"
#include "stack/wire/tcp_header.h"

namespace tuntcp::io {

// The two ends of the link in every test.
IpAddress stack_address(Family family);   // 198.51.100.2, 2001:db8::2
IpAddress kernel_address(Family family);  // 198.51.100.1, 2001:db8::1
LinkSetup both_families();                // with these addresses, the kernel's as host addresses

// One packet as read from a device, without the device's header.
struct Arrived {
  std::vector<std::uint8_t> octets;
  wire::ReceivedOffload offload;
};
// The next packet for which `is_wanted` holds; others are dropped. Nothing after five seconds.
template <class Wanted>
std::optional<Arrived> next_packet(Device& device, Wanted is_wanted);
// Any next packet, waiting at most that long.
std::optional<Arrived> next_packet(Device& device, int wait_ms);

// A packet to send, which owns its octets.
class Outgoing {
 public:
  // The checksum is left to the device if `is_partial`. Text goes in pieces of `piece_octets`.
  Outgoing(const FourTuple& tuple, wire::TcpHeader tcp, const std::string& text, bool is_partial,
           std::uint16_t gso_size = 0, std::size_t piece_octets = 20'000,
           const std::vector<std::uint8_t>& options = {});
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;
  const wire::OutgoingPacket& packet() const { return packet_; }
  std::vector<std::uint8_t> octets() const;  // in one piece

 private:
  std::vector<std::uint8_t> headers_;
  std::string text_;
  std::vector<Bytes> pieces_;
  wire::OutgoingPacket packet_;
};

// A connection with a kernel's socket that listens.
class Peer {
 public:
  Peer(Device& device, Family family, bool is_partial, Port local_port = 40'000);

  // A socket of the kernel that listens on the kernel's address at `port`.
  static UniqueFd listen(Family family, Port port);
  // The three-way handshake with it; the kernel's new socket, or none.
  UniqueFd connect(const UniqueFd& listener, Port port);

  // Sends text as one packet; SND.NXT moves if it was sent.
  wire::SendResult send(const std::string& text, std::uint16_t gso_size);
  // The next segment from the kernel with text, acknowledged and appended to `received`.
  std::optional<Arrived> receive(std::string& received);

  std::uint16_t mss() const { return mss_; }

 private:
  wire::SendResult emit(wire::Flags flags, const std::string& text, std::uint16_t gso_size,
                        const std::vector<std::uint8_t>& options = {});

  Device& device_;
  FourTuple tuple_;
  bool is_partial_;
  std::uint16_t mss_;
  SeqNum snd_nxt_;
  SeqNum rcv_nxt_;
};

// The TCP header of a packet; nothing if it is not a TCP packet.
std::optional<wire::TcpHeader> tcp_of(const Arrived& packet);
// The transport's octets of an IP packet.
Bytes transport_of(Bytes packet);

// Text whose octets tell their place.
std::string pattern(std::size_t octets);

template <class Wanted>
std::optional<Arrived> next_packet(Device& device, Wanted is_wanted) {
  while (auto packet = next_packet(device, 5'000)) {
    if (is_wanted(*packet)) return packet;
  }
  return std::nullopt;
}

}  // namespace tuntcp::io
