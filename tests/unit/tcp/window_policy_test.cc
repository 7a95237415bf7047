// The window that is offered: RFC 9293, 3.8.6, SHLD-14 (it never shrinks) and 3.8.6.2.2, MUST-39
// (it never opens by a silly little).
#include "stack/tcp/window_policy.h"

#include <vector>

#include <gtest/gtest.h>

#include "stack/buffer/arena.h"
#include "tests/support/dice.h"
#include "tests/support/seeds.h"

namespace tuntcp::tcp {
namespace {

TEST(WindowPolicy, ShiftsAsFarAsTheLargestBufferNeeds) {
  Sysctl knobs;
  const auto shift = [&](std::uint32_t most) {
    knobs.tcp_rmem[2] = most;
    return window_shift(knobs);
  };
  EXPECT_EQ(shift(65'535), 0);
  EXPECT_EQ(shift(65'536), 1);
  EXPECT_EQ(shift(6'291'456), 7);
  EXPECT_EQ(shift(33'554'432), 10);
  EXPECT_EQ(shift(0xffff'ffff), 14) << "RFC 7323, 2.3";
  // SO_RCVBUF and TCP_WINDOW_CLAMP before the handshake, as the kernel does (measured).
  knobs.tcp_rmem[2] = 6'291'456;
  EXPECT_EQ(window_shift(knobs, 131'072), 1) << "half of the memory is for the window";
  EXPECT_EQ(window_shift(knobs, 131'070), 0);
  EXPECT_EQ(window_shift(knobs, 0, 65'535), 0);
  EXPECT_EQ(window_shift(knobs, 0, 131'072), 2);
  EXPECT_EQ(window_shift(knobs, 65'536, 131'072), 0);
}

// RFC 7323, 2.2: the window of a SYN is not scaled.
TEST(WindowPolicy, OffersWholeSegmentsOnASyn) {
  EXPECT_EQ(initial_window(131'072, 1460), 64'240);  // as the kernel does (measured)
  EXPECT_EQ(initial_window(131'072, 65'495), 65'495);
  EXPECT_EQ(initial_window(33'554'432, 1460), 64'240);
  EXPECT_EQ(initial_window(2304, 1460), 1152) << "a buffer smaller than a segment";
  // TCP_WINDOW_CLAMP, as the kernel does (measured).
  EXPECT_EQ(initial_window(131'072, 1460, 5'000), 4'380);
  EXPECT_EQ(initial_window(131'072, 65'495, 5'000), 5'000);
  EXPECT_EQ(initial_window(131'072, 1460, 1'152), 1'152);
}

TEST(WindowPolicy, RoundsTheFieldUp) {
  EXPECT_EQ(window_field(0, 10), 0);
  EXPECT_EQ(window_field(1, 10), 1);
  EXPECT_EQ(window_field(1024, 10), 1);
  EXPECT_EQ(window_field(1025, 10), 2);
  EXPECT_EQ(window_field(65'535, 0), 65'535);
  EXPECT_EQ(window_field(65'536, 0), 65'535) << "no more than the field holds";
  EXPECT_EQ(window_field(0xffff'ffff, 14), 65'535);
}

// A receiver whose peer and application do anything: fill, read, overtake, change the knobs.
class Receiver {
 public:
  explicit Receiver(std::uint64_t seed)
      : dice_(seed), random_(seed), shared_(draw(), 1 << 20, random_), tcb_(shared_) {
    tcb_.tuple = {.local = {IpAddress::v4(0xC6336401), 1},
                  .remote = {IpAddress::v4(0xC6336402), 2}};
    tcb_.rcv.nxt = SeqNum(static_cast<std::uint32_t>(dice_.one_of({0U, 0x80000000U}) - 5000));
    tcb_.rcv.irs = tcb_.rcv.nxt - 1;
    tcb_.rcv.last_ack_sent = tcb_.rcv.nxt;
    tcb_.rcv.wscale = dice_.chance(0.7) ? window_shift(shared_.sysctl) : std::uint8_t{0};
    start_receive_space(tcb_, dice_.chance(0.3) ? dice_.between(2304, 300'000) : 0, kMss);
    tcb_.rcv.edge = tcb_.rcv.nxt + initial_window(tcb_.space.buffer, kMss);
  }

  void run() {
    for (int step = 0; step < 300 && !testing::Test::HasFailure(); ++step) {
      now_ += Duration::microseconds(dice_.below(20'000));
      one_step();
      advertise();
    }
  }

 private:
  static constexpr std::uint32_t kMss = 1460;

  Sysctl draw() {
    Sysctl knobs;
    knobs.tcp_rmem = {2304, dice_.one_of({2304U, 10'000U, 131'072U}),
                      dice_.one_of({40'000U, 6'291'456U, 33'554'432U})};
    knobs.tcp_moderate_rcvbuf = dice_.below(2);
    return knobs;
  }

  void one_step() {
    switch (dice_.below(8)) {
      case 0:
        lock_receive_space(tcb_, dice_.between(2304, 200'000));
        return;
      case 1:
      case 2: {
        std::vector<std::uint8_t> out(dice_.one_of({1U, 100U, 5000U, 1'000'000U}));
        const auto octets = static_cast<std::uint32_t>(tcb_.receive_buffer.read(out));
        if (octets != 0) on_text_read(tcb_, octets, now_);
        return;
      }
      case 3:
        if (tcb_.rcv.wnd() > 10'000) {
          const std::uint32_t ahead = dice_.between(1, 5000);
          tcb_.reassembly.insert(tcb_.rcv.nxt + ahead, text(1000));
        }
        return;
      default:
        arrive(dice_.one_of({1U, 100U, kMss, kMss, kMss, 40'000U}));
    }
  }

  buffer::Slice text(std::uint32_t octets) {
    return arena_.copy(std::vector<std::uint8_t>(octets, 'x'));
  }

  void arrive(std::uint32_t octets) {
    octets = std::min(octets, tcb_.rcv.wnd());
    if (octets == 0) return;
    Segment seg;
    seg.seq = tcb_.rcv.nxt;
    seg.len = octets;
    seg.flags = Flag::ack;
    seg.wire_segments = (octets + kMss - 1) / kMss;
    seg.text = text(octets);
    tcb_.ack.rcv_mss = std::max(tcb_.ack.rcv_mss, std::min(octets, kMss));
    tcb_.receive_buffer.push(seg.text);
    tcb_.rcv.nxt += octets;
    while (auto next = tcb_.reassembly.take(tcb_.rcv.nxt)) {
      tcb_.rcv.nxt += next->size();
      tcb_.receive_buffer.push(std::move(*next));
    }
    on_text_arrived(tcb_, seg, now_);
  }

  void advertise() {
    const SeqNum edge_before = tcb_.rcv.edge;
    const std::uint32_t window_before = tcb_.rcv.wnd();
    const std::uint16_t field = window_to_advertise(tcb_);
    const std::uint32_t unit = 1U << tcb_.rcv.wscale;
    const SeqNum said = tcb_.rcv.nxt + field * unit;
    // What the peer computes is what we remember, and never to the left of what it knew.
    EXPECT_TRUE(said >= edge_before);
    EXPECT_TRUE(said == tcb_.rcv.edge);
    const std::uint32_t opened = octets_between(edge_before, said);
    if (opened >= unit) {
      // MUST-39: by a full-sized segment or half of the buffer, whichever is smaller. A window that
      // was cut to whole units may be a unit short.
      const std::uint32_t whole = std::min(tcb_.space.clamp, tcb_.space.buffer / 2);
      const std::uint32_t worth = std::min(tcb_.ack.rcv_mss, whole / 2);
      EXPECT_GE(window_before + opened + unit, worth) << "a silly window of " << field * unit;
    }
    // Never more than half of the memory (the other half is what packets cost), unless it was
    // promised before.
    const std::uint32_t most = std::max(window_before, tcb_.space.buffer / 2);
    EXPECT_LT(field * unit, most + unit);
  }

  test::Dice dice_;
  SeededRandom random_;
  Shared shared_;
  buffer::Arena arena_{512 * 1024, 65'600, std::size_t{1} << 28};
  Tcb tcb_;
  Instant now_ = Instant::from_ns(1'000'000'000);
};

TEST(WindowPolicy, NeverShrinksAndNeverOpensByASillyLittle) {
  test::for_seeds(300, [](std::uint64_t seed) { Receiver(seed).run(); });
}

}  // namespace
}  // namespace tuntcp::tcp
