#include "tools/link/direction.h"

#include <algorithm>
#include <utility>

namespace tuntcp::link {

void Direction::take(Bytes packet, const wire::ReceivedOffload& offload, Instant now) {
  repeats_.look_at(packet);
  if (octets_under_way_ + packet.size() > most_octets_) {
    ++too_much_;
    return;
  }
  super_packets_ += offload.gso_size != 0;
  sim::Packet entering{.octets = {packet.begin(), packet.end()}, .offload = offload};
  for (sim::Arrival& arrival : link_.carry(std::move(entering), now)) {
    octets_under_way_ += arrival.packet.octets.size() + kOctetsBesides;
    under_way_.push_back(
        {.at = arrival.at, .order = entered_++, .octets = std::move(arrival.packet.octets)});
    std::ranges::push_heap(under_way_, is_later);
  }
}

Bytes Direction::leave(Instant now) {
  if (next_due() > now) return {};
  std::ranges::pop_heap(under_way_, is_later);
  delay_errors_.add(now - under_way_.back().at);
  leaving_ = std::move(under_way_.back().octets);
  under_way_.pop_back();
  octets_under_way_ -= leaving_.size() + kOctetsBesides;
  return leaving_;
}

}  // namespace tuntcp::link
