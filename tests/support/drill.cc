#include "tests/support/drill.h"

#include <algorithm>
#include <iostream>
#include <sstream>

#include "stack/base/random.h"
#include "stack/wire/ip.h"

namespace tuntcp::test {
namespace {

using wire::OutgoingPacket;
using wire::SendResult;

constexpr std::uint64_t kSeed = 20'240'601;
const Instant kUsualStart = Instant() + 1000_s;
constexpr int kMostSteps = 200'000;

IpAddress host_address(Family family) {
  return *IpAddress::parse(family == Family::ipv4 ? "198.51.100.1" : "2001:db8::1");
}
IpAddress peer_address(Family family) {
  return *IpAddress::parse(family == Family::ipv4 ? "198.51.100.2" : "2001:db8::2");
}

Octets joined(const OutgoingPacket& packet) {
  Octets octets(packet.headers.begin(), packet.headers.end());
  for (const Bytes& piece : packet.payload) octets.insert(octets.end(), piece.begin(), piece.end());
  return octets;
}

// The pseudo-header's sum, as NEEDS_CSUM leaves it in the field.
std::uint16_t pseudo_header_sum_of(const wire::IpHeader& ip) {
  Octets octets(ip.source.octets(), ip.source.octets() + ip.source.size());
  octets.insert(octets.end(), ip.destination.octets(),
                ip.destination.octets() + ip.destination.size());
  const std::uint32_t length = ip.total_octets - ip.header_octets;
  for (const std::uint32_t word : {length, std::uint32_t{wire::kProtocolTcp}}) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      octets.push_back(static_cast<std::uint8_t>(word >> shift & 0xff));
    }
  }
  return sum_of_words(octets);
}

void check_checksum(const OutgoingPacket& packet, const wire::IpHeader& ip,
                    const wire::TcpHeader& tcp, Bytes segment) {
  if (packet.needs_checksum) {
    EXPECT_EQ(tcp.checksum, pseudo_header_sum_of(ip));
    EXPECT_EQ(packet.checksum_start, ip.header_octets);
  } else {
    EXPECT_TRUE(wire::has_valid_tcp_checksum(ip.source, ip.destination, segment));
  }
}

std::int64_t relative(SeqNum seq, SeqNum base) {
  return static_cast<std::int32_t>(seq.value() - base.value());
}

std::string tuple_text(const FourTuple& tuple) {
  return std::to_string(tuple.local.port) + "-" + std::to_string(tuple.remote.port);
}

}  // namespace

struct Drill::World : wire::PacketSink {
  World(const HostConfig& config, Instant start_)
      : random(kSeed), host(config, random), start(start_), now(start_) {}
  ~World() override {
    if (!testing::Test::HasFailure()) return;
    std::cout << "---- what happened (" << transcript.size() << " lines)\n";
    const std::size_t most = 400;
    for (std::size_t i = 0; i < std::min(most, transcript.size()); ++i) {
      std::cout << transcript[i] << '\n';
    }
    std::cout << "----\n";
  }

