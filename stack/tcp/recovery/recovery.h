// Loss recovery: what was lost and must be sent again. It is told facts about each ACK and timer,
// and answers with all that others need to know; it decides nothing about windows.
//
//   scoreboard      RFC 2018, 6675: which octets in flight are SACKed, lost, sent again
//   rack            RFC 8985, 6: what is lost, by time
//   tail_probe      RFC 8985, 7
//   undo            RFC 3522, 3708, 4015: was it a mistake
//   here            the five episodes; RFC 6582 without SACK; RFC 5682 (F-RTO); RFC 2018, 8
//
// Not here: how much may be sent (congestion/, prr.h), and when timers run out (../timeouts.cc).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "stack/base/seq_num.h"
#include "stack/base/time.h"
#include "stack/tcp/congestion/episode.h"
#include "stack/tcp/mib.h"
#include "stack/tcp/recovery/delivery_rate.h"
#include "stack/tcp/recovery/rack.h"
#include "stack/tcp/recovery/scoreboard.h"
#include "stack/tcp/recovery/tail_probe.h"
#include "stack/tcp/recovery/undo.h"

namespace tuntcp::tcp::recovery {

// What the connection knows and recovery asks for.
struct Knobs {
  std::uint32_t initial_reordering = 3;  // tcp_reordering
  std::uint32_t most_reordering = 300;   // tcp_max_reordering
  std::uint32_t rack = 1;                // tcp_recovery: the bits below
  bool frto = true;                      // tcp_frto
};
inline constexpr std::uint32_t kFixedWindow = 2;
inline constexpr std::uint32_t kNoDupThresh = 4;
struct Path {
  Duration min_rtt;
  Duration srtt;
  std::uint32_t mss = 0;
  bool has_sack = false;  // both ends agreed on it
};

// An acceptable ACK.
struct AckFacts {
  Instant now;
  SeqNum ack;
  SeqNum snd_nxt;
  Path path;
  Knobs knobs;
  // As they came, but for the D-SACK (RFC 2883, 4), which is apart.
  std::span<const SeqRange> sack;
  std::optional<SeqRange> dsack;
  std::uint32_t max_wnd = 0;             // Max(SND.WND): a D-SACK of more is a lie
  std::optional<std::uint32_t> ts_echo;  // TSecr, where timestamps are agreed on ...
  std::uint32_t ts_now = 0;              // ... and what a TSval would be now
  bool brings_text = false;
  bool updates_window = false;
  bool echoes_congestion = false;  // ECE
  bool can_send_new = false;       // text waits, and the peer's window has room for it
};

// What became of the congestion episode, in the order in which it happened.
enum class Change : std::uint8_t {
  entered_cwr,
  entered_recovery,  // and the window is to be reduced
  probe_repaired,    // a tail loss probe repaired a loss: reduced at once (RFC 8985, 7.4.2)
  finished,          // what was outstanding when it began is acknowledged
  undone,            // nothing had been lost
};

// What is to be done with the retransmission timer.
enum class TimerWish : std::uint8_t { keep, restart, reneging };

struct AckOutcome {
  // Octets, as this ACK shows them for the first time.
  std::uint32_t newly_acked = 0;  // by which SND.UNA moved
  std::uint32_t newly_sacked = 0;
  std::uint32_t newly_delivered = 0;  // acknowledged or SACKed, each octet once
  std::uint32_t newly_lost = 0;
  std::uint32_t delivered_segments = 0;
  std::uint32_t dsacked_segments = 0;  // that arrived twice
  bool una_advanced = false;
  bool made_progress = false;  // something was acknowledged or SACKed
  // Since the oldest, and since the latest, of the octets left that were delivered and had been
  // sent once (Karn): what the RTO and what delay-based algorithms want. Absent: ambiguous.
  std::optional<Duration> rtt;
  std::optional<Duration> latest_rtt;
  RateSample rate;
  TimerWish timer = TimerWish::keep;
  // Zero: none. Otherwise the reorder timer takes the retransmission timer's place for this long.
  Duration reorder_wait = Duration::zero();

  std::span<const Change> changes() const { return {changes_.data(), change_count_}; }
  std::span<const Counter> counted() const { return {counted_.data(), counted_count_}; }
  void change(Change change) {
    if (change_count_ < changes_.size()) changes_[change_count_++] = change;
  }
  void count(Counter counter) {
    if (counted_count_ < counted_.size()) counted_[counted_count_++] = counter;
  }

