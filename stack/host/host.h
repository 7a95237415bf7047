// All connections of one thread, behind three doors in and two doors out. RFC 9293, 3.9 and 3.10.
//
// The host is called and then drained; it calls nobody but the PacketSink it is given for the
// duration of packets_out(). It knows no clock, file descriptor, thread or logger. After any call
// that takes `now`, call packets_out() and next_event() until they have nothing more; the order is
// yours. `now` must never go back.
//
// Thread rule: single-threaded; different hosts are independent.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stack/base/address.h"
#include "stack/base/bytes.h"
#include "stack/base/error.h"
#include "stack/base/random.h"
#include "stack/base/slab.h"
#include "stack/base/time.h"
#include "stack/buffer/arena.h"
#include "stack/host/status.h"
#include "stack/tcp/congestion/registry.h"
#include "stack/tcp/event_bits.h"
#include "stack/tcp/keep_alive.h"
#include "stack/tcp/mib.h"
#include "stack/tcp/mtu_discovery.h"
#include "stack/tcp/rto_limits.h"
#include "stack/tcp/state_log.h"
#include "stack/tcp/sysctl.h"
#include "stack/wire/offload.h"
#include "stack/wire/packet_sink.h"
#include "stack/wire/source_route.h"

namespace tuntcp {

struct ConnectionId {
  SlabHandle handle;
  friend constexpr bool operator==(const ConnectionId&, const ConnectionId&) = default;
};
struct ListenerId {
  SlabHandle handle;
  friend constexpr bool operator==(const ListenerId&, const ListenerId&) = default;
};

struct HostConfig {
  Sysctl sysctl;
  std::vector<Prefix> addresses;  // the host's own; 127.0.0.1 and ::1 are always its own
  wire::LinkCapabilities link;
  // What tcp_congestion_control and SocketOptions::congestion may name: docs/congestion-control.md.
  tcp::congestion::Registry controllers;
  // Bounds: reaching one is a normal, counted event.
  std::size_t max_connections = 1U << 20;
  std::size_t max_listeners = 4096;
  std::size_t receive_arena_octets = std::size_t{1} << 30;
  std::size_t send_pool_octets = std::size_t{1} << 30;
};

struct ListenOptions {
  int backlog = 128;           // capped by somaxconn
  bool reuse_address = false;  // bind although connections of that port are in TIME-WAIT
  bool v6_only = false;        // "::" otherwise also takes IPv4
  bool reuse_port = false;     // SO_REUSEPORT: listeners that all say so share their connections
};

// Per connection; listeners hand theirs to the connections they accept.
struct SocketOptions {
  bool no_delay = false;             // TCP_NODELAY: Nagle off (MUST-17)
  bool cork = false;                 // TCP_CORK: only full segments leave
  std::optional<Duration> linger{};  // SO_LINGER: only zero matters to the core: RST on release
  std::uint32_t receive_buffer = 0;  // SO_RCVBUF as set, octets; 0: auto-tuned
  std::uint32_t send_buffer = 0;     // SO_SNDBUF as set, octets; 0: auto-tuned
  // None: tcp_rto_min_us and tcp_rto_max_ms of when the connection or the listener begins.
  std::optional<tcp::RtoLimits> rto_limits{};
  Duration user_timeout = Duration::zero();  // TCP_USER_TIMEOUT (MUST-21); zero: the sysctls decide
  // TCP_MAXSEG, octets: no larger MSS is advertised or believed. 0: the link decides. What was
  // agreed on SYNs stays.
  std::uint16_t max_segment = 0;
  std::uint8_t syn_retries = 0;     // TCP_SYNCNT; 0: tcp_syn_retries, tcp_synack_retries
  std::uint32_t notsent_lowat = 0;  // TCP_NOTSENT_LOWAT, octets never sent; 0: the sysctl
  std::uint32_t window_clamp = 0;   // TCP_WINDOW_CLAMP, octets of window at most; 0: the buffer
  // IP_TOS and IPV6_TCLASS without the two bits of ECN; IP_TTL and IPV6_UNICAST_HOPS, none: the
  // sysctl. A connection takes those of its family.
  std::uint8_t tos = 0;
  std::uint8_t traffic_class = 0;
  std::optional<std::uint8_t> ttl{};
  std::optional<std::uint8_t> hop_limit{};
  // IP_MTU_DISCOVER; absent: ip_no_pmtu_disc decides when the connection begins. IPV6_MTU_DISCOVER.
  std::optional<tcp::MtuDiscovery> mtu_discovery{};
  tcp::MtuDiscovery mtu_discovery_v6 = tcp::MtuDiscovery::want;
  // IPv4: the routers that the segments pass on their way (MUST-51), whatever route was received
  // (MUST-52); an empty one: none. Of a connection; listeners do not hand it on, theirs take the
  // way by which they were reached (MUST-53).
  std::optional<wire::SourceRoute> source_route{};
  tcp::KeepAlive keep_alive{};  // off, unless an application wants it (MUST-25)
  // TCP_LINGER2: how long one that was released stays in FIN-WAIT-2. Zero: tcp_fin_timeout;
  // negative: not at all.
  Duration fin_timeout = Duration::zero();
  // TCP_DEFER_ACCEPT. Of listeners: for so many timeouts of the SYN,ACK a handshake is completed
  // only by text. Of an active OPEN, if not 0: the ACK of the SYN,ACK waits for text, up to 200 ms.
  std::uint8_t defer_accept = 0;
  // TCP_CONGESTION: one of tcp_available_congestion_control. Empty: tcp_congestion_control of when
  // the connection begins; of a connection under way: it keeps what it has.
  std::string congestion{};
  // SO_MAX_PACING_RATE, octets of text a second. None: packets leave as the windows allow, unless
  // the controller wants otherwise. As in Linux a connection that was paced once stays paced: the
  // largest number only takes the bound away.
  std::optional<std::uint64_t> max_pacing_rate{};
};

// What an application says about the octets it sends.
struct SendOptions {
  bool more_follows = false;  // MSG_MORE: a last small segment waits for the next SEND or ACK
  bool urgent = false;        // the URGENT flag of 3.10.2: urgent data ends with these octets
};

struct OpenOptions {
  // Local address and port; an "any" address and port 0 leave the choice to the host (MUST-43, 44).
  Endpoint local;
  SocketOptions socket;
};

// What became possible: tcp::EventBits.
struct Event : tcp::EventBits {
  std::uint8_t bits = 0;
  bool is_listener = false;
  ConnectionId connection;
  ListenerId listener;
  std::uint64_t cookie = 0;  // what the application set with set_cookie()
};

class Canonical;
struct HostTables;

class Host {
 public:
  Host(const HostConfig& config, RandomSource& random);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // ---- In: packets and time.

