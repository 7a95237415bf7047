// A HalfOpen must decide as the full machine would in SYN-RECEIVED: RFC 9293, 3.10.7.4. Random and
// boundary segments go to both; where they differ on purpose, the difference is named here, and
// must be seen to happen.
#include "stack/tcp/half_open.h"

#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "stack/tcp/segment_arrives.h"
#include "stack/tcp/window_policy.h"
#include "tests/refinement/full_machine.h"
#include "tests/support/seeds.h"

namespace tuntcp::tcp {

inline void PrintTo(const Reply& reply, std::ostream* out) {
  *out << "flags " << int{reply.flags.octet()} << " seq " << reply.seq.value() << " ack "
       << reply.ack.value() << " wnd " << reply.wnd;
  if (reply.options.timestamps) {
    *out << " ts " << reply.options.timestamps->value << " " << reply.options.timestamps->echo;
  }
}

namespace {

using Action = HalfOpenAnswer::Action;
using test::Dice;

enum class Difference : std::uint8_t {
  none,
  // The peer's SYN again. The full machine finds it outside the window and answers with an ACK (RFC
  // 5961, 4.2). But a peer in SYN-SENT has no use for an ACK without a SYN: what it lacks is the
  // SYN,ACK, which Linux repeats at once.
  syn_again,
  // Another SYN inside the window. RFC 5961, 4.2 asks the peer with an ACK; for a connection that
  // is not established Linux sends a RST and drops the request (measured), so that a peer which
  // starts anew need not wait for the old attempt to time out.
  other_syn,
};

enum class Effect : std::uint8_t { keeps, repeats, removes, establishes };

struct Outcome {
  Effect effect = Effect::keeps;
  std::vector<Reply> replies;
  std::uint32_t ts_recent = 0;
};

std::string kind_of(const Outcome& outcome) {
  static constexpr const char* kEffects[] = {"keep", "repeat", "remove", "establish"};
  std::string kind = kEffects[static_cast<std::size_t>(outcome.effect)];
  for (const Reply& reply : outcome.replies) {
    kind += reply.flags.has(Flag::rst) ? " + RST" : " + ACK";
  }
  return kind;
}

// One half-open connection, as both sizes have it.
class Both {
 public:
  explicit Both(std::uint64_t seed) : dice_(seed), surroundings_(seed) { draw_connection(); }

  void try_one_segment();
  // How often each outcome was seen, by all of them.
  static inline std::map<std::string, int> branches;

 private:
  void draw_connection();
  Segment draw_segment();
  Outcome small(const Segment& seg);
  Outcome full(const Segment& seg);
  Difference difference(const Segment& seg, bool is_old) const;

