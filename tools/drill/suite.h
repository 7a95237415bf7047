// Many packet scripts, one after the other: finds them, plays each in each IP version, and says
// what became of them.
#pragma once

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "tools/drill/executor.h"

namespace tuntcp::drill {

// `path` itself, or all *.pkt below a folder, sorted. ScriptError-free; throws std::runtime_error
// where there is none.
std::vector<std::string> find_scripts(const std::string& path);
// The text of a file; std::runtime_error where it cannot be read or is too long for a script.
std::string read_script(const std::string& path);

struct Tally {
  int passed = 0;
  int failed = 0;
  int skipped = 0;
  void add(Outcome::Verdict verdict);
};

struct SuiteOptions {
  RunOptions run{};  // but for its ip_version
  std::vector<IpVersion> versions{IpVersion::ipv4, IpVersion::ipv4_mapped_ipv6, IpVersion::ipv6};
  bool is_verbose = false;  // transcripts of all, and lines for what passed
};

class Suite {
 public:
  // Both outlive the suite. What is to be read goes to `out`.
  Suite(const SuiteOptions& options, const MakeBackend& make_backend, std::FILE* out);

  void play(const std::string& file);
  // Pass, fail and skip by folder, and in all.
  void print_table() const;
  void print_total() const;
  const Tally& total() const { return total_; }
  // What became of each script and IP version, "FILE (ipv4)".
  const std::map<std::string, Outcome::Verdict>& verdicts() const { return verdicts_; }
  const std::map<std::string, Tally>& folders() const { return folders_; }

 private:
  void play(const Script& script, IpVersion version);
  void note(const std::string& file, const std::string& label, Outcome::Verdict verdict);

  const SuiteOptions& options_;
  const MakeBackend& make_backend_;
  std::FILE* out_;
  Tally total_;
  std::map<std::string, Tally> folders_;
  std::map<std::string, Outcome::Verdict> verdicts_;
};

// The same scripts on the engine and on the kernel: what each made of every script that one of them
// did not pass, and how many each passed, failed and skipped by folder.
void print_side_by_side(const Suite& engine, const Suite& kernel, std::FILE* out);

// What became of one script, as lines for people; `label` says which run.
std::string report(const Script& script, const std::string& label, const Outcome& outcome,
                   bool with_transcript);

}  // namespace tuntcp::drill
