#include "tools/drill/shell_words.h"

#include <algorithm>

#include "tools/drill/backend.h"
#include "tools/drill/code.h"

namespace tuntcp::drill {
namespace {

class ShellReader {
 public:
  explicit ShellReader(std::string_view line) : line_(line) {}

  std::vector<ShellWord> read() {
    while (!at_end()) {
      const char c = line_[at_];
      if (c == ' ' || c == '\t' || c == '\r') {
        finish();
        ++at_;
      } else if (c == '#' && !has_word_) {
        break;
      } else if (c == '\'' || c == '"') {
        quoted(c);
      } else if (c == '$') {
        expansion();
      } else if (!read_operator()) {
        append(line_[at_ + (c == '\\' && at_ + 1 < line_.size() ? 1 : 0)]);
        at_ += c == '\\' ? 2 : 1;
      }
    }
    finish();
    return std::move(words_);
  }

 private:
  bool at_end() const { return at_ >= line_.size(); }
  bool starts_with(std::string_view text) const { return line_.substr(at_).starts_with(text); }
  void append(char c) {
    word_ += c;
    has_word_ = true;
  }
  void finish() {
    if (has_word_) words_.push_back({.text = word_});
    word_.clear();
    has_word_ = false;
  }

  void quoted(char quote) {
    has_word_ = true;
    for (++at_; !at_end() && line_[at_] != quote;) {
      if (quote == '"' && line_[at_] == '$') {
        expansion();
      } else {
        append(line_[at_++]);
      }
    }
    if (at_end()) throw Unmapped("a quote that is not closed on its line");
    ++at_;
  }

  // $((15*1024)) is computed; ${PPID} stays as it is, for whoever knows the name.
  void expansion() {
    if (starts_with("$((")) {
      const std::size_t end = line_.find("))", at_);
      if (end == std::string_view::npos) throw Unmapped("$(( without an end");
      const CodeSpec code{.text =
                              "print(" + std::string(line_.substr(at_ + 3, end - at_ - 3)) + ")"};
      std::string printed;
      Evaluator("").run(parse_code(code, "$(( ))"), {}, printed);
      for (const char c : printed.substr(0, printed.size() - 1)) append(c);
      at_ = end + 2;
    } else if (starts_with("${PPID}")) {
      for (const char c : std::string_view("PPID")) append(c);
      at_ += std::string_view("${PPID}").size();
    } else {
      throw Unmapped("what a shell would expand: " + std::string(line_.substr(at_, 40)));
    }
  }

  bool read_operator() {
    // The word before it would be the descriptor that goes elsewhere.
    if (starts_with(">")) {
      if (word_ == "1" || word_ == "2") {
        word_.clear();
        has_word_ = false;
      }
    }
    for (const std::string_view text : {">&1", ">&2", ">>", "&&", "||", ";", "|", "&", ">", "<"}) {
      if (!starts_with(text)) continue;
      finish();
      at_ += text.size();
      if (text == ">&1" || text == ">&2") return true;  // where its output goes does not matter
      words_.push_back({.text = std::string(text), .is_operator = true});
      return true;
    }
    return false;
  }

  std::string_view line_;
  std::size_t at_ = 0;
  std::string word_;
  bool has_word_ = false;
  std::vector<ShellWord> words_;
};

}  // namespace

std::vector<ShellWord> shell_words(std::string_view line) {
  return ShellReader(line).read();
}

}  // namespace tuntcp::drill
