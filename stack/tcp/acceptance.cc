#include "stack/tcp/acceptance.h"

namespace tuntcp::tcp {

bool is_acceptable(SeqNum seq, std::uint32_t len, SeqNum rcv_nxt, std::uint32_t rcv_wnd) {
  if (len == 0) {
    if (rcv_wnd == 0) return seq == rcv_nxt;
    return rcv_nxt <= seq && seq < rcv_nxt + rcv_wnd;
  }
  if (rcv_wnd == 0) return false;
  const SeqRange window{rcv_nxt, rcv_nxt + rcv_wnd};
  return window.contains(seq) || window.contains(seq + (len - 1));
}

bool fails_paws(std::uint32_t ts_value, std::uint32_t ts_recent, Duration age,
                std::int32_t forgiven_ticks) {
  if (age >= kTimestampIsTrusted) return false;
  // Deviation: RFC 7323, 5.3 knows no such exception. The SYNs of some hosts say 0 and what they
  // send next any number, half of which would be older: Linux takes a 0 for none.
  if (ts_recent == 0) return false;
  return static_cast<std::int32_t>(ts_recent - ts_value) > forgiven_ticks;
}

RstVerdict judge_rst(SeqNum seq, SeqNum rcv_nxt, std::uint32_t rcv_wnd) {
  if (seq == rcv_nxt) return RstVerdict::reset;
  if (SeqRange{rcv_nxt, rcv_nxt + rcv_wnd}.contains(seq)) return RstVerdict::challenge;
  return RstVerdict::ignore;
}

AckVerdict judge_ack(SeqNum ack, SeqNum snd_una, SeqNum snd_nxt, std::uint32_t max_window) {
  if (ack > snd_nxt) return AckVerdict::not_yet_sent;
  if (ack > snd_una) return AckVerdict::acceptable;
  if (ack < snd_una - max_window) return AckVerdict::too_old;
  return AckVerdict::duplicate;
}

}  // namespace tuntcp::tcp
