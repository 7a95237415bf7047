// Watches what leaves a host and what reaches it, and reports a packet that no correct TCP sends.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "stack/base/address.h"
#include "stack/base/seq_num.h"
#include "stack/sim/faults.h"
#include "stack/wire/ip.h"
#include "stack/wire/offload.h"
#include "stack/wire/packet_sink.h"
#include "stack/wire/tcp_header.h"
#include "stack/wire/tcp_options.h"

namespace tuntcp::sim {

// One for each host. Checked of every packet that leaves it:
//  - the IP header is valid and the TCP checksum is right, or left to the device in the right place
//    (RFC 9293, MUST-2); no packet is longer than the MTU, no super-packet than its bound;
//  - text and options fit the MSS that the peer announced (RFC 9293, 3.7.1);
//  - the right edge of the advertised window never moves left (RFC 9293, 3.8.6, SHLD-14);
//  - no octet lies beyond the window the peer offered (3.8.6), and none is acknowledged that did
//    not arrive (3.4).
class WireMonitor {
 public:
  // A host with SYN cookies may forget what it said in a SYN,ACK, or in a connection that it reset,
  // and say something else to the next segment that brings the same cookie back (RFC 4987, 3.6).
  WireMonitor(std::string name, const wire::LinkCapabilities& link, bool has_cookies,
              Faults& faults)
      : name_(std::move(name)), link_(link), has_cookies_(has_cookies), faults_(faults) {}

  void set_link(const wire::LinkCapabilities& link);
  void on_sent(const wire::OutgoingPacket& packet, Bytes octets);
  // Only of packets that arrive undamaged.
  void on_delivered(Bytes octets);

 private:
  // What a SYN says.
  struct Start {
    SeqNum isn;
    int shift = -1;  // -1: no window scale option
    std::uint32_t mss = 536;
  };
  struct Flow {
    // What this host announced ...
    std::optional<Start> sent;
    bool has_edge = false;
    SeqNum edge;   // the right edge of its window
    SeqNum acked;  // what it acknowledged last
    // ... and what the peer did, in the incarnation that this host takes part in.
    std::optional<Start> peer;
    bool has_peer_edge = false;
    SeqNum peer_edge;
    SeqNum peer_end;  // after the farthest octet that arrived
    // A SYN that this host has not answered: an old duplicate, or a new incarnation.
    std::optional<Start> offered;

    bool scales() const { return sent->shift >= 0 && peer && peer->shift >= 0; }
    void begin_with(const Start& start);
  };
  struct Order {
    bool operator()(const FourTuple& a, const FourTuple& b) const;
  };
  struct Segment {
    wire::TcpHeader tcp;
    wire::TcpOptions options;
    std::uint32_t text = 0;
    std::uint32_t segment_text = 0;  // of one wire packet
    bool is_ipv6 = false;
  };

  void check(bool holds, const char* what, std::int64_t found, std::int64_t bound = 0);
  void check_form(const wire::OutgoingPacket& packet, Bytes octets, const wire::IpHeader& ip,
                  const wire::TcpHeader& tcp);
  void check_flow(Flow& flow, const Segment& segment);
  static Start start_of(const Segment& segment);
  static void note_own_syn(Flow& flow, const Segment& segment);
  static void note_peers_syn(Flow& flow, const Segment& segment);
  void check_window(Flow& flow, const Segment& segment);

  std::string name_;
  wire::LinkCapabilities link_;
  bool has_cookies_;
  Faults& faults_;
  std::map<FourTuple, Flow, Order> flows_;  // local is this host
};

}  // namespace tuntcp::sim
