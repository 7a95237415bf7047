// The table of connections at 1,000 and 100,000 entries: what finding one costs per segment.
#include "stack/host/demux.h"

#include <algorithm>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

namespace tuntcp {
namespace {

FourTuple tuple(std::uint32_t n) {
  return {.local = {.address = IpAddress::v4(0xC6336401), .port = 80},
          .remote = {.address = IpAddress::v4(0xCB007100 + n / 50000),
                     .port = static_cast<Port>(1024 + n % 50000)}};
}

// Stands for a Tcb: far larger than a cache line, with its tuple in one of its lines.
struct alignas(512) Object {
  FourTuple tuple;
};

struct World {
  explicit World(std::uint32_t count) : objects(count), order(count) {
    for (std::uint32_t n = 0; n < count; ++n) {
      objects[n].tuple = tuple(n);
      demux.insert(objects[n].tuple, {.kind = Demux::Kind::tcb, .index = n});
      order[n] = n;
    }
    std::shuffle(order.begin(), order.end(), std::mt19937(1));
  }
  auto matches() const {
    return [this](Demux::Entry e, const FourTuple& t) { return objects[e.index].tuple == t; };
  }
  // The segments of a real host name connections in no order; what they say comes from a packet.
  FourTuple next() {
    at = at + 1 == order.size() ? 0 : at + 1;
    return tuple(order[at]);
  }

  Demux demux{SipKey{.k0 = 1, .k1 = 2}};
  std::vector<Object> objects;
  std::vector<std::uint32_t> order;
  std::size_t at = 0;
};

void find_hit(benchmark::State& state) {
  World world(static_cast<std::uint32_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(world.demux.find(world.next(), world.matches()));
  }
}
BENCHMARK(find_hit)->Name("Demux/find")->Arg(1'000)->Arg(100'000);

// A SYN, or a segment of a connection that is gone.
void find_miss(benchmark::State& state) {
  World world(static_cast<std::uint32_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(world.demux.find(world.next().reversed(), world.matches()));
  }
}
BENCHMARK(find_miss)->Name("Demux/find_nothing")->Arg(1'000)->Arg(100'000);

// A connection comes and goes.
void insert_erase(benchmark::State& state) {
  World world(static_cast<std::uint32_t>(state.range(0)));
  const Demux::Entry entry{.kind = Demux::Kind::half_open, .index = 0};
  for (auto _ : state) {
    const FourTuple stranger = world.next().reversed();
    world.demux.insert(stranger, entry);
    world.demux.erase(stranger, entry);
  }
}
BENCHMARK(insert_erase)->Name("Demux/insert_and_erase")->Arg(1'000)->Arg(100'000);

}  // namespace
}  // namespace tuntcp
