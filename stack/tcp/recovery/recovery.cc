#include "stack/tcp/recovery/recovery.h"

#include <algorithm>

#include "stack/base/canonical.h"

namespace tuntcp::tcp::recovery {
void Recovery::on_retransmitted(SeqRange range, Instant now) {
  transmissions_.split(range.begin);
  transmissions_.split(range.end);
  for (Transmission& t : transmissions_) {
    if (t.range.begin < range.begin) continue;
    if (t.range.begin >= range.end) break;
    if (t.is_lost) lost_octets_ -= t.range.octets();
    t.is_lost = false;
    t.was_retransmitted = true;
    t.sent_at = now;
  }
}

AckOutcome Recovery::on_ack(const AckFacts& facts) {
  AckOutcome outcome;
  if (!transmissions_.is_empty() && transmissions_.begin()->range.begin < facts.ack) {
    on_new_ack(facts, outcome);
    return outcome;
  }
  if (!facts.is_duplicate || transmissions_.is_empty()) return outcome;

  ++duplicate_acks_;
  left_network_ = std::min(left_network_ + facts.mss, span() - lost_octets_);
  // RFC 6582, 3.2, step 2: duplicates that belong to an earlier recovery start no new one.
  const bool is_old_news = has_recovery_point_ && facts.ack <= recovery_point_;
  if (phase_ == Phase::open && duplicate_acks_ == facts.duplicate_threshold && !is_old_news) {
    phase_ = Phase::fast_recovery;
    recovery_point_ = facts.snd_nxt;
    has_recovery_point_ = true;
    outcome.entered_recovery = true;
    outcome.newly_lost = mark_head_lost(facts.mss);
  }
  return outcome;
}

void Recovery::on_new_ack(const AckFacts& facts, AckOutcome& outcome) {
  const SeqNum old_una = transmissions_.begin()->range.begin;
  outcome.newly_acked = octets_between(old_una, facts.ack);
  outcome.newly_delivered = outcome.newly_acked;
  bool retransmission_was_acked = false;
  for (const Transmission& t : transmissions_) {
    if (t.range.begin >= facts.ack) break;
    if (t.is_lost)
      lost_octets_ -= octets_between(t.range.begin, earlier_of(t.range.end, facts.ack));
    retransmission_was_acked |= t.was_retransmitted;
  }
  // Karn (RFC 6298, 3): an ACK for octets that were sent twice may answer either copy.
  if (!retransmission_was_acked) outcome.rtt = facts.now - transmissions_.begin()->sent_at;
  transmissions_.discard_below(facts.ack);

  duplicate_acks_ = 0;
  if (phase_ == Phase::open) {
    const std::uint32_t least = std::min(outcome.newly_acked, facts.mss);
    outcome.newly_delivered =
        std::max(least, outcome.newly_acked - std::min(outcome.newly_acked, left_network_));
    left_network_ = 0;
    // Kept only while numbers below it can be acknowledged: it must not wrap into the future.
    if (facts.ack > recovery_point_) has_recovery_point_ = false;
    return;
  }
  if (facts.ack >= recovery_point_) {
    outcome.left_recovery = true;
    phase_ = Phase::open;
    left_network_ = 0;
    return;
  }
  // RFC 6582, 3.2: a partial acknowledgment names the next hole, and those of the segments it
  // covers that duplicates stood for have been counted twice.
  const std::uint32_t beyond_first = outcome.newly_acked - std::min(outcome.newly_acked, facts.mss);
  left_network_ -= std::min(left_network_, beyond_first);
  if (phase_ == Phase::fast_recovery) outcome.newly_lost = mark_head_lost(facts.mss);
  left_network_ = std::min(left_network_, span() - lost_octets_);
}

std::uint32_t Recovery::on_timeout(SeqNum snd_nxt) {
  phase_ = Phase::timed_out;
  recovery_point_ = snd_nxt;
  has_recovery_point_ = true;
  duplicate_acks_ = 0;
  left_network_ = 0;
  std::uint32_t newly_lost = 0;
  for (Transmission& t : transmissions_) {
    if (!t.is_lost) newly_lost += t.range.octets();
    t.is_lost = true;
  }
  lost_octets_ += newly_lost;
  return newly_lost;
}

std::uint32_t Recovery::on_smaller_path(SeqNum snd_nxt, std::uint32_t mss) {
  std::uint32_t newly_lost = 0;
  for (Transmission& t : transmissions_) {
    if (t.is_lost || t.range.octets() <= mss) continue;
    t.is_lost = true;
    newly_lost += t.range.octets();
  }
  if (newly_lost == 0) return 0;
  phase_ = Phase::timed_out;
  recovery_point_ = snd_nxt;
  has_recovery_point_ = true;
  duplicate_acks_ = 0;
  left_network_ = 0;
  lost_octets_ += newly_lost;
  return newly_lost;
}

std::optional<SeqRange> Recovery::next_lost() const {
  if (lost_octets_ == 0) return std::nullopt;
  for (const Transmission& t : transmissions_) {
    if (t.is_lost) return t.range;
  }
  return std::nullopt;
}

std::uint32_t Recovery::in_flight() const {
  return span() - lost_octets_ - left_network_;
}

Recovery::Segments Recovery::count_segments(std::uint32_t mss) const {
  Segments segments;
  for (const Transmission& t : transmissions_) {
    const std::uint32_t count = (t.range.octets() + mss - 1) / mss;
    segments.outstanding += count;
    if (t.is_lost) segments.lost += count;
    if (t.was_retransmitted && !t.is_lost) segments.retransmitted += count;
  }
  return segments;
}

Instant Recovery::oldest_sent_at() const {
  return transmissions_.is_empty() ? Instant::never() : transmissions_.begin()->sent_at;
}

void Recovery::describe(Canonical& out) const {
  out.number(transmissions_.size());
  for (const Transmission& t : transmissions_) {
    out.local(t.range.begin);
    out.local(t.range.end);
    out.age(t.sent_at);
    out.number(t.is_lost | t.was_retransmitted << 1);
  }
  out.number(phase_);
  out.number(duplicate_acks_);
  out.number(left_network_);
  out.number(has_recovery_point_);
  if (has_recovery_point_) out.local(recovery_point_);
}

std::uint32_t Recovery::mark_head_lost(std::uint32_t mss) {
  if (transmissions_.is_empty()) return 0;
  const SeqNum una = transmissions_.begin()->range.begin;
  transmissions_.split(una + mss);
  Transmission& head = *transmissions_.begin();
  if (head.is_lost) return 0;
  head.is_lost = true;
  lost_octets_ += head.range.octets();
  left_network_ = std::min(left_network_, span() - lost_octets_);
  return head.range.octets();
}

std::uint32_t Recovery::span() const {
  if (transmissions_.is_empty()) return 0;
  return octets_between(transmissions_.begin()->range.begin, (transmissions_.end() - 1)->range.end);
}

}  // namespace tuntcp::tcp::recovery
