// The knobs, under Linux's names: what `--set net.ipv4.KEY=VALUE` and the control socket change.
// Defaults are Linux 6.18's on a machine with some GiB of memory, frozen. docs/knobs.md is the
// table for readers, written from this one. What the values do is at the code that looks at them.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stack/base/time.h"

namespace tuntcp {

// Both ends are in it.
struct PortRange {
  std::uint16_t low = 0;
  std::uint16_t high = 0;
  friend constexpr bool operator==(const PortRange&, const PortRange&) = default;
};

// Values as Linux prints them (units in the name or beside it). Every field may change while
// connections live; Knob::follows says who feels it.
struct Sysctl {
  // Octets: least, initial, most. The initial one is a new connection's buffer.
  std::array<std::uint32_t, 3> tcp_rmem{4096, 131072, 33554432};
  std::array<std::uint32_t, 3> tcp_wmem{4096, 16384, 4194304};
  std::uint32_t tcp_moderate_rcvbuf = 1;
  std::uint32_t tcp_window_scaling = 1;
  std::uint32_t tcp_timestamps = 1;  // 0 off, 1 on, 2 on and without an offset
  std::uint32_t tcp_sack = 1;
  std::uint32_t tcp_dsack = 1;
  std::uint32_t tcp_comp_sack_delay_ns = 1'000'000;
  std::uint32_t tcp_comp_sack_slack_ns = 100'000;
  std::uint32_t tcp_comp_sack_nr = 44;
  std::uint32_t tcp_ecn = 2;  // 0 never, 1 always, 2 if the peer asks
  std::uint32_t tcp_ecn_fallback = 1;
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
  std::uint32_t tcp_keepalive_time = 7200;  // s
  std::uint32_t tcp_keepalive_intvl = 75;   // s
  std::uint32_t tcp_keepalive_probes = 9;
  std::uint32_t tcp_thin_linear_timeouts = 0;
  std::uint32_t tcp_stdurg = 0;
  std::uint32_t tcp_max_syn_backlog = 2048;
  std::uint32_t tcp_syncookies = 1;  // 0 never, 1 when the SYN queue is full, 2 always
  std::uint32_t tcp_abort_on_overflow = 0;
  std::uint32_t somaxconn = 4096;                      // net.core.somaxconn
  std::uint32_t tcp_challenge_ack_limit = 2147483647;  // a second
  std::uint32_t tcp_invalid_ratelimit = 500;           // ms
  std::uint32_t tcp_rto_min_us = 200000;
  std::uint32_t tcp_rto_max_ms = 120000;
  // One of the words of the list, which the host's controllers make.
  std::string tcp_congestion_control = "cubic";
  std::string tcp_available_congestion_control = "reno cubic";
  std::uint32_t tcp_slow_start_after_idle = 1;
  std::uint32_t tcp_min_snd_mss = 48;
  std::uint32_t tcp_adv_win_scale = 1;  // kept, and looked at by nobody, as since Linux 6.6
  std::uint32_t tcp_app_win = 31;       // 2^-31 of the window
  std::uint32_t tcp_notsent_lowat = 4294967295;  // octets
  std::uint32_t tcp_min_rtt_wlen = 300;          // s
  std::uint32_t tcp_reordering = 3;              // segments
  std::uint32_t tcp_max_reordering = 300;        // segments
  std::uint32_t tcp_recovery = 1;                // bits: 2 fixed window, 4 no DupThresh
  std::uint32_t tcp_early_retrans = 3;           // 3 and 4: tail loss probes
  std::uint32_t tcp_frto = 2;
  std::uint32_t tcp_pacing_ss_ratio = 200;  // percent
  std::uint32_t tcp_pacing_ca_ratio = 120;  // percent
  std::uint32_t accept_source_route = 0;    // net.ipv4.conf.all.accept_source_route
  std::uint32_t ip_default_ttl = 64;
  std::uint32_t ip_no_pmtu_disc = 0;            // 0 and 3: RFC 1191; 1, 2: never
  std::uint32_t ipfrag_high_thresh = 4194304;   // octets
  std::uint32_t ipfrag_low_thresh = 3145728;    // octets
  std::uint32_t ipfrag_time = 30;               // s
  std::uint32_t ip6frag_high_thresh = 4194304;  // octets
  std::uint32_t ip6frag_low_thresh = 3145728;   // octets
  std::uint32_t ip6frag_time = 60;              // s
  std::array<std::uint32_t, 2> ip_local_port_range{32768, 60999};
  std::vector<PortRange> ip_local_reserved_ports{};  // rising, with gaps between them
  // What Linux hard-codes: the length of TIME-WAIT, in ms (TCP_TIMEWAIT_LEN, 60 s, is Linux's
  // 2*MSL; RFC 9293, 3.4.2 has an MSL of 2 minutes). Existing entries keep the end they have.
  std::uint32_t tcp_time_wait_ms = 60000;
  // What Linux says of a RST in SYN-RECEIVED after an active OPEN: reset, not refused.
  std::uint32_t tcp_simultaneous_refused = 0;
  // RFC 8511: ECE costs less than a loss. What Linux has no name for.
  std::uint32_t tcp_abe = 0;
  // How CUBIC's slow start ends: 0 by loss, 1 Linux's HyStart too, 2 HyStart++ (RFC 9406) too.
  std::uint32_t tcp_cubic_hystart = 1;
  // RFC 6675, 4, NextSeg (4), which Linux does not have.
  std::uint32_t tcp_rescue = 0;
  // Linux ends an OPEN that is under way at any ICMP error, a soft one too, which MUST-56 forbids.
  std::uint32_t tcp_soft_errors_end_open = 1;

