// Loss recovery against a model that knows every octet for itself: RFC 5681, 3.2; RFC 6582, 3.2;
// RFC 6298, 5.4.
#include "stack/tcp/recovery/recovery.h"

#include <algorithm>
#include <deque>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/dice.h"
#include "tests/support/seeds.h"

namespace tuntcp::tcp::recovery {
namespace {

constexpr std::uint32_t kMss = 10;

// Octets SND.UNA to SND.NXT, one by one.
class Model {
 public:
  explicit Model(SeqNum first) : una_(first) {}

  SeqNum una() const { return una_; }
  SeqNum nxt() const { return una_ + static_cast<std::uint32_t>(octets_.size()); }
  std::uint32_t outstanding() const { return static_cast<std::uint32_t>(octets_.size()); }
  std::uint32_t lost() const {
    return static_cast<std::uint32_t>(
        std::count_if(octets_.begin(), octets_.end(), [](const Octet& o) { return o.is_lost; }));
  }
  bool is_lost(SeqNum at) const { return octets_[octets_between(una_, at)].is_lost; }
  bool in_recovery() const { return in_recovery_; }
  bool in_loss() const { return in_loss_; }
  Instant oldest_sent_at() const {
    return octets_.empty() ? Instant::never() : octets_.front().sent_at;
  }

  void send(std::uint32_t count, Instant now) { octets_.insert(octets_.end(), count, {now}); }
  void retransmit(SeqRange range, Instant now) {
    for (std::uint32_t i = 0; i < range.octets(); ++i) {
      octets_[octets_between(una_, range.begin) + i] = {now, false, true};
    }
  }
  AckOutcome duplicate(std::uint32_t first_segment) {
    AckOutcome outcome;
    ++duplicates_;
    // RFC 6582, 3.2, step 2: not while the ACK covers no more than "recover".
    const bool covers_recover = !has_recover_ || una_ > recover_;
    if (duplicates_ == 3 && !in_recovery_ && !in_loss_ && covers_recover) {
      in_recovery_ = has_recover_ = true;
      recover_ = nxt();
      outcome.entered_recovery = true;
      outcome.newly_lost = lose_first_segment(first_segment);
    }
    return outcome;
  }
  AckOutcome ack(SeqNum ack, Instant now, std::uint32_t first_segment) {
    AckOutcome outcome;
    outcome.newly_acked = octets_between(una_, ack);
    const auto end = octets_.begin() + outcome.newly_acked;
    // RFC 6298, 3 (Karn); of several octets the oldest is timed, as Linux does.
    const bool is_ambiguous =
        std::any_of(octets_.begin(), end, [](const Octet& o) { return o.was_retransmitted; });
    if (!is_ambiguous) outcome.rtt = now - octets_.front().sent_at;
    octets_.erase(octets_.begin(), end);
    una_ = ack;
    duplicates_ = 0;
    if ((in_recovery_ || in_loss_) && ack >= recover_) {
      outcome.left_recovery = true;
      in_recovery_ = in_loss_ = false;
    } else if (in_recovery_) {
      // Step 3: a partial acknowledgment names the next hole.
      outcome.newly_lost = lose_first_segment(first_segment);
    }
    return outcome;
  }
  std::uint32_t time_out() {
    const std::uint32_t before = lost();
    for (Octet& o : octets_) o.is_lost = true;
    in_recovery_ = false;
    in_loss_ = has_recover_ = true;
    recover_ = nxt();
    duplicates_ = 0;
    return outstanding() - before;
  }

 private:
  struct Octet {
    Instant sent_at;
    bool is_lost = false;
    bool was_retransmitted = false;
  };

  // RFC 6582, 3.2: "retransmit the first unacknowledged segment", which is as long as it was sent.
  // The model does not know how octets were cut into segments and takes `octets` from who does.
  std::uint32_t lose_first_segment(std::uint32_t octets) {
    // What is already waiting to be sent again is the hole; nothing is added to it.
    if (octets_.empty() || octets_.front().is_lost) return 0;
    EXPECT_GE(octets, 1U);
    EXPECT_LE(octets, std::min(kMss, outstanding()));
    for (std::uint32_t i = 0; i < std::min(octets, outstanding()); ++i) {
      EXPECT_FALSE(octets_[i].is_lost);
      EXPECT_EQ(octets_[i].sent_at, octets_.front().sent_at) << "not one segment";
      octets_[i].is_lost = true;
    }
    return octets;
  }

