#include "stack/sim/wraps.h"

#include <optional>

#include "stack/base/bytes.h"
#include "stack/sim/scenario.h"
#include "stack/sim/world.h"
#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"
#include "stack/wire/tcp_options.h"

namespace tuntcp::sim {
namespace {

struct Numbers {
  std::uint32_t iss = 0;
  std::optional<std::uint32_t> timestamp;
};

// What an end says in its SYN when it is opened at `at`.
Numbers numbers_at(const Scenario& scenario, std::size_t connection, std::size_t end, Instant at) {
  WorldConfig config = scenario.world;
  config.start = at;
  config.batch = Duration::zero();
  config.device_is_full = config.device_is_down = 0;
  World world(config);
  Numbers numbers;
  bool is_found = false;
  world.on_packet = [&](const PacketNews& news) {
    if (is_found) return;
    const auto ip = wire::parse_ip(news.octets, true);
    const Bytes segment = news.octets.subspan(ip->header_octets);
    const auto tcp = wire::parse_tcp(segment);
    numbers.iss = tcp->seq.value();
    const wire::TcpOptions options = wire::parse_options(
        segment.subspan(wire::kTcpHeaderOctets, tcp->header_octets - wire::kTcpHeaderOctets));
    if (options.timestamps) numbers.timestamp = options.timestamps->value;
    is_found = true;
  };
  const HostIndex host = scenario.connections[connection].ends[end].host;
  static_cast<void>(world.host(host).open(scenario.remote(connection, end),
                                          {.local = scenario.local(connection, end), .socket = {}},
                                          at));
  world.run(at);
  return numbers;
}

}  // namespace

Instant start_before_a_wrap(const Scenario& scenario, Dice& dice) {
  const auto connection = dice.below(static_cast<std::uint32_t>(scenario.connections.size()));
  const std::uint32_t end = dice.below(2);
  const Duration opened_after = scenario.connections[connection].opened_after;
  const std::uint32_t wrap = dice.chance(0.5) ? 0 : 0x8000'0000U;
  // Any time will do for a question; one before the answer keeps the arithmetic simple.
  const Instant asked = Instant::from_ns(10'000'000'000);
  const Numbers then = numbers_at(scenario, connection, end, asked);
  Duration later;
  if (then.timestamp && dice.chance(0.5)) {
    // It counts milliseconds.
    const std::uint32_t wanted = wrap - dice.below(3'000);
    later = Duration::milliseconds(wanted - *then.timestamp);
  } else {
    // It counts every 4 us. The wrap comes within the text, or in the handshake.
    const std::uint32_t wanted = wrap - dice.below(dice.one_of({4U, 2'000U, 100'000U}));
    later = Duration::microseconds(std::int64_t{4} * (wanted - then.iss));
  }
  return asked + later - opened_after;
}

}  // namespace tuntcp::sim
