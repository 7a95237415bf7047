// Peers that fill the memory for packets: text is refused, and everything else goes on.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

constexpr std::size_t kArena = 8U << 20;

DrillOptions crowded(Port peer_port) {
  DrillOptions options;
  options.receive_arena_octets = kArena;
  options.set = {"tcp_rmem=4096 4194304 33554432"};
  options.peer_port = peer_port;
  options.wscale = 10;
  return options;
}

// Sends segments until one is not acknowledged any more or the window is full; how many octets were
// taken.
std::int64_t fill(Drill& d) {
  std::int64_t taken = 0;
  d.sent();
  for (int i = 0; i < 10'000; ++i) {
    d.peer_sends(data({.seq = 1 + taken, .len = 1'000}));
    d.advance(50_ms);  // a delayed ACK
    std::int64_t acked = 1 + taken;
    for (const Sent& sent : d.sent()) acked = sent.ack;
    if (acked == 1 + taken) break;
    taken = acked - 1;
  }
  return taken;
}

TEST(Memory, TextIsRefusedBeforeTheArenaIsFull) {
  Drill first = Drill::established(crowded(20'000));
  std::vector<Drill> others;
  std::vector<std::int64_t> taken{fill(first)};
  for (Port port = 20'001; port < 20'008; ++port) {
    DrillOptions options = crowded(port);
    options.role = Role::active;
    others.push_back(Drill::beside(first, options));
    Drill& d = others.back();
    // The handshake needs no memory to speak of.
    ASSERT_TRUE(d.open().has_value());
    d.peer_sends(syn_ack());
    ASSERT_EQ(d.state(), State::established);
    taken.push_back(fill(d));
  }
  EXPECT_LT(first.host().arena().octets_in_use(), kArena / 16 * 15);
  EXPECT_GT(first.count(Counter::tcp_rcv_q_drop), 0U);

  // An acknowledgment is still read ...
  first.send(500);
  first.sent();
  first.peer_sends(ack({.seq = 1 + taken[0], .ack = 501}));
  EXPECT_EQ(first.status().unacked_octets, 0U);
  // ... and once the application has read, what was refused is taken when it comes again.
  EXPECT_EQ(first.receive(100'000'000), static_cast<std::size_t>(taken[0]));
  first.peer_sends(data({.seq = 1 + taken[0], .len = 1'000}));
  EXPECT_EQ(first.receive(), 1'000U);
}

// RFC 2018, 8: what came out of order goes first when memory is short, and is counted; beyond the
// buffer it is not even kept.
TEST(Memory, TextOutOfOrderIsGivenUpFirst) {
  Drill first = Drill::established(crowded(20'000));
  first.peer_sends(data({.seq = 1'001, .len = 1'000}));
  EXPECT_EQ(first.count(Counter::tcp_ofo_queue), 1U);
  std::vector<Drill> others;
  for (Port port = 20'001; port < 20'008; ++port) {
    DrillOptions options = crowded(port);
    options.role = Role::active;
    others.push_back(Drill::beside(first, options));
    ASSERT_TRUE(others.back().open().has_value());
    others.back().peer_sends(syn_ack());
    fill(others.back());
  }
  EXPECT_EQ(first.count(Counter::tcp_rcv_pruned), 0U);
  first.peer_sends(data({.seq = 1, .len = 1'000}));
  EXPECT_EQ(first.count(Counter::tcp_rcv_pruned), 1U);
  first.peer_sends(data({.seq = 1, .len = 1'000}));
  EXPECT_EQ(first.count(Counter::tcp_rcv_pruned), 1U) << "there is none left";
}
TEST(Memory, TextOutOfOrderBeyondTheBufferIsNotKept) {
  Drill d = Drill::established({.socket = {.receive_buffer = 1}});
  for (std::int64_t seq = 3; seq < 1'000; seq += 2) d.peer_sends(data({.seq = seq, .len = 1}));
  EXPECT_GT(d.count(Counter::tcp_ofo_drop), 0U);
  // The peer still has it.
  EXPECT_THAT(d.sent().back(), IsAck({.ack = 1}));
}

}  // namespace
}  // namespace tuntcp::test
