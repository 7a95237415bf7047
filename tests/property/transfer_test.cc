// Whatever the path and the applications do, a stream arrives whole, in order and once, or both
// ends learn that it did not; and nothing is left behind but TIME-WAIT. RFC 9293, 3.8 and 3.9.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/property/application.h"
#include "tests/property/pair.h"
#include "tests/support/seeds.h"

namespace tuntcp::test {
namespace {

constexpr Port kPort = 80;

// Everything about one run, drawn from its seed.
struct Scenario {
  PairConfig pair;
  struct Connection {
    Family family;
    bool is_simultaneous;  // both ends call OPEN
    Side opener;
    Duration opened_after;
    std::array<Habits, 2> habits;
    std::array<SocketOptions, 2> options;
  };
  std::vector<Connection> connections;
  Duration accept_delay;
  // The path is cut for good at this time.
  std::optional<Duration> cut_after;
  // The MTU of host 0's link becomes this small in the middle.
  std::optional<std::uint32_t> later_mtu;
  // Only what a bad path does is in the way, so every graceful stream must succeed.
  bool must_succeed = true;
};

Impairments draw_path(Dice& dice) {
  Impairments path;
  path.delay = Duration::microseconds(dice.one_of({20, 500, 5'000, 40'000, 150'000}));
  if (dice.chance(0.5)) {
    path.bits_per_second = dice.one_of({1'000'000U, 10'000'000U, 200'000'000U});
    path.queue_octets = dice.one_of({20'000U, 64'000U, 400'000U});
  }
  if (dice.chance(0.5)) path.loss = dice.one_of({0.001, 0.01, 0.05});
  if (dice.chance(0.3)) path.duplicate = dice.one_of({0.01, 0.1});
  if (dice.chance(0.3)) path.corrupt = dice.one_of({0.002, 0.03});
  if (dice.chance(0.4)) {
    path.reorder = dice.one_of({0.01, 0.2});
    path.reorder_by = Duration::microseconds(dice.one_of({100, 3'000, 60'000}));
  }
  return path;
}

HostConfig draw_host(Side side, Dice& dice, bool has_small_buffers) {
  HostConfig config = host_config(side);
  Sysctl& knobs = config.sysctl;
  knobs.tcp_timestamps = dice.chance(0.7) ? 1 : 0;
  knobs.tcp_sack = dice.chance(0.7) ? 1 : 0;
  knobs.tcp_dsack = dice.chance(0.7) ? 1 : 0;
  knobs.tcp_window_scaling = dice.chance(0.7) ? 1 : 0;
  knobs.tcp_moderate_rcvbuf = dice.chance(0.7) ? 1 : 0;
  knobs.tcp_slow_start_after_idle = dice.chance(0.7) ? 1 : 0;
  knobs.tcp_time_wait_ms = dice.one_of({10U, 1'000U, 60'000U});
  knobs.tcp_fin_timeout = dice.one_of({2U, 60U});
  if (has_small_buffers) {
    knobs.tcp_rmem = {2304, dice.one_of({2304U, 6000U, 20'000U}), 40'000};
    knobs.tcp_wmem = {2304, dice.one_of({2304U, 6000U, 20'000U}), 40'000};
  }
  wire::LinkCapabilities& link = config.link;
  link.mtu = dice.one_of({576U, 1280U, 1500U, 9000U});
  link.checksum = dice.chance(0.5);
  if (link.checksum && dice.chance(0.6)) link.gso_max_octets = dice.one_of({16'000U, 65'535U});
  return config;
}

Habits draw_habits(Dice& dice, bool has_pauses) {
  Habits habits;
  habits.octets = dice.one_of({0U, 1U, 700U, 5'000U, 40'000U, 150'000U});
  if (habits.octets > 1) habits.octets = dice.between(1, static_cast<std::uint32_t>(habits.octets));
  habits.write_most = dice.one_of({100U, 1460U, 5'000U, 65'536U});
  habits.write_least = dice.chance(0.5) ? habits.write_most : 1;
  // Single octets only of what is small: 150,000 events would say no more than 5,000.
  if (habits.octets < 2'000 && dice.chance(0.3)) habits.write_least = habits.write_most = 1;
  habits.read_most = dice.one_of({500U, 4'096U, 65'536U});
  if (has_pauses && dice.chance(0.5)) {
    habits.pause = dice.one_of({0.01, 0.2});
    habits.pause_most = Duration::milliseconds(dice.one_of({1, 50, 3'000}));
    habits.first_read = dice.up_to(Duration::milliseconds(dice.one_of({1, 200, 20'000})));
  }
  return habits;
}

void draw_ending(Habits& habits, Dice& dice) {
  using End = Habits::End;
  habits.end = dice.one_of({End::leave, End::abort, End::vanish});
  habits.ends_after =
      habits.octets == 0 ? 0 : dice.below(static_cast<std::uint32_t>(habits.octets));
}

SocketOptions draw_options(Dice& dice, bool has_small_buffers) {
  SocketOptions options;
  options.no_delay = dice.chance(0.4);
  if (has_small_buffers && dice.chance(0.3)) options.receive_buffer = dice.between(1, 20'000);
  if (has_small_buffers && dice.chance(0.3)) options.send_buffer = dice.between(1, 20'000);
  if (dice.chance(0.1)) options.receive_buffer = 300'000;
  return options;
}

Scenario draw(std::uint64_t seed) {
  Dice dice(seed);
  Scenario scenario;
  PairConfig& pair = scenario.pair;
  pair.seed = seed;
  // Some runs cross the wrap of the millisecond clock behind the timestamps.
  pair.start = Instant::from_ns(
      dice.chance(0.3)
          ? ((dice.chance(0.5) ? std::int64_t{1} << 31 : std::int64_t{1} << 32) - 2000) * 1'000'000
          : 1'000'000'000 + static_cast<std::int64_t>(dice.next() >> 8));
  const bool has_small_buffers = dice.chance(0.3);
  const bool passes_super_packets = dice.chance(0.3);
  for (const Side side : {Side{0}, Side{1}}) {
    pair.hosts[side] = draw_host(side, dice, has_small_buffers);
    pair.paths[side] = draw_path(dice);
    pair.paths[side].passes_super_packets = passes_super_packets;
  }
  if (dice.chance(0.2)) pair.device_is_full = 0.05;
  if (dice.chance(0.1)) pair.device_is_down = 0.01;
  if (dice.chance(0.3)) pair.batch = Duration::microseconds(dice.one_of({50, 2'000}));
  if (dice.chance(0.3)) scenario.accept_delay = dice.up_to(Duration::seconds(3));
  if (dice.chance(0.1)) scenario.cut_after = dice.up_to(Duration::seconds(2));
  if (dice.chance(0.1)) scenario.later_mtu = dice.one_of({576U, 1280U, 1400U});

  const bool has_pauses = dice.chance(0.5);
  const bool ends_badly = dice.chance(0.3);
  const std::uint32_t count = dice.one_of({1U, 2U, 5U, 12U});
  for (std::uint32_t i = 0; i < count; ++i) {
    Scenario::Connection connection{};
    connection.family = dice.chance(0.5) ? Family::ipv4 : Family::ipv6;
    connection.is_simultaneous = dice.chance(0.1);
    connection.opener = dice.below(2);
    connection.opened_after = dice.up_to(Duration::milliseconds(dice.one_of({1, 300, 3'000})));
    for (const Side side : {Side{0}, Side{1}}) {
      connection.habits[side] = draw_habits(dice, has_pauses);
      connection.options[side] = draw_options(dice, has_small_buffers);
    }
    if (dice.chance(0.3)) connection.habits[dice.below(2)].end = Habits::End::answer;
    if (ends_badly && dice.chance(0.5)) draw_ending(connection.habits[dice.below(2)], dice);
    scenario.connections.push_back(connection);
  }
  scenario.must_succeed = !scenario.cut_after;
  return scenario;
}

class Trial {
 public:
  explicit Trial(const Scenario& scenario) : scenario_(scenario), pair_(scenario.pair) {
    pair_.on_event = [this](Side side, const Event& event) { on_event(side, event); };
  }

  void run();

 private:
  struct Stream {
    std::array<std::unique_ptr<Application>, 2> ends;
    std::optional<Error> refused;  // what OPEN itself answered
  };

  void listen();
  void open(std::size_t index, Side side);
  void accept(Side side, ListenerId listener);
  void on_event(Side side, const Event& event);
  void add(std::size_t index, Side side, ConnectionId id);
  void look_at_statuses();
  void judge(std::size_t index);
  void expect_nothing_left();
  bool gives_up_on_the_forgotten();
  Port port_of(std::size_t index, Side side) const {
    return static_cast<Port>(20'000 + 2 * index + side);
  }

  const Scenario& scenario_;
  Pair pair_;
  std::vector<Stream> streams_;
  std::array<std::vector<ListenerId>, 2> listeners_;
};

void Trial::listen() {
  for (const Side side : {Side{0}, Side{1}}) {
    const Endpoint everywhere{.address = IpAddress::any(Family::ipv6), .port = kPort};
    const auto listener = pair_.host(side).listen(everywhere, {.backlog = 64},
                                                  scenario_.connections[0].options[side]);
    ASSERT_TRUE(listener);
    listeners_[side].push_back(*listener);
  }
}

void Trial::add(std::size_t index, Side side, ConnectionId id) {
  auto& end = streams_[index].ends[side];
  ASSERT_EQ(end, nullptr) << "connection " << index << " came twice";
  const std::uint64_t stream = index * 2 + side + 1;
  const std::uint64_t peer = index * 2 + other(side) + 1;
  end = std::make_unique<Application>(pair_, side, id, scenario_.connections[index].habits[side],
                                      stream, peer, scenario_.pair.seed * 1000 + stream);
  pair_.host(side).set_cookie(id, index + 1);
}

void Trial::open(std::size_t index, Side side) {
  const Scenario::Connection& connection = scenario_.connections[index];
  const Endpoint remote{.address = address_of(other(side), connection.family),
                        .port = connection.is_simultaneous ? port_of(index, other(side)) : kPort};
  const Endpoint local{.address = address_of(side, connection.family),
                       .port = port_of(index, side)};
  const auto id = pair_.host(side).open(
      remote, {.local = local, .socket = connection.options[side]}, pair_.now());
  ASSERT_TRUE(id) << to_string(id.error());
  add(index, side, *id);
}

void Trial::accept(Side side, ListenerId listener) {
  while (const auto id = pair_.host(side).accept(listener)) {
    const auto status = pair_.host(side).status(*id, pair_.now());
    ASSERT_TRUE(status);
    const std::size_t index = (status->tuple.remote.port - 20'000U) / 2;
    ASSERT_LT(index, streams_.size());
    add(index, side, *id);
    streams_[index].ends[side]->start();
  }
}

void Trial::on_event(Side side, const Event& event) {
  if (event.is_listener) {
    pair_.at(pair_.now() + scenario_.accept_delay,
             [this, side, listener = event.listener] { accept(side, listener); });
    return;
  }
  if (event.cookie == 0) return;
  if (auto& end = streams_[event.cookie - 1].ends[side]) end->on_event(event);
}

// STATUS must make sense at any time.
void Trial::look_at_statuses() {
  for (const Side side : {Side{0}, Side{1}}) {
    for (const Status& status : pair_.host(side).list(pair_.now())) {
      if (!tcp::kSynchronized.contains(status.state) || status.state == tcp::State::time_wait) {
        continue;
      }
      EXPECT_GE(status.cwnd_segments, 1U);
      EXPECT_LE(status.cwnd_segments * std::uint64_t{status.snd_mss}, 1U << 30);
      EXPECT_GE(status.ssthresh_octets, 2 * std::min(status.snd_mss, 500U));
      // A FIN is the one octet in flight that no buffer holds.
      EXPECT_LE(status.unacked_octets, status.send_q + 1);
      EXPECT_LE(status.octets_acked, status.octets_sent);
      EXPECT_LE(status.rto, Duration::seconds(120));
      EXPECT_GE(status.snd_mss, 8U);
      EXPECT_LE(status.timer_left, Duration::seconds(140));
      if (status.unacked_octets != 0) {
        EXPECT_EQ(status.timer, TimerKind::retransmit);
      }
    }
  }
}

// Ends that wait for a peer which left without their noticing (its RST was lost, or the path was
// cut) wait for ever, as without keep-alive they must. They may do so only then. (On a cut path
// even a peer that closed and was released in good order may have given up.)
bool Trial::gives_up_on_the_forgotten() {
  bool any = false;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    for (const Side side : {Side{0}, Side{1}}) {
      auto& end = streams_[i].ends[side];
      if (end == nullptr || end->is_gone()) continue;
      const auto& peer = streams_[i].ends[other(side)];
      const bool peer_is_lost =
          scenario_.cut_after || peer == nullptr || peer->was_cut_short() || peer->error();
      EXPECT_TRUE(peer_is_lost) << "nothing will ever happen again to " << end->describe()
                                << " although its peer is " << peer->describe();
      end->give_up();
      any = true;
    }
  }
  return any;
}

void Trial::judge(std::size_t index) {
  const Scenario::Connection& connection = scenario_.connections[index];
  const Stream& stream = streams_[index];
  const bool is_graceful = connection.habits[0].is_graceful() && connection.habits[1].is_graceful();
  for (const Side side : {Side{0}, Side{1}}) {
    const Application* const end = stream.ends[side].get();
    const Application* const peer = stream.ends[other(side)].get();
    if (end == nullptr) {
      EXPECT_FALSE(is_graceful && scenario_.must_succeed)
          << "connection " << index << " never came";
      continue;
    }
    EXPECT_TRUE(end->is_gone()) << end->describe();
    // Whole, or it learned why not.
    EXPECT_TRUE(end->saw_end() || end->error() || end->was_cut_short()) << end->describe();
    if (end->saw_end()) {
      ASSERT_NE(peer, nullptr);
      EXPECT_EQ(end->read(), peer->written()) << end->describe() << peer->describe();
    }
    EXPECT_LE(end->read(), peer != nullptr ? peer->written() : 0);
    if (is_graceful && scenario_.must_succeed) {
      EXPECT_FALSE(end->error()) << end->describe();
      EXPECT_TRUE(end->saw_end()) << end->describe();
      EXPECT_EQ(end->written(), connection.habits[side].octets);
    }
  }
}

void Trial::expect_nothing_left() {
  for (const Side side : {Side{0}, Side{1}}) {
    Host& host = pair_.host(side);
    EXPECT_EQ(host.current_established(), 0U);
    for (const Status& status : host.list(pair_.now())) {
      EXPECT_EQ(status.state, tcp::State::listen) << status.tuple.remote.to_string();
    }
    EXPECT_TRUE(host.is_idle());
    EXPECT_EQ(host.arena().octets_in_use(), 0U);
    EXPECT_EQ(host.next_deadline(), Instant::never());
  }
}

void Trial::run() {
  streams_.resize(scenario_.connections.size());
  listen();
  const Instant start = pair_.now();
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    const Scenario::Connection& connection = scenario_.connections[i];
    for (const Side side : {Side{0}, Side{1}}) {
      if (side != connection.opener && !connection.is_simultaneous) continue;
      pair_.at(start + connection.opened_after, [this, i, side] { open(i, side); });
    }
  }
  if (scenario_.cut_after) {
    pair_.at(start + *scenario_.cut_after, [this] {
      pair_.link_from(0).impairments().loss = 1;
      pair_.link_from(1).impairments().loss = 1;
    });
  }
  if (scenario_.later_mtu) {
    pair_.at(start + Duration::milliseconds(700), [this] {
      wire::LinkCapabilities link = pair_.host(0).link();
      link.mtu = std::min(link.mtu, *scenario_.later_mtu);
      pair_.set_capabilities(0, link);
    });
  }
  for (int look = 1; look <= 40; ++look) {
    pair_.at(start + Duration::milliseconds(50 * look), [this] { look_at_statuses(); });
  }

  const Instant limit = start + Duration::seconds(6 * 3600);
  ASSERT_TRUE(pair_.run(limit)) << "it never ends";
  if (gives_up_on_the_forgotten()) {
    ASSERT_TRUE(pair_.run(limit)) << "it never ends";
  }
  for (std::size_t i = 0; i < streams_.size(); ++i) judge(i);
  expect_nothing_left();
  // A sleeper is woken early now and then, but every such waking was paid for by a packet, an
  // event, or a timer that was armed; idle connections cost none.
  const auto seconds = static_cast<std::uint64_t>((pair_.now() - start).count_s());
  EXPECT_LE(pair_.idle_wakeups(), 200 + 4 * pair_.packets_sent() + seconds);
}

TEST(Transfer, ArrivesWholeAndLeavesNothingBehindWhateverThePathDoes) {
  for_seeds(300, [](std::uint64_t seed) {
    const Scenario scenario = draw(seed);
    Trial(scenario).run();
  });
}

}  // namespace
}  // namespace tuntcp::test
