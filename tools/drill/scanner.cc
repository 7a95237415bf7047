#include "tools/drill/scanner.h"

#include <cctype>
#include <utility>

namespace tuntcp::drill {
namespace {

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

// One character of a message about a file that may hold anything.
std::string printable(char c) {
  if (std::isprint(static_cast<unsigned char>(c)) != 0) return std::string(1, c);
  constexpr char kDigits[] = "0123456789abcdef";
  const auto octet = static_cast<unsigned char>(c);
  return {'\\', 'x', kDigits[octet >> 4], kDigits[octet & 15]};
}

}  // namespace

ScriptError::ScriptError(const std::string& file, Position at, const std::string& message)
    : std::runtime_error(file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) +
                         ": " + message),
      at_(at) {}

std::string describe(const Token& token) {
  switch (token.kind) {
    case Token::Kind::end:
      return "the end of the file";
    case Token::Kind::text:
      return "text in quotes";
    case Token::Kind::backquoted:
      return "a command";
    case Token::Kind::code:
      return "code";
    case Token::Kind::ellipsis:
      return "'...'";
    case Token::Kind::option:
      return "'--" + token.text.substr(0, 40) + "'";
    case Token::Kind::word:
    case Token::Kind::integer:
    case Token::Kind::real:
    case Token::Kind::punctuation:
      break;
  }
  std::string shown = "'";
  for (const char c : token.text.substr(0, 40)) shown += printable(c);
  return shown + "'";
}

Scanner::Scanner(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {
  if (text_.size() > kMaxFileOctets) {
    fail({}, "longer than " + std::to_string(kMaxFileOctets) + " octets");
  }
  token_ = scan();
}

void Scanner::fail(Position at, const std::string& message) const {
  throw ScriptError(file_, at, message);
}

char Scanner::character(std::size_t ahead) const {
  return place_.offset + ahead < text_.size() ? text_[place_.offset + ahead] : '\0';
}

void Scanner::step(std::size_t count) {
  for (; count != 0 && place_.offset < text_.size(); --count, ++place_.offset) {
    if (text_[place_.offset] == '\n') {
      ++place_.at.line;
      place_.at.column = 1;
    } else {
      ++place_.at.column;
    }
  }
}

// Blanks and both of C++'s comments.
void Scanner::skip_blanks() {
  while (place_.offset < text_.size()) {
    if (is_blank(character())) {
      step();
    } else if (character() == '/' && character(1) == '/') {
      while (place_.offset < text_.size() && character() != '\n') step();
    } else if (character() == '/' && character(1) == '*') {
      const Position opened_at = place_.at;
      step(2);
      until("*/", opened_at, "comment");
    } else {
      return;
    }
  }
}

std::string Scanner::until(std::string_view end, Position opened_at, std::string_view what) {
  const std::size_t found = text_.find(end, place_.offset);
  if (found == std::string_view::npos) {
    fail(opened_at, std::string(what) + " without an end: '" + std::string(end) + "' is missing");
  }
  std::string inside(text_.substr(place_.offset, found - place_.offset));
  step(inside.size() + end.size());
  return inside;
}

Token Scanner::next() {
  Token taken = std::move(token_);
  token_ = scan();
  return taken;
}

Token Scanner::next_raw(std::string_view ends) {
  place_ = token_place_;
  Token raw{.kind = Token::Kind::word, .at = place_.at};
  const std::size_t begin = place_.offset;
  while (place_.offset < text_.size() && !is_blank(character()) &&
         ends.find(character()) == std::string_view::npos) {
    step();
  }
  raw.text = text_.substr(begin, place_.offset - begin);
  token_ = scan();
  return raw;
}

std::string Scanner::rest_of_line() {
  place_ = token_place_;
  const std::size_t begin = place_.offset;
  while (place_.offset < text_.size() && character() != '\n') step();
  std::string rest(text_.substr(begin, place_.offset - begin));
  token_ = scan();
  return rest;
}

std::string Scanner::note() {
  place_ = token_place_;
  const Position opened_at = place_.at;
  step();
  std::string inside = until(")", opened_at, "bracket");
  token_ = scan();
  return inside;
}

Token Scanner::scan() {
  skip_blanks();
  token_place_ = place_;
  const Position at = place_.at;
  if (place_.offset >= text_.size()) return {.kind = Token::Kind::end, .at = at};
  const char c = character();
  if (is_digit(c) || (c == '.' && is_digit(character(1)))) return scan_number(at);
  if (is_word_character(c)) {
    const std::size_t begin = place_.offset;
    while (is_word_character(character())) step();
    return {.kind = Token::Kind::word,
            .at = at,
            .text = std::string(text_.substr(begin, place_.offset - begin))};
  }
  if (c == '.' && character(1) == '.' && character(2) == '.') {
    step(3);
    return {.kind = Token::Kind::ellipsis, .at = at};
  }
  if (c == '-' && character(1) == '-' && is_word_character(character(2))) {
    step(2);
    const std::size_t begin = place_.offset;
    while (is_word_character(character()) || character() == '-') step();
    return {.kind = Token::Kind::option,
            .at = at,
            .text = std::string(text_.substr(begin, place_.offset - begin))};
  }
  if (c == '"') {
    step();
    return {.kind = Token::Kind::text, .at = at, .text = until("\"", at, "text")};
  }
  if (c == '`') {
    step();
    return {.kind = Token::Kind::backquoted, .at = at, .text = until("`", at, "command")};
  }
  if (c == '%' && character(1) == '{') {
    step(2);
    return {.kind = Token::Kind::code, .at = at, .text = until("}%", at, "code")};
  }
  step();
  return {.kind = Token::Kind::punctuation, .at = at, .text = std::string(1, c)};
}

Token Scanner::scan_number(Position at) {
  const std::size_t begin = place_.offset;
  Token::Kind kind = Token::Kind::integer;
  if (character() == '0' && (character(1) == 'x' || character(1) == 'X')) {
    step(2);
    while (std::isxdigit(static_cast<unsigned char>(character())) != 0) step();
  } else {
    while (is_digit(character())) step();
    // "0...1" is a number and an ellipsis.
    if (character() == '.' && is_digit(character(1))) {
      kind = Token::Kind::real;
      step();
      while (is_digit(character())) step();
    }
  }
  return {.kind = kind, .at = at, .text = std::string(text_.substr(begin, place_.offset - begin))};
}

}  // namespace tuntcp::drill