  // Memory to read packets into: reserve(), read, commit(), packet_in().
  buffer::Arena& arena();
  // One IP packet; every octet string is allowed. `now` is when it was received.
  void packet_in(buffer::Slice packet, const wire::ReceivedOffload& offload, Instant now);
  // Runs the timers that are due. Packets that were already received go first.
  void advance_to(Instant now);
  // The device's MTU or offloads changed; connections follow with their next segment.
  void set_link(const wire::LinkCapabilities& link);

  // ---- In: the application. RFC 9293, 3.10.1 to 3.10.6.

  // Passive OPEN. Port 0 chooses one. Errors: address_in_use, address_not_available,
  // invalid_argument (of options), insufficient_resources.
  Result<ListenerId> listen(const Endpoint& local, const ListenOptions& options,
                            const SocketOptions& inherited = {});
  Result<Endpoint> local_endpoint(ListenerId listener) const;
  // What listen() would listen on, or its error, and no port is taken: bind(2).
  Result<Endpoint> choose_local(const Endpoint& local, const ListenOptions& options);
  void set_backlog(ListenerId listener, int backlog);
  // Of the connections that are accepted from now on. An unknown controller changes nothing.
  void set_options(ListenerId listener, const SocketOptions& inherited);
  Result<Status> status(ListenerId listener) const;
  // The oldest established connection of the queue. Errors: would_block.
  Result<ConnectionId> accept(ListenerId listener);
  // Half-open and not accepted connections are reset.
  void close_listener(ListenerId listener, Instant now);

