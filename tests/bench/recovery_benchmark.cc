// What an ACK costs the sender while its window is full of holes: every second segment is SACKed,
// as after heavy loss or for a peer that attacks (CVE-2019-11477..79). With 10, 1,000 and 10,000
// holes.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <span>

#include "stack/base/random.h"
#include "stack/tcp/recovery/recovery.h"

namespace tuntcp::tcp::recovery {
namespace {

constexpr std::uint32_t kMss = 1'000;
constexpr std::uint32_t kMany = 10'000;

class Holes {
 public:
  explicit Holes(std::uint32_t holes) : first_(0), next_(0) {
    recovery_.start(pool_, 3);
    while (next_ < 2 * holes) send_two_and_sack_the_second();
  }
  // One more hole behind the others.
  void send_two_and_sack_the_second() {
    for (int i = 0; i < 2; ++i) {
      now_ += 1_us;
      recovery_.on_sent({.range = segments(next_, 1), .mss = kMss, .segments = 1, .now = now_});
      ++next_;
    }
    const std::array block{segments(next_ - 1, 1)};
    ack(block);
  }
  // The first hole and what is SACKed behind it are acknowledged.
  void acknowledge_first() {
    first_ += 2;
    ack({});
  }
  void ack(std::span<const SeqRange> blocks) {
    now_ += 1_us;
    AckFacts facts;
    facts.now = now_;
    facts.ack = SeqNum(first_ * kMss);
    facts.snd_nxt = SeqNum(next_ * kMss);
    facts.path = {.min_rtt = 20_ms, .srtt = 20_ms, .mss = kMss, .has_sack = true};
    facts.sack = blocks;
    facts.max_wnd = 1U << 30;
    benchmark::DoNotOptimize(recovery_.on_ack(facts));
  }
  SeqRange segments(std::uint32_t from, std::uint32_t count) const {
    return {SeqNum(from * kMss), SeqNum((from + count) * kMss)};
  }

 private:
  TransmissionPool pool_{4 * kMany};
  Recovery recovery_;
  Instant now_ = Instant() + 1_s;
  std::uint32_t first_;
  std::uint32_t next_;
};

// One hole closes in front and one opens behind: two ACKs.
void holes_pass_by(benchmark::State& state) {
  Holes holes(static_cast<std::uint32_t>(state.range(0)));
  for (auto _ : state) {
    holes.send_two_and_sack_the_second();
    holes.acknowledge_first();
  }
}
BENCHMARK(holes_pass_by)->Arg(10)->Arg(1'000)->Arg(kMany);

// ACKs of four blocks, each at a hole that is chosen at random.
template <class BlockAt>
void send_four_blocks(benchmark::State& state, BlockAt block_at) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  Holes holes(count);
  SeededRandom dice(2018);
  for (auto _ : state) {
    std::array<SeqRange, 4> blocks;
    for (SeqRange& block : blocks) {
      block = block_at(holes, static_cast<std::uint32_t>(dice.next() % count));
    }
    holes.ack(blocks);
  }
}

// They say nothing new: each is of octets that are SACKed already.
void blocks_again(benchmark::State& state) {
  send_four_blocks(state, [](const Holes& holes, std::uint32_t hole) {
    return holes.segments(2 * hole + 1, 1);
  });
}
BENCHMARK(blocks_again)->Arg(10)->Arg(1'000)->Arg(kMany);

// They are of single octets in the holes: no whole segment is inside.
void crumbs(benchmark::State& state) {
  send_four_blocks(state, [](const Holes& holes, std::uint32_t hole) {
    const SeqNum at = holes.segments(2 * hole, 1).begin + 500;
    return SeqRange{at, at + 1};
  });
}
BENCHMARK(crumbs)->Arg(10)->Arg(1'000)->Arg(kMany);

}  // namespace
}  // namespace tuntcp::tcp::recovery
