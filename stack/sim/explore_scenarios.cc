// What is explored, and which moves of the state machine cannot be.
#include "stack/sim/explore.h"

namespace tuntcp::sim {
namespace {

using tcp::Cause;
using tcp::State;

constexpr std::array<bool, 2> kBoth{true, true};
constexpr std::array<bool, 2> kFirst{true, false};
constexpr std::array<bool, 2> kSecond{false, true};

// Whatever comes to mind; these are too many to be finished.
std::vector<ExploreScenario> wide_scenarios() {
  return {{.name = "client and server",
           .listens = kSecond,
           .opens = {1, 0},
           .writes = {2, 1},
           .closes = kBoth,
           .aborts = kBoth,
           .drops = 2,
           .duplicates = 2,
           .expiries = 4},
          {.name = "simultaneous open",
           .opens = {1, 1},
           .writes = {1, 1},
           .writes_early = true,
           .closes = kBoth,
           .aborts = kBoth,
           .drops = 1,
           .duplicates = 1,
           .expiries = 3},
          {.name = "without options",
           .listens = kSecond,
           .opens = {1, 0},
           .writes = {2, 1},
           .closes = kBoth,
           .drops = 1,
           .duplicates = 1,
           .expiries = 2,
           .set = {"tcp_timestamps=0", "tcp_sack=0", "tcp_window_scaling=0"}},
          {.name = "reordered text",
           .listens = kSecond,
           .opens = {1, 0},
           .writes = {4, 0},
           .closes = kFirst,
           .drops = 1,
           .duplicates = 1,
           .expiries = 1,
           .most_in_flight = 4,
           .socket = {.no_delay = true}},
          {.name = "a slow reader",
           .listens = kSecond,
           .opens = {1, 0},
           .writes = {4, 0},
           .write_octets = 700,
           .closes = kFirst,
           .reads_late = kSecond,
           .drops = 1,
           .expiries = 4,
           .is_reordering = false,
           .socket = {.no_delay = true, .receive_buffer = 1500}},
          {.name = "two connections",
           .listens = kSecond,
           .opens = {2, 0},
           .writes = {1, 0},
           .closes = kBoth,
           .drops = 1,
           .duplicates = 1,
           .expiries = 3}};
}

// One thing each, in a network that keeps the order, so that they are followed to their end.
std::vector<ExploreScenario> deep_scenarios() {
  const ExploreScenario plain{.name = {},
                              .listens = kSecond,
                              .opens = {1, 0},
                              .closes = kBoth,
                              .most_in_flight = 2,
                              .is_reordering = false};
  std::vector<ExploreScenario> all;
  const auto add = [&](const char* name, auto change) {
    all.push_back(plain);
    all.back().name = name;
    change(all.back());
  };
  add("closing", [](ExploreScenario& s) {
    s.writes = {1, 1};
    s.duplicates = 1;
  });
  add("SEND before the handshake is over", [](ExploreScenario& s) {
    s.writes = {1, 0};
    s.writes_early = true;
    s.aborts = kFirst;
    s.releases = kFirst;
  });
  add("SEND before OPENs that crossed are answered", [](ExploreScenario& s) {
    s.listens = {};
    s.opens = {1, 1};
    s.writes = {1, 1};
    s.writes_early = true;
  });
  add("aborting", [](ExploreScenario& s) { s.aborts = kBoth; });
  add("aborting after OPENs that crossed", [](ExploreScenario& s) {
    s.listens = {};
    s.opens = {1, 1};
    s.aborts = kBoth;
  });
  add("time passes once", [](ExploreScenario& s) {
    s.expiries = 1;
    s.most_in_flight = 1;
  });
  add("a lost segment", [](ExploreScenario& s) {
    s.writes = {1, 0};
    s.drops = 1;
    s.expiries = 2;
    s.most_in_flight = 1;
  });
  add("a TIME-WAIT that is opened again", [](ExploreScenario& s) {
    s.opens = {2, 0};
    s.expiries = 1;
    s.most_in_flight = 1;
  });
  add("a TIME-WAIT that its own side takes", [](ExploreScenario& s) {
    s.opens = {2, 0};
    s.expiries = 1;
    s.most_in_flight = 1;
    s.set = {"tcp_tw_reuse=1", "tcp_tw_reuse_delay=1"};
  });
  add("no room for TIME-WAIT", [](ExploreScenario& s) { s.set = {"tcp_max_tw_buckets=0"}; });
  add("no room for orphans", [](ExploreScenario& s) {
    s.releases = kBoth;
    s.set = {"tcp_max_orphans=0"};
  });
  add("no room for orphans after OPENs that crossed", [](ExploreScenario& s) {
    s.listens = {};
    s.opens = {1, 1};
    s.releases = kBoth;
    s.set = {"tcp_max_orphans=0"};
  });
  add("applications that go away", [](ExploreScenario& s) {
    s.writes = {1, 0};
    s.releases = kBoth;
    s.stops_listening = kSecond;
    s.expiries = 1;
    s.most_in_flight = 1;
  });
  add("silence", [](ExploreScenario& s) {
    s.writes = {0, 1};
    s.expiries = 3;
    s.most_in_flight = 1;
    s.set = {"tcp_retries2=0", "tcp_early_retrans=0"};
  });
  add("silence after OPENs that crossed", [](ExploreScenario& s) {
    s.listens = {};
    s.opens = {1, 1};
    s.expiries = 3;
    s.most_in_flight = 1;
    s.set = {"tcp_retries2=0", "tcp_early_retrans=0"};
  });
  add("forged segments", [](ExploreScenario& s) {
    s.writes = {1, 0};
    s.forgeries = 1;
  });
  add("forged segments and RFC 1337", [](ExploreScenario& s) {
    s.duplicates = 1;
    s.forgeries = 1;
    s.set = {"tcp_rfc1337=1"};
  });
  return all;
}

std::vector<ExploreScenario> make_scenarios() {
  std::vector<ExploreScenario> all = wide_scenarios();
  for (ExploreScenario& scenario : deep_scenarios()) all.push_back(std::move(scenario));
  return all;
}

constexpr Unreachable kUnreachable[] = {
    {{State::listen, State::syn_sent, Cause::active_open},
     "a listener has no door for an active OPEN (RFC 9293, 3.10.1 allows it; no socket does)"},
    {{State::listen, State::closed, Cause::abort_call},
     "a listener is closed in one way, which counts as CLOSE"},
    {{State::listen, State::closed, Cause::delete_tcb}, "only with its host"},
    {{State::syn_received, State::fin_wait_1, Cause::close_call},
     "CLOSE waits for the handshake (3.10.4 leaves the choice) and leaves from ESTABLISHED"},
    {{State::syn_received, State::close_wait, Cause::fin_received},
     "the ACK that a FIN carries makes it ESTABLISHED first (3.10.7.4, fifth and eighth)"},
    {{State::fin_wait_1, State::time_wait, Cause::fin_and_ack_of_fin},
     "the ACK is looked at first, so FIN-WAIT-2 lies between, without anything sent there"},
    {{State::time_wait, State::closed, Cause::abort_call},
     "ABORT in TIME-WAIT, whose connection is nobody's any more, leaves the wait as it is"},
};

}  // namespace

std::span<const ExploreScenario> explore_scenarios() {
  static const std::vector<ExploreScenario> all = make_scenarios();
  return all;
}

std::span<const Unreachable> unreachable_transitions() {
  return kUnreachable;
}

}  // namespace tuntcp::sim
