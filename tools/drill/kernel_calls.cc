#include "tools/drill/kernel_calls.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tuntcp::drill {
namespace {

constexpr std::size_t kControlOctets = 1024;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress address_of(const CallRequest& request, IpVersion version) {
  SocketAddress address;
  if (!request.address) return address;
  const Endpoint& endpoint = *request.address;
  if (version == IpVersion::ipv4) {
    auto& in = reinterpret_cast<sockaddr_in&>(address.storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    std::memcpy(&in.sin_addr, endpoint.address.octets(), sizeof in.sin_addr);
    address.length = sizeof in;
  } else {
    auto& in6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(endpoint.port);
    std::uint8_t* const octets = in6.sin6_addr.s6_addr;
    if (!endpoint.address.is_v4()) {
      std::memcpy(octets, endpoint.address.octets(), 16);
    } else if (!endpoint.address.is_any()) {
      // ::ffff:a.b.c.d (RFC 4291, 2.5.5.2)
      octets[10] = octets[11] = 0xff;
      std::memcpy(octets + 12, endpoint.address.octets(), 4);
    }
    address.length = sizeof in6;
  }
  if (request.address_is_unspecified) address.storage.ss_family = AF_UNSPEC;
  return address;
}

std::optional<Endpoint> endpoint_of(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(storage);
    const auto* const octets = reinterpret_cast<const std::uint8_t*>(&in.sin_addr);
    return Endpoint{.address = IpAddress::from_octets(Family::ipv4, octets),
                    .port = ntohs(in.sin_port)};
  }
  if (storage.ss_family != AF_INET6) return std::nullopt;
  const auto& in6 = reinterpret_cast<const sockaddr_in6&>(storage);
  const std::uint8_t* const octets = in6.sin6_addr.s6_addr;
  const bool is_mapped = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
  return Endpoint{.address = is_mapped ? IpAddress::from_octets(Family::ipv4, octets + 12)
                                       : IpAddress::from_octets(Family::ipv6, octets),
                  .port = ntohs(in6.sin6_port)};
}

CallReply reply_of(std::int64_t result) {
  return {.result = result, .error = result < 0 ? errno : 0};
}

// What the buffers of a transfer are made of.
struct Pieces {
  explicit Pieces(const std::vector<Buffer>& buffers) {
    std::size_t octets = 0;
    for (const Buffer& buffer : buffers) octets += buffer.is_null ? 0 : buffer.length;
    text.resize(octets);
    std::uint8_t* place = text.data();
    for (const Buffer& buffer : buffers) {
      void* const base = buffer.is_null ? nullptr : place;
      vector.push_back({.iov_base = base, .iov_len = buffer.length});
      if (!buffer.is_null) place += buffer.length;
    }
  }
  int count() const { return static_cast<int>(vector.size()); }
  void* base() { return vector.empty() ? nullptr : vector[0].iov_base; }
  std::size_t length() const { return vector.empty() ? 0 : vector[0].iov_len; }
  Octets text;
  std::vector<iovec> vector;
};

CallReply receive_message(const CallRequest& request, Pieces& pieces) {
  alignas(cmsghdr) std::uint8_t control[kControlOctets] = {};
  sockaddr_storage peer{};
  msghdr message{};
  message.msg_name = &peer;
  message.msg_namelen = sizeof peer;
  message.msg_iov = pieces.vector.data();
  message.msg_iovlen = pieces.vector.size();
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  CallReply reply = reply_of(::recvmsg(request.fd, &message, request.flags));
  if (reply.result < 0) return reply;
  reply.address = endpoint_of(peer);
  reply.message_flags = message.msg_flags;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    const std::uint8_t* const data = CMSG_DATA(part);
    reply.control.push_back({.level = part->cmsg_level,
                             .type = part->cmsg_type,
                             .data = Octets(data, data + (part->cmsg_len - CMSG_LEN(0)))});
  }
  return reply;
}

CallReply transfer(const CallRequest& request, IpVersion version) {
  const std::string& name = request.name;
  const int fd = request.fd;
  Pieces pieces(request.buffers);
  SocketAddress address = address_of(request, version);
  if (name == "read") return reply_of(::read(fd, pieces.base(), pieces.length()));
  if (name == "readv") return reply_of(::readv(fd, pieces.vector.data(), pieces.count()));
  if (name == "recv") return reply_of(::recv(fd, pieces.base(), pieces.length(), request.flags));
  if (name == "recvfrom") {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    CallReply reply = reply_of(::recvfrom(fd, pieces.base(), pieces.length(), request.flags,
                                          reinterpret_cast<sockaddr*>(&peer), &length));
    reply.address = endpoint_of(peer);
    return reply;
  }
  if (name == "recvmsg") return receive_message(request, pieces);
  if (name == "write") return reply_of(::write(fd, pieces.base(), pieces.length()));
  if (name == "writev") return reply_of(::writev(fd, pieces.vector.data(), pieces.count()));
  if (name == "send") return reply_of(::send(fd, pieces.base(), pieces.length(), request.flags));
  if (name == "sendto") {
    return reply_of(::sendto(fd, pieces.base(), pieces.length(), request.flags,
                             address.length != 0 ? address.get() : nullptr, address.length));
  }
  msghdr message{};
  message.msg_iov = pieces.vector.data();
  message.msg_iovlen = pieces.vector.size();
  if (address.length != 0) {
    message.msg_name = &address.storage;
    message.msg_namelen = address.length;
  }
  return reply_of(::sendmsg(fd, &message, request.flags));
}

