// A world small enough to be explored: two hosts, the packets in flight between them, and an
// application at each end that may do anything at any time. Which things may happen is a
// ExploreScenario; that everything that may happen does is the business of explore.h.
//
// Only the doors of Host are used. Unlike World (world.h) nothing here is left to chance, and the
// network has no delay: time passes only when a timer is let expire, and packets stay in flight for
// as long as nobody delivers or drops them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stack/base/random.h"
#include "stack/host/host.h"
#include "stack/wire/tcp_header.h"
#include "stack/wire/tcp_options.h"

namespace tuntcp::sim {

using Side = std::size_t;  // 0 or 1
constexpr Side other_side(Side side) {
  return 1 - side;
}

// What may happen, and how often. Everything absent never happens.
struct ExploreScenario {
  std::string name;
  std::array<bool, 2> listens{};          // has a listener from the start
  std::array<std::uint8_t, 2> opens{};    // active OPENs
  std::array<std::uint8_t, 2> writes{};   // of each connection
  bool writes_early = false;              // before the handshake is over, too
  std::uint32_t write_octets = 3;         // in one write
  std::array<bool, 2> closes{};           // CLOSE
  std::array<bool, 2> aborts{};           // ABORT
  std::array<bool, 2> releases{};         // the application forgets the connection
  std::array<bool, 2> stops_listening{};  // the listener is closed
  std::array<bool, 2> reads_late{};       // RECEIVE is an action; otherwise it follows at once
  std::uint8_t drops = 0;
  std::uint8_t duplicates = 0;
  std::uint8_t expiries = 0;        // how often time may pass to the next deadline
  std::uint8_t forgeries = 0;       // segments of a third party that knows the numbers: Forgery
  std::uint8_t most_in_flight = 3;  // each way; what is sent beyond is lost
  bool is_reordering = true;        // otherwise packets arrive in the order in which they left
  SocketOptions socket{};
  std::vector<std::string> set{};  // sysctls, "tcp_rfc1337=1"
};

struct Action {
  enum class Kind : std::uint8_t {
    deliver,    // packet `index`
    duplicate,  // delivered, and still in flight
    drop,
    open,
    write,
    read,
    close,
    abort,
    release,
    stop_listening,
    expire,  // time passes to the next deadline of either host
    forge,   // Forgery `index`, to `side`
  };
  Kind kind = Kind::deliver;
  std::uint8_t side = 0;
  std::uint8_t index = 0;
};

enum class Forgery : std::uint8_t { exact_reset, reset_in_window, reset_beyond, syn_in_window };
inline constexpr std::uint8_t kForgeryCount = 4;

// Which of tcp::kTransitions were seen.
using Coverage = std::array<bool, tcp::kTransitions.size()>;

class ExploreWorld {
 public:
  ExploreWorld(const ExploreScenario& scenario, std::uint64_t seed);

  // All that may happen next.
  std::vector<Action> actions() const;
  void apply(Action action);
  // The same, and every change of state is held against the table of tcp/state.h, every host
  // against its own rules.
  void apply_observed(Action action, Coverage& coverage);
  // From here on nothing is lost, everybody reads, and closes when all is written: both ends must
  // come to an end, with every octet arrived, or know why not.
  void settle();

  // Of all that decides what can happen next. Without the budgets of the scenario it tells worlds
  // apart, with them what is left to be explored.
  struct Hash {
    std::uint64_t world;
    std::uint64_t with_budgets;
  };
  Hash hash() const;

  // Why this world is broken; empty if it is not.
  const std::vector<std::string>& faults() const { return faults_; }
  std::string text_of(Action action) const;
  // From now on what happens is written down, a line each.
  void write_transcript_to(std::vector<std::string>& lines) { transcript_ = &lines; }

 private:
  class Device;

  struct Flying {
    Side from = 0;
    wire::TcpHeader tcp{};
    wire::TcpOptions options{};
    std::vector<std::uint8_t> octets;
    std::uint32_t text = 0;  // octets
    std::uint64_t hash = 0;
  };
  // One connection as its application sees it.
  struct Life {
    std::uint32_t written = 0;
    std::uint32_t read = 0;
    std::uint8_t writes = 0;
    int peer = -1;         // the peer's life that wrote what was read; -1: nothing was read yet
    bool closed = false;   // CLOSE was called
    bool gave_up = false;  // ABORT, or released before its end
    bool saw_end = false;  // end_of_stream
    bool ended = false;    // CLOSED or TIME-WAIT, and released
    Error error = Error::none;
  };
  struct End {
    std::unique_ptr<SeededRandom> random;
    std::unique_ptr<Host> host;
    std::optional<ListenerId> listener;
    std::optional<ConnectionId> connection;  // of lives.back()
    std::vector<Life> lives;
    std::uint8_t opens = 0;
    // What the wire has shown of its numbers.
    bool sent_syn = false;
    SeqNum isn;              // of its last SYN
    Instant isn_at;          // when that first left
    SeqNum syn_ack;          // its SEG.ACK, if it had one
    SeqNum sent_end;         // behind the last octet sent since
    std::uint8_t shift = 0;  // of its window, as its SYN said
    bool has_edge = false;
    SeqNum edge;      // right edge of the window it offered
    SeqNum last_ack;  // of its last segment with ACK
    std::uint32_t last_window = 0;
    bool has_peer_edge = false;
    SeqNum peer_edge;  // right edge of the window that reached it
  };
  // What is there beside full connections.
  struct Small {
    bool listens = false;
    bool half_open = false;
    bool time_wait = false;
    bool exists() const { return half_open || time_wait; }
    friend bool operator==(const Small&, const Small&) = default;
  };

  void send(Side side, const wire::OutgoingPacket& packet);
  void check_sent(End& end, const End& peer, const Flying& packet);
  void deliver(const Flying& packet);
  void note_delivered(End& end, const Flying& packet);
  void forge(Side target, Forgery forgery);
  void expire();
  void drain(Side side);
  void on_event(Side side, const Event& event);
  void open(Side side);
  void write(Side side);
  void read(Side side);
  void close(Side side);
  void abort(Side side);
  void release(Side side);
  // Lets go of a connection that is over.
  void see_whether_it_ended(Side side);
  void check_whole();
  std::optional<tcp::State> state_of(Side side) const;
  Small small(Side side) const;
  void learn_transitions(Side side, Small before, Action action, wire::Flags delivered,
                         Coverage& coverage);
  void saw(tcp::State from, tcp::State to, tcp::Cause cause, Coverage& coverage);
  void app_actions(Side side, std::vector<Action>& out) const;
  Canonical describe(Side side) const;
  std::uint64_t hash_of(const Flying& packet) const;
  Instant next_deadline() const;
  bool reads_late(Side side) const { return scenario_.reads_late[side] && !is_settling_; }
  void fault(std::string text);
  void write_down(std::string line) const;
  std::string text_of(const Flying& packet) const;

  const ExploreScenario& scenario_;
  std::array<End, 2> ends_;
  std::vector<Flying> flying_;  // oldest first
  Instant now_;
  std::uint8_t drops_ = 0;
  std::uint8_t duplicates_ = 0;
  std::uint8_t expiries_ = 0;
  std::uint8_t forgeries_ = 0;
  std::uint32_t packets_ = 0;
  bool is_settling_ = false;
  bool is_observed_ = false;
  std::vector<std::string> faults_;
  std::vector<std::string>* transcript_ = nullptr;
};

}  // namespace tuntcp::sim
