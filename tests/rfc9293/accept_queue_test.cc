// The two queues of a listener: half-open connections and those that wait for accept. Linux rows 16
// (without cookies) and 28.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// One more peer of the same listener, from port 1000 + i.
Drill another(const Drill& d, int i) {
  return Drill::beside(
      d, {.irs = static_cast<std::uint32_t>(i) * 1000U, .peer_port = static_cast<Port>(1000 + i)});
}
// Handshakes of as many peers; how many were answered.
int answered(Drill& d, int first, int count) {
  int answers = 0;
  for (int i = first; i < first + count; ++i) {
    Drill peer = another(d, i);
    peer.peer_sends(syn());
    if (peer.sent().empty()) continue;
    ++answers;
    peer.peer_sends(ack());
  }
  return answers;
}

// (16) "listen(2), nobody accepts: 3 connections, then silence".
TEST(AcceptQueue, HoldsOneMoreThanTheBacklogThenSilence) {
  Drill d = Drill::listen({.backlog = 2});
  EXPECT_EQ(answered(d, 0, 10), 3);
  EXPECT_EQ(d.count(Counter::tcp_listen_overflows), 7U);
  EXPECT_EQ(d.count(Counter::tcp_listen_drops), 7U);
}
TEST(AcceptQueue, AcceptMakesRoom) {
  Drill d = Drill::listen({.backlog = 2});
  EXPECT_EQ(answered(d, 0, 10), 3);
  EXPECT_TRUE(d.accept());
  EXPECT_EQ(answered(d, 20, 10), 1);
}
TEST(AcceptQueue, IsServedInOrder) {
  Drill d = Drill::listen();
  EXPECT_EQ(answered(d, 0, 3), 3);
  EXPECT_TRUE(d.accept());
  EXPECT_EQ(d.status().tuple.remote.port, 1000);
  EXPECT_TRUE(d.accept());
  EXPECT_EQ(d.status().tuple.remote.port, 1001);
  EXPECT_TRUE(d.accept());
  EXPECT_EQ(d.status().tuple.remote.port, 1002);
  EXPECT_FALSE(d.accept());
}
TEST(AcceptQueue, BacklogOfZeroTakesOne) {
  Drill d = Drill::listen({.backlog = 0});
  EXPECT_EQ(answered(d, 0, 3), 1);
}
TEST(AcceptQueue, BacklogIsCappedBySomaxconn) {
  Drill d = Drill::listen({.set = {"net.core.somaxconn=1"}, .backlog = 100});
  EXPECT_EQ(answered(d, 0, 5), 2);
}
// Two connections fill the queue of a backlog of one; the third's handshake is in flight.
class FullQueue : public testing::Test {
 protected:
  void fill(const std::vector<std::string>& set = {}) {
    d.emplace(Drill::listen({.set = set, .backlog = 1}));
    Drill first = another(*d, 1);
    Drill second = another(*d, 2);
    third.emplace(another(*d, 3));
    first.peer_sends(syn());
    second.peer_sends(syn());
    first.peer_sends(ack());
    third->peer_sends(syn());
    second.peer_sends(ack());
    EXPECT_THAT(third->sent(), ElementsAre(IsSynAck()));
  }
  std::optional<Drill> d;
  std::optional<Drill> third;
};
// The handshake ended while the queue filled: the ACK is dropped, the SYN,ACK repeated, and its ACK
// asks again. Nothing is lost for the peer.
TEST_F(FullQueue, AckIsAskedForAgain) {
  fill();
  third->peer_sends(ack());
  EXPECT_EQ(third->state(), State::syn_received);
  EXPECT_THAT(third->sent(), IsEmpty());
  d->advance(1_s);
  EXPECT_THAT(third->sent(), ElementsAre(IsSynAck({.ack = 1})));
  EXPECT_TRUE(d->accept());
  third->peer_sends(ack());
  EXPECT_EQ(third->state(), State::established);
}
// Text that came before there was room is sent again by its peer.
TEST_F(FullQueue, TextIsNotAcknowledged) {
  fill();
  third->peer_sends(data({.len = 10}));
  EXPECT_THAT(third->sent(), IsEmpty());
  EXPECT_TRUE(d->accept());
  third->peer_sends(data({.seq = 1, .len = 10}));
  EXPECT_THAT(third->sent(), ElementsAre(IsAck({.ack = 11})));
}
// tcp_abort_on_overflow tells the peer instead.
TEST_F(FullQueue, AckIsResetWhenToldSo) {
  fill({"tcp_abort_on_overflow=1"});
  third->peer_sends(ack());
  EXPECT_THAT(third->sent(), ElementsAre(IsRst({.seq = 1})));
  EXPECT_EQ(third->state(), State::closed);
}
// A connection that was reset while it waited is still handed out, and says so.
TEST(AcceptQueue, ConnectionThatDiedWaitingIsHandedOut) {
  Drill d = Drill::syn_received();
  d.peer_sends(ack());
  d.peer_sends(rst());
  EXPECT_TRUE(d.accept());
  EXPECT_EQ(d.receive().error(), Error::connection_reset);
}

// (16) "200 SYNs at listen(16): 17 SYN_RECV" without cookies: the rest is silence.
TEST(SynQueue, HoldsOneMoreThanTheBacklog) {
  Drill d = Drill::listen({.set = {"tcp_syncookies=0"}, .backlog = 16});
  int answers = 0;
  for (int i = 0; i < 200; ++i) {
    Drill peer = another(d, i);
    peer.peer_sends(syn());
    answers += static_cast<int>(peer.sent().size());
  }
  EXPECT_EQ(answers, 17);
  EXPECT_EQ(d.count(Counter::tcp_req_qfull_drop), 183U);
}
TEST(SynQueue, IsBoundedByTcpMaxSynBacklog) {
  Drill d = Drill::listen({.set = {"tcp_syncookies=0", "tcp_max_syn_backlog=4"}});
  int answers = 0;
  for (int i = 0; i < 10; ++i) {
    Drill peer = another(d, i);
    peer.peer_sends(syn());
    answers += static_cast<int>(peer.sent().size());
  }
  EXPECT_EQ(answers, 4);
}
// Linux keeps the last quarter for hosts that it has measured; without cookies a flood of SYNs so
// leaves something to those. None is measured here.
TEST(SynQueue, KeepsTheLastQuarterOfTcpMaxSynBacklog) {
  Drill d = Drill::listen({.set = {"tcp_syncookies=0", "tcp_max_syn_backlog=8"}});
  int answers = 0;
  for (int i = 0; i < 10; ++i) {
    Drill peer = another(d, i);
    peer.peer_sends(syn());
    answers += static_cast<int>(peer.sent().size());
  }
  EXPECT_EQ(answers, 7);
  EXPECT_EQ(d.count(Counter::tcp_listen_drops), 3U);
  EXPECT_EQ(d.count(Counter::tcp_req_qfull_drop), 0U);
}
TEST(SynQueue, MakesRoomWhenHandshakesEnd) {
  Drill d = Drill::listen({.set = {"tcp_syncookies=0"}, .backlog = 0});
  Drill first = another(d, 1);
  first.peer_sends(syn());
  Drill second = another(d, 2);
  second.peer_sends(syn());
  EXPECT_THAT(second.sent(), IsEmpty());
  first.peer_sends(rst({.seq = 1}));
  second.peer_sends(syn());
  EXPECT_THAT(second.sent(), ElementsAre(IsSynAck()));
}
}  // namespace
}  // namespace tuntcp::test