  Dice dice_;
  test::Surroundings surroundings_;
  FourTuple tuple_;
  HalfOpenState half_open_;
  std::uint32_t rcvbuf_ = 0;
  std::uint32_t window_ = 0;
  Instant sent_at_;
  Instant now_;
  std::optional<Instant> answered_;
};

void Both::draw_connection() {
  Shared& shared = surroundings_.shared;
  Sysctl& knobs = shared.sysctl;
  knobs.tcp_timestamps = dice_.below(2);
  knobs.tcp_window_scaling = dice_.below(2);
  knobs.tcp_sack = dice_.below(2);
  shared.link.mtu = dice_.one_of({576U, 1500U, 9000U});
  const bool is_v4 = dice_.chance(0.5);
  tuple_ = {.local = {*IpAddress::parse(is_v4 ? "198.51.100.1" : "2001:db8::1"), 80},
            .remote = {*IpAddress::parse(is_v4 ? "198.51.100.2" : "2001:db8::2"),
                       static_cast<Port>(dice_.between(1024, 65'535))}};
  // Around the wraps of both number spaces, and anywhere.
  const auto first_number = [&] {
    const auto anywhere = static_cast<std::uint32_t>(dice_.next());
    return SeqNum(dice_.one_of({0U, 0x80000000U, anywhere}) - dice_.below(3));
  };
  // Milliseconds, like the half-open connection's own clock, at some time when they wrap.
  const std::int64_t ms =
      dice_.one_of({std::int64_t{1} << 32, std::int64_t{1} << 31, std::int64_t{1'000'000}});
  sent_at_ = Instant::from_ns((ms - dice_.between(0, 2000)) * 1'000'000);
  now_ = sent_at_ + Duration::milliseconds(dice_.one_of({0, 1, 499, 500, 2000}));

  Segment syn;
  syn.seq = first_number();
  syn.len = 1;
  syn.wnd = 65'535;
  syn.flags = Flag::syn;
  if (dice_.chance(0.8)) syn.options.mss = static_cast<std::uint16_t>(dice_.between(0, 9000));
  if (dice_.chance(0.7)) syn.options.window_shift = static_cast<std::uint8_t>(dice_.below(16));
  syn.options.sack_permitted = dice_.chance(0.7);
  if (dice_.chance(0.7)) {
    syn.options.timestamps = {.value = first_number().value(), .echo = 0};
  }
  half_open_ = start_half_open(syn, first_number(), shared, tuple_, 0);
  rcvbuf_ = dice_.one_of({2304U, 65'536U, 131'072U, 1'000'000U});
  // In segments beside whose text timestamps take 12 octets.
  const std::uint32_t mss = advertised_mss(shared.link, tuple_.family());
  window_ = initial_window(rcvbuf_, mss - (half_open_.has_timestamps ? 12 : 0));
  half_open_.window = static_cast<std::uint16_t>(window_);
  // An answer that was given already, for the limit of tcp_invalid_ratelimit (500 ms).
  if (dice_.chance(0.3)) {
    answered_ = now_ - Duration::milliseconds(dice_.one_of({0, 1, 499, 500, 501}));
    half_open_.was_answered = true;
    half_open_.last_answer_ms = static_cast<std::uint32_t>(answered_->since_origin().count_ms());
  }
}

Segment Both::draw_segment() {
  Segment seg;
  const SeqNum rcv_nxt = half_open_.irs + 1;
  seg.seq = dice_.chance(0.2) ? half_open_.irs : test::near(dice_, rcv_nxt, window_);
  seg.ack = test::near(dice_, half_open_.iss + 1, 2);
  seg.wnd = static_cast<std::uint16_t>(dice_.next());
  const Flags kinds[] = {Flag::ack,
                         Flag::ack,
                         Flag::ack | Flag::psh,
                         Flag::ack | Flag::fin,
                         Flag::syn,
                         Flag::syn,
                         Flag::syn | Flag::ack,
                         Flag::rst,
                         Flag::rst | Flag::ack,
                         Flag::fin,
                         Flags(),
                         Flags::from_octet(static_cast<std::uint8_t>(dice_.next() & 0x3f))};
  seg.flags = dice_.one_of(kinds);
  const std::uint32_t text = dice_.one_of({0U, 0U, 0U, 1U, 2U, 100U, window_, window_ + 1});
  if (text != 0) seg.text = surroundings_.arena.copy(std::vector<std::uint8_t>(text, 'x'));
  seg.len = text + (seg.has(Flag::syn) ? 1 : 0) + (seg.has(Flag::fin) ? 1 : 0);
  if (dice_.chance(0.8)) {
    seg.options.timestamps = {.value = test::near(dice_, SeqNum(half_open_.ts_recent), 5).value(),
                              .echo = static_cast<std::uint32_t>(dice_.next())};
  }
  return seg;
}

Outcome Both::small(const Segment& seg) {
  HalfOpenState state = half_open_;
  const HalfOpenAnswer answer = segment_arrives(state, tuple_, seg, surroundings_.shared, now_);
  Outcome outcome;
  switch (answer.action) {
    case Action::keep:
      outcome.effect = Effect::keeps;
      break;
    case Action::repeat:
      outcome.effect = Effect::repeats;
      break;
    case Action::remove:
      outcome.effect = Effect::removes;
      break;
    case Action::establish:
      outcome.effect = Effect::establishes;
      break;
  }
  if (answer.reply) outcome.replies.push_back(*answer.reply);
  outcome.ts_recent = state.ts_recent;
  return outcome;
}

Outcome Both::full(const Segment& seg) {
  const auto tcb = test::make_tcb(surroundings_.shared, tuple_);
  promote(half_open_, *tcb, rcvbuf_, sent_at_);
  if (answered_) tcb->last_dubious_ack = *answered_;
  EXPECT_TRUE(is_consistent(*tcb));
  Segment copy = test::copy_of(seg, surroundings_.arena);
  segment_arrives(*tcb, copy, now_);
  Outcome outcome;
  outcome.ts_recent = tcb->ts.recent;
  outcome.replies = test::take_replies(surroundings_.shared);
  if (tcb->state == State::syn_received || tcb->state == State::closed) {
    outcome.effect = tcb->state == State::closed ? Effect::removes : Effect::keeps;
    for (Reply& reply : test::take_output(*tcb, now_)) {
      // A SACK block that names a duplicate (RFC 2883) may be left out at any time; a half-open
      // connection has no text, and so reports none.
      reply.options.sack_count = 0;
      reply.options.sack = {};
      outcome.replies.push_back(reply);
    }
  } else {
    outcome.effect = Effect::establishes;
  }
  surroundings_.shared.ready.remove(*tcb);
  tcb->deadlines.cancel_all();
  return outcome;
}

Difference Both::difference(const Segment& seg, bool is_old) const {
  const bool is_syn = seg.has(Flag::syn) && !seg.has(Flag::rst);
  if (!is_syn || is_old) return Difference::none;
  if (seg.seq == half_open_.irs) {
    return seg.has(Flag::ack) ? Difference::none : Difference::syn_again;
  }
  const SeqNum rcv_nxt = half_open_.irs + 1;
  const SeqRange window{rcv_nxt, rcv_nxt + window_};
  const bool is_inside = window.contains(seg.seq) || window.contains(seg.end() - 1);
  return is_inside ? Difference::other_syn : Difference::none;
}

void Both::try_one_segment() {
  const Segment seg = draw_segment();
  const Outcome of_small = small(seg);
  const Outcome of_full = full(seg);
  // RFC 7323, 5.3, R1, with the one tick that both sizes forgive, and 0 for none.
  const bool is_old =
      half_open_.has_timestamps && seg.options.timestamps && half_open_.ts_recent != 0 &&
      static_cast<std::int32_t>(half_open_.ts_recent - seg.options.timestamps->value) > 1;
  const bool may_answer = !answered_ || now_ - *answered_ >= Duration::milliseconds(500);
  const std::string trace = "flags " + std::to_string(seg.flags.octet()) + " seq irs+" +
                            std::to_string((seg.seq - half_open_.irs.value()).value()) + " text " +
                            std::to_string(seg.text.size()) + " ack iss+" +
                            std::to_string((seg.ack - half_open_.iss.value()).value()) +
                            (is_old ? " old" : "") + " window " + std::to_string(window_) +
                            ": small " + kind_of(of_small) + ", full " + kind_of(of_full);
  SCOPED_TRACE(trace);
  switch (difference(seg, is_old)) {
    case Difference::syn_again:
      EXPECT_EQ(of_small.effect, may_answer ? Effect::repeats : Effect::keeps);
      EXPECT_TRUE(of_small.replies.empty());
      EXPECT_EQ(kind_of(of_full), may_answer ? "keep + ACK" : "keep");
      ++branches["difference: SYN again: " + kind_of(of_small)];
      return;
    case Difference::other_syn:
      EXPECT_EQ(kind_of(of_small), "remove + RST");
      EXPECT_EQ(of_full.effect, Effect::keeps);
      ++branches["difference: another SYN: " + kind_of(of_small)];
      return;
    case Difference::none:
      break;
  }
  EXPECT_EQ(of_small.effect, of_full.effect);
  EXPECT_EQ(of_small.ts_recent, of_full.ts_recent);
  ASSERT_EQ(of_small.replies.size(), of_full.replies.size());
  if (!of_small.replies.empty()) {
    const Reply& a = of_small.replies[0];
    const Reply& b = of_full.replies[0];
    EXPECT_TRUE(a.tuple == b.tuple && a.seq == b.seq && a.ack == b.ack && a.flags == b.flags &&
                a.wnd == b.wnd && a.options == b.options)
        << testing::PrintToString(a) << " and " << testing::PrintToString(b);
  }
  ++branches[kind_of(of_small)];
}

TEST(HalfOpenRefinement, DecidesAsTheFullMachineInSynReceived) {
  Both::branches.clear();
  test::for_seeds(8'000, [](std::uint64_t seed) {
    Both both(seed);
    for (int i = 0; i < 5; ++i) both.try_one_segment();
  });
  for (const auto& [branch, count] : Both::branches) {
    RecordProperty(branch, count);
    std::printf("%8d  %s\n", count, branch.c_str());
  }
  for (const char* branch :
       {"keep", "keep + ACK", "keep + RST", "remove", "establish", "difference: SYN again: repeat",
        "difference: SYN again: keep", "difference: another SYN: remove + RST"}) {
    EXPECT_GT(Both::branches[branch], 0) << branch << " was never taken";
  }
  EXPECT_EQ(Both::branches.size(), 8U) << "an outcome that this test does not know";
}

}  // namespace
}  // namespace tuntcp::tcp
