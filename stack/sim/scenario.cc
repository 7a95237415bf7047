#include "stack/sim/scenario.h"

#include <algorithm>

#include "stack/sim/dice.h"
#include "stack/sim/wraps.h"

namespace tuntcp::sim {
namespace {

LinkSettings draw_link(Dice& dice) {
  LinkSettings link;
  link.delay = Duration::microseconds(dice.one_of({20, 500, 5'000, 40'000, 150'000}));
  if (dice.chance(0.3)) link.jitter = Duration::microseconds(dice.one_of({50, 2'000, 30'000}));
  if (dice.chance(0.5)) {
    link.bits_per_second = dice.one_of({1'000'000U, 10'000'000U, 200'000'000U});
    link.queue_octets = dice.one_of({20'000U, 64'000U, 400'000U});
    if (dice.chance(0.3)) link.queue_packets = dice.one_of({5U, 50U});
    if (dice.chance(0.3)) link.mark_above_octets = link.queue_octets / 4;
  }
  if (dice.chance(0.4)) link.loss = dice.one_of({0.001, 0.01, 0.05});
  if (dice.chance(0.2)) {
    link.bursts = {.to_bad = dice.one_of({0.002, 0.02}),
                   .to_good = dice.one_of({0.5, 0.8}),
                   .loss_in_good = 0,
                   .loss_in_bad = dice.one_of({0.5, 0.8})};
  }
  if (dice.chance(0.3)) {
    link.duplicate = dice.one_of({0.01, 0.1});
    link.duplicate_by = Duration::microseconds(dice.one_of({1, 5'000, 400'000}));
  }
  if (dice.chance(0.3)) link.corrupt = dice.one_of({0.002, 0.03});
  if (dice.chance(0.4)) {
    link.reorder = dice.one_of({0.01, 0.2});
    link.reorder_by = Duration::microseconds(dice.one_of({100, 3'000, 60'000}));
  }
  return link;
}

HostConfig draw_host(HostIndex index, Dice& dice, bool has_small_buffers) {
  HostConfig config = host_config(index);
  Sysctl& knobs = config.sysctl;
  knobs.tcp_timestamps = dice.chance(0.7) ? 1 : 0;
  knobs.tcp_sack = dice.chance(0.7) ? 1 : 0;
  knobs.tcp_dsack = dice.chance(0.7) ? 1 : 0;
  knobs.tcp_congestion_control = dice.one_of({"cubic", "reno"});
  knobs.tcp_recovery = dice.one_of({0U, 1U, 1U, 1U, 3U, 5U});
  knobs.tcp_early_retrans = dice.chance(0.8) ? 3 : 0;
  knobs.tcp_frto = dice.chance(0.8) ? 2 : 0;
  knobs.tcp_rescue = dice.chance(0.5) ? 1 : 0;
  knobs.tcp_abe = dice.chance(0.5) ? 1 : 0;
  knobs.tcp_window_scaling = dice.chance(0.7) ? 1 : 0;
  knobs.tcp_moderate_rcvbuf = dice.chance(0.7) ? 1 : 0;
  knobs.tcp_slow_start_after_idle = dice.chance(0.7) ? 1 : 0;
  // With Linux's numbers a path that loses the ACK of the handshake six times, or nine packets
  // after the release, makes a connection fail that could succeed.
  knobs.tcp_synack_retries = 15;
  knobs.tcp_orphan_retries = 15;
  knobs.tcp_ecn = dice.one_of({0U, 1U, 1U, 2U});
  knobs.tcp_ecn_fallback = dice.chance(0.7) ? 1 : 0;
  knobs.tcp_syncookies = dice.one_of({0U, 1U, 1U});
  knobs.tcp_time_wait_ms = dice.one_of({1'000U, 60'000U});
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
  habits.writes_early = dice.chance(0.3);
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

// Times when nothing gets through, short enough for every timeout that gives up.
void draw_outages(Scenario& scenario, Dice& dice) {
  const Instant start = scenario.world.start;
  for (Scenario::Path& path : scenario.paths) {
    if (dice.chance(0.05)) {
      const Instant from = start + dice.up_to(Duration::seconds(2));
      path.settings.blackhole = {.from = from, .until = from + dice.up_to(Duration::seconds(15))};
    }
    if (dice.chance(0.05)) {
      path.settings.flap = {.from = start + dice.up_to(Duration::seconds(1)),
                            .down = dice.up_to(Duration::milliseconds(dice.one_of({50, 2'000}))),
                            .up = Duration::milliseconds(dice.one_of({200, 5'000})),
                            .until = start + Duration::seconds(15)};
    }
  }
  // From here on the network is cut for good.
  if (dice.chance(0.1)) {
    const Instant from = start + dice.up_to(Duration::seconds(2));
    for (Scenario::Path& path : scenario.paths) path.settings.blackhole = {.from = from};
    scenario.must_succeed = false;
  }
  // Bursts that only many packets end outlast the retransmissions of a single one.
  if (dice.chance(0.04)) {
    for (Scenario::Path& path : scenario.paths) {
      path.settings.bursts = {.to_bad = 0.01, .to_good = 0.1};
    }
    scenario.must_succeed = false;
  }
  // Nobody tells that packets are too long, so some connections cannot succeed.
  if (dice.chance(0.03)) {
    for (Scenario::Path& path : scenario.paths) path.settings.mtu = 1000;
    scenario.must_succeed = false;
  }
}

Scenario::Connection draw_connection(Dice& dice, std::size_t host_count, bool has_pauses,
                                     bool ends_badly, bool has_small_buffers) {
  Scenario::Connection connection;
  connection.family = dice.chance(0.5) ? Family::ipv4 : Family::ipv6;
  connection.is_simultaneous = dice.chance(0.1);
  connection.opened_after = dice.up_to(Duration::milliseconds(dice.one_of({1, 300, 3'000})));
  const auto hosts = static_cast<std::uint32_t>(host_count);
  const std::uint32_t first = dice.below(hosts);
  // Now and then a host talks to itself.
  const std::uint32_t away = dice.chance(0.04) ? 0 : dice.between(1, hosts - 1);
  connection.ends[0].host = first;
  connection.ends[1].host = (first + away) % hosts;
  for (Scenario::End& end : connection.ends) {
    end.habits = draw_habits(dice, has_pauses);
    end.options = draw_options(dice, has_small_buffers);
  }
  if (dice.chance(0.3)) connection.ends[dice.below(2)].habits.end = Habits::End::answer;
  if (ends_badly && dice.chance(0.5)) draw_ending(connection.ends[dice.below(2)].habits, dice);
  return connection;
}

}  // namespace

Endpoint Scenario::local(std::size_t connection, std::size_t end) const {
  const Connection& c = connections[connection];
  const bool listens = end == 1 && !c.is_simultaneous;
  return {.address = address_of(c.ends[end].host, c.family),
          .port = listens ? kListeningPort : port(connection, end)};
}

Endpoint Scenario::remote(std::size_t connection, std::size_t end) const {
  return local(connection, 1 - end);
}

Scenario draw_scenario(std::uint64_t seed) {
  Dice dice(seed);
  Scenario scenario;
  WorldConfig& world = scenario.world;
  world.seed = seed;
  world.start = Instant::from_ns(1'000'000'000 + static_cast<std::int64_t>(dice.next() >> 8));
  const bool has_small_buffers = dice.chance(0.3);
  const bool passes_super_packets = dice.chance(0.3);
  const std::size_t host_count = dice.one_of({2U, 2U, 2U, 3U, 4U});
  for (HostIndex i = 0; i < host_count; ++i) {
    world.hosts.push_back(draw_host(i, dice, has_small_buffers));
    for (HostIndex to = 0; to < host_count; ++to) {
      if (to == i) continue;
      scenario.paths.push_back({.from = i, .to = to, .settings = draw_link(dice)});
      scenario.paths.back().settings.passes_super_packets = passes_super_packets;
    }
  }
  if (dice.chance(0.2)) world.device_is_full = 0.05;
  if (dice.chance(0.1)) world.device_is_down = 0.01;
  if (dice.chance(0.3)) world.batch = Duration::microseconds(dice.one_of({50, 2'000}));
  if (dice.chance(0.3)) scenario.accept_delay = dice.up_to(Duration::seconds(3));
  // Several that come at once may then be refused until they give up.
  if (dice.chance(0.1)) {
    scenario.backlog = dice.one_of({0, 1, 3});
    scenario.must_succeed = false;
  }
  // A client whose ACK is lost believes in a connection that its server knows nothing of.
  if (dice.chance(0.1)) {
    for (HostConfig& host : world.hosts) host.sysctl.tcp_syncookies = 2;
    scenario.must_succeed = false;
  }
  if (dice.chance(0.1)) scenario.later_mtu = dice.one_of({576U, 1280U, 1400U});

  const bool has_pauses = dice.chance(0.5);
  const bool ends_badly = dice.chance(0.3);
  const std::uint32_t count = dice.one_of({1U, 2U, 5U, 12U});
  for (std::uint32_t i = 0; i < count; ++i) {
    scenario.connections.push_back(
        draw_connection(dice, host_count, has_pauses, ends_badly, has_small_buffers));
  }
  if (dice.chance(0.4)) world.start = start_before_a_wrap(scenario, dice);
  draw_outages(scenario, dice);
  return scenario;
}

}  // namespace tuntcp::sim
