#include "stack/sim/trial.h"

#include <algorithm>
#include <utility>

#include "stack/sim/status_check.h"
#include "stack/sim/transcript.h"

namespace tuntcp::sim {
namespace {

// Longer than everything that gives up by itself, one after the other.
constexpr Duration kLongest = Duration::seconds(6 * 3600);

std::uint64_t cookie_of(std::size_t index, std::size_t end) {
  return 2 * index + end + 1;
}

}  // namespace

Trial::Trial(const Scenario& scenario)
    : scenario_(scenario), world_(scenario.world), revenants_(world_.host_count()) {
  for (const Scenario::Path& path : scenario.paths) {
    world_.link(path.from, path.to).settings() = path.settings;
  }
  for (std::size_t i = 0; i < scenario.connections.size(); ++i) {
    Connection connection;
    for (std::size_t end : {0U, 1U}) {
      connection.streams[end] = std::make_unique<Stream>(cookie_of(i, end), world_.faults());
    }
    connections_.push_back(std::move(connection));
  }
  world_.on_event = [this](HostIndex host, const Event& event) { on_event(host, event); };
}

void Trial::expect(bool holds, std::string_view what, const Application* end,
                   const Application* peer) {
  if (holds) return;
  std::string text(what);
  if (end != nullptr) text += ": " + end->describe();
  if (peer != nullptr) text += ", its peer is " + peer->describe();
  world_.faults().add(std::move(text));
}

void Trial::listen() {
  for (HostIndex host = 0; host < world_.host_count(); ++host) {
    const Endpoint everywhere{.address = IpAddress::any(Family::ipv6), .port = kListeningPort};
    const auto listener = world_.host(host).listen(everywhere, {.backlog = scenario_.backlog},
                                                   scenario_.connections[0].ends[host % 2].options);
    expect(listener.has_value(), "a host cannot listen", nullptr);
  }
}

Application* Trial::add(std::size_t index, std::size_t end, ConnectionId id) {
  Connection& connection = connections_[index];
  const Scenario::End& script = scenario_.connections[index].ends[end];
  if (connection.ends[end] != nullptr) {
    // The price of SYN cookies (RFC 4987, 3.6): nothing is remembered of a connection that is over,
    // so an old ACK that brings its cookie back opens it again, at most once for each it counted.
    Host& host = world_.host(script.host);
    ++revenants_[script.host];
    expect(revenants_[script.host] <= host.mib()[Counter::syncookies_recv],
           "the same connection came twice", connection.ends[end].get());
    static_cast<void>(host.abort(id, world_.now()));
    host.release(id, world_.now());
    return nullptr;
  }
  connection.ends[end] = std::make_unique<Application>(
      world_, Application::Place{.host = script.host, .id = id}, script.habits,
      *connection.streams[end], *connection.streams[1 - end],
      scenario_.world.seed * 1000 + cookie_of(index, end));
  world_.host(script.host).set_cookie(id, cookie_of(index, end));
  return connection.ends[end].get();
}

void Trial::open(std::size_t index, std::size_t end) {
  const Scenario::End& script = scenario_.connections[index].ends[end];
  world_.note(script.host, "opens connection " + std::to_string(index));
  const auto id =
      world_.host(script.host)
          .open(scenario_.remote(index, end),
                {.local = scenario_.local(index, end), .socket = script.options}, world_.now());
  if (!id) return expect(false, std::string("OPEN fails: ") + to_string(id.error()), nullptr);
  if (Application* const opener = add(index, end, *id)) opener->opened();
}

void Trial::accept(HostIndex host, ListenerId listener) {
  while (const auto id = world_.host(host).accept(listener)) {
    const auto status = world_.host(host).status(*id, world_.now());
    const std::size_t index = (status->tuple.remote.port - 20'000U) / 2;
    if (index >= connections_.size()) return expect(false, "a stranger connects", nullptr);
    world_.note(host, "accepts connection " + std::to_string(index));
    if (Application* const end = add(index, 1, *id)) end->start();
  }
}

void Trial::on_event(HostIndex host, const Event& event) {
  if (event.is_listener) {
    const ListenerId listener = event.listener;
    world_.at(world_.now() + scenario_.accept_delay,
              [this, host, listener] { accept(host, listener); });
    return;
  }
  if (event.cookie == 0) return;
  const std::size_t number = event.cookie - 1;
  if (auto& end = connections_[number / 2].ends[number % 2]) end->on_event(event);
}

void Trial::look_at_statuses() {
  for (HostIndex host = 0; host < world_.host_count(); ++host) {
    for (const Status& status : world_.host(host).list(world_.now())) {
      const char* const nonsense = nonsense_in(status);
      if (nonsense == nullptr) continue;
      expect(false, "STATUS of " + status.tuple.local.to_string() + " shows " + nonsense, nullptr);
    }
  }
}

// Ends that wait for a peer which left without their noticing (its RST was lost, or the path was
// cut) wait for ever, as without keep-alive they must. They may do so only then. (Where something
// is in the way for good, even a peer that closed and was released in good order may have given
// up.)
bool Trial::gives_up_on_the_forgotten() {
  bool any = false;
  for (Connection& connection : connections_) {
    for (const std::size_t i : {0U, 1U}) {
      Application* const end = connection.ends[i].get();
      const Application* const peer = connection.ends[1 - i].get();
      if (end == nullptr || end->is_gone()) continue;
      const bool peer_is_lost =
          !scenario_.must_succeed || peer == nullptr || peer->was_cut_short() || peer->error();
      expect(peer_is_lost, "nothing will ever happen again", end, peer);
      end->give_up();
      any = true;
    }
  }
  return any;
}

void Trial::judge(std::size_t index) {
  const Scenario::Connection& script = scenario_.connections[index];
  const bool must_succeed = scenario_.must_succeed && script.ends[0].habits.is_graceful() &&
                            script.ends[1].habits.is_graceful();
  for (const std::size_t i : {0U, 1U}) {
    const Application* const end = connections_[index].ends[i].get();
    const Application* const peer = connections_[index].ends[1 - i].get();
    if (end == nullptr) {
      expect(!must_succeed, "a connection never came", peer);
      continue;
    }
    expect(end->is_gone(), "an application is still there", end, peer);
    expect(end->saw_end() || end->error() || end->was_cut_short(), "neither whole nor told why not",
           end, peer);
    expect(!end->saw_end() || (peer != nullptr && end->read() == peer->written()),
           "the end came before all octets", end, peer);
    if (!must_succeed) continue;
    const std::uint64_t octets = script.ends[i].habits.octets;
    // The price of a short TIME-WAIT (RFC 9293, 3.6.1): it may be over when the FIN is repeated
    // once more because its ACKs were lost, and a RST answers. The octets are all there.
    const bool is_forgotten =
        peer != nullptr && end->error() == Error::connection_reset && end->written() == octets &&
        peer->saw_end() && peer->read() == octets &&
        world_.host(script.ends[1 - i].host).sysctl().tcp_time_wait_ms < 60'000;
    expect(is_forgotten || (!end->error() && end->saw_end() && end->written() == octets),
           "not whole although it could be", end, peer);
  }
}

void Trial::schedule() {
  const Instant start = world_.start();
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    const Scenario::Connection& script = scenario_.connections[i];
    for (const std::size_t end : {0U, 1U}) {
      if (end == 1 && !script.is_simultaneous) continue;
      world_.at(start + script.opened_after, [this, i, end] { open(i, end); });
    }
  }
  if (scenario_.later_mtu) {
    world_.at(start + Duration::milliseconds(700), [this] {
      wire::LinkCapabilities link = world_.host(0).link();
      link.mtu = std::min(link.mtu, *scenario_.later_mtu);
      world_.set_capabilities(0, link);
    });
  }
  for (int look = 1; look <= 40; ++look) {
    world_.at(start + Duration::milliseconds(50 * look), [this] { look_at_statuses(); });
  }
}

void Trial::run() {
  listen();
  schedule();
  const Instant limit = world_.start() + kLongest;
  bool is_over = world_.run(limit);
  if (is_over && gives_up_on_the_forgotten()) is_over = world_.run(limit);
  if (!world_.faults().is_empty()) return;
  expect(is_over, "it never ends", nullptr);
  for (std::size_t i = 0; i < connections_.size(); ++i) judge(i);
  world_.check_nothing_is_left();
  world_.check_wakeups();
}

std::vector<std::string> faults_of_seed(std::uint64_t seed) {
  const Scenario scenario = draw_scenario(seed);
  Trial trial(scenario);
  trial.run();
  return trial.world().faults().texts();
}

std::string report_on_seed(std::uint64_t seed, std::size_t most_lines) {
  const Scenario scenario = draw_scenario(seed);
  Trial trial(scenario);
  const Transcript transcript(trial.world(), most_lines);
  trial.run();
  std::string text = transcript.text();
  for (const std::string& fault : trial.world().faults().texts()) text += "fault: " + fault + "\n";
  return text + "replay with: " + replay_command(seed) + "\n";
}

std::string replay_command(std::uint64_t seed) {
  return "tuntcp sim replay --seed " + std::to_string(seed);
}

}  // namespace tuntcp::sim
