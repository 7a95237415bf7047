// A host in virtual time with a peer that is driven by hand. Only the host's public doors are used;
// the peer's packets are written by hand and the host's are parsed, their checksums and their text
// checked, and recorded.
//
//   Drill d = Drill::established();
//   d.peer_sends(data({.len = 100}));
//   EXPECT_THAT(d.sent(), ElementsAre(IsAck({.ack = 101})));
//
// Sequence numbers are relative to ISS and IRS. Whatever is done, the host's output is taken at
// once; time passes only in advance(), which stops at each of the host's deadlines. When a test
// fails its drill prints what happened.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stack/host/host.h"
#include "tests/support/segment.h"

namespace tuntcp::test {

using tcp::State;

enum class Role : std::uint8_t { passive, active };

struct DrillOptions {
  Role role = Role::passive;
  Family family = Family::ipv4;
  std::uint32_t irs = 0x9abcdef0;
  // Chooses the moment at which the drill begins so that the host's first number is this one.
  std::optional<std::uint32_t> iss{};
  std::optional<std::uint32_t> first_tsval{};
  std::vector<std::string> set{};  // "tcp_sack=0"
  wire::LinkCapabilities link{};
  SocketOptions socket{};
  int backlog = 128;
  std::size_t receive_arena_octets = std::size_t{1} << 30;
  Duration rtt = 10_ms;  // of the handshake
  Port peer_port = 34'567;
  Port local_port = 80;
  // The peer's SYN.
  std::optional<std::uint16_t> mss = 1000;
  std::optional<std::uint8_t> wscale{};
  bool sack = false;
  bool ecn = false;                   // its SYN asks for ECN, its SYN,ACK agrees
  std::optional<std::uint32_t> ts{};  // its first TSval
  std::uint16_t window = 65'535;      // of all its segments, unless they say otherwise
};

class Drill {
 public:
  // ---- In each state, with nothing sent that was not looked at yet.
  static Drill closed(const DrillOptions& options = {});
  static Drill listen(const DrillOptions& options = {});
  static Drill syn_sent(const DrillOptions& options = {});
  // From LISTEN (half-open) or, with Role::active, by SYNs that crossed.
  static Drill syn_received(const DrillOptions& options = {});
  static Drill established(const DrillOptions& options = {});
  static Drill fin_wait_1(const DrillOptions& options = {});
  static Drill fin_wait_2(const DrillOptions& options = {});
  static Drill close_wait(const DrillOptions& options = {});
  static Drill closing(const DrillOptions& options = {});
  static Drill last_ack(const DrillOptions& options = {});
  static Drill time_wait(const DrillOptions& options = {});
  static Drill in(State state, const DrillOptions& options = {});
  // Another conversation with the same host, CLOSED. Its options about the host do not count.
  static Drill beside(const Drill& other, const DrillOptions& options);

  Drill(Drill&&) = default;
  ~Drill();

  // ---- The peer.
  void peer_sends(const Seg& seg);
  // Several packets that the host reads before it may answer.
  void peer_sends_at_once(const std::vector<Seg>& segs);
  // Whole IP packets, right or wrong.
  void wire_sends(const Octets& packet, const wire::ReceivedOffload& offload = {});
  // `seg` as the octets of its packet.
  Octets packet_of(const Seg& seg) const;
  // What the host sent in this conversation since this was last asked.
  std::vector<Sent> sent();
  std::vector<Duration> sent_at();  // only when

  // ---- Time.
  void advance(Duration duration);
  Duration elapsed() const;  // since the drill began
  Instant now() const;

  // ---- The application.
  Result<void> open();
  void start_listening();
  void stop_listening();
  bool accept();
  Result<std::size_t> send(std::size_t octets);
  // Checks the octets; at most `octets`.
  Result<std::size_t> receive(std::size_t octets = 1'000'000);
  Result<void> close();
  Result<void> abort();
  void release();  // close(2): the application forgets it
  Result<void> stop_receiving();
  void set_socket_options(const SocketOptions& options);
  void set(std::string_view name_and_value);  // "tcp_rfc1337=1"
  // Events of this conversation since this was last asked: tcp::EventBits.
  std::uint8_t events();
  int acceptable_events();

  // ---- Looking.
  // Where there is no connection: CLOSED, or LISTEN if there is a listener and the application has
  // no handle.
  State state() const;
  bool has_id() const { return id_.has_value(); }
  ConnectionId id() const { return id_.value(); }  // the application's name for the connection
  Status status() const;                           // of the application's handle
  std::optional<Status> listed() const;
  std::uint64_t count(Counter counter) const;
  Host& host();
  const FourTuple& tuple() const { return n_->tuple; }
  SeqNum iss() const { return n_->iss; }
  SeqNum irs() const { return n_->irs; }
  std::int64_t peer_next() const { return n_->peer_next; }
  // What the device answers to each packet from now on.
  void device_says(wire::SendResult result);
  void set_link(const wire::LinkCapabilities& link);

 private:
  struct World;
  // What both ends know of the conversation; the world keeps it up to date.
  struct Numbers {
    FourTuple tuple{};
    SeqNum irs{};
    SeqNum iss{};
    bool iss_is_known = false;
    bool peer_offered_ts = false;
    bool host_offered_ts = false;
    std::uint32_t last_tsval = 0;  // of the host
    std::int64_t peer_next = 0;
    std::int64_t host_end = 0;  // highest number the host sent
    void learn_from(Sent& sent);
  };
  Drill(std::shared_ptr<World> world, const DrillOptions& options);
  static std::shared_ptr<World> make_world(const DrillOptions& options, Instant start);
  static Instant start_for(const DrillOptions& options);

  void establish();
  void pump();
  void forget_what_happened();
  Octets option_octets(const Seg& seg) const;
  wire::Timestamps timestamps_of(const Seg& seg) const;
  RawSegment raw(const Seg& seg) const;
  void note_peer(const Seg& seg);

  std::shared_ptr<World> world_;
  DrillOptions options_;
  std::shared_ptr<Numbers> n_;
  std::int64_t written_ = 1;  // next octet of the application's stream
  std::int64_t read_ = 1;
  std::optional<ConnectionId> id_;
  std::optional<ListenerId> listener_;
};

// The states in which a connection exists.
inline const std::vector<State> kConnectedStates{State::established, State::fin_wait_1,
                                                 State::fin_wait_2,  State::close_wait,
                                                 State::closing,     State::last_ack};

// The name of a test case of a table by state: of a State, or of a row with a `state`.
template <class Row>
std::string name_of(const testing::TestParamInfo<Row>& info) {
  std::string name;
  if constexpr (requires { info.param.state; }) {
    name = tcp::rfc_name(info.param.state);
  } else {
    name = tcp::rfc_name(info.param);
  }
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
}

}  // namespace tuntcp::test
