// The table of knobs and the profiles. How values are read and written is in sysctl_text.cc.
//
// Ranges are what Linux 6.18 accepts when one writes to /proc/sys, measured; where it accepts what
// has no meaning (negative numbers, rmem in falling order) the table is stricter.
#include "stack/tcp/sysctl.h"

namespace tuntcp {
namespace {

constexpr std::uint32_t kInt = 2147483647;  // Linux keeps these in an int
constexpr std::uint32_t kByte = 255;        // and these in an u8, switches included

template <auto Member>
std::span<std::uint32_t> values_of(Sysctl& sysctl) {
  auto& field = sysctl.*Member;
  if constexpr (requires { field.size(); }) {
    return field;
  } else {
    return {&field, 1};
  }
}

std::vector<PortRange>& reserved_ports(Sysctl& sysctl) {
  return sysctl.ip_local_reserved_ports;
}

std::string& congestion_control(Sysctl& sysctl) {
  return sysctl.tcp_congestion_control;
}
std::string& available_congestion_control(Sysctl& sysctl) {
  return sysctl.tcp_available_congestion_control;
}

#define TUNTCP_KNOB(name, member, least, most, unit, follows, meaning)                        \
  {name,    least,   most,    unit,    Follows::follows, meaning, values_of<&Sysctl::member>, \
   nullptr, nullptr, nullptr, nullptr, nullptr,          nullptr}
// Octets, bounded by another knob.
#define TUNTCP_BETWEEN(name, member, follows, meaning, floor, ceiling) \
  {name,                                                               \
   0,                                                                  \
   kInt,                                                               \
   "octets",                                                           \
   Follows::follows,                                                   \
   meaning,                                                            \
   values_of<&Sysctl::member>,                                         \
   nullptr,                                                            \
   nullptr,                                                            \
   nullptr,                                                            \
   nullptr,                                                            \
   floor,                                                              \
   ceiling}
// What cannot be tuned, so far or ever: the value that describes what is done, and the reason.
#define TUNTCP_FIXED(name, only, meaning, reason)                     \
  {name,    0,       0,    "",     Follows::nobody, meaning, nullptr, \
   nullptr, nullptr, only, reason, nullptr,         nullptr}

// Sorted by name.
constexpr Knob kKnobs[] = {
    TUNTCP_KNOB("net.core.somaxconn", somaxconn, 0, kInt, "", fresh,
                "most that a backlog may ask for; listen() again to follow"),
    TUNTCP_KNOB("net.ipv4.conf.all.accept_source_route", accept_source_route, 0, 1, "", at_once,
                "1: packets that came over a source route are taken, and answered along it"),
    TUNTCP_KNOB("net.ipv4.ip_default_ttl", ip_default_ttl, 1, kByte, "", live,
                "TTL and hop limit sent"),
    // Linux refuses ports below ip_unprivileged_port_start, 1024.
    TUNTCP_KNOB("net.ipv4.ip_local_port_range", ip_local_port_range, 1024, 65535, "", at_once,
                "ephemeral ports: low and high"),
    {"net.ipv4.ip_local_reserved_ports", 0, 65535, "", Follows::at_once,
     "ports of that range that are chosen only when asked for: 8080,9148-9150", nullptr,
     reserved_ports, nullptr, nullptr, nullptr, nullptr, nullptr},
    TUNTCP_KNOB("net.ipv4.ip_no_pmtu_disc", ip_no_pmtu_disc, 0, 3, "", fresh,
                "path MTU discovery: 0 yes; else no DF, and 'too big' 1 means 552, 2 is ignored"),
    TUNTCP_BETWEEN(
        "net.ipv4.ipfrag_high_thresh", ipfrag_high_thresh, at_once,
        "of memory for fragments of IPv4, no less than ipfrag_low_thresh; 0: none is kept",
        "net.ipv4.ipfrag_low_thresh", nullptr),
    // Of old kernels the mark down to which fragments were dropped.
    TUNTCP_BETWEEN("net.ipv4.ipfrag_low_thresh", ipfrag_low_thresh, nobody,
                   "what ipfrag_high_thresh may not be below; no more than that", nullptr,
                   "net.ipv4.ipfrag_high_thresh"),
    TUNTCP_KNOB("net.ipv4.ipfrag_time", ipfrag_time, 0, 2147483, "s", at_once,
                "that the fragments of a packet wait for the rest"),
    TUNTCP_KNOB("net.ipv4.tcp_abort_on_overflow", tcp_abort_on_overflow, 0, kByte, "", at_once,
                "1: RST when the accept queue is full"),
    TUNTCP_KNOB(
        "net.ipv4.tcp_adv_win_scale", tcp_adv_win_scale, -31, 31, "", nobody,
        "kept but without effect, as since Linux 6.6: the share of the memory that is window "
        "follows the size of the segments"),
    {"net.ipv4.tcp_allowed_congestion_control", 0, 0, "", Follows::nobody,
     "what TCP_CONGESTION may be without CAP_NET_ADMIN", nullptr, nullptr,
     available_congestion_control, nullptr,
     "not here: an application may choose whatever its host has", nullptr, nullptr},
    TUNTCP_KNOB("net.ipv4.tcp_app_win", tcp_app_win, 0, 31, "", fresh,
                "the window leaves out its 2^-n, at least a segment; 0: nothing"),
    {"net.ipv4.tcp_available_congestion_control", 0, 0, "", Follows::nobody,
     "what tcp_congestion_control may be", nullptr, nullptr, available_congestion_control, nullptr,
     "not here: the host's controllers (HostConfig) make the list", nullptr, nullptr},
    TUNTCP_FIXED("net.ipv4.tcp_base_mss", "1024", "octets with which probing begins",
                 "not yet: no packetization layer path MTU discovery (RFC 4821)"),
    TUNTCP_KNOB("net.ipv4.tcp_challenge_ack_limit", tcp_challenge_ack_limit, 0, kInt, "a second",
                at_once, "challenge ACKs, of the whole host"),
    // Linux takes longer times than 32 bits can say.
    TUNTCP_KNOB(
        "net.ipv4.tcp_comp_sack_delay_ns", tcp_comp_sack_delay_ns, 0, 4294967295, "ns", live,
        "that an ACK of segments out of order waits for more of them, at most; or 5 % of the "
        "round-trip time"),
    TUNTCP_KNOB("net.ipv4.tcp_comp_sack_nr", tcp_comp_sack_nr, 0, kByte, "ACKs", live,
                "of segments out of order that one may stand for; 0: none waits"),
    TUNTCP_KNOB("net.ipv4.tcp_comp_sack_slack_ns", tcp_comp_sack_slack_ns, 0, 4294967295, "ns",
                live, "that such an ACK may leave later than tcp_comp_sack_delay_ns says"),
    {"net.ipv4.tcp_congestion_control", 0, 0, "", Follows::fresh,
     "one of tcp_available_congestion_control; TCP_CONGESTION is before it", nullptr, nullptr,
     congestion_control, nullptr, nullptr, nullptr, nullptr},
    TUNTCP_KNOB("net.ipv4.tcp_dsack", tcp_dsack, 0, kByte, "", live,
                "1: report duplicates (RFC 2883)"),
    TUNTCP_KNOB("net.ipv4.tcp_early_retrans", tcp_early_retrans, 0, 4, "", live,
                "3 or 4: tail loss probes (RFC 8985, 7), with SACK"),
    TUNTCP_KNOB("net.ipv4.tcp_ecn", tcp_ecn, 0, 2, "", fresh,
                "RFC 3168: 0 never, 1 offered and accepted, 2 accepted"),
    TUNTCP_KNOB("net.ipv4.tcp_ecn_fallback", tcp_ecn_fallback, 0, 1, "", live,
                "1: a SYN is repeated without the offer of ECN"),
    // Linux accepts 0 (and negative ones) and raises it to 3.5 RTO.
    TUNTCP_KNOB("net.ipv4.tcp_fin_timeout", tcp_fin_timeout, 1, 2147483, "s", live,
                "in FIN-WAIT-2 after close(), of those that enter it; TIME-WAIT is "
                "net.tuntcp.tcp_time_wait_ms"),
    TUNTCP_KNOB("net.ipv4.tcp_frto", tcp_frto, 0, kByte, "", live,
                "not 0: a timeout is tested for having been spurious (RFC 5682)"),
    TUNTCP_KNOB("net.ipv4.tcp_invalid_ratelimit", tcp_invalid_ratelimit, 0, kInt, "ms", live,
                "between two ACKs of invalid segments of one connection"),
    // Linux accepts 0 and negative numbers here and for the time.
    TUNTCP_KNOB("net.ipv4.tcp_keepalive_intvl", tcp_keepalive_intvl, 1, 2147483, "s", live,
                "between two keep-alive probes, unless TCP_KEEPINTVL says"),
    TUNTCP_KNOB("net.ipv4.tcp_keepalive_probes", tcp_keepalive_probes, 0, kByte, "", live,
                "keep-alive probes without an answer that end a connection"),
    TUNTCP_KNOB("net.ipv4.tcp_keepalive_time", tcp_keepalive_time, 1, 2147483, "s", live,
                "of silence before the first keep-alive probe"),
    TUNTCP_FIXED("net.ipv4.tcp_limit_output_bytes", "4194304",
                 "octets of a connection that wait in the device",
                 "not here: nothing waits below a connection, the device takes a packet or the "
                 "connection keeps it"),
    TUNTCP_KNOB("net.ipv4.tcp_max_orphans", tcp_max_orphans, 0, kInt, "", at_once,
                "closed by the application and not yet over"),
    TUNTCP_KNOB("net.ipv4.tcp_max_reordering", tcp_max_reordering, 1, kInt, "segments", live,
                "to which the reordering that a connection expects may grow"),
    TUNTCP_KNOB("net.ipv4.tcp_max_syn_backlog", tcp_max_syn_backlog, 0, kInt, "", at_once,
                "half-open connections of a listener, but for the last quarter; without "
                "tcp_syncookies"),
    TUNTCP_KNOB("net.ipv4.tcp_max_tw_buckets", tcp_max_tw_buckets, 0, kInt, "", at_once,
                "connections in TIME-WAIT"),
    TUNTCP_FIXED(
        "net.ipv4.tcp_mem", "524288\t524288\t524288", "pages of 4 KiB: low, pressure, most",
        "not here: the pools of a host are made with their bounds, 1 GiB each way (HostConfig)"),
    TUNTCP_KNOB("net.ipv4.tcp_min_rtt_wlen", tcp_min_rtt_wlen, 0, 86400, "s", live,
                "window of the least round-trip time that is told"),
    TUNTCP_KNOB("net.ipv4.tcp_min_snd_mss", tcp_min_snd_mss, 48, 65535, "octets", fresh,
                "no smaller MSS is believed"),
    TUNTCP_KNOB("net.ipv4.tcp_moderate_rcvbuf", tcp_moderate_rcvbuf, 0, kByte, "", live,
                "1: receive buffers grow with the path"),
    TUNTCP_FIXED("net.ipv4.tcp_mtu_probing", "0", "1: probe when ICMP is lost, 2: always",
                 "not yet: no packetization layer path MTU discovery (RFC 4821)"),
    TUNTCP_FIXED("net.ipv4.tcp_no_metrics_save", "1", "1: the next connection begins anew",
                 "not here: nothing is remembered of a path, so that every run is like the first"),
    TUNTCP_KNOB("net.ipv4.tcp_notsent_lowat", tcp_notsent_lowat, 0, 4294967295, "octets", live,
                "unsent, beyond which a socket is not writable; TCP_NOTSENT_LOWAT is before it"),
    TUNTCP_KNOB("net.ipv4.tcp_orphan_retries", tcp_orphan_retries, 0, kByte, "", live,
                "retransmissions of a closed connection; 0 means 8"),
    TUNTCP_KNOB("net.ipv4.tcp_pacing_ca_ratio", tcp_pacing_ca_ratio, 0, 1000, "%", live,
                "of cwnd per SRTT, at which a paced connection sends"),
    TUNTCP_KNOB("net.ipv4.tcp_pacing_ss_ratio", tcp_pacing_ss_ratio, 0, 1000, "%", live,
                "the same while cwnd is below half of ssthresh"),
    TUNTCP_KNOB("net.ipv4.tcp_recovery", tcp_recovery, 0, kByte, "", live,
                "RACK (RFC 8985) always finds losses; 2: its window does not grow, 4: three SACKed "
                "segments are no evidence by themselves"),
    TUNTCP_KNOB("net.ipv4.tcp_reordering", tcp_reordering, 1, 300, "segments", fresh,
                "duplicate ACKs or SACKed segments that make a loss, at first"),
    TUNTCP_KNOB("net.ipv4.tcp_retries1", tcp_retries1, 0, kByte, "", live, "R1, retransmissions"),
    TUNTCP_KNOB("net.ipv4.tcp_retries2", tcp_retries2, 0, kByte, "", live, "R2, retransmissions"),
    TUNTCP_KNOB("net.ipv4.tcp_rfc1337", tcp_rfc1337, 0, kByte, "", at_once,
                "1: RST does not end TIME-WAIT"),
    TUNTCP_KNOB("net.ipv4.tcp_rmem", tcp_rmem, 1, kInt, "octets", live,
                "of receive buffer: least, initial (of new ones), most"),
    TUNTCP_KNOB("net.ipv4.tcp_rto_max_ms", tcp_rto_max_ms, 1000, 120000, "ms", fresh,
                "longest RTO"),
    TUNTCP_KNOB("net.ipv4.tcp_rto_min_us", tcp_rto_min_us, 1, kInt, "us", fresh,
                "least variance term of the RTO"),
    TUNTCP_KNOB("net.ipv4.tcp_sack", tcp_sack, 0, kByte, "", fresh, "1: selective ACKs (RFC 2018)"),
    TUNTCP_FIXED("net.ipv4.tcp_shrink_window", "0", "1: the window shrinks with the memory",
                 "not yet: the right edge of the window stays (RFC 9293, SHLD-14)"),
    TUNTCP_KNOB("net.ipv4.tcp_slow_start_after_idle", tcp_slow_start_after_idle, 0, kByte, "", live,
                "1: cwnd shrinks while nothing is sent (RFC 2861)"),
    TUNTCP_KNOB("net.ipv4.tcp_stdurg", tcp_stdurg, 0, kByte, "", live,
                "1: an urgent pointer that comes names the urgent octet, not the one after it"),
    TUNTCP_KNOB("net.ipv4.tcp_syn_linear_timeouts", tcp_syn_linear_timeouts, 0, 127, "", live,
                "SYN retransmissions before the back-off begins"),
    TUNTCP_KNOB("net.ipv4.tcp_syn_retries", tcp_syn_retries, 1, 127, "", live,
                "SYN retransmissions"),
    TUNTCP_KNOB("net.ipv4.tcp_synack_retries", tcp_synack_retries, 0, kByte, "", live,
                "SYN,ACK retransmissions"),
    TUNTCP_KNOB("net.ipv4.tcp_syncookies", tcp_syncookies, 0, kByte, "", at_once,
                "RFC 4987: 0 never, 1 when the backlog is full, 2 always"),
    TUNTCP_KNOB("net.ipv4.tcp_thin_linear_timeouts", tcp_thin_linear_timeouts, 0, kByte, "", live,
                "1: with fewer than 4 segments in flight the first 6 timeouts are not doubled"),
    TUNTCP_KNOB("net.ipv4.tcp_timestamps", tcp_timestamps, 0, kByte, "", fresh,
                "RFC 7323: 0 none, 1 from an offset of each connection, 2 from 0"),
    TUNTCP_KNOB("net.ipv4.tcp_tw_reuse", tcp_tw_reuse, 0, 2, "", at_once,
                "OPEN may take over TIME-WAIT: 0 never, 1 always, 2 on loopback"),
    TUNTCP_KNOB("net.ipv4.tcp_tw_reuse_delay", tcp_tw_reuse_delay, 1, 60000, "ms", at_once,
                "in TIME-WAIT before tcp_tw_reuse"),
    TUNTCP_KNOB("net.ipv4.tcp_window_scaling", tcp_window_scaling, 0, kByte, "", fresh,
                "1: RFC 7323 window scale"),
    TUNTCP_KNOB("net.ipv4.tcp_wmem", tcp_wmem, 1, kInt, "octets", live,
                "of send buffer: least, initial, most"),
    TUNTCP_BETWEEN(
        "net.ipv6.ip6frag_high_thresh", ip6frag_high_thresh, at_once,
        "of memory for fragments of IPv6, no less than ip6frag_low_thresh; 0: none is kept",
        "net.ipv6.ip6frag_low_thresh", nullptr),
    TUNTCP_BETWEEN("net.ipv6.ip6frag_low_thresh", ip6frag_low_thresh, nobody,
                   "what ip6frag_high_thresh may not be below; no more than that", nullptr,
                   "net.ipv6.ip6frag_high_thresh"),
    TUNTCP_KNOB("net.ipv6.ip6frag_time", ip6frag_time, 0, 2147483, "s", at_once,
                "that the fragments of a packet wait for the rest"),
    TUNTCP_KNOB("net.tuntcp.tcp_abe", tcp_abe, 0, 1, "", fresh,
                "1: ECE leaves 0.85 of CUBIC's window, 0.8 of Reno's (RFC 8511), not 0.7 and 0.5"),
    TUNTCP_KNOB("net.tuntcp.tcp_cubic_hystart", tcp_cubic_hystart, 0, 2, "", fresh,
                "CUBIC's slow start ends: 0 by loss, 1 by HyStart (Linux), 2 by HyStart++ "
                "(RFC 9406)"),
    TUNTCP_KNOB("net.tuntcp.tcp_rescue", tcp_rescue, 0, 1, "", live,
                "1: a recovery that has nothing else to send repeats the last segment once (RFC "
                "6675); Linux leaves that to RACK and the timeout"),
    TUNTCP_KNOB("net.tuntcp.tcp_simultaneous_refused", tcp_simultaneous_refused, 0, 1, "", live,
                "1: RST in SYN-RECEIVED after an OPEN is \"refused\" (RFC 9293), 0: \"reset\" "
                "(Linux)"),
    TUNTCP_KNOB("net.tuntcp.tcp_soft_errors_end_open", tcp_soft_errors_end_open, 0, 1, "", live,
                "1: any ICMP error ends an OPEN under way; 0: soft ones do not (MUST-56)"),
    // 1 ms to a day: a lab wants TIME-WAIT to be over, or to stay and be looked at.
    TUNTCP_KNOB("net.tuntcp.tcp_time_wait_ms", tcp_time_wait_ms, 1, 86400000, "ms", fresh,
                "of TIME-WAIT (2*MSL), which Linux has no name for; existing ones keep their end"),
};

#undef TUNTCP_KNOB
#undef TUNTCP_BETWEEN
#undef TUNTCP_FIXED

}  // namespace

std::expected<Sysctl, std::string> Sysctl::profile(std::string_view name) {
  Sysctl sysctl;
  if (name == "linux") return sysctl;
  if (name != "rfc") {
    return std::unexpected(std::string(name) + ": no such profile; there are linux and rfc");
  }
  // RFC 6298, 2.4: an RTO below 1 s is rounded up to 1 s. (2.5 wants a maximum of at least 60 s.)
  sysctl.tcp_rto_min_us = 1'000'000;
  // RFC 6298, 5.5: every expiry doubles the RTO, the first ones too.
  sysctl.tcp_syn_linear_timeouts = 0;
  // MUST-23: a SYN is retransmitted for at least 3 minutes. From 1 s, doubled up to 120 s, the
  // eighth retransmission leaves after 1+2+4+...+64+120 = 247 s (the seventh after 127 s).
  // A SYN,ACK is a SYN too.
  sysctl.tcp_syn_retries = 8;
  sysctl.tcp_synack_retries = 8;
  // MUST-13: TIME-WAIT is 2*MSL, and 3.4.2 takes an MSL of 2 minutes; nothing ends it early for the
  // sake of a port.
  sysctl.tcp_time_wait_ms = 240'000;
  sysctl.tcp_tw_reuse = 0;
  // 3.10.7.4, second, SYN-RECEIVED: "the connection was refused, signal the user".
  sysctl.tcp_simultaneous_refused = 1;
  // MUST-56: soft errors never end a connection, not even one that is being opened.
  sysctl.tcp_soft_errors_end_open = 0;
  // MUST-53: who is reached over a source route answers along it. (Linux takes no such packet
  // unless told to; RFC 7126, 4.3 says why.)
  sysctl.accept_source_route = 1;
  // RFC 9438, 4.10: HyStart++ "SHOULD" end the first slow start.
  sysctl.tcp_cubic_hystart = 2;
  // RFC 6675, 4, NextSeg (4): the last segment "SHOULD be returned".
  sysctl.tcp_rescue = 1;
  // As in profile linux, because they do what the RFC asks for: R1 is 3 retransmissions (SHLD-10),
  // R2 is 15, and with these timeouts far more than 100 s (SHLD-11); orphans retransmit 8 times,
  // more than 100 s even from 200 ms; tcp_rfc1337 stays 0, for 3.10.7.4, second, lets a RST end
  // TIME-WAIT.
  return sysctl;
}

std::span<const Knob> knobs() {
  return kKnobs;
}

}  // namespace tuntcp
