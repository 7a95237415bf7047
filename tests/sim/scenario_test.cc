// What a seed draws: that it really reaches the places it is meant to reach.
#include "stack/sim/scenario.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "stack/sim/trial.h"
#include "stack/sim/wraps.h"
#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"
#include "stack/wire/tcp_options.h"

namespace tuntcp::sim {
namespace {

// From a little below 2^31 or 2^32 to a little above.
bool is_near_a_wrap(std::uint32_t number, std::uint32_t reach) {
  return ((number + reach) & 0x7fff'ffffU) < 2 * reach;
}

// Does some SYN of the run have a sequence number, or a timestamp, next to a wrap?
bool begins_near_a_wrap(const Scenario& scenario) {
  Trial trial(scenario);
  bool is_found = false;
  trial.world().on_packet = [&](const PacketNews& news) {
    const auto ip = wire::parse_ip(news.octets, true);
    if (news.what != PacketNews::What::sent || !ip) return;
    const Bytes segment = news.octets.subspan(ip->header_octets);
    const auto tcp = wire::parse_tcp(segment);
    if (!tcp->flags.has(wire::Flag::syn)) return;
    const auto options = wire::parse_options(
        segment.subspan(wire::kTcpHeaderOctets, tcp->header_octets - wire::kTcpHeaderOctets));
    is_found = is_found || is_near_a_wrap(tcp->seq.value(), 200'000) ||
               (options.timestamps && is_near_a_wrap(options.timestamps->value, 10'000));
  };
  trial.run();
  return is_found;
}

TEST(Scenario, StartIsChosenSoThatNumbersWrap) {
  int near = 0;
  constexpr int kRuns = 40;
  for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
    Scenario scenario = draw_scenario(seed);
    // One connection that nothing hinders and that is no host's own.
    scenario.connections.resize(1);
    scenario.connections[0].ends[0].host = 0;
    scenario.connections[0].ends[1].host = 1;
    for (Scenario::Path& path : scenario.paths) path.settings = {};
    scenario.world.device_is_down = 0;
    Dice dice(seed);
    scenario.world.start = start_before_a_wrap(scenario, dice);
    near += begins_near_a_wrap(scenario);
  }
  // The timestamp of an end that accepts is not seen if the other end does not use the option.
  EXPECT_GE(near, kRuns * 9 / 10);
}

TEST(Scenario, SeedsDrawEachKindOfTrouble) {
  int bursts = 0, blackholes = 0, flaps = 0, short_mtus = 0, marks = 0, itself = 0, crowds = 0;
  int must_succeed = 0;
  for (std::uint64_t seed = 1; seed <= 1'000; ++seed) {
    const Scenario scenario = draw_scenario(seed);
    const auto any_path = [&](auto has) {
      return std::any_of(scenario.paths.begin(), scenario.paths.end(),
                         [&](const Scenario::Path& path) { return has(path.settings); });
    };
    bursts += any_path([](const LinkSettings& s) { return s.bursts.has_value(); });
    blackholes += any_path([](const LinkSettings& s) { return s.blackhole.has_value(); });
    flaps += any_path([](const LinkSettings& s) { return s.flap.has_value(); });
    short_mtus += any_path([](const LinkSettings& s) { return s.mtu != 0; });
    marks += any_path([](const LinkSettings& s) { return s.mark_above_octets != 0; });
    crowds += scenario.world.hosts.size() > 2;
    must_succeed += scenario.must_succeed;
    for (const Scenario::Connection& connection : scenario.connections) {
      itself += connection.ends[0].host == connection.ends[1].host;
    }
  }
  for (const int count : {bursts, blackholes, flaps, short_mtus, marks, itself, crowds}) {
    EXPECT_GE(count, 10);
  }
  EXPECT_GE(must_succeed, 600);
}

}  // namespace
}  // namespace tuntcp::sim