  SendResult send(const OutgoingPacket& packet) override {
    if (device_says != SendResult::sent) return device_says;
    const Octets octets = joined(packet);
    EXPECT_EQ(octets.size(), packet.total_octets);
    const auto ip = wire::parse_ip(octets);
    if (!ip || ip->protocol != wire::kProtocolTcp) {
      EXPECT_TRUE(ip.has_value()) << "the host sent a malformed packet";
      others.push_back(octets);
      return SendResult::sent;
    }
    EXPECT_EQ(ip->total_octets, octets.size());
    const Bytes segment = Bytes(octets).subspan(ip->header_octets);
    const auto tcp = wire::parse_tcp(segment);
    EXPECT_TRUE(tcp.has_value());
    if (!tcp) return SendResult::sent;
    check_checksum(packet, *ip, *tcp, segment);
    Sent sent;
    sent.at = now - start;
    sent.tuple = {.local = {ip->source, tcp->source},
                  .remote = {ip->destination, tcp->destination}};
    sent.raw_seq = tcp->seq;
    sent.raw_ack = tcp->ack;
    sent.flags = tcp->flags;
    sent.window = tcp->window;
    sent.urgent = tcp->urgent_pointer;
    sent.options = wire::parse_options(
        segment.subspan(wire::kTcpHeaderOctets, tcp->header_octets - wire::kTcpHeaderOctets));
    EXPECT_FALSE(sent.options.malformed);
    const Bytes text = segment.subspan(tcp->header_octets);
    sent.text.assign(text.begin(), text.end());
    sent.len = static_cast<std::uint32_t>(text.size());
    sent.gso_size = packet.gso_size;
    sent.needs_checksum = packet.needs_checksum;
    sent.hop_limit = ip->hop_limit;
    sent.traffic_class = ip->traffic_class;
    sent.total_octets = packet.total_octets;
    if (packet.is_ipv6) {
      sent.flow_label = load_be32(octets.data()) & 0xfffff;
    } else {
      sent.identification = load_be16(octets.data() + 4);
      sent.dont_fragment = (octets[6] & 0x40) != 0;
    }
    const std::uint32_t one_packet = packet.gso_size == 0
                                         ? packet.total_octets
                                         : ip->header_octets + tcp->header_octets + packet.gso_size;
    EXPECT_LE(one_packet, host.link().mtu);
    packets.push_back(std::move(sent));
    return SendResult::sent;
  }

  void write_down(const std::string& line) {
    std::ostringstream text;
    text << (now - start).count_s() << ' ' << line;
    transcript.push_back(text.str());
  }

  SeededRandom random;
  Host host;
  Instant start;
  Instant now;
  SendResult device_says = SendResult::sent;
  std::vector<std::shared_ptr<Numbers>> conversations;
  std::vector<Sent> packets;
  std::vector<Octets> others;
  struct Happened {
    ConnectionId id;
    std::uint8_t bits;
  };
  std::vector<Happened> events;
  int acceptable = 0;
  std::vector<std::string> transcript;
};

// ---- Making one.

std::shared_ptr<Drill::World> Drill::make_world(const DrillOptions& options, Instant start) {
  HostConfig config;
  config.addresses = {*Prefix::parse("198.51.100.1/24"), *Prefix::parse("2001:db8::1/64")};
  config.link = options.link;
  config.receive_arena_octets = options.receive_arena_octets;
  for (const std::string& one : options.set) {
    const std::size_t equals = one.find('=');
    const auto done = set_sysctl(config.sysctl, std::string_view(one).substr(0, equals),
                                 std::string_view(one).substr(equals + 1));
    EXPECT_TRUE(done.has_value()) << one << ": " << done.error();
  }
  return std::make_shared<World>(config, start);
}

// The host's numbers are a keyed hash plus a clock: the seed fixes the hash, so the clock decides.
Instant Drill::start_for(const DrillOptions& options) {
  if (!options.iss && !options.first_tsval) return kUsualStart;
  DrillOptions usual = options;
  usual.iss.reset();
  usual.first_tsval.reset();
  usual.role = Role::active;
  Drill probe(make_world(usual, kUsualStart), usual);
  static_cast<void>(probe.open());
  const std::vector<Sent> sent = probe.sent();
  if (sent.empty()) return kUsualStart;
  if (options.iss) {
    const std::uint32_t ticks = *options.iss - sent[0].raw_seq.value();  // of 4 us
    return kUsualStart + Duration::microseconds(4) * std::int64_t{ticks};
  }
  const std::uint32_t ticks = *options.first_tsval - sent[0].options.timestamps->value;  // of 1 ms
  return kUsualStart + Duration::milliseconds(ticks);
}

Drill::Drill(std::shared_ptr<World> world, const DrillOptions& options)
    : world_(std::move(world)),
      options_(options),
      n_(std::make_shared<Numbers>(
          Numbers{.tuple = {.local = {host_address(options.family), options.local_port},
                            .remote = {peer_address(options.family), options.peer_port}},
                  .irs = SeqNum(options.irs)})) {
  world_->conversations.push_back(n_);
}

Drill::~Drill() = default;

Drill Drill::closed(const DrillOptions& options) {
  return Drill(make_world(options, start_for(options)), options);
}

Drill Drill::beside(const Drill& other, const DrillOptions& options) {
  return Drill(other.world_, options);
}

