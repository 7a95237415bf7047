// The knobs, under Linux's names: what `--set net.ipv4.KEY=VALUE` and the control socket change.
// Defaults are Linux 6.18's on a machine with some GiB of memory, frozen.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "stack/base/time.h"

namespace tuntcp {

// Values as Linux prints them (units in the name or beside it). Every field may change while
// connections live; they follow at their next decision, unless the knob's `note` says otherwise.
struct Sysctl {
  // Octets: least, initial, most. The initial one is a new connection's buffer.
  std::array<std::uint32_t, 3> tcp_rmem{4096, 131072, 33554432};
  std::array<std::uint32_t, 3> tcp_wmem{4096, 16384, 4194304};
  std::uint32_t tcp_moderate_rcvbuf = 1;
  std::uint32_t tcp_window_scaling = 1;
  std::uint32_t tcp_timestamps = 1;
  std::uint32_t tcp_sack = 1;
  std::uint32_t tcp_dsack = 1;
  std::uint32_t tcp_fin_timeout = 60;       // s
  std::uint32_t tcp_tw_reuse = 2;           // 0 never, 1 always, 2 loopback only
  std::uint32_t tcp_tw_reuse_delay = 1000;  // ms
  std::uint32_t tcp_max_tw_buckets = 131072;
  std::uint32_t tcp_rfc1337 = 0;
  std::uint32_t tcp_syn_retries = 6;
  std::uint32_t tcp_syn_linear_timeouts = 4;
  std::uint32_t tcp_synack_retries = 5;
  std::uint32_t tcp_retries1 = 3;
  std::uint32_t tcp_retries2 = 15;
  std::uint32_t tcp_orphan_retries = 0;  // 0 means 8
  std::uint32_t tcp_max_orphans = 131072;
  std::uint32_t tcp_max_syn_backlog = 2048;
  std::uint32_t tcp_abort_on_overflow = 0;
  std::uint32_t somaxconn = 4096;                      // net.core.somaxconn
  std::uint32_t tcp_challenge_ack_limit = 2147483647;  // a second
  std::uint32_t tcp_invalid_ratelimit = 500;           // ms
  std::uint32_t tcp_rto_min_us = 200000;
  std::uint32_t tcp_rto_max_ms = 120000;
  std::uint32_t tcp_slow_start_after_idle = 1;
  std::uint32_t tcp_min_snd_mss = 48;
  std::uint32_t ip_default_ttl = 64;
  std::array<std::uint32_t, 2> ip_local_port_range{32768, 60999};
  // What Linux hard-codes: the length of TIME-WAIT, in ms (TCP_TIMEWAIT_LEN, 60 s, is Linux's
  // 2*MSL; RFC 9293, 3.4.2 has an MSL of 2 minutes). Existing entries keep the end they have.
  std::uint32_t tcp_time_wait_ms = 60000;

  // "linux" (the defaults above) or "rfc" (where a MUST of RFC 9293 asks for more).
  static std::expected<Sysctl, std::string> profile(std::string_view name);
};

// One row of the table of knobs.
struct Knob {
  const char* name;     // "net.ipv4.tcp_fin_timeout"
  std::uint32_t least;  // of each value
  std::uint32_t most;
  const char* meaning;  // with its unit
  std::span<std::uint32_t> (*values)(Sysctl&);
};

std::span<const Knob> knobs();

// The value as sysctl(8) prints it, or one line that says what is wrong.
std::expected<std::string, std::string> get_sysctl(const Sysctl& sysctl, std::string_view name);
// Changes one knob. On failure nothing changes and the line names the range.
// "net.ipv4." may be left out of the name.
std::expected<void, std::string> set_sysctl(Sysctl& sysctl, std::string_view name,
                                            std::string_view value);

}  // namespace tuntcp
