// What the buffers and the timer wheel cost. At 40 Gbit/s a packet of 64 KB passes every 13 us.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "stack/base/random.h"
#include "stack/base/timer_wheel.h"
#include "stack/buffer/reassembly.h"
#include "stack/buffer/receive_buffer.h"
#include "stack/buffer/send_buffer.h"

namespace tuntcp::buffer {
namespace {

constexpr std::uint32_t kBlock = 512 * 1024;
constexpr std::uint32_t kPacket = 65'600;
constexpr std::size_t kLimit = std::size_t{1} << 30;

void count_octets(benchmark::State& state, std::int64_t octets_each) {
  state.SetBytesProcessed(state.iterations() * octets_each);
}

// A packet arrives, is queued and read: without the reading, which is a memcpy, and with it.
void receive_cycle(benchmark::State& state) {
  const auto octets = static_cast<std::uint32_t>(state.range(0));
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;
  for (auto _ : state) {
    benchmark::DoNotOptimize(arena.reserve().data());
    buffer.push(arena.commit(octets, 64));
    benchmark::DoNotOptimize(buffer.front().data());
    buffer.consume(octets);
  }
  count_octets(state, octets);
}
BENCHMARK(receive_cycle)->Arg(100)->Arg(1'448)->Arg(65'000);

void receive_and_read(benchmark::State& state) {
  const auto octets = static_cast<std::uint32_t>(state.range(0));
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;
  std::vector<std::uint8_t> application(octets);
  for (auto _ : state) {
    benchmark::DoNotOptimize(arena.reserve().data());
    buffer.push(arena.commit(octets, 64));
    benchmark::DoNotOptimize(buffer.read(application));
  }
  count_octets(state, octets);
}
BENCHMARK(receive_and_read)->Arg(100)->Arg(1'448)->Arg(65'000);

// The reader is `behind` octets behind: the more, the colder the memory.
void receive_behind(benchmark::State& state) {
  constexpr std::uint32_t kOctets = 65'000;
  const auto behind = static_cast<std::uint32_t>(state.range(0));
  Arena arena(kBlock, kPacket, kLimit);
  ReceiveBuffer buffer;
  std::vector<std::uint8_t> wire(kOctets, 1);
  std::vector<std::uint8_t> application(kOctets);
  for (auto _ : state) {
    std::memcpy(arena.reserve().data() + 64, wire.data(), kOctets);  // what the device's read does
    buffer.push(arena.commit(kOctets, 64));
    if (buffer.readable() > behind) benchmark::DoNotOptimize(buffer.read(application));
  }
  count_octets(state, kOctets);
}
BENCHMARK(receive_behind)->Arg(0)->Arg(1 << 20)->Arg(8 << 20)->Arg(64 << 20);

// A hole, `held` segments behind it, and what fills it.
void reassemble(benchmark::State& state) {
  const auto octets = static_cast<std::uint32_t>(state.range(0));
  const auto held = static_cast<std::uint32_t>(state.range(1));
  Arena arena(kBlock, kPacket, kLimit);
  Reassembly reassembly;
  SeqNum rcv_nxt(0);
  for (auto _ : state) {
    rcv_nxt += octets;
    for (std::uint32_t i = 0; i < held; ++i) {
      arena.reserve();
      reassembly.insert(rcv_nxt + i * octets, arena.commit(octets, 64));
    }
    while (auto piece = reassembly.take(rcv_nxt)) rcv_nxt += piece->size();
  }
  state.SetItemsProcessed(state.iterations() * held);
}
BENCHMARK(reassemble)->Args({1'448, 64})->Args({65'000, 64});

// A peer that left so many holes goes over them once more, in an order that no cache likes.
void reassemble_among_holes(benchmark::State& state) {
  const auto holes = static_cast<std::uint32_t>(state.range(0));
  Arena arena(kBlock, kPacket, kLimit);
  Reassembly reassembly;
  arena.reserve();
  const Slice octet = arena.commit(1, 64);
  for (std::uint32_t i = 0; i < holes; ++i) reassembly.insert(SeqNum(1'000 + 2 * i), octet);
  std::uint32_t place = 0;
  for (auto _ : state) {
    place = (place + 7'919) % holes;
    benchmark::DoNotOptimize(reassembly.insert(SeqNum(1'000 + 2 * place), octet));
  }
}
BENCHMARK(reassemble_among_holes)->Arg(10)->Arg(1'000)->Arg(10'000);

// The application writes 64 KB, it is sent, and acknowledged once `in_flight` octets are.
void send_cycle(benchmark::State& state) {
  constexpr std::uint32_t kOctets = 64'000;
  const auto in_flight = static_cast<std::uint32_t>(state.range(0));
  ChunkPool pool(kLimit);
  SendBuffer buffer;
  buffer.use(pool);
  const std::vector<std::uint8_t> application(kOctets, 1);
  std::array<Bytes, SendBuffer::kMaxPieces> pieces;
  for (auto _ : state) {
    buffer.append(application);
    benchmark::DoNotOptimize(buffer.view({buffer.end() - kOctets, buffer.end()}, pieces));
    if (buffer.size() > in_flight) buffer.discard(buffer.begin() + kOctets);
  }
  buffer.clear();
  count_octets(state, kOctets);
}
BENCHMARK(send_cycle)->Arg(0)->Arg(256 << 10)->Arg(4 << 20)->Arg(64 << 20);

// With `in_flight` octets held: what was never sent is shown in turn, or, retransmitting, what lies
// in the middle while new octets go on at the end.
void view_forward(benchmark::State& state) {
  constexpr std::uint32_t kOctets = 64'000;
  const auto in_flight = static_cast<std::uint32_t>(state.range(0));
  const bool is_retransmitting = state.range(1) != 0;
  ChunkPool pool(kLimit);
  SendBuffer buffer;
  buffer.use(pool);
  const std::vector<std::uint8_t> application(in_flight, 1);
  std::array<Bytes, SendBuffer::kMaxPieces> pieces;
  std::uint32_t sent = in_flight;
  for (auto _ : state) {
    if (sent + kOctets > in_flight) {
      state.PauseTiming();
      buffer.clear();
      buffer.append(application);
      sent = 0;
      state.ResumeTiming();
    }
    const auto show = [&](std::uint32_t offset, std::uint32_t octets) {
      const SeqNum at = buffer.begin() + offset;
      benchmark::DoNotOptimize(buffer.view({at, at + octets}, pieces));
    };
    show(sent, kOctets);
    if (is_retransmitting) show(sent / 2, 1'448);
    sent += kOctets;
  }
  buffer.clear();
}
BENCHMARK(view_forward)->ArgsProduct({{4 << 20, 64 << 20}, {0, 1}});

// `armed` timers between 0 and 200 ms; each step arms one again.
void wheel_schedule(benchmark::State& state) {
  SeededRandom random(1);
  TimerWheel wheel;
  std::vector<TimerNode> nodes(static_cast<std::size_t>(state.range(0)));
  std::vector<Instant> times;
  for (int i = 0; i < 4'096; ++i) {
    times.push_back(Instant::from_ns(static_cast<std::int64_t>(random.next() % 200'000'000)));
  }
  for (auto& node : nodes) wheel.schedule(node, times[random.next() % times.size()]);
  std::size_t step = 0;
  for (auto _ : state) {
    wheel.schedule(nodes[step % nodes.size()], times[step % times.size()]);
    ++step;
  }
}
BENCHMARK(wheel_schedule)->Arg(100)->Arg(100'000);

void wheel_schedule_and_cancel(benchmark::State& state) {
  TimerWheel wheel;
  TimerNode other;
  TimerNode node;
  wheel.schedule(other, Instant::from_ns(100));
  for (auto _ : state) {
    wheel.schedule(node, Instant::from_ns(200'000'000));
    wheel.cancel(node);
  }
}
BENCHMARK(wheel_schedule_and_cancel);

// What a driver does most often: asks, and nothing is due.
void wheel_nothing_due(benchmark::State& state) {
  TimerWheel wheel;
  TimerNode node;
  wheel.schedule(node, Instant::from_ns(200'000'000));
  for (auto _ : state) {
    benchmark::DoNotOptimize(wheel.pop_due(Instant::from_ns(100)));
    benchmark::DoNotOptimize(wheel.next_deadline());
  }
}
BENCHMARK(wheel_nothing_due);

// The whole life of an entry: `armed` timers, each armed again up to 200 ms ahead when it expires,
// and a driver that sleeps until the next deadline.
void wheel_expire_and_arm_again(benchmark::State& state) {
  SeededRandom random(1);
  TimerWheel wheel;
  std::vector<TimerNode> nodes(static_cast<std::size_t>(state.range(0)));
  const auto later = [&](Instant from) {
    return from + Duration::nanoseconds(static_cast<std::int64_t>(random.next() % 200'000'000));
  };
  Instant now = Instant::from_ns(1'000'000'000'000);
  for (auto& node : nodes) wheel.schedule(node, later(now));
  std::int64_t wakes = 0;
  for (auto _ : state) {
    TimerNode* due = wheel.pop_due(now);
    while (due == nullptr) {
      now = std::max(now, wheel.next_deadline());
      ++wakes;
      due = wheel.pop_due(now);
    }
    wheel.schedule(*due, later(now));
  }
  state.counters["wakes"] =
      benchmark::Counter(static_cast<double>(wakes), benchmark::Counter::kAvgIterations);
}
BENCHMARK(wheel_expire_and_arm_again)->Arg(1)->Arg(1'000)->Arg(100'000);

}  // namespace
}  // namespace tuntcp::buffer
