// A link between two stacks in one process: two devices joined by a socket pair, which keeps
// packets apart and can be waited for like a TUN device.
#pragma once

#include <memory>
#include <utility>

#include "stack/io/device.h"
#include "stack/io/unique_fd.h"

namespace tuntcp::test {

class MemoryDevice final : public io::Device {
 public:
  // Both ends have the same capabilities; a super-packet stays one packet, as between a TUN device
  // and its kernel.
  static std::pair<std::unique_ptr<MemoryDevice>, std::unique_ptr<MemoryDevice>> make_pair(
      const wire::LinkCapabilities& capabilities);

  int native_handle() const override { return packets_.get(); }
  std::uint32_t headroom() const override { return kHeadroom; }
  std::expected<std::size_t, std::error_code> read(MutableBytes room,
                                                   wire::ReceivedOffload& offload) override;
  wire::SendResult send(const wire::OutgoingPacket& packet) override;
  const io::LinkState& link() const override { return link_; }
  int link_handle() const override { return news_.get(); }
  io::Outcome<void> take_link_news() override;

  // As if someone deleted the device.
  void vanish();
  // As if someone changed the link.
  void change(const io::LinkState& link);

  // As if the queue of packets to send were this long.
  void limit_queue(int octets);

  std::size_t packets_refused() const { return packets_refused_; }
  std::size_t packets_sent() const { return packets_sent_; }
  std::size_t packets_read() const { return packets_read_; }

 private:
  static constexpr std::uint32_t kHeadroom = 4;

  MemoryDevice(io::UniqueFd packets, const wire::LinkCapabilities& capabilities);

  io::UniqueFd packets_;
  io::UniqueFd news_;  // an eventfd
  io::LinkState link_;
  io::LinkState next_link_;  // as link() says after take_link_news()
  std::size_t packets_sent_ = 0;
  std::size_t packets_read_ = 0;
  std::size_t packets_refused_ = 0;
};

}  // namespace tuntcp::test