  // "linux" (the defaults above) or "rfc" (where a MUST of RFC 9293 asks for more).
  static std::expected<Sysctl, std::string> profile(std::string_view name);
};

// Who feels a change.
enum class Follows : std::uint8_t {
  live,     // every connection, at its next decision
  fresh,    // connections that begin afterwards
  at_once,  // the host: its next packet or call
  nobody,
};
const char* to_string(Follows follows);  // "live", "new", "at once", "-"

// One row of the table of knobs. A knob whose feature is missing has one value, which says what is
// done instead: it can be set to that, and anything else is refused with the reason. So is what is
// there to be looked at: a text with a reason.
struct Knob {
  const char* name;    // "net.ipv4.tcp_fin_timeout"
  std::int64_t least;  // of each value
  std::int64_t most;
  const char* unit;  // "" for switches and choices
  Follows follows;
  const char* meaning;
  std::span<std::uint32_t> (*values)(Sysctl&);  // numbers, or
  std::vector<PortRange>& (*ports)(Sysctl&);    // ranges of them, or
  std::string& (*text)(Sysctl&);                // a congestion control, or several, or
  const char* only;                             // the one value there is, and
  const char* reason;                           // why: "not yet: ..." or "not here: ..."
  // Other knobs that it may not be below, or above.
  const char* floor = nullptr;
  const char* ceiling = nullptr;
};

// What it may be while the others are what they are: `least` and `most`, or less of that.
struct KnobRange {
  std::int64_t least;
  std::int64_t most;
};
KnobRange range_of(const Knob& knob, const Sysctl& sysctl);

// By name.
std::span<const Knob> knobs();
// "net.ipv4." may be left out of the name. An error names a knob that may have been meant.
std::expected<const Knob*, std::string> find_knob(std::string_view name);
bool is_reserved(const Sysctl& sysctl, std::uint16_t port);  // ip_local_reserved_ports

// The value as sysctl(8) prints it, or one line that says what is wrong.
std::expected<std::string, std::string> get_sysctl(const Sysctl& sysctl, std::string_view name);
// Changes one knob. On failure nothing changes and the line names the range, or the reason.
std::expected<void, std::string> set_sysctl(Sysctl& sysctl, std::string_view name,
                                            std::string_view value);

}  // namespace tuntcp
