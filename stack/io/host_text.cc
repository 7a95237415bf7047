#include "stack/io/host_text.h"

#include <algorithm>
#include <cinttypes>
#include <vector>

#include "stack/io/print.h"
#include "stack/io/ss_info.h"

namespace tuntcp::io {

namespace {

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
    if (!options.with_details || is_listener) continue;
    if (const std::string info = ss_info(s); !info.empty()) out += "\t " + info + "\n";
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
