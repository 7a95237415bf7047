// From the text of code to statements: parse_code() of code.h.
#include <cctype>
#include <charconv>
#include <limits>
#include <utility>

#include "tools/drill/code.h"
#include "tools/drill/parser.h"

namespace tuntcp::drill {
namespace {

// Operators and operands of one statement: what a tree that leans to one side can be deep.
constexpr int kMaxNodes = 1'000;

struct Lexeme {
  enum class Kind : std::uint8_t { end, separator, name, number, text, symbol };
  Kind kind = Kind::end;
  Position at{};
  std::string text{};
  std::size_t begin = 0;  // in the source
};

// Longer symbols first.
constexpr std::string_view kSymbols[] = {"<<=", ">>=", "//=", "==", "!=", "<=", ">=", "<<",
                                         ">>",  "//",  "+=",  "-=", "*=", "/=", "%=", "|=",
                                         "&=",  "+",   "-",   "*",  "/",  "%",  "|",  "&",
                                         "^",   "~",   "<",   ">",  "=",  "(",  ")",  ","};

class CodeScanner {
 public:
  CodeScanner(const CodeSpec& code, const std::string& file)
      : text_(code.text), file_(file), at_(code.at) {
    lexeme_ = scan();
  }
  const Lexeme& peek() const { return lexeme_; }
  Lexeme next() {
    Lexeme taken = std::move(lexeme_);
    lexeme_ = scan();
    return taken;
  }
  bool is_symbol(std::string_view symbol) const {
    return lexeme_.kind == Lexeme::Kind::symbol && lexeme_.text == symbol;
  }
  bool is_name(std::string_view name) const {
    return lexeme_.kind == Lexeme::Kind::name && lexeme_.text == name;
  }
  bool take_symbol(std::string_view symbol) {
    if (!is_symbol(symbol)) return false;
    next();
    return true;
  }
  std::string source(std::size_t begin, std::size_t end) const {
    std::string source(text_.substr(begin, end - begin));
    while (!source.empty() && source.back() == ' ') source.pop_back();
    return source;
  }
  [[noreturn]] void fail(Position at, const std::string& message) const {
    throw ScriptError(file_, at, message);
  }

 private:
  char character(std::size_t ahead = 0) const {
    return offset_ + ahead < text_.size() ? text_[offset_ + ahead] : '\0';
  }
  bool at_end() const { return offset_ >= text_.size(); }
  void step(std::size_t count = 1) {
    for (; count != 0 && !at_end(); --count, ++offset_) {
      if (text_[offset_] == '\n') {
        ++at_.line;
        at_.column = 1;
      } else {
        ++at_.column;
      }
    }
  }
  Lexeme scan();
  void skip_blanks();

  std::string_view text_;
  const std::string& file_;
  Position at_;
  std::size_t offset_ = 0;
  int brackets_ = 0;
  Lexeme lexeme_{};
};

// Inside brackets a line's end is a blank; with a backslash before it, everywhere.
void CodeScanner::skip_blanks() {
  while (!at_end()) {
    const char c = character();
    if (c == '#') {
      while (!at_end() && character() != '\n') step();
    } else if (c == '\\' && character(1) == '\n') {
      step(2);
    } else if (c == ' ' || c == '\t' || c == '\r' || (c == '\n' && brackets_ > 0)) {
      step();
    } else {
      return;
    }
  }
}

Lexeme CodeScanner::scan() {
  skip_blanks();
  Lexeme lexeme{.at = at_, .begin = offset_};
  if (at_end()) return lexeme;
  const char c = character();
  const auto is_name_character = [](char x) {
    return std::isalnum(static_cast<unsigned char>(x)) != 0 || x == '_';
  };
  if (c == '\n' || c == ';') {
    step();
    lexeme.kind = Lexeme::Kind::separator;
    return lexeme;
  }
  const bool is_number = std::isdigit(static_cast<unsigned char>(c)) != 0 ||
                         (c == '.' && std::isdigit(static_cast<unsigned char>(character(1))) != 0);
  if (is_number || is_name_character(c)) {
    lexeme.kind = is_number ? Lexeme::Kind::number : Lexeme::Kind::name;
    while (is_name_character(character()) || (is_number && character() == '.')) step();
    lexeme.text = text_.substr(lexeme.begin, offset_ - lexeme.begin);
    return lexeme;
  }
  if (c == '"' || c == '\'') {
    step();
    while (!at_end() && character() != c && character() != '\n') step();
    if (character() != c) fail(lexeme.at, "text without an end");
    lexeme.kind = Lexeme::Kind::text;
    lexeme.text = text_.substr(lexeme.begin + 1, offset_ - lexeme.begin - 1);
    step();
    return lexeme;
  }
  for (const std::string_view symbol : kSymbols) {
    if (text_.substr(offset_).starts_with(symbol)) {
      step(symbol.size());
      lexeme.kind = Lexeme::Kind::symbol;
      lexeme.text = symbol;
      if (symbol == "(") ++brackets_;
      if (symbol == ")" && brackets_ > 0) --brackets_;
      return lexeme;
    }
  }
  fail(lexeme.at, "a character that is not of Python");
}

class CodeParser {
 public:
  CodeParser(const CodeSpec& code, const std::string& file) : scanner_(code, file) {}

