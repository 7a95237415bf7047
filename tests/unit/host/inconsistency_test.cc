// The observer of a host's inside: it has nothing against a host at work, and sees each rule that
// is broken behind the host's back.
#include "stack/host/inconsistency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "stack/base/random.h"
#include "stack/tcp/user_calls.h"

namespace tuntcp {
namespace {

using tcp::State;
using tcp::Tcb;
using testing::HasSubstr;

class InconsistencyTest : public testing::Test {
 protected:
  InconsistencyTest() {
    HostConfig config;
    config.addresses = {*Prefix::parse("198.51.100.1/24")};
    tables_ = std::make_unique<HostTables>(config, random_);
    // A connection in SYN-SENT, as Host::open() makes it.
    tcb_ = tables_->make_tcb({.local = *endpoint(1, 1'000), .remote = *endpoint(2, 80)}, {});
    tables_->demux.insert(tcb_->tuple, {Demux::Kind::tcb, index()});
    tcb_->in_table = true;
    tcp::open(*tcb_, 0, now_);
    tables_->settle(*tcb_);
  }
  ~InconsistencyTest() override {
    for (Tcb* tcb : {tcb_}) tables_->destroy(*tcb);
  }
  static std::optional<Endpoint> endpoint(std::uint8_t last, Port port) {
    return Endpoint{.address = IpAddress::v4(0xc6336400U + last), .port = port};
  }
  std::uint32_t index() { return tables_->tcbs.handle_of(*tcb_).index; }
  std::string found() { return inconsistency_of(*tables_).value_or("nothing"); }
  // As if output() had sent the SYN.
  void send_syn() {
    tables_->shared.ready.remove(*tcb_);
    tcb_->syn_due = false;
    tcb_->deadlines.set(Timer::retransmit, now_ + 1_s);
    tables_->settle(*tcb_);
  }
  // As if a SYN,ACK had come.
  void establish() {
    send_syn();
    tcb_->state = State::established;
    ++tables_->shared.current_established;
    tcb_->snd.una = tcb_->snd.nxt;
    tcb_->deadlines.cancel_all();
  }

  SeededRandom random_{1};
  std::unique_ptr<HostTables> tables_;
  Instant now_ = Instant::from_ns(1'000'000'000);
  Tcb* tcb_ = nullptr;
};

TEST_F(InconsistencyTest, SoundHostHasNone) {
  EXPECT_EQ(found(), "nothing");
  send_syn();
  EXPECT_EQ(found(), "nothing");
  establish();
  EXPECT_EQ(found(), "nothing");
}
TEST_F(InconsistencyTest, ContradictingVariablesAreSeen) {
  tcb_->snd.nxt += 5;
  EXPECT_THAT(found(), HasSubstr("contradicting variables"));
}
TEST_F(InconsistencyTest, ConnectionThatIsNotFoundIsSeen) {
  tcb_->tuple.remote.port = 81;
  EXPECT_THAT(found(), HasSubstr("endpoints under which it is not found"));
  tcb_->tuple.remote.port = 80;
}
TEST_F(InconsistencyTest, DeadlineThatTheWheelDoesNotHaveIsSeen) {
  send_syn();
  tables_->shared.wheel.cancel(*tcb_);
  EXPECT_THAT(found(), HasSubstr("a deadline that the wheel does not have"));
}
TEST_F(InconsistencyTest, DeadlineEarlierThanTheWheelKnowsIsSeen) {
  send_syn();
  tcb_->deadlines.set(Timer::delayed_ack, now_ + 40_ms);
  EXPECT_THAT(found(), HasSubstr("a deadline that the wheel does not have"));
}
TEST_F(InconsistencyTest, SynWithoutATimerIsSeen) {
  send_syn();
  tcb_->deadlines.cancel_all();
  EXPECT_THAT(found(), HasSubstr("a SYN without a timer"));
}
TEST_F(InconsistencyTest, OctetsInFlightWithoutATimerAreSeen) {
  establish();
  const std::uint8_t text[100] = {};
  ASSERT_EQ(tcb_->send_buffer.append(text), 100U);
  tcb_->snd.nxt += 100;
  tcb_->recovery.on_sent(
      {.range = {tcb_->snd.una, tcb_->snd.nxt}, .mss = 1460, .segments = 1, .now = now_});
  EXPECT_THAT(found(), HasSubstr("octets in flight without a timer"));
}
TEST_F(InconsistencyTest, UnsentOctetsThatWaitForNothingAreSeen) {
  establish();
  const std::uint8_t text[100] = {};
  ASSERT_EQ(tcb_->send_buffer.append(text), 100U);
  EXPECT_THAT(found(), HasSubstr("unsent octets without a timer"));
  tcp::mark_ready(*tcb_);
  EXPECT_EQ(found(), "nothing");
}
TEST_F(InconsistencyTest, AckThatNobodyWillSendIsSeen) {
  establish();
  tcb_->ack.now = true;
  EXPECT_THAT(found(), HasSubstr("something due that nobody will send"));
}
TEST_F(InconsistencyTest, EventThatNobodyWillHearOfIsSeen) {
  establish();
  tcb_->events = tcp::EventBits::readable;
  EXPECT_THAT(found(), HasSubstr("an event that nobody will hear of"));
}
TEST_F(InconsistencyTest, TooMuchReceivedMemoryIsSeen) {
  establish();
  tcb_->space.buffer = 2'304;
  const std::vector<std::uint8_t> text(50'000, 'x');
  for (int i = 0; i < 4; ++i) tcb_->receive_buffer.push(tables_->arena.copy(text));
  EXPECT_THAT(found(), HasSubstr("too much received memory"));
}
TEST_F(InconsistencyTest, TooManyOctetsToSendAreSeen) {
  establish();
  tables_->shared.sysctl.tcp_wmem = {1, 50, 99};
  const std::uint8_t text[100] = {};
  ASSERT_EQ(tcb_->send_buffer.append(text), 100U);
  tcp::mark_ready(*tcb_);
  EXPECT_THAT(found(), HasSubstr("too many octets to send"));
}
TEST_F(InconsistencyTest, WrongCountsAreSeen) {
  establish();
  --tables_->shared.current_established;
  EXPECT_THAT(found(), HasSubstr("count of established connections"));
  ++tables_->shared.current_established;
  ++tables_->shared.orphans;
  EXPECT_THAT(found(), HasSubstr("count of orphans"));
  --tables_->shared.orphans;
}
TEST_F(InconsistencyTest, EndpointsThatAreNobodysAreSeen) {
  tables_->demux.insert({.local = *endpoint(1, 5), .remote = *endpoint(2, 5)},
                        {Demux::Kind::tcb, index()});
  EXPECT_THAT(found(), HasSubstr("endpoints in the table that are nobody's"));
}
TEST_F(InconsistencyTest, TimeWaitWithoutATimerIsSeen) {
  const FourTuple tuple{.local = *endpoint(1, 7), .remote = *endpoint(2, 7)};
  auto* const entry = tables_->time_waits.v4.emplace(tuple, tcp::TimeWaitState{});
  const Demux::Entry place{Demux::Kind::time_wait, tables_->time_waits.v4.handle_of(*entry).index};
  tables_->demux.insert(tuple, place);
  EXPECT_THAT(found(), HasSubstr("TIME-WAIT has an entry without a timer"));
  tables_->time_waits.v4_timers.schedule(*entry, now_ + 60_s);
  EXPECT_EQ(found(), "nothing");
  tables_->demux.erase(tuple, place);
  EXPECT_THAT(found(), HasSubstr("TIME-WAIT has an entry that is not found"));
  tables_->time_waits.v4_timers.cancel(*entry);
}
TEST_F(InconsistencyTest, HalfOpenThatNoListenerCountsIsSeen) {
  Listener* const listener = tables_->listeners.emplace();
  listener->local = *endpoint(1, 80);
  EXPECT_EQ(found(), "nothing");
  listener->half_open = 1;
  EXPECT_THAT(found(), HasSubstr("number of half-open connections"));
  listener->half_open = 0;
  listener->accept_queue.push_back(tables_->tcbs.handle_of(*tcb_));
  EXPECT_THAT(found(), HasSubstr("a connection to accept that is gone"));
}
TEST_F(InconsistencyTest, AcceptQueueBeyondItsBacklogIsSeen) {
  Listener* const listener = tables_->listeners.emplace();
  listener->backlog = 1;
  for (int i = 0; i < 3; ++i) listener->accept_queue.push_back({});
  EXPECT_THAT(found(), HasSubstr("more connections to accept than its backlog allows"));
}

}  // namespace
}  // namespace tuntcp
