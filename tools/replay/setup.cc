#include "tools/replay/setup.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

namespace tuntcp::replay {
namespace {

// The application's SENDs are known from what was sent, so the buffer that they went through must
// not hold them back once more.
constexpr std::uint32_t kSendBuffer = 16U << 20;
constexpr std::uint32_t kDefaultReceiveBuffer = 131'072;

const Packet* first_syn(const Flow& flow, Side side) {
  const auto syn = std::ranges::find_if(flow.packets, [&](const Packet& packet) {
    return packet.is_syn() && packet.fault.empty() && flow.sender(packet) == side;
  });
  return syn == flow.packets.end() ? nullptr : &*syn;
}

// Half of the memory is offered, in whole segments: the window of a SYN tells the buffer. One that
// SO_RCVBUF chose, of at most 65,535 octets, needs no window scale.
void set_receive_buffer(Setup& setup, const Packet& syn) {
  constexpr std::uint32_t kHalf = std::min(kDefaultReceiveBuffer / 2, 65'535U);
  const std::uint32_t mss = syn.options.mss.value_or(0);
  const auto is_usual = [&](std::uint32_t segment) {
    return syn.tcp.window == (kHalf > segment && segment != 0 ? kHalf - kHalf % segment : kHalf);
  };
  // A SYN,ACK knows whether there will be timestamps in each segment, a SYN does not.
  constexpr std::uint32_t kTimestampOctets = 12;
  const bool has_timestamps = mss > kTimestampOctets && syn.options.timestamps.has_value();
  if (syn.tcp.window == 0 || is_usual(mss)) return;
  if (has_timestamps && is_usual(mss - kTimestampOctets)) return;
  if (syn.options.window_shift.value_or(0) == 0) {
    setup.socket.receive_buffer = syn.tcp.window;
  } else {
    setup.host.sysctl.tcp_rmem[1] = 2U * syn.tcp.window;
  }
}

std::uint32_t number(std::string_view value, std::uint32_t least, std::uint32_t most) {
  std::uint32_t result = 0;
  const auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), result);
  if (status != std::errc() || end != value.data() + value.size() || result < least ||
      result > most) {
    throw std::invalid_argument("'" + std::string(value) + "' is not a number of " +
                                std::to_string(least) + " to " + std::to_string(most));
  }
  return result;
}

struct Knob {
  std::string_view name;
  std::uint32_t least;
  std::uint32_t most;
  void (*set)(Setup&, std::uint32_t);
};
constexpr std::array<Knob, 6> kKnobs{{
    {"link.mtu", 68, 65'535, [](Setup& s, std::uint32_t v) { s.host.link.mtu = v; }},
    {"socket.no_delay", 0, 1, [](Setup& s, std::uint32_t v) { s.socket.no_delay = v != 0; }},
    {"socket.receive_buffer", 1, 1U << 30,
     [](Setup& s, std::uint32_t v) { s.socket.receive_buffer = v; }},
    {"socket.send_buffer", 1, 1U << 30,
     [](Setup& s, std::uint32_t v) { s.socket.send_buffer = v; }},
    {"socket.user_timeout", 0, 1U << 30,
     [](Setup& s, std::uint32_t v) { s.socket.user_timeout = Duration::milliseconds(v); }},
    {"listen.backlog", 0, 65'535,
     [](Setup& s, std::uint32_t v) { s.listen.backlog = static_cast<int>(v); }},
}};

}  // namespace

void apply_setting(Setup& setup, std::string_view setting) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string_view::npos) {
    throw std::invalid_argument("'" + std::string(setting) + "' is not KEY=VALUE");
  }
  const std::string_view key = setting.substr(0, equals);
  const std::string_view value = setting.substr(equals + 1);
  const auto knob = std::ranges::find(kKnobs, key, &Knob::name);
  if (knob != kKnobs.end()) return knob->set(setup, number(value, knob->least, knob->most));
  const auto set = set_sysctl(setup.host.sysctl, key, value);
  if (!set) throw std::invalid_argument(set.error());
}

Setup setup_of(const Flow& flow, Side played, const Application& application,
               const std::vector<std::string>& settings) {
  Setup setup;
  const Endpoint& local = flow.end(played);
  setup.host.addresses = {{.address = local.address, .length = local.address.is_v4() ? 32U : 128U}};
  setup.socket.no_delay = application.no_delay;
  setup.socket.send_buffer = kSendBuffer;
  // One capture must not be able to ask for much.
  setup.host.max_connections = 4096;
  setup.host.receive_arena_octets = std::size_t{64} << 20;
  setup.host.send_pool_octets = std::size_t{64} << 20;

  if (const Packet* const syn = first_syn(flow, played)) {
    const Packet* const remote =
        first_syn(flow, played == Side::client ? Side::server : Side::client);
    // In a SYN,ACK only what the SYN offered could be accepted.
    const auto refused = [&](bool offers, auto has) {
      return !offers && (!syn->has(wire::Flag::ack) || remote == nullptr || has(remote->options));
    };
    Sysctl& sysctl = setup.host.sysctl;
    const wire::TcpOptions& options = syn->options;
    if (refused(options.timestamps.has_value(),
                [](const auto& o) { return o.timestamps.has_value(); })) {
      sysctl.tcp_timestamps = 0;
    }
    if (refused(options.sack_permitted, [](const auto& o) { return o.sack_permitted; })) {
      sysctl.tcp_sack = 0;
    }
    if (refused(options.window_shift.has_value(),
                [](const auto& o) { return o.window_shift.has_value(); })) {
      sysctl.tcp_window_scaling = 0;
    }
    // RFC 3168, 6.1.1: what a SYN asks for, or a SYN,ACK does not agree to.
    const bool has_ece = syn->has(wire::Flag::ece);
    if (!syn->has(wire::Flag::ack)) {
      sysctl.tcp_ecn = has_ece ? 1 : 2;
    } else if (!has_ece) {
      sysctl.tcp_ecn = 0;
    }
    if (options.window_shift) {
      const std::uint32_t shift = std::min(*options.window_shift, wire::kMaxWindowShift);
      const std::uint32_t most = 65'535U << shift;
      // The default buffer is one of those that need this shift, or another one must be.
      if (shift != 10) {
        sysctl.tcp_rmem[2] = most;
        sysctl.tcp_rmem[1] = std::min(sysctl.tcp_rmem[1], std::max(most, 4096U));
      }
    }
    if (options.mss) {
      const std::uint32_t headers =
          wire::ip_header_octets(local.address.family()) + wire::kTcpHeaderOctets;
      setup.host.link.mtu = std::min(*options.mss + headers, wire::kIpMaxOctets);
    }
    set_receive_buffer(setup, *syn);
  }
  for (const std::string& setting : settings) apply_setting(setup, setting);
  return setup;
}

}  // namespace tuntcp::replay