  CodeProgram read() {
    CodeProgram program;
    while (scanner_.peek().kind != Lexeme::Kind::end) {
      if (scanner_.peek().kind == Lexeme::Kind::separator) {
        scanner_.next();
        continue;
      }
      nodes_ = 0;
      program.push_back(read_statement());
      if (scanner_.peek().kind != Lexeme::Kind::end &&
          scanner_.peek().kind != Lexeme::Kind::separator) {
        unexpected("the end of the statement");
      }
    }
    return program;
  }

 private:
  [[noreturn]] void unexpected(const std::string& wanted) const {
    const Lexeme& lexeme = scanner_.peek();
    const std::string found =
        lexeme.text.empty() ? "the end" : "'" + lexeme.text.substr(0, 40) + "'";
    scanner_.fail(lexeme.at, found + " where " + wanted + " should be");
  }
  CodeNode make(CodeNode::Kind kind, Position at, std::string text = {}) {
    if (++nodes_ > kMaxNodes) scanner_.fail(at, "the statement is too long");
    return {.kind = kind, .at = at, .text = std::move(text)};
  }

  CodeStatement read_statement();
  std::vector<CodeNode> read_arguments();
  CodeNode read_expression() { return read_binary(0); }
  CodeNode read_binary(std::size_t level);
  CodeNode read_comparison();
  CodeNode read_unary();
  CodeNode read_primary();
  CodeNode read_number();

