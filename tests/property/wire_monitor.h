// Watches what leaves a host and what reaches it, and reports a packet that no correct TCP sends.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "stack/base/seq_num.h"
#include "stack/wire/ip.h"
#include "stack/wire/offload.h"
#include "stack/wire/packet_sink.h"
#include "stack/wire/tcp_header.h"
#include "stack/wire/tcp_options.h"

namespace tuntcp::test {

// One for each host. Checked of every packet that leaves it:
//  - the IP header is valid and the TCP checksum is right, or left to the device in the right place
//    (RFC 9293, MUST-2); no packet is longer than the MTU, no super-packet than its bound;
//  - text and options fit the MSS that the peer announced (RFC 9293, 3.7.1);
//  - the right edge of the advertised window never moves left (RFC 9293, 3.8.6, SHLD-14);
//  - no octet lies beyond the window the peer offered (3.8.6).
class WireMonitor {
 public:
  WireMonitor(std::string name, const wire::LinkCapabilities& link) : name_(name), link_(link) {}

  // The larger of the old and new ones hold while packets made under the old are retried.
  void set_link(const wire::LinkCapabilities& link) { link_ = link; }
  void on_sent(const wire::OutgoingPacket& packet, Bytes octets);
  // Only of packets that arrive undamaged.
  void on_delivered(Bytes octets);

 private:
  struct Flow {
    // What this host announced ...
    SeqNum sent_isn;
    int sent_shift = -1;  // -1: no window scale option
    bool has_edge = false;
    SeqNum edge;  // the right edge of its window
    // ... and what the peer did.
    bool has_peer_syn = false;
    SeqNum peer_isn;
    int peer_shift = -1;
    std::uint32_t peer_mss = 536;
    bool has_peer_edge = false;
    SeqNum peer_edge;

    bool scales() const { return sent_shift >= 0 && peer_shift >= 0; }
  };
  // Local port, remote port, IPv6.
  using Key = std::tuple<Port, Port, bool>;

  void check_form(const wire::OutgoingPacket& packet, Bytes octets, const wire::IpHeader& ip,
                  const wire::TcpHeader& tcp);
  void check_flow(Flow& flow, const wire::TcpHeader& tcp, const wire::TcpOptions& options,
                  std::uint32_t text, std::uint32_t segment_text);

  std::string name_;
  wire::LinkCapabilities link_;
  std::map<Key, Flow> flows_;
};

// One line about a packet, in the manner of tcpdump; sequence numbers are absolute.
std::string describe(Bytes octets);

}  // namespace tuntcp::test
