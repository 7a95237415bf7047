#include "stack/tcp/negotiation.h"

#include <algorithm>

#include "stack/tcp/send_policy.h"
#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"

namespace tuntcp::tcp {
namespace {

constexpr std::uint32_t fixed_headers(Family family) {
  return wire::ip_header_octets(family) + wire::kTcpHeaderOctets;
}

}  // namespace

std::uint16_t advertised_mss(const wire::LinkCapabilities& link, Family family,
                             std::uint16_t max_segment) {
  const std::uint32_t mtu = std::min(link.mtu, wire::kIpMaxOctets);
  const auto mss = static_cast<std::uint16_t>(mtu - std::min(mtu, fixed_headers(family)));
  return max_segment != 0 ? std::min(mss, max_segment) : mss;
}

std::uint16_t advertised_mss(const Tcb& tcb) {
  return advertised_mss(tcb.shared->link_of(tcb), tcb.tuple.family(), tcb.max_segment);
}

Offered offered_by(const Sysctl& sysctl) {
  return {.timestamps = sysctl.tcp_timestamps != 0,
          .sack = sysctl.tcp_sack != 0,
          .window_scaling = sysctl.tcp_window_scaling != 0};
}

wire::TcpOptions offer(const Offered& offered, std::uint16_t mss, std::uint32_t timestamp) {
  wire::TcpOptions options;
  options.mss = mss;
  options.sack_permitted = offered.sack;
  if (offered.timestamps) options.timestamps = {.value = timestamp, .echo = 0};
  if (offered.window_scaling) options.window_shift = offered.window_shift;
  return options;
}

PeerOffer read_offer(const wire::TcpOptions& options, const Offered& offered, const Sysctl& sysctl,
                     Family family) {
  PeerOffer peer;
  // MUST-15. An MSS of 0 says nothing; one too small would drown both sides in headers
  // (tcp_min_snd_mss).
  const std::uint16_t assumed = family == Family::ipv4 ? 536 : 1220;
  const std::uint16_t stated = options.mss.value_or(0);
  peer.mss = stated == 0 ? assumed : stated;
  peer.mss = std::max(peer.mss, static_cast<std::uint16_t>(sysctl.tcp_min_snd_mss));
  peer.has_window_shift = options.window_shift.has_value() && offered.window_scaling;
  // RFC 7323, 2.3: a shift above 14 is taken as 14.
  if (peer.has_window_shift) {
    peer.window_shift = std::min(*options.window_shift, wire::kMaxWindowShift);
  }
  peer.has_timestamps = options.timestamps.has_value() && offered.timestamps;
  peer.has_sack = options.sack_permitted && offered.sack;
  return peer;
}

wire::TcpOptions answer(const PeerOffer& peer, std::uint8_t window_shift, std::uint16_t mss,
                        wire::Timestamps timestamps) {
  wire::TcpOptions options;
  options.mss = mss;
  options.sack_permitted = peer.has_sack;
  if (peer.has_timestamps) options.timestamps = timestamps;
  if (peer.has_window_shift) options.window_shift = window_shift;
  return options;
}

void agree(Tcb& tcb, const PeerOffer& peer) {
  const std::uint16_t most = tcb.max_segment != 0 ? tcb.max_segment : std::uint16_t{65'535};
  tcb.agreed = {.peer_mss = std::min(peer.mss, most),
                .timestamps = peer.has_timestamps,
                .sack = peer.has_sack,
                .window_scaling = peer.has_window_shift,
                .ecn = peer.has_ecn};
  tcb.snd.wscale = peer.window_shift;
  tcb.rcv.wscale = peer.has_window_shift ? tcb.offered.window_shift : std::uint8_t{0};
  tcb.ack.rcv_mss = std::min<std::uint32_t>(536, peer.mss);
}

std::uint32_t effective_send_mss(const Tcb& tcb, std::uint32_t option_octets) {
  const std::uint32_t link = advertised_mss(tcb.shared->link_of(tcb), tcb.tuple.family());
  std::uint32_t path = link;
  if (tcb.path.mtu != 0) {
    // tcp_min_snd_mss: no router makes us send nothing but headers.
    const std::uint32_t octets = path_mtu_of(tcb);
    const std::uint32_t text = octets - std::min(octets, fixed_headers(tcb.tuple.family()));
    path = std::min(link, std::max(text, sysctl(tcb).tcp_min_snd_mss));
  }
  const std::uint32_t whole = std::min<std::uint32_t>(tcb.agreed.peer_mss, path);
  // An option block must never leave no room for text, whatever the peer's MSS.
  const auto text_beside = [](std::uint32_t octets, std::uint32_t options) {
    return octets > options + 8 ? octets - options : 8;
  };
  // Linux counts the timestamps as header, and SACK blocks, which come and go, against a segment
  // that the window has bounded already. However small the window is, the least MTU of IPv4 (68)
  // bounds it no further.
  constexpr std::uint32_t kLeastPacket = 68;
  const std::uint32_t timestamps = tcb.agreed.timestamps ? 12 : 0;
  const std::uint32_t fixed = std::min(option_octets, timestamps) + tcb.ip_option_octets;
  const std::uint32_t bounded =
      bound_to_half_window(text_beside(whole, fixed), tcb.snd.max_wnd,
                           text_beside(kLeastPacket - wire::kTcpHeaderOctets, fixed));
  return text_beside(bounded, option_octets + tcb.ip_option_octets - fixed);
}

std::uint32_t plain_send_mss(const Tcb& tcb) {
  constexpr std::uint32_t kTimestampOctets = 12;
  return effective_send_mss(tcb, tcb.agreed.timestamps ? kTimestampOctets : 0);
}

}  // namespace tuntcp::tcp