  SeqNum una_;
  std::deque<Octet> octets_;
  int duplicates_ = 0;
  bool in_recovery_ = false;
  bool in_loss_ = false;
  bool has_recover_ = false;
  SeqNum recover_;
};

class Trial {
 public:
  explicit Trial(std::uint64_t seed) : dice_(seed), model_(first_number()) {}

  void run() {
    for (int step = 0; step < 200 && !testing::Test::HasFailure(); ++step) {
      now_ += dice_.chance(0.7) ? Duration::milliseconds(dice_.below(5)) : Duration::zero();
      one_step();
      compare();
    }
  }

 private:
  SeqNum first_number() {
    const auto anywhere = static_cast<std::uint32_t>(dice_.next());
    return SeqNum(dice_.one_of({0U, 0x80000000U, anywhere}) - dice_.below(300));
  }

  void one_step() {
    const std::uint32_t outstanding = model_.outstanding();
    switch (dice_.below(outstanding == 0 ? 1 : 6)) {
      case 0: {
        const std::uint32_t octets = dice_.one_of({1U, 3U, kMss, kMss, 4 * kMss});
        recovery_.on_sent({model_.nxt(), model_.nxt() + octets}, now_);
        model_.send(octets, now_);
        return;
      }
      case 1:
      case 2: {
        const std::uint32_t octets =
            std::min(outstanding, dice_.chance(0.3) ? outstanding : dice_.between(1, 3 * kMss));
        acknowledge(model_.una() + octets, false);
        return;
      }
      case 3:
        for (std::uint32_t i = dice_.between(1, 4); i != 0; --i) acknowledge(model_.una(), true);
        return;
      case 4:
        retransmit();
        return;
      default:
        if (!dice_.chance(0.2)) return;
        EXPECT_EQ(recovery_.on_timeout(model_.nxt()), model_.time_out());
        return;
    }
  }

  void acknowledge(SeqNum ack, bool is_duplicate) {
    const SeqNum nxt = model_.nxt();
    const AckOutcome ours = recovery_.on_ack(
        {.ack = ack, .snd_nxt = nxt, .mss = kMss, .is_duplicate = is_duplicate, .now = now_});
    const AckOutcome theirs =
        is_duplicate ? model_.duplicate(ours.newly_lost) : model_.ack(ack, now_, ours.newly_lost);
    EXPECT_EQ(ours.newly_acked, theirs.newly_acked);
    EXPECT_LE(ours.newly_delivered, ours.newly_acked);
    EXPECT_GE(ours.newly_delivered, std::min(ours.newly_acked, kMss));
    EXPECT_EQ(ours.newly_lost, theirs.newly_lost);
    EXPECT_EQ(ours.entered_recovery, theirs.entered_recovery);
    EXPECT_EQ(ours.left_recovery, theirs.left_recovery);
    EXPECT_EQ(ours.rtt, theirs.rtt);
  }

  void retransmit() {
    const auto lost = recovery_.next_lost();
    if (!lost) return;
    const std::uint32_t octets = std::min(lost->octets(), dice_.between(1, 2 * kMss));
    const SeqRange sent{lost->begin, lost->begin + octets};
    recovery_.on_retransmitted(sent, now_);
    model_.retransmit(sent, now_);
  }

  void compare() {
    EXPECT_EQ(recovery_.has_outstanding(), model_.outstanding() != 0);
    EXPECT_EQ(recovery_.in_recovery(), model_.in_recovery());
    EXPECT_EQ(recovery_.in_loss(), model_.in_loss());
    EXPECT_EQ(recovery_.oldest_sent_at(), model_.oldest_sent_at());
    // Duplicates stand for octets that left the network: never for more than were in it.
    EXPECT_LE(recovery_.in_flight(), model_.outstanding() - model_.lost());
    const auto lost = recovery_.next_lost();
    ASSERT_EQ(lost.has_value(), model_.lost() != 0);
    if (!lost) return;
    EXPECT_GT(lost->octets(), 0U);
    for (SeqNum at = model_.una(); at < lost->begin; at += 1) EXPECT_FALSE(model_.is_lost(at));
    for (SeqNum at = lost->begin; at < lost->end; at += 1) EXPECT_TRUE(model_.is_lost(at));
  }

