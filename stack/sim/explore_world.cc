// The applications and the clock of an explored world; its wire is in explore_wire.cc.
#include "stack/sim/explore_world.h"

#include <algorithm>
#include <utility>

#include "stack/base/canonical.h"

namespace tuntcp::sim {
namespace {

using tcp::Cause;
using tcp::State;
using Kind = Action::Kind;

constexpr std::array<Port, 2> kPorts{1000, 2000};
// What an honest end of the world may take. Reached only by a world that goes on for ever.
constexpr int kMostSettlingSteps = 2000;
constexpr std::uint32_t kMostSettlingPackets = 1000;

Endpoint endpoint_of(Side side) {
  return {IpAddress::v4(0xc6336401 + static_cast<std::uint32_t>(side)), kPorts[side]};
}

// Says which life of which side wrote it, and where in the stream it stands.
std::uint8_t octet_of(Side writer, std::size_t life, std::uint32_t position) {
  return static_cast<std::uint8_t>((life & 3) << 6 | writer << 5 | (position & 31));
}

std::size_t index_of(State from, State to, Cause cause) {
  const auto found = std::find(tcp::kTransitions.begin(), tcp::kTransitions.end(),
                               tcp::Transition{from, to, cause});
  return static_cast<std::size_t>(found - tcp::kTransitions.begin());
}

wire::Flags flags_of(Forgery forgery) {
  return forgery == Forgery::syn_in_window ? wire::Flag::syn : wire::Flag::rst;
}

HostConfig config_of(Side side, const ExploreScenario& scenario) {
  HostConfig config;
  config.addresses = {{.address = endpoint_of(side).address, .length = 24}};
  // Damage is not what is explored; so no checksums are computed.
  config.link = {.mtu = 1500, .checksum = true, .gso_max_octets = 0};
  config.max_connections = 64;
  // Give up soon, so that an exploration gets there.
  config.sysctl.tcp_syn_retries = 1;
  config.sysctl.tcp_syn_linear_timeouts = 0;
  config.sysctl.tcp_synack_retries = 1;
  config.sysctl.tcp_retries2 = 2;
  config.sysctl.tcp_orphan_retries = 1;
  for (const std::string& setting : scenario.set) {
    const std::size_t equals = setting.find('=');
    const auto done = set_sysctl(config.sysctl, setting.substr(0, equals),
                                 std::string_view(setting).substr(equals + 1));
    TUNTCP_CHECK(done.has_value());
  }
  return config;
}

}  // namespace

ExploreWorld::ExploreWorld(const ExploreScenario& scenario, std::uint64_t seed)
    : scenario_(scenario), now_(Instant::from_ns(1'000'000'000'000)) {
  for (Side side = 0; side < 2; ++side) {
    End& end = ends_[side];
    end.random = std::make_unique<SeededRandom>(seed * 2 + side);
    end.host = std::make_unique<Host>(config_of(side, scenario), *end.random);
    end.host->state_log().turn_on();
    if (!scenario.listens[side]) continue;
    const auto id = end.host->listen(endpoint_of(side), {}, scenario.socket);
    TUNTCP_CHECK(id.has_value());
    end.listener = *id;
  }
}

// ---- What may happen.

std::vector<Action> ExploreWorld::actions() const {
  std::vector<Action> out;
  const bool may_drop = drops_ < scenario_.drops;
  const bool may_duplicate = duplicates_ < scenario_.duplicates;
  std::array<bool, 2> way_is_looked_at{};
  for (std::size_t i = 0; i < flying_.size(); ++i) {
    const Flying& packet = flying_[i];
    if (!scenario_.is_reordering && std::exchange(way_is_looked_at[packet.from], true)) continue;
    // Of packets that are alike one is enough.
    const bool is_copy = std::any_of(
        flying_.begin(), flying_.begin() + static_cast<std::ptrdiff_t>(i),
        [&](const Flying& o) { return o.from == packet.from && hash_of(o) == hash_of(packet); });
    if (is_copy) continue;
    const auto side = static_cast<std::uint8_t>(packet.from);
    const auto index = static_cast<std::uint8_t>(i);
    out.push_back({Kind::deliver, side, index});
    if (may_duplicate) out.push_back({Kind::duplicate, side, index});
    if (may_drop) out.push_back({Kind::drop, side, index});
  }
  for (Side side = 0; side < 2; ++side) app_actions(side, out);
  if (expiries_ < scenario_.expiries && next_deadline() != Instant::never()) {
    out.push_back({Kind::expire, 0, 0});
  }
  return out;
}

void ExploreWorld::app_actions(Side side, std::vector<Action>& out) const {
  const End& end = ends_[side];
  const auto may = [&](Kind kind, std::uint8_t index = 0) {
    out.push_back({kind, static_cast<std::uint8_t>(side), index});
  };
  if (end.listener && scenario_.stops_listening[side]) may(Kind::stop_listening);
  const auto state = state_of(side);
  const bool may_be_hit = state ? tcp::kSynchronized.contains(*state) : small(side).exists();
  if (forgeries_ < scenario_.forgeries && may_be_hit) {
    for (std::uint8_t forgery = 0; forgery < kForgeryCount; ++forgery) may(Kind::forge, forgery);
  }
  if (!end.connection) {
    if (end.opens < scenario_.opens[side]) may(Kind::open);
    return;
  }
  const Life& life = end.lives.back();
  const bool is_early = state && tcp::kOpening.contains(*state) && scenario_.writes_early;
  const bool takes_text = is_early || (state && tcp::kMaySendText.contains(*state));
  const bool may_send = takes_text && !life.closed;
  if (may_send && life.writes < scenario_.writes[side]) may(Kind::write);
  if (reads_late(side) && end.host->readable(*end.connection).value_or(0) != 0) may(Kind::read);
  if (scenario_.closes[side] && !life.closed) may(Kind::close);
  if (scenario_.aborts[side]) may(Kind::abort);
  if (scenario_.releases[side]) may(Kind::release);
}

void ExploreWorld::apply(Action action) {
  if (transcript_ != nullptr) write_down("* " + text_of(action));
  const Side side = action.side;
  switch (action.kind) {
    case Kind::deliver:
    case Kind::duplicate:
    case Kind::drop: {
      const Flying packet = flying_[action.index];
      if (action.kind == Kind::duplicate) ++duplicates_;
      if (action.kind == Kind::drop) ++drops_;
      if (action.kind != Kind::duplicate) flying_.erase(flying_.begin() + action.index);
      if (action.kind != Kind::drop) deliver(packet);
      return;
    }
    case Kind::open:
      return open(side);
    case Kind::write:
      return write(side);
    case Kind::read:
      read(side);
      return drain(side);
    case Kind::close:
      return close(side);
    case Kind::abort:
      return abort(side);
    case Kind::release:
      return release(side);
    case Kind::stop_listening:
      ends_[side].host->close_listener(*ends_[side].listener, now_);
      ends_[side].listener.reset();
      return drain(side);
    case Kind::expire:
      ++expiries_;
      return expire();
    case Kind::forge:
      ++forgeries_;
      return forge(side, static_cast<Forgery>(action.index));
  }
}

// ---- Time.

Instant ExploreWorld::next_deadline() const {
  return std::min(describe(0).earliest_deadline(), describe(1).earliest_deadline());
}

void ExploreWorld::expire() {
  now_ = std::max(now_, next_deadline());
  for (Side side = 0; side < 2; ++side) {
    ends_[side].host->advance_to(now_);
    drain(side);
  }
}

// ---- The applications.

void ExploreWorld::open(Side side) {
  End& end = ends_[side];
  ++end.opens;
  const auto id = end.host->open(endpoint_of(other_side(side)),
                                 {.local = endpoint_of(side), .socket = scenario_.socket}, now_);
  // Refused while the old incarnation waits in TIME-WAIT.
  if (id) {
    end.connection = *id;
    end.lives.emplace_back();
  }
  drain(side);
}

void ExploreWorld::write(Side side) {
  End& end = ends_[side];
  Life& life = end.lives.back();
  std::vector<std::uint8_t> text(scenario_.write_octets);
  for (std::uint32_t i = 0; i < text.size(); ++i) {
    text[i] = octet_of(side, end.lives.size() - 1, life.written + i);
  }
  ++life.writes;
  const auto taken = end.host->send(*end.connection, text, now_);
  if (taken) life.written += static_cast<std::uint32_t>(*taken);
  drain(side);
}

void ExploreWorld::read(Side side) {
  End& end = ends_[side];
  if (!end.connection) return;
  Life& life = end.lives.back();
  std::array<std::uint8_t, 4096> room;
  for (;;) {
    const auto taken = end.host->receive(*end.connection, room, now_);
    if (!taken) {
      life.saw_end |= taken.error() == Error::end_of_stream;
      return;
    }
    for (std::size_t i = 0; i < *taken; ++i) {
      if (life.peer < 0) life.peer = room[i] >> 6;
      const auto peer = static_cast<std::size_t>(life.peer);
      if (room[i] != octet_of(other_side(side), peer, life.read)) {
        return fault("an octet arrived that was not written there");
      }
      ++life.read;
    }
  }
}

void ExploreWorld::close(Side side) {
  End& end = ends_[side];
  static_cast<void>(end.host->close(*end.connection, now_));
  end.lives.back().closed = true;
  drain(side);
}

void ExploreWorld::abort(Side side) {
  End& end = ends_[side];
  end.lives.back().gave_up = true;
  static_cast<void>(end.host->abort(*end.connection, now_));
  drain(side);
}

void ExploreWorld::release(Side side) {
  End& end = ends_[side];
  Life& life = end.lives.back();
  life.gave_up = true;
  life.ended = true;
  end.host->release(*end.connection, now_);
  end.connection.reset();
  drain(side);
}

void ExploreWorld::on_event(Side side, const Event& event) {
  End& end = ends_[side];
  if (event.is_listener) {
    while (const auto id = end.host->accept(event.listener)) {
      // The old one is over, or the tables would not have had room for another.
      if (end.connection) {
        see_whether_it_ended(side);
        if (end.connection) return fault("two connections have the same pair of endpoints");
      }
      end.connection = *id;
      end.lives.emplace_back();
      if (!reads_late(side)) read(side);
    }
    return;
  }
  if (end.connection == event.connection && !reads_late(side)) read(side);
}

// An application that is told of an end reads what is left and forgets the connection.
void ExploreWorld::see_whether_it_ended(Side side) {
  End& end = ends_[side];
  if (!end.connection) return;
  const auto status = end.host->status(*end.connection, now_);
  if (!status || (status->state != State::closed && status->state != State::time_wait)) return;
  if (reads_late(side) && status->recv_q != 0) return;
  read(side);
  Life& life = end.lives.back();
  life.error = status->error;
  life.ended = true;
  end.host->release(*end.connection, now_);
  end.connection.reset();
}

std::optional<State> ExploreWorld::state_of(Side side) const {
  const End& end = ends_[side];
  if (!end.connection) return std::nullopt;
  const auto status = end.host->status(*end.connection, now_);
  return status ? std::optional(status->state) : std::nullopt;
}

// ---- To the end.

void ExploreWorld::settle() {
  is_settling_ = true;
  packets_ = 0;
  for (int step = 0; step < kMostSettlingSteps && faults_.empty(); ++step) {
    for (Side side = 0; side < 2; ++side) {
      End& end = ends_[side];
      if (!end.connection) continue;
      read(side);
      const auto state = state_of(side);
      const bool is_open = state == State::established || state == State::close_wait;
      if (is_open && !end.lives.back().closed) close(side);
      drain(side);
    }
    if (packets_ > kMostSettlingPackets) return fault("the hosts never stop sending");
    if (!flying_.empty()) {
      const Flying packet = std::exchange(flying_.front(), {});
      flying_.erase(flying_.begin());
      deliver(packet);
    } else if (next_deadline() != Instant::never()) {
      expire();
    } else if (ends_[0].connection || ends_[1].connection) {
      // The peer is gone and nobody knows: an application lets go at last, as close(2) does.
      for (Side side = 0; side < 2; ++side) {
        if (ends_[side].connection) release(side);
      }
    } else {
      return check_whole();
    }
  }
  if (faults_.empty()) fault("the world does not come to an end");
}

// What arrived is what was written, or whoever wrote it knows that it may not have.
void ExploreWorld::check_whole() {
  for (Side side = 0; side < 2; ++side) {
    const End& writer = ends_[side];
    if (!writer.host->is_idle()) fault("something is left behind");
    const std::vector<Life>& readers = ends_[other_side(side)].lives;
    for (std::size_t i = 0; i < writer.lives.size(); ++i) {
      const Life& life = writer.lives[i];
      const bool believes = life.closed && !life.gave_up && life.error == Error::none;
      if (!believes || life.written == 0) continue;
      const bool is_known = std::any_of(readers.begin(), readers.end(), [&](const Life& reader) {
        const bool is_peer = reader.peer == static_cast<int>(i & 3);
        return (is_peer && reader.read == life.written) || reader.gave_up;
      });
      if (!is_known) fault("octets were lost and their writer does not know");
    }
    for (const Life& reader : readers) {
      if (!reader.saw_end || reader.gave_up) continue;
      const bool is_whole =
          std::any_of(writer.lives.begin(), writer.lives.end(), [&](const Life& life) {
            const bool is_peer = reader.peer < 0 || &life - writer.lives.data() == reader.peer;
            return is_peer && (life.closed || life.gave_up) && life.written == reader.read;
          });
      if (!is_whole) fault("the stream ended before all that was written had arrived");
    }
  }
}

// ---- Changes of state.

ExploreWorld::Small ExploreWorld::small(Side side) const {
  Small found;
  for (const Status& status : ends_[side].host->list(now_)) {
    found.listens |= status.state == State::listen;
    found.half_open |= status.timer == TimerKind::syn_ack;
    found.time_wait |= status.state == State::time_wait;
  }
  return found;
}

void ExploreWorld::apply_observed(Action action, Coverage& coverage) {
  const std::array<Small, 2> before{small(0), small(1)};
  const bool is_packet = action.kind == Kind::deliver || action.kind == Kind::duplicate;
  wire::Flags delivered;
  if (is_packet) delivered = flying_[action.index].tcp.flags;
  if (action.kind == Kind::forge) delivered = flags_of(static_cast<Forgery>(action.index));
  for (Side side = 0; side < 2; ++side) {
    if (scenario_.listens[side]) saw(State::closed, State::listen, Cause::passive_open, coverage);
    while (ends_[side].host->state_log().take()) continue;
  }
  is_observed_ = true;
  apply(action);
  is_observed_ = false;
  for (Side side = 0; side < 2; ++side) {
    learn_transitions(side, before[side], action, delivered, coverage);
  }
}

void ExploreWorld::saw(State from, State to, Cause cause, Coverage& coverage) {
  if (!tcp::is_legal(from, to, cause)) {
    return fault(std::string("illegal: ") + tcp::rfc_name(from) + " to " + tcp::rfc_name(to) +
                 " by " + tcp::to_string(cause));
  }
  coverage[index_of(from, to, cause)] = true;
}

// The moves of full connections are in the log; those of the small ones show in what there is now
// that was not there before.
void ExploreWorld::learn_transitions(Side side, Small before, Action action, wire::Flags delivered,
                                     Coverage& coverage) {
  bool was_established = false;
  bool entered_time_wait = false;
  while (const auto change = ends_[side].host->state_log().take()) {
    saw(change->from, change->to, change->cause, coverage);
    was_established |= change->cause == Cause::ack_of_syn;
    entered_time_wait |= change->to == State::time_wait;
  }
  const Small after = small(side);
  const bool by_reset =
      delivered.has(wire::Flag::rst) || (action.kind == Kind::forge && action.index != 3);
  if (before.listens && !after.listens) {
    saw(State::listen, State::closed, Cause::close_call, coverage);
  }
  if (before.time_wait && !after.time_wait) {
    const bool reopened = after.half_open && !before.half_open;
    if (reopened) {
      saw(State::time_wait, State::syn_received, Cause::reopened, coverage);
    } else {
      const Cause cause = action.kind == Kind::expire ? Cause::time_wait_over
                          : action.kind == Kind::open ? Cause::delete_tcb
                                                      : Cause::reset_received;
      saw(State::time_wait, State::closed, cause, coverage);
      if (cause == Cause::reset_received && !by_reset) fault("TIME-WAIT ended without a RST");
    }
  } else if (entered_time_wait && !after.time_wait) {
    saw(State::time_wait, State::closed, Cause::delete_tcb, coverage);  // tcp_max_tw_buckets
  } else if (!before.half_open && after.half_open) {
    saw(State::listen, State::syn_received, Cause::syn_received, coverage);
  }
  if (!before.half_open || after.half_open || was_established) return;
  if (action.kind == Kind::expire) {
    saw(State::syn_received, State::closed, Cause::timeout, coverage);
  } else if (action.kind == Kind::stop_listening) {
    saw(State::syn_received, State::closed, Cause::delete_tcb, coverage);
  } else if (by_reset) {
    saw(State::syn_received, State::listen, Cause::reset_to_listen, coverage);
  } else if (delivered.has(wire::Flag::syn)) {
    saw(State::syn_received, State::listen, Cause::syn_received, coverage);
  } else {
    fault("SYN-RECEIVED was left for no reason");
  }
}

void ExploreWorld::fault(std::string text) {
  faults_.push_back(std::move(text));
}

}  // namespace tuntcp::sim