CallReply wait_for_events(const CallRequest& request) {
  if (request.name == "poll") {
    std::vector<pollfd> polled;
    for (const PollEntry& entry : request.polled) {
      polled.push_back({.fd = entry.fd, .events = static_cast<short>(entry.events), .revents = 0});
    }
    CallReply reply =
        reply_of(::poll(polled.data(), polled.size(), static_cast<int>(request.timeout_ms)));
    for (const pollfd& entry : polled) {
      reply.polled.push_back({.fd = entry.fd, .events = entry.events, .returned = entry.revents});
    }
    return reply;
  }
  std::vector<epoll_event> events(
      static_cast<std::size_t>(std::max<std::int64_t>(request.number, 1)));
  CallReply reply =
      reply_of(::epoll_wait(request.fd, events.data(), static_cast<int>(request.number),
                            static_cast<int>(request.timeout_ms)));
  for (std::int64_t i = 0; i < reply.result; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    reply.epoll.push_back({.events = event.events, .data = event.data.u64});
  }
  return reply;
}

CallReply settings(const CallRequest& request) {
  const std::string& name = request.name;
  if (name == "setsockopt") {
    return reply_of(::setsockopt(request.fd, request.level, request.option, request.value.data(),
                                 static_cast<socklen_t>(request.value.size())));
  }
  if (name == "getsockopt") {
    Octets value(request.value.size(), 0);
    auto length = static_cast<socklen_t>(value.size());
    CallReply reply =
        reply_of(::getsockopt(request.fd, request.level, request.option, value.data(), &length));
    value.resize(std::min<std::size_t>(length, value.size()));
    reply.value = std::move(value);
    return reply;
  }
  if (name == "fcntl") {
    return reply_of(::fcntl(request.fd, request.command, static_cast<long>(request.number)));
  }
  int number = 0;
  CallReply reply =
      reply_of(::ioctl(request.fd, static_cast<unsigned long>(request.command), &number));
  const auto* const octets = reinterpret_cast<const std::uint8_t*>(&number);
  reply.value.assign(octets, octets + sizeof number);
  return reply;
}

std::optional<CallReply> open_or_close(const CallRequest& request, IpVersion version) {
  const std::string& name = request.name;
  SocketAddress address = address_of(request, version);
  if (name == "socket") return reply_of(::socket(request.domain, request.type, request.protocol));
  if (name == "bind") return reply_of(::bind(request.fd, address.get(), address.length));
  if (name == "connect") return reply_of(::connect(request.fd, address.get(), address.length));
  if (name == "listen") return reply_of(::listen(request.fd, request.backlog));
  if (name == "close") return reply_of(::close(request.fd));
  if (name == "shutdown") {
    return reply_of(::shutdown(request.fd, static_cast<int>(request.number)));
  }
  if (name != "accept") return std::nullopt;
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  CallReply reply = reply_of(::accept(request.fd, reinterpret_cast<sockaddr*>(&peer), &length));
  reply.address = endpoint_of(peer);
  return reply;
}

std::optional<CallReply> files(const CallRequest& request) {
  const std::string& name = request.name;
  if (name == "epoll_create") return reply_of(::epoll_create1(0));
  if (name == "epoll_ctl") {
    epoll_event event{.events = request.epoll.events, .data = {.u64 = request.epoll.data}};
    return reply_of(::epoll_ctl(request.fd, request.command, request.other_fd, &event));
  }
  if (name == "pipe") {
    int ends[2] = {-1, -1};
    CallReply reply = reply_of(::pipe(ends));
    if (reply.result == 0) reply.fds = {ends[0], ends[1]};
    return reply;
  }
  if (name == "splice") {
    return reply_of(::splice(request.fd, nullptr, request.other_fd, nullptr,
                             static_cast<std::size_t>(request.number),
                             static_cast<unsigned>(request.flags)));
  }
  if (name == "sendfile") {
    off_t offset = request.offset;
    CallReply reply = reply_of(::sendfile(request.fd, request.other_fd, &offset,
                                          static_cast<std::size_t>(request.number)));
    reply.offset = offset;
    return reply;
  }
  if (name == "open") return reply_of(::open(request.path.c_str(), request.flags));
  return std::nullopt;
}

}  // namespace

CallReply make_call(const CallRequest& request, IpVersion version) {
  const std::string& name = request.name;
  constexpr const char* kTransfers[] = {"read",  "readv",  "recv", "recvfrom", "recvmsg",
                                        "write", "writev", "send", "sendto",   "sendmsg"};
  if (std::ranges::find(kTransfers, name) != std::end(kTransfers)) {
    return transfer(request, version);
  }
  if (name == "poll" || name == "epoll_wait") return wait_for_events(request);
  if (name == "setsockopt" || name == "getsockopt" || name == "fcntl" || name == "ioctl") {
    return settings(request);
  }
  if (auto reply = open_or_close(request, version)) return *reply;
  if (auto reply = files(request)) return *reply;
  throw Unmapped("the call " + name + "()");
}

}  // namespace tuntcp::drill
