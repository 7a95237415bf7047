// Judgements that SYN-RECEIVED, TIME-WAIT and the full machine share: pure functions of a few
// numbers. RFC 9293, 3.10.7.4; RFC 5961; RFC 7323, 5.
#pragma once

#include <cstdint>

#include "stack/base/seq_num.h"
#include "stack/base/time.h"
#include "stack/tcp/segment.h"

namespace tuntcp::tcp {

// First: is any of the segment inside the receive window? The four cases of 3.10.7.4.
bool is_acceptable(SeqNum seq, std::uint32_t len, SeqNum rcv_nxt, std::uint32_t rcv_wnd);

// RFC 7323, 5.3, R1: does the timestamp say that this is an old duplicate? `age` is how long ago
// ts_recent was taken. What is older by `forgiven_ticks` passes, and so does all after a 0.
bool fails_paws(std::uint32_t ts_value, std::uint32_t ts_recent, Duration age,
                std::int32_t forgiven_ticks);
// While a connection lives Linux forgives one tick: a multi-core peer may stamp two segments in the
// wrong order.
inline constexpr std::int32_t kForgivenTicks = 1;
// RFC 7323, 5.5: after 24 days a timestamp may have wrapped and tells nothing.
inline constexpr Duration kTimestampIsTrusted = Duration::seconds(24 * 24 * 3600);

// Second: what does a RST deserve? RFC 5961, 3.2: only an exact hit kills.
enum class RstVerdict : std::uint8_t { ignore, challenge, reset };
RstVerdict judge_rst(SeqNum seq, SeqNum rcv_nxt, std::uint32_t rcv_wnd);

// Fifth: may this acknowledgment be believed? RFC 5961, 5.2 (MAY-12): neither above what was sent
// nor older than the largest window the peer ever offered.
enum class AckVerdict : std::uint8_t {
  acceptable,  // SND.UNA < SEG.ACK <= SND.NXT
  duplicate,   // SEG.ACK <= SND.UNA, but not too old
  too_old,
  not_yet_sent,  // SEG.ACK > SND.NXT
};
AckVerdict judge_ack(SeqNum ack, SeqNum snd_una, SeqNum snd_nxt, std::uint32_t max_window);

}  // namespace tuntcp::tcp
