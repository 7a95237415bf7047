// Receive buffers that grow with the path (Linux's dynamic right-sizing, tcp_moderate_rcvbuf): a
// sender is held back by its congestion window and by the path, not by the window we offer (RFC
// 7323, 1.1). What is compared is the same sender at a receiver whose window has no end.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

constexpr std::uint32_t kMss = 1'448;

struct Path {
  std::uint32_t mbit;
  Duration rtt;
  bool has_timestamps;
};
void PrintTo(const Path& path, std::ostream* out) {
  *out << path.mbit << " Mbit/s, " << path.rtt.count_ms() << " ms";
}

// A sender in slow start, up to twice what the path holds, that sends no faster than the path.
class Sender {
 public:
  explicit Sender(const Path& path)
      : path_(path),
        step_(path.rtt / 20),
        octets_a_step_(path.mbit * static_cast<std::uint64_t>(step_.count_ns()) / 8'000) {}

  // What may leave in this step, and does.
  std::uint64_t leave(std::uint64_t edge) {
    const std::uint64_t in_flight = sent_ - acked_;
    const std::uint64_t window = edge > sent_ ? edge - sent_ : 0;
    const std::uint64_t path = std::min(cwnd_ - std::min(cwnd_, in_flight), octets_a_step_ + rest_);
    // What the path could have carried is lost if it was not used.
    std::uint64_t octets = std::min(path, window);
    octets -= octets % kMss;
    rest_ = octets + kMss > path ? path - std::min(path, octets) : 0;
    sent_ += octets;
    return octets;
  }
  void on_ack(std::uint64_t acked) {
    if (acked <= acked_) return;
    const std::uint64_t most = 40 * octets_a_step_ + 10 * kMss;
    cwnd_ = std::min(cwnd_ + (acked - acked_), most);
    acked_ = acked;
  }
  Duration step() const { return step_; }
  std::uint64_t sent() const { return sent_; }

 private:
  Path path_;
  Duration step_;
  std::uint64_t octets_a_step_;
  std::uint64_t rest_ = 0;
  std::uint64_t cwnd_ = 10 * kMss;
  std::uint64_t sent_ = 0;
  std::uint64_t acked_ = 0;
};

struct Progress {
  std::uint64_t all = 0;
  std::uint64_t last = 0;  // of the last three round trips
};

// What leaves within `steps` if nothing but the path and slow start bound it.
Progress sent_without_a_window(const Path& path, int steps) {
  Sender sender(path);
  std::deque<std::uint64_t> acks;
  std::uint64_t before = 0;
  for (int i = 0; i < steps; ++i) {
    if (i >= 20) sender.on_ack(acks[static_cast<std::size_t>(i) - 20]);
    sender.leave(~std::uint64_t{0});
    acks.push_back(sender.sent());
    if (i == steps - 60) before = sender.sent();
  }
  return {.all = sender.sent(), .last = sender.sent() - before};
}

// The same, against the host: its application reads all at once.
Progress sent_to_the_host(const Path& path, int steps) {
  DrillOptions options{.link = {.mtu = 1'500, .checksum = true, .gso_max_octets = 65'535},
                       .rtt = path.rtt,
                       .mss = 1'460,
                       .wscale = 10,
                       .sack = true};
  if (path.has_timestamps) options.ts = 1;
  Drill d = Drill::established(options);
  Sender sender(path);
  struct Ack {
    std::uint64_t acked;
    std::uint64_t edge;
    std::uint32_t tsval;
  };
  Ack known{.acked = 0, .edge = 64'240, .tsval = 0};
  std::deque<std::vector<Ack>> acks;      // of each step
  std::deque<std::vector<Seg>> segments;  // on their way, of each step
  std::uint64_t next = 0;
  std::uint64_t before = 0;
  for (int i = 0; i < steps; ++i) {
    d.advance(sender.step());
    if (i >= 20) {
      for (const Ack& ack : acks.front()) {
        sender.on_ack(ack.acked);
        known = ack;
      }
      acks.pop_front();
    }
    segments.emplace_back();
    for (std::uint64_t octets = sender.leave(known.edge); octets != 0;) {
      const auto len = static_cast<std::uint32_t>(std::min<std::uint64_t>(octets, 44 * kMss));
      Seg seg = data({.seq = static_cast<std::int64_t>(next) + 1, .len = len});
      if (len > kMss) seg.gso_size = kMss;
      if (path.has_timestamps && known.tsval != 0) {
        seg.ts = {.value = static_cast<std::uint32_t>(1'000 + i), .echo = known.tsval};
      }
      segments.back().push_back(seg);
      next += len;
      octets -= len;
    }
    // Half a round trip there, and half of one back: 20 steps in all.
    acks.emplace_back();
    d.peer_sends_at_once(segments.back());
    segments.pop_front();
    static_cast<void>(d.receive());
    for (const Sent& sent : d.sent()) {
      acks.back().push_back(
          {.acked = static_cast<std::uint64_t>(sent.ack) - 1,
           .edge = static_cast<std::uint64_t>(sent.ack) - 1 + (std::uint64_t{sent.window} << 10),
           .tsval = sent.options.timestamps ? sent.options.timestamps->value : 0});
    }
    if (i == steps - 60) before = sender.sent();
  }
  return {.all = sender.sent(), .last = sender.sent() - before};
}

class WindowTuning : public testing::TestWithParam<Path> {};

TEST_P(WindowTuning, DoesNotHoldASenderBack) {
  // Until the path is full, and five round trips more.
  const Path& path = GetParam();
  const std::uint64_t bdp = path.mbit * static_cast<std::uint64_t>(path.rtt.count_us()) / 8;
  int rounds = 5;
  for (std::uint64_t cwnd = 10 * kMss; cwnd < bdp; cwnd *= 2) ++rounds;
  const Progress most = sent_without_a_window(path, 20 * rounds);
  const Progress sent = sent_to_the_host(path, 20 * rounds);
  // In slow start the buffer follows a round trip late; a full path stays full.
  EXPECT_GE(100 * sent.all, 90 * most.all);
  EXPECT_GE(100 * sent.last, 99 * most.last);
}

INSTANTIATE_TEST_SUITE_P(Paths, WindowTuning,
                         testing::Values(Path{10, 2_ms, true}, Path{10, 20_ms, true},
                                         Path{10, 100_ms, true}, Path{100, 2_ms, true},
                                         Path{100, 20_ms, true}, Path{100, 100_ms, true},
                                         Path{1000, 2_ms, true}, Path{1000, 20_ms, true},
                                         Path{1000, 100_ms, true}, Path{10, 100_ms, false},
                                         Path{100, 20_ms, false}, Path{1000, 20_ms, false}));

}  // namespace
}  // namespace tuntcp::test
