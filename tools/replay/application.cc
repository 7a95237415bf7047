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
constexpr std::uint32_t kDefaultMss = 536;  // MUST-15
// What a host needs at most to answer a packet.
constexpr Duration kPrompt = 1_ms;

// Reads one side's packets in order and notes what its application must have done.
class Observer {
 public:
  Observer(const Flow& flow, Side played)
      : flow_(flow), played_(played), largest_(agreed_text(flow).value_or(kDefaultMss)) {}

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
    std::ranges::stable_sort(result_.actions, {}, [](const Action& action) {
      return std::pair(action.index, action.comes_after);
    });
    return std::move(result_);
  }

 private:
  void add(Action::Kind kind, std::vector<std::uint8_t> octets = {}) {
    result_.actions.push_back({.kind = kind,
                               .number = flow_.packets[index_].number,
                               .index = index_,
                               .octets = std::move(octets)});
  }
  // Right after an earlier packet.
  void add_after(std::size_t index, Action::Kind kind) {
    result_.actions.push_back({.kind = kind,
                               .number = flow_.packets[index].number,
                               .index = index,
                               .comes_after = true,
                               .octets = {}});
  }

  void observe_remote(const Packet& packet) {
    if (packet.has(Flag::ack)) {
      if (!acked_ || packet.tcp.ack > *acked_) acked_ = packet.tcp.ack;
    }
    if (packet.is_syn()) remote_shift_ = packet.options.window_shift;
    if (packet.has(Flag::ack)) window_is_closed_ = packet.tcp.window == 0;
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
        add_after(edge_index_, Action::Kind::stop_reading);
      } else if (!reads_ && moves_on) {
        reads_ = true;
        add(Action::Kind::start_reading);
      }
    }
    last_ack_ = packet.tcp.ack;
    edge_ = edge;
    edge_index_ = index_;
  }

  // RFC 9293, 3.8.6.1. What is probed for was waiting since the packet before, or longer.
  void observe_probe(const Packet& packet) {
    const bool is_probe = window_is_closed_ && !sending_ && !fin_seen_ && index_ != 0 &&
                          packet.tcp.seq + 1 == next_ && !packet.is_syn() && !packet.has(Flag::rst);
    if (!is_probe || !text_follows()) return;
    add_after(index_ - 1, Action::Kind::send);
    sending_ = result_.actions.size() - 1;
  }

  bool text_follows() const {
    const auto begin = flow_.packets.begin() + static_cast<std::ptrdiff_t>(index_) + 1;
    return std::any_of(begin, flow_.packets.end(), [&](const Packet& later) {
      return later.has_segment && flow_.sender(later) == played_ && later.text_octets != 0 &&
             later.tcp.seq + later.text_octets > next_;
    });
  }

  void observe_text(const Packet& packet) {
    if (packet.text_octets == 0) return observe_probe(packet);
    if (packet.is_syn()) return;
    const SeqNum end = packet.tcp.seq + packet.text_octets;
    if (end <= next_) return;
    if (packet.tcp.seq > next_) fill_hole(packet);
    const std::uint32_t old = octets_between(packet.tcp.seq, next_);
    const Bytes text = packet.text().subspan(old);
    if (sending_ && is_pushed_ && begins_new_send(packet)) sending_.reset();
    is_pushed_ = false;
    if (!sending_) {
      add(Action::Kind::send);
      sending_ = result_.actions.size() - 1;
    }
    auto& octets = result_.actions[*sending_].octets;
    octets.insert(octets.end(), text.begin(), text.end());
    // RFC 9293, 3.7.4, in Minshall's form: one small segment may be on its way.
    const bool is_small = packet.text_octets < largest_ && !packet.has(Flag::fin);
    if (is_small && small_end_ && acked_ && *acked_ < *small_end_) result_.no_delay = true;
    if (is_small) small_end_ = end;
    next_ = end;
    last_was_full_ = packet.text_octets >= largest_;
    // After a full segment PSH may also be a long SEND's, pushed half a window at a time; then more
    // text leaves with the ACKs, see begins_new_send().
    if (packet.has(Flag::fin) || (packet.has(Flag::psh) && !last_was_full_)) {
      sending_.reset();
    } else {
      is_pushed_ = packet.has(Flag::psh);
    }
  }

  // Text that leaves with an ACK, or with the text before it, was waiting. By itself it was new.
  bool begins_new_send(const Packet& packet) const {
    if (index_ == 0) return true;
    const Packet& before = flow_.packets[index_ - 1];
    const bool is_trigger =
        before.has_segment && (flow_.sender(before) == played_ || before.text_octets == 0);
    return !is_trigger || packet.at - before.at > kPrompt;
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
  const std::uint32_t largest_;  // text of one segment
  Application result_;
  std::size_t index_ = 0;
  std::optional<std::uint8_t> remote_shift_;
  std::optional<SeqNum> acked_;  // by the remote end, highest
  bool window_is_closed_ = false;

  // Of the incarnation at hand.
  std::optional<SeqNum> iss_;
  std::optional<std::uint8_t> shift_;
  SeqNum next_{};  // first octet not seen yet
  bool fin_seen_ = false, aborted_ = false, is_synchronized_ = false;
  std::optional<std::size_t> sending_;  // the action that later text belongs to
  std::optional<SeqNum> small_end_;
  bool last_was_full_ = false;
  bool is_pushed_ = false;  // the text of sending_ ends with a PSH
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
