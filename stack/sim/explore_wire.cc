// The wire of an explored world: packets leave, are held against what a correct TCP may send, fly,
// and arrive; and what makes two worlds the same.
#include <algorithm>
#include <utility>

#include "stack/base/canonical.h"
#include "stack/sim/explore_world.h"
#include "stack/wire/ip.h"

namespace tuntcp::sim {
namespace {

using wire::Flag;

// SplitMix64's finisher over a running sum: fast, and as good as 64 bits can be.
std::uint64_t mix(std::uint64_t sum, std::uint64_t value) {
  std::uint64_t z = (sum ^ value) + 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

std::uint64_t hash_of(const Canonical& canonical, std::uint64_t sum) {
  for (const std::uint64_t number : canonical.numbers()) sum = mix(sum, number);
  return sum;
}

std::int64_t relative(SeqNum seq, SeqNum base) {
  return static_cast<std::int32_t>(seq.value() - base.value());
}

}  // namespace

// ---- Out.

class ExploreWorld::Device final : public wire::PacketSink {
 public:
  Device(ExploreWorld& world, Side side) : world_(world), side_(side) {}
  wire::SendResult send(const wire::OutgoingPacket& packet) override {
    world_.send(side_, packet);
    return wire::SendResult::sent;
  }

 private:
  ExploreWorld& world_;
  const Side side_;
};

void ExploreWorld::drain(Side side) {
  Device device(*this, side);
  Host& host = *ends_[side].host;
  for (int round = 0; round < 100; ++round) {
    bool is_news = host.packets_out(now_, device) != 0;
    while (const auto event = host.next_event()) {
      is_news = true;
      on_event(side, *event);
    }
    see_whether_it_ended(side);
    if (is_news) continue;
    // It looks at everything, which a path that is only played again need not pay for.
    if (is_observed_ || is_settling_) {
      if (const auto found = host.inconsistency()) fault(*found);
    }
    return;
  }
  fault("a host always has something more to send or say");
}

void ExploreWorld::send(Side side, const wire::OutgoingPacket& outgoing) {
  Flying packet;
  packet.from = side;
  packet.octets.reserve(outgoing.total_octets);
  packet.octets.assign(outgoing.headers.begin(), outgoing.headers.end());
  for (const Bytes& piece : outgoing.payload) {
    packet.octets.insert(packet.octets.end(), piece.begin(), piece.end());
  }
  const auto ip = wire::parse_ip(packet.octets);
  const auto tcp = wire::parse_tcp(Bytes(packet.octets).subspan(ip ? ip->header_octets : 0));
  if (!ip || !tcp || ip->total_octets != packet.octets.size()) {
    return fault("a packet that is no valid TCP over IP");
  }
  packet.tcp = *tcp;
  const Bytes segment = Bytes(packet.octets).subspan(ip->header_octets);
  packet.options = wire::parse_options(
      segment.subspan(wire::kTcpHeaderOctets, tcp->header_octets - wire::kTcpHeaderOctets));
  packet.text = static_cast<std::uint32_t>(segment.size()) - tcp->header_octets;
  ++packets_;
  check_sent(ends_[side], ends_[other_side(side)], packet);
  if (transcript_ != nullptr) write_down(text_of(packet));
  const auto same_way = std::count_if(flying_.begin(), flying_.end(),
                                      [&](const Flying& other) { return other.from == side; });
  if (same_way >= scenario_.most_in_flight && !is_settling_) return;
  flying_.push_back(std::move(packet));
}

// RFC 9293, 3.8.6: the right edge never moves left (SHLD-14), and nothing is sent beyond what the
// peer offered; 3.4: nothing is acknowledged that was not sent.
void ExploreWorld::check_sent(End& end, const End& peer, const Flying& packet) {
  const wire::TcpHeader& tcp = packet.tcp;
  const bool is_syn = tcp.flags.has(Flag::syn);
  if (is_syn) {
    // Where no time passed a new incarnation has the number of the old one, but that one had come
    // further, and what it sent may still arrive.
    const bool is_again = end.sent_syn && tcp.seq == end.isn && tcp.ack == end.syn_ack;
    const bool went_on = end.sent_end > tcp.seq + 1 || (end.has_edge && end.last_ack > tcp.ack);
    if (!is_again || went_on) {
      if (!end.sent_syn || tcp.seq != end.isn) {
        end.isn_at = now_;
        end.sent_end = tcp.seq;
      }
      end.sent_syn = true;
      end.isn = tcp.seq;
      end.has_edge = end.has_peer_edge = false;
    }
    end.syn_ack = tcp.ack;
    end.shift = packet.options.window_shift.value_or(0);
  }
  if (tcp.flags.has(Flag::rst)) return;
  const std::uint32_t fin = tcp.flags.has(Flag::fin) ? 1 : 0;
  end.sent_end = later_of(end.sent_end, tcp.seq + packet.text + fin + (is_syn ? 1 : 0));
  if (packet.text != 0 && end.has_peer_edge && tcp.seq + packet.text > end.peer_edge) {
    fault("text beyond the window that the peer offered");
  }
  if (!tcp.flags.has(Flag::ack)) return;
  const std::uint32_t window = std::uint32_t{tcp.window} << (is_syn ? 0 : end.shift);
  const SeqNum edge = tcp.ack + window;
  // A SYN,ACK that is repeated says what it said at first, without the rounding of a scaled window.
  if (!is_syn && end.has_edge && edge < end.edge) fault("the right edge of the window moved left");
  end.edge = end.has_edge ? later_of(end.edge, edge) : edge;
  end.has_edge = true;
  end.last_ack = tcp.ack;
  end.last_window = window;
  // Unless a third party sent it.
  const bool is_unknown = tcp.ack > peer.isn && tcp.ack > peer.sent_end;
  if (is_unknown && forgeries_ == 0) fault("acknowledges what was never sent");
}

// ---- In.

void ExploreWorld::deliver(const Flying& packet) {
  const Side to = other_side(packet.from);
  End& end = ends_[to];
  note_delivered(end, packet);
  buffer::Arena& arena = end.host->arena();
  end.host->packet_in(arena.copy(packet.octets),
                      {.checksum = wire::ReceivedOffload::Checksum::partial}, now_);
  drain(to);
}

void ExploreWorld::note_delivered(End& end, const Flying& packet) {
  const wire::TcpHeader& tcp = packet.tcp;
  if (tcp.flags.has(Flag::rst) || !tcp.flags.has(Flag::ack)) return;
  // Of an earlier incarnation, and not of this one.
  if (tcp.ack <= end.isn || tcp.ack > end.sent_end) return;
  const std::uint8_t shift = tcp.flags.has(Flag::syn) ? 0 : ends_[packet.from].shift;
  const SeqNum edge = tcp.ack + (std::uint32_t{tcp.window} << shift);
  end.peer_edge = end.has_peer_edge ? later_of(end.peer_edge, edge) : edge;
  end.has_peer_edge = true;
}

// A third party that sees the wire. Only an exact RST may do harm: RFC 5961, 3 and 4.
void ExploreWorld::forge(Side target, Forgery forgery) {
  const End& end = ends_[target];
  const auto state_before = state_of(target);
  const Small small_before = small(target);
  SeqNum seq = end.last_ack;
  if (forgery == Forgery::reset_beyond) seq += end.last_window + 1;
  // RCV.NXT is what was acknowledged last, or the end of a FIN or of text whose ACK waits: one or
  // at least three octets more.
  if (forgery == Forgery::reset_in_window || forgery == Forgery::syn_in_window) seq += 2;
  const bool is_syn = forgery == Forgery::syn_in_window;
  const Side as = other_side(target);
  const auto address = [](Side side) {
    return IpAddress::v4(0xc6336401 + static_cast<std::uint32_t>(side));
  };
  std::vector<std::uint8_t> octets(wire::kIpv4HeaderOctets + wire::kTcpHeaderOctets);
  wire::write_ip({.source = address(as),
                  .destination = address(target),
                  .payload_octets = wire::kTcpHeaderOctets},
                 octets.data());
  wire::write_tcp({.source = static_cast<Port>(1000 * (as + 1)),
                   .destination = static_cast<Port>(1000 * (target + 1)),
                   .seq = seq,
                   .window = 1000,
                   .flags = is_syn ? Flag::syn : Flag::rst},
                  octets.data() + wire::kIpv4HeaderOctets);
  ends_[target].host->packet_in(ends_[target].host->arena().copy(octets),
                                {.checksum = wire::ReceivedOffload::Checksum::partial}, now_);
  const auto state_after = state_of(target);
  // A half-open connection has nothing to lose: a SYN ends it (3.10.7.4, fourth). In TIME-WAIT a
  // SYN above RCV.NXT is a new connection's.
  const bool may_change =
      forgery == Forgery::exact_reset || (is_syn && small_before.exists() && !state_before);
  const bool changed = state_after != state_before || small(target) != small_before;
  drain(target);
  if (changed && !may_change) {
    fault("a forged segment that misses RCV.NXT changed the connection");
  }
}

// ---- What makes two worlds the same.

Canonical ExploreWorld::describe(Side side) const {
  const End& end = ends_[side];
  Canonical canonical({.now = now_, .local = end.isn, .remote = ends_[other_side(side)].isn});
  end.host->describe(canonical);
  return canonical;
}

std::uint64_t ExploreWorld::hash_of(const Flying& packet) const {
  Canonical out(
      {.now = now_, .local = ends_[packet.from].isn, .remote = ends_[other_side(packet.from)].isn});
  const wire::TcpHeader& tcp = packet.tcp;
  out.number(packet.from);
  out.number(tcp.flags.octet());
  out.local(tcp.seq);
  if (tcp.flags.has(Flag::ack)) out.remote(tcp.ack);
  out.number(tcp.window);
  out.number(packet.text);
  const wire::TcpOptions& options = packet.options;
  out.number(options.mss.value_or(0));
  out.number(options.window_shift.value_or(99));
  out.number(options.sack_permitted);
  out.number(options.timestamps.has_value());
  if (options.timestamps) {
    out.timestamp(options.timestamps->value);
    if (options.timestamps->echo != 0) out.timestamp(options.timestamps->echo);
  }
  for (std::uint8_t i = 0; i < options.sack_count; ++i) {
    out.remote(options.sack[i].begin);
    out.remote(options.sack[i].end);
  }
  return sim::hash_of(out, 0);
}

ExploreWorld::Hash ExploreWorld::hash() const {
  std::uint64_t sum = 0;
  bool more_opens = false;
  for (Side side = 0; side < 2; ++side) {
    const End& end = ends_[side];
    sum = sim::hash_of(describe(side), sum);
    Canonical app({.now = now_, .local = end.isn, .remote = ends_[other_side(side)].isn});
    app.number(end.listener.has_value() | end.connection.has_value() << 1 | end.sent_syn << 2 |
               end.has_edge << 3 | end.has_peer_edge << 4);
    // What the checkers remember is part of the world that they check.
    if (end.sent_syn) app.local(end.sent_end);
    if (end.has_edge) app.remote(end.edge);
    if (end.has_peer_edge) app.local(end.peer_edge);
    for (const Life& life : end.lives) {
      app.number(life.closed | life.gave_up << 1 | life.saw_end << 2 | life.ended << 3);
      for (const std::uint32_t value :
           {life.written, life.read, std::uint32_t{life.writes},
            static_cast<std::uint32_t>(life.peer), static_cast<std::uint32_t>(life.error)}) {
        app.number(value);
      }
    }
    app.number(end.opens);
    more_opens |= end.opens < scenario_.opens[side];
    sum = sim::hash_of(app, sum);
  }
  // The next initial sequence number follows the clock (RFC 9293, 3.4.1).
  if (more_opens) {
    for (const End& end : ends_)
      sum = mix(sum, static_cast<std::uint64_t>((now_ - end.isn_at).count_ns()));
  }
  // The clock of timestamps ticks in milliseconds.
  sum = mix(sum, static_cast<std::uint64_t>(now_.ns() % 1'000'000));
  std::vector<std::uint64_t> packets;
  for (const Flying& packet : flying_) packets.push_back(hash_of(packet));
  if (scenario_.is_reordering) std::sort(packets.begin(), packets.end());
  for (const std::uint64_t packet : packets) sum = mix(sum, packet);
  const std::uint64_t budgets = std::uint64_t{drops_} << 24 | std::uint64_t{duplicates_} << 16 |
                                std::uint64_t{expiries_} << 8 | forgeries_;
  return {.world = sum, .with_budgets = mix(sum, budgets)};
}

// ---- For people.

std::string ExploreWorld::text_of(const Flying& packet) const {
  const End& from = ends_[packet.from];
  const wire::TcpHeader& tcp = packet.tcp;
  std::string text = packet.from == 0 ? "0 > 1: " : "1 > 0: ";
  for (const auto& [flag, letter] : {std::pair{Flag::syn, 'S'},
                                     {Flag::fin, 'F'},
                                     {Flag::rst, 'R'},
                                     {Flag::psh, 'P'},
                                     {Flag::ack, '.'}}) {
    if (tcp.flags.has(flag)) text += letter;
  }
  text += " " + std::to_string(relative(tcp.seq, from.isn));
  text += "(" + std::to_string(packet.text) + ")";
  if (tcp.flags.has(Flag::ack)) {
    text += " ack " + std::to_string(relative(tcp.ack, ends_[other_side(packet.from)].isn));
  }
  return text + " win " + std::to_string(tcp.window);
}

std::string ExploreWorld::text_of(Action action) const {
  using Kind = Action::Kind;
  static constexpr const char* kForgeries[] = {"the exact RST", "a RST in the window",
                                               "a RST beyond the window", "a SYN in the window"};
  const std::string host = "host " + std::to_string(action.side);
  switch (action.kind) {
    case Kind::deliver:
      return "delivered: " + text_of(flying_[action.index]);
    case Kind::duplicate:
      return "delivered, and kept: " + text_of(flying_[action.index]);
    case Kind::drop:
      return "lost: " + text_of(flying_[action.index]);
    case Kind::open:
      return host + ": OPEN";
    case Kind::write:
      return host + ": SEND";
    case Kind::read:
      return host + ": RECEIVE";
    case Kind::close:
      return host + ": CLOSE";
    case Kind::abort:
      return host + ": ABORT";
    case Kind::release:
      return host + ": the application goes";
    case Kind::stop_listening:
      return host + ": stops listening";
    case Kind::expire:
      return "time passes to the next deadline";
    case Kind::forge:
      return host + " gets, forged: " + kForgeries[action.index];
  }
  return "?";
}

void ExploreWorld::write_down(std::string line) const {
  transcript_->push_back(std::to_string((now_.ns() - 1'000'000'000'000) / 1'000'000) + " ms  " +
                         std::move(line));
}

}  // namespace tuntcp::sim
