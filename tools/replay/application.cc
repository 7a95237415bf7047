#include "tools/replay/application.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace tuntcp::replay {
namespace {

using wire::Flag;

// Text that is not in the capture is made up, but not without end.
constexpr std::uint32_t kMostHoleOctets = 16U << 20;

// Reads one side's packets in order and notes what its application must have done.
class Observer {
 public:
  Observer(const Flow& flow, Side played) : flow_(flow), played_(played) {}

  Application run() {
    for (index_ = 0; index_ < flow_.packets.size(); ++index_) {
      const Packet& packet = flow_.packets[index_];
      if (packet.kind != Packet::Kind::tcp || !packet.has_segment) continue;
      if (flow_.sender(packet) == played_) {
        observe(packet);
      } else if (packet.fault.empty()) {
        observe_remote(packet);
      }
    }
    std::ranges::stable_sort(result_.actions, {}, &Action::index);
    return std::move(result_);
  }

 private:
  void add(Action::Kind kind, std::vector<std::uint8_t> octets = {}) {
    result_.actions.push_back({.kind = kind,
                               .number = flow_.packets[index_].number,
                               .index = index_,
                               .octets = std::move(octets)});
  }

  void observe_remote(const Packet& packet) {
    if (packet.is_syn()) remote_syn_seen_ = true;
    if (packet.has(Flag::ack)) {
      if (!acked_ || packet.tcp.ack > *acked_) acked_ = packet.tcp.ack;
    }
    if (packet.is_syn()) remote_shift_ = packet.options.window_shift;
  }

  void observe(const Packet& packet) {
    if (packet.is_syn()) observe_syn(packet);
    if (!iss_) return;
    observe_window(packet);
    observe_text(packet);
    if (packet.has(Flag::fin) && !fin_seen_) {
      fin_seen_ = true;
      add(takes_text_after() ? Action::Kind::close : Action::Kind::release);
    }
    const bool is_abort = packet.has(Flag::rst) && packet.has(Flag::ack) && !fin_seen_;
    if (is_abort && is_synchronized_ && !aborted_) {
      aborted_ = true;
      add(Action::Kind::abort);
    }
    if (!packet.is_syn() && packet.has(Flag::ack) && !packet.has(Flag::rst)) {
      is_synchronized_ = true;
    }
  }

  void observe_syn(const Packet& packet) {
    if (iss_ == packet.tcp.seq) return;
    // A new incarnation.
    iss_ = packet.tcp.seq;
    shift_ = packet.options.window_shift;
    next_ = packet.tcp.seq + 1;
    fin_seen_ = aborted_ = is_synchronized_ = false;
    small_end_.reset();
    edge_.reset();
    reads_ = true;
    if (packet.has(Flag::ack)) {
      result_.listens = true;
    } else {
      add(Action::Kind::open);
    }
  }

  // Does this side acknowledge text that came after its FIN?
  bool takes_text_after() const {
    std::optional<SeqNum> acked;
    std::uint32_t room = 0;  // for the other end's FIN, and what was on its way when ours left
    for (std::size_t i = index_; i < flow_.packets.size(); ++i) {
      const Packet& packet = flow_.packets[i];
      if (packet.kind != Packet::Kind::tcp || !packet.has_segment || packet.is_syn()) continue;
      if (flow_.sender(packet) != played_) {
        if (packet.has(Flag::fin)) room = 1;
        continue;
      }
      if (!packet.has(Flag::ack) || packet.has(Flag::rst)) continue;
      if (!acked) acked = packet.tcp.ack;
      if (packet.tcp.ack > *acked + room) return true;
    }
    return false;
  }

