// What an ACK says about each octet in flight, applied to the scoreboard: SACK blocks (RFC 2018),
// D-SACK (RFC 2883, 3708), the cumulative ACK, and the measurements that come with them.
// What is concluded from it is in recovery.cc.
#include <algorithm>

#include "stack/tcp/recovery/evidence.h"
#include "stack/tcp/recovery/recovery.h"

namespace tuntcp::tcp::recovery {
namespace {

void note_time(std::optional<Instant>& first, Instant& last, Instant sent_at) {
  if (!first) first = sent_at;
  last = sent_at;
}

}  // namespace

// A D-SACK may be of octets far back, or a lie. Only those of octets that were sent again count.
void Recovery::take_dsack(const AckFacts& facts, Evidence& evidence, AckOutcome& outcome) {
  if (!facts.dsack) return;
  const SeqRange dsack = *facts.dsack;
  outcome.count(dsack.end <= facts.ack ? Counter::tcp_dsack_recv : Counter::tcp_dsack_ofo_recv);
  if (dsack.begin >= dsack.end || dsack.octets() > facts.max_wnd) {
    return outcome.count(Counter::tcp_dsack_ignored_dubious);
  }
  const std::uint32_t segments = segments_of(dsack.octets(), facts.path.mss);
  evidence.dsack_of_probe =
      segments == 1 && probe_.is_retransmission() && probe_.end() == dsack.end;
  dsacked_segments_ += segments;
  // More duplicates than were ever sent twice: the network or the peer makes them.
  if (dsacked_segments_ > repeated_segments_) {
    return outcome.count(Counter::tcp_dsack_ignored_dubious);
  }
  evidence.dsack_counts = true;
  outcome.dsacked_segments = segments;
  // RFC 8985, 6.2: the reordering window grows, but not because of a probe, which is sent on
  // purpose. As in Linux only where reordering was seen, which the window is there for.
  if (!evidence.dsack_of_probe && reordering_seen_ != 0) rack_.on_dsack();
  if (dsack.end <= facts.ack && !undo_.is_possible()) {
    outcome.count(Counter::tcp_dsack_ignored_no_undo);
  } else if (dsack.end <= facts.ack && dsack.end <= undo_.marker()) {
    outcome.count(Counter::tcp_dsack_ignored_old);
  }
  // Of octets that are acknowledged nobody knows any more which were sent again; of the others the
  // scoreboard does.
  const Transmission* const still_known = board_.is_empty() ? nullptr : board_.find(dsack.begin);
  const bool was_repeated = still_known != nullptr && still_known->was_repeated;
  if (dsack.end <= evidence.prior_una || was_repeated) undo_.on_dsack(dsack, segments);
  // The copy was delivered, too: it has left the network.
  outcome.newly_delivered += dsack.octets();
  outcome.delivered_segments += segments;
}

void Recovery::take_sack_blocks(const AckFacts& facts, Evidence& evidence, AckOutcome& outcome) {
  std::array<SeqRange, 4> blocks;
  std::size_t count = 0;
  for (const SeqRange& block : facts.sack) {
    // Of octets that are in flight: not empty or turned round, above SEG.ACK, not above SND.NXT.
    const bool is_valid =
        block.begin < block.end && block.begin > facts.ack && block.end <= facts.snd_nxt;
    if (is_valid && count < blocks.size()) {
      blocks[count++] = block;
    } else if (!is_valid && !(block.begin < block.end && block.end <= facts.ack)) {
      outcome.count(Counter::tcp_sack_discard);
    }
  }
  // In the order of sequence numbers, so that what comes late is told from what merely comes with
  // later octets.
  std::sort(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(count),
            [](const SeqRange& a, const SeqRange& b) { return a.begin < b.begin; });
  for (std::size_t i = 0; i < count; ++i) take_sack_block(blocks[i], facts, evidence, outcome);
  if (evidence.lowest_late && (episode_ != Episode::loss || undo_.is_possible())) {
    note_reordering(*evidence.lowest_late, facts, /*by_timestamps=*/false, outcome);
  }
  evidence.lowest_late.reset();
}

void Recovery::take_sack_block(SeqRange block, const AckFacts& facts, Evidence& evidence,
                               AckOutcome& outcome) {
  Transmission* t = board_.find(block.begin);
  while (t != nullptr && t->range.begin < block.end) {
    Transmission* const part = t->is_sacked ? nullptr : board_.part_inside(*t, block);
    if (part == nullptr) {
      t = t->links.next;
      continue;
    }
    if (!part->was_repeated) {
      note_time(evidence.first_sacked_at, evidence.last_sacked_at, part->sent_at);
      const bool is_late = has_sacked() && part->range.begin < board_.highest_sacked();
      if (is_late && (!evidence.lowest_late || part->range.begin < *evidence.lowest_late)) {
        evidence.lowest_late = part->range.begin;
      }
      if (part->range.end <= end_of_episode_) evidence.original_delivered = true;
    }
    evidence.data_sacked = true;
    outcome.newly_sacked += part->octets();
    outcome.newly_delivered += part->octets();
    outcome.delivered_segments += part->segments;
    note_delivered(*part, part->octets(), facts);
    board_.sack(*part);
    t = board_.join_sacked(*part)->links.next;
  }
}

void Recovery::take_cumulative(const AckFacts& facts, Evidence& evidence, AckOutcome& outcome) {
  evidence.una_advanced = true;
  while (!board_.is_empty() && board_.begin() < facts.ack) {
    Transmission& first = *board_.first();
    const SeqNum end = earlier_of(first.range.end, facts.ack);
    const std::uint32_t octets = octets_between(first.range.begin, end);
    const bool was_sacked = first.is_sacked;
    if (first.was_repeated) {
      evidence.repeated_acked = true;
    } else if (!was_sacked) {
      note_time(evidence.first_acked_at, evidence.last_acked_at, first.sent_at);
      if (!evidence.lowest_late) evidence.lowest_late = first.range.begin;
      if (end <= end_of_episode_) evidence.original_delivered = true;
    }
    if (!was_sacked) note_delivered(first, octets, facts);
    const std::uint32_t before = board_.outstanding_segments();
    board_.acknowledge_first(end);
    const std::uint32_t segments = before - board_.outstanding_segments();
    evidence.acked_segments += segments;
    outcome.newly_acked += octets;
    if (was_sacked) continue;
    outcome.newly_delivered += octets;
    outcome.delivered_segments += segments;
  }
  evidence.finds_reneging = !board_.is_empty() && board_.first()->is_sacked;
  if (!facts.path.has_sack) {
    // Without a scoreboard nobody knows which copy it was that arrived.
    if (evidence.repeated_acked) evidence.original_delivered = false;
    const std::uint32_t stood_for = std::min(reno_sacked(), outcome.newly_acked);
    const std::uint32_t least = std::min(facts.path.mss, outcome.newly_acked);
    outcome.newly_delivered = std::max(outcome.newly_acked - stood_for, least);
    remove_reno_sacked(evidence.acked_segments, facts, outcome);
  } else if (evidence.lowest_late && *evidence.lowest_late < evidence.prior_highest_sacked) {
    note_reordering(*evidence.lowest_late, facts, /*by_timestamps=*/false, outcome);
  }
}

void Recovery::note_delivered(const Transmission& transmission, std::uint32_t octets,
                              const AckFacts& facts) {
  rate_.on_delivered(transmission, octets);
  if (transmission.is_sacked || !facts.path.has_sack) return;
  // The echo of an earlier timestamp: it is the original that arrived, not what was sent last.
  if (transmission.was_repeated && facts.ts_echo) {
    const auto age_ms =
        facts.now.since_origin().count_ms() - transmission.sent_at.since_origin().count_ms();
    const std::uint32_t sent_ts = facts.ts_now - static_cast<std::uint32_t>(age_ms);
    if (static_cast<std::int32_t>(*facts.ts_echo - sent_ts) < 0) return;
  }
  rack_.on_delivered({.sent_at = transmission.sent_at,
                      .end = transmission.range.end,
                      .was_repeated = transmission.was_repeated},
                     facts.now, facts.path.min_rtt);
}

// RFC 4653's and Linux's measure: by how many segments something was overtaken.
void Recovery::note_reordering(SeqNum from, const AckFacts& facts, bool by_timestamps,
                               AckOutcome& outcome) {
  const SeqNum highest = board_.is_empty() ? facts.ack : board_.highest_sacked();
  if (from >= highest) return;
  const std::uint32_t segments = segments_of(octets_between(from, highest), facts.path.mss);
  if (segments > reordering_) reordering_ = std::min(segments, facts.knobs.most_reordering);
  ++reordering_seen_;
  outcome.count(by_timestamps ? Counter::tcp_ts_reorder : Counter::tcp_sack_reorder);
}

// ---- Without SACK.

std::uint32_t Recovery::reno_sacked() const {
  return reno_sacked_segments_ * reno_mss_;
}

// Of what is outstanding at least the hole itself has not left. True: more had to have left than
// were outstanding, so packets were reordered or repeated by the network.
bool Recovery::limit_reno_sacked() {
  const std::uint32_t outstanding = board_.outstanding_segments();
  const std::uint32_t holes = std::min(std::max(board_.lost().segments, 1U), outstanding);
  if (reno_sacked_segments_ + holes <= outstanding) return false;
  reno_sacked_segments_ = outstanding - holes;
  return true;
}

void Recovery::add_reno_sacked(std::uint32_t segments, const AckFacts& facts, AckOutcome& outcome) {
  if (segments == 0) return;
  reno_mss_ = facts.path.mss;
  const std::uint32_t before = reno_sacked_segments_;
  reno_sacked_segments_ += segments;
  if (limit_reno_sacked()) {
    reordering_ = std::min(board_.outstanding_segments(), facts.knobs.most_reordering);
    ++reordering_seen_;
    outcome.count(Counter::tcp_reno_reorder);
  }
  if (reno_sacked_segments_ > before) {
    outcome.newly_delivered += (reno_sacked_segments_ - before) * facts.path.mss;
    outcome.delivered_segments += reno_sacked_segments_ - before;
  }
}

void Recovery::remove_reno_sacked(std::uint32_t acked_segments, const AckFacts& facts,
                                  AckOutcome& outcome) {
  if (acked_segments != 0) {
    // One of them is the hole; the others are what duplicate ACKs stood for.
    reno_sacked_segments_ -= std::min(reno_sacked_segments_, acked_segments - 1);
  }
  if (!limit_reno_sacked()) return;
  reordering_ =
      std::min(board_.outstanding_segments() + acked_segments, facts.knobs.most_reordering);
  ++reordering_seen_;
  outcome.count(Counter::tcp_reno_reorder);
}

}  // namespace tuntcp::tcp::recovery