Drill Drill::listen(const DrillOptions& options) {
  Drill d = closed(options);
  d.start_listening();
  return d;
}

Drill Drill::syn_sent(const DrillOptions& options) {
  Drill d = closed(options);
  EXPECT_TRUE(d.open().has_value());
  d.forget_what_happened();
  return d;
}

Drill Drill::syn_received(const DrillOptions& options) {
  Drill d = options.role == Role::passive ? listen(options) : syn_sent(options);
  d.peer_sends(test::syn());
  d.forget_what_happened();
  EXPECT_EQ(d.state(), State::syn_received);
  return d;
}

void Drill::establish() {
  if (options_.role == Role::active) {
    EXPECT_TRUE(open().has_value());
    advance(options_.rtt);
    peer_sends(test::syn_ack());
  } else {
    if (!listener_) start_listening();
    peer_sends(test::syn());
    advance(options_.rtt);
    peer_sends(test::ack());
    EXPECT_TRUE(accept());
  }
  EXPECT_EQ(state(), State::established);
  forget_what_happened();
}

Drill Drill::established(const DrillOptions& options) {
  Drill d = closed(options);
  d.establish();
  return d;
}

Drill Drill::fin_wait_1(const DrillOptions& options) {
  Drill d = established(options);
  EXPECT_TRUE(d.close().has_value());
  d.forget_what_happened();
  return d;
}

Drill Drill::fin_wait_2(const DrillOptions& options) {
  Drill d = fin_wait_1(options);
  d.peer_sends(ack());
  d.forget_what_happened();
  return d;
}

Drill Drill::close_wait(const DrillOptions& options) {
  Drill d = established(options);
  d.peer_sends(fin());
  d.forget_what_happened();
  return d;
}

Drill Drill::closing(const DrillOptions& options) {
  Drill d = fin_wait_1(options);
  d.peer_sends(fin({.ack = 1}));
  d.forget_what_happened();
  return d;
}

Drill Drill::last_ack(const DrillOptions& options) {
  Drill d = close_wait(options);
  EXPECT_TRUE(d.close().has_value());
  d.forget_what_happened();
  return d;
}

Drill Drill::time_wait(const DrillOptions& options) {
  Drill d = fin_wait_2(options);
  d.peer_sends(fin());
  d.forget_what_happened();
  return d;
}

Drill Drill::in(State state, const DrillOptions& options) {
  const auto make = [&] {
    switch (state) {
      case State::closed:
        return closed(options);
      case State::listen:
        return listen(options);
      case State::syn_sent:
        return syn_sent(options);
      case State::syn_received:
        return syn_received(options);
      case State::established:
        return established(options);
      case State::fin_wait_1:
        return fin_wait_1(options);
      case State::fin_wait_2:
        return fin_wait_2(options);
      case State::close_wait:
        return close_wait(options);
      case State::closing:
        return closing(options);
      case State::last_ack:
        return last_ack(options);
      case State::time_wait:
        return time_wait(options);
    }
    return closed(options);
  };
  Drill d = make();
  EXPECT_EQ(d.state(), state);
  return d;
}

// ---- The peer.

wire::Timestamps Drill::timestamps_of(const Seg& seg) const {
  if (seg.ts) return *seg.ts;
  const auto clock = static_cast<std::uint32_t>((world_->now - world_->start).count_ms());
  return {.value = options_.ts.value_or(0) + clock,
          .echo = seg.flags.has(Flag::ack) ? n_->last_tsval : 0};
}

