#include "tests/api/memory_device.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace tuntcp::test {

namespace {

// In front of each packet: what a virtio_net header would say.
struct Header {
  std::uint16_t gso_size;
  std::uint16_t is_partial;
};

}  // namespace

MemoryDevice::MemoryDevice(io::UniqueFd packets, const wire::LinkCapabilities& capabilities)
    : packets_(std::move(packets)), news_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  link_.capabilities = capabilities;
  next_link_ = link_;
}

std::pair<std::unique_ptr<MemoryDevice>, std::unique_ptr<MemoryDevice>> MemoryDevice::make_pair(
    const wire::LinkCapabilities& capabilities) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    std::abort();
  }
  // Room for a window's worth of packets, so that the link seldom refuses.
  const int octets = 8 << 20;
  for (int end : ends) ::setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &octets, sizeof octets);
  const auto make = [&](int end) {
    return std::unique_ptr<MemoryDevice>(new MemoryDevice(io::UniqueFd(end), capabilities));
  };
  return {make(ends[0]), make(ends[1])};
}

std::expected<std::size_t, std::error_code> MemoryDevice::read(MutableBytes room,
                                                               wire::ReceivedOffload& offload) {
  const auto error = [](int number) {
    return std::unexpected(std::error_code(number, std::generic_category()));
  };
  if (!link_.exists) return error(ENODEV);
  if (!link_.is_up) return error(EIO);
  const ssize_t octets = ::recv(packets_.get(), room.data(), room.size(), 0);
  if (octets < 0) return error(errno);
  if (octets < static_cast<ssize_t>(sizeof(Header))) return error(EAGAIN);  // The peer is closed.
  Header header{};
  std::memcpy(&header, room.data(), sizeof header);
  offload.gso_size = header.gso_size;
  offload.checksum = header.is_partial != 0 ? wire::ReceivedOffload::Checksum::partial
                                            : wire::ReceivedOffload::Checksum::unknown;
  ++packets_read_;
  return static_cast<std::size_t>(octets) - sizeof header;
}

wire::SendResult MemoryDevice::send(const wire::OutgoingPacket& packet) {
  if (!link_.exists || !link_.is_up) return wire::SendResult::down;
  if (packet.gso_size == 0 && packet.total_octets > link_.capabilities.mtu) {
    return wire::SendResult::too_big;
  }
  if (packet.gso_size != 0 && link_.capabilities.gso_max_octets == 0) {
    return wire::SendResult::no_gso;
  }
  Header header{.gso_size = packet.gso_size,
                .is_partial = static_cast<std::uint16_t>(packet.needs_checksum)};
  std::array<iovec, wire::kMaxPayloadPieces + 2> pieces{};
  std::size_t count = 0;
  pieces[count++] = {&header, sizeof header};
  const auto add = [&](Bytes octets) {
    pieces[count++] = {const_cast<std::uint8_t*>(octets.data()), octets.size()};
  };
  add(packet.headers);
  for (const Bytes& piece : packet.payload) add(piece);
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  if (::sendmsg(packets_.get(), &message, MSG_NOSIGNAL) < 0) {
    if (errno != EAGAIN) return wire::SendResult::down;
    ++packets_refused_;
    return wire::SendResult::retry;
  }
  ++packets_sent_;
  return wire::SendResult::sent;
}

io::Outcome<void> MemoryDevice::take_link_news() {
  std::uint64_t count = 0;
  static_cast<void>(::read(news_.get(), &count, sizeof count));
  link_ = next_link_;
  return {};
}

void MemoryDevice::change(const io::LinkState& link) {
  next_link_ = link;
  const std::uint64_t one = 1;
  static_cast<void>(::write(news_.get(), &one, sizeof one));
}

void MemoryDevice::limit_queue(int octets) {
  ::setsockopt(packets_.get(), SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets);
}

void MemoryDevice::vanish() {
  io::LinkState gone = link_;
  gone.exists = false;
  change(gone);
}

}  // namespace tuntcp::test
