#include "stack/io/host_text.h"

#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <vector>

namespace tuntcp::io {

namespace {

[[gnu::format(printf, 2, 3)]] void print(std::string& out, const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (length > 0) out.append(line, std::min(static_cast<std::size_t>(length), sizeof line - 1));
}

// As ss does: "1min20sec", "59sec", "3.240ms" (3 s and 240 ms), "200ms".
std::string timer_text(Duration left) {
  const std::int64_t total_ms = std::max<std::int64_t>(left.count_ms(), 0);
  const std::int64_t minutes = total_ms / 60'000;
  std::int64_t seconds = total_ms / 1000 % 60;
  std::int64_t ms = total_ms % 1000;
  std::string text;
  if (minutes != 0) {
    ms = 0;
    if (minutes > 9) seconds = 0;
    print(text, "%" PRId64 "min", minutes);
  }
  if (seconds != 0) {
    if (seconds > 9) ms = 0;
    print(text, "%" PRId64 "%s", seconds, ms != 0 ? "." : "sec");
  }
  if (ms != 0) print(text, "%03" PRId64 "ms", ms);
  if (text.empty()) text = "0ms";
  return text;
}

std::string endpoint_text(const Endpoint& endpoint, bool is_wildcard) {
  if (!is_wildcard) return endpoint.to_string();
  Endpoint any = endpoint;
  any.port = 0;
  std::string text = any.to_string();
  text.back() = '*';
  return text;
}

// As ss: for how long there was something to send, and for which part of that it was held back.
void print_busy_time(std::string& out, const Status& s) {
  if (s.busy == Duration::zero()) return;
  print(out, " busy:%" PRId64 "ms", s.busy.count_ms());
  const auto part = [&](const char* name, Duration limited) {
    if (limited == Duration::zero()) return;
    print(out, " %s:%" PRId64 "ms(%.1f%%)", name, limited.count_ms(),
          100 * limited.count_s() / s.busy.count_s());
  };
  part("rwnd_limited", s.limited_by_window);
  part("sndbuf_limited", s.limited_by_buffer);
}

void print_details(std::string& out, const Status& s) {
  print(out, "\t %s wscale:%u,%u rto:%.0f rtt:%.3f/%.3f mss:%u pmtu:%u rcvmss:%u", s.congestion,
        s.snd_wscale, s.rcv_wscale, s.rto.count_s() * 1e3, s.srtt.count_s() * 1e3,
        s.rttvar.count_s() * 1e3, s.snd_mss, s.pmtu, s.rcv_mss);
  print(out, " cwnd:%u", s.cwnd_segments);
  if (s.ssthresh_octets != UINT32_MAX) print(out, " ssthresh:%u", s.ssthresh_octets);
  print(out, " snd_wnd:%u rcv_wnd:%u unacked:%u sndbuf:%u rcvbuf:%u", s.snd_wnd, s.rcv_wnd,
        s.unacked_octets, s.sndbuf, s.rcvbuf);
  print(out,
        " bytes_sent:%" PRIu64 " bytes_acked:%" PRIu64 " bytes_received:%" PRIu64
        " bytes_retrans:%" PRIu64 "%s%s minrtt:%.3f",
        s.octets_sent, s.octets_acked, s.octets_received, s.octets_retransmitted,
        s.has_timestamps ? " ts" : "", s.has_sack ? " sack" : "", s.min_rtt.count_s() * 1e3);
  print_busy_time(out, s);
  out += '\n';
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == text.npos) return words;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(" \t\r\n"), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

using Answer = std::expected<std::string, std::string>;

std::unexpected<std::string> unknown_word(std::string_view word) {
  return std::unexpected("unknown word '" + std::string(word) + "' in the request");
}

Answer answer_ss(Host& host, Instant now, const std::vector<std::string_view>& words) {
  TableOptions options{.with_listeners = false};
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "-a") {
      options.with_listeners = true;
    } else if (words[i] == "-l") {
      options.with_listeners = true;
      options.with_connections = false;
    } else if (words[i] == "-i") {
      options.with_details = true;
    } else {
      return unknown_word(words[i]);
    }
  }
  return connection_table(host, now, options);
}

Answer answer_nstat(Host& host, const std::vector<std::string_view>& words) {
  bool with_zeros = false;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] != "-z") return unknown_word(words[i]);
    with_zeros = true;
  }
  return counter_table(host, with_zeros);
}

Answer answer_sysctl(Host& host, const std::vector<std::string_view>& words) {
  if (words.size() == 2 && words[1] == "-a") return knob_table(host);
  if (words.size() < 2) return std::unexpected("sysctl needs a name, NAME=VALUE or -a");
  std::string out;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    const std::string_view name = words[i].substr(0, equals);
    if (equals != words[i].npos) {
      // Values of several numbers are written with commas, because words end at blanks.
      std::string value(words[i].substr(equals + 1));
      for (char& c : value) c = c == ',' ? ' ' : c;
      if (const auto result = host.set_sysctl(name, value); !result) {
        return std::unexpected(result.error());
      }
    }
    const auto value = get_sysctl(host.sysctl(), name);
    if (!value) return std::unexpected(value.error());
    out += std::string(name) + " = " + *value + "\n";
  }
  return out;
}

}  // namespace

std::string connection_table(const Host& host, Instant now, const TableOptions& options) {
  std::string out;
  print(out, "%-10s %-6s %-6s %24s %24s\n", "State", "Recv-Q", "Send-Q", "Local Address:Port",
        "Peer Address:Port");
  for (const Status& s : host.list(now)) {
    const bool is_listener = s.state == tcp::State::listen;
    if (is_listener ? !options.with_listeners : !options.with_connections) continue;
    print(out, "%-10s %-6u %-6u %24s %24s", tcp::ss_name(s.state), s.recv_q, s.send_q,
          s.tuple.local.to_string().c_str(), endpoint_text(s.tuple.remote, is_listener).c_str());
    if (s.timer != TimerKind::none) {
      print(out, " timer:(%s,%s,%u)", to_string(s.timer), timer_text(s.timer_left).c_str(),
            s.retransmits);
    }
    if (s.is_orphan) out += " orphan";
    out += '\n';
    if (options.with_details && !is_listener) print_details(out, s);
  }
  return out;
}

std::string counter_table(const Host& host, bool with_zeros) {
  std::string out;
  for (std::size_t i = 0; i < kCounterCount; ++i) {
    const auto counter = static_cast<Counter>(i);
    const std::uint64_t value = host.mib()[counter];
    if (value != 0 || with_zeros) print(out, "%-32s%" PRIu64 "\n", nstat_name(counter), value);
  }
  if (const std::uint64_t established = host.current_established();
      established != 0 || with_zeros) {
    print(out, "%-32s%" PRIu64 "\n", "TcpCurrEstab", established);
  }
  return out;
}

std::string knob_table(const Host& host) {
  std::string out;
  for (const Knob& knob : knobs()) {
    const auto value = get_sysctl(host.sysctl(), knob.name);
    if (value) out += std::string(knob.name) + " = " + *value + "\n";
  }
  return out;
}

Answer answer_request(Host& host, Instant now, std::string_view request) {
  const auto words = split(request);
  if (words.empty()) return std::unexpected("the request is empty");
  if (words[0] == "ss") return answer_ss(host, now, words);
  if (words[0] == "nstat") return answer_nstat(host, words);
  if (words[0] == "sysctl") return answer_sysctl(host, words);
  return std::unexpected("unknown request '" + std::string(words[0]) +
                         "'; known are ss, nstat and sysctl");
}

}  // namespace tuntcp::io
