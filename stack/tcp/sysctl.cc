// The table of knobs, the profiles, and the reading and writing of values.
//
// Ranges are what Linux 6.18 accepts when one writes to /proc/sys, measured; where it accepts what
// has no meaning (negative numbers, rmem in falling order) the table is stricter.
#include "stack/tcp/sysctl.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

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

#define TUNTCP_KNOB(name, member, least, most, meaning) \
  {name, least, most, meaning, values_of<&Sysctl::member>}

constexpr Knob kKnobs[] = {
    TUNTCP_KNOB("net.core.somaxconn", somaxconn, 0, kInt, "most a listener's backlog may ask for"),
    TUNTCP_KNOB("net.ipv4.ip_default_ttl", ip_default_ttl, 1, kByte, "TTL and hop limit sent"),
    // Linux refuses ports below ip_unprivileged_port_start, 1024.
    TUNTCP_KNOB("net.ipv4.ip_local_port_range", ip_local_port_range, 1024, 65535,
                "ephemeral ports: low and high"),
    TUNTCP_KNOB("net.ipv4.tcp_abort_on_overflow", tcp_abort_on_overflow, 0, kByte,
                "1: RST when the accept queue is full"),
    TUNTCP_KNOB("net.ipv4.tcp_challenge_ack_limit", tcp_challenge_ack_limit, 0, kInt,
                "challenge ACKs a second, of the whole host"),
    TUNTCP_KNOB("net.ipv4.tcp_dsack", tcp_dsack, 0, kByte, "1: report duplicates (RFC 2883)"),
    // Linux accepts 0 (and negative ones) and raises it to 3.5 RTO.
    TUNTCP_KNOB("net.ipv4.tcp_fin_timeout", tcp_fin_timeout, 1, 2147483,
                "s in FIN-WAIT-2 after close(); TIME-WAIT is net.tuntcp.tcp_time_wait_ms"),
    TUNTCP_KNOB("net.ipv4.tcp_invalid_ratelimit", tcp_invalid_ratelimit, 0, kInt,
                "ms between two ACKs of invalid segments of one connection"),
    TUNTCP_KNOB("net.ipv4.tcp_max_orphans", tcp_max_orphans, 0, kInt,
                "closed by the application and not yet over"),
    TUNTCP_KNOB("net.ipv4.tcp_max_syn_backlog", tcp_max_syn_backlog, 0, kInt,
                "half-open connections of one listener"),
    TUNTCP_KNOB("net.ipv4.tcp_max_tw_buckets", tcp_max_tw_buckets, 0, kInt,
                "connections in TIME-WAIT"),
    TUNTCP_KNOB("net.ipv4.tcp_min_snd_mss", tcp_min_snd_mss, 48, 65535,
                "octets: no smaller MSS is believed"),
    TUNTCP_KNOB("net.ipv4.tcp_moderate_rcvbuf", tcp_moderate_rcvbuf, 0, kByte,
                "1: receive buffers grow with the path"),
    TUNTCP_KNOB("net.ipv4.tcp_orphan_retries", tcp_orphan_retries, 0, kByte,
                "retransmissions of a closed connection; 0 means 8"),
    TUNTCP_KNOB("net.ipv4.tcp_retries1", tcp_retries1, 0, kByte, "R1, retransmissions"),
    TUNTCP_KNOB("net.ipv4.tcp_retries2", tcp_retries2, 0, kByte, "R2, retransmissions"),
    TUNTCP_KNOB("net.ipv4.tcp_rfc1337", tcp_rfc1337, 0, kByte, "1: RST does not end TIME-WAIT"),
    TUNTCP_KNOB("net.ipv4.tcp_rmem", tcp_rmem, 1, kInt,
                "octets of receive buffer: least, initial, most"),
    TUNTCP_KNOB("net.ipv4.tcp_rto_max_ms", tcp_rto_max_ms, 1000, 120000, "ms, longest RTO"),
    TUNTCP_KNOB("net.ipv4.tcp_rto_min_us", tcp_rto_min_us, 1, kInt,
                "us, least variance term of the RTO"),
    TUNTCP_KNOB("net.ipv4.tcp_sack", tcp_sack, 0, kByte, "1: selective ACKs (RFC 2018)"),
    TUNTCP_KNOB("net.ipv4.tcp_slow_start_after_idle", tcp_slow_start_after_idle, 0, kByte,
                "1: cwnd shrinks while nothing is sent (RFC 2861)"),
    TUNTCP_KNOB("net.ipv4.tcp_syn_linear_timeouts", tcp_syn_linear_timeouts, 0, 127,
                "SYN retransmissions before the back-off begins"),
    TUNTCP_KNOB("net.ipv4.tcp_syn_retries", tcp_syn_retries, 1, 127, "SYN retransmissions"),
    TUNTCP_KNOB("net.ipv4.tcp_synack_retries", tcp_synack_retries, 0, kByte,
                "SYN,ACK retransmissions"),
    TUNTCP_KNOB("net.ipv4.tcp_timestamps", tcp_timestamps, 0, kByte, "1: RFC 7323 timestamps"),
    TUNTCP_KNOB("net.ipv4.tcp_tw_reuse", tcp_tw_reuse, 0, 2,
                "OPEN may take over TIME-WAIT: 0 never, 1 always, 2 on loopback"),
    TUNTCP_KNOB("net.ipv4.tcp_tw_reuse_delay", tcp_tw_reuse_delay, 1, 60000,
                "ms in TIME-WAIT before tcp_tw_reuse"),
    TUNTCP_KNOB("net.ipv4.tcp_window_scaling", tcp_window_scaling, 0, kByte,
                "1: RFC 7323 window scale"),
    TUNTCP_KNOB("net.ipv4.tcp_wmem", tcp_wmem, 1, kInt,
                "octets of send buffer: least, initial, most"),
    // 1 ms to a day: a lab wants TIME-WAIT to be over, or to stay and be looked at.
    TUNTCP_KNOB("net.tuntcp.tcp_time_wait_ms", tcp_time_wait_ms, 1, 86400000,
                "ms of TIME-WAIT (2*MSL); existing ones keep their end"),
};