Octets Drill::option_octets(const Seg& seg) const {
  if (!seg.raw_options.empty()) return seg.raw_options;
  Octets out;
  const auto put = [&](std::initializer_list<std::uint8_t> octets) {
    out.insert(out.end(), octets);
  };
  const auto put_word = [&](std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      out.push_back(static_cast<std::uint8_t>(value >> shift & 0xff));
    }
  };
  const bool is_syn = seg.flags.has(Flag::syn);
  const auto mss = seg.mss ? seg.mss : is_syn ? options_.mss : std::nullopt;
  if (mss) {
    put({2, 4, static_cast<std::uint8_t>(*mss >> 8), static_cast<std::uint8_t>(*mss & 0xff)});
  }
  if (seg.sack_permitted || (is_syn && options_.sack)) put({1, 1, 4, 2});
  const auto wscale = seg.wscale ? seg.wscale : is_syn ? options_.wscale : std::nullopt;
  if (wscale) put({1, 3, 3, *wscale});
  const bool ts_is_usual =
      is_syn ? options_.ts.has_value() : n_->peer_offered_ts && n_->host_offered_ts;
  if (seg.ts || (ts_is_usual && !seg.no_ts)) {
    const wire::Timestamps ts = timestamps_of(seg);
    put({1, 1, 8, 10});
    put_word(ts.value);
    put_word(ts.echo);
  }
  if (!seg.sack.empty()) {
    put({1, 1, 5, static_cast<std::uint8_t>(2 + 8 * seg.sack.size())});
    for (const Block& block : seg.sack) {
      put_word(n_->iss.value() + static_cast<std::uint32_t>(block.begin));
      put_word(n_->iss.value() + static_cast<std::uint32_t>(block.end));
    }
  }
  return out;
}

RawSegment Drill::raw(const Seg& seg) const {
  const std::int64_t seq = seg.seq.value_or(n_->peer_next);
  const std::int64_t first_text = seq + (seg.flags.has(Flag::syn) ? 1 : 0);
  RawSegment out{.source = n_->tuple.remote.address,
                 .destination = n_->tuple.local.address,
                 .source_port = n_->tuple.remote.port,
                 .destination_port = n_->tuple.local.port,
                 .seq = n_->irs.value() + static_cast<std::uint32_t>(seq),
                 .flags = seg.flags.octet(),
                 .window = seg.window.value_or(options_.window),
                 .urgent = seg.urgent,
                 .options = option_octets(seg),
                 .bad_checksum = seg.bad_checksum,
                 .traffic_class = seg.ecn};
  if (options_.ecn && seg.flags.has(Flag::syn)) {
    out.flags |= (seg.flags.has(Flag::ack) ? Flags(Flag::ece) : Flag::ece | Flag::cwr).octet();
  }
  if (seg.flags.has(Flag::ack)) {
    out.ack = n_->iss.value() + static_cast<std::uint32_t>(seg.ack.value_or(n_->host_end));
  }
  for (std::uint32_t i = 0; i < seg.len; ++i) out.text.push_back(octet_at(first_text + i));
  return out;
}

Octets Drill::packet_of(const Seg& seg) const {
  return make_packet(raw(seg));
}

void Drill::note_peer(const Seg& seg) {
  const std::int64_t seq = seg.seq.value_or(n_->peer_next);
  std::vector<Block> sack = seg.sack;
  world_->write_down("< " +
                     describe(seg.flags, seq, seg.ack.value_or(n_->host_end), seg.len,
                              seg.window.value_or(options_.window), {}, sack) +
                     "   " + tuple_text(n_->tuple));
  const bool is_syn = seg.flags.has(Flag::syn);
  if (is_syn && seq == 0) n_->peer_offered_ts = options_.ts.has_value() || seg.ts.has_value();
  if (seg.flags.has(Flag::rst)) return;
  const std::int64_t end = seq + seg.len + (is_syn ? 1 : 0) + (seg.flags.has(Flag::fin) ? 1 : 0);
  if (seq <= n_->peer_next) n_->peer_next = std::max(n_->peer_next, end);
}

void Drill::peer_sends(const Seg& seg) {
  peer_sends_at_once({seg});
}

void Drill::peer_sends_at_once(const std::vector<Seg>& segs) {
  for (const Seg& seg : segs) {
    const Octets packet = packet_of(seg);
    note_peer(seg);
    MutableBytes room = world_->host.arena().reserve();
    ASSERT_GE(room.size(), packet.size());
    std::copy(packet.begin(), packet.end(), room.begin());
    world_->host.packet_in(world_->host.arena().commit(static_cast<std::uint32_t>(packet.size())),
                           {.gso_size = seg.gso_size}, world_->now);
  }
  pump();
}