  test::Dice dice_;
  Model model_;
  Recovery recovery_;
  Instant now_ = Instant::from_ns(1'000'000'000);
};

TEST(Recovery, KnowsOfEveryOctetWhatAModelKnows) {
  test::for_seeds(500, [](std::uint64_t seed) { Trial(seed).run(); });
}

// ---- The pipe (RFC 6675, 2), which the model only bounds.

class Pipe : public testing::Test {
 protected:
  Pipe() { recovery_.on_sent({SeqNum(0), SeqNum(20 * kMss)}, now_); }
  AckOutcome on_duplicate() {
    return recovery_.on_ack({.ack = una_,
                             .snd_nxt = SeqNum(20 * kMss),
                             .mss = kMss,
                             .is_duplicate = true,
                             .now = now_});
  }
  AckOutcome on_ack(std::uint32_t segments) {
    una_ = SeqNum(segments * kMss);
    return recovery_.on_ack({.ack = una_,
                             .snd_nxt = SeqNum(20 * kMss),
                             .mss = kMss,
                             .is_duplicate = false,
                             .now = now_});
  }

  Instant now_ = Instant::from_ns(1);
  SeqNum una_{0};
  Recovery recovery_;
};

// RFC 3042 and RFC 5681, 3.2, step 4: each duplicate says that a segment has left the network.
TEST_F(Pipe, EachDuplicateTakesOneSegmentOut) {
  EXPECT_EQ(recovery_.in_flight(), 20 * kMss);
  on_duplicate();
  on_duplicate();
  EXPECT_EQ(recovery_.in_flight(), 18 * kMss);
  on_duplicate();
  EXPECT_EQ(recovery_.in_flight(), 16 * kMss) << "three have left and one is lost";
  recovery_.on_retransmitted({SeqNum(0), SeqNum(kMss)}, now_);
  EXPECT_EQ(recovery_.in_flight(), 17 * kMss);
}

// Reordering: what duplicates stood for was delivered then, and only the rest by the ACK.
TEST_F(Pipe, WhatDuplicatesStoodForIsNotDeliveredAgain) {
  on_duplicate();
  on_duplicate();
  const AckOutcome outcome = on_ack(3);
  EXPECT_EQ(outcome.newly_acked, 3 * kMss);
  EXPECT_EQ(outcome.newly_delivered, kMss);
  EXPECT_EQ(on_ack(5).newly_delivered, 2 * kMss);
}

// Four of 20 segments are lost: 16 duplicates leave only these four in the pipe, and after the
// partial acknowledgments, each of which covers what duplicates stood for, never less than is true.
TEST_F(Pipe, PartialAcknowledgmentsDoNotCountTwice) {
  for (int i = 0; i < 16; ++i) on_duplicate();
  EXPECT_EQ(recovery_.in_flight(), 3 * kMss) << "20 less 16 that arrived less the one marked lost";
  recovery_.on_retransmitted({SeqNum(0), SeqNum(kMss)}, now_);
  EXPECT_EQ(recovery_.in_flight(), 4 * kMss);
  // Segment 0 arrives; 5, 10 and 15 are missing.
  EXPECT_EQ(on_ack(5).newly_lost, kMss);
  EXPECT_EQ(recovery_.in_flight(), 2 * kMss);
}

TEST_F(Pipe, IsEmptyAfterATimeout) {
  EXPECT_EQ(recovery_.on_timeout(SeqNum(20 * kMss)), 20 * kMss);
  EXPECT_EQ(recovery_.in_flight(), 0U);
  recovery_.on_retransmitted({SeqNum(0), SeqNum(kMss)}, now_);
  EXPECT_EQ(recovery_.in_flight(), kMss);
}

}  // namespace
}  // namespace tuntcp::tcp::recovery