 private:
  std::array<Change, 6> changes_{};
  std::array<Counter, 12> counted_{};
  std::uint8_t change_count_ = 0;
  std::uint8_t counted_count_ = 0;
};

class Recovery {
 public:
  // Before anything else. `reordering`: tcp_reordering.
  void start(TransmissionPool& pool, std::uint32_t reordering) {
    board_.use(pool);
    reordering_ = reordering;
  }
  void end();  // the connection is over

  // ---- Sending.

  bool has_room_for(Instant now, std::uint32_t mss) const { return board_.has_room_for(now, mss); }
  // New octets (or a FIN) leave; has_room_for() was true.
  void on_sent(const Sending& sending);
  // Octets that next_due() named, or a probe, leave again. `timestamp`: TSval's clock.
  void on_repeated(const Sending& sending, std::uint32_t timestamp);
  void on_rescued(const Sending& sending,
                  std::uint32_t timestamp);  // rescue_segment() leaves again
  void on_probe_sent(SeqNum snd_nxt, bool is_retransmission) {
    probe_.on_sent(snd_nxt, is_retransmission);
  }
  void on_app_limited() { rate_.on_app_limited(in_flight()); }

  // ---- ACKs and timers.

  AckOutcome on_ack(const AckFacts& facts);
  struct TimeoutFacts {
    Instant now;
    SeqNum snd_nxt;
    Path path;
    Knobs knobs;
    bool is_repeated = false;  // not the first of a row
  };
  struct TimeoutOutcome {
    std::uint32_t newly_lost = 0;
    std::uint32_t lost_again = 0;    // retransmissions among it
    bool begins_episode = false;     // the window is to be reduced: RFC 5681, 3.1
    std::optional<Counter> failure;  // what it was that did not succeed
    bool was_reneging = false;
  };
  // The retransmission timer ran out: RFC 6298, 5.4.
  TimeoutOutcome on_timeout(const TimeoutFacts& facts);
  // The reorder timer ran out: what left long enough before something delivered is lost.
  AckOutcome on_reorder_timeout(const TimeoutFacts& facts);
  // The path carries segments of no more than `mss` octets: longer ones must be cut anew; nothing
  // says that it is congested (RFC 1191, 6.4). Returns the octets that are to be sent again.
  std::uint32_t on_smaller_path(std::uint32_t mss);

  // ---- Questions.

  // The first range that must be sent again, no longer than one transmission.
  std::optional<SeqRange> next_due() const;
  // The last segment that is not SACKed, which a tail loss probe repeats; absent if there is none.
  // Deviation: RFC 8985, 7.3 repeats the last one even if its SACK came meanwhile, which would tell
  // nothing.
  std::optional<SeqRange> last_segment() const;
  // RFC 6675, 4, NextSeg (4): the highest outstanding segment that is not SACKed, once an episode.
  std::optional<SeqRange> rescue_segment() const;
  std::uint32_t in_flight() const {
    return board_.in_flight() - std::min(reno_sacked(), board_.in_flight());
  }
  Episode episode() const { return episode_; }
  bool in_recovery() const { return episode_ == Episode::recovery; }
  bool in_loss() const { return episode_ == Episode::loss; }
  bool is_reducing() const { return episode_ == Episode::cwr || episode_ == Episode::recovery; }
  bool has_outstanding() const { return !board_.is_empty(); }
  bool has_sacked() const { return board_.sacked().octets != 0 || reno_sacked_segments_ != 0; }
  bool has_lost() const { return board_.lost().octets != 0; }
  bool has_due() const { return board_.has_due(); }
  // F-RTO sends new octets now instead of what is lost (RFC 5682, 2.1, step 2.b).
  bool prefers_new() const { return is_testing_; }
  bool sent_new_for_test(SeqNum snd_nxt) const { return is_testing_ && snd_nxt > end_of_episode_; }
  const TailProbe& probe() const { return probe_; }
  // When the oldest outstanding octet was last sent; never() if nothing is outstanding.
  Instant oldest_sent_at() const;
  std::uint32_t reordering() const { return reordering_; }  // segments
  std::uint32_t reordering_seen() const { return reordering_seen_; }
  const DeliveryRate& rate() const { return rate_; }
  // Segments, as Linux counts them: tcpi_unacked, tcpi_sacked, tcpi_lost, tcpi_retrans.
  struct Segments {
    std::uint32_t outstanding = 0;
    std::uint32_t sacked = 0;
    std::uint32_t lost = 0;
    std::uint32_t repeated = 0;
  };
  Segments segments() const;
  void describe(Canonical& out) const;

