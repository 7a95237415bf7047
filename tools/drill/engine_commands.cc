#include "tools/drill/engine_commands.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <utility>

#include "tools/drill/backend.h"
#include "tools/drill/shell_words.h"

namespace tuntcp::drill {
namespace {

constexpr int kMaxFileDepth = 4;
constexpr std::size_t kMaxFileOctets = std::size_t{1} << 16;
constexpr double kMaxSleepSeconds = 100'000;

// Settings that the engine does not have because it behaves as with this value. "*": whatever it
// is, it decides how octets are spread over super-packets, and scripts are matched without regard
// to that.
struct Fixed {
  const char* name;
  const char* value;
};
constexpr Fixed kFixed[] = {
    {"net.ipv4.tcp_fack", "0"},
    {"net.ipv4.tcp_fastopen", "0"},
    {"net.ipv4.tcp_tso_win_divisor", "*"},
    {"net.ipv4.tcp_min_tso_segs", "*"},
    {"net.ipv4.tcp_tso_rtt_log", "*"},
};

// Parameters of Linux's modules that scripts write to, and what they are in the engine.
constexpr Fixed kFixedFiles[] = {{"/sys/module/tcp_cubic/parameters/hystart_detect", "3"}};

// `echo VALUE > FILE` of what is so anyway.
bool is_fixed_file(const std::string& path, const std::vector<std::string>& words) {
  return words.size() == 2 && words[0] == "echo" &&
         std::any_of(std::begin(kFixedFiles), std::end(kFixedFiles), [&](const Fixed& fixed) {
           return path == fixed.name && words[1] == fixed.value;
         });
}

std::string file_name(const std::string& path) {
  return path.substr(path.find_last_of('/') + 1);
}

bool contains(const std::string& line, const std::string& pattern) {
  return line.find(pattern) != std::string::npos;
}

}  // namespace

EngineCommands::EngineCommands(Host& host, std::function<void(Duration)> sleep,
                               std::function<void(bool)> fill)
    : host_(host), sleep_(std::move(sleep)), fill_(std::move(fill)), counted_(kCounterCount) {}

bool EngineCommands::run(std::string_view line, const std::string& folder) {
  return run_line(line, folder, false);
}

// Commands with ; && | between them. Output to /dev/null is thrown away, to elsewhere Unmapped.
bool EngineCommands::run_line(std::string_view line, const std::string& folder, bool is_default) {
  std::vector<ShellWord> words = shell_words(line);
  words.push_back({.text = ";", .is_operator = true});
  Command command{.is_default = is_default};
  bool ok = true;
  bool is_wanted = true;  // not behind a failure and "&&"
  bool is_target = false;
  for (const ShellWord& word : words) {
    if (std::exchange(is_target, false)) {
      const bool is_target_known =
          word.text == "/dev/null" || is_fixed_file(word.text, command.words);
      if (word.is_operator || !is_target_known) throw Unmapped(std::string(line));
      continue;
    }
    if (!word.is_operator) {
      command.words.push_back(word.text);
      continue;
    }
    if (word.text == ">" || word.text == ">>") {
      is_target = true;
      continue;
    }
    if (word.text == "&" || word.text == "<" || word.text == "||") {
      throw Unmapped(std::string(line));
    }
    Result result{.ok = ok};
    if (is_wanted && !command.words.empty()) {
      result = run_command(command, folder);
      ok = result.ok;
    }
    command = {.is_default = is_default};
    if (word.text == "|") command.input = std::move(result.output);
    is_wanted = word.text != "&&" || ok;
  }
  return ok;
}

EngineCommands::Result EngineCommands::run_command(const Command& command,
                                                   const std::string& folder) {
  const std::string name = file_name(command.words[0]);
  if (name == "sysctl") return sysctl(command);
  if (name == "set_sysctls.py") return set_sysctls(command);
  // What undoes set_sysctls.py; this host ends with its script.
  if (name.starts_with("sysctl_restore_")) return {};
  if (name == "nstat") return nstat();
  if (name == "ss") return ss();
  if (name == "grep") return grep(command);
  if (name == "tc") return traffic_control(command);
  if (name == "ethtool") return ethtool(command);
  if (name == "ip") return ip(command);
  if (name == "true") return {};
  if (name == "false") return {.ok = false};
  if (name == "exit" && command.words.size() == 2) return {.ok = command.words[1] == "0"};
  if (name == "echo") {
    Result result;
    for (std::size_t i = 1; i < command.words.size(); ++i) result.output += command.words[i] + " ";
    result.output += "\n";
    return result;
  }
  if (name == "sleep" && command.words.size() == 2) {
    double seconds = 0;
    const std::string& text = command.words[1];
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (parsed.ec == std::errc() && seconds >= 0 && seconds <= kMaxSleepSeconds) {
      sleep_(Duration::microseconds(static_cast<std::int64_t>(seconds * 1e6)));
      return {};
    }
  }
  if (name.ends_with(".sh")) return run_file(command.words[0], folder);
  std::string line;
  for (const std::string& word : command.words) line += (line.empty() ? "" : " ") + word;
  throw Unmapped("the command " + line.substr(0, 200));
}

EngineCommands::Result EngineCommands::run_file(const std::string& path,
                                                const std::string& folder) {
  const std::string place = path.starts_with('/') ? path : folder + path;
  std::ifstream file(place, std::ios::binary);
  if (!file) throw Unmapped("the command " + path + ": there is no such file");
  std::string text(kMaxFileOctets, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (++depth_ > kMaxFileDepth) throw Unmapped("files that run each other without an end");
  Result result;
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) result.ok = run_line(line, folder, true);
  --depth_;
  return result;
}

// sysctl [-q|-w|-e|-n] name=value ..., or name to print it.
EngineCommands::Result EngineCommands::sysctl(const Command& command) {
  Result result;
  for (std::size_t i = 1; i < command.words.size(); ++i) {
    const std::string& word = command.words[i];
    if (word.starts_with('-')) continue;
    const std::size_t equals = word.find('=');
    if (equals != std::string::npos) {
      set(word.substr(0, equals), word.substr(equals + 1), command.is_default);
      continue;
    }
    const auto value = get_sysctl(host_.sysctl(), word);
    if (!value) throw Unmapped("sysctl " + word);
    result.output += *value + "\n";
  }
  return result;
}

EngineCommands::Result EngineCommands::set_sysctls(const Command& command) {
  for (std::size_t i = 1; i < command.words.size(); ++i) {
    const std::string& word = command.words[i];
    constexpr std::string_view kRoot = "/proc/sys/";
    const std::size_t equals = word.find('=');
    if (!word.starts_with(kRoot) || equals == std::string::npos) throw Unmapped(word);
    set(word.substr(kRoot.size(), equals - kRoot.size()), word.substr(equals + 1),
        command.is_default);
  }
  return {};
}

void EngineCommands::set(std::string name, const std::string& value, bool is_default) {
  std::replace(name.begin(), name.end(), '/', '.');
  for (const Fixed& fixed : kFixed) {
    if (name == fixed.name && (value == fixed.value || std::string_view(fixed.value) == "*")) {
      return;
    }
  }
  const auto knob = find_knob(name);
  const bool is_tunable = knob && (*knob)->reason == nullptr;
  // What scripts take for granted they do not ask for.
  if (is_default && !is_tunable) {
    assumed_[name] = value;
    return;
  }
  if (!knob) throw Unmapped("sysctl " + name + "=" + value);
  if (auto changed = host_.set_sysctl(name, value); !changed) throw Unmapped(changed.error());
}

// What was counted since the last time, as nstat prints it.
EngineCommands::Result EngineCommands::nstat() {
  Result result;
  for (std::size_t i = 0; i < kCounterCount; ++i) {
    const auto counter = static_cast<Counter>(i);
    const std::uint64_t count = host_.mib()[counter];
    if (count != counted_[i]) {
      result.output +=
          std::string(nstat_name(counter)) + " " + std::to_string(count - counted_[i]) + " 0.0\n";
    }
    counted_[i] = count;
  }
  return result;
}

EngineCommands::Result EngineCommands::ss() const {
  Result result;
  for (const Status& status : host_.list(Instant())) {
    result.output += std::string(tcp::ss_name(status.state)) + " " + std::to_string(status.recv_q) +
                     " " + std::to_string(status.send_q) + " " + status.tuple.local.to_string() +
                     " " + status.tuple.remote.to_string() + "\n";
  }
  return result;
}

// Plain texts only: what a regular expression would mean is not guessed.
EngineCommands::Result EngineCommands::grep(const Command& command) const {
  Result result{.ok = false};
  std::string pattern;
  bool is_inverted = false;
  for (std::size_t i = 1; i < command.words.size(); ++i) {
    const std::string& word = command.words[i];
    if (word == "-v") {
      is_inverted = true;
    } else if (word == "-q") {
      continue;
    } else if (pattern.empty() && word.find_first_of("\\[]*^$+?()|") == std::string::npos) {
      pattern = word;
    } else {
      throw Unmapped("grep " + word);
    }
  }
  std::istringstream lines(command.input);
  std::string line;
  while (std::getline(lines, line)) {
    if (contains(line, pattern) == is_inverted) continue;
    result.ok = true;
    result.output += line + "\n";
  }
  return result;
}

// Queueing disciplines have nothing to queue here, unless they drop or pace. One that takes no
// packet is a device that is full.
EngineCommands::Result EngineCommands::traffic_control(const Command& command) {
  bool is_full = false;
  for (std::size_t i = 0; i < command.words.size(); ++i) {
    const std::string& word = command.words[i];
    const bool takes_none =
        word == "limit" && i + 1 < command.words.size() && command.words[i + 1] == "0";
    if (word == "fq" || word == "netem" || word == "tbf" || (word == "limit" && !takes_none)) {
      throw Unmapped("tc with " + word);
    }
    is_full = is_full || takes_none;
  }
  fill_(is_full);
  return {};
}

// ethtool -K DEVICE tso off gso off
EngineCommands::Result EngineCommands::ethtool(const Command& command) {
  wire::LinkCapabilities link = host_.link();
  for (std::size_t i = 3; i + 1 < command.words.size(); i += 2) {
    const std::string& feature = command.words[i];
    if (feature != "tso" && feature != "gso") continue;
    link.gso_max_octets = command.words[i + 1] == "off" ? 0 : 65'535;
  }
  host_.set_link(link);
  return {};
}

EngineCommands::Result EngineCommands::ip(const Command& command) {
  const std::vector<std::string>& words = command.words;
  if (words.size() >= 2 && words[1] == "tcp_metrics") return {};  // nothing is kept
  if (words.size() == 7 && words[1] == "link" && words[5] == "mtu") {
    wire::LinkCapabilities link = host_.link();
    const std::string& mtu = words[6];
    const auto parsed = std::from_chars(mtu.data(), mtu.data() + mtu.size(), link.mtu);
    if (parsed.ec == std::errc() && link.mtu >= 68 && link.mtu <= 65'535) {
      host_.set_link(link);
      return {};
    }
  }
  std::string line;
  for (const std::string& word : words) line += word + " ";
  throw Unmapped("the command " + line);
}

}  // namespace tuntcp::drill
