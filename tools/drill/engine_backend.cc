#include "tools/drill/engine_backend.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "stack/base/checksum.h"
#include "tools/drill/packet_codec.h"
#include "tools/drill/symbols.h"
#include "tools/drill/tcp_info_names.h"

namespace tuntcp::drill {
namespace {

// Away from the origin, so that no clock begins at zero.
constexpr std::int64_t kBeginSeconds = 1'000;
constexpr std::uint32_t kGsoOctets = 65'535;
constexpr std::size_t kControlOctets = 256;
// Rounds of output and repeated calls at one instant: more is a loop of the stack with itself.
constexpr int kMaxRounds = 1'000'000;

// Flags that the sockets answer as a kernel would that does not have them, or pass over.
constexpr int kUnmappedFlags = MSG_ZEROCOPY | MSG_FASTOPEN | MSG_ERRQUEUE | MSG_EOR;

// What the engine does not count: a zero would be no answer.
constexpr const char* kUntold[] = {"tcpi_fackets", "tcpi_rehash"};

HostConfig config_of(const BackendOptions& options) {
  HostConfig config;
  config.addresses = {{.address = options.local, .length = options.local_prefix}};
  config.link = {.mtu = options.mtu, .checksum = true, .gso_max_octets = kGsoOctets};
  return config;
}

Octets whole(const wire::OutgoingPacket& packet) {
  Octets octets(packet.headers.begin(), packet.headers.end());
  for (const Bytes& piece : packet.payload) octets.insert(octets.end(), piece.begin(), piece.end());
  if (packet.needs_checksum) {
    // The field holds the sum of the pseudo-header; RFC 1071 lets it stand among what is added.
    ChecksumSum sum;
    sum.add(Bytes(octets).subspan(packet.checksum_start));
    store_be16(octets.data() + packet.checksum_start + 16, sum.checksum());
  }
  return octets;
}

std::string flag_names(int flags) {
  std::string names;
  const std::pair<int, const char*> known[] = {{MSG_ZEROCOPY, "MSG_ZEROCOPY"},
                                               {MSG_FASTOPEN, "MSG_FASTOPEN"},
                                               {MSG_ERRQUEUE, "MSG_ERRQUEUE"},
                                               {MSG_EOR, "MSG_EOR"}};
  for (const auto& [flag, name] : known) {
    if ((flags & flag) != 0) names += names.empty() ? name : std::string("|") + name;
  }
  return names;
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

SocketAddress socket_address(const Endpoint& endpoint, bool is_v6_socket) {
  SocketAddress address;
  if (!is_v6_socket) {
    auto& in = reinterpret_cast<sockaddr_in&>(address.storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    std::memcpy(&in.sin_addr, endpoint.address.octets(), sizeof in.sin_addr);
    address.length = sizeof in;
    return address;
  }
  auto& in6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(endpoint.port);
  address.length = sizeof in6;
  std::uint8_t* octets = in6.sin6_addr.s6_addr;
  if (!endpoint.address.is_v4()) {
    std::memcpy(octets, endpoint.address.octets(), 16);
  } else if (!endpoint.address.is_any()) {
    // ::ffff:a.b.c.d (RFC 4291, 2.5.5.2)
    octets[10] = octets[11] = 0xff;
    std::memcpy(octets + 12, endpoint.address.octets(), 4);
  }
  return address;
}

std::optional<Endpoint> endpoint_of(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(storage);
    return Endpoint{.address = IpAddress::from_octets(
                        Family::ipv4, reinterpret_cast<const std::uint8_t*>(&in.sin_addr)),
                    .port = ntohs(in.sin_port)};
  }
  if (storage.ss_family != AF_INET6) return std::nullopt;
  const auto& in6 = reinterpret_cast<const sockaddr_in6&>(storage);
  const bool is_mapped = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
  return Endpoint{.address = is_mapped
                                 ? IpAddress::from_octets(Family::ipv4, in6.sin6_addr.s6_addr + 12)
                                 : IpAddress::from_octets(Family::ipv6, in6.sin6_addr.s6_addr),
                  .port = ntohs(in6.sin6_port)};
}

bool asks_for_fast_open(const Octets& octets) {
  const auto packet = read_packet(octets);
  const auto* tcp = packet ? std::get_if<TcpSpec>(&packet->spec.body) : nullptr;
  return tcp != nullptr &&
         std::any_of(tcp->options.begin(), tcp->options.end(), [](const OptionSpec& option) {
           return option.kind == OptionSpec::Kind::fast_open ||
                  option.kind == OptionSpec::Kind::fast_open_experimental;
         });
}

}  // namespace

// Keeps what leaves, with its time.
class EngineBackend::Wire final : public wire::PacketSink {
 public:
  explicit Wire(const EngineBackend& backend) : backend_(backend) {}
  wire::SendResult send(const wire::OutgoingPacket& packet) override {
    if (is_full) return wire::SendResult::retry;
    packets.push_back({.at = backend_.now_ - backend_.begin_,
                       .octets = whole(packet),
                       .gso_size = packet.gso_size});
    return wire::SendResult::sent;
  }
  std::deque<SentPacket> packets;
  bool is_full = false;

