// What the lint tests look at: the files of this repository as text, and other programs' opinion
// of them. A check is a function from a file's path and text to faults, so that a test can show
// that it finds what it is for.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tuntcp::lint {

struct File {
  std::string path;  // from the top of the repository: "stack/base/time.h"
  std::string text;
};

using Faults = std::vector<std::string>;
using Check = Faults (*)(const File&);

// The top of the repository.
const std::filesystem::path& source_root();
// All files but those a build makes, sorted by path. `under` is a folder, "" for all.
std::vector<File> files(std::string_view under);
// Those of them that are C++.
std::vector<File> cpp_files(std::string_view under);
// What the check finds in all of them.
Faults faults_in(const std::vector<File>& checked, Check check);

// Calls visit(line number, line) for each line of the text.
template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    visit(number, text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

// "path:line: what".
std::string fault(const File& file, int line, std::string_view what);

struct CommandResult {
  int exit_status;
  std::string output;  // standard output and error together
};
// Runs a shell command at the top of the repository.
CommandResult run(const std::string& command);

}  // namespace tuntcp::lint