void Drill::wire_sends(const Octets& packet, const wire::ReceivedOffload& offload) {
  MutableBytes room = world_->host.arena().reserve();
  ASSERT_GE(room.size(), packet.size());
  std::copy(packet.begin(), packet.end(), room.begin());
  world_->write_down("< (a packet of " + std::to_string(packet.size()) + " octets)");
  world_->host.packet_in(world_->host.arena().commit(static_cast<std::uint32_t>(packet.size())),
                         offload, world_->now);
  pump();
}

void Drill::Numbers::learn_from(Sent& sent) {
  if (sent.flags.has(Flag::syn)) {
    // A new incarnation begins its numbers anew.
    if (!iss_is_known || sent.raw_seq != iss) host_end = 0;
    iss = sent.raw_seq;
    iss_is_known = true;
    host_offered_ts = sent.options.timestamps.has_value();
  }
  if (sent.options.timestamps) last_tsval = sent.options.timestamps->value;
  sent.seq = relative(sent.raw_seq, iss);
  sent.ack = relative(sent.raw_ack, irs);
  for (std::uint8_t b = 0; b < sent.options.sack_count; ++b) {
    const SeqRange& block = sent.options.sack[b];
    sent.sack.push_back({relative(block.begin, irs), relative(block.end, irs)});
  }
  if (!sent.flags.has(Flag::rst)) host_end = std::max(host_end, sent.end());
  const std::int64_t first = sent.seq + (sent.flags.has(Flag::syn) ? 1 : 0);
  for (std::uint32_t o = 0; o < sent.len; ++o) {
    if (sent.text[o] == octet_at(first + o)) continue;
    ADD_FAILURE() << "wrong octet at " << first + o;
    break;
  }
}

std::vector<Sent> Drill::sent() {
  std::vector<Sent> mine;
  std::erase_if(world_->packets, [&](Sent& sent) {
    if (sent.tuple != n_->tuple) return false;
    mine.push_back(std::move(sent));
    return true;
  });
  return mine;
}

std::vector<Duration> Drill::sent_at() {
  std::vector<Duration> at;
  for (const Sent& one : sent()) at.push_back(one.at);
  return at;
}

// Takes what the host has to say.
void Drill::pump() {
  World& w = *world_;
  const std::size_t before = w.packets.size();
  w.host.packets_out(w.now, w);
  for (std::size_t i = before; i < w.packets.size(); ++i) {
    Sent& sent = w.packets[i];
    for (const auto& conversation : w.conversations) {
      if (conversation->tuple == sent.tuple) conversation->learn_from(sent);
    }
    std::ostringstream line;
    line << "> "
         << describe(sent.flags, sent.seq, sent.ack, sent.len, sent.window, sent.options, sent.sack)
         << "   " << tuple_text(sent.tuple);
    w.write_down(line.str());
  }
  while (const auto event = w.host.next_event()) {
    if (event->is_listener) {
      ++w.acceptable;
    } else {
      w.events.push_back({event->connection, event->bits});
    }
  }
}

void Drill::forget_what_happened() {
  static_cast<void>(sent());
  static_cast<void>(events());
  static_cast<void>(acceptable_events());
}

// ---- Time.

void Drill::advance(Duration duration) {
  World& w = *world_;
  const Instant until = w.now + duration;
  int steps = 0;
  for (; steps < kMostSteps; ++steps) {
    const Instant next = w.host.next_deadline();
    if (next > until) break;
    w.now = std::max(w.now, next);
    w.host.advance_to(w.now);
    pump();
  }
  EXPECT_LT(steps, kMostSteps) << "the host is never content";
  w.now = until;
  w.host.advance_to(w.now);
  pump();
}

Duration Drill::elapsed() const {
  return world_->now - world_->start;
}
Instant Drill::now() const {
  return world_->now;
}

// ---- The application.

Result<void> Drill::open() {
  world_->write_down("open()");
  const auto id = world_->host.open(
      n_->tuple.remote, {.local = n_->tuple.local, .socket = options_.socket}, world_->now);
  if (!id) return std::unexpected(id.error());
  id_ = *id;
  n_->tuple = world_->host.status(*id_, world_->now)->tuple;
  n_->iss_is_known = false;
  n_->peer_next = 0;
  read_ = 1;
  pump();
  return {};
}

