// Congestion control: how much may be in flight. RFC 9293, 3.8.2; the algorithms beside this file.
//
// What was lost is decided in tcp/recovery, when a packet leaves in the pacer; a controller is told
// facts and answers with a window. It knows no connection and no clock, so users may bring their
// own. All amounts are octets. Thread rule: one caller at a time.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "stack/base/time.h"
#include "stack/tcp/congestion/episode.h"

namespace tuntcp::tcp::congestion {

// How fast octets were delivered over the last flight (the rate sample of BBR).
struct DeliveryRate {
  std::uint32_t delivered = 0;  // octets within `interval`
  Duration interval{};          // zero: no sample
  bool is_app_limited = false;  // the application, not the path, set the pace
  // Of the segment that was measured, when it left: octets delivered until then, octets in flight.
  std::uint64_t delivered_at_send = 0;
  std::uint32_t in_flight_at_send = 0;
  std::uint32_t lost_since_send = 0;
};

// Everything an algorithm may know about one ACK that acknowledges something, or SACKs it.
struct AckSample {
  Instant now{};
  std::uint32_t newly_acked = 0;   // by which SND.UNA moved
  std::uint32_t newly_sacked = 0;  // above SND.UNA
  // First known to have arrived by this ACK: acknowledged and not SACKed before, or SACKed. Windows
  // grow by this, so that no octet counts twice (Linux: acked_sacked).
  std::uint32_t newly_delivered = 0;
  std::uint32_t newly_lost = 0;
  std::uint32_t in_flight_before = 0;  // RFC 6675 pipe, before this ACK was looked at
  std::uint32_t in_flight_now = 0;
  std::optional<Duration> rtt{};  // of the most recently sent octet delivered; absent if ambiguous
  Duration min_rtt{};             // over tcp_min_rtt_wlen; zero before the first sample
  Duration srtt{};                // the same
  DeliveryRate rate{};
  std::uint32_t ce_marked = 0;
  std::uint32_t mss = 0;
  // The window was what kept us from sending more; if not, it has not been tested and must not
  // grow (RFC 7661, 4.2 has the argument; RFC 5681 is silent).
  bool is_cwnd_limited = false;
  bool round_started = false;  // the first ACK above what SND.NXT was when the last round began
  // New data was acknowledged, or, where the path reorders much, there was progress of any sort
  // (Linux: tcp_may_raise_cwnd). If not, a loss may be about to be found.
  bool may_raise = true;
  Episode episode = Episode::open;  // after this ACK
  std::uint64_t pacing_rate = 0;    // octets a second in effect; 0: not paced
};

// What on_loss(), on_timeout() and on_congestion_mark() are told.
struct LossEvent {
  Instant now{};
  std::uint32_t lost = 0;  // octets marked lost so far
  // RFC 5681's FlightSize: SND.NXT - SND.UNA when the loss was found, before anything was marked.
  std::uint32_t in_flight = 0;
  std::uint32_t in_flight_now = 0;  // RFC 6675 pipe, after the marking
  // A timeout, again, of what was sent again after a timeout already: ssthresh is held (RFC 5681,
  // 3.1).
  bool is_persistent = false;
};

// A pause in sending, about to end.
struct IdlePeriod {
  Instant now{};
  Duration idle{};  // since the last segment with data left
  Duration rto{};
};

struct Window {
  std::uint32_t cwnd = 0;
  std::uint32_t ssthresh = 0;
};
inline constexpr std::uint32_t kInfiniteSsthresh = std::numeric_limits<std::uint32_t>::max();

struct Rate {
  std::uint64_t octets_per_second = 0;
};

// Receives an algorithm's own variables, for traces and for searches that must know a state again.
class Describer {
 public:
  virtual ~Describer() = default;
  virtual void value(const char* name, std::uint64_t value) = 0;
  virtual void since(const char* name, Instant when) = 0;  // Instant(): never
};

// RFC 6928, 2, with Linux's TCP_INIT_CWND.
// Deviation: the RFC lets segments above 1460 octets have fewer, as few as two; to Linux ten is
// ten, and so it is for the restart window.
inline constexpr std::uint32_t kInitialSegments = 10;

// How CUBIC finds the end of its first slow start: net.tuntcp.tcp_cubic_hystart.
enum class SlowStartExit : std::uint8_t { by_loss, hystart, hystart_plus_plus };

struct Start {
  std::uint32_t mss = 0;
  std::uint32_t segments = kInitialSegments;  // one, if the SYN was lost again and again
  Instant now{};
  // A controller that takes over from another finds its window and its episode.
  std::uint32_t ssthresh = kInfiniteSsthresh;
  Episode episode = Episode::open;
  SlowStartExit exit = SlowStartExit::hystart;
  bool abe = false;  // RFC 8511: a mark costs less than a loss; net.tuntcp.tcp_abe
};

// Slow start ended before a loss: for the counters TCPHystartTrainDetect and its kin.
struct EarlyExit {
  enum class By : std::uint8_t { ack_train, delay };
  By by = By::delay;
  std::uint32_t cwnd_segments = 0;
};

class Controller {
 public:
  virtual ~Controller() = default;

