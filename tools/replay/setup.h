// The host that one captured side is played by: its address, link, knobs and socket options, as far
// as its SYN tells them (RFC 9293, 3.7.1; RFC 7323, 2 and 3), and what is set by hand.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stack/host/host.h"
#include "tools/replay/application.h"
#include "tools/replay/flow.h"

namespace tuntcp::replay {

struct Setup {
  HostConfig host;
  SocketOptions socket;
  ListenOptions listen;
};

// Besides the knobs of stack/tcp/sysctl.h ("net.ipv4.tcp_sack=0") these may be set:
//   link.mtu, socket.no_delay, socket.receive_buffer, socket.send_buffer (octets, as SO_RCVBUF),
//   socket.user_timeout (ms), listen.backlog
// Throws std::invalid_argument with one line if `settings` are wrong.
Setup setup_of(const Flow& flow, Side played, const Application& application,
               const std::vector<std::string>& settings);

// Throws std::invalid_argument if the setting "KEY=VALUE" has no meaning.
void apply_setting(Setup& setup, std::string_view setting);

}  // namespace tuntcp::replay
