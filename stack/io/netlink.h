// A small rtnetlink(7) client: what a device needs of the operating system besides packets. Links
// (MTU, queue length, up), addresses and routes are set and asked, changes of a link are watched.
//
// Not here: which settings a TUN device gets (link_setup.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stack/base/address.h"
#include "stack/io/failure.h"
#include "stack/io/unique_fd.h"

namespace tuntcp::io {

// A network interface as the kernel describes it.
struct Link {
  unsigned index = 0;
  std::string name;
  std::uint32_t mtu = 0;
  std::uint32_t tx_queue_length = 0;  // packets
  bool is_up = false;                 // administratively (IFF_UP)
  std::string kind;                   // "tun", "veth", ...; empty for hardware and loopback
  bool is_tap = false;                // of kind "tun", but layer 2
  bool is_multi_queue = false;        // of kind "tun": made with IFF_MULTI_QUEUE
};

// What is to change about a link; what is absent stays.
struct LinkChange {
  std::optional<std::uint32_t> mtu;
  std::optional<std::uint32_t> tx_queue_length;
  std::optional<bool> is_up;
};

// Requests to the network namespace in which it was opened. Every call asks and waits for the
// answer, which the kernel gives at once. One thread at a time.
class Netlink {
 public:
  static Outcome<Netlink> open();

  // errc::no_such_device where there is none.
  Outcome<Link> link(unsigned index);
  Outcome<Link> link(const std::string& name);

  Outcome<void> change(const Link& link, const LinkChange& change);
  // Gives the kernel this address on the link, with the route to its network. IPv6: without
  // duplicate address detection. Already there: success.
  Outcome<void> add_address(const Link& link, const Prefix& address);
  // Waits until packets to this address of the kernel's are delivered. For IPv6 the kernel arranges
  // that a moment after add_address(), in the background. errc::timed_out after two seconds.
  Outcome<void> wait_until_local(const Link& link, const IpAddress& address);
  Outcome<std::vector<Prefix>> addresses(const Link& link, Family family);
  // Sends packets for this network through the link, without a gateway. Already there: success, but
  // errc::file_exists where another link has the route.
  Outcome<void> add_route(const Link& link, const Prefix& network);

  // What becomes of packets to this address.
  struct Route {
    unsigned link_index = 0;  // they leave through this link
    bool is_local = false;    // or are the kernel's own
  };
  Outcome<Route> route_to(const IpAddress& destination);

 private:
  class Request;
  explicit Netlink(UniqueFd fd) : fd_(std::move(fd)) {}
  // Sends and takes the answer: `receive` sees the octets of every message that is neither an
  // acknowledgement nor an end mark. Failure::text is what the kernel says, without our intention.
  template <class Receive>
  Outcome<void> exchange(Request& request, Receive receive);
  Outcome<void> exchange(Request& request);
  Outcome<Link> query(Request& request, const std::string& whom);

  UniqueFd fd_;
  std::uint32_t sequence_ = 0;
};

// Watches one link for changes that others make.
class LinkMonitor {
 public:
  static Outcome<LinkMonitor> open(unsigned index);

  int native_handle() const { return fd_.get(); }  // readable when there is news

  struct News {
    std::optional<Link> link;  // its latest state, where it was told
    bool was_down = false;     // it was down in between, if only for a moment
    bool was_deleted = false;  // or moved to another network namespace
    bool has_gaps = false;     // the kernel dropped news: ask for the link's state
  };
  // Takes in everything the kernel has to say; never blocks. An error: no more will come.
  std::expected<News, std::error_code> take();

 private:
  LinkMonitor(UniqueFd fd, unsigned index) : fd_(std::move(fd)), index_(index) {}
  UniqueFd fd_;
  unsigned index_;
};

}  // namespace tuntcp::io
