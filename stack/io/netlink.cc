#include "stack/io/netlink.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <type_traits>
#include <utility>

#include "stack/base/bytes.h"
#include "stack/base/check.h"
#include "stack/io/system_clock.h"

namespace tuntcp::io {
namespace {

// Larger than any message of one link; the kernel never splits a message.
constexpr std::size_t kAnswerOctets = 32'768;

constexpr std::size_t aligned(std::size_t octets) {
  return (octets + NLMSG_ALIGNTO - 1) & ~static_cast<std::size_t>(NLMSG_ALIGNTO - 1);
}

// The fixed structure at the front of `octets`; all zero where they are too few.
template <class T>
T front_of(Bytes octets) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value{};
  if (octets.size() >= sizeof value) std::memcpy(&value, octets.data(), sizeof value);
  return value;
}

Bytes after(Bytes octets, std::size_t count) {
  return octets.size() > count ? octets.subspan(count) : Bytes{};
}

// Calls visit(header, body) for each message of a datagram.
template <class Visit>
void for_each_message(Bytes datagram, Visit visit) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    const auto header = front_of<nlmsghdr>(datagram);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) return;
    visit(header, datagram.subspan(sizeof header, header.nlmsg_len - sizeof header));
    datagram = after(datagram, aligned(header.nlmsg_len));
  }
}

// Calls visit(type, value) for each attribute.
template <class Visit>
void for_each_attribute(Bytes attributes, Visit visit) {
  while (attributes.size() >= sizeof(rtattr)) {
    const auto header = front_of<rtattr>(attributes);
    if (header.rta_len < sizeof header || header.rta_len > attributes.size()) return;
    visit(header.rta_type & NLA_TYPE_MASK,
          attributes.subspan(sizeof header, header.rta_len - sizeof header));
    attributes = after(attributes, aligned(header.rta_len));
  }
}

std::string text_of(Bytes value) {
  const char* text = reinterpret_cast<const char*>(value.data());
  return std::string(text, strnlen(text, value.size()));
}

void read_tun_attributes(Bytes attributes, Link& link) {
  for_each_attribute(attributes, [&](int type, Bytes value) {
    if (type == IFLA_TUN_TYPE) link.is_tap = front_of<std::uint8_t>(value) == IFF_TAP;
    if (type == IFLA_TUN_MULTI_QUEUE) link.is_multi_queue = front_of<std::uint8_t>(value) != 0;
  });
}

// The body of an RTM_NEWLINK.
Link read_link(Bytes body) {
  const auto info = front_of<ifinfomsg>(body);
  Link link;
  link.index = static_cast<unsigned>(info.ifi_index);
  link.is_up = (info.ifi_flags & IFF_UP) != 0;
  for_each_attribute(after(body, aligned(sizeof info)), [&](int type, Bytes value) {
    if (type == IFLA_IFNAME) link.name = text_of(value);
    if (type == IFLA_MTU) link.mtu = front_of<std::uint32_t>(value);
    if (type == IFLA_TXQLEN) link.tx_queue_length = front_of<std::uint32_t>(value);
    if (type != IFLA_LINKINFO) return;
    Bytes data;
    for_each_attribute(value, [&](int inner_type, Bytes inner) {
      if (inner_type == IFLA_INFO_KIND) link.kind = text_of(inner);
      if (inner_type == IFLA_INFO_DATA) data = inner;
    });
    if (link.kind == "tun") read_tun_attributes(data, link);
  });
  return link;
}

std::unexpected<Failure> failure(int error, const std::string& text) {
  return std::unexpected(Failure{std::error_code(error, std::system_category()), text});
}

// An NLMSG_ERROR as words: the error's own, and the kernel's remark (NLMSGERR_ATTR_MSG) if any.
std::string describe_error(int error, const nlmsghdr& header, Bytes body) {
  std::string text = std::system_category().message(error);
  // Under NETLINK_CAP_ACK the request's header alone is quoted; without it, all of the request.
  std::size_t quoted = sizeof(nlmsgerr);
  if ((header.nlmsg_flags & NLM_F_CAPPED) == 0) {
    quoted = sizeof(int) + aligned(front_of<nlmsgerr>(body).msg.nlmsg_len);
  }
  if ((header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return text;
  for_each_attribute(after(body, quoted), [&](int type, Bytes value) {
    if (type == NLMSGERR_ATTR_MSG) text += " (" + text_of(value) + ")";
  });
  return text;
}

// Adds our intention, and the mend where the kernel's word does not suggest it.
std::unexpected<Failure> cannot(const std::string& intention, Failure reason) {
  std::string text = "cannot " + intention + ": " + reason.text;
  if (reason.code == std::errc::operation_not_permitted) {
    text += "; run as root or with CAP_NET_ADMIN in this network namespace";
  }
  return std::unexpected(Failure{reason.code, std::move(text)});
}

Outcome<UniqueFd> open_socket(int flags, unsigned groups) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE));
  sockaddr_nl local{};
  local.nl_family = AF_NETLINK;
  local.nl_groups = groups;
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0) {
    const int error = errno;
    return failure(error, "cannot open a netlink socket: " + std::system_category().message(error));
  }
  return fd;
}

