#include "tools/drill/suite.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "tools/drill/parser.h"
#include "tools/drill/scanner.h"

namespace tuntcp::drill {
namespace {

namespace fs = std::filesystem;

// Of a transcript, unless all of it is asked for.
constexpr std::size_t kTranscriptShown = 30;

std::string place(const Script& script, Position at) {
  return script.file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

std::string source_line(const Script& script, Position at) {
  const auto index = static_cast<std::size_t>(at.line - 1);
  return index < script.lines.size() ? script.lines[index] : "";
}

}  // namespace

std::vector<std::string> find_scripts(const std::string& path) {
  std::vector<std::string> found;
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  for (fs::recursive_directory_iterator it(path, error), end; it != end; it.increment(error)) {
    if (error) throw std::runtime_error(path + ": " + error.message());
    if (it->is_regular_file() && it->path().extension() == ".pkt") {
      found.push_back(it->path().string());
    }
  }
  if (found.empty()) throw std::runtime_error(path + ": no *.pkt below it");
  std::sort(found.begin(), found.end());
  return found;
}

std::string read_script(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  // One octet more than may be: then the parser says that it is too long.
  std::string text(kMaxFileOctets + 1, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(text.size())) && !file.eof()) {
    throw std::runtime_error(path + ": cannot be read");
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

void Tally::add(Outcome::Verdict verdict) {
  switch (verdict) {
    case Outcome::Verdict::passed:
      ++passed;
      break;
    case Outcome::Verdict::failed:
      ++failed;
      break;
    case Outcome::Verdict::skipped:
      ++skipped;
      break;
  }
}

std::string report(const Script& script, const std::string& label, const Outcome& outcome,
                   bool with_transcript) {
  std::string text;
  switch (outcome.verdict) {
    case Outcome::Verdict::passed:
      text = "pass " + script.file + " (" + label + ")\n";
      break;
    case Outcome::Verdict::skipped:
      text = "skip " + place(script, outcome.at) + " (" + label + "): " + outcome.actual + "\n";
      break;
    case Outcome::Verdict::failed:
      text = "FAIL " + place(script, outcome.at) + " (" + label + ")\n";
      text += "  line:     " + source_line(script, outcome.at) + "\n";
      text += "  expected: " + outcome.expected + "\n  actual:   " + outcome.actual + "\n";
      break;
  }
  const bool is_shown = with_transcript || outcome.verdict == Outcome::Verdict::failed;
  if (!is_shown || outcome.transcript.empty()) return text;
  const std::size_t lines = outcome.transcript.size();
  const std::size_t first = with_transcript ? 0 : lines - std::min(lines, kTranscriptShown);
  text += "  so far:\n";
  if (first != 0) text += "    ... " + std::to_string(first) + " lines before\n";
  for (std::size_t i = first; i < lines; ++i) text += "    " + outcome.transcript[i] + "\n";
  return text;
}

Suite::Suite(const SuiteOptions& options, const MakeBackend& make_backend, std::FILE* out)
    : options_(options), make_backend_(make_backend), out_(out) {}

void Suite::note(const std::string& file, const std::string& label, Outcome::Verdict verdict) {
  total_.add(verdict);
  folders_[fs::path(file).parent_path().string()].add(verdict);
  verdicts_[file + " (" + label + ")"] = verdict;
}

void Suite::play(const Script& script, IpVersion version) {
  RunOptions run_options = options_.run;
  run_options.ip_version = version;
  const Outcome outcome = run(script, run_options, make_backend_);
  note(script.file, to_string(version), outcome.verdict);
  if (outcome.verdict == Outcome::Verdict::passed && !options_.is_verbose) return;
  std::fputs(report(script, to_string(version), outcome, options_.is_verbose).c_str(), out_);
}

void Suite::play(const std::string& file) {
  try {
    const Script script = parse(read_script(file), file);
    for (const IpVersion version : options_.versions) {
      if (is_for(script, version)) play(script, version);
    }
  } catch (const ScriptError& error) {
    std::fprintf(out_, "FAIL %s\n", error.what());
    note(file, "any", Outcome::Verdict::failed);
  }
}

void Suite::print_table() const {
  std::size_t width = std::string_view("folder").size();
  for (const auto& [folder, tally] : folders_) width = std::max(width, folder.size());
  const int columns = static_cast<int>(width);
  std::fprintf(out_, "%-*s %6s %6s %6s\n", columns, "folder", "pass", "fail", "skip");
  for (const auto& [folder, tally] : folders_) {
    std::fprintf(out_, "%-*s %6d %6d %6d\n", columns, folder.c_str(), tally.passed, tally.failed,
                 tally.skipped);
  }
}

void print_side_by_side(const Suite& engine, const Suite& kernel, std::FILE* out) {
  const auto word = [](Outcome::Verdict verdict) {
    if (verdict == Outcome::Verdict::passed) return "pass";
    return verdict == Outcome::Verdict::failed ? "FAIL" : "skip";
  };
  std::fprintf(out, "engine kernel script\n");
  for (const auto& [name, verdict] : engine.verdicts()) {
    const auto other = kernel.verdicts().find(name);
    if (other == kernel.verdicts().end()) continue;
    const bool both_pass = verdict == Outcome::Verdict::passed && other->second == verdict;
    if (both_pass) continue;
    std::fprintf(out, "%-6s %-6s %s\n", word(verdict), word(other->second), name.c_str());
  }
  std::fprintf(out, "engine: pass fail skip   kernel: pass fail skip   folder\n");
  for (const auto& [folder, ours] : engine.folders()) {
    const auto it = kernel.folders().find(folder);
    const Tally theirs = it == kernel.folders().end() ? Tally{} : it->second;
    std::fprintf(out, "%12d %4d %4d %14d %4d %4d   %s\n", ours.passed, ours.failed, ours.skipped,
                 theirs.passed, theirs.failed, theirs.skipped, folder.c_str());
  }
}

void Suite::print_total() const {
  std::fprintf(out_, "%d passed, %d failed, %d skipped\n", total_.passed, total_.failed,
               total_.skipped);
}

}  // namespace tuntcp::drill
