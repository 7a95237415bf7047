#include "stack/tcp/output.h"

#include <algorithm>
#include <array>

#include "stack/tcp/ack_policy.h"
#include "stack/tcp/congestion_events.h"
#include "stack/tcp/negotiation.h"
#include "stack/tcp/pacing.h"
#include "stack/tcp/path_mtu.h"
#include "stack/tcp/segment_writer.h"
#include "stack/tcp/send_decision.h"
#include "stack/tcp/timeouts.h"
#include "stack/tcp/timestamps.h"
#include "stack/tcp/user_calls.h"
#include "stack/tcp/window_policy.h"
#include "stack/wire/ip.h"

namespace tuntcp::tcp {
namespace {

// A turn's packets, so that one connection with a large window does not starve the others.
constexpr int kPacketsPerTurn = 16;
// How soon a connection tries again whose packet the device did not take for what it was.
constexpr Duration kRetryRefused = 1_ms;

using wire::SendResult;

bool was_accepted(SendResult result) {
  return result == SendResult::sent || result == SendResult::down;
}

bool is_refused(SendResult result) {
  return result == SendResult::too_big || result == SendResult::no_gso;
}

void count_sent(Shared& shared, Family family, SendResult result, std::uint32_t segments) {
  const bool v4 = family == Family::ipv4;
  shared.mib.add(v4 ? Counter::ip_out_requests : Counter::ip6_out_requests);
  shared.mib.add(Counter::tcp_out_segs, segments);
  if (result == SendResult::down) {
    shared.mib.add(v4 ? Counter::ip_out_discards : Counter::ip6_out_discards);
  }
}

// ---- Options of a segment that is not a SYN: timestamps, D-SACK and SACK blocks.

wire::TcpOptions options_for(const Tcb& tcb, Instant now) {
  wire::TcpOptions options;
  if (tcb.agreed.timestamps) {
    options.timestamps = {.value = timestamp_clock(tcb.ts, now), .echo = tcb.ts.recent};
  }
  if (!tcb.agreed.sack) return options;
  std::size_t room = tcb.agreed.timestamps ? 3 : 4;
  // RFC 2883, 4: the duplicate goes first.
  if (tcb.ack.dsack) {
    options.sack[options.sack_count++] = *tcb.ack.dsack;
    --room;
  }
  if (!tcb.reassembly.is_empty()) {
    std::array<SeqRange, 4> blocks;
    const std::size_t found = std::min(tcb.reassembly.sack_blocks(blocks), room);
    for (std::size_t i = 0; i < found; ++i) options.sack[options.sack_count++] = blocks[i];
  }
  return options;
}

std::uint32_t option_octets(const wire::TcpOptions& options) {
  std::uint32_t octets = options.timestamps ? 12 : 0;
  if (options.sack_count != 0) octets += 4 + 8U * options.sack_count;
  return octets;
}

// ---- One connection's turn.

class Turn {
 public:
  Turn(Tcb& tcb, Instant now, wire::PacketSink& sink) : tcb_(tcb), now_(now), sink_(sink) {}

  OutputResult run() {
    const OutputResult result = send_what_may_leave();
    // The device did not take this connection's packet for what it was: it waits, others need not.
    if (was_refused_ && result == OutputResult::idle) {
      tcb_.deadlines.set(Timer::pacing, now_ + kRetryRefused);
    }
    return result;
  }

  // What keeps more from leaving, now that all has left that may.
  BusyTime::Limit limit() const {
    const std::uint32_t unsent = tcb_.unsent();
    if (unsent == 0 && !tcb_.recovery.has_outstanding()) return BusyTime::Limit::idle;
    if (unsent == 0) {
      return tcb_.send_was_refused ? BusyTime::Limit::send_buffer : BusyTime::Limit::other;
    }
    const SeqNum window_end = tcb_.snd.una + tcb_.snd.wnd;
    const std::uint32_t room =
        window_end > tcb_.snd.nxt ? octets_between(tcb_.snd.nxt, window_end) : 0;
    const bool path_has_room = tcb_.recovery.in_flight() < congestion_window(tcb_);
    return path_has_room && room < std::min(unsent, mss_now()) ? BusyTime::Limit::peer_window
                                                               : BusyTime::Limit::other;
  }

