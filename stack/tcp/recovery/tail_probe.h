// The tail loss probe: when no ACK comes, one segment asks for one before the retransmission timer
// runs out. RFC 8985, 7: when it is sent, and what its answer says.
#pragma once

#include <algorithm>
#include <cstdint>

#include "stack/base/seq_num.h"
#include "stack/base/time.h"

namespace tuntcp::tcp::recovery {

// 7.2, TLP_calc_PTO(): how long to wait for an ACK. `rto` is what it may not exceed.
struct ProbeWait {
  Duration srtt;  // zero: none was measured
  Duration rto;
  Duration delayed_ack;  // that the peer may take for a single segment (WCDelAckT; Linux: rto_min)
  bool is_single = false;  // one segment is in flight
};
inline Duration probe_timeout(const ProbeWait& wait) {
  // As Linux: an ACK that is on its way should win the race with the probe.
  constexpr Duration kSlack = 2_ms;
  Duration timeout = 1_s;
  if (wait.srtt != Duration::zero()) {
    timeout = wait.srtt * 2 + (wait.is_single ? wait.delayed_ack : kSlack);
  }
  return std::min(timeout, wait.rto);
}

// What an ACK may say about a probe.
struct ProbeAck {
  SeqNum ack;
  bool is_dsack_of_probe = false;
  // Nothing new: no text, no window update, no SACK, SND.UNA as before.
  bool is_pure_duplicate = false;
};

// One probe and its end: 7.4.2.
class TailProbe {
 public:
  enum class Verdict : std::uint8_t { none, no_loss, repaired_loss };

  void on_sent(SeqNum snd_nxt, bool is_retransmission) {
    is_out_ = true;
    end_ = snd_nxt;
    is_retransmission_ = is_retransmission;
  }
  bool is_out() const { return is_out_; }
  bool is_retransmission() const { return is_out_ && is_retransmission_; }
  SeqNum end() const { return end_; }
  void forget() { is_out_ = false; }

  Verdict on_ack(const ProbeAck& ack) {
    if (!is_out_ || ack.ack < end_) return Verdict::none;
    // New text needs no conclusion: its ACK shows that the tail arrived.
    if (!is_retransmission_ || ack.is_dsack_of_probe) return conclude(Verdict::no_loss);
    // The ACK is for something that left after the probe, and no D-SACK came: the probe filled a
    // hole, which is a loss that must be answered.
    if (ack.ack > end_) return conclude(Verdict::repaired_loss);
    return ack.is_pure_duplicate ? conclude(Verdict::no_loss) : Verdict::none;
  }

 private:
  Verdict conclude(Verdict verdict) {
    is_out_ = false;
    return verdict;
  }

  SeqNum end_;  // TLP.end_seq
  bool is_out_ = false;
  bool is_retransmission_ = false;  // TLP.is_retrans
};

}  // namespace tuntcp::tcp::recovery