#undef TUNTCP_KNOB

std::string_view last_part(std::string_view name) {
  return name.substr(name.rfind('.') + 1);
}

std::expected<const Knob*, std::string> find_knob(std::string_view name) {
  const Knob* near = nullptr;
  for (const Knob& knob : kKnobs) {
    const std::string_view full = knob.name;
    if (name == full || name == last_part(full)) return &knob;
    if (last_part(name) == last_part(full)) near = &knob;
  }
  std::string line = std::string(name) + ": no such knob";
  if (near != nullptr) line += "; it is " + std::string(near->name);
  return std::unexpected(line);
}

std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::string_view kBlank = " \t\n";
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t begin = text.find_first_not_of(kBlank);
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    words.push_back(text.substr(0, text.find_first_of(kBlank)));
    text.remove_prefix(words.back().size());
  }
}

std::string range_of(const Knob& knob) {
  return std::to_string(knob.least) + " to " + std::to_string(knob.most);
}

// One value, or what is wrong with it.
std::expected<std::uint32_t, std::string> parse_value(const Knob& knob, std::string_view word) {
  std::string_view digits = word;
  if (digits.starts_with('-')) digits.remove_prefix(1);
  const bool is_number =
      !digits.empty() && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) {
    return std::unexpected("'" + std::string(word) + "' is not a whole number");
  }
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (status != std::errc{} || value < knob.least || value > knob.most) {
    return std::unexpected(std::string(word) + " is out of range " + range_of(knob));
  }
  return static_cast<std::uint32_t>(value);
}

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
  // As in profile linux, because they do what the RFC asks for: R1 is 3 retransmissions (SHLD-10),
  // R2 is 15, and with these timeouts far more than 100 s (SHLD-11); orphans retransmit 8 times,
  // more than 100 s even from 200 ms; tcp_rfc1337 stays 0, for 3.10.7.4, second, lets a RST end
  // TIME-WAIT.
  return sysctl;
}

std::span<const Knob> knobs() {
  return kKnobs;
}

std::expected<std::string, std::string> get_sysctl(const Sysctl& sysctl, std::string_view name) {
  const auto knob = find_knob(name);
  if (!knob) return std::unexpected(knob.error());
  Sysctl copy = sysctl;
  std::string line;
  for (const std::uint32_t value : (*knob)->values(copy)) {
    if (!line.empty()) line += '\t';
    line += std::to_string(value);
  }
  return line;
}

std::expected<void, std::string> set_sysctl(Sysctl& sysctl, std::string_view name,
                                            std::string_view value) {
  const auto found = find_knob(name);
  if (!found) return std::unexpected(found.error());
  const Knob& knob = **found;
  const std::span<std::uint32_t> values = knob.values(sysctl);
  const std::vector<std::string_view> words = words_of(value);
  const std::string prefix = std::string(knob.name) + ": ";

  if (words.size() != values.size()) {
    return std::unexpected(prefix + "takes " + std::to_string(values.size()) +
                           (values.size() == 1 ? " value" : " values") + ", not " +
                           std::to_string(words.size()));
  }
  std::vector<std::uint32_t> parsed;
  for (const std::string_view word : words) {
    const auto number = parse_value(knob, word);
    if (!number) return std::unexpected(prefix + number.error());
    if (!parsed.empty() && *number < parsed.back()) {
      return std::unexpected(prefix + std::string(word) + " is less than the value before it");
    }
    parsed.push_back(*number);
  }
  std::ranges::copy(parsed, values.begin());
  return {};
}

}  // namespace tuntcp