 private:
  enum class Step : std::uint8_t { sent, refused, nothing, blocked };

  OutputResult send_what_may_leave() {
    follow_path(tcb_, now_);
    if (tcb_.syn_due) return send_syn();
    if (!kSynchronized.contains(tcb_.state)) return send_owed_ack();
    tcb_.deadlines.cancel(Timer::pacing);
    end_pause();
    // A device may take back an offload or shrink in the middle of a turn: decide again, knowing.
    for (int packets = 0; packets < kPacketsPerTurn; ++packets) {
      const Step step = send_next();
      if (step == Step::blocked) {
        arm_device_timer(tcb_, now_);
        return OutputResult::blocked;
      }
      if (step == Step::nothing) return finish();
    }
    arm_send_timers(tcb_, now_, sent_new_);
    return was_refused_ ? OutputResult::idle : OutputResult::more;
  }

  OutputResult finish() {
    // What left meanwhile asks the peer as well.
    if (tcb_.recovery.has_outstanding()) tcb_.probe_due = false;
    if (tcb_.probe_due && send_probe() == Step::blocked) return OutputResult::blocked;
    const bool is_short_of_text = tcb_.unsent() < mss_now() && !tcb_.recovery.has_due() &&
                                  tcb_.recovery.in_flight() < congestion_window(tcb_);
    if (is_short_of_text) tcb_.recovery.on_app_limited();
    arm_send_timers(tcb_, now_, sent_new_);
    return send_owed_ack();
  }

  // After a pause the path must be probed again (RFC 9293, 3.8.2; RFC 2861), once there is room for
  // text to leave: a peer that keeps its window closed is no pause.
  void end_pause() {
    if (tcb_.has_unsent() && tcb_.snd.una == tcb_.snd.nxt && tcb_.snd.wnd != 0) {
      end_idle_period(tcb_, now_);
    }
  }

  OutputResult send_owed_ack() {
    if (!tcb_.ack.now) return OutputResult::idle;
    const Step step = send(tcb_.snd.nxt, 0, {});
    return step == Step::blocked ? OutputResult::blocked : OutputResult::idle;
  }

  OutputResult send_syn();
  Step send_next();
  Step send_again(const SendDecision& decision, std::uint32_t mss);
  Step send_new(const SendDecision& decision, std::uint32_t mss);
  Step send_probe();
  // RFC 3168, 5: ECT(0) only for new text (6.1.4, 6.1.5, 6.1.6).
  enum class Codepoint : std::uint8_t { not_ect = 0, ect0 = 2 };
  Step send(SeqNum seq, std::uint32_t octets, Flags extra,
            Codepoint codepoint = Codepoint::not_ect);

  void note_window_use(bool is_held_by_the_window) {
    tcb_.window_use.on_sent({.una = tcb_.snd.una,
                             .nxt = tcb_.snd.nxt,
                             .outstanding = octets_between(tcb_.snd.una, tcb_.snd.nxt),
                             .is_held_by_the_window = is_held_by_the_window});
  }
  std::uint32_t most_text(std::uint32_t mss, std::uint32_t headers) const {
    // Each segment has an urgent pointer of its own, which no device would know to write. Nor is
    // every device to be trusted with options of IP.
    if (tcb_.sends_urgent() || tcb_.ip_option_octets != 0) return mss;
    const std::uint32_t gso = tcb_.shared->link_of(tcb_).gso_max_octets;
    if (gso <= headers + mss) return mss;
    const std::uint32_t whole = std::min(gso, wire::kIpMaxOctets) - headers;
    return whole - whole % mss;
  }
  std::uint32_t header_octets(std::uint32_t options) const {
    return wire::ip_header_octets(tcb_.tuple.family()) + wire::kTcpHeaderOctets + options;
  }
  // How IP is to carry it. Packets that routers may cut need numbers that differ (RFC 6864, 4.1);
  // the device that cuts a super-packet counts on from its.
  void take_ip_fields(OutgoingSegment& segment, std::uint32_t segments, Codepoint codepoint) {
    segment.hop_limit = hop_limit();
    segment.traffic_class = traffic_class(codepoint);
    segment.flow_label = tcb_.flow_label;
    if (tcb_.ip_option_octets != 0) segment.route = tcb_.shared->routes.find(tcb_.tuple);
    segment.dont_fragment = sets_dont_fragment(tcb_);
    if (segment.dont_fragment) return;
    segment.identification = tcb_.ip_id;
    tcb_.ip_id = static_cast<std::uint16_t>(tcb_.ip_id + segments);
  }
  std::uint32_t mss_now() const {
    return effective_send_mss(tcb_, option_octets(options_for(tcb_, now_)));
  }