  CodeScanner scanner_;
  int nesting_ = 0;
  int nodes_ = 0;
};

CodeStatement CodeParser::read_statement() {
  CodeStatement statement{.at = scanner_.peek().at};
  if (scanner_.is_name("assert")) {
    scanner_.next();
    statement.kind = CodeStatement::Kind::assertion;
    const std::size_t begin = scanner_.peek().begin;
    statement.parts.push_back(read_expression());
    statement.source = scanner_.source(begin, scanner_.peek().begin);
    if (scanner_.take_symbol(",")) statement.parts.push_back(read_expression());
    return statement;
  }
  if (scanner_.is_name("print")) {
    scanner_.next();
    statement.kind = CodeStatement::Kind::print;
    statement.parts = read_arguments();
    return statement;
  }
  for (const char* word : {"if", "for", "while", "def", "import", "from", "class", "return"}) {
    if (scanner_.is_name(word))
      scanner_.fail(statement.at, std::string(word) + " is not understood");
  }
  CodeNode left = read_expression();
  const Lexeme symbol = scanner_.peek();
  const bool assigns = symbol.kind == Lexeme::Kind::symbol && symbol.text.ends_with('=') &&
                       left.kind == CodeNode::Kind::name;
  if (!assigns) {
    statement.parts.push_back(std::move(left));
    return statement;
  }
  scanner_.next();
  statement.kind = CodeStatement::Kind::assignment;
  statement.target = left.text;
  statement.assignment = symbol.text;
  statement.parts.push_back(read_expression());
  return statement;
}

std::vector<CodeNode> CodeParser::read_arguments() {
  std::vector<CodeNode> arguments;
  if (!scanner_.take_symbol("(")) unexpected("'('");
  if (scanner_.take_symbol(")")) return arguments;
  do {
    arguments.push_back(read_expression());
  } while (scanner_.take_symbol(","));
  if (!scanner_.take_symbol(")")) unexpected("')'");
  return arguments;
}

// Python's levels, loosest first; comparisons lie between "not" and "|".
CodeNode CodeParser::read_binary(std::size_t level) {
  using Level = std::vector<std::string_view>;
  static const std::vector<Level> kLevels = {{"or"},       {"and"},    {"not"},
                                             {"|"},        {"^"},      {"&"},
                                             {"<<", ">>"}, {"+", "-"}, {"*", "//", "/", "%"}};
  if (level == kLevels.size()) return read_unary();
  if (level == 2) {
    if (!scanner_.is_name("not")) return read_comparison();
    CodeNode negation = make(CodeNode::Kind::unary, scanner_.next().at, "not");
    if (++nesting_ > kMaxNesting) scanner_.fail(negation.at, "nested too deep");
    negation.parts.push_back(read_binary(level));
    --nesting_;
    return negation;
  }
  CodeNode left = read_binary(level + 1);
  const auto is_operator = [&] {
    const Lexeme& lexeme = scanner_.peek();
    if (lexeme.kind != Lexeme::Kind::symbol && lexeme.kind != Lexeme::Kind::name) return false;
    for (const std::string_view symbol : kLevels[level]) {
      if (lexeme.text == symbol) return true;
    }
    return false;
  };
  while (is_operator()) {
    const Lexeme symbol = scanner_.next();
    CodeNode both = make(CodeNode::Kind::binary, symbol.at, symbol.text);
    both.parts.push_back(std::move(left));
    both.parts.push_back(read_binary(level + 1));
    left = std::move(both);
  }
  return left;
}

CodeNode CodeParser::read_comparison() {
  constexpr std::size_t kBitwiseOr = 3;
  CodeNode first = read_binary(kBitwiseOr);
  CodeNode chain = make(CodeNode::Kind::comparison, first.at);
  chain.parts.push_back(std::move(first));
  const auto is_comparison = [&] {
    for (const char* symbol : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (scanner_.is_symbol(symbol)) return true;
    }
    return false;
  };
  while (is_comparison()) {
    chain.operators.push_back(scanner_.next().text);
    chain.parts.push_back(read_binary(kBitwiseOr));
  }
  if (!chain.operators.empty()) return chain;
  // Taken out first: it is a part of what it replaces.
  CodeNode only = std::move(chain.parts.front());
  return only;
}

CodeNode CodeParser::read_unary() {
  for (const char* symbol : {"-", "+", "~"}) {
    if (!scanner_.is_symbol(symbol)) continue;
    CodeNode node = make(CodeNode::Kind::unary, scanner_.next().at, symbol);
    if (++nesting_ > kMaxNesting) scanner_.fail(node.at, "nested too deep");
    node.parts.push_back(read_unary());
    --nesting_;
    return node;
  }
  return read_primary();
}

CodeNode CodeParser::read_primary() {
  const Lexeme lexeme = scanner_.peek();
  if (lexeme.kind == Lexeme::Kind::number) return read_number();
  if (lexeme.kind == Lexeme::Kind::text) {
    scanner_.next();
    return make(CodeNode::Kind::text, lexeme.at, lexeme.text);
  }
  if (++nesting_ > kMaxNesting) scanner_.fail(lexeme.at, "nested too deep");
  CodeNode node;
  if (lexeme.kind == Lexeme::Kind::name) {
    scanner_.next();
    node = make(CodeNode::Kind::name, lexeme.at, lexeme.text);
    if (scanner_.is_symbol("(")) {
      node.kind = CodeNode::Kind::call;
      node.parts = read_arguments();
    }
  } else if (scanner_.take_symbol("(")) {
    node = read_expression();
    if (scanner_.is_symbol(",")) {
      CodeNode tuple = make(CodeNode::Kind::tuple, lexeme.at);
      tuple.parts.push_back(std::move(node));
      while (scanner_.take_symbol(",") && !scanner_.is_symbol(")")) {
        tuple.parts.push_back(read_expression());
      }
      node = std::move(tuple);
    }
    if (!scanner_.take_symbol(")")) unexpected("')'");
  } else {
    unexpected("a value");
  }
  --nesting_;
  return node;
}

CodeNode CodeParser::read_number() {
  const Lexeme lexeme = scanner_.next();
  const bool is_hex = lexeme.text.starts_with("0x") || lexeme.text.starts_with("0X");
  const char* begin = lexeme.text.data() + (is_hex ? 2 : 0);
  const char* end = lexeme.text.data() + lexeme.text.size();
  CodeNode node = make(CodeNode::Kind::integer, lexeme.at);
  std::from_chars_result result{};
  if (!is_hex && lexeme.text.find('.') != std::string::npos) {
    node.kind = CodeNode::Kind::real;
    result = std::from_chars(begin, end, node.real);
  } else {
    result = std::from_chars(begin, end, node.integer, is_hex ? 16 : 10);
  }
  if (begin == end || result.ec != std::errc() || result.ptr != end) {
    scanner_.fail(lexeme.at, "'" + lexeme.text.substr(0, 40) + "' is not a number of 64 bits");
  }
  return node;
}

}  // namespace

CodeProgram parse_code(const CodeSpec& code, const std::string& file) {
  return CodeParser(code, file).read();
}

}  // namespace tuntcp::drill
