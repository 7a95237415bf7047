#include "tools/drill/parser.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace tuntcp::drill {
namespace {

// Longer than any test, and far from the ends of a Duration.
constexpr std::uint64_t kMaxSeconds = 10'000'000;

class Parser {
 public:
  Parser(std::string_view text, const std::string& file) : scanner_(text, file) {}

  void read(Script& script) {
    while (scanner_.peek().kind == Token::Kind::option) script.options.push_back(read_option());
    if (scanner_.peek().kind == Token::Kind::backquoted) script.first_command = read_command();
    while (scanner_.peek().kind != Token::Kind::end) {
      if (scanner_.peek().kind == Token::Kind::backquoted) {
        script.last_command = read_command();
        if (scanner_.peek().kind != Token::Kind::end) unexpected("the end of the file");
        break;
      }
      script.events.push_back(read_event());
    }
  }

 private:
  [[noreturn]] void unexpected(const std::string& wanted) const {
    scanner_.fail(scanner_.peek().at,
                  describe(scanner_.peek()) + " where " + wanted + " should be");
  }
  void expect(char character) {
    if (!scanner_.peek().is(character)) unexpected(std::string("'") + character + "'");
    scanner_.next();
  }
  bool take(char character) {
    if (!scanner_.peek().is(character)) return false;
    scanner_.next();
    return true;
  }

  Option read_option();
  CommandSpec read_command() {
    Token token = scanner_.next();
    return {.at = token.at, .text = std::move(token.text)};
  }
  Event read_event();
  When read_when();
  Duration read_time();
  CallSpec read_call();
  std::vector<Expression> read_list(char end);
  Expression read_expression();
  Expression read_term();
  Expression read_term_of_word();
  Expression read_record();

  Scanner scanner_;
  int nesting_ = 0;
};

// --name, --name=value, --name=NAME=value. A value is quoted or ends at a blank.
Option Parser::read_option() {
  const Token name = scanner_.next();
  Option option{.at = name.at, .name = name.text};
  if (!scanner_.peek().is('=') || scanner_.peek().at.line != name.at.line) return option;
  scanner_.next();
  if (scanner_.peek().kind == Token::Kind::text) {
    option.value = scanner_.next().text;
    return option;
  }
  if (scanner_.peek().kind == Token::Kind::end) unexpected("a value");
  option.value = scanner_.next_raw("`\"").text;
  if (!option.value.empty() && option.value.back() != '=') return option;
  if (scanner_.peek().kind != Token::Kind::text &&
      scanner_.peek().kind != Token::Kind::backquoted) {
    unexpected("a value");
  }
  option.value += scanner_.next().text;
  return option;
}

Duration Parser::read_time() {
  const Token token = scanner_.peek();
  if (token.kind != Token::Kind::integer && token.kind != Token::Kind::real) unexpected("a time");
  scanner_.next();
  const std::size_t point = std::min(token.text.find('.'), token.text.size());
  const Token whole{
      .kind = Token::Kind::integer, .at = token.at, .text = token.text.substr(0, point)};
  const std::uint64_t seconds = point == 0 ? 0 : number_of(scanner_, whole, kMaxSeconds);
  std::int64_t nanoseconds = 0;
  std::int64_t unit = 100'000'000;
  for (std::size_t i = point + 1; i < token.text.size(); ++i, unit /= 10) {
    nanoseconds += unit * (token.text[i] - '0');
  }
  return Duration::seconds(static_cast<std::int64_t>(seconds)) + Duration::nanoseconds(nanoseconds);
}

When Parser::read_when() {
  When when;
  if (take('*')) {
    when.kind = When::Kind::any;
    return when;
  }
  const bool is_relative = take('+');
  when.kind = is_relative ? When::Kind::relative : When::Kind::absolute;
  when.start = read_time();
  const Position at = scanner_.peek().at;
  if (take('~')) {
    if (take('+') != is_relative) scanner_.fail(at, "one end of the range has a '+', one has not");
    when.kind = is_relative ? When::Kind::relative_range : When::Kind::absolute_range;
    when.end = read_time();
    if (when.end < when.start) scanner_.fail(at, "the range ends before it begins");
  } else if (scanner_.peek().kind == Token::Kind::ellipsis) {
    scanner_.next();
    when.call_end = read_time();
    if (*when.call_end < when.start) scanner_.fail(at, "the call ends before it begins");
  }
  return when;
}

Event Parser::read_event() {
  Event event{.at = scanner_.peek().at};
  event.when = read_when();
  const Token token = scanner_.peek();
  const bool is_call = token.kind == Token::Kind::word;
  if (event.when.call_end && !is_call) unexpected("a call");
  if (is_call) {
    event.action = read_call();
  } else if (token.kind == Token::Kind::backquoted) {
    event.action = read_command();
  } else if (token.kind == Token::Kind::code) {
    scanner_.next();
    // Where the text inside begins.
    event.action =
        CodeSpec{.at = {.line = token.at.line, .column = token.at.column + 2}, .text = token.text};
  } else if (token.is('<') || token.is('>')) {
    scanner_.next();
    try {
      event.action =
          parse_packet(scanner_, token.is('<') ? Direction::inbound : Direction::outbound);
    } catch (KnownBySight& sight) {
      scanner_.rest_of_line();
      event.action = UnknownSpec{.at = sight.at, .what = std::move(sight.what)};
    }
  } else {
    unexpected("a packet, a call, a command or code");
  }
  return event;
}

CallSpec Parser::read_call() {
  const Token name = scanner_.next();
  CallSpec call{.at = name.at, .name = name.text};
  expect('(');
  call.arguments = read_list(')');
  expect('=');
  call.result = read_expression();
  if (scanner_.peek().kind == Token::Kind::word) call.error = scanner_.next().text;
  if (scanner_.peek().is('(')) call.note = scanner_.note();
  return call;
}

// Values with commas between them, to `end`, which is taken.
std::vector<Expression> Parser::read_list(char end) {
  std::vector<Expression> items;
  if (take(end)) return items;
  items.push_back(read_expression());
  while (take(',')) items.push_back(read_expression());
  expect(end);
  return items;
}

Expression Parser::read_expression() {
  if (++nesting_ > kMaxNesting) {
    scanner_.fail(scanner_.peek().at,
                  "brackets nest deeper than " + std::to_string(kMaxNesting) + " levels");
  }
  Expression first = read_term();
  if (scanner_.peek().is('|')) {
    Expression all{.at = first.at, .kind = Expression::Kind::bitwise_or};
    all.items.push_back(std::move(first));
    while (take('|')) all.items.push_back(read_term());
    first = std::move(all);
  }
  --nesting_;
  return first;
}

Expression Parser::read_term() {
  const Token token = scanner_.peek();
  Expression term{.at = token.at};
  switch (token.kind) {
    case Token::Kind::ellipsis:
      scanner_.next();
      return term;
    case Token::Kind::integer:
      scanner_.next();
      term.kind = Expression::Kind::number;
      term.number = static_cast<std::int64_t>(number_of(
          scanner_, token, static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())));
      return term;
    case Token::Kind::text:
      scanner_.next();
      term.kind = Expression::Kind::text;
      term.text = token.text;
      if (scanner_.peek().kind == Token::Kind::ellipsis) {
        scanner_.next();
        term.continues = true;
      }
      return term;
    case Token::Kind::word:
      return read_term_of_word();
    case Token::Kind::punctuation:
      break;
    case Token::Kind::end:
    case Token::Kind::real:
    case Token::Kind::option:
    case Token::Kind::backquoted:
    case Token::Kind::code:
      unexpected("a value");
  }
  if (take('-')) {
    if (scanner_.peek().kind != Token::Kind::integer) unexpected("a number");
    term = read_term();
    term.at = token.at;
    term.number = -term.number;
    return term;
  }
  if (take('[')) {
    term.kind = Expression::Kind::array;
    term.items = read_list(']');
    return term;
  }
  if (token.is('{')) return read_record();
  unexpected("a value");
}

