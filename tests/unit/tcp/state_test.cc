// RFC 9293, 3.3.2: the states and the moves between them.
#include "stack/tcp/state.h"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tuntcp::tcp {
namespace {

using enum State;
using Move = std::tuple<State, State, Cause>;

const std::vector<State> kAllStates{closed,      listen,     syn_sent,   syn_received,
                                    established, fin_wait_1, fin_wait_2, close_wait,
                                    closing,     last_ack,   time_wait};

// Figure 5, arrow by arrow, from the top of the drawing to its bottom.
const std::set<Move> kFigure5{
    {closed, listen, Cause::passive_open},
    {listen, closed, Cause::close_call},
    {closed, syn_sent, Cause::active_open},
    {syn_sent, closed, Cause::close_call},
    {listen, syn_sent, Cause::active_open},  // SEND
    {listen, syn_received, Cause::syn_received},
    {syn_sent, syn_received, Cause::syn_received},
    {syn_received, listen, Cause::reset_to_listen},  // note 1
    {syn_received, established, Cause::ack_of_syn},
    {syn_sent, established, Cause::syn_ack_received},
    {syn_received, fin_wait_1, Cause::close_call},
    {established, fin_wait_1, Cause::close_call},
    {established, close_wait, Cause::fin_received},
    {fin_wait_1, fin_wait_2, Cause::ack_of_fin},
    {fin_wait_1, closing, Cause::fin_received},
    {fin_wait_1, time_wait, Cause::fin_and_ack_of_fin},  // note 2
    {fin_wait_2, time_wait, Cause::fin_received},
    {closing, time_wait, Cause::ack_of_fin},
    {close_wait, last_ack, Cause::close_call},
    {last_ack, closed, Cause::ack_of_fin},
    {time_wait, closed, Cause::time_wait_over},
};

// What the text says and the figure leaves out.
const std::set<Move> kInTheTextOnly{
    // 3.10.7.4, fourth: a SYN in SYN-RECEIVED after a passive OPEN returns to LISTEN.
    {syn_received, listen, Cause::syn_received},
    // 3.10.7.4, eighth: "SYN-RECEIVED STATE, ESTABLISHED STATE: Enter the CLOSE-WAIT state."
    {syn_received, close_wait, Cause::fin_received},
    // 3.6.1, MAY-2: a new SYN reopens the connection directly from TIME-WAIT.
    {time_wait, syn_received, Cause::reopened},
};

// 3.10.5 (ABORT, in each state that exists), 3.10.7.4 second (RST: all but LISTEN, which ignores
// it), 3.10.8 (user timeout: where something may be outstanding), and giving up the memory.
std::set<Move> abrupt_moves() {
  std::set<Move> moves;
  for (const State from : kAllStates) {
    if (from == closed) continue;
    moves.insert({from, closed, Cause::abort_call});
    moves.insert({from, closed, Cause::delete_tcb});
    if (from != listen) moves.insert({from, closed, Cause::reset_received});
    if (from != listen && from != time_wait) moves.insert({from, closed, Cause::timeout});
  }
  return moves;
}

std::set<Move> moves_of_the_rfc() {
  std::set<Move> moves = abrupt_moves();
  moves.insert(kFigure5.begin(), kFigure5.end());
  moves.insert(kInTheTextOnly.begin(), kInTheTextOnly.end());
  return moves;
}

TEST(Transitions, TableIsTheFigureAndTheTextAndNothingElse) {
  std::set<Move> table;
  for (const Transition& t : kTransitions) table.insert({t.from, t.to, t.cause});

  EXPECT_EQ(table, moves_of_the_rfc());
  EXPECT_EQ(table.size(), kTransitions.size()) << "a row is there twice";
}

TEST(Transitions, IsLegalAnswersForEveryCombinationAsTheRfc) {
  const std::set<Move> legal = moves_of_the_rfc();
  std::set<Move> answered;
  for (const State from : kAllStates) {
    for (const State to : kAllStates) {
      for (unsigned c = 0; c < kCauseCount; ++c) {
        const auto cause = static_cast<Cause>(c);
        if (is_legal(from, to, cause)) answered.insert({from, to, cause});
      }
    }
  }
  EXPECT_EQ(answered, legal);
}

// A connection is never created half-way: the first move is an OPEN.
TEST(Transitions, OnlyAnOpenLeavesClosed) {
  for (const Transition& t : kTransitions) {
    if (t.from != closed) continue;
    EXPECT_THAT(t.cause, testing::AnyOf(Cause::passive_open, Cause::active_open));
  }
}

std::set<State> reachable_from(State start) {
  std::set<State> reached{start};
  for (std::size_t before = 0; before != reached.size();) {
    before = reached.size();
    for (const Transition& t : kTransitions) {
      if (reached.contains(t.from)) reached.insert(t.to);
    }
  }
  return reached;
}

TEST(Transitions, EveryStateIsReachableFromClosed) {
  EXPECT_THAT(reachable_from(closed), testing::UnorderedElementsAreArray(kAllStates));
}

class EveryState : public testing::TestWithParam<State> {};
INSTANTIATE_TEST_SUITE_P(Transitions, EveryState, testing::ValuesIn(kAllStates));

TEST_P(EveryState, LeadsToClosed) {
  EXPECT_TRUE(reachable_from(GetParam()).contains(closed));
}

TEST_P(EveryState, IsAnElementOfTheSetsTheRfcPutsItIn) {
  const State s = GetParam();
  const auto is_one_of = [s](std::initializer_list<State> states) {
    return std::ranges::find(states, s) != states.end();
  };
  // 3.5.2, group 3: "ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK,
  // TIME-WAIT".
  EXPECT_EQ(kSynchronized.contains(s), !is_one_of({closed, listen, syn_sent, syn_received}));
  // 3.5.2, group 2, but for LISTEN, in which there is no connection yet.
  EXPECT_EQ(kOpening.contains(s), is_one_of({syn_sent, syn_received}));
  // 3.10.7.4, seventh.
  EXPECT_EQ(kMayReceiveText.contains(s), is_one_of({established, fin_wait_1, fin_wait_2}));
  // 3.10.2.
  EXPECT_EQ(kMaySendText.contains(s), is_one_of({established, close_wait}));
  // The states that Figure 5 reaches by "CLOSE / snd FIN" and what follows on this side.
  EXPECT_EQ(kFinIsSent.contains(s), is_one_of({fin_wait_1, fin_wait_2, closing, last_ack}));
  // The states with an arrow "rcv ACK of FIN" out of them.
  EXPECT_EQ(kAwaitsAckOfFin.contains(s), std::ranges::any_of(kFigure5, [s](const Move& move) {
              return std::get<0>(move) == s && std::get<2>(move) == Cause::ack_of_fin;
            }));
  // 3.10.7.4, eighth: where a further FIN changes nothing.
  EXPECT_EQ(kFinIsReceived.contains(s), is_one_of({close_wait, closing, last_ack, time_wait}));
}

// The spelling of RFC 9293, 3.3.2.
TEST(StateNames, AreTheRfcs) {
  std::vector<std::string> names;
  for (const State s : kAllStates) names.emplace_back(rfc_name(s));
  EXPECT_THAT(names, testing::ElementsAre("CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED",
                                          "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
                                          "CLOSING", "LAST-ACK", "TIME-WAIT"));
}

// The spelling of ss(8), as its manual lists the states to filter by (in upper case).
TEST(StateNames, OfSsAreThoseSsPrints) {
  std::vector<std::string> names;
  for (const State s : kAllStates) names.emplace_back(ss_name(s));
  EXPECT_THAT(
      names, testing::ElementsAre("UNCONN", "LISTEN", "SYN-SENT", "SYN-RECV", "ESTAB", "FIN-WAIT-1",
                                  "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"));
}

TEST(CauseNames, AreAllDifferent) {
  std::set<std::string> names;
  for (unsigned c = 0; c < kCauseCount; ++c) names.insert(to_string(static_cast<Cause>(c)));
  EXPECT_EQ(names.size(), kCauseCount);
  EXPECT_FALSE(names.contains("?"));
}

}  // namespace
}  // namespace tuntcp::tcp