std::uint8_t family_number(Family family) {
  return family == Family::ipv4 ? AF_INET : AF_INET6;
}

}  // namespace

// One request message under construction.
class Netlink::Request {
 public:
  template <class Body>
  Request(int type, int flags, const Body& body) {
    append(&body, sizeof body);
    header_.nlmsg_type = static_cast<std::uint16_t>(type);
    header_.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  }

  void add(int type, Bytes value) {
    rtattr header{};
    header.rta_len = static_cast<std::uint16_t>(sizeof header + value.size());
    header.rta_type = static_cast<std::uint16_t>(type);
    append(&header, sizeof header);
    append(value.data(), value.size());
  }
  void add(int type, std::uint32_t value) {
    std::array<std::uint8_t, sizeof value> octets{};
    std::memcpy(octets.data(), &value, sizeof value);
    add(type, octets);
  }
  void add(int type, const std::string& text) {  // with its terminating zero
    add(type, Bytes(reinterpret_cast<const std::uint8_t*>(text.c_str()), text.size() + 1));
  }
  void add(int type, const IpAddress& address) {
    add(type, Bytes(address.octets(), address.size()));
  }

  Bytes finish(std::uint32_t sequence) {
    header_.nlmsg_seq = sequence;
    header_.nlmsg_len = static_cast<std::uint32_t>(size_);
    std::memcpy(octets_.data(), &header_, sizeof header_);
    return Bytes(octets_).first(size_);
  }

 private:
  void append(const void* data, std::size_t octets) {
    TUNTCP_CHECK(size_ + aligned(octets) <= octets_.size());
    std::memcpy(octets_.data() + size_, data, octets);
    size_ += aligned(octets);
  }

  nlmsghdr header_{};
  std::array<std::uint8_t, 256> octets_{};
  std::size_t size_ = sizeof(nlmsghdr);
};