  std::uint8_t hop_limit() const {
    return tcb_.hop_limit.value_or(static_cast<std::uint8_t>(sysctl(tcb_).ip_default_ttl));
  }

  // The DS field is the application's (MUST-48), the two bits below it are not.
  std::uint8_t traffic_class(Codepoint codepoint) const {
    constexpr unsigned kDsField = 0xfc;
    return static_cast<std::uint8_t>((tcb_.traffic_class & kDsField) |
                                     static_cast<unsigned>(codepoint));
  }

  Tcb& tcb_;
  const Instant now_;
  wire::PacketSink& sink_;
  bool sent_new_ = false;     // text or a FIN for the first time: the tail is another one
  bool was_refused_ = false;  // the latest packet, by a device that took others
};

OutputResult Turn::send_syn() {
  const Shared& shared = *tcb_.shared;
  const std::uint16_t mss = advertised_mss(tcb_);
  OutgoingSegment segment{.tuple = tcb_.tuple, .seq = tcb_.snd.iss, .ack = tcb_.rcv.nxt};
  take_ip_fields(segment, 1, Codepoint::not_ect);
  const std::uint32_t clock = timestamp_clock(tcb_.ts, now_);
  if (tcb_.state == State::syn_sent) {
    segment.flags = Flag::syn;
    // RFC 3168, 6.1.1, and 6.1.1.1: where SYNs that ask for ECN are dropped, one that does not gets
    // through.
    const bool falls_back = tcb_.retransmits != 0 && shared.sysctl.tcp_ecn_fallback != 0;
    if (tcb_.agreed.ecn && !falls_back) segment.flags |= Flag::ece | Flag::cwr;
    segment.options = offer(tcb_.offered, mss, clock);
    // Deviation: RFC 7323, 3.2 would have 0 here (SHOULD). As in Linux the SYN of an incarnation
    // that took over a TIME-WAIT shows the last timestamp of the old one.
    if (segment.options.timestamps) segment.options.timestamps->echo = tcb_.ts.recent;
  } else {
    // Simultaneous open (MUST-10): our SYN again, with an acknowledgment of the peer's.
    segment.flags = Flag::syn | Flag::ack;
    if (tcb_.agreed.ecn) segment.flags |= Flag::ece;
    const PeerOffer agreed{.window_shift = tcb_.snd.wscale,
                           .has_window_shift = tcb_.agreed.window_scaling,
                           .has_timestamps = tcb_.agreed.timestamps,
                           .has_sack = tcb_.agreed.sack};
    segment.options =
        answer(agreed, tcb_.offered.window_shift, mss, {.value = clock, .echo = tcb_.ts.recent});
  }
  // An ACK in SYN-RECEIVED rounded the window up to its scale's unit; it never shrinks (SHLD-14).
  segment.wnd = std::max(initial_window(tcb_.space.buffer, mss, tcb_.space.asked_clamp),
                         static_cast<std::uint16_t>(std::min(tcb_.rcv.wnd(), 65'535U)));
  tcb_.rcv.edge = later_of(tcb_.rcv.edge, tcb_.rcv.nxt + segment.wnd);
  const SendResult result = send_segment(segment, shared.link_of(tcb_), sink_);
  was_refused_ = is_refused(result);
  if (was_refused_) return OutputResult::idle;
  if (!was_accepted(result)) return OutputResult::blocked;
  count_sent(*tcb_.shared, tcb_.tuple.family(), result, 1);
  ++tcb_.segments_out;
  tcb_.syn_due = false;
  tcb_.ack.now = false;
  tcb_.last_sent = now_;
  arm_syn_timer(tcb_, now_);
  return OutputResult::idle;
}

Turn::Step Turn::send_next() {
  const std::uint32_t options = option_octets(options_for(tcb_, now_));
  const std::uint32_t mss = effective_send_mss(tcb_, options);
  const SendDecision decision =
      decide_send(tcb_, {.mss = mss, .most = most_text(mss, header_octets(options))}, now_);
  if (decision.reason == SendReason::nothing) {
    if (decision.not_before != Instant::never()) {
      tcb_.deadlines.set(Timer::pacing, decision.not_before);
    }
    tcb_.tail_probe_due = false;
    if (decision.is_deferred) note_window_use(/*is_held_by_the_window=*/true);
    return Step::nothing;
  }
  const Step step = decision.is_new ? send_new(decision, mss) : send_again(decision, mss);
  if (step != Step::sent) return step;
  on_paced(tcb_, decision.octets, now_);
  if (decision.reason != SendReason::tail_probe) return step;
  tcb_.tail_probe_due = false;
  tcb_.recovery.on_probe_sent(tcb_.snd.nxt, /*is_retransmission=*/!decision.is_new);
  mib(tcb_).add(Counter::tcp_loss_probes);
  restart_retransmission_timer(tcb_, now_);
  // The timer's own, not another probe.
  sent_new_ = false;
  return step;
}

Turn::Step Turn::send_again(const SendDecision& decision, std::uint32_t mss) {
  const SeqNum begin = decision.begin;
  const SeqNum end = begin + decision.octets;
  // MUST-61 holds for what is sent again as well: the last octets that are queued carry PSH.
  const bool takes_last = decision.octets != 0 && tcb_.push_at_end && end == tcb_.send_buffer.end();
  Flags flags = takes_last ? Flags(Flag::psh) : Flags();
  if (decision.with_fin) flags |= Flag::fin;
  const Step step = send(begin, decision.octets, flags);
  if (step != Step::sent) return step;
  const std::uint32_t segments = wire_segments(decision.octets, mss);
  mib(tcb_).add(Counter::tcp_retrans_segs, segments);
  if (decision.reason == SendReason::lost) {
    mib(tcb_).add(
        tcb_.recovery.in_loss() ? Counter::tcp_slow_start_retrans : Counter::tcp_fast_retrans,
        segments);
  }
  tcb_.octets_retransmitted += decision.octets;
  tcb_.segments_retransmitted += segments;
  tcb_.prr.on_sent(decision.octets);
  const recovery::Sending sending{.range = {begin, end + (decision.with_fin ? 1U : 0U)},
                                  .mss = mss,
                                  .segments = segments,
                                  .now = now_};
  const std::uint32_t timestamp = timestamp_clock(tcb_.ts, now_);
  if (decision.reason == SendReason::rescue) {
    tcb_.recovery.on_rescued(sending, timestamp);
  } else {
    tcb_.recovery.on_repeated(sending, timestamp);
  }
  // As Linux: the first segment's timer begins when it leaves.
  if (begin == tcb_.snd.una && !tcb_.deadlines.is_set(Timer::reorder)) {
    restart_retransmission_timer(tcb_, now_);
  }
  return Step::sent;
}

Turn::Step Turn::send_new(const SendDecision& decision, std::uint32_t mss) {
  if (!tcb_.recovery.has_room_for(now_, mss)) return Step::nothing;
  const SeqNum begin = decision.begin;
  const std::uint32_t octets = decision.octets;
  // MUST-61: PSH on what empties the queue, unless the application said that more follows.
  const bool pushes = octets == tcb_.unsent() && octets != 0 && tcb_.push_at_end;
  Flags flags = pushes ? Flags(Flag::psh) : Flags();
  if (decision.with_fin) flags |= Flag::fin;
  const bool is_ecn_capable = tcb_.agreed.ecn && octets != 0;
  // RFC 3168, 6.1.2: "sets the CWR flag in the TCP header of the first new data packet sent after
  // the window reduction".
  if (is_ecn_capable && tcb_.ecn.cwr_due) flags |= Flag::cwr;
  const Step step =
      send(begin, octets, flags, is_ecn_capable ? Codepoint::ect0 : Codepoint::not_ect);
  if (step != Step::sent) return step;
  if (is_ecn_capable) tcb_.ecn.cwr_due = false;
  tcb_.snd.nxt = begin + octets + (decision.with_fin ? 1 : 0);
  tcb_.congestion->on_sent(now_, octets, tcb_.recovery.in_flight());
  tcb_.prr.on_sent(octets);
  tcb_.recovery.on_sent({.range = {begin, tcb_.snd.nxt},
                         .mss = mss,
                         .segments = wire_segments(octets, mss),
                         .now = now_});
  sent_new_ = true;
  note_window_use(tcb_.recovery.in_flight() + mss > congestion_window(tcb_));
  tcb_.octets_sent += octets;
  tcb_.last_sent = now_;
  if (octets % mss != 0) tcb_.small_end = tcb_.snd.nxt;
  if (octets != 0) on_text_sent(tcb_, now_);
  return Step::sent;
}

// RFC 9293, 3.8.6.1: something that makes the peer tell its window. As much text as the window has
// room for (silly-window override, 3.8.6.2.1, (4)), or an old sequence number and no text at all,
// which every TCP answers with an ACK.
Turn::Step Turn::send_probe() {
  const SeqNum window_end = tcb_.snd.una + tcb_.snd.wnd;
  const std::uint32_t room =
      window_end > tcb_.snd.nxt ? octets_between(tcb_.snd.nxt, window_end) : 0;
  const std::uint32_t octets = std::min({room, tcb_.unsent(), mss_now()});
  if (octets == 0) {
    // A closed window does not hold up the news that there is urgent data (3.8.5): once more with
    // a sequence number that SND.UP is ahead of.
    if (tcb_.sends_urgent() && send(tcb_.snd.una, 0, {}) == Step::blocked) return Step::blocked;
    const Step step = send(tcb_.snd.una - 1, 0, {});
    if (step == Step::sent) {
      tcb_.probe_due = false;
      mib(tcb_).add(tcb_.has_unsent() ? Counter::tcp_win_probe : Counter::tcp_keep_alive);
    }
    return step;
  }
  const SeqNum begin = tcb_.snd.nxt;
  const Step step = send(begin, octets, Flag::psh);
  if (step != Step::sent) return step;
  tcb_.probe_due = false;
  tcb_.probes = 0;
  tcb_.probe_back_off = 0;
  tcb_.probing_since = Instant();
  tcb_.snd.nxt = begin + octets;
  tcb_.recovery.on_sent(
      {.range = {begin, tcb_.snd.nxt}, .mss = mss_now(), .segments = 1, .now = now_});
  tcb_.octets_sent += octets;
  tcb_.small_end = tcb_.snd.nxt;
  return Step::sent;
}

// MUST-30: SND.UP as every segment below it tells it: in full, or as "further than this field can
// say" where all that has been sent is still below it.
struct Urgency {
  Flags flag{};
  std::uint16_t pointer = 0;
};
Urgency urgency_of(const Tcb& tcb, SeqNum seq) {
  constexpr std::uint32_t kFar = 65'535;
  if (!tcb.sends_urgent() || seq >= tcb.snd.up) return {};
  const std::uint32_t ahead = octets_between(seq, tcb.snd.up);
  if (ahead <= kFar) return {.flag = Flag::urg, .pointer = static_cast<std::uint16_t>(ahead)};
  if (seq + kFar > tcb.snd.nxt) return {.flag = Flag::urg, .pointer = kFar};
  return {};
}

// Builds and hands over one segment with `octets` of the send buffer from `seq` on.
Turn::Step Turn::send(SeqNum seq, std::uint32_t octets, Flags extra, Codepoint codepoint) {
  if (tcb_.ecn.echo) extra |= Flag::ece;
  const wire::LinkCapabilities& link = tcb_.shared->link_of(tcb_);
  const wire::TcpOptions options = options_for(tcb_, now_);
  const std::uint32_t mss = effective_send_mss(tcb_, option_octets(options));
  std::array<Bytes, buffer::SendBuffer::kMaxPieces> pieces;
  static_assert(buffer::SendBuffer::kMaxPieces <= wire::kMaxPayloadPieces);
  std::size_t piece_count = 0;
  if (octets != 0) {
    piece_count = tcb_.send_buffer.view({seq, seq + octets}, pieces);
  }
  const Urgency urgency = urgency_of(tcb_, seq);
  OutgoingSegment segment{.tuple = tcb_.tuple,
                          .seq = seq,
                          .ack = tcb_.rcv.nxt,
                          .flags = extra | urgency.flag | Flag::ack,
                          .wnd = window_to_advertise(tcb_),
                          .urgent_pointer = urgency.pointer,
                          .options = options,
                          .text = {pieces.data(), piece_count},
                          .text_octets = octets,
                          .mss = mss};
  const std::uint32_t segments = wire_segments(octets, mss);
  take_ip_fields(segment, segments, codepoint);
  const SendResult result = send_segment(segment, link, sink_);
  // A device that does not take this packet as it is takes those of others.
  was_refused_ = is_refused(result);
  if (was_refused_) return Step::refused;
  if (!was_accepted(result)) return Step::blocked;
  count_sent(*tcb_.shared, tcb_.tuple.family(), result, segments);
  tcb_.segments_out += segments;
  if (octets != 0) tcb_.data_segments_out += segments;
  if (tcb_.ack.dsack) {
    mib(tcb_).add(tcb_.ack.dsack->end <= tcb_.rcv.nxt ? Counter::tcp_dsack_old_sent
                                                      : Counter::tcp_dsack_ofo_sent);
  }
  on_ack_sent(tcb_);
  return Step::sent;
}

}  // namespace

OutputResult output(Tcb& tcb, Instant now, wire::PacketSink& sink) {
  Turn turn(tcb, now, sink);
  const OutputResult result = turn.run();
  if (kSynchronized.contains(tcb.state)) tcb.busy_time.note(turn.limit(), now);
  tell_if_writable(tcb);  // what is unsent is less now: tcp_notsent_lowat
  return result;
}

SendResult send_reply(const Reply& reply, Shared& shared, const wire::LinkCapabilities& link,
                      wire::PacketSink& sink) {
  const OutgoingSegment segment{.tuple = reply.tuple,
                                .seq = reply.seq,
                                .ack = reply.ack,
                                .flags = reply.flags,
                                .wnd = reply.wnd,
                                .hop_limit = reply.hop_limit.value_or(
                                    static_cast<std::uint8_t>(shared.sysctl.ip_default_ttl)),
                                .traffic_class = reply.traffic_class,
                                .flow_label = flow_label(shared, reply.tuple),
                                .route = reply.route ? &*reply.route : nullptr,
                                .options = reply.options};
  const SendResult result = send_segment(segment, link, sink);
  if (result == SendResult::retry) return result;
  count_sent(shared, reply.tuple.family(), result, 1);
  if (reply.flags.has(Flag::rst)) shared.mib.add(Counter::tcp_out_rsts);
  return result;
}

}  // namespace tuntcp::tcp