  // Of two packets in a row: what was newly acknowledged moves the right edge by as much if it was
  // read. Half of that is taken for read: kernels round, and round differently.
  void observe_window(const Packet& packet) {
    if (!packet.has(Flag::ack) || packet.has(Flag::rst) || packet.is_syn()) return;
    const bool scaled = shift_ && remote_shift_;
    const std::uint32_t window = std::uint32_t{packet.tcp.window} << (scaled ? *shift_ & 15 : 0);
    const SeqNum edge = packet.tcp.ack + window;
    if (edge_ && packet.tcp.ack >= last_ack_) {
      const std::uint32_t acked = octets_between(last_ack_, packet.tcp.ack);
      const auto moved = static_cast<std::int32_t>(edge.value() - edge_->value());
      const bool stays = acked > 1 && moved < static_cast<std::int32_t>(acked / 2);
      const bool moves_on = moved > 0 && !stays;
      if (reads_ && stays) {
        reads_ = false;
        result_.actions.push_back({.kind = Action::Kind::stop_reading,
                                   .number = flow_.packets[edge_index_].number,
                                   .index = edge_index_,
                                   .octets = {}});
      } else if (!reads_ && moves_on) {
        reads_ = true;
        add(Action::Kind::start_reading);
      }
    }
    last_ack_ = packet.tcp.ack;
    edge_ = edge;
    edge_index_ = index_;
  }

  void observe_text(const Packet& packet) {
    if (packet.text_octets == 0 || packet.is_syn()) return;
    const SeqNum end = packet.tcp.seq + packet.text_octets;
    if (end <= next_) return;
    if (packet.tcp.seq > next_) fill_hole(packet);
    const std::uint32_t old = octets_between(packet.tcp.seq, next_);
    const Bytes text = packet.text().subspan(old);
    if (!sending_) {
      add(Action::Kind::send);
      sending_ = result_.actions.size() - 1;
    }
    auto& octets = result_.actions[*sending_].octets;
    octets.insert(octets.end(), text.begin(), text.end());
    largest_ = std::max(largest_, packet.text_octets);
    // RFC 9293, 3.7.4, in Minshall's form: one small segment may be on its way.
    const bool is_small = packet.text_octets < largest_ && !packet.has(Flag::fin);
    if (is_small && small_end_ && acked_ && *acked_ < *small_end_) result_.no_delay = true;
    if (is_small) small_end_ = end;
    next_ = end;
    if (packet.has(Flag::psh) || packet.has(Flag::fin)) sending_.reset();
  }

  void fill_hole(const Packet& packet) {
    const std::uint32_t octets = octets_between(next_, packet.tcp.seq);
    if (octets > kMostHoleOctets - hole_octets_) {
      throw CaptureError("packet " + std::to_string(packet.number) + ": " + std::to_string(octets) +
                         " octets before its text were not captured");
    }
    hole_octets_ += octets;
    result_.notices.push_back(
        {.kind = Notice::Kind::hole,
         .number = packet.number,
         .text = std::to_string(octets) + " octets before its text were not captured"});
    if (!sending_) {
      add(Action::Kind::send);
      sending_ = result_.actions.size() - 1;
    }
    auto& text = result_.actions[*sending_].octets;
    text.insert(text.end(), octets, 0);
    next_ = packet.tcp.seq;
  }

  const Flow& flow_;
  const Side played_;
  Application result_;
  std::size_t index_ = 0;
  bool remote_syn_seen_ = false;
  std::optional<std::uint8_t> remote_shift_;
  std::optional<SeqNum> acked_;  // by the remote end, highest

  // Of the incarnation at hand.
  std::optional<SeqNum> iss_;
  std::optional<std::uint8_t> shift_;
  SeqNum next_{};  // first octet not seen yet
  bool fin_seen_ = false, aborted_ = false, is_synchronized_ = false;
  std::optional<std::size_t> sending_;  // the action that later text belongs to
  std::uint32_t largest_ = 0;           // text of one segment
  std::optional<SeqNum> small_end_;
  std::uint32_t hole_octets_ = 0;

  bool reads_ = true;
  std::optional<SeqNum> edge_;
  SeqNum last_ack_{};
  std::size_t edge_index_ = 0;
};

}  // namespace

Application application_of(const Flow& flow, Side played) {
  return Observer(flow, played).run();
}

}  // namespace tuntcp::replay