Outcome<Netlink> Netlink::open() {
  Outcome<UniqueFd> fd = open_socket(0, 0);
  if (!fd) return std::unexpected(fd.error());
  // Both only make errors more telling; a kernel before 4.12 does without.
  const int on = 1;
  ::setsockopt(fd->get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  ::setsockopt(fd->get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  return Netlink(std::move(*fd));
}

template <class Receive>
Outcome<void> Netlink::exchange(Request& request, Receive receive) {
  const std::uint32_t sequence = ++sequence_;
  const Bytes message = request.finish(sequence);
  if (::send(fd_.get(), message.data(), message.size(), 0) < 0) {
    const int error = errno;
    return failure(error, std::system_category().message(error));
  }
  std::vector<std::uint8_t> room(kAnswerOctets);
  std::optional<Outcome<void>> result;
  while (!result) {
    const ssize_t octets = ::recv(fd_.get(), room.data(), room.size(), 0);
    if (octets < 0 && errno == EINTR) continue;
    if (octets < 0) {
      const int error = errno;
      return failure(error, std::system_category().message(error));
    }
    for_each_message(Bytes(room).first(static_cast<std::size_t>(octets)),
                     [&](const nlmsghdr& header, Bytes body) {
                       if (header.nlmsg_seq != sequence) return;  // of a request given up
                       if (header.nlmsg_type != NLMSG_DONE && header.nlmsg_type != NLMSG_ERROR) {
                         receive(header, body);
                       } else if (const int error = -front_of<int>(body); error != 0) {
                         // Both kinds begin with the error, negative; 0 acknowledges.
                         result = failure(error, describe_error(error, header, body));
                       } else {
                         result.emplace();
                       }
                     });
  }
  return *result;
}

Outcome<void> Netlink::exchange(Request& request) {
  return exchange(request, [](const nlmsghdr&, Bytes) {});
}

Outcome<Link> Netlink::query(Request& request, const std::string& whom) {
  Link link;
  const Outcome<void> answer = exchange(request, [&](const nlmsghdr& header, Bytes body) {
    if (header.nlmsg_type == RTM_NEWLINK) link = read_link(body);
  });
  if (!answer) return cannot("look at interface " + whom, answer.error());
  return link;
}

Outcome<Link> Netlink::link(unsigned index) {
  ifinfomsg info{};
  info.ifi_index = static_cast<int>(index);
  Request request(RTM_GETLINK, 0, info);
  return query(request, "number " + std::to_string(index));
}

Outcome<Link> Netlink::link(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) {
    return failure(ENODEV, "cannot look at interface '" + name + "': no such name is possible");
  }
  Request request(RTM_GETLINK, 0, ifinfomsg{});
  request.add(IFLA_IFNAME, name);
  return query(request, name);
}

Outcome<void> Netlink::change(const Link& link, const LinkChange& change) {
  ifinfomsg info{};
  info.ifi_index = static_cast<int>(link.index);
  std::string intention = "change interface " + link.name + " (";
  if (change.is_up) {
    info.ifi_change = IFF_UP;
    info.ifi_flags = *change.is_up ? IFF_UP : 0;
    intention += *change.is_up ? " up" : " down";
  }
  Request request(RTM_NEWLINK, 0, info);
  if (change.mtu) {
    request.add(IFLA_MTU, *change.mtu);
    intention += " mtu " + std::to_string(*change.mtu);
  }
  if (change.tx_queue_length) {
    request.add(IFLA_TXQLEN, *change.tx_queue_length);
    intention += " txqueuelen " + std::to_string(*change.tx_queue_length);
  }
  const Outcome<void> answer = exchange(request);
  if (!answer) return cannot(intention + " )", answer.error());
  return {};
}

Outcome<void> Netlink::add_address(const Link& link, const Prefix& address) {
  ifaddrmsg info{};
  info.ifa_family = family_number(address.address.family());
  info.ifa_prefixlen = static_cast<std::uint8_t>(address.length);
  info.ifa_index = link.index;
  // Nobody else is on a point-to-point link.
  if (!address.address.is_v4()) info.ifa_flags = IFA_F_NODAD;
  Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, info);
  request.add(IFA_LOCAL, address.address);
  request.add(IFA_ADDRESS, address.address);
  Outcome<void> answer = exchange(request);
  if (!answer && answer.error().code == std::errc::permission_denied) {
    // What the kernel says to an IPv6 address where disable_ipv6 is set.
    answer.error().text +=
        "; try 'sysctl -w net.ipv6.conf." + link.name + ".disable_ipv6=0' to allow IPv6 there";
  }
  if (!answer) {
    return cannot("add address " + address.to_string() + " to interface " + link.name,
                  answer.error());
  }
  return {};
}

Outcome<std::vector<Prefix>> Netlink::addresses(const Link& link, Family family) {
  ifaddrmsg info{};
  info.ifa_family = family_number(family);
  Request request(RTM_GETADDR, NLM_F_DUMP, info);
  std::vector<Prefix> found;
  const Outcome<void> answer = exchange(request, [&](const nlmsghdr& header, Bytes body) {
    const auto about = front_of<ifaddrmsg>(body);
    if (header.nlmsg_type != RTM_NEWADDR || about.ifa_index != link.index) return;
    for_each_attribute(after(body, aligned(sizeof about)), [&](int type, Bytes value) {
      // IPv4's own address is IFA_LOCAL (IFA_ADDRESS may be a peer's); IPv6 has IFA_ADDRESS only.
      if (type != (family == Family::ipv4 ? IFA_LOCAL : IFA_ADDRESS)) return;
      if (value.size() != (family == Family::ipv4 ? 4U : 16U)) return;
      found.push_back({IpAddress::from_octets(family, value.data()), about.ifa_prefixlen});
    });
  });
  if (!answer) return cannot("list the addresses of interface " + link.name, answer.error());
  return found;
}

