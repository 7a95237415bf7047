// The words of a packet script: a scanner that is asked for one token at a time, because what
// characters mean depends on where they stand ("." is a flag, the beginning of ".1" and of "...").
// What words may follow each other is the parser's.
//
// Bounds: a file has at most kMaxFileOctets; every token is inside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tools/drill/script.h"

namespace tuntcp::drill {

inline constexpr std::size_t kMaxFileOctets = std::size_t{1} << 20;

// A mistake in a script; what() is "FILE:LINE:COLUMN: what is wrong".
class ScriptError : public std::runtime_error {
 public:
  ScriptError(const std::string& file, Position at, const std::string& message);
  Position at() const { return at_; }

 private:
  Position at_;
};

struct Token {
  enum class Kind : std::uint8_t {
    end,
    word,         // text
    integer,      // "12", "0x1f"
    real,         // "1.5", ".1"
    text,         // "in quotes": text, without them
    option,       // "--name": text, without the dashes
    backquoted,   // text, without the quotes
    code,         // %{ text }%
    ellipsis,     // "..."
    punctuation,  // one character: text
  };
  Kind kind = Kind::end;
  Position at{};
  std::string text{};

  bool is(char character) const {
    return kind == Kind::punctuation && text.size() == 1 && text[0] == character;
  }
  bool is_word(std::string_view word) const { return kind == Kind::word && text == word; }
};
// For messages: "'mss'", "the end of the file".
std::string describe(const Token& token);

class Scanner {
 public:
  // `text` outlives the scanner.
  Scanner(std::string_view text, std::string file);

  const Token& peek() const { return token_; }
  Token next();
  // The next characters up to a blank, or to one of `ends`; at least one. For what is not made of
  // tokens: flags, cookies.
  Token next_raw(std::string_view ends);
  // All the rest of the line on which the next token begins.
  std::string rest_of_line();
  // "(any words)" whose opening bracket comes next; returns what is inside.
  std::string note();

  [[noreturn]] void fail(Position at, const std::string& message) const;
  const std::string& file() const { return file_; }

 private:
  struct Place {
    std::size_t offset = 0;
    Position at{};
  };
  char character(std::size_t ahead = 0) const;
  void step(std::size_t count = 1);
  void skip_blanks();
  Token scan();
  Token scan_number(Position at);
  // Text up to `end`, which is taken too.
  std::string until(std::string_view end, Position opened_at, std::string_view what);

  std::string_view text_;
  std::string file_;
  Place place_{};        // behind token_
  Place token_place_{};  // where token_ begins
  Token token_{};
};

}  // namespace tuntcp::drill