void Drill::start_listening() {
  world_->write_down("listen()");
  const auto id =
      world_->host.listen(n_->tuple.local, {.backlog = options_.backlog}, options_.socket);
  ASSERT_TRUE(id.has_value()) << to_string(id.error());
  listener_ = *id;
}

void Drill::stop_listening() {
  world_->write_down("close the listener");
  world_->host.close_listener(*listener_, world_->now);
  listener_.reset();
  pump();
}

bool Drill::accept() {
  if (!listener_) return false;
  const auto id = world_->host.accept(*listener_);
  world_->write_down(id ? "accept()" : "accept(): nothing");
  if (id) id_ = *id;
  pump();
  return id.has_value();
}

Result<std::size_t> Drill::send(std::size_t octets) {
  Octets text(octets);
  for (std::size_t i = 0; i < octets; ++i) {
    text[i] = octet_at(written_ + static_cast<std::int64_t>(i));
  }
  const auto taken = world_->host.send(*id_, text, world_->now);
  world_->write_down("send(" + std::to_string(octets) +
                     "): " + (taken ? std::to_string(*taken) : to_string(taken.error())));
  if (taken) written_ += static_cast<std::int64_t>(*taken);
  pump();
  return taken;
}

Result<std::size_t> Drill::receive(std::size_t octets) {
  Octets text(octets);
  const auto taken = world_->host.receive(*id_, text, world_->now);
  world_->write_down("receive(" + std::to_string(octets) +
                     "): " + (taken ? std::to_string(*taken) : to_string(taken.error())));
  for (std::size_t i = 0; taken && i < *taken; ++i) {
    if (text[i] == octet_at(read_ + static_cast<std::int64_t>(i))) continue;
    ADD_FAILURE() << "wrong octet received at " << read_ + static_cast<std::int64_t>(i);
    break;
  }
  if (taken) read_ += static_cast<std::int64_t>(*taken);
  pump();
  return taken;
}

Result<void> Drill::close() {
  world_->write_down("close()");
  const auto done = world_->host.close(*id_, world_->now);
  pump();
  return done;
}

Result<void> Drill::abort() {
  world_->write_down("abort()");
  const auto done = world_->host.abort(*id_, world_->now);
  pump();
  return done;
}

void Drill::release() {
  world_->write_down("release()");
  world_->host.release(*id_, world_->now);
  id_.reset();
  pump();
}

Result<void> Drill::stop_receiving() {
  const auto done = world_->host.stop_receiving(*id_, world_->now);
  pump();
  return done;
}

void Drill::set_socket_options(const SocketOptions& options) {
  EXPECT_TRUE(world_->host.set_options(*id_, options, world_->now).has_value());
  pump();
}

void Drill::set(std::string_view name_and_value) {
  const std::size_t equals = name_and_value.find('=');
  const auto done =
      world_->host.set_sysctl(name_and_value.substr(0, equals), name_and_value.substr(equals + 1));
  EXPECT_TRUE(done.has_value()) << name_and_value;
}

std::uint8_t Drill::events() {
  std::uint8_t bits = 0;
  std::erase_if(world_->events, [&](const World::Happened& happened) {
    if (!id_ || happened.id != *id_) return false;
    bits |= happened.bits;
    return true;
  });
  return bits;
}

int Drill::acceptable_events() {
  return std::exchange(world_->acceptable, 0);
}

// ---- Looking.

std::optional<Status> Drill::listed() const {
  for (const Status& status : world_->host.list(world_->now)) {
    if (status.tuple == n_->tuple) return status;
  }
  return std::nullopt;
}

State Drill::state() const {
  if (const auto status = listed()) return status->state;
  return listener_ && !id_ ? State::listen : State::closed;
}

Status Drill::status() const {
  const auto status = world_->host.status(*id_, world_->now);
  EXPECT_TRUE(status.has_value());
  return status.value_or(Status{});
}

std::uint64_t Drill::count(Counter counter) const {
  return world_->host.mib()[counter];
}

Host& Drill::host() {
  return world_->host;
}

void Drill::device_says(SendResult result) {
  world_->device_says = result;
}

void Drill::set_link(const wire::LinkCapabilities& link) {
  world_->host.set_link(link);
  pump();
}

}  // namespace tuntcp::test