Outcome<void> Netlink::add_route(const Link& link, const Prefix& network) {
  // The kernel refuses a network with host bits set.
  std::array<std::uint8_t, 16> octets{};
  std::memcpy(octets.data(), network.address.octets(), network.address.size());
  for (unsigned bit = network.length; bit < network.address.size() * 8; ++bit) {
    octets[bit / 8] = static_cast<std::uint8_t>(octets[bit / 8] & ~(0x80U >> (bit % 8)));
  }
  const Prefix masked{IpAddress::from_octets(network.address.family(), octets.data()),
                      network.length};

  rtmsg info{};
  info.rtm_family = family_number(masked.address.family());
  info.rtm_dst_len = static_cast<std::uint8_t>(masked.length);
  info.rtm_table = RT_TABLE_MAIN;
  info.rtm_protocol = RTPROT_STATIC;
  info.rtm_scope = masked.address.is_v4() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  info.rtm_type = RTN_UNICAST;
  // Exclusively: to replace a route of somebody else would cut them off.
  Request request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, info);
  request.add(RTA_DST, masked.address);
  request.add(RTA_OIF, link.index);
  const Outcome<void> answer = exchange(request);
  if (answer) return {};
  const std::string intention =
      "add a route to " + masked.to_string() + " through interface " + link.name;
  if (answer.error().code != std::errc::file_exists) return cannot(intention, answer.error());
  const Outcome<Route> route = route_to(network.address);
  if (!route) return cannot(intention, route.error());
  if (route->link_index == link.index) return {};
  return failure(EEXIST, "cannot " + intention +
                             ": it already goes through another interface; remove that route "
                             "('ip route del " +
                             masked.to_string() + "') or choose other addresses");
}

Outcome<Netlink::Route> Netlink::route_to(const IpAddress& destination) {
  rtmsg info{};
  info.rtm_family = family_number(destination.family());
  info.rtm_dst_len = static_cast<std::uint8_t>(destination.size() * 8);
  Request request(RTM_GETROUTE, 0, info);
  request.add(RTA_DST, destination);
  Route route;
  const Outcome<void> answer = exchange(request, [&](const nlmsghdr& header, Bytes body) {
    if (header.nlmsg_type != RTM_NEWROUTE) return;
    route.is_local = front_of<rtmsg>(body).rtm_type == RTN_LOCAL;
    for_each_attribute(after(body, aligned(sizeof(rtmsg))), [&](int type, Bytes value) {
      if (type == RTA_OIF) route.link_index = front_of<std::uint32_t>(value);
    });
  });
  if (!answer) return cannot("find the route to " + destination.to_string(), answer.error());
  return route;
}

Outcome<void> Netlink::wait_until_local(const Link& link, const IpAddress& address) {
  // The kernel does it in a work item behind a lock that all its interfaces share: on a busy
  // machine that has taken more than two seconds.
  constexpr Duration kPatience = 10_s;
  constexpr int kAskAgainMs = 100;
  const Instant deadline = monotonic_now() + kPatience;
  // First the watch, then the question: the news between the two is not lost.
  const Outcome<UniqueFd> watch = open_socket(SOCK_NONBLOCK, RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);
  if (!watch) return std::unexpected(watch.error());
  pollfd readable{watch->get(), POLLIN, 0};
  while (monotonic_now() < deadline) {
    const Outcome<Route> route = route_to(address);
    if (route && route->is_local) return {};
    ::poll(&readable, 1, kAskAgainMs);
    std::array<std::uint8_t, 4'096> room;
    while (::recv(watch->get(), room.data(), room.size(), 0) >= 0) continue;
  }
  return failure(ETIMEDOUT, "address " + address.to_string() + " of interface " + link.name +
                                " does not become usable");
}

Outcome<LinkMonitor> LinkMonitor::open(unsigned index) {
  Outcome<UniqueFd> fd = open_socket(SOCK_NONBLOCK, RTMGRP_LINK);
  if (!fd) return std::unexpected(fd.error());
  return LinkMonitor(std::move(*fd), index);
}

std::expected<LinkMonitor::News, std::error_code> LinkMonitor::take() {
  News news;
  std::vector<std::uint8_t> room(kAnswerOctets);
  while (true) {
    const ssize_t octets = ::recv(fd_.get(), room.data(), room.size(), 0);
    if (octets < 0 && errno == EAGAIN) return news;
    if (octets < 0 && errno == EINTR) continue;
    if (octets < 0 && errno == ENOBUFS) {
      news.has_gaps = true;
      continue;
    }
    if (octets < 0) return std::unexpected(std::error_code(errno, std::system_category()));
    for_each_message(Bytes(room).first(static_cast<std::size_t>(octets)),
                     [&](const nlmsghdr& header, Bytes body) {
                       const auto info = front_of<ifinfomsg>(body);
                       // A bridge speaks of its ports as AF_BRIDGE, also when one only leaves it.
                       if (info.ifi_family != AF_UNSPEC) return;
                       if (static_cast<unsigned>(info.ifi_index) != index_) return;
                       if (header.nlmsg_type == RTM_DELLINK) news.was_deleted = true;
                       if (header.nlmsg_type != RTM_NEWLINK) return;
                       news.link = read_link(body);
                       if (!news.link->is_up) news.was_down = true;
                     });
  }
}

}  // namespace tuntcp::io