 private:
  const EngineBackend& backend_;
};

// A call with the memory that its arguments point to.
struct EngineBackend::Call {
  explicit Call(const CallRequest& asked) : request(asked) {}
  CallRequest request;
  SocketAddress address{};
  sockaddr_storage peer{};
  socklen_t peer_length = sizeof(sockaddr_storage);
  Octets octets{};
  std::vector<iovec> pieces{};
  msghdr message{};
  alignas(cmsghdr) std::uint8_t control[kControlOctets] = {};
  std::vector<pollfd> polled{};
  std::vector<epoll_event> events{};
  Octets value{};
  socklen_t value_length = 0;
  int number = 0;
  std::optional<bsd::Attempt> attempt{};
  std::optional<CallReply> reply{};

  void finish(std::int64_t result, Duration at);
};

void EngineBackend::Call::finish(std::int64_t result, Duration at) {
  CallReply answer{.result = result < 0 ? -1 : result,
                   .error = result < 0 ? static_cast<int>(-result) : 0};
  answer.returned_at = at;
  answer.address = endpoint_of(peer);
  const auto* number_octets = reinterpret_cast<const std::uint8_t*>(&number);
  if (request.name == "ioctl") answer.value.assign(number_octets, number_octets + sizeof number);
  if (request.name == "getsockopt" && result == 0) {
    answer.value = value;
    answer.value.resize(std::min<std::size_t>(value_length, value.size()));
  }
  for (const pollfd& entry : polled) {
    answer.polled.push_back({.fd = entry.fd, .events = entry.events, .returned = entry.revents});
  }
  for (std::int64_t i = 0; request.name == "epoll_wait" && i < result; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    answer.epoll.push_back({.events = event.events, .data = event.data.u64});
  }
  if (request.name == "recvmsg" && result >= 0) {
    answer.message_flags = message.msg_flags;
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
      const std::uint8_t* data = CMSG_DATA(part);
      answer.control.push_back({.level = part->cmsg_level,
                                .type = part->cmsg_type,
                                .data = Octets(data, data + (part->cmsg_len - CMSG_LEN(0)))});
    }
  }
  reply = std::move(answer);
}

EngineBackend::EngineBackend(const BackendOptions& options)
    : options_(options),
      begin_(Instant() + Duration::seconds(kBeginSeconds)),
      now_(begin_),
      random_(1),
      host_(config_of(options), random_),
      sockets_(host_),
      wire_(std::make_unique<Wire>(*this)),
      commands_(
          host_, [this](Duration duration) { sleep_until(now() + duration); },
          [this](bool is_full) { wire_->is_full = is_full; }) {
  host_.advance_to(now_);
  sockets_.set_time(now_);
}

EngineBackend::~EngineBackend() = default;

// ---- Time.

void EngineBackend::move_to(Instant instant) {
  now_ = std::max(now_, instant);
  host_.advance_to(now_);
  sockets_.set_time(now_);
  settle();
}

void EngineBackend::settle() {
  for (int round = 0; round < kMaxRounds; ++round) {
    bool has_changed = host_.packets_out(now_, *wire_) != 0;
    for (auto& [number, call] : calls_) {
      if (call->reply) continue;
      repeat(*call);
      has_changed = has_changed || call->reply.has_value();
    }
    if (!has_changed) return;
  }
  throw BackendFailure("the engine does not come to rest");
}

bool EngineBackend::step_until(Instant until) {
  Instant next = host_.next_deadline();
  for (const auto& [number, call] : calls_) {
    if (!call->reply && call->attempt) next = std::min(next, call->attempt->deadline());
  }
  if (next > until) {
    if (until > now_) move_to(until);
    return false;
  }
  move_to(next);
  return true;
}

void EngineBackend::sleep_until(Duration until) {
  while (step_until(begin_ + until) && now() < until) {
  }
}

// ---- Calls.

void EngineBackend::put_address(Call& call) const {
  const CallRequest& request = call.request;
  if (!request.address) return;
  const bool is_v6_socket = options_.ip_version != IpVersion::ipv4;
  call.address = socket_address(*request.address, is_v6_socket);
  if (request.address_is_unspecified) call.address.storage.ss_family = AF_UNSPEC;
}

bsd::Attempt EngineBackend::transfer_of(Call& call) const {
  CallRequest& request = call.request;
  std::size_t octets = 0;
  for (const Buffer& buffer : request.buffers) octets += buffer.is_null ? 0 : buffer.length;
  call.octets.resize(octets);
  std::uint8_t* place = call.octets.data();
  for (const Buffer& buffer : request.buffers) {
    call.pieces.push_back({.iov_base = buffer.is_null ? nullptr : place, .iov_len = buffer.length});
    if (!buffer.is_null) place += buffer.length;
  }
  call.message.msg_iov = call.pieces.data();
  call.message.msg_iovlen = call.pieces.size();
  const bool receives = request.name.starts_with("re");
  if (!receives) {
    if (request.address) {
      call.message.msg_name = &call.address.storage;
      call.message.msg_namelen = call.address.length;
    }
    return bsd::Attempt::sendmsg(request.fd, &call.message, request.flags);
  }
  if (request.name == "recvmsg") {
    call.message.msg_control = call.control;
    call.message.msg_controllen = sizeof call.control;
  }
  return bsd::Attempt::recvmsg(request.fd, &call.message, request.flags);
}

bsd::Attempt EngineBackend::attempt_of(Call& call) const {
  using bsd::Attempt;
  using bsd::Sockets;
  CallRequest& request = call.request;
  const std::string& name = request.name;
  const auto plain = [&](auto function) {
    return Attempt::of(request.fd, [&call, function](Sockets& sockets) {
      return std::int64_t{function(sockets, call, call.request)};
    });
  };
  put_address(call);
  if (!request.buffers.empty() || name == "sendmsg" || name == "recvmsg") return transfer_of(call);
  if (name == "connect") {
    return Attempt::connect(request.fd, reinterpret_cast<const sockaddr*>(&call.address.storage),
                            call.address.length);
  }
  if (name == "poll") {
    for (const PollEntry& entry : request.polled) {
      call.polled.push_back(
          {.fd = entry.fd, .events = static_cast<short>(entry.events), .revents = 0});
    }
    return Attempt::poll(call.polled.data(), call.polled.size(),
                         static_cast<int>(request.timeout_ms));
  }
  if (name == "epoll_wait") {
    call.events.resize(static_cast<std::size_t>(std::max<std::int64_t>(request.number, 1)));
    return Attempt::epoll_wait(request.fd, call.events.data(), static_cast<int>(request.number),
                               static_cast<int>(request.timeout_ms));
  }
  if (name == "socket") {
    return plain(
        [](Sockets& s, Call&, CallRequest& r) { return s.socket(r.domain, r.type, r.protocol); });
  }
  if (name == "bind") {
    return plain([](Sockets& s, Call& c, CallRequest& r) {
      return s.bind(r.fd, reinterpret_cast<const sockaddr*>(&c.address.storage), c.address.length);
    });
  }
  if (name == "listen") {
    return plain([](Sockets& s, Call&, CallRequest& r) { return s.listen(r.fd, r.backlog); });
  }
  if (name == "accept") {
    return Attempt::accept4(request.fd, reinterpret_cast<sockaddr*>(&call.peer), &call.peer_length,
                            0);
  }
  if (name == "close") return Attempt::close(request.fd);
  if (name == "shutdown") {
    return plain([](Sockets& s, Call&, CallRequest& r) {
      return s.shutdown(r.fd, static_cast<int>(r.number));
    });
  }
  if (name == "fcntl") {
    return plain([](Sockets& s, Call&, CallRequest& r) {
      return s.fcntl(r.fd, r.command, static_cast<long>(r.number));
    });
  }
  if (name == "ioctl") {
    return plain([](Sockets& s, Call& c, CallRequest& r) {
      return s.ioctl(r.fd, static_cast<unsigned long>(r.command), &c.number);
    });
  }
  if (name == "setsockopt") {
    return plain([](Sockets& s, Call&, CallRequest& r) {
      return s.setsockopt(r.fd, r.level, r.option, r.value.data(),
                          static_cast<socklen_t>(r.value.size()));
    });
  }
  if (name == "getsockopt") {
    call.value.resize(request.value.size());
    call.value_length = static_cast<socklen_t>(call.value.size());
    return plain([](Sockets& s, Call& c, CallRequest& r) {
      return s.getsockopt(r.fd, r.level, r.option, c.value.data(), &c.value_length);
    });
  }
  if (name == "epoll_create") {
    return plain([](Sockets& s, Call&, CallRequest&) { return s.epoll_create1(0); });
  }
  if (name == "epoll_ctl") {
    call.events.resize(1);
    call.events[0].events = request.epoll.events;
    call.events[0].data.u64 = request.epoll.data;
    return plain([](Sockets& s, Call& c, CallRequest& r) {
      return s.epoll_ctl(r.fd, r.command, r.other_fd, c.events.data());
    });
  }
  throw Unmapped("the call " + name + "()");
}

// What the sockets do not have at all says nothing about the engine.
void EngineBackend::refuse_unmapped(const CallRequest& request, std::int64_t result) const {
  const bool is_option = request.name == "setsockopt" || request.name == "getsockopt";
  if (is_option && result == -ENOPROTOOPT) {
    throw Unmapped(request.name + "() of " + option_name(request.level, request.option));
  }
  if (request.name == "ioctl" && result == -ENOTTY) {
    throw Unmapped("ioctl " + std::to_string(request.command));
  }
}

void EngineBackend::repeat(Call& call) {
  const auto result = call.attempt->repeat(sockets_);
  if (!result) return;
  refuse_unmapped(call.request, *result);
  call.finish(*result, now());
}

CallId EngineBackend::begin_call(const CallRequest& request) {
  if ((request.flags & kUnmappedFlags) != 0 && !request.buffers.empty()) {
    throw Unmapped(request.name + "() with " + flag_names(request.flags & kUnmappedFlags));
  }
  const CallId id{next_call_++};
  auto call = std::make_unique<Call>(request);
  call->attempt = attempt_of(*call);
  Call& made = *call;
  calls_[id.number] = std::move(call);
  repeat(made);
  settle();
  return id;
}

std::optional<CallReply> EngineBackend::take_reply(CallId id, Duration until) {
  const auto it = calls_.find(id.number);
  if (it == calls_.end()) return std::nullopt;
  while (!it->second->reply && step_until(begin_ + until)) {
  }
  if (!it->second->reply) return std::nullopt;
  CallReply reply = std::move(*it->second->reply);
  calls_.erase(it);
  return reply;
}

std::map<std::string, std::int64_t> EngineBackend::tcp_info(int fd) {
  auto values = tcp_info_by_name(sockets_.tcp_info(fd));
  for (const char* name : kUntold) values.erase(name);
  return values;
}

// ---- Packets.

void EngineBackend::inject(const InjectedPacket& packet) {
  if (commands_.assumes_fast_open() && asks_for_fast_open(packet.octets)) {
    throw Unmapped("Fast Open (RFC 7413)");
  }
  MutableBytes room = host_.arena().reserve();
  if (room.size() < packet.octets.size()) throw BackendFailure("no memory for a packet");
  std::memcpy(room.data(), packet.octets.data(), packet.octets.size());
  buffer::Slice slice = host_.arena().commit(static_cast<std::uint32_t>(packet.octets.size()));
  host_.packet_in(std::move(slice), {.gso_size = packet.gso_size}, now_);
  settle();
}

std::optional<SentPacket> EngineBackend::take_packet(Duration until) {
  while (wire_->packets.empty() && step_until(begin_ + until)) {
  }
  if (wire_->packets.empty()) return std::nullopt;
  SentPacket packet = std::move(wire_->packets.front());
  wire_->packets.pop_front();
  return packet;
}

bool EngineBackend::run_command(std::string_view line, std::string_view folder) {
  const bool ok = commands_.run(line, std::string(folder));
  settle();
  return ok;
}

std::unique_ptr<Backend> make_engine_backend(const BackendOptions& options) {
  return std::make_unique<EngineBackend>(options);
}

}  // namespace tuntcp::drill