  // Active OPEN: returns at once, `connected` or `failed` follows. Errors: address_in_use,
  // address_not_available (no port left, or not ours), connection_already_exists,
  // network_unreachable (no address of that family), invalid_argument (MUST-46, of a source route's
  // addresses too; of options), insufficient_resources.
  Result<ConnectionId> open(const Endpoint& remote, const OpenOptions& options, Instant now);
  // SEND: copies as much as there is room for; before `connected` it waits for that. Errors:
  // would_block (nothing fits; `writable` follows), connection_closing (after close), or why the
  // connection is CLOSED.
  Result<std::size_t> send(ConnectionId id, Bytes octets, Instant now,
                           const SendOptions& options = {});
  // RECEIVE: copies what there is. Errors: would_block (`readable` follows), end_of_stream, or why
  // the connection is CLOSED; what was received before is read first.
  Result<std::size_t> receive(ConnectionId id, MutableBytes out, Instant now);
  // Copies what receive() would, and it stays; `offset` octets of it are passed over (MSG_PEEK).
  Result<std::size_t> peek(ConnectionId id, MutableBytes out, std::uint32_t offset = 0) const;
  // CLOSE: no more will be sent; a FIN follows what was. Receiving goes on.
  Result<void> close(ConnectionId id, Instant now);
  // The application will not receive any more: shutdown(SHUT_RD). Arriving data is discarded.
  Result<void> stop_receiving(ConnectionId id, Instant now);
  // ABORT: a RST is sent and everything queued is dropped. The id stays valid until release().
  Result<void> abort(ConnectionId id, Instant now);
  // The application forgets the connection, as close(2) does: CLOSE if that was not called yet
  // (RST if octets are unread, or linger is zero) and the host ends it alone. The id is dead then.
  void release(ConnectionId id, Instant now);
  // Errors: invalid_argument and insufficient_resources, as open().
  Result<void> set_options(ConnectionId id, const SocketOptions& options, Instant now);
  Result<SocketOptions> options(ConnectionId id) const;
  // TCP_QUICKACK: an ACK that is being delayed leaves now if its text was read, and the next ones
  // wait only once the application answers again; or (false) they wait from now on.
  Result<void> set_quick_ack(ConnectionId id, bool is_on, Instant now);
  Result<Status> status(ConnectionId id, Instant now) const;
  // What its segments take, the application's or the reverse of what was received.
  std::optional<wire::SourceRoute> source_route(ConnectionId id) const;
  Result<std::uint32_t> readable(ConnectionId id) const;  // octets, SIOCINQ
  // What ICMP reported since something was last acknowledged (MUST-47, SHLD-25); it is forgotten.
  // Error::none if there is nothing, also where the connection does not exist any more.
  Error take_soft_error(ConnectionId id);
  void set_cookie(ConnectionId id, std::uint64_t cookie);
  void set_cookie(ListenerId id, std::uint64_t cookie);

  // ---- Out.

  // Sends everything that may be sent now. Returns how many packets.
  std::size_t packets_out(Instant now, wire::PacketSink& sink);
  std::optional<Event> next_event();
  // When advance_to() must be called next; never() if nothing is armed.
  Instant next_deadline() const;

  // ---- Looking and tuning.

  // LISTEN, then connections, SYN-RECEIVED and TIME-WAIT.
  std::vector<Status> list(Instant now) const;
  const Mib& mib() const;
  std::uint64_t current_established() const;  // TcpCurrEstab: ESTABLISHED and CLOSE-WAIT
  const Sysctl& sysctl() const;
  std::expected<void, std::string> set_sysctl(std::string_view name, std::string_view value);
  const std::vector<Prefix>& addresses() const;
  const wire::LinkCapabilities& link() const;
  // Changes of state, once it is turned on.
  tcp::StateLog& state_log();
  // All that decides what this host will do, for a search that must know a state again. Numbers of
  // one connection's two ends are told apart by the origins in `out`, so hosts with one pair of
  // endpoints at a time are described well.
  void describe(Canonical& out) const;
  // True when no connection, half-open, TIME-WAIT, timer or unsent packet is left (listeners may
  // be).
  bool is_idle() const;
  // The first of the host's own rules that does not hold, in words; nothing if all do. Looks at
  // everything, so it is for tests and simulations, which ask after every call.
  std::optional<std::string> inconsistency() const;

 private:
  std::unique_ptr<HostTables> tables_;
};

}  // namespace tuntcp
