// The commands of scripts for the engine: no shell and no program is run. What stands between
// backticks is read as a shell would, and sysctl, set_sysctls.py, nstat, ss, grep, tc, ethtool, ip,
// sleep, echo, true, false, and scripts made of these do to the host what they would do to a
// kernel. Anything else is Unmapped.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "stack/host/host.h"

namespace tuntcp::drill {

class EngineCommands {
 public:
  // `sleep` lets virtual time pass; `fill` makes the device take nothing, or everything again. The
  // host outlives this.
  EngineCommands(Host& host, std::function<void(Duration)> sleep, std::function<void(bool)> fill);

  // False: the last command's exit status would not be 0.
  bool run(std::string_view line, const std::string& folder);
  // Usual settings that were run turn it on, which the engine passed over.
  bool assumes_fast_open() const {
    const auto it = assumed_.find("net.ipv4.tcp_fastopen");
    return it != assumed_.end() && it->second != "0";
  }

 private:
  // The words of one command; what it reads and whether it is inside a file of settings.
  struct Command {
    std::vector<std::string> words{};
    std::string input{};
    bool is_default = false;
  };
  struct Result {
    bool ok = true;
    std::string output{};
  };

  bool run_line(std::string_view line, const std::string& folder, bool is_default);
  Result run_command(const Command& command, const std::string& folder);
  Result run_file(const std::string& path, const std::string& folder);
  Result sysctl(const Command& command);
  Result set_sysctls(const Command& command);
  void set(std::string name, const std::string& value, bool is_default);
  Result nstat();
  Result ss() const;
  Result grep(const Command& command) const;
  Result traffic_control(const Command& command);
  Result ethtool(const Command& command);
  Result ip(const Command& command);

  Host& host_;
  std::function<void(Duration)> sleep_;
  std::function<void(bool)> fill_;
  // Settings of Linux that the engine lacks, as a file of usual settings left them.
  std::map<std::string, std::string> assumed_;
  std::vector<std::uint64_t> counted_;  // by nstat, the last time
  int depth_ = 0;                       // of files that run files
};

}  // namespace tuntcp::drill
