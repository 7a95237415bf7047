#include "tests/lint/source_tree.h"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

namespace tuntcp::lint {
namespace {

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

const std::filesystem::path& source_root() {
  static const std::filesystem::path root = TUNTCP_SOURCE_DIR;
  return root;
}

std::vector<File> files(std::string_view under) {
  // What git ignores, and git's own.
  const std::array<std::string, 4> not_ours = {".git", ".cache", "build", "__pycache__"};
  std::vector<File> found;
  auto entry = std::filesystem::recursive_directory_iterator(source_root() / under);
  for (; entry != std::filesystem::recursive_directory_iterator(); ++entry) {
    const std::string name = entry->path().filename().string();
    if (std::ranges::find(not_ours, name) != not_ours.end()) {
      if (entry->is_directory()) entry.disable_recursion_pending();
    } else if (entry->is_regular_file()) {
      found.push_back(
          {entry->path().lexically_relative(source_root()).string(), contents(entry->path())});
    }
  }
  std::ranges::sort(found, {}, &File::path);
  return found;
}

std::vector<File> cpp_files(std::string_view under) {
  std::vector<File> found = files(under);
  std::erase_if(found, [](const File& file) {
    return !file.path.ends_with(".h") && !file.path.ends_with(".cc");
  });
  return found;
}

Faults faults_in(const std::vector<File>& checked, Check check) {
  Faults all;
  for (const File& file : checked) {
    std::ranges::move(check(file), std::back_inserter(all));
  }
  return all;
}

std::string fault(const File& file, int line, std::string_view what) {
  return file.path + ":" + std::to_string(line) + ": " + std::string(what);
}

CommandResult run(const std::string& command) {
  const std::string line = "cd '" + source_root().string() + "' && { " + command + "; } 2>&1";
  const auto close = [](FILE* pipe) { pclose(pipe); };
  std::unique_ptr<FILE, decltype(close)> pipe(popen(line.c_str(), "r"), close);
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  CommandResult result{-1, {}};
  std::array<char, 4096> part;
  while (const std::size_t octets = std::fread(part.data(), 1, part.size(), pipe.get())) {
    result.output.append(part.data(), octets);
  }
  const int status = pclose(pipe.release());
  if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  return result;
}

}  // namespace tuntcp::lint