 private:
  struct Evidence;  // what one ACK showed: recovery.cc

  const Transmission* last_not_sacked() const;
  void enter(Episode next, SeqNum snd_nxt);
  // What the ACK says, applied to the scoreboard: sack.cc.
  void take_dsack(const AckFacts& facts, Evidence& evidence, AckOutcome& outcome);
  void take_sack_blocks(const AckFacts& facts, Evidence& evidence, AckOutcome& outcome);
  void take_sack_block(SeqRange block, const AckFacts& facts, Evidence& evidence,
                       AckOutcome& outcome);
  void take_cumulative(const AckFacts& facts, Evidence& evidence, AckOutcome& outcome);
  void note_delivered(const Transmission& transmission, std::uint32_t octets,
                      const AckFacts& facts);
  void note_reordering(SeqNum from, const AckFacts& facts, bool by_timestamps, AckOutcome& outcome);
  // What it means: recovery.cc.
  void conclude(const AckFacts& facts, Evidence& evidence, AckOutcome& outcome);
  bool leave_episode(const AckFacts& facts, Evidence& evidence, AckOutcome& outcome);
  void in_fast_recovery(const AckFacts& facts, Evidence& evidence, AckOutcome& outcome);
  bool after_timeout(const AckFacts& facts, Evidence& evidence, AckOutcome& outcome);
  void find_losses(const AckFacts& facts, Evidence& evidence, AckOutcome& outcome);
  void find_losses_without_sack(const AckFacts& facts, const Evidence& evidence,
                                AckOutcome& outcome);
  void detect(Instant now, const Path& path, const Knobs& knobs, AckOutcome& outcome);
  void lose(Transmission& transmission, AckOutcome& outcome);
  void begin_recovery(SeqNum snd_nxt, bool echoes_congestion, const Path& path,
                      AckOutcome& outcome);
  void begin_reduction(SeqNum snd_nxt);
  void try_to_open(const AckFacts& facts, AckOutcome& outcome);
  void keep_open(SeqNum snd_nxt);
  void undo(bool forgets_losses, AckOutcome& outcome);
  bool may_undo(const AckFacts& facts) const;
  bool undo_by_dsack(AckOutcome& outcome);
  bool undo_partially(const AckFacts& facts, const Evidence& evidence, AckOutcome& outcome);
  bool undo_timeout(const AckFacts& facts, bool by_frto, AckOutcome& outcome);
  bool undo_or_finish(const AckFacts& facts, AckOutcome& outcome);
  void take_probe_answer(const AckFacts& facts, const Evidence& evidence, AckOutcome& outcome);
  bool holds_state(const AckFacts& facts);
  bool any_repeated_outstanding() const;
  std::optional<Counter> failure_counter(bool has_sack) const;
  // Without SACK duplicate ACKs stand for segments that left the network (RFC 6582; Linux's
  // emulation).
  std::uint32_t reno_sacked() const;
  void add_reno_sacked(std::uint32_t segments, const AckFacts& facts, AckOutcome& outcome);
  void remove_reno_sacked(std::uint32_t acked_segments, const AckFacts& facts, AckOutcome& outcome);
  bool limit_reno_sacked();

  Scoreboard board_;
  Rack rack_;
  TailProbe probe_;
  Undo undo_;
  DeliveryRate rate_;
  SeqNum end_of_episode_;  // RFC 6675's RecoveryPoint, Linux's high_seq
  std::uint32_t reordering_ = 3;
  std::uint32_t reordering_seen_ = 0;
  std::uint32_t reno_sacked_segments_ = 0;
  std::uint32_t reno_mss_ = 536;
  std::uint64_t dsacked_segments_ = 0;
  std::uint64_t repeated_segments_ = 0;  // ever
  Episode episode_ = Episode::open;
  bool may_restore_ = false;  // an undo may restore the window: no ECE came meanwhile
  bool in_frto_ = false;
  bool is_testing_ = false;   // ... and new octets are sent before what is lost (step 2.b)
  bool is_reneging_ = false;  // until the episode ends
  bool has_rescued_ = false;  // in this recovery
};

}  // namespace tuntcp::tcp::recovery
