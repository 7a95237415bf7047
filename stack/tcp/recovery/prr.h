// Proportional Rate Reduction: while the congestion window comes down, how much each ACK lets out.
// RFC 9937. Active in the episodes "recovery" and "cwr"; the controller has said ssthresh.
#pragma once

#include <cstdint>

namespace tuntcp {
class Canonical;
}

namespace tuntcp::tcp::recovery {

class Prr {
 public:
  // `flight`: the congestion window when the reduction began (RecoverFS). All in octets.
  struct Begin {
    std::uint32_t flight = 0;
    std::uint32_t ssthresh = 0;
    std::uint32_t mss = 0;
  };
  void begin(const Begin& begin);
  void end() { is_active_ = false; }
  bool is_active() const { return is_active_; }
  void on_sent(std::uint32_t octets) {
    if (is_active_) out_ += octets;
  }

  struct Ack {
    std::uint32_t delivered = 0;  // octets newly known to have arrived (DeliveredData)
    std::uint32_t in_flight = 0;  // after the ACK and all marking
    bool is_safe = false;         // RFC 9937, SafeACK: SND.UNA moved and nothing was newly lost
  };
  void on_ack(const Ack& ack);
  // What may be in flight, until the next ACK.
  std::uint32_t window() const { return window_; }

  void describe(Canonical& out) const;

 private:
  std::uint64_t delivered_ = 0;  // prr_delivered
  std::uint64_t out_ = 0;        // prr_out
  std::uint32_t flight_ = 0;     // RecoverFS
  std::uint32_t ssthresh_ = 0;
  std::uint32_t mss_ = 0;
  std::uint32_t window_ = 0;
  bool is_active_ = false;
};

}  // namespace tuntcp::tcp::recovery