Expression Parser::read_term_of_word() {
  const Token word = scanner_.next();
  Expression term{.at = word.at, .kind = Expression::Kind::name, .text = word.text};
  if (take('(')) {
    term.kind = Expression::Kind::invocation;
    term.items = read_list(')');
  }
  return term;
}

// {name = value, name(count) = value, value}
Expression Parser::read_record() {
  Expression record{.at = scanner_.next().at, .kind = Expression::Kind::record};
  if (take('}')) return record;
  do {
    Expression item = read_expression();
    std::string name;
    const bool may_name =
        item.kind == Expression::Kind::name || item.kind == Expression::Kind::invocation;
    if (may_name && take('=')) {
      name = std::move(item.text);
      item = read_expression();
    }
    record.fields.push_back(std::move(name));
    record.items.push_back(std::move(item));
  } while (take(','));
  expect('}');
  return record;
}

}  // namespace

std::uint64_t number_of(const Scanner& scanner, const Token& token, std::uint64_t most) {
  if (token.kind != Token::Kind::integer) {
    scanner.fail(token.at, describe(token) + " where a number should be");
  }
  const bool is_hex = token.text.starts_with("0x") || token.text.starts_with("0X");
  const char* begin = token.text.data() + (is_hex ? 2 : 0);
  const char* end = token.text.data() + token.text.size();
  std::uint64_t number = 0;
  const auto [stop, error] = std::from_chars(begin, end, number, is_hex ? 16 : 10);
  if (begin == end) scanner.fail(token.at, "no digits behind '0x'");
  if (error != std::errc() || stop != end || number > most) {
    scanner.fail(token.at, token.text.substr(0, 40) + " is above " + std::to_string(most));
  }
  return number;
}

Script parse(std::string_view text, const std::string& file) {
  Script script{.file = file};
  Parser(text, file).read(script);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    script.lines.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return script;
}

}  // namespace tuntcp::drill
