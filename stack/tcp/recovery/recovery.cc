#include "stack/tcp/recovery/recovery.h"

#include <algorithm>

#include "stack/base/canonical.h"
#include "stack/tcp/recovery/evidence.h"

namespace tuntcp::tcp::recovery {
namespace {

SeqRange last_segment_of(const Transmission& transmission) {
  const std::uint32_t before =
      std::min((transmission.segments - 1) * transmission.mss, transmission.octets() - 1);
  return {transmission.range.begin + before, transmission.range.end};
}

}  // namespace

void Recovery::end() {
  board_.clear();
  reno_sacked_segments_ = 0;
  probe_.forget();
  undo_.forget();
  episode_ = Episode::open;
}

// The one writer of the episode. Where it ends is fixed as it begins.
void Recovery::enter(Episode next, SeqNum snd_nxt) {
  if (next == Episode::disorder || next == Episode::loss) end_of_episode_ = snd_nxt;
  episode_ = next;
}

// ---- Sending.

void Recovery::on_sent(const Sending& sending) {
  if (board_.is_empty()) rate_.begin_flight(sending.now);
  board_.on_sent(sending, rate_.on_sent(in_flight()));
  // Kept only while it matters, or it would wrap into the future.
  if (episode_ == Episode::open) end_of_episode_ = board_.begin();
}

void Recovery::on_repeated(const Sending& sending, std::uint32_t timestamp) {
  const bool was_lost = board_.first_due() != nullptr && board_.first_due()->is_lost &&
                        board_.first_due()->range.begin == sending.range.begin;
  board_.on_repeated(sending, rate_.on_sent(in_flight()));
  repeated_segments_ += sending.segments;
  // A probe, and what a smaller path dropped, are no guesses that could be wrong.
  if (was_lost) undo_.on_repeated(sending.segments, timestamp);
}

void Recovery::on_rescued(const Sending& sending, std::uint32_t timestamp) {
  on_repeated(sending, timestamp);
  // A D-SACK will count it, so it counts here.
  undo_.on_repeated(sending.segments, timestamp);
  has_rescued_ = true;
}

// Neighbours that are due as well leave together, small segments as one (as in Linux).
std::optional<SeqRange> Recovery::next_due() const {
  constexpr std::uint32_t kMostOctets = 65'535;  // of a packet
  const Transmission* const due = board_.first_due();
  if (due == nullptr) return std::nullopt;
  SeqRange range = due->range;
  for (const Transmission* t = due->links.next; t != nullptr; t = t->links.next) {
    if (!t->is_due() || t->is_lost != due->is_lost || range.octets() >= kMostOctets) break;
    range.end = t->range.end;
  }
  return range;
}

const Transmission* Recovery::last_not_sacked() const {
  const Transmission* last = board_.last();
  while (last != nullptr && last->is_sacked) last = last->links.previous;
  return last;
}

std::optional<SeqRange> Recovery::last_segment() const {
  const Transmission* const last = last_not_sacked();
  if (last == nullptr) return std::nullopt;
  return last_segment_of(*last);
}

// RFC 6675, 4, NextSeg (4). Deviation: not what was already sent again, whose loss RACK finds; and
// not after new text left, whose ACKs tell about everything before it.
std::optional<SeqRange> Recovery::rescue_segment() const {
  if (episode_ != Episode::recovery || has_rescued_ || has_due()) return std::nullopt;
  if (board_.is_empty() || board_.end() > end_of_episode_) return std::nullopt;
  const Transmission* const last = last_not_sacked();
  // Without SACK nobody knows which segment is still outstanding.
  const bool is_known = last != nullptr && board_.sacked().octets != 0;
  if (!is_known || last->was_repeated) return std::nullopt;
  return last_segment_of(*last);
}

// ---- ACKs.

AckOutcome Recovery::on_ack(const AckFacts& facts) {
  AckOutcome outcome;
  Evidence evidence;
  evidence.prior_una = board_.is_empty() ? facts.ack : board_.begin();
  evidence.prior_highest_sacked = board_.is_empty() ? facts.ack : board_.highest_sacked();
  const bool had_outstanding = !board_.is_empty();
  const std::uint32_t acked =
      had_outstanding && board_.begin() < facts.ack ? octets_between(board_.begin(), facts.ack) : 0;
  take_dsack(facts, evidence, outcome);
  if (facts.path.has_sack && had_outstanding) take_sack_blocks(facts, evidence, outcome);
  if (acked != 0) take_cumulative(facts, evidence, outcome);
  const bool is_news = facts.brings_text || facts.updates_window || evidence.una_advanced;
  evidence.is_duplicate = !is_news && facts.ack == evidence.prior_una;
  outcome.una_advanced = evidence.una_advanced;
  outcome.made_progress = evidence.una_advanced || evidence.data_sacked;

  // Karn (RFC 6298, 3): an ACK for octets that left twice may answer either copy.
  if (evidence.first_acked_at && !evidence.repeated_acked) {
    outcome.rtt = facts.now - *evidence.first_acked_at;
    outcome.latest_rtt = facts.now - evidence.last_acked_at;
  }
  if (evidence.first_sacked_at) {
    if (!outcome.rtt) outcome.rtt = facts.now - *evidence.first_sacked_at;
    outcome.latest_rtt = facts.now - evidence.last_sacked_at;
  }
  // RFC 6298, 5.3. A SACK restarts the timer only if what it names left before the first range did
  // for the last time (as in Linux); otherwise SACKs could hold off the timeout for ever.
  const bool sacks_older = evidence.first_sacked_at && !board_.is_empty() &&
                           *evidence.first_sacked_at < board_.first()->sent_at;
  if (evidence.una_advanced || sacks_older) outcome.timer = TimerWish::restart;

  rack_.adapt_window(rate_.prior_delivered(), rate_.delivered(),
                     (facts.knobs.rack & kFixedWindow) != 0);
  take_probe_answer(facts, evidence, outcome);
  const bool is_dubious = evidence.is_duplicate || evidence.data_sacked || evidence.dsack_counts ||
                          facts.echoes_congestion || episode_ != Episode::open;
  // Of nothing that was in flight only a D-SACK tells anything.
  if ((had_outstanding && is_dubious) || evidence.dsack_counts) conclude(facts, evidence, outcome);
  outcome.rate = rate_.take_sample(
      {.now = facts.now, .min_rtt = facts.path.min_rtt, .is_reneging = is_reneging_});
  return outcome;
}

void Recovery::take_probe_answer(const AckFacts& facts, const Evidence& evidence,
                                 AckOutcome& outcome) {
  const TailProbe::Verdict verdict =
      probe_.on_ack({.ack = facts.ack,
                     .is_dsack_of_probe = evidence.dsack_of_probe,
                     .is_pure_duplicate = evidence.is_duplicate && !evidence.data_sacked});
  if (verdict != TailProbe::Verdict::repaired_loss) return;
  outcome.count(Counter::tcp_loss_probe_recovery);
  if (is_reducing()) return;
  outcome.change(Change::probe_repaired);
  begin_reduction(facts.snd_nxt);
  keep_open(facts.snd_nxt);
}

// The state machine of the five episodes.
void Recovery::conclude(const AckFacts& facts, Evidence& evidence, AckOutcome& outcome) {
  // An episode that also met a CE mark was no mistake.
  if (facts.echoes_congestion) may_restore_ = false;
  if (evidence.finds_reneging && evidence.una_advanced) {
    // The octet after SND.UNA was SACKed but is not acknowledged: either an ACK is late, or the
    // peer dropped what it had (RFC 2018, 8). A timer decides, soon.
    outcome.timer = TimerWish::reneging;
    return;
  }
  const bool is_over =
      episode_ != Episode::open && (board_.is_empty() || facts.ack >= end_of_episode_);
  if (is_over && leave_episode(facts, evidence, outcome)) return;
  switch (episode_) {
    case Episode::recovery:
      return in_fast_recovery(facts, evidence, outcome);
    case Episode::loss:
      if (!after_timeout(facts, evidence, outcome)) return;
      break;
    case Episode::open:
    case Episode::disorder:
    case Episode::cwr:
      break;
  }
  if (!facts.path.has_sack) {
    if (evidence.una_advanced) reno_sacked_segments_ = 0;
    add_reno_sacked(evidence.is_duplicate ? 1 : 0, facts, outcome);
  }
  if (episode_ <= Episode::disorder) undo_by_dsack(outcome);
  find_losses(facts, evidence, outcome);
  if (!has_lost()) return try_to_open(facts, outcome);
  begin_recovery(facts.snd_nxt, facts.echoes_congestion, facts.path, outcome);
}

// SEG.ACK reached the end of the episode. True: nothing more is to be concluded.
bool Recovery::leave_episode(const AckFacts& facts, Evidence& evidence, AckOutcome& outcome) {
  switch (episode_) {
    case Episode::cwr:
      // Something above must be acknowledged, so that the CWR that went with it has arrived.
      if (facts.ack == end_of_episode_) return false;
      enter(Episode::open, facts.snd_nxt);
      outcome.change(Change::finished);
      return false;
    case Episode::recovery:
      if (!facts.path.has_sack && evidence.una_advanced) reno_sacked_segments_ = 0;
      return undo_or_finish(facts, outcome);
    case Episode::open:
    case Episode::disorder:
    case Episode::loss:  // after_timeout()
      return false;
  }
  return false;
}

void Recovery::in_fast_recovery(const AckFacts& facts, Evidence& evidence, AckOutcome& outcome) {
  if (!evidence.una_advanced) {
    if (!facts.path.has_sack) add_reno_sacked(evidence.is_duplicate ? 1 : 0, facts, outcome);
  } else if (undo_partially(facts, evidence, outcome)) {
    return;
  }
  if (undo_by_dsack(outcome)) try_to_open(facts, outcome);
  find_losses(facts, evidence, outcome);
  if (episode_ == Episode::recovery || !has_lost()) return;
  // Undone, and yet there is evidence of a loss: a new recovery.
  begin_recovery(facts.snd_nxt, facts.echoes_congestion, facts.path, outcome);
}

// RFC 5682, 3.1 and 2.1: is the timeout explained by a delay? True: go on as in the other episodes.
bool Recovery::after_timeout(const AckFacts& facts, Evidence& evidence, AckOutcome& outcome) {
  const bool is_recovered = facts.ack >= end_of_episode_;
  bool is_undone = evidence.una_advanced && undo_timeout(facts, /*by_frto=*/false, outcome);
  if (!is_undone && in_frto_) {
    // Step 3.b: what left before the timeout, and was not sent again, arrived.
    if (evidence.original_delivered) is_undone = undo_timeout(facts, /*by_frto=*/true, outcome);
    if (!is_undone && facts.snd_nxt > end_of_episode_) {
      // Step 3.a: after new octets left, a duplicate ACK shows that the loss was real.
      if (evidence.data_sacked || evidence.is_duplicate) in_frto_ = false;
    } else if (!is_undone && evidence.una_advanced && !is_recovered) {
      // Step 2.b: new octets, if there are any, show more than a retransmission would.
      end_of_episode_ = facts.snd_nxt;
      if (facts.can_send_new) {
        is_testing_ = true;
        find_losses(facts, evidence, outcome);
        return false;
      }
      in_frto_ = false;
    }
  }
  is_testing_ = false;
  if (!is_undone) {
    if (is_recovered) {
      undo_or_finish(facts, outcome);
    } else if (!facts.path.has_sack) {
      if (facts.snd_nxt > end_of_episode_ && evidence.is_duplicate) {
        add_reno_sacked(1, facts, outcome);
      } else if (evidence.una_advanced) {
        reno_sacked_segments_ = 0;
      }
    }
  }
  find_losses(facts, evidence, outcome);
  return episode_ == Episode::open || evidence.retransmission_lost;
}

// ---- Losses.

void Recovery::lose(Transmission& transmission, AckOutcome& outcome) {
  if (transmission.is_repeated) outcome.count(Counter::tcp_lost_retransmit);
  outcome.newly_lost += transmission.octets();
  rate_.on_lost(transmission.octets());
  board_.lose(transmission);
}

void Recovery::find_losses(const AckFacts& facts, Evidence& evidence, AckOutcome& outcome) {
  if (board_.is_empty()) return;
  if (!facts.path.has_sack) return find_losses_without_sack(facts, evidence, outcome);
  if (!rack_.take_advanced()) return;
  const std::uint32_t before = board_.repeated().octets;
  detect(facts.now, facts.path, facts.knobs, outcome);
  evidence.retransmission_lost |= board_.repeated().octets < before;
}

// RFC 8985, 6.2, step 5.
void Recovery::detect(Instant now, const Path& path, const Knobs& knobs, AckOutcome& outcome) {
  const bool has_enough =
      board_.sacked().segments >= reordering_ && (knobs.rack & kNoDupThresh) == 0;
  const Duration window = rack_.reordering_window({.min_rtt = path.min_rtt,
                                                   .srtt = path.srtt,
                                                   .reordering_seen = reordering_seen_ != 0,
                                                   .in_recovery = episode_ >= Episode::recovery,
                                                   .has_enough_sacked = has_enough});
  // As Linux: an ACK that is on its way should win the race with the timer.
  constexpr Duration kSlack = 2_ms;
  const Duration wait =
      rack_.detect(board_, window, now, [&](Transmission& t) { lose(t, outcome); });
  outcome.reorder_wait = wait == Duration::zero() ? wait : wait + kSlack;
}

// RFC 6582, 3.2: three duplicates, and then each partial acknowledgment, name the first segment.
void Recovery::find_losses_without_sack(const AckFacts& facts, const Evidence& evidence,
                                        AckOutcome& outcome) {
  const bool names_first = episode_ < Episode::recovery
                               ? reno_sacked_segments_ >= reordering_
                               : episode_ == Episode::recovery && evidence.una_advanced;
  Transmission& first = *board_.first();
  if (!names_first || first.is_lost) return;
  if (first.octets() > first.mss) board_.cut(first, first.range.begin + first.mss);
  lose(first, outcome);
  static_cast<void>(facts);
  limit_reno_sacked();
}

void Recovery::begin_reduction(SeqNum snd_nxt) {
  end_of_episode_ = snd_nxt;
  probe_.forget();
}

void Recovery::begin_recovery(SeqNum snd_nxt, bool echoes_congestion, const Path& path,
                              AckOutcome& outcome) {
  outcome.count(path.has_sack ? Counter::tcp_sack_recovery : Counter::tcp_reno_recovery);
  undo_.begin(board_.begin(), board_.repeated().segments);
  has_rescued_ = false;
  if (is_reducing()) {
    // A window that ECE reduces is not reduced again; its episode goes on as this one.
    may_restore_ = false;
  } else {
    may_restore_ = !echoes_congestion;
    begin_reduction(snd_nxt);
    outcome.change(Change::entered_recovery);
  }
  enter(Episode::recovery, snd_nxt);
}

void Recovery::try_to_open(const AckFacts& facts, AckOutcome& outcome) {
  if (!any_repeated_outstanding()) undo_.forget_first_repeated();
  if (facts.echoes_congestion && episode_ < Episode::cwr) {
    undo_.forget();
    may_restore_ = false;
    begin_reduction(facts.snd_nxt);
    enter(Episode::cwr, facts.snd_nxt);
    outcome.change(Change::entered_cwr);
  }
  if (episode_ != Episode::cwr) keep_open(facts.snd_nxt);
}

void Recovery::keep_open(SeqNum snd_nxt) {
  const bool is_suspicious = has_sacked() || has_lost() || any_repeated_outstanding();
  const Episode next = is_suspicious ? Episode::disorder : Episode::open;
  if (next != episode_) enter(next, snd_nxt);
}

// Is anything outstanding that was sent again? As Linux looks: at the first of it.
bool Recovery::any_repeated_outstanding() const {
  return board_.repeated().octets != 0 || (!board_.is_empty() && board_.first()->was_repeated);
}

// ---- Mistakes.

bool Recovery::may_undo(const AckFacts& facts) const {
  return undo_.is_possible() &&
         (undo_.all_were_needless() || undo_.is_answer_to_original(facts.ts_echo));
}

void Recovery::undo(bool forgets_losses, AckOutcome& outcome) {
  if (forgets_losses) board_.forget_losses();
  outcome.change(may_restore_ ? Change::undone : Change::finished);
  undo_.forget();
  rack_.detect_again();
}

bool Recovery::undo_by_dsack(AckOutcome& outcome) {
  if (!undo_.all_were_needless()) return false;
  rack_.keep_window();
  undo(/*forgets_losses=*/false, outcome);
  outcome.count(Counter::tcp_dsack_undo);
  return true;
}

// A partial acknowledgment that answers an original: packets were delayed by more than we thought.
// While retransmissions are in flight nothing new is found lost. True: nothing more is concluded.
bool Recovery::undo_partially(const AckFacts& facts, const Evidence& evidence,
                              AckOutcome& outcome) {
  if (!undo_.is_possible() || !undo_.is_answer_to_original(facts.ts_echo)) return false;
  note_reordering(evidence.prior_una, facts, /*by_timestamps=*/true, outcome);
  if (board_.repeated().octets != 0) return true;
  if (!any_repeated_outstanding()) undo_.forget_first_repeated();
  undo(/*forgets_losses=*/true, outcome);
  outcome.count(Counter::tcp_partial_undo);
  keep_open(facts.snd_nxt);
  return false;
}

bool Recovery::undo_timeout(const AckFacts& facts, bool by_frto, AckOutcome& outcome) {
  if (!by_frto && !may_undo(facts)) return false;
  undo(/*forgets_losses=*/true, outcome);
  outcome.count(Counter::tcp_loss_undo);
  if (by_frto) outcome.count(Counter::tcp_spurious_rtos);
  in_frto_ = false;
  if (holds_state(facts)) return true;
  if (by_frto || facts.path.has_sack) {
    enter(Episode::open, facts.snd_nxt);
    is_reneging_ = false;
  }
  return true;
}

// RFC 6582, 4.1: without SACK, duplicate ACKs of what was sent again could begin another recovery;
// the state is held until something above is acknowledged.
bool Recovery::holds_state(const AckFacts& facts) {
  if (facts.path.has_sack || facts.ack != end_of_episode_) return false;
  if (!any_repeated_outstanding()) undo_.forget_first_repeated();
  return true;
}

// All that was outstanding when it began is acknowledged. True: the state is held.
bool Recovery::undo_or_finish(const AckFacts& facts, AckOutcome& outcome) {
  bool was_undone = false;
  if (may_undo(facts)) {
    outcome.count(in_loss() ? Counter::tcp_loss_undo : Counter::tcp_full_undo);
    undo(/*forgets_losses=*/false, outcome);
    was_undone = true;
  } else {
    rack_.on_recovery_exit();
  }
  if (holds_state(facts)) return true;
  // What D-SACKs say later may still undo it.
  enter(Episode::open, facts.snd_nxt);
  is_reneging_ = false;
  if (!was_undone) outcome.change(Change::finished);
  return false;
}

// ---- Timers.

Recovery::TimeoutOutcome Recovery::on_timeout(const TimeoutFacts& facts) {
  TimeoutOutcome outcome;
  if (board_.is_empty()) return outcome;
  const bool has_sack = facts.path.has_sack;
  if (!facts.is_repeated) outcome.failure = failure_counter(has_sack);
  const Episode before = episode_;
  outcome.was_reneging = board_.first()->is_sacked;
  if (outcome.was_reneging) {
    board_.forget_sacks();
    is_reneging_ = true;
  }
  if (!has_sack) reno_sacked_segments_ = 0;
  // What left less than a round trip ago may still be answered.
  for (Transmission* t = board_.first(); t != nullptr; t = t->links.next) {
    const bool is_recent =
        t != board_.first() && !outcome.was_reneging && rack_.lost_at(*t) > facts.now;
    if (t->is_sacked || is_recent || t->is_due()) continue;
    outcome.newly_lost += t->octets();
    if (t->is_repeated) ++outcome.lost_again;
    board_.lose(*t);
  }
  rate_.on_lost(outcome.newly_lost);
  // RFC 5681, 3.1: ssthresh is set once, not again while the same octets time out again.
  outcome.begins_episode = before <= Episode::disorder || board_.begin() >= end_of_episode_ ||
                           (before == Episode::loss && !facts.is_repeated);
  if (outcome.begins_episode) {
    may_restore_ = true;
    undo_.begin(board_.begin(), board_.repeated().segments);
  }
  // More was SACKed than a reordering explains, and yet it came to a timeout (as in Linux).
  if (before <= Episode::disorder && board_.sacked().segments >= facts.knobs.initial_reordering) {
    reordering_ = std::min(reordering_, facts.knobs.initial_reordering);
  }
  probe_.forget();
  enter(Episode::loss, facts.snd_nxt);
  in_frto_ = facts.knobs.frto && (before < Episode::recovery || facts.is_repeated);
  is_testing_ = false;
  return outcome;
}

std::optional<Counter> Recovery::failure_counter(bool has_sack) const {
  switch (episode_) {
    case Episode::recovery:
      return has_sack ? Counter::tcp_sack_recovery_fail : Counter::tcp_reno_recovery_fail;
    case Episode::loss:
      return Counter::tcp_loss_failures;
    case Episode::open:
    case Episode::disorder:
    case Episode::cwr:
      break;
  }
  if (episode_ != Episode::disorder && !has_sacked()) return std::nullopt;
  return has_sack ? Counter::tcp_sack_failures : Counter::tcp_reno_failures;
}

AckOutcome Recovery::on_reorder_timeout(const TimeoutFacts& facts) {
  AckOutcome outcome;
  if (board_.is_empty()) return outcome;
  const std::uint32_t before = board_.in_flight();
  detect(facts.now, facts.path, facts.knobs, outcome);
  if (board_.in_flight() != before && episode_ != Episode::recovery) {
    begin_recovery(facts.snd_nxt, /*echoes_congestion=*/false, facts.path, outcome);
  }
  return outcome;
}

std::uint32_t Recovery::on_smaller_path(std::uint32_t mss) {
  std::uint32_t octets = 0;
  for (Transmission* t = board_.first(); t != nullptr; t = t->links.next) {
    if (t->is_sacked || t->is_due() || t->mss <= mss || t->octets() <= mss) continue;
    octets += t->octets();
    board_.find_too_big(*t);
  }
  if (octets != 0) undo_.forget();
  return octets;
}

// ---- Questions.

Instant Recovery::oldest_sent_at() const {
  return board_.is_empty() ? Instant::never() : board_.first()->sent_at;
}

Recovery::Segments Recovery::segments() const {
  return {.outstanding = board_.outstanding_segments(),
          .sacked = board_.sacked().segments + reno_sacked_segments_,
          .lost = board_.lost().segments,
          .repeated = board_.repeated().segments};
}

void Recovery::describe(Canonical& out) const {
  board_.describe(out);
  rack_.describe(out);
  undo_.describe(out);
  out.number(episode_);
  if (episode_ != Episode::open) out.local(end_of_episode_);
  out.number(reordering_);
  out.number(reordering_seen_ != 0);
  out.number(reno_sacked_segments_);
  out.number(probe_.is_out() | probe_.is_retransmission() << 1 | may_restore_ << 2 | in_frto_ << 3 |
             is_reneging_ << 4 | is_testing_ << 5 | has_rescued_ << 6);
  if (probe_.is_out()) out.local(probe_.end());
  out.number(std::min<std::uint64_t>(
      repeated_segments_ - std::min(repeated_segments_, dsacked_segments_), 255));
}

}  // namespace tuntcp::tcp::recovery
