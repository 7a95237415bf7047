#include "tools/replay/player.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

namespace tuntcp::replay {
namespace {

// Bounds what an engine that has gone mad could make us keep.
constexpr std::size_t kMostPacketsSent = 400'000;
constexpr std::uint64_t kSeed = 0x7475'6e74'6370;

class Recorder final : public wire::PacketSink {
 public:
  wire::SendResult send(const wire::OutgoingPacket& packet) override {
    std::vector<std::uint8_t> octets(packet.headers.begin(), packet.headers.end());
    for (const Bytes& piece : packet.payload)
      octets.insert(octets.end(), piece.begin(), piece.end());
    packets.push_back(std::move(octets));
    return wire::SendResult::sent;
  }
  std::vector<std::vector<std::uint8_t>> packets;
};

class Player {
 public:
  Player(const Flow& flow, Side played, const Application& application, const Setup& setup)
      : flow_(flow),
        played_(played),
        application_(application),
        setup_(setup),
        random_(kSeed),
        host_(setup.host, random_),
        numbers_(flow, played) {}

  Play run() {
    if (application_.listens) {
      const auto listener = host_.listen(flow_.end(played_), setup_.listen, setup_.socket);
      if (!listener) refuse("LISTEN", listener.error());
    }
    auto action = application_.actions.begin();
    for (std::size_t i = 0; i < flow_.packets.size(); ++i) {
      const Packet& packet = flow_.packets[i];
      run_until(kStart + packet.at);
      for (; action != application_.actions.end() && action->index == i; ++action) {
        if (action->comes_after) break;
        take(*action);
      }
      if (flow_.sender(packet) != played_) feed(packet);
      for (; action != application_.actions.end() && action->index == i; ++action) take(*action);
    }
    // The engine is watched a little longer, so that it may be late.
    run_until(kStart + flow_.packets.back().at + slack_at_the_end());
    return std::move(result_);
  }

 private:
  // The engine may be as late with its last packet as with any.
  Duration slack_at_the_end() const {
    const Packet& last = flow_.packets.back();
    Duration silence = last.at;
    for (auto packet = flow_.packets.rbegin() + 1; packet != flow_.packets.rend(); ++packet) {
      if (flow_.sender(*packet) != played_) continue;
      silence = last.at - packet->at;
      break;
    }
    return time_tolerance(silence);
  }

  void run_until(Instant then) {
    while (host_.next_deadline() < then) {
      now_ = std::max(now_, host_.next_deadline());
      host_.advance_to(now_);
      drain();
    }
    now_ = std::max(now_, then);
  }

  void feed(const Packet& packet) {
    const std::vector<std::uint8_t> octets = numbers_.to_engine(packet);
    buffer::Slice slice = host_.arena().copy(octets);
    if (slice.size() != octets.size()) throw std::runtime_error("no memory left for packets");
    host_.packet_in(std::move(slice), {}, now_);
    drain();
  }

  void take(const Action& action) {
    switch (action.kind) {
      case Action::Kind::open:
        open();
        break;
      case Action::Kind::send:
        unsent_.insert(unsent_.end(), action.octets.begin(), action.octets.end());
        break;
      case Action::Kind::close:
      case Action::Kind::release:
        ending_ = action.kind;
        break;
      case Action::Kind::abort:
        if (id_) check("ABORT", host_.abort(*id_, now_));
        break;
      case Action::Kind::stop_reading:
        reads_ = false;
        break;
      case Action::Kind::start_reading:
        reads_ = true;
        break;
    }
    number_ = action.number;
    drain();
  }

  void open() {
    forget();
    const auto id = host_.open(flow_.end(played_ == Side::client ? Side::server : Side::client),
                               {.local = flow_.end(played_), .socket = setup_.socket}, now_);
    if (!id) return refuse("OPEN", id.error());
    id_ = *id;
  }

  // A new incarnation: the application has done with the old one.
  void forget() {
    if (id_) host_.release(*id_, now_);
    id_.reset();
    unsent_.clear();
    ending_.reset();
    reads_ = true;
  }

  // Everything that can happen now: packets first, then the application, as a kernel wakes it after
  // the packet was taken in.
  void drain() {
    do {
      host_.packets_out(now_, recorder_);
      record();
      while (const auto event = host_.next_event()) {
        if (!event->is_listener) continue;
        while (const auto id = host_.accept(event->listener)) {
          forget();
          id_ = *id;
        }
      }
    } while (run_application());
    host_.packets_out(now_, recorder_);
    record();
  }

  bool run_application() {
    if (!id_) return false;
    bool has_acted = false;
    if (!unsent_.empty()) {
      const auto taken = host_.send(*id_, unsent_, now_);
      if (taken && *taken != 0) {
        unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(*taken));
        has_acted = true;
      } else if (!taken && taken.error() != Error::would_block) {
        refuse("SEND", taken.error());
        unsent_.clear();
      }
    }
    if (unsent_.empty() && ending_) {
      if (reads_) read();
      if (*ending_ == Action::Kind::close) {
        check("CLOSE", host_.close(*id_, now_));
      } else {
        host_.release(*id_, now_);
        id_.reset();
      }
      ending_.reset();
      return true;
    }
    if (reads_) has_acted |= read();
    return has_acted;
  }

  bool read() {
    bool has_read = false;
    while (true) {
      const auto octets = host_.receive(*id_, room_, now_);
      if (!octets || *octets == 0) return has_read;
      has_read = true;
    }
  }

  void record() {
    for (std::vector<std::uint8_t>& octets : recorder_.packets) {
      ParsedPacket parsed = parse_packet(
          {.number = 0, .at = now_ - kStart, .octets = std::move(octets), .lost_octets = 0});
      if (!parsed.is_replayable) throw std::logic_error("the engine sent: " + parsed.why);
      numbers_.learn(parsed.packet);
      result_.sent.push_back(numbers_.to_captured(std::move(parsed.packet)));
    }
    recorder_.packets.clear();
    if (result_.sent.size() > kMostPacketsSent) {
      throw std::runtime_error("the engine sent more than " + std::to_string(kMostPacketsSent) +
                               " packets");
    }
  }

  void refuse(const std::string& call, Error error) {
    result_.refusals.push_back(call + " at packet " + std::to_string(number_) + ": " +
                               tuntcp::to_string(error));
  }
  void check(const std::string& call, const Result<void>& result) {
    if (!result) refuse(call, result.error());
  }

  const Flow& flow_;
  const Side played_;
  const Application& application_;
  const Setup& setup_;
  SeededRandom random_;
  Host host_;
  Numbers numbers_;
  Recorder recorder_;
  Play result_;
  Instant now_ = kStart;
  std::uint32_t number_ = 0;

  // The application.
  std::optional<ConnectionId> id_;
  std::vector<std::uint8_t> unsent_;
  std::optional<Action::Kind> ending_;
  bool reads_ = true;
  std::vector<std::uint8_t> room_ = std::vector<std::uint8_t>(65'536);
};

}  // namespace

Duration time_tolerance(Duration timed) {
  return std::max(4_ms, timed / 8);
}

Play play(const Flow& flow, Side played, const Application& application, const Setup& setup) {
  return Player(flow, played, application, setup).run();
}

}  // namespace tuntcp::replay