  // At most 15 characters, none of them a blank, that live as long as the program.
  virtual const char* name() const = 0;
  // The handshake is over and the sender's MSS is known (without options), or the connection chose
  // this controller later. Once, before the rest.
  virtual void init(const Start& start) = 0;
  // Path MTU discovery found another one.
  virtual void on_mss_change(std::uint32_t mss) = 0;

  // Text left. `in_flight` is the pipe before it: 0 begins a new flight.
  virtual void on_sent(Instant now, std::uint32_t octets, std::uint32_t in_flight) = 0;
  // Also for ACKs that only SACK. In the episodes cwr and recovery cwnd must not grow.
  virtual void on_ack(const AckSample& ack) = 0;
  // Fast retransmit begins: once per loss episode. The window is ssthresh at once; how sending gets
  // there is for Proportional Rate Reduction to say (RFC 9937, ../recovery).
  virtual void on_loss(const LossEvent& loss) = 0;
  // The peer echoes that a packet was marked on its way (RFC 3168, 6.1.2): once per window of text,
  // and not while a loss episode lasts. Until on_recovery_exit(), on_loss() or on_timeout().
  virtual void on_congestion_mark(const LossEvent& mark) = 0;
  // The retransmission timer expired; again for each back-off. The window is one segment beyond
  // what is still in flight.
  virtual void on_timeout(const LossEvent& loss) = 0;
  // Everything that was outstanding when the episode began is acknowledged, whether the episode
  // began with on_loss(), on_timeout() or on_congestion_mark().
  virtual void on_recovery_exit(Instant now) = 0;
  // Nothing had been lost: back to before the latest episode, which is over then, or has been for
  // some time (Eifel, F-RTO, D-SACK). Once for each.
  virtual void on_spurious_loss() = 0;
  // Called before the first transmission after a pause longer than an RTO, unless
  // tcp_slow_start_after_idle is 0.
  virtual void on_idle(const IdlePeriod& period) = 0;

  virtual Window window() const = 0;  // cwnd in whole segments
  // Absent: the pacer derives it from cwnd and SRTT (tcp_pacing_ss_ratio, tcp_pacing_ca_ratio).
  virtual std::optional<Rate> pacing_rate() const = 0;
  // Is the connection paced even where the application set no SO_MAX_PACING_RATE?
  virtual bool wants_pacing() const { return false; }
  virtual std::uint32_t send_quantum() const = 0;  // octets per burst
  // What the last on_ack() ended, told once.
  virtual std::optional<EarlyExit> take_early_exit() { return std::nullopt; }
  virtual void describe(Describer& describer) const = 0;
};

}  // namespace tuntcp::tcp::congestion
